#include "config.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "util/mem.h"
#include "util/str.h"

#define DOCKER_COMMAND(p, o, words) {.path = (p), .operands = (o), .options = (words)},
#define DOCKER_ALIAS(p, other)      {.path = (p), .alias_of = (other)},
#define DOCKER_GROUP(p)             {.path = (p), .options = ""},
const struct docker_command docker_commands[] = {
#include "cmd/docker_reference.def"
	{NULL},
};

static const struct {
	const char *command, *option;
	enum docker_state state;
	const char *text;
} notes[] = {
#define NOTE(c, o, what, t) {(c), (o), DOCKER_##what, (t)},
#include "cmd/docker_notes.def"
};

const struct docker_command *docker_command_find(const char *path)
{
	for (const struct docker_command *row = docker_commands; row->path; row++)
		if (strcmp(row->path, path) == 0)
			return row->alias_of ? docker_command_find(row->alias_of) : row;
	return NULL;
}

const struct docker_plugin docker_plugins[] = {
	{"app", "start each service with 'pod run'"},
	{"buildx", "build with buildah or kaniko, then 'pod load -i image.tar'; 'docker build' "
		   "says how"},
	{"compose", "start each service with 'pod run'; one with --network container:OTHER reaches "
		    "the other at localhost"},
	{"scan", "scan the archive that 'pod save' writes"},
	{NULL, NULL},
};

/* What the notes say about COMMAND itself. */
static const char *note_of(const char *command, enum docker_state state)
{
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
		if (notes[i].state == state && !*notes[i].option && notes[i].command &&
			strcmp(notes[i].command, command) == 0)
			return notes[i].text;
	return NULL;
}

const char *docker_subcommand(const struct docker_command *row, const char *path)
{
	size_t len = strlen(path);
	const char *name = row->path;

	if (len) {
		if (strncmp(name, path, len) != 0 || name[len] != ' ')
			return NULL;
		name += len + 1;
	}
	return !*name || strchr(name, ' ') ? NULL : name;
}

/* Down pod's tree by the words of PATH. What is a group of docker's and one command here takes the
 * rest as its operands. */
static const struct command *walk(const char *path, const char **ret_instead)
{
	cleanup_strv char **words = str_split(path, ' ');
	const struct command *command = &command_root;

	*ret_instead = NULL;
	for (char **word = words; *path && *word && !command->run; word++) {
		const struct command_entry *e = command_find(command, *word);

		if (!e || !e->command) {
			*ret_instead = e ? e->instead : NULL;
			return NULL;
		}
		command = e->command;
	}
	return command;
}

const struct command *docker_target(const char *path, const char **ret_instead)
{
	const struct docker_command *row = docker_command_find(path);
	const char *instead, *other = NULL;
	const struct command *command = walk(path, &instead);
	const char *refused = row ? note_of(row->path, DOCKER_REFUSED) : NULL;

	if (refused) {
		command = NULL;
		instead = refused;
	}
	if (!command && row && !refused)
		command = walk(row->path, &other);
	if (ret_instead)
		*ret_instead = instead ? instead : other;
	return command;
}

bool docker_option_next(const char **options, struct docker_option *ret)
{
	const char *word = *options, *name, *equals;
	size_t len, name_len;

	word += strspn(word, " ");
	len = strcspn(word, " ");
	if (!len)
		return false;
	*ret = (struct docker_option){.short_name = word[1] == ',' ? word[0] : '\0'};
	name = ret->short_name ? word + 2 : word;
	equals = memchr(word, '=', len);
	name_len = (size_t)((equals ? equals : word + len) - name);
	memcpy(ret->name, name, MIN(name_len, sizeof(ret->name) - 1));
	if (equals)
		memcpy(ret->type, equals + 1,
			MIN((size_t)(word + len - equals - 1), sizeof(ret->type) - 1));
	*options = word + len;
	return true;
}

enum docker_state docker_option_state(const struct docker_command *row,
	const struct command *target, const char *option, const char **ret_text)
{
	const struct option_spec *table = target == &command_root ? global_options
					  : target                ? target->options
								  : NULL;
	const char *unused;

	ret_text = ret_text ? ret_text : &unused;
	*ret_text = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
		if (strcmp(notes[i].option, option) != 0 ||
			(notes[i].command && strcmp(notes[i].command, row->path) != 0))
			continue;
		/* what pod has meanwhile is not refused for everybody's reason */
		if (notes[i].state == DOCKER_REFUSED && !notes[i].command &&
			option_by_name(table, option, strlen(option)))
			continue;
		*ret_text = notes[i].text;
		return notes[i].state;
	}
	/* docker's own options are pod's global ones in other words */
	if (target == &command_root || option_by_name(table, option, strlen(option)))
		return DOCKER_WORKS;
	return DOCKER_REFUSED;
}
