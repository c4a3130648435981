#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/help.h"
#include "util/mem.h"
#include "util/str.h"

static void add_sentence(struct strbuf *out, const char *text)
{
	if (!*text)
		return;
	strbuf_addch(out, (char)toupper((unsigned char)*text));
	strbuf_addstr(out, text + 1);
}

/* TEXT with every line but the first indented. */
static void add_indented(struct strbuf *out, const char *text, size_t indent)
{
	for (const char *p = text; *p; p++) {
		strbuf_addch(out, *p);
		if (*p == '\n' && p[1] != '\n')
			strbuf_pad(out, ' ', indent);
	}
}

const char *help_value_name(const struct option_spec *spec)
{
	if (spec->value)
		return spec->value;
	switch (spec->type) {
	case OPTION_TYPE_STRING:
		return "string";
	case OPTION_TYPE_STRV:
	case OPTION_TYPE_LIST:
		return "strings";
	case OPTION_TYPE_INT:
		return "int";
	case OPTION_TYPE_UINT32:
	case OPTION_TYPE_UINT64:
		return "uint";
	case OPTION_TYPE_SIZE:
		return "bytes";
	case OPTION_TYPE_BOOL:
	case OPTION_TYPE_CALLBACK:
	case OPTION_TYPE_END:
		break;
	}
	return NULL;
}

void help_option_usage(const struct option_spec *spec, struct strbuf *out)
{
	const char *value = help_value_name(spec);

	if (spec->short_name)
		strbuf_addf(out, "-%c, ", spec->short_name);
	else
		strbuf_addstr(out, "    ");
	strbuf_addf(out, "--%s", spec->name);
	if (value)
		strbuf_addf(out, " %s", value);
}

static int compare_options(const void *a, const void *b)
{
	return strcmp((*(const struct option_spec *const *)a)->name,
		(*(const struct option_spec *const *)b)->name);
}

const struct option_spec **help_sorted_options(const struct option_spec *table, size_t *ret_count)
{
	const struct option_spec **list = NULL;
	size_t count = 0, capacity = 0;

	for (; table && table->type != OPTION_TYPE_END; table++) {
		if (table->hidden)
			continue;
		array_grow(list, count, capacity);
		list[count++] = table;
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_options);
	*ret_count = count;
	return list;
}

static void add_options(struct strbuf *out, const struct option_spec *table)
{
	size_t count, width = 0;
	cleanup_free const struct option_spec **list = help_sorted_options(table, &count);

	if (!count)
		return;
	strbuf_addstr(out, "\nOptions:\n");
	for (size_t i = 0; i < count; i++) {
		cleanup_strbuf struct strbuf usage = STRBUF_INIT;

		help_option_usage(list[i], &usage);
		width = MAX(width, usage.len);
	}
	for (size_t i = 0; i < count; i++) {
		cleanup_strbuf struct strbuf usage = STRBUF_INIT, text = STRBUF_INIT;

		help_option_usage(list[i], &usage);
		add_sentence(&text, list[i]->help ? list[i]->help : "");
		if (list[i]->default_text)
			strbuf_addf(&text, " (default %s)", list[i]->default_text);
		strbuf_addf(out, "  %s", strbuf_str(&usage));
		strbuf_pad(out, ' ', width - usage.len + 3);
		add_indented(out, strbuf_str(&text), width + 5);
		strbuf_addch(out, '\n');
	}
}

static void add_subcommands(struct strbuf *out, const struct command *group)
{
	size_t width = 11; /* as podman's: room for the longest usual name */

	for (const struct command_entry *e = group->subcommands; e->name; e++)
		if (e->command && !e->hidden)
			width = MAX(width, strlen(e->name));
	strbuf_addstr(out, "\nAvailable Commands:\n");
	for (const struct command_entry *e = group->subcommands; e->name; e++) {
		if (!e->command || e->hidden)
			continue;
		strbuf_addf(out, "  %-*s ", (int)width, e->name);
		add_sentence(out, e->command->summary);
		strbuf_addch(out, '\n');
	}
}

/* Other names of the command in the same group: "list, ls". */
static void add_aliases(struct strbuf *out, const struct command *command, const char *path)
{
	cleanup_strv char **words = str_split(path, ' ');
	cleanup_strbuf struct strbuf names = STRBUF_INIT;
	const struct command *group = &command_root;
	size_t count = 0;

	for (char **word = words + 1; words[0] && *word; word++) {
		const struct command_entry *e = command_find(group, *word);

		if (!e || !e->command || e->command == command)
			break;
		group = e->command;
	}
	for (const struct command_entry *e = group->subcommands; e && e->name; e++) {
		if (e->command != command)
			continue;
		strbuf_addf(&names, "%s%s", count++ ? ", " : "", e->name);
	}
	if (count > 1)
		strbuf_addf(out, "\nAliases:\n  %s\n", strbuf_str(&names));
}

void command_help(struct command_context *ctx, const struct command *command, const char *path)
{
	struct strbuf *out = &ctx->out;
	const char *description = command->description ? command->description : command->summary;
	const struct option_spec *options = command->options;

	add_sentence(out, command->summary);
	if (command == &command_root) {
		options = global_options;
		strbuf_addf(out, "\n\nUsage:\n  %s [options] [command]\n", path);
	} else {
		strbuf_addstr(out, "\n\nDescription:\n  ");
		{
			cleanup_strbuf struct strbuf text = STRBUF_INIT;

			add_sentence(&text, description);
			add_indented(out, strbuf_str(&text), 2);
		}
		strbuf_addf(out, "\n\nUsage:\n  %s", path);
		if (command->subcommands)
			strbuf_addstr(out, " [command]");
		if (options && options->type != OPTION_TYPE_END)
			strbuf_addstr(out, " [options]");
		if (command->operands)
			strbuf_addf(out, " %s", command->operands);
		strbuf_addch(out, '\n');
		add_aliases(out, command, path);
	}
	if (command->examples) {
		strbuf_addstr(out, "\nExamples:\n  ");
		add_indented(out, command->examples, 2);
		strbuf_addch(out, '\n');
	}
	if (command->subcommands)
		add_subcommands(out, command);
	add_options(out, options);
	if (command != &command_root)
		strbuf_addch(out, '\n');
}

static int help_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	const struct command *command = &command_root;
	cleanup_strbuf struct strbuf path = STRBUF_INIT;
	int first;

	if (options_parse(&command_help_words, argc, argv, NULL, &first, err) < 0)
		return -1;
	strbuf_addstr(&path, ctx->program);
	for (int i = first; i < argc; i++) {
		const struct command_entry *e = command_find(command, argv[i]);

		if (!e || !e->command)
			return error_set(err, ERR_USAGE, "unrecognized command `%s %s`",
				strbuf_str(&path), argv[i]);
		command = e->command;
		strbuf_addf(&path, " %s", argv[i]);
	}
	command_help(ctx, command, strbuf_str(&path));
	return 0;
}

const struct command command_help_words = {
	.name = "help",
	.summary = "help about any command",
	.operands = "[COMMAND [COMMAND...]]",
	.max_operands = -1,
	.run = help_run,
};
