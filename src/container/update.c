#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "container/container.h"
#include "container/events.h"
#include "container/health.h"
#include "container/names.h"
#include "container/state.h"
#include "container/supervision.h"
#include "monitor/client.h"
#include "util/mem.h"

/* What a running container cannot be given is an error here: nothing was started that would fail.
 */
static int update_group(
	struct container *container, const struct cgroup_resources *change, struct error **err)
{
	cleanup_cgroup struct cgroup cgroup = CGROUP_INIT;

	if (container_cgroup_open(container, &cgroup, err) < 0)
		return -1;
	return cgroup_apply(&cgroup, change, err);
}

static int change_resources(
	struct container_config *config, const struct cgroup_resources *change, struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *all = NULL;

	if (config->resources && cgroup_resources_parse_text(config->resources,
					 strlen(config->resources), "resources", &all, err) < 0)
		return -1;
	if (!all)
		all = xcalloc(1, sizeof(*all));
	cgroup_resources_merge(all, change);
	free(config->resources);
	config->resources = cgroup_resources_text(all);
	return 0;
}

/* One that waits to start the container again reads the record when it does. */
static int update_monitor(
	struct store *store, struct container *container, bool health, struct error **err)
{
	cleanup_close int monitor_fd = -1;
	struct monitor_policy policy;

	if (container->status.state != CONTAINER_RUNNING &&
		container->status.state != CONTAINER_PAUSED)
		return 0;
	if (supervision_policy(container->config, &policy, err) < 0)
		return -1;
	if (health) {
		policy.flags |= POLICY_HEALTH_CHANGED;
		if (supervision_write_plans(container, err) < 0)
			return -1;
	}
	monitor_fd = container_connect(store, container, err);
	return monitor_fd < 0 ? -1 : monitor_update(monitor_fd, &policy, err);
}

/* A request to stop that counted for nothing before must not count now; the next restart needs to
 * know how. */
static int prepare_restarts(
	struct store *store, struct container *container, bool was_possible, struct error **err)
{
	if (was_possible || !supervision_may_restart(container->config))
		return 0;
	if (unlinkat(container->dir_fd, CONTAINER_STOP_FILE, 0) < 0 && errno != ENOENT)
		return error_errno(err, errno, "forget a request to stop");
	return supervision_write_restart(store, container, 0, err);
}

static int update(struct store *store, struct container *container,
	const struct container_update_request *change, struct error **err)
{
	struct container_config *config = container->config;
	bool could_restart = supervision_may_restart(config);
	bool supervised = change->restart_policy || change->health;

	if (change->resources && change_resources(config, change->resources, err) < 0)
		return -1;
	if (change->restart_policy) {
		free(config->restart_policy);
		config->restart_policy = xstrdup(change->restart_policy);
	}
	if (change->health && health_config_update(change->health, config, err) < 0)
		return -1;
	if (supervised && supervision_check(config, err) < 0) {
		if (config->remove && change->restart_policy)
			error_docker(err,
				"Error response from daemon: Restart policy cannot be updated "
				"because AutoRemove is enabled for the container");
		return -1;
	}
	if (container_is_running(container) && change->resources &&
		update_group(container, change->resources, err) < 0)
		return -1;
	if (supervised &&
		(prepare_restarts(store, container, could_restart, err) < 0 ||
			update_monitor(store, container, change->health != NULL, err) < 0))
		return -1;
	return container_settings_write(container, err);
}

int container_update(struct store *store, const char *id,
	const struct container_update_request *change, struct error **err)
{
	cleanup_container struct container *container = NULL;
	cleanup_close int lock_fd = -1;

	/* All of settings.json is written: nobody else's change may be lost. */
	lock_fd = names_lock(store, err);
	if (lock_fd < 0 || container_load(store, id, &container, err) < 0)
		return -1;
	if (update(store, container, change, err) < 0)
		return error_wrap(err, "update container '%s'", container->config->name);
	event_container(store, container, "update", NULL);
	return 0;
}
