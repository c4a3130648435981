#include "config.h"

#include <string.h>

#include "cmd/commands.h"
#include "container/diff.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"

struct diff_options {
	bool latest;
	const char *format;
};

static const char *const formats[] = {"json", NULL};

static const struct option_spec diff_options[] = {
	OPTION_STRING("format", 0, struct diff_options, format, "FORMAT", "Print as json",
		.words = formats),
	OPTION_BOOL("latest", 'l', struct diff_options, latest, "The last created container"),
	OPTION_END,
};

/* podman's form: a list for each kind that there is. */
static void print_json(
	struct command_context *ctx, const struct container_change *changes, size_t count)
{
	static const struct {
		char kind;
		const char *key;
	} kinds[] = {{'C', "changed"}, {'A', "added"}, {'D', "deleted"}};
	struct json_writer w = json_writer_init(&ctx->out, 0);

	json_write_object_begin(&w);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		bool any = false;

		for (size_t i = 0; i < count; i++) {
			if (changes[i].kind != kinds[k].kind)
				continue;
			if (!any) {
				json_write_key(&w, kinds[k].key);
				json_write_array_begin(&w);
			}
			any = true;
			json_write_string(&w, changes[i].path);
		}
		if (any)
			json_write_array_end(&w);
	}
	json_write_object_end(&w);
	command_print(ctx, "\n");
}

static int diff_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_container struct container *container = NULL;
	struct container_change *changes;
	struct diff_options opts = {0};
	struct store *store;
	size_t count;
	int first;

	if (options_parse(&command_diff, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (opts.latest == (first < argc))
		return error_set(
			err, ERR_USAGE, "diff takes one container: a name, an ID, or --latest");
	if (command_store(ctx, &store, err) < 0 ||
		(opts.latest ? container_latest(store, &container, err)
			     : container_find(store, argv[first], &container, err)) < 0 ||
		container_changes(store, container, &changes, &count, err) < 0)
		return -1;
	if (opts.format) {
		print_json(ctx, changes, count);
	} else {
		for (size_t i = 0; i < count; i++)
			command_print(ctx, "%c %s\n", changes[i].kind, changes[i].path);
	}
	container_changes_free(changes, count);
	return 0;
}

const struct command command_diff = {
	.name = "diff",
	.summary = "Show what a container has changed in its image's files",
	.description = "Shows which files and directories a container has added (A), changed (C) "
		       "and deleted (D), running or not.",
	.operands = "CONTAINER",
	.max_operands = 1,
	.complete = COMPLETE_CONTAINER,
	.options = diff_options,
	.run = diff_run,
};
