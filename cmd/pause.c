#include "config.h"

#include "cmd/commands.h"
#include "cmd/select.h"
#include "util/mem.h"

/* pause and unpause: the same but for the direction. */

struct pause_options {
	bool all, latest;
	char **cid_files;
};

#define PAUSE_OPTIONS(all_help)                                                                    \
	{                                                                                          \
		OPTION_BOOL("all", 'a', struct pause_options, all, all_help),                      \
			OPTION_STRV("cidfile", 0, struct pause_options, cid_files, "FILE",         \
				"Read the id from FILE", .complete = COMPLETE_FILE),               \
			OPTION_BOOL("latest", 'l', struct pause_options, latest,                   \
				"The last created container"),                                     \
			OPTION_END,                                                                \
	}
static const struct option_spec pause_options[] = PAUSE_OPTIONS("All running containers");
static const struct option_spec unpause_options[] = PAUSE_OPTIONS("All paused containers");

static int run(struct command_context *ctx, const struct command *command, bool pause, int argc,
	char **argv, struct error **err)
{
	struct pause_options opts = {0};
	cleanup_targets struct container_targets targets = {0};
	struct container_selection selection;
	struct store *store;
	int first, status = 0;

	if (options_parse(command, argc, argv, &opts, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	selection = (struct container_selection){
		.all = opts.all, .latest = opts.latest, .cid_files = opts.cid_files};
	if (container_select(store, command, &selection, argc - first, argv + first, &targets,
		    &status, err) < 0)
		status = -1;
	for (size_t i = 0; i < targets.count && status >= 0; i++) {
		cleanup_error struct error *one = NULL;

		if (opts.all && targets.items[i]->status.state !=
					(pause ? CONTAINER_RUNNING : CONTAINER_PAUSED))
			continue;
		if (container_pause(store, targets.items[i], pause, &one) < 0)
			status = command_report(command, one, status);
		else
			command_print(ctx, "%s\n", targets.names[i]);
	}
	strv_free(opts.cid_files);
	return status;
}

static int pause_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	return run(ctx, &command_pause, true, argc, argv, err);
}

static int unpause_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	return run(ctx, &command_unpause, false, argc, argv, err);
}

const struct command command_pause = {
	.name = "pause",
	.summary = "Stop all processes of one or more containers for a while",
	.description = "Freeze all processes of one or more containers until they are unpaused. "
		       "Needs a control group, so one that was delegated.",
	.operands = "[CONTAINER...]",
	.examples = "pod pause web\npod pause --all",
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.options = pause_options,
	.run = pause_run,
};

const struct command command_unpause = {
	.name = "unpause",
	.summary = "Let paused containers go on",
	.operands = "[CONTAINER...]",
	.examples = "pod unpause web\npod unpause --all",
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.options = unpause_options,
	.run = unpause_run,
};
