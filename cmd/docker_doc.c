#include "config.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "util/mem.h"
#include "util/str.h"

/*
 * doc/docker.md and the list that its test walks: every command and option that docker has, and
 * what becomes of it here. Made from docker_reference.def, docker_notes.def and the option tables.
 */

struct doc_options {
	bool matrix;
};

static const struct option_spec doc_options[] = {
	OPTION_BOOL("matrix", 0, struct doc_options, matrix,
		"one line each: command, option, type, state, the rest of the story"),
	OPTION_END,
};

static const char *state_word(enum docker_state state)
{
	switch (state) {
	case DOCKER_WORKS:
	case DOCKER_RENAMED:
		return "works";
	case DOCKER_DROPPED:
		return "accepted";
	case DOCKER_DIFFERS:
		return "differs";
	case DOCKER_REFUSED:
		break;
	}
	return "refused";
}

/* The other paths that mean this row: "run", "container run". */
static void add_names(const struct docker_command *row, struct strbuf *out)
{
	strbuf_addf(out, "docker%s%s", *row->path ? " " : "", row->path);
	for (const struct docker_command *other = docker_commands; other->path; other++)
		if (other->alias_of && strcmp(other->alias_of, row->path) == 0)
			strbuf_addf(out, ", docker %s", other->path);
}

static void add_note(struct strbuf *out, enum docker_state state, const char *text)
{
	cleanup_free char *words = text ? docker_words(text) : NULL;

	if (state == DOCKER_RENAMED)
		strbuf_addf(out, "as `--%s`", text);
	else if (state == DOCKER_DROPPED)
		strbuf_addf(out, "changes nothing: %s", text);
	else if (words)
		strbuf_addstr(out, words);
}

static void add_command(struct strbuf *out, const struct docker_command *row)
{
	const char *instead = NULL, *text = NULL;
	const struct command *target = docker_target(row->path, &instead);
	cleanup_free char *words = instead ? docker_words(instead) : NULL;
	struct docker_option o;

	strbuf_addstr(out, "\n### ");
	add_names(row, out);
	if (!target) {
		strbuf_addf(out, "\n\nRefused%s%s.", words ? ": " : "", words ? words : "");
		for (const char *p = row->options; docker_option_next(&p, &o);)
			strbuf_addf(out, "%s`--%s`", p == row->options ? "" : " ", o.name);
		strbuf_addch(out, '\n');
		return;
	}
	if (*row->path && docker_option_state(row, target, "", &text) == DOCKER_DIFFERS)
		strbuf_addf(out, "\n\nDiffers: %s.", text);
	strbuf_addch(out, '\n');
	if (!*row->options)
		return;
	strbuf_addstr(out, "\n| option | state | |\n| --- | --- | --- |\n");
	for (const char *p = row->options; docker_option_next(&p, &o);) {
		enum docker_state state = docker_option_state(row, target, o.name, &text);

		strbuf_addstr(out, "| `");
		if (o.short_name)
			strbuf_addf(out, "-%c, ", o.short_name);
		strbuf_addf(out, "--%s` | %s | ", o.name, state_word(state));
		add_note(out, state, text);
		strbuf_addstr(out, " |\n");
	}
}

static const char head[] =
	"# Called as docker\n"
	"\n"
	"`make install-docker` links `docker` to `pod`. Under that name the program takes the "
	"commands,\n"
	"options and defaults of docker " DOCKER_VERSION
	" and prints what docker prints: columns, templates, JSON, errors,\n"
	"exit codes. Nothing else changes: the same store, no daemon, no root.\n"
	"\n"
	"This list is made by the program (`make completions`) from its own option tables and from "
	"the\n"
	"help of docker's client (`tests/setup/docker-reference`); `tests/integration/docker.bats` "
	"walks it.\n"
	"What is *refused* ends at once with one line that names it, and exit status 125. Options "
	"that pod\n"
	"has beyond docker's are taken by their long names.\n"
	"\n"
	"What differs everywhere:\n"
	"\n"
	"- `docker version` and `docker info` give docker " DOCKER_VERSION
	" as the version that is followed, and pod's own\n"
	"  beside it.\n"
	"- The default network is slirp4netns: a container has its own address, which other "
	"containers cannot\n"
	"  reach; share a network with `--network container:NAME`.\n"
	"- A new image's name without a registry is `localhost/NAME` in the store and is shown as "
	"`NAME`.\n"
	"- `DOCKER_HOST` and `--host` may name a unix socket, which is not used; another host is "
	"refused.\n"
	"- Of `~/.docker/config.json` (or `$DOCKER_CONFIG`) only the credentials are read.\n";

static void add_document(struct strbuf *out)
{
	strbuf_addstr(out, head);
	strbuf_addstr(out, "\n## Commands\n");
	for (const struct docker_command *row = docker_commands; row->path; row++)
		if (!row->alias_of && row->operands && docker_target(row->path, NULL))
			add_command(out, row);
	strbuf_addstr(out, "\n## Commands that are refused\n");
	for (const struct docker_command *row = docker_commands; row->path; row++)
		if (!row->alias_of && row->operands && !docker_target(row->path, NULL))
			add_command(out, row);
	strbuf_addstr(out, "\n## Plugins, which are refused\n");
	for (const struct docker_plugin *plugin = docker_plugins; plugin->name; plugin++) {
		cleanup_free char *words = docker_words(plugin->instead);

		strbuf_addf(out, "\n### docker %s\n\nRefused: %s.\n", plugin->name, words);
	}
}

static void add_matrix(struct strbuf *out)
{
	for (const struct docker_command *row = docker_commands; row->path; row++) {
		const struct docker_command *real = docker_command_find(row->path);
		const char *text = NULL;
		const struct command *target = docker_target(row->path, NULL);
		struct docker_option o;

		if (!real->operands || !*row->path)
			continue;
		strbuf_addf(out, "%s\t-\t-\t%s\n", row->path, target ? "works" : "refused");
		for (const char *p = real->options;
			target && real == row && docker_option_next(&p, &o);)
			strbuf_addf(out, "%s\t%s\t%s\t%s\n", row->path, o.name,
				*o.type ? o.type : "flag",
				state_word(docker_option_state(real, target, o.name, &text)));
	}
}

static int doc_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct doc_options opts = {0};
	int first;

	if (options_parse(&command_docker_doc, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (opts.matrix)
		add_matrix(&ctx->out);
	else
		add_document(&ctx->out);
	return 0;
}

const struct command command_docker_doc = {
	.name = "__docker",
	.summary = "write doc/docker.md",
	.options = doc_options,
	.run = doc_run,
};
