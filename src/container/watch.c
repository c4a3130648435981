#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "container/health.h"
#include "container/watch.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

/* A monitor's death changes no file: its lock is looked at so often all the same. */
#define LOOK_MS 1000

static const char *const conditions_known[] = {"configured", "created", "initialized", "running",
	"paused", "restarting", "exited", "stopped", "healthy", "unhealthy", NULL};

int container_condition_check(const char *name, struct error **err)
{
	cleanup_free char *all = NULL;

	if (strv_contains((char *const *)conditions_known, name))
		return 0;
	all = str_join((char *const *)conditions_known, ", ");
	return error_set(err, ERR_USAGE, "--condition '%s': must be one of %s", name, all);
}

static bool is_met(const struct container *container, const char *health, const char *condition)
{
	enum container_state state = container->status.state;

	if (strcmp(condition, "healthy") == 0 || strcmp(condition, "unhealthy") == 0)
		return container_is_running(container) && strcmp(health, condition) == 0;
	if (strcmp(condition, "exited") == 0 || strcmp(condition, "stopped") == 0)
		return state == CONTAINER_EXITED;
	if (strcmp(condition, "configured") == 0 || strcmp(condition, "initialized") == 0)
		return state == CONTAINER_CREATED;
	return strcmp(container_state_name(state), condition) == 0;
}

int container_wait_condition(struct container *container, char *const *conditions,
	uint32_t interval_ms, int *ret_exit, struct error **err)
{
	cleanup_close int inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char data[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	char path[32];

	if (inotify_fd >= 0 && inotify_add_watch(inotify_fd, fd_path(container->dir_fd, path),
				       IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF) < 0)
		fd_replace(&inotify_fd, -1);
	for (;;) {
		cleanup_container_health struct container_health health = {0};
		struct pollfd wait = {.fd = inotify_fd, .events = POLLIN};

		if (container_refresh(container, err) < 0 ||
			container_health_read(container, &health, err) < 0)
			return -1;
		for (char *const *condition = conditions; *condition; condition++) {
			if (!is_met(container, health.status, *condition))
				continue;
			*ret_exit = container->status.state == CONTAINER_EXITED
					    ? container->status.exit_code
					    : -1;
			return 0;
		}
		if (faccessat(container->dir_fd, "container.json", F_OK, 0) < 0)
			return error_set(err, ERR_NOT_FOUND,
				"container '%s' was removed: no such container",
				container->config->name);
		if (poll(&wait, 1, (int)MIN(interval_ms, (uint32_t)LOOK_MS)) < 0 && errno != EINTR)
			return error_errno(
				err, errno, "wait for container '%s'", container->config->name);
		if (inotify_fd >= 0)
			(void)!read(inotify_fd, data, sizeof(data)); /* only wakes us */
	}
}
