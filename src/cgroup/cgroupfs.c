#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cgroup/file.h"
#include "cgroup/manager.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define SUPERVISOR  "supervisor"
#define MAKE_TRIES  20
#define DEFAULT_TOP "/pod" /* of real root, where no service manager owns the hierarchy */

static const char *const controller_names[] = {
	[CGROUP_CONTROLLER_CPU] = "cpu",
	[CGROUP_CONTROLLER_CPUSET] = "cpuset",
	[CGROUP_CONTROLLER_IO] = "io",
	[CGROUP_CONTROLLER_MEMORY] = "memory",
	[CGROUP_CONTROLLER_PIDS] = "pids",
	[CGROUP_CONTROLLER_HUGETLB] = "hugetlb",
	[CGROUP_CONTROLLER_RDMA] = "rdma",
	[CGROUP_CONTROLLER_MISC] = "misc",
};

const char *cgroup_controller_name(enum cgroup_controller controller)
{
	return controller_names[controller];
}

static unsigned int read_controllers(int dir_fd, const char *file)
{
	unsigned int found = 0;
	char text[512], *rest = text, *word;

	if (cgroup_file_read(dir_fd, file, text, sizeof(text)) < 0)
		return 0;
	while ((word = strsep(&rest, " ")))
		for (unsigned int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
			if (strcmp(word, controller_names[i]) == 0)
				found |= 1u << i;
	return found;
}

unsigned int cgroup_controllers(const struct cgroup *cgroup)
{
	return read_controllers(cgroup->fd, "cgroup.controllers");
}

unsigned int cgroup_controllers_enable(int dir_fd, unsigned int wanted)
{
	unsigned int has = wanted & read_controllers(dir_fd, "cgroup.controllers");
	unsigned int on = has ? read_controllers(dir_fd, "cgroup.subtree_control") : 0;
	char all[256] = "", one[32];
	int why = 0;

	for (unsigned int i = 0, used = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		if (has & ~on & 1u << i)
			used += (unsigned int)snprintf(
				all + used, sizeof(all) - used, "+%s ", controller_names[i]);
	errno = 0;
	if (!all[0])
		return on;
	/* At once: each write makes the whole system wait for a moment. */
	if (cgroup_file_write(dir_fd, "cgroup.subtree_control", all) == 0) {
		errno = 0;
		return on | has;
	}
	why = errno;
	if (why == EBUSY || why == EACCES || why == EPERM || why == EROFS)
		goto done; /* it is not about one of them */
	for (unsigned int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		if (!(has & ~on & 1u << i))
			continue;
		snprintf(one, sizeof(one), "+%s", controller_names[i]);
		if (cgroup_file_write(dir_fd, "cgroup.subtree_control", one) == 0)
			on |= 1u << i;
	}
done:
	errno = why;
	return on;
}

int cgroup_make_below(int parent_fd, const char *name)
{
	if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
		return -1;
	return openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

int cgroup_evacuate(int dir_fd)
{
	cleanup_close int target_fd = cgroup_make_below(dir_fd, SUPERVISOR);

	if (target_fd < 0)
		return -1;
	/* New ones may be forked meanwhile. */
	for (int round = 0; round < 20; round++) {
		char text[65536], *rest = text, *pid;

		if (cgroup_file_read(dir_fd, "cgroup.procs", text, sizeof(text)) < 0)
			return -1;
		if (!text[0])
			return 0;
		/* What did not fit may be cut off within a number; the next round reads it. */
		if (strlen(text) == sizeof(text) - 1)
			*strrchr(text, '\n') = '\0';
		while ((pid = strsep(&rest, "\n"))) {
			if (strcmp(pid, "0") == 0) {
				errno = EPERM; /* a process outside of our pid namespace */
				return -1;
			}
			if (*pid && cgroup_file_write(target_fd, "cgroup.procs", pid) < 0 &&
				errno != ESRCH)
				return -1;
		}
	}
	errno = EBUSY;
	return -1;
}

/* One on the way to a container's group, marked when it is we who make it: it goes with the last
 * container in it. */
static int make_marked(int parent_fd, const char *name)
{
	bool made = mkdirat(parent_fd, name, 0755) == 0;
	int fd;

	if (!made && errno != EEXIST)
		return -1;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && made) /* 5.7; without, it stays */
		(void)fsetxattr(fd, CGROUP_MADE_XATTR, "1", 1, 0);
	return fd;
}

/* Groups of the path are made as they are missing, and hand the controllers on. */
static int make_path_once(int from_fd, const char *path, unsigned int controllers, int *ret_fd)
{
	cleanup_close int fd = fcntl(from_fd, F_DUPFD_CLOEXEC, 3);
	cleanup_free char *copy = xstrdup(path);

	for (char *rest = copy, *name; (name = strsep(&rest, "/"));) {
		int next;

		if (!*name)
			continue;
		if (controllers)
			(void)cgroup_controllers_enable(fd, controllers); /* cgroup_apply() tells */
		next = make_marked(fd, name);
		if (next < 0)
			return -1;
		fd_replace(&fd, next);
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int make_path(int from_fd, const char *path, unsigned int controllers, int *ret_fd)
{
	int status = -1;

	/* The last container of a group that we go through may just end and take it along. */
	for (int i = 0; i < MAKE_TRIES && status < 0; i++) {
		status = make_path_once(from_fd, path, controllers, ret_fd);
		if (status < 0 && errno != ENOENT && errno != ENODEV)
			break;
	}
	return status;
}

/* The real root of the hierarchy is the one group without a type. Real root puts its containers
 * there; all others into the group they are in. */
static int default_parent(const struct cgroup_hierarchy *h, char **ret, struct error **err)
{
	if (faccessat(h->root_fd, "cgroup.type", F_OK, 0) < 0 && errno == ENOENT &&
		faccessat(h->root_fd, "cgroup.procs", W_OK, AT_EACCESS) == 0) {
		*ret = xstrdup(DEFAULT_TOP);
		return 0;
	}
	if (cgroup_own_path(ret, err) < 0)
		return -1;
	/* Processes that were moved out of the way, by an earlier container. */
	if (str_ends_with(*ret, "/" SUPERVISOR)) {
		cleanup_free char *above = xstrndup(*ret, strlen(*ret) - strlen("/" SUPERVISOR));
		cleanup_close int fd = cgroup_dir_open(h, *above ? above : "/");

		if (fd >= 0 && faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) == 0) {
			free(*ret);
			*ret = xstrdup(*above ? above : "/");
		}
	}
	return 0;
}

/* The parent's controllers, past the rule that a group with processes hands on none. */
static void hand_on(int parent_fd, const struct cgroup_request *req)
{
	if (!req->controllers)
		return;
	(void)cgroup_controllers_enable(parent_fd, req->controllers);
	if (errno == EBUSY && req->may_move_others && cgroup_evacuate(parent_fd) == 0)
		(void)cgroup_controllers_enable(parent_fd, req->controllers);
}

static int name_check(const char *name, struct error **err)
{
	if (!*name || strlen(name) > 200 || name[0] == '.' ||
		name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@")])
		return error_set(err, ERR_INVALID, "'%s' is no name for a control group", name);
	return 0;
}

int cgroup_check_common(const struct cgroup_hierarchy *h, const char *path, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *own = NULL;
	cleanup_close int fd = -1;
	size_t common = 0;

	if (cgroup_own_path(&own, &ignored) < 0)
		return 0; /* the kernel tells */
	for (size_t i = 0; own[i] == path[i] && own[i]; i++)
		if (path[i + 1] == '\0' || path[i + 1] == '/')
			if (own[i + 1] == '\0' || own[i + 1] == '/')
				common = i + 1;
	own[common] = '\0';
	fd = cgroup_dir_open(h, *own ? own : "/");
	if (fd < 0 || faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) == 0)
		return 0;
	return error_errno(err, errno,
		"move processes into control group '%s' from where this one is: '%s/cgroup.procs'",
		path, own);
}

int cgroupfs_create(const struct cgroup_request *req, const struct cgroup_hierarchy *h,
	struct cgroup *ret, struct error **err)
{
	cleanup_free char *parent = NULL, *path = NULL;
	cleanup_close int parent_fd = -1, fd = -1;

	if (req->path && req->path[0] == '/') {
		path = xstrdup(req->path);
	} else {
		const char *name = req->path ? req->path : req->name;

		if ((!req->path && name_check(name, err) < 0) ||
			default_parent(h, &parent, err) < 0)
			return -1;
		path = xasprintf("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
	}
	if (cgroup_path_check(path, "control group", err) < 0 ||
		cgroup_check_common(h, path, err) < 0)
		return -1;
	if (parent && strcmp(parent, DEFAULT_TOP) != 0) {
		parent_fd = cgroup_dir_open(h, parent);
		if (parent_fd < 0)
			return error_errno(err, errno, "open control group '%s'", parent);
		/* One of a run whose monitor was killed: its limits are not ours. */
		if (!req->path)
			(void)unlinkat(parent_fd, req->name, AT_REMOVEDIR);
		hand_on(parent_fd, req);
		if (make_path(parent_fd, path + strlen(strcmp(parent, "/") == 0 ? "" : parent),
			    req->controllers, &fd) < 0)
			return error_errno(err, errno, "make control group '%s'", path);
	} else if (make_path(h->root_fd, path, req->controllers, &fd) < 0) {
		return error_errno(err, errno, "make control group '%s'", path);
	}
	*ret = (struct cgroup){.fd = steal_fd(&fd), .path = steal_ptr(&path)};
	return 0;
}
