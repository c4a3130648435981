#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/file.h"
#include "cgroup/manager.h"
#include "cgroup/scope.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

#define SUPERVISOR "supervisor"
#define CONTAINER  "container"

enum cgroup_manager cgroup_manager_choose(enum cgroup_manager wanted)
{
	cleanup_free char *socket_path = NULL;

	if (wanted != CGROUP_MANAGER_AUTO)
		return wanted;
	socket_path = scope_manager_socket();
	return socket_path ? CGROUP_MANAGER_SYSTEMD : CGROUP_MANAGER_CGROUPFS;
}

/* A monitor that starts its container again is in the scope still, in its part of it. */
static bool is_in_scope(const char *unit)
{
	cleanup_free char *own = NULL, *end = xasprintf("/%s/" SUPERVISOR, unit);
	cleanup_error struct error *ignored = NULL;

	return cgroup_own_path(&own, &ignored) == 0 && str_ends_with(own, end);
}

int cgroup_begin(const struct cgroup_request *req, struct cgroup_pending **ret, struct error **err)
{
	cleanup_free char *socket_path = NULL, *unit = NULL, *slice = NULL;

	if (scope_names(req->path, req->name, &unit, &slice, err) < 0)
		return -1;
	if (is_in_scope(unit)) {
		*ret = xcalloc(1, sizeof(**ret));
		**ret = (struct cgroup_pending){.fd = -1, .unit = steal_ptr(&unit)};
		return 0;
	}
	socket_path = scope_manager_socket();
	if (!socket_path)
		return error_set(err, ERR_UNSUPPORTED,
			"no systemd manager can be reached: log in with a session of your own "
			"(ssh, "
			"machinectl shell), or: sudo loginctl enable-linger %u",
			geteuid());
	return scope_begin(socket_path, unit, slice, ret, err);
}

/* PID, this process or (stay) the helper, is in the scope: room is made for the container. */
static int fill_scope(const struct cgroup_hierarchy *h, const struct cgroup_request *req,
	const char *unit, int pid_in_scope, struct cgroup *ret, struct error **err)
{
	cleanup_close int scope_fd = -1, own_fd = -1, fd = -1;
	cleanup_free char *scope = NULL;
	char pid[24];

	snprintf(pid, sizeof(pid), "%d", pid_in_scope);
	if (cgroup_path_of(pid, &scope, err) < 0)
		return -1;
	if (str_ends_with(scope, "/" SUPERVISOR))
		scope[strlen(scope) - strlen("/" SUPERVISOR)] = '\0';
	if (!str_ends_with(scope, unit))
		return error_set(err, ERR_SYSTEM,
			"the service manager put this process into '%s', not into scope '%s'",
			scope, unit);
	scope_fd = cgroup_dir_open(h, scope);
	if (scope_fd < 0)
		return error_errno(err, errno, "open control group '%s'", scope);
	/* A group with processes hands no controllers on. */
	own_fd = cgroup_make_below(scope_fd, SUPERVISOR);
	if (own_fd < 0 || cgroup_file_write(own_fd, "cgroup.procs", pid) < 0)
		return error_errno(
			err, errno, "move to '" SUPERVISOR "' in control group '%s'", scope);
	if (req->controllers)
		(void)cgroup_controllers_enable(scope_fd, req->controllers);
	fd = cgroup_make_below(scope_fd, CONTAINER);
	if (fd < 0)
		return error_errno(err, errno, "make '" CONTAINER "' in control group '%s'", scope);
	*ret = (struct cgroup){
		.fd = steal_fd(&fd),
		.path = xasprintf("%s/" CONTAINER, scope),
		.unit = xstrdup(unit),
	};
	return 0;
}

static int systemd_create(const struct cgroup_request *req, const struct cgroup_hierarchy *h,
	struct cgroup *ret, struct error **err)
{
	struct cgroup_pending *pending = req->pending;
	int status;

	if (!pending && cgroup_begin(req, &pending, err) < 0)
		return -1;
	status = pending->fd < 0 ? 0 : scope_finish(pending, req->stay ? 0 : getpid(), err);
	if (status == 0)
		status = fill_scope(h, req, pending->unit,
			req->stay && pending->fd >= 0 ? pending->helper_pid : getpid(), ret, err);
	if (pending != req->pending)
		cgroup_pending_free(pending);
	return status;
}

int cgroup_create(const struct cgroup_request *req, struct cgroup *ret, struct error **err)
{
	cleanup_cgroup_hierarchy struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;

	if (cgroup_hierarchy_open(&h, err) < 0)
		return -1;
	if (cgroup_manager_choose(req->manager) == CGROUP_MANAGER_SYSTEMD)
		return systemd_create(req, &h, ret, err);
	return cgroupfs_create(req, &h, ret, err);
}

int cgroup_reach(const struct cgroup *cgroup, struct error **err)
{
	cleanup_cgroup_hierarchy struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	cleanup_error struct error *why = NULL;
	cleanup_free char *unit = NULL;
	const char *end;

	if (cgroup_hierarchy_open(&h, err) < 0)
		return -1;
	if (cgroup_check_common(&h, cgroup->path, &why) == 0)
		return 0;
	end = strstr(cgroup->path, ".scope/" CONTAINER);
	if (end) {
		const char *name = memrchr(cgroup->path, '/', (size_t)(end - cgroup->path));

		unit = xstrndup(name + 1, (size_t)(end - name - 1) + strlen(".scope"));
		if (scope_attach(unit, "/" SUPERVISOR, err) < 0)
			return error_wrap(err, "%s", why->message);
		return 0;
	}
	return error_move(err, &why);
}
