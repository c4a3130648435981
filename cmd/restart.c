#include "config.h"

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/select.h"
#include "container/events.h"
#include "util/mem.h"
#include "util/sealed.h"

struct restart_options {
	bool all, latest, running, time_given;
	uint32_t time_s;
};

static const struct option_spec restart_options[] = {
	OPTION_BOOL("all", 'a', struct restart_options, all, "All containers"),
	OPTION_BOOL("latest", 'l', struct restart_options, latest, "The last created container"),
	OPTION_BOOL("running", 0, struct restart_options, running, "All running containers"),
	OPTION_UINT32("time", 't', struct restart_options, time_s, "SECONDS",
		"Seconds from the stop signal to SIGKILL (default: the container's stop timeout)",
		.given_offset = OPTION_GIVEN(struct restart_options, time_given)),
	OPTION_END,
};

static int restart_one(
	struct store *store, struct container *container, uint32_t time_s, struct error **err)
{
	const struct container_stop_options stop = {
		.timeout_s = time_s, .record_signals = docker_called()};
	const struct container_start_options start = {.lock_fd = -1};
	int client_fd;

	if (container_stop(store, container, &stop, err) < 0)
		return -1;
	return container_start(store, container, &start, &client_fd, err);
}

static int restart_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct restart_options opts = {0};
	cleanup_targets struct container_targets targets = {0};
	struct container_selection selection;
	cleanup_close int late_fd = -1;
	struct store *store;
	int first, status = 0;

	if (options_parse(&command_restart, argc, argv, &opts, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0 ||
		sealed_begin(store->rootless, &late_fd, err) < 0)
		return -1;
	selection = (struct container_selection){
		.all = opts.all || opts.running, .latest = opts.latest};
	if (container_select(store, &command_restart, &selection, argc - first, argv + first,
		    &targets, &status, err) < 0)
		return -1;
	for (size_t i = 0; i < targets.count; i++) {
		struct container *container = targets.items[i];
		cleanup_error struct error *one = NULL;
		uint32_t time_s = opts.time_given ? opts.time_s : container->config->stop_timeout_s;

		if (opts.running && !container_is_running(container))
			continue;
		if (restart_one(store, container, time_s, &one) < 0)
			status = command_report(&command_restart, one, status);
		else {
			event_container(store, container, "restart", NULL);
			command_print(ctx, "%s\n", targets.names[i]);
		}
	}
	return status;
}

const struct command command_restart = {
	.name = "restart",
	.summary = "Restart one or more containers",
	.operands = "[CONTAINER...]",
	.examples = "pod restart web\npod restart -t 3 --running",
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = restart_options,
	.run = restart_run,
};
