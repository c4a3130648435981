#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "container/container.h"
#include "container/events.h"
#include "container/limits.h"
#include "container/state.h"
#include "monitor/client.h"
#include "util/check.h"
#include "util/mem.h"

/* A running container's control group, and freezing it. */

int container_cgroup_open(const struct container *container, struct cgroup *ret, struct error **err)
{
	if (!container_is_running(container))
		return error_set(err, ERR_CONFLICT,
			"container '%s' is not running: container state improper",
			container->config->name);
	if (!container->status.cgroup)
		return error_set(err, ERR_UNSUPPORTED,
			"container '%s' has no control group of its own, as none was delegated "
			"where "
			"it was started; start it from a session with a systemd user manager (sudo "
			"loginctl enable-linger %u), or in a unit with Delegate=yes" CHECK_SEE(
				CHECK_CGROUPS),
			container->config->name, geteuid());
	return cgroup_open(container->status.cgroup, ret, err);
}

/* Its monitor, so that it knows; itself, where that cannot be reached. */
static int freeze(struct store *store, struct container *container, const struct cgroup *cgroup,
	bool pause, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int monitor_fd = container_connect(store, container, &ignored);

	if (monitor_fd >= 0)
		(void)monitor_pause(monitor_fd, pause, &ignored); /* the group itself tells */
	return cgroup_freeze(cgroup, pause, err);
}

int container_pause(
	struct store *store, struct container *container, bool pause, struct error **err)
{
	cleanup_cgroup struct cgroup cgroup = CGROUP_INIT;
	cleanup_error struct error *ignored = NULL;
	const char *id = container->config->id;
	cleanup_close int marker_fd = -1;

	if (pause && container->status.state == CONTAINER_PAUSED) {
		error_set(err, ERR_CONFLICT, "\"%s\" is already paused: container state improper",
			id);
		return error_docker(
			err, "Error response from daemon: Container %s is already paused", id);
	}
	if (pause && container->status.state != CONTAINER_RUNNING) {
		error_set(err, ERR_CONFLICT,
			"\"%s\" is not running, can't pause: container state improper", id);
		return error_docker(
			err, "Error response from daemon: Container %s is not running", id);
	}
	if (!pause && container->status.state != CONTAINER_PAUSED) {
		error_set(err, ERR_CONFLICT,
			"\"%s\" is not paused, can't unpause: container state improper", id);
		return error_docker(
			err, "Error response from daemon: Container %s is not paused", id);
	}
	if (container_cgroup_open(container, &cgroup, err) < 0)
		return -1;
	/* The mark is there from before to after: whoever is killed in between can be helped by
	 * unpause. */
	if (pause) {
		marker_fd = openat(container->dir_fd, CONTAINER_PAUSED_FILE,
			O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (marker_fd < 0)
			return error_errno(err, errno, "note that container '%s' is paused",
				container->config->name);
	}
	if (freeze(store, container, &cgroup, pause, err) < 0) {
		if (pause) {
			(void)freeze(store, container, &cgroup, false, &ignored);
			(void)unlinkat(container->dir_fd, CONTAINER_PAUSED_FILE, 0);
		}
		return error_wrap(err, "%s container '%s'", pause ? "pause" : "unpause",
			container->config->name);
	}
	if (!pause)
		(void)unlinkat(container->dir_fd, CONTAINER_PAUSED_FILE, 0);
	container->status.state = pause ? CONTAINER_PAUSED : CONTAINER_RUNNING;
	event_container(store, container, pause ? "pause" : "unpause", NULL);
	return 0;
}
