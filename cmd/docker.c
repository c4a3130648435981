#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/help.h"
#include "cmd/usage.h"
#include "image/image.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

/* Set once, by main: like the log level, a property of the whole process. */
static bool called;

void docker_set_called(void)
{
	called = true;
}

bool docker_called(void)
{
	return called;
}

const char *docker_familiar(const char *reference)
{
	static const char *const prefixes[] = {"docker.io/library/", "docker.io/", "localhost/"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		const char *rest = str_starts_with(reference, prefixes[i]);

		if (rest)
			return rest;
	}
	return reference;
}

void docker_image_name(const char *given, const char *reference, struct strbuf *out)
{
	const char *name = docker_familiar(reference);
	size_t len = strlen(name);

	if (given && *given) {
		strbuf_addstr(out, given);
		return;
	}
	strbuf_add(out, name, str_ends_with(name, ":latest") ? len - strlen(":latest") : len);
}

char *docker_tagged(const char *name)
{
	const char *familiar = docker_familiar(name), *slash = strrchr(familiar, '/');
	bool tagged = strpbrk(slash ? slash : familiar, ":@") != NULL;

	return xasprintf("%s%s", familiar, tagged ? "" : ":latest");
}

void docker_ellipsis(const char *text, size_t limit, struct strbuf *out)
{
	size_t len = 0, kept = 0, characters = 0;

	for (; text[len]; len++) {
		if ((text[len] & 0xc0) == 0x80)
			continue;
		if (characters + 1 == limit)
			kept = len;
		if (characters++ == limit) {
			strbuf_add(out, text, kept);
			strbuf_addstr(out, "\xe2\x80\xa6");
			return;
		}
	}
	strbuf_add(out, text, len);
}

char **docker_removal_lines(const struct image_removal *removal)
{
	char **lines = NULL;

	for (char **name = removal->untagged; name && *name; name++)
		strv_append_take(&lines, xasprintf("untagged: %s", docker_familiar(*name)));
	for (char **id = removal->deleted; id && *id; id++)
		strv_append_take(&lines, xasprintf("deleted: sha256:%s", *id));
	return lines;
}

int docker_print_pruned(struct command_context *ctx, const char *what, char *const *lines,
	uint64_t had, struct error **err)
{
	cleanup_strbuf struct strbuf size = STRBUF_INIT;
	uint64_t has;

	if (usage_total(ctx, &has, err) < 0)
		return -1;
	if (lines && *lines) {
		command_print(ctx, "Deleted %s:\n", what);
		for (; *lines; lines++)
			command_print(ctx, "%s\n", *lines);
		command_print(ctx, "\n");
	}
	size_human(had > has ? had - has : 0, 4, &size);
	command_print(ctx, "Total reclaimed space: %s\n", strbuf_str(&size));
	return 0;
}

/* ---- errors ---- */

char *docker_words(const char *text)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	static const char name[] = "pod ";
	const char *start = text;

	for (const char *at; (at = strstr(text, name));) {
		const char *command = at + strlen(name);
		cleanup_free char *word =
			xstrndup(command, strspn(command, "abcdefghijklmnopqrstuvwxyz-"));
		bool whole = at == start || strchr(" '(`", at[-1]);
		bool is_docker = *word == '-' ||
				 (*word && docker_command_find(word) && docker_target(word, NULL));

		strbuf_add(&out, text, (size_t)(at - text));
		strbuf_addstr(&out, whole && is_docker ? "docker " : name);
		text = command;
	}
	strbuf_addstr(&out, text);
	return xstrdup(strbuf_str(&out));
}

/* What docker has and this version has not; else the host or the store lacks something. */
static bool is_refused(const struct command *command, const struct error *e)
{
	return e->kind == ERR_UNSUPPORTED && !(command && command->run);
}

int docker_exit_status(const struct command *command, const struct error *e)
{
	switch (e->kind) {
	case ERR_USAGE:
		return e->docker ? 1 : 125; /* operands that are wrong; flags */
	case ERR_UNSUPPORTED:
		return is_refused(command, e) || command == &command_run ? 125 : 1;
	case ERR_CANNOT_INVOKE:
		return command == &command_start ? 1 : 126;
	case ERR_NO_SUCH_COMMAND:
		return command == &command_start ? 1 : 127;
	default:
		return command == &command_run ? 125 : 1;
	}
}

void docker_print_error(const struct command *command, const struct error *e)
{
	bool refused = is_refused(command, e);
	const char *daemon =
		e->docker || e->kind == ERR_USAGE || refused ? "" : "Error response from daemon: ";
	cleanup_free char *words = e->docker ? NULL : docker_words(e->message);
	const char *text = e->docker ? e->docker : words;

	if (command == &command_exec && !e->docker &&
		(e->kind == ERR_NO_SUCH_COMMAND || e->kind == ERR_CANNOT_INVOKE))
		daemon = "OCI runtime exec failed: exec failed: ";
	if (refused)
		fprintf(stderr, "docker: %s\n", text);
	else if (command == &command_run && e->kind != ERR_USAGE)
		fprintf(stderr, "docker: %s%s.\nSee 'docker run --help'.\n", daemon, text);
	else
		fprintf(stderr, "%s%s\n", daemon, text);
}

/* ---- help, in docker's layout ---- */

static void add_sentence(struct strbuf *out, const char *text)
{
	if (*text >= 'a' && *text <= 'z') {
		strbuf_addch(out, (char)(*text - 'a' + 'A'));
		text++;
	}
	strbuf_addstr(out, text);
}

static void add_usage(struct strbuf *out, const char *path, const struct docker_command *row,
	const struct command *command)
{
	strbuf_addf(out, "\nUsage:  docker%s%s", *path ? " " : "", path);
	if (!*path)
		strbuf_addstr(out, " [OPTIONS]");
	if (!row->operands || !*path)
		strbuf_addstr(out, " COMMAND");
	else if (*row->options)
		strbuf_addstr(out, " [OPTIONS]");
	if (row->operands && *row->operands)
		strbuf_addf(out, " %s", row->operands);
	strbuf_addstr(out, "\n\n");
	add_sentence(out, command->summary);
	strbuf_addch(out, '\n');
}

static void add_options(
	struct strbuf *out, const struct docker_command *row, const struct command *command)
{
	struct docker_option o;
	bool first = true;

	for (const char *p = row->options; docker_option_next(&p, &o);) {
		cleanup_strbuf struct strbuf usage = STRBUF_INIT;
		const char *text, *name = o.name;
		const struct option_spec *spec = NULL;
		enum docker_state state = docker_option_state(row, command, o.name, &text);

		if (state == DOCKER_REFUSED)
			continue;
		if (state == DOCKER_RENAMED)
			name = text;
		if (command != &command_root)
			spec = option_by_name(command->options, name, strlen(name));
		if (first)
			strbuf_addstr(out, "\nOptions:\n");
		first = false;
		strbuf_addf(&usage, o.short_name ? "  -%c, " : "      ", o.short_name);
		strbuf_addf(&usage, "--%s%s%s", o.name, *o.type ? " " : "", o.type);
		strbuf_addf(out, "%-30s ", strbuf_str(&usage));
		add_sentence(out, spec && spec->help && state != DOCKER_DIFFERS ? spec->help
				  : text                                        ? text
										: "");
		if (spec && spec->default_text && state != DOCKER_DIFFERS)
			strbuf_addf(out, " (default %s)", spec->default_text);
		strbuf_addch(out, '\n');
	}
}

/* docker's commands below PATH that are there. */
static void add_commands(struct strbuf *out, const char *path)
{
	strbuf_addstr(out, "\nCommands:\n");
	for (const struct docker_command *row = docker_commands; row->path; row++) {
		const char *name = docker_subcommand(row, path);
		const struct command *command = name ? docker_target(row->path, NULL) : NULL;

		if (!command || (*path && row->alias_of))
			continue;
		strbuf_addf(out, "  %-11s ", name);
		add_sentence(out, command->summary);
		strbuf_addch(out, '\n');
	}
}

static void help(struct strbuf *out, const char *path, const struct docker_command *row,
	const struct command *command)
{
	add_usage(out, path, row, command);
	if (row->options)
		add_options(out, row, command);
	if (!*path || !row->operands)
		add_commands(out, path);
}

/* ---- the command line ---- */

struct line {
	struct command_context *ctx;
	char **argv;
	int argc, i;
	char ***words; /* pod's line, as far as it is made */
	bool help;
};

static int refuse(struct error **err, const char *path, const char *what, const char *reason)
{
	return error_set(err, ERR_UNSUPPORTED,
		"'docker%s%s%s%s' is not available in this version%s%s", *path ? " " : "", path,
		what ? " " : "", what ? what : "", reason ? "; " : "", reason ? reason : "");
}

static int flag_error(struct error **err, const char *path)
{
	return error_set(err, ERR_USAGE, "See 'docker%s%s --help'.", *path ? " " : "", path);
}

/* MESSAGE, then the line that points to the help. */
__attribute__((format(printf, 3, 4))) static int bad_flag(
	struct error **err, const char *path, const char *fmt, ...)
{
	cleanup_free char *text = NULL, *tail = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	(void)flag_error(err, path);
	tail = steal_ptr(&(*err)->message);
	(*err)->message = xasprintf("%s\n%s", text, tail);
	return -1;
}

/* docker's own options: ours are others. VALUE NULL: a flag. */
static int take_global(
	struct line *l, const struct docker_option *o, const char *value, struct error **err)
{
	if (strcmp(o->name, "config") == 0) {
		if (setenv("DOCKER_CONFIG", value, 1) < 0)
			return error_errno(err, errno, "set DOCKER_CONFIG");
	} else if (strcmp(o->name, "context") == 0) {
		if (setenv("DOCKER_CONTEXT", value, 1) < 0)
			return error_errno(err, errno, "set DOCKER_CONTEXT");
	} else if (strcmp(o->name, "host") == 0) {
		if (setenv("DOCKER_HOST", value, 1) < 0)
			return error_errno(err, errno, "set DOCKER_HOST");
	} else if (strcmp(o->name, "debug") == 0) {
		strv_append(l->words, "--log-level=debug");
	} else if (strcmp(o->name, "log-level") == 0) {
		strv_append_take(l->words, xasprintf("--log-level=%s", value));
	} else if (strcmp(o->name, "version") == 0) {
		command_print(l->ctx, "Docker version %s, build pod-%s\n", DOCKER_VERSION,
			PACKAGE_VERSION);
		l->help = true;
	}
	return 0;
}

static int take_option(struct line *l, const char *path, const struct docker_command *row,
	const struct command *command, const struct docker_option *o, const char *value,
	struct error **err)
{
	cleanup_free char *flag = xasprintf("--%s", o->name);
	const char *text;

	switch (docker_option_state(row, command, o->name, &text)) {
	case DOCKER_REFUSED:
		return refuse(err, path, flag, text);
	case DOCKER_DROPPED:
		if (value && strcmp(value, "true") != 0 && strcmp(value, "1") != 0) {
			cleanup_free char *no = xasprintf("%s=%s", flag, value);

			return refuse(err, path, no, text);
		}
		return 0;
	case DOCKER_RENAMED:
		free(flag);
		flag = xasprintf("--%s", text);
		break;
	case DOCKER_WORKS:
	case DOCKER_DIFFERS:
		break;
	}
	if (command == &command_root)
		return take_global(l, o, value, err);
	strv_append_take(l->words, value ? xasprintf("%s=%s", flag, value) : xstrdup(flag));
	return 0;
}

static bool find_long(const char *options, const char *name, size_t len, struct docker_option *ret)
{
	for (const char *p = options; docker_option_next(&p, ret);)
		if (strncmp(ret->name, name, len) == 0 && !ret->name[len])
			return true;
	return false;
}

static bool find_short(const char *options, char c, struct docker_option *ret)
{
	for (const char *p = options; docker_option_next(&p, ret);)
		if (ret->short_name == c)
			return true;
	return false;
}

static int take_long(struct line *l, const char *path, const struct docker_command *row,
	const struct command *command, struct error **err)
{
	const char *word = l->argv[l->i++], *name = word + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	const struct option_spec *spec;
	struct docker_option o;

	if (!len || *name == '-')
		return bad_flag(err, path, "bad flag syntax: %s", word);
	if (strcmp(name, "help") == 0) {
		l->help = true;
		return 0;
	}
	if (find_long(row->options, name, len, &o)) {
		if (!value && *o.type) {
			if (l->i >= l->argc)
				return bad_flag(err, path, "flag needs an argument: --%s", o.name);
			value = l->argv[l->i++];
		}
		return take_option(l, path, row, command, &o, value, err);
	}
	/* pod's own, where docker has none of that name */
	spec = command == &command_root ? NULL : option_by_name(command->options, name, len);
	if (!spec)
		spec = option_by_name(global_options, name, len);
	if (!spec)
		return bad_flag(err, path, "unknown flag: --%.*s", (int)len, name);
	strv_append(l->words, word);
	if (!value && option_has_value(spec) && l->i < l->argc)
		strv_append(l->words, l->argv[l->i++]);
	return 0;
}

static int take_short(struct line *l, const char *path, const struct docker_command *row,
	const struct command *command, struct error **err)
{
	const char *word = l->argv[l->i++];

	for (const char *p = word + 1; *p; p++) {
		const char *value = NULL;
		struct docker_option o;

		if (!find_short(row->options, *p, &o)) {
			if (*p == 'h') {
				l->help = true;
				return 0;
			}
			return bad_flag(err, path, "unknown shorthand flag: '%c' in %s", *p, word);
		}
		if (p[1] == '=' && p[2])
			value = p + 2;
		else if (*o.type && p[1])
			value = p + 1;
		else if (*o.type && l->i < l->argc)
			value = l->argv[l->i++];
		else if (*o.type)
			return bad_flag(err, path, "flag needs an argument: '%c' in %s", *p, word);
		if (take_option(l, path, row, command, &o, value, err) < 0)
			return -1;
		if (value)
			break;
	}
	return 0;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

/* "CONTAINER [CONTAINER...]": words in brackets may be absent, dots say any number. */
static int check_operands(const char *path, const struct docker_command *row,
	const struct command *command, size_t count, struct error **err)
{
	cleanup_strbuf struct strbuf usage = STRBUF_INIT;
	cleanup_free char *number = NULL;
	size_t min = 0, max = 0, depth = 0;
	bool in_word = false;

	for (const char *p = row->operands; *p; p++) {
		if (*p == '[' && !in_word)
			depth++;
		if (*p != ' ' && !in_word && *p != '[') {
			max++;
			min += !depth;
			in_word = true;
		}
		if (in_word && *p == ' ')
			in_word = false;
		if (*p == ']' && depth && (p[1] == ' ' || !p[1]))
			depth--;
	}
	if (strstr(row->operands, "...") || strstr(row->operands, " OPTIONS"))
		max = SIZE_MAX;
	if (count >= min && count <= max)
		return 0;
	add_usage(&usage, path, row, command);
	if (max == 0)
		number = xstrdup("accepts no arguments");
	else if (min == max)
		number = xasprintf("requires exactly %zu argument%s", min, min == 1 ? "" : "s");
	else
		number = xasprintf("requires at %s %zu argument%s", count < min ? "least" : "most",
			count < min ? min : max, (count < min ? min : max) == 1 ? "" : "s");
	error_set(err, ERR_USAGE, "%s", number);
	usage.len--; /* its line end */
	usage.data[usage.len] = '\0';
	return error_docker(err, "\"docker %s\" %s.\nSee 'docker %s --help'.\n%s", path, number,
		path, strbuf_str(&usage));
}

/* What follows the command's name. */
static int translate_rest(struct line *l, const char *path, const struct docker_command *row,
	const struct command *command, struct error **err)
{
	cleanup_strv char **operands = NULL;
	bool stop = command->stop_at_operand || command == &command_top;

	while (l->i < l->argc && !l->help) {
		char *word = l->argv[l->i];

		if (strcmp(word, "--") == 0) {
			l->i++;
			stop = true;
		} else if (is_option(word)) {
			if ((word[1] == '-' ? take_long : take_short)(l, path, row, command, err) <
				0)
				return -1;
			continue;
		}
		if (!stop)
			strv_append(&operands, l->argv[l->i++]);
		while (stop && l->i < l->argc)
			strv_append(&operands, l->argv[l->i++]);
	}
	if (l->help)
		return 0;
	if (check_operands(path, row, command, strv_length(operands), err) < 0)
		return -1;
	strv_append(l->words, "--");
	for (char **word = operands; word && *word; word++)
		strv_append(l->words, *word);
	return 0;
}

/* The daemon that is meant must be no other host's. */
static int check_host(struct error **err)
{
	const char *host = getenv("DOCKER_HOST"), *context = getenv("DOCKER_CONTEXT");

	if (host && *host && !str_starts_with(host, "unix://"))
		return error_set(err, ERR_UNSUPPORTED,
			"docker host '%s' is not available: there is no daemon, containers run on "
			"this host; unset DOCKER_HOST or leave out --host",
			host);
	if (context && *context && strcmp(context, "default") != 0) {
		error_set(err, ERR_NOT_FOUND, "context '%s' does not exist", context);
		return error_docker(err,
			"unable to resolve docker endpoint: context \"%s\" does not exist",
			context);
	}
	return 0;
}

/* docker keeps credentials in its own file, and so do we under its name. */
static int use_config(struct error **err)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	cleanup_free char *path = NULL;

	if (dir && *dir)
		path = path_join(dir, "config.json");
	else if (home && *home == '/')
		path = path_join(home, ".docker/config.json");
	if (path && setenv("REGISTRY_AUTH_FILE", path, 0) < 0)
		return error_errno(err, errno, "set REGISTRY_AUTH_FILE");
	return 0;
}

static int not_a_command(struct error **err, const char *path)
{
	for (const struct docker_plugin *plugin = docker_plugins; plugin->name; plugin++)
		if (strcmp(path, plugin->name) == 0)
			return refuse(err, path, NULL, plugin->instead);
	error_set(err, ERR_USAGE, "'%s' is not a docker command", path);
	return error_docker(
		err, "docker: '%s' is not a docker command.\nSee 'docker --help'", path);
}

/* The words that name a command, as many as there are. PATH: as they were given. */
static int take_command(struct line *l, struct strbuf *path, const struct docker_command **ret_row,
	struct error **err)
{
	const struct docker_command *row = docker_command_find("");

	while (l->i < l->argc && (!row->operands || !path->len) && !is_option(l->argv[l->i])) {
		cleanup_free char *next =
			xasprintf("%s%s%s", strbuf_str(path), path->len ? " " : "", l->argv[l->i]);
		const struct docker_command *found = docker_command_find(next);

		if (!found || !*l->argv[l->i])
			return not_a_command(err, next);
		row = found;
		strbuf_reset(path);
		strbuf_addstr(path, next);
		l->i++;
	}
	*ret_row = row;
	return 0;
}

static int translate(struct line *l, struct error **err)
{
	cleanup_strbuf struct strbuf path = STRBUF_INIT;
	const struct docker_command *row = docker_command_find("");
	const struct command *command;
	const char *instead = NULL;
	bool asked = false;

	strv_append(l->words, "docker");
	while (l->i < l->argc && is_option(l->argv[l->i]) && !l->help)
		if ((l->argv[l->i][1] == '-' ? take_long : take_short)(
			    l, "", row, &command_root, err) < 0)
			return -1;
	if (l->help && l->ctx->out.len)
		return 0; /* the version */
	if (check_host(err) < 0 || use_config(err) < 0)
		return -1;
	if (l->i < l->argc && strcmp(l->argv[l->i], "help") == 0) {
		l->i++;
		asked = true;
	}
	if (!l->help && take_command(l, &path, &row, err) < 0)
		return -1;
	command = docker_target(strbuf_str(&path), &instead);
	if (!command)
		return refuse(err, strbuf_str(&path), NULL, instead);
	l->help = l->help || asked || !path.len || !row->operands;
	if (!l->help) {
		/* the name as it was given, where the tree has it */
		const char *given = strbuf_str(&path);
		cleanup_strv char **words = str_split(given, ' ');
		const struct command_entry *e = command_find(&command_root, words[0]);
		bool has = e && e->command && (!words[1] || command_find(e->command, words[1]));
		cleanup_strv char **own = str_split(has ? given : row->path, ' ');

		for (char **word = own; *word; word++)
			strv_append(l->words, *word);
		if (translate_rest(l, given, row, command, err) < 0)
			return -1;
	}
	if (l->help)
		help(&l->ctx->out, strbuf_str(&path), row, command);
	return 0;
}

int docker_command_line(
	struct command_context *ctx, int argc, char **argv, char ***ret_words, struct error **err)
{
	cleanup_strv char **words = NULL;
	struct line l = {.ctx = ctx, .argv = argv, .argc = argc, .i = 1, .words = &words};

	if (argc > 1 && str_starts_with(argv[1], "__")) {
		*ret_words = strv_copy(argv);
		return 0;
	}
	if (translate(&l, err) < 0)
		return -1;
	*ret_words = l.help ? NULL : steal_ptr(&words);
	return 0;
}
