#include "config.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/complete.h"
#include "cmd/docker.h"
#include "util/mem.h"
#include "util/str.h"

/*
 * `docker __complete WORD...`: what cmd/complete.c does for pod, with docker's commands and
 * options. Values and operands are those of the command of ours that it stands for. What is refused
 * is not offered.
 */

struct docker_line {
	struct command_context *ctx;
	char **words;
	size_t count; /* the current word included */
	struct strbuf path;
	const struct docker_command *row; /* NULL: what was typed is no command */
	const struct command *command;    /* NULL: a group that only docker has, or refused */
	struct docker_option value;       /* the current word is this option's value; else "" */
	char **given, **operands;         /* owned */
	bool only_operands, help;
};

static bool find_option(const struct docker_command *row, const char *name, size_t len,
	char short_name, struct docker_option *ret)
{
	for (const char *p = row->options; docker_option_next(&p, ret);)
		if (name ? strncmp(ret->name, name, len) == 0 && !ret->name[len]
			 : ret->short_name == short_name)
			return true;
	return false;
}

/* The option of ours behind docker's NAME; NULL: none, or docker's own. */
static const struct option_spec *spec_of(const struct docker_line *line, const char *name)
{
	const char *text;

	if (!line->command || line->command == &command_root)
		return NULL;
	if (docker_option_state(line->row, line->command, name, &text) == DOCKER_RENAMED)
		name = text;
	return option_by_name(line->command->options, name, strlen(name));
}

static void walk_option(struct docker_line *line, size_t *i)
{
	const char *word = line->words[*i];
	struct docker_option o = {0};
	bool has_value = true;

	if (word[1] == '-') {
		size_t len = strcspn(word + 2, "=");

		if (!find_option(line->row, word + 2, len, '\0', &o))
			return;
		has_value = word[2 + len] != '\0';
		strv_append(&line->given, o.name);
	} else {
		for (const char *p = word + 1; *p; p++) {
			if (!find_option(line->row, NULL, 0, *p, &o))
				return;
			strv_append(&line->given, o.name);
			has_value = p[1] != '\0';
			if (*o.type)
				break;
		}
	}
	if (*o.type && !has_value && ++*i == line->count - 1)
		line->value = o;
}

static void walk_command(struct docker_line *line, const char *word)
{
	if (line->path.len)
		strbuf_addch(&line->path, ' ');
	strbuf_addstr(&line->path, word);
	line->row = docker_command_find(strbuf_str(&line->path));
	line->command = line->row ? docker_target(strbuf_str(&line->path), NULL) : NULL;
}

static bool is_group(const struct docker_line *line)
{
	return !line->row->operands || !line->path.len;
}

static void walk(struct docker_line *line)
{
	for (size_t i = 0; i + 1 < line->count && line->row; i++) {
		const char *word = line->words[i];

		if (!line->only_operands && strcmp(word, "--") == 0) {
			line->only_operands = true;
		} else if (!line->only_operands && word[0] == '-' && word[1]) {
			walk_option(line, &i);
		} else if (is_group(line)) {
			if (!line->path.len && strcmp(word, "help") == 0)
				line->help = true;
			else
				walk_command(line, word);
		} else {
			strv_append(&line->operands, word);
			line->only_operands = line->only_operands ||
					      (line->command && line->command->stop_at_operand);
		}
	}
}

/* ---- what is offered ---- */

static bool is_repeatable(const char *type)
{
	static const char *const types[] = {
		"list", "strings", "filter", "ulimit", "mount", "network", "map", NULL};

	return strv_contains((char *const *)types, type);
}

static void offer_options(const struct completion *c, const struct docker_line *line)
{
	struct docker_option o;

	for (const char *p = line->row->options; docker_option_next(&p, &o);) {
		const struct option_spec *spec = spec_of(line, o.name);
		cleanup_free char *word = xasprintf("--%s", o.name);
		const char *text;

		if (docker_option_state(line->row, line->command, o.name, &text) ==
				DOCKER_REFUSED ||
			(strv_contains(line->given, o.name) && !is_repeatable(o.type)))
			continue;
		complete_add(c, word, spec ? spec->help : text);
		if (o.short_name && !c->current[1]) {
			char letter[3] = {'-', o.short_name, '\0'};

			complete_add(c, letter, spec ? spec->help : text);
		}
	}
	complete_add(c, "--help", "Print usage");
}

static void offer_commands(const struct completion *c, const struct docker_line *line)
{
	for (const struct docker_command *row = docker_commands; row->path; row++) {
		const char *name = docker_subcommand(row, strbuf_str(&line->path));
		const struct command *command = name ? docker_target(row->path, NULL) : NULL;

		/* A second spelling is offered to who has begun to type it. */
		if (command && (!line->path.len || !row->alias_of || *c->current))
			complete_add(c, name, command->summary);
	}
	if (!line->path.len && !line->help)
		complete_add(c, "help", "Help about the command");
}

/* docker's own options are none of ours. */
static void offer_global_value(struct completion *c, const char *name)
{
	static const char *const levels[] = {"debug", "info", "warn", "error", "fatal", NULL};

	if (strcmp(name, "config") == 0)
		c->files = "directories";
	else if (strcmp(name, "context") == 0)
		complete_add(c, "default", NULL);
	else if (strcmp(name, "log-level") == 0)
		for (const char *const *level = levels; *level; level++)
			complete_add(c, *level, NULL);
}

static void offer_value(struct completion *c, const struct docker_line *line, const char *name)
{
	const struct option_spec *spec = spec_of(line, name);

	if (line->command == &command_root)
		offer_global_value(c, name);
	else if (spec && option_has_value(spec))
		complete_value(c, spec);
}

static void offer(const struct docker_line *line)
{
	const char *current = line->words[line->count - 1], *equals = strchr(current, '=');
	struct completion c = {
		.ctx = line->ctx, .command = line->command, .prefix = "", .current = current};
	cleanup_free char *prefix = NULL;
	struct docker_option o;

	if (*line->value.name) {
		offer_value(&c, line, line->value.name);
	} else if (!line->only_operands && str_starts_with(current, "--") && equals) {
		prefix = xstrndup(current, (size_t)(equals - current) + 1);
		c.prefix = prefix;
		c.current = equals + 1;
		if (find_option(line->row, current + 2, (size_t)(equals - current) - 2, '\0', &o))
			offer_value(&c, line, o.name);
	} else if (!line->only_operands && current[0] == '-') {
		offer_options(&c, line);
	} else if (is_group(line)) {
		offer_commands(&c, line);
	} else if (line->command->stop_at_operand && strv_length(line->operands)) {
		c.files = "files";
	} else if (!line->help) {
		c.taken = line->operands;
		complete_operand(&c);
	}
	if (c.files)
		command_print(line->ctx, ":%s %s\n", c.files, c.prefix);
}

void docker_complete(struct command_context *ctx, char **words, size_t count)
{
	struct docker_line line = {.ctx = ctx,
		.words = words,
		.count = count,
		.path = STRBUF_INIT,
		.row = docker_command_find(""),
		.command = &command_root};

	walk(&line);
	if (line.row && line.command)
		offer(&line);
	strbuf_clear(&line.path);
	strv_free(line.given);
	strv_free(line.operands);
}
