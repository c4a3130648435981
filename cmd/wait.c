#include "config.h"

#include "cmd/commands.h"
#include "cmd/select.h"
#include "util/mem.h"

struct wait_options {
	bool latest, ignore;
};

static const struct option_spec wait_options[] = {
	OPTION_BOOL("ignore", 0, struct wait_options, ignore,
		"Print -1 for what does not exist instead of failing"),
	OPTION_BOOL("latest", 'l', struct wait_options, latest, "The last created container"),
	OPTION_END,
};

static int wait_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct wait_options opts = {0};
	cleanup_targets struct container_targets targets = {0};
	struct container_selection selection;
	struct store *store;
	int first, status = 0;

	if (options_parse(&command_wait, argc, argv, &opts, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	selection =
		(struct container_selection){.latest = opts.latest, .ignore_missing = opts.ignore};
	if (container_select(store, &command_wait, &selection, argc - first, argv + first, &targets,
		    &status, err) < 0)
		return -1;
	if (opts.ignore && targets.count == 0)
		command_print(ctx, "-1\n");
	for (size_t i = 0; i < targets.count; i++) {
		cleanup_error struct error *one = NULL;
		int code;

		if (container_wait(store, targets.items[i], false, &code, &one) < 0)
			status = command_report(&command_wait, one, status);
		else
			command_print(ctx, "%d\n", code);
		if (command_flush(ctx, err) < 0)
			return -1;
	}
	return status;
}

const struct command command_wait = {
	.name = "wait",
	.summary = "Wait until containers have ended and print their exit codes",
	.operands = "[CONTAINER...]",
	.examples = "pod wait job",
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = wait_options,
	.run = wait_run,
};
