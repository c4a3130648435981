#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/facts.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/table.h"

/*
 * `docker context` as tools ask for it: there is one, "default", and it means this host. The
 * endpoint is the one docker's client would have; nothing listens there.
 */

#define DEFAULT_NAME "default"

static const char *endpoint(void)
{
	const char *host = getenv("DOCKER_HOST");

	return host && *host ? host : "unix:///var/run/docker.sock";
}

static int not_there(struct error **err, const char *name)
{
	error_set(err, ERR_NOT_FOUND, "context '%s' does not exist", name);
	return error_docker(err, "context \"%s\" does not exist", name);
}

/* ---- ls ---- */

static void name_text(const void *row, struct strbuf *out)
{
	(void)row;
	strbuf_addstr(out, DEFAULT_NAME);
}

static void shown_name_text(const void *row, struct strbuf *out)
{
	(void)row;
	strbuf_addstr(out, DEFAULT_NAME " *");
}

static void description_text(const void *row, struct strbuf *out)
{
	(void)row;
	strbuf_addstr(out, "Current DOCKER_HOST based configuration");
}

static void endpoint_text(const void *row, struct strbuf *out)
{
	(void)row;
	strbuf_addstr(out, endpoint());
}

static void empty_text(const void *row, struct strbuf *out)
{
	(void)row;
	(void)out;
}

static void orchestrator_text(const void *row, struct strbuf *out)
{
	(void)row;
	strbuf_addstr(out, "swarm");
}

static void current_json(const void *row, struct json_writer *w)
{
	(void)row;
	json_write_bool(w, true);
}

static void current_text(const void *row, struct strbuf *out)
{
	(void)row;
	strbuf_addstr(out, "true");
}

static const struct table_field context_fields[] = {
	{.name = "Current",
		.text = current_text,
		.json_name = "Current",
		.json = current_json,
		.typed = true},
	{.name = "Description", .text = description_text, .json_name = "Description"},
	{.name = "DockerEndpoint",
		.heading = "DOCKER ENDPOINT",
		.text = endpoint_text,
		.json_name = "DockerEndpoint"},
	{.name = "KubernetesEndpoint",
		.heading = "KUBERNETES ENDPOINT",
		.text = empty_text,
		.json_name = "KubernetesEndpoint"},
	{.name = "Name", .text = name_text, .json_name = "Name"},
	{.name = "ShownName", .heading = "NAME", .text = shown_name_text},
	{.name = "StackOrchestrator",
		.heading = "ORCHESTRATOR",
		.text = orchestrator_text,
		.json_name = "StackOrchestrator"},
	{NULL},
};

static const struct table context_table = {context_fields,
	"table {{.ShownName}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.KubernetesEndpoint}}\t{{."
	"StackOrchestrator}}"};

struct ls_options {
	bool quiet;
	const char *format;
};

static const struct option_spec ls_options[] = {
	OPTION_STRING("format", 0, struct ls_options, format, NULL,
		"pretty-print contexts using a Go template"),
	OPTION_BOOL("quiet", 'q', struct ls_options, quiet, "only show context names"),
	OPTION_END,
};

static int ls_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	static const void *const rows[] = {""};
	struct ls_options opts = {0};
	struct table_options table = {.docker = true};
	int first;

	if (options_parse(&command_context_ls, argc, argv, &opts, &first, err) < 0)
		return -1;
	table.format = opts.quiet ? "{{.Name}}" : opts.format;
	return table_print(&context_table, rows, ARRAY_SIZE(rows), &table, &ctx->out, err);
}

const struct command command_context_ls = {
	.name = "ls",
	.summary = "list contexts",
	.options = ls_options,
	.run = ls_run,
};

/* ---- inspect ---- */

struct inspect_options {
	const char *format;
};

static const struct option_spec inspect_options[] = {
	OPTION_STRING("format", 'f', struct inspect_options, format, NULL,
		"format the output using the given Go template"),
	OPTION_END,
};

static char *context_json(void)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);

	json_write_object_begin(&w);
	json_put_string(&w, "Name", DEFAULT_NAME);
	json_write_key(&w, "Metadata");
	json_write_object_begin(&w);
	json_put_string(&w, "StackOrchestrator", "swarm");
	json_write_object_end(&w);
	json_write_key(&w, "Endpoints");
	json_write_object_begin(&w);
	json_write_key(&w, "docker");
	json_write_object_begin(&w);
	json_put_string(&w, "Host", endpoint());
	json_put_bool(&w, "SkipTLSVerify", false);
	json_write_object_end(&w);
	json_write_object_end(&w);
	json_write_key(&w, "TLSMaterial");
	json_write_object_begin(&w);
	json_write_object_end(&w);
	json_write_key(&w, "Storage");
	json_write_object_begin(&w);
	json_put_string(&w, "MetadataPath", "<IN MEMORY>");
	json_put_string(&w, "TLSPath", "<IN MEMORY>");
	json_write_object_end(&w);
	json_write_object_end(&w);
	return xstrdup(strbuf_str(&text));
}

static int inspect_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct inspect_options opts = {0};
	cleanup_strv char **rows = NULL;
	int first, status = 0;

	if (options_parse(&command_context_inspect, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (first == argc)
		strv_append_take(&rows, context_json());
	for (int i = first; i < argc; i++) {
		cleanup_error struct error *one = NULL;

		if (str_equal(argv[i], DEFAULT_NAME)) {
			strv_append_take(&rows, context_json());
			continue;
		}
		(void)not_there(&one, argv[i]);
		status = command_report(&command_context_inspect, one, status);
	}
	return facts_print_rows(ctx, rows, opts.format, err) < 0 ? -1 : status;
}

const struct command command_context_inspect = {
	.name = "inspect",
	.summary = "display detailed information on one or more contexts",
	.operands = "[CONTEXT] [CONTEXT...]",
	.max_operands = -1,
	.options = inspect_options,
	.run = inspect_run,
};

/* ---- show, use ---- */

static int show_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	int first;

	if (options_parse(&command_context_show, argc, argv, NULL, &first, err) < 0)
		return -1;
	command_print(ctx, DEFAULT_NAME "\n");
	return 0;
}

const struct command command_context_show = {
	.name = "show",
	.summary = "print the name of the current context",
	.run = show_run,
};

static int use_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	int first;

	if (options_parse(&command_context_use, argc, argv, NULL, &first, err) < 0)
		return -1;
	if (!str_equal(argv[first], DEFAULT_NAME))
		return not_there(err, argv[first]);
	command_print(ctx, DEFAULT_NAME "\n");
	if (command_flush(ctx, err) < 0)
		return -1;
	fprintf(stderr, "Current context is now \"" DEFAULT_NAME "\"\n");
	return 0;
}

const struct command command_context_use = {
	.name = "use",
	.summary = "set the current docker context",
	.operands = "CONTEXT",
	.min_operands = 1,
	.max_operands = 1,
	.run = use_run,
};
