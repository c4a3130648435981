#include "config.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/docker_shapes.h"
#include "cmd/facts.h"
#include "cmd/volume_shared.h"
#include "util/mem.h"

struct volume_inspect_options {
	bool all;
	const char *format;
};

static const struct option_spec volume_inspect_options[] = {
	OPTION_BOOL("all", 'a', struct volume_inspect_options, all, "inspect all volumes"),
	OPTION_STRING("format", 'f', struct volume_inspect_options, format, NULL,
		"format volume output using a Go template", .default_text = "\"json\""),
	OPTION_END,
};

static const struct table volume_table = {volume_fields, NULL};

static int inspect_one(
	struct strbuf *row, struct store *store, const char *name, struct error **err)
{
	struct json_writer w = json_writer_init(row, 0);
	cleanup_free char *whole = volume_resolve(store, name, err);
	struct volume volume;

	if (!whole || volume_load(store, whole, &volume, err) < 0)
		return -1;
	table_row_json(&volume_table, &volume, &w);
	volume_clear(&volume);
	return docker_called() ? docker_shape("volume", true, row, err) : 0;
}

static int volume_inspect_run(
	struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_volume_set struct volume_set set = {0};
	struct volume_inspect_options opts = {0};
	cleanup_strv char **rows = NULL;
	struct store *store;
	int first, status = 0;

	if (options_parse(&command_volume_inspect, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (opts.all == (first < argc))
		return error_set(err, ERR_USAGE, "provide one or more volume names or use --all");
	if (command_store(ctx, &store, err) < 0)
		return -1;
	if (opts.all && volume_set_load(store, NULL, NULL, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < (opts.all ? set.count : (size_t)(argc - first)); i++) {
		cleanup_strbuf struct strbuf row = STRBUF_INIT;
		cleanup_error struct error *one = NULL;
		const char *name = opts.all ? set.chosen[i]->name : argv[first + (int)i];

		if (inspect_one(&row, store, name, &one) < 0) {
			error_wrap(&one, "inspecting object");
			status = command_report(&command_volume_inspect, one, status);
			continue;
		}
		strv_append(&rows, strbuf_str(&row));
	}
	return facts_print_rows(ctx, rows, opts.format, err) < 0 ? -1 : status;
}

const struct command command_volume_inspect = {
	.name = "inspect",
	.summary = "display detailed information on one or more volumes",
	.description = "display detailed information on one or more volumes.\n\n"
		       "Use a Go template to change the format from JSON.",
	.operands = "VOLUME [VOLUME...]",
	.examples = "pod volume inspect myvol\npod volume inspect --all\n"
		    "pod volume inspect --format \"{{.Driver}} {{.Scope}}\" myvol",
	.max_operands = -1,
	.complete = COMPLETE_VOLUME,
	.options = volume_inspect_options,
	.run = volume_inspect_run,
};
