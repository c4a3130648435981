#include "config.h"

#include <errno.h>
#include <fcntl.h>

#include "cmd/commands.h"
#include "container/container.h"
#include "util/mem.h"
#include "util/sealed.h"
#include "util/str.h"

/*
 * `pod __restart ID LOCK COUNT PAUSE`: not for people. A monitor whose container is to be started
 * again by its restart policy executes this in its own process (src/monitor/program/restart.c);
 * LOCK is the descriptor of the container's lock, PAUSE the milliseconds that it waited.
 */

static int number(const char *text, uint64_t max, uint64_t *ret, struct error **err)
{
	if (str_to_uint64(text, max, ret) < 0)
		return error_set(err, ERR_USAGE, "'%s' is not a number up to %llu", text,
			(unsigned long long)max);
	return 0;
}

static int restart_policy_run(
	struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_container struct container *container = NULL;
	struct container_restart_options opts;
	uint64_t lock_fd, count, backoff_ms;
	cleanup_close int late_fd = -1;
	struct store *store;
	int first;

	if (options_parse(&command_restart_policy, argc, argv, NULL, &first, err) < 0 ||
		number(argv[first + 1], INT32_MAX, &lock_fd, err) < 0 ||
		number(argv[first + 2], UINT32_MAX, &count, err) < 0 ||
		number(argv[first + 3], UINT32_MAX, &backoff_ms, err) < 0 ||
		command_store(ctx, &store, err) < 0 ||
		sealed_begin(store->rootless, &late_fd, err) < 0)
		return -1;
	if (fcntl((int)lock_fd, F_SETFD, FD_CLOEXEC) < 0)
		return error_errno(err, errno, "descriptor %d is not the lock", (int)lock_fd);
	if (container_load(store, argv[first], &container, err) < 0)
		return -1;
	opts = (struct container_restart_options){
		.lock_fd = (int)lock_fd,
		.count = (uint32_t)count,
		.backoff_ms = (uint32_t)backoff_ms,
	};
	container_restart(store, container, &opts);
}

const struct command command_restart_policy = {
	.name = "__restart",
	.summary = "start a container again, from its monitor",
	.operands = "ID LOCK COUNT PAUSE",
	.min_operands = 4,
	.max_operands = 4,
	.run = restart_policy_run,
};
