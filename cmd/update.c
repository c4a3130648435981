#include "config.h"

#include "cmd/commands.h"
#include "cmd/health_rows.h"
#include "cmd/limit_rows.h"
#include "cmd/select.h"
#include "container/health.h"
#include "container/parse_limits.h"
#include "util/mem.h"

struct update_options {
	struct limit_options limits;
	struct health_request health;
	const char *restart_policy;
	bool latest;
};

static const char *const restart_policies[] = {
	"no", "on-failure", "on-failure:", "always", "unless-stopped", NULL};

static const struct option_spec update_options[] = {
	LIMITS_BLKIO(struct update_options, limits),
	LIMITS_CPU(struct update_options, limits),
	LIMITS_DEVICE(struct update_options, limits),
	HEALTH_ROWS(struct update_options, health),
	OPTION_BOOL("latest", 'l', struct update_options, latest, "The last created container"),
	LIMITS_MEMORY(struct update_options, limits),
	OPTION_BOOL("no-healthcheck", 0, struct update_options, health.none,
		"Do not check health any more"),
	LIMITS_PIDS(struct update_options, limits),
	OPTION_STRING("restart", 0, struct update_options, restart_policy, "POLICY",
		"Start the container again when it ends: no, on-failure[:N], always, "
		"unless-stopped",
		.words = restart_policies),
	OPTION_END,
};

static int update(struct command_context *ctx, struct update_options *opts, int argc, char **argv,
	struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *resources = NULL;
	cleanup_targets struct container_targets targets = {0};
	struct container_selection selection = {.latest = opts->latest};
	struct container_update_request change = {.restart_policy = opts->restart_policy};
	struct store *store;
	int status = 0;

	if (parse_limits(&opts->limits, &resources, err) < 0)
		return -1;
	change.resources = resources;
	if (!health_request_is_empty(&opts->health))
		change.health = &opts->health;
	if (!change.resources && !change.restart_policy && !change.health)
		return error_set(err, ERR_USAGE,
			"nothing to update: name at least one limit, --restart or a health option");
	if (command_store(ctx, &store, err) < 0 ||
		container_select(
			store, &command_update, &selection, argc, argv, &targets, &status, err) < 0)
		return -1;
	for (size_t i = 0; i < targets.count; i++) {
		cleanup_error struct error *one = NULL;

		if (container_update(store, targets.items[i]->config->id, &change, &one) < 0)
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
	.summary = "Change limits, restart policy or health check of containers",
	.description =
		"Change what one or more containers may use, whether they are started again when "
		"they end, and how their health is checked. A running container is changed at "
		"once; the change lasts when it is started again. Health checks that were changed "
		"begin anew: the container is \"starting\" until one has passed.",
	.operands = "[CONTAINER...]",
	.examples = "pod update --memory 1g --cpus 2 web\n"
		    "pod update --restart always --health-interval 10s web",
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = update_options,
	.run = update_run,
};
