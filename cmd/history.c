#include "config.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "image/image.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/table.h"
#include "util/timefmt.h"

struct history_command {
	bool human, no_trunc, quiet;
	const char *format;
};

static const struct option_spec options[] = {
	OPTION_STRING("format", 0, struct history_command, format, "string",
		"change the output to JSON or a Go template"),
	OPTION_BOOL("human", 'H', struct history_command, human,
		"display sizes and dates in human readable format", .default_text = "true"),
	OPTION_BOOL("no-trunc", 0, struct history_command, no_trunc, "do not truncate the output"),
	OPTION_BOOL("quiet", 'q', struct history_command, quiet, "display the numeric IDs only"),
	OPTION_END,
};

extern const struct command command_history;

#define CREATED_BY_WIDTH 45
#define COMMENT_WIDTH    45

struct row {
	const struct image_history *step;
	const char *id; /* of the newest step; NULL: <missing> */
	const struct image *image;
	const struct history_command *cmd;
};

static void text_id(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	if (!row->id)
		strbuf_addstr(out, "<missing>");
	else
		strbuf_addf(out, row->cmd->no_trunc ? "%s%s" : "%s%.12s",
			row->cmd->no_trunc && docker_called() ? "sha256:" : "", row->id);
}

static uint64_t created_ns(const struct row *row)
{
	return row->step->created_s > 0 ? (uint64_t)row->step->created_s * NS_PER_SECOND : 0;
}

static void text_created_at(const void *data, struct strbuf *out)
{
	time_rfc3339(created_ns(data), out);
}

static void text_created(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	if (row->cmd->human)
		time_human_ago(created_ns(row), time_now_ns(), out);
	else
		text_created_at(data, out);
}

static void text_created_since(const void *data, struct strbuf *out)
{
	time_human_ago(created_ns(data), time_now_ns(), out);
}

static void add_cut(const struct row *row, const char *text, size_t width, struct strbuf *out)
{
	if (text && !row->cmd->no_trunc && strlen(text) > width)
		strbuf_addf(out, "%.*s...", (int)width - 3, text);
	else if (text)
		strbuf_addstr(out, text);
}

static void text_created_by(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	add_cut(row, row->step->created_by, CREATED_BY_WIDTH, out);
}

static void text_size(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	if (row->cmd->human)
		size_human_spaced(row->step->size_bytes, out);
	else
		strbuf_addf(out, "%llu", (unsigned long long)row->step->size_bytes);
}

static void text_comment(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	add_cut(row, row->step->comment, COMMENT_WIDTH, out);
}

static void add_tags(const struct row *row, struct json_writer *w)
{
	json_write_array_begin(w);
	for (size_t i = 0; row->id && i < row->image->ref_count; i++)
		if (row->image->refs[i].reference)
			json_write_string(w, row->image->refs[i].reference);
	json_write_array_end(w);
}

static void text_tags(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	for (size_t i = 0; row->id && i < row->image->ref_count; i++)
		if (row->image->refs[i].reference)
			strbuf_addf(out, "%s%s", i ? " " : "", row->image->refs[i].reference);
}

static void json_id(const void *data, struct json_writer *w)
{
	const struct row *row = data;

	json_write_string(w, row->id ? row->id : "<missing>");
}

static void json_created(const void *data, struct json_writer *w)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	time_rfc3339(created_ns(data), &text);
	json_write_string(w, strbuf_str(&text));
}

static void json_created_by(const void *data, struct json_writer *w)
{
	const struct row *row = data;

	json_write_string(w, row->step->created_by ? row->step->created_by : "");
}

static void json_size(const void *data, struct json_writer *w)
{
	const struct row *row = data;

	json_write_uint(w, row->step->size_bytes);
}

static void json_comment(const void *data, struct json_writer *w)
{
	const struct row *row = data;

	json_write_string(w, row->step->comment ? row->step->comment : "");
}

static void json_tags(const void *data, struct json_writer *w)
{
	add_tags(data, w);
}

static const struct table_field fields[] = {
	{.name = "ID", .text = text_id, .json_name = "id", .json = json_id},
	{.name = "Created", .text = text_created, .json_name = "created", .json = json_created},
	{.name = "CreatedBy",
		.heading = "CREATED BY",
		.text = text_created_by,
		.json_name = "CreatedBy",
		.json = json_created_by},
	{.name = "Size", .text = text_size, .json_name = "size", .json = json_size},
	{.name = "Comment", .text = text_comment, .json_name = "comment", .json = json_comment},
	{.name = "Tags", .text = text_tags, .json_name = "tags", .json = json_tags},
	{.name = "CreatedAt", .heading = "CREATED AT", .text = text_created_at},
	{.name = "CreatedSince", .heading = "CREATED", .text = text_created_since},
	{NULL},
};

static const struct table table = {
	.fields = fields,
	.default_format = "table {{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
};

/* 2006-01-02T15:04:05Z */
static void text_docker_created_at(const void *data, struct strbuf *out)
{
	uint64_t ns = created_ns(data);

	time_rfc3339(ns - ns % NS_PER_SECOND, out);
}

static void text_docker_created_by(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	if (row->step->created_by)
		docker_ellipsis(row->step->created_by, row->cmd->no_trunc ? SIZE_MAX : 45, out);
}

static void text_docker_created_since(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	if (row->cmd->human)
		text_created_since(data, out);
	else
		text_docker_created_at(data, out);
}

static void text_docker_size(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	if (row->cmd->human)
		size_human(row->step->size_bytes, 3, out);
	else
		text_size(data, out);
}

static const struct table_field docker_fields[] = {
	{"Comment", NULL, text_comment, "Comment"},
	{"CreatedAt", "CREATED AT", text_docker_created_at, "CreatedAt"},
	{"CreatedBy", "CREATED BY", text_docker_created_by, "CreatedBy"},
	{"CreatedSince", "CREATED", text_docker_created_since, "CreatedSince"},
	{"ID", "IMAGE", text_id, "ID"},
	{"Size", NULL, text_docker_size, "Size"},
	{NULL},
};

static const struct table docker_table = {
	docker_fields, "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"};

static int history_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct history_command cmd = {.human = true};
	cleanup_image struct image *image = NULL;
	cleanup_free struct row *rows = NULL;
	cleanup_free const void **pointers = NULL;
	struct table_options opts = {0};
	struct image_history *steps;
	struct store *store;
	size_t count;
	int first, status;

	if (options_parse(&command_history, argc, argv, &cmd, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0 ||
		image_history(store, argv[first], &image, &steps, &count, err) < 0)
		return -1;
	rows = xcalloc(count + 1, sizeof(*rows));
	pointers = xcalloc(count + 1, sizeof(*pointers));
	for (size_t i = 0; i < count; i++) {
		rows[i] = (struct row){.step = &steps[i],
			.id = i == 0 ? image->id : NULL,
			.image = image,
			.cmd = &cmd};
		pointers[i] = &rows[i];
	}
	opts.format = cmd.format ? cmd.format : cmd.quiet ? "{{.ID}}" : NULL;
	opts.docker = docker_called();
	status = table_print(
		docker_called() ? &docker_table : &table, pointers, count, &opts, &ctx->out, err);
	image_history_free(steps, count);
	return status;
}

const struct command command_history = {
	.name = "history",
	.summary = "show history of a specified image",
	.description = "displays the history of an image",
	.operands = "IMAGE",
	.examples = "pod history alpine",
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_IMAGE,
	.options = options,
	.run = history_run,
};
