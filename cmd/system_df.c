#include "config.h"

#include <inttypes.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/usage.h"
#include "util/table.h"
#include "util/timefmt.h"

struct system_df_options {
	const char *format;
};

static const struct option_spec system_df_options[] = {
	OPTION_STRING("format", 0, struct system_df_options, format, NULL,
		"pretty-print disk usage to JSON or using a Go template"),
	OPTION_END,
};

static const struct usage_class *class_of(const void *row)
{
	return row;
}

static void type_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, class_of(row)->type);
}

static void total_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, class_of(row)->total);
}

static void total_json(const void *row, struct json_writer *w)
{
	json_write_uint(w, class_of(row)->total);
}

static void active_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, class_of(row)->active);
}

static void active_json(const void *row, struct json_writer *w)
{
	json_write_uint(w, class_of(row)->active);
}

static void size_text(const void *row, struct strbuf *out)
{
	size_human(class_of(row)->size_bytes, 4, out);
}

static void raw_size_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, class_of(row)->size_bytes);
}

static void raw_size_json(const void *row, struct json_writer *w)
{
	json_write_uint(w, class_of(row)->size_bytes);
}

static void reclaimable_text(const void *row, struct strbuf *out)
{
	const struct usage_class *c = class_of(row);
	uint64_t percent =
		c->size_bytes ? (c->reclaimable_bytes * 100 + c->size_bytes / 2) / c->size_bytes
			      : 0;

	size_human(c->reclaimable_bytes, 4, out);
	strbuf_addf(out, " (%" PRIu64 "%%)", percent);
}

static void raw_reclaimable_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, class_of(row)->reclaimable_bytes);
}

static void raw_reclaimable_json(const void *row, struct json_writer *w)
{
	json_write_uint(w, class_of(row)->reclaimable_bytes);
}

static const struct table_field df_fields[] = {
	{"Type", NULL, type_text, "Type"},
	{"Total", NULL, total_text, "Total", total_json, .typed = true},
	{"TotalCount", "TOTAL", total_text, NULL, total_json, .typed = true},
	{"Active", NULL, active_text, "Active", active_json, .typed = true},
	{"Size", NULL, size_text, "Size"},
	{"RawSize", NULL, raw_size_text, "RawSize", raw_size_json, .typed = true},
	{"Reclaimable", NULL, reclaimable_text, "Reclaimable"},
	{"RawReclaimable", NULL, raw_reclaimable_text, "RawReclaimable", raw_reclaimable_json,
		.typed = true},
	{NULL},
};

static const struct table df_table = {
	df_fields, "table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"};

static int system_df_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct usage_class classes[USAGE_CLASSES];
	struct system_df_options opts = {0};
	const void *rows[USAGE_CLASSES];
	struct table_options table = {0};
	int first;

	if (options_parse(&command_system_df, argc, argv, &opts, &first, err) < 0 ||
		usage_gather(ctx, classes, err) < 0)
		return -1;
	for (size_t i = 0; i < USAGE_CLASSES; i++)
		rows[i] = &classes[i];
	table.format = opts.format;
	return table_print(&df_table, rows, USAGE_CLASSES, &table, &ctx->out, err);
}

const struct command command_system_df = {
	.name = "df",
	.summary = "show pod disk usage",
	.description = "shows how much of the disk images, containers and volumes take, each layer "
		       "counted "
		       "once,\nand how much of it pruning would give back.",
	.examples = "pod system df\npod system df --format '{{.Type}}\\t{{.Size}}'",
	.options = system_df_options,
	.run = system_df_run,
};
