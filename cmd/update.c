#include "config.h"

#include "cmd/commands.h"
#include "cmd/limit_rows.h"
#include "cmd/select.h"
#include "container/parse_limits.h"
#include "util/mem.h"

struct update_options {
	struct limit_options limits;
	bool latest;
};

static const struct option_spec update_options[] = {
	LIMITS_BLKIO(struct update_options, limits),
	LIMITS_CPU(struct update_options, limits),
	LIMITS_DEVICE(struct update_options, limits),
	OPTION_BOOL("latest", 'l', struct update_options, latest, "The last created container"),
	LIMITS_MEMORY(struct update_options, limits),
	LIMITS_PIDS(struct update_options, limits),
	OPTION_END,
};

static int update(struct command_context *ctx, struct update_options *opts, int argc, char **argv,
	struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *change = NULL;
	cleanup_targets struct container_targets targets = {0};
	struct container_selection selection = {.latest = opts->latest};
	struct store *store;
	int status = 0;

	if (parse_limits(&opts->limits, &change, err) < 0)
		return -1;
	if (!change)
		return error_set(err, ERR_USAGE, "nothing to update: name at least one limit");
	if (command_store(ctx, &store, err) < 0 ||
		container_select(
			store, &command_update, &selection, argc, argv, &targets, &status, err) < 0)
		return -1;
	for (size_t i = 0; i < targets.count; i++) {
		cleanup_error struct error *one = NULL;

		if (container_update(targets.items[i], change, &one) < 0)
			status = command_report(&command_update, one, status);
		else
			command_print(ctx, "%s\n", targets.names[i]);
	}
	return status;
}

static int update_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct update_options opts = {0};
	int first, status;

	status = options_parse(&command_update, argc, argv, &opts, &first, err);
	if (status == 0)
		status = update(ctx, &opts, argc - first, argv + first, err);
	limit_options_clear(&opts.limits);
	return status;
}

const struct command command_update = {
	.name = "update",
	.summary = "Change the limits of one or more containers",
	.description =
		"Change what one or more containers may use. A running container is changed at "
		"once; the limits last when it is started again.",
	.operands = "[CONTAINER...]",
	.examples = "pod update --memory 1g --cpus 2 web",
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = update_options,
	.run = update_run,
};
