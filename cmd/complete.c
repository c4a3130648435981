#include "config.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/complete.h"
#include "cmd/docker.h"
#include "cmd/help.h"
#include "cmd/listing.h"
#include "util/mem.h"
#include "util/str.h"

/*
 * `pod __complete WORD...` answers the shells: the words behind the program's name up to the
 * cursor, the last one (perhaps empty) to be completed. Output: a line for each candidate,
 * "word<TAB>description", and at the end ":files PREFIX" or ":directories PREFIX" where the shell
 * is to offer its own files for what follows PREFIX. Everything comes from the command tree and the
 * option tables, so that the shells' scripts (cmd/completion.c) know nothing of them. It never
 * fails: what cannot be completed has no candidates.
 */

void complete_add(const struct completion *c, const char *word, const char *description)
{
	if (!str_starts_with(word, c->current) || (c->taken && strv_contains(c->taken, word)))
		return;
	command_print(c->ctx, "%s%s", c->prefix, word);
	if (description && *description) {
		strbuf_addch(&c->ctx->out, '\t');
		listing_truncated(description, 80, &c->ctx->out);
	}
	strbuf_addch(&c->ctx->out, '\n');
}

/* ---- the walk along the line ---- */

struct line {
	char **words;
	size_t count;                     /* the current word included */
	const struct command *command;    /* NULL: what was typed is no command */
	const struct option_spec *value;  /* the current word is this option's value */
	const struct option_spec **given; /* options so far; owned */
	size_t given_count, given_capacity;
	char **operands;    /* owned */
	bool only_operands; /* behind "--" or a command's first operand that ends its options */
};

static const struct option_spec *options_of(const struct command *command)
{
	return command == &command_root ? global_options : command->options;
}

static const struct option_spec *find_long(
	const struct command *command, const char *name, size_t len)
{
	const struct option_spec *spec = option_by_name(options_of(command), name, len);

	return spec ? spec : option_by_name(global_options, name, len);
}

static void note_given(struct line *line, const struct option_spec *spec)
{
	array_grow(line->given, line->given_count, line->given_capacity);
	line->given[line->given_count++] = spec;
}

/* What the global options change for us. */
static void note_global(
	struct command_context *ctx, const struct option_spec *spec, const char *value)
{
	if (spec == option_by_name(global_options, "root", 4))
		ctx->root = value;
	else if (spec == option_by_name(global_options, "runroot", 7))
		ctx->runroot = value;
}

/* An option at words[*i], which is moved to the last word that belongs to it. */
static void walk_option(struct command_context *ctx, struct line *line, size_t *i)
{
	const char *word = line->words[*i], *value = NULL;
	const struct option_spec *spec = NULL;

	if (word[1] == '-') {
		size_t len = strcspn(word + 2, "=");

		spec = find_long(line->command, word + 2, len);
		value = word[2 + len] ? word + 2 + len + 1 : NULL;
		if (spec)
			note_given(line, spec);
	} else {
		for (const char *p = word + 1; *p && !value; p++) {
			spec = option_by_short(options_of(line->command), *p);
			if (!spec)
				return;
			note_given(line, spec);
			if (option_has_value(spec) && p[1])
				value = p + 1;
		}
	}
	if (!spec || !option_has_value(spec))
		return;
	if (!value && ++*i == line->count - 1) {
		line->value = spec;
		return;
	}
	note_global(ctx, spec, value ? value : line->words[*i]);
}

static void walk(struct command_context *ctx, struct line *line)
{
	for (size_t i = 0; i + 1 < line->count; i++) {
		const char *word = line->words[i];
		const struct command_entry *entry;

		if (!line->only_operands && strcmp(word, "--") == 0) {
			line->only_operands = true;
		} else if (!line->only_operands && word[0] == '-' && word[1]) {
			walk_option(ctx, line, &i);
		} else if (line->command->subcommands) {
			entry = command_find(line->command, word);
			line->command = entry ? entry->command : NULL;
			if (!line->command)
				return;
		} else {
			strv_append(&line->operands, word);
			line->only_operands = line->only_operands || line->command->stop_at_operand;
		}
	}
}

/* ---- what is offered ---- */

static bool is_repeatable(const struct option_spec *spec)
{
	return spec->type == OPTION_TYPE_STRV || spec->type == OPTION_TYPE_LIST ||
	       spec->type == OPTION_TYPE_CALLBACK;
}

static void offer_options(const struct completion *c, const struct line *line)
{
	size_t count;
	cleanup_free const struct option_spec **list =
		help_sorted_options(options_of(c->command), &count);

	for (size_t i = 0; i < count; i++) {
		cleanup_free char *word = xasprintf("--%s", list[i]->name);
		bool given = false;

		for (size_t j = 0; j < line->given_count && !is_repeatable(list[i]); j++)
			given = given || line->given[j] == list[i];
		if (given)
			continue;
		complete_add(c, word, list[i]->help);
		if (list[i]->short_name && !c->current[1]) {
			char letter[3] = {'-', list[i]->short_name, '\0'};

			complete_add(c, letter, list[i]->help);
		}
	}
	complete_add(c, "--help", "print usage");
}

static void offer_commands(const struct completion *c)
{
	for (const struct command_entry *e = c->command->subcommands; e->name; e++) {
		/* A second spelling is offered to who has begun to type it. */
		if (e->command && !str_starts_with(e->name, "__") && (!e->hidden || *c->current))
			complete_add(c, e->name, e->command->summary);
	}
}

static void offer(struct command_context *ctx, const struct line *line)
{
	const char *current = line->words[line->count - 1], *equals = strchr(current, '=');
	struct completion c = {
		.ctx = ctx, .command = line->command, .prefix = "", .current = current};
	cleanup_free char *prefix = NULL;

	if (line->value) {
		complete_value(&c, line->value);
	} else if (!line->only_operands && str_starts_with(current, "--") && equals) {
		const struct option_spec *spec =
			find_long(line->command, current + 2, (size_t)(equals - current) - 2);

		prefix = xstrndup(current, (size_t)(equals - current) + 1);
		c.prefix = prefix;
		c.current = equals + 1;
		if (spec && option_has_value(spec))
			complete_value(&c, spec);
	} else if (!line->only_operands && current[0] == '-') {
		offer_options(&c, line);
	} else if (line->command->subcommands) {
		offer_commands(&c);
	} else if (line->command->stop_at_operand && strv_length(line->operands)) {
		c.files =
			"files"; /* of the container, which cannot be seen; often they are alike */
	} else {
		c.taken = line->operands;
		complete_operand(&c);
	}
	if (c.files)
		command_print(ctx, ":%s %s\n", c.files, c.prefix);
}

static int complete_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct line line = {.command = &command_root};
	int first;

	if (options_parse(&command_complete, argc, argv, NULL, &first, err) < 0)
		return -1;
	line.words = argv + first;
	line.count = (size_t)(argc - first);
	if (docker_called()) {
		docker_complete(ctx, line.words, line.count);
		return 0;
	}
	walk(ctx, &line);
	if (line.command)
		offer(ctx, &line);
	free(line.given);
	strv_free(line.operands);
	return 0;
}

const struct command command_complete = {
	.name = "__complete",
	.summary = "what the shells offer for the last word",
	.operands = "-- WORD...",
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.run = complete_run,
};
