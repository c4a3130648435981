#include "config.h"

#include "cmd/commands.h"
#include "container/container.h"
#include "container/health.h"
#include "monitor/client.h"
#include "util/mem.h"

static int healthcheck_run_run(
	struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_container struct container *container = NULL;
	cleanup_close int monitor_fd = -1;
	struct store *store;
	int first, exit_code;

	if (options_parse(&command_healthcheck_run, argc, argv, NULL, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0 ||
		container_find(store, argv[first], &container, err) < 0)
		return -1;
	if (!health_is_checked(container->config))
		return error_set(err, ERR_INVALID, "container %s has no defined healthcheck",
			container->config->id);
	if (!container_is_running(container))
		return error_set(
			err, ERR_CONFLICT, "container %s is not running", container->config->id);
	monitor_fd = container_connect(store, container, err);
	if (monitor_fd < 0 || monitor_healthcheck(monitor_fd, &exit_code, err) < 0)
		return -1;
	if (exit_code == 0)
		return 0;
	command_print(ctx, "unhealthy\n");
	return 1;
}

const struct command command_healthcheck_run = {
	.name = "run",
	.summary = "run the health check of a container",
	.description =
		"Runs the health check that a container was created with, now. What came out is "
		"in 'pod inspect', as with the checks that run by themselves. The exit status "
		"is 0 when it passed, 1 when it failed, 125 when there is none or the container "
		"does not run.",
	.operands = "CONTAINER",
	.examples = "pod healthcheck run web && echo well",
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_RUNNING,
	.run = healthcheck_run_run,
};
