#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/file.h"
#include "cgroup/hierarchy.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

#define PROCS_MAX     (4u << 20) /* bytes of cgroup.procs */
#define DEPTH_MAX     64
#define KILL_MAX      128  /* descriptors that are open at once: a limit of 256 is enough */
#define WAIT_LIMIT_MS 5000 /* for the kernel to freeze, to end and to let go of processes */

void cgroup_clear(struct cgroup *cgroup)
{
	close_keep_errno(cgroup->fd);
	free(cgroup->path);
	free(cgroup->unit);
	*cgroup = CGROUP_INIT;
}

static const char *const manager_names[] = {
	[CGROUP_MANAGER_AUTO] = "auto",
	[CGROUP_MANAGER_SYSTEMD] = "systemd",
	[CGROUP_MANAGER_CGROUPFS] = "cgroupfs",
};

const char *cgroup_manager_name(enum cgroup_manager manager)
{
	return manager_names[manager];
}

int cgroup_manager_parse(const char *text, enum cgroup_manager *ret, struct error **err)
{
	if (str_equal(text, "systemd"))
		*ret = CGROUP_MANAGER_SYSTEMD;
	else if (str_equal(text, "cgroupfs"))
		*ret = CGROUP_MANAGER_CGROUPFS;
	else
		return error_set(err, ERR_USAGE,
			"invalid cgroup manager '%s': must be systemd or cgroupfs", text);
	return 0;
}

int cgroup_open(const char *path, struct cgroup *ret, struct error **err)
{
	cleanup_cgroup_hierarchy struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	int fd;

	if (cgroup_path_check(path, "control group", err) < 0 || cgroup_hierarchy_open(&h, err) < 0)
		return -1;
	fd = cgroup_dir_open(&h, path);
	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERR_NOT_FOUND, "control group '%s' is gone", path);
	if (fd < 0)
		return error_errno(err, errno, "open control group '%s'", path);
	*ret = (struct cgroup){.fd = fd, .path = xstrdup(path)};
	return 0;
}

int cgroup_attach(const struct cgroup *cgroup, pid_t pid, struct error **err)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", (int)pid);
	if (cgroup_file_write(cgroup->fd, "cgroup.procs", text) < 0)
		return error_errno(err, errno, "move process %d into control group '%s'", (int)pid,
			cgroup->path);
	return 0;
}

/* -------- freezing -------- */

bool cgroup_is_frozen(const struct cgroup *cgroup)
{
	uint64_t frozen = 0;

	return cgroup_file_number(cgroup->fd, "cgroup.freeze", &frozen) == 0 && frozen == 1;
}

/* Wait until the line KEY of cgroup.events says VALUE. Returns 0, or -1 with errno. */
static int await_event(int dir_fd, const char *key, uint64_t value)
{
	cleanup_close int fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int64_t deadline = time_monotonic_ms() + WAIT_LIMIT_MS;

	if (fd < 0)
		return -1;
	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLPRI};
		char text[512];
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		uint64_t is;
		int64_t left = deadline - time_monotonic_ms();

		if (n < 0)
			return -1;
		text[n] = '\0';
		if (cgroup_flat_value(text, key, &is) == 0 && is == value)
			return 0;
		if (left <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		/* kernfs notifies; at most 25 times a second, hence not longer than that. */
		(void)poll(&wait, 1, (int)MIN(left, 50));
	}
}

int cgroup_freeze(const struct cgroup *cgroup, bool frozen, struct error **err)
{
	if (cgroup_file_write(cgroup->fd, "cgroup.freeze", frozen ? "1" : "0") < 0 ||
		await_event(cgroup->fd, "frozen", frozen) < 0)
		return error_errno(err, errno, "%s control group '%s'", frozen ? "freeze" : "thaw",
			cgroup->path);
	return 0;
}

/* -------- processes -------- */

struct pids {
	pid_t *pids;
	size_t count, capacity;
};

static int read_pids(int dir_fd, struct pids *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC), status;
	size_t len;

	/* A threaded group has no processes of its own (EOPNOTSUPP at read). */
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV
			       ? 0
			       : error_errno(err, errno, "open 'cgroup.procs'");
	status = read_fd_limited(fd, PROCS_MAX, &text, &len, err);
	close_keep_errno(fd);
	if (status < 0) {
		if ((*err)->errnum != EOPNOTSUPP && (*err)->errnum != ENODEV)
			return -1;
		error_free(steal_ptr(err));
		return 0;
	}
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		uint64_t pid;

		/* 0 is a process that this pid namespace does not have. */
		if (str_to_uint64(line, INT32_MAX, &pid) < 0 || pid == 0)
			continue;
		array_grow(ret->pids, ret->count, ret->capacity);
		ret->pids[ret->count++] = (pid_t)pid;
	}
	return 0;
}

/* Call VISIT for DIR_FD and the groups below, deepest first. */
typedef int (*visit_fn)(int parent_fd, const char *name, int fd, void *data, struct error **err);

static int walk(int parent_fd, const char *name, int fd, unsigned int depth, visit_fn visit,
	void *data, struct error **err)
{
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;

	if (depth > DEPTH_MAX)
		return error_set(
			err, ERR_SYSTEM, "control groups are nested more than %d deep", DEPTH_MAX);
	dir = dir_open_at(fd, ".");
	while (dir && (entry = dir_next(dir))) {
		cleanup_close int child_fd = -1;

		if (entry->d_type != DT_DIR)
			continue;
		child_fd =
			openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (child_fd >= 0 &&
			walk(fd, entry->d_name, child_fd, depth + 1, visit, data, err) < 0)
			return -1;
	}
	return visit(parent_fd, name, fd, data, err);
}

static int visit_pids(int parent_fd, const char *name, int fd, void *data, struct error **err)
{
	(void)parent_fd;
	(void)name;
	return read_pids(fd, data, err);
}

int cgroup_processes(
	const struct cgroup *cgroup, pid_t **ret, size_t *ret_count, struct error **err)
{
	struct pids pids = {0};

	if (walk(-1, NULL, cgroup->fd, 0, visit_pids, &pids, err) < 0) {
		free(pids.pids);
		return error_wrap(err, "list processes of control group '%s'", cgroup->path);
	}
	*ret = pids.pids;
	*ret_count = pids.count;
	return 0;
}

static bool contains(const pid_t *pids, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* A number may pass to another process between reading and killing: who is still in the group after
 * a pidfd was opened is who the pidfd stands for. */
static int kill_some(const struct cgroup *cgroup, const pid_t *pids, size_t count, int signal,
	struct error **err)
{
	cleanup_free pid_t *again = NULL;
	size_t again_count;
	int fds[KILL_MAX], status;

	for (size_t i = 0; i < count; i++)
		fds[i] = (int)syscall(SYS_pidfd_open, pids[i], 0);
	status = cgroup_processes(cgroup, &again, &again_count, err);
	for (size_t i = 0; i < count; i++) {
		if (status == 0 && fds[i] >= 0 && contains(again, again_count, pids[i]))
			(void)syscall(SYS_pidfd_send_signal, fds[i], signal, NULL, 0);
		close_keep_errno(fds[i]);
	}
	return status;
}

static int kill_round(
	const struct cgroup *cgroup, int signal, size_t *ret_count, struct error **err)
{
	cleanup_free pid_t *pids = NULL;
	size_t count;

	if (cgroup_processes(cgroup, &pids, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i += KILL_MAX)
		if (kill_some(cgroup, pids + i, MIN(count - i, (size_t)KILL_MAX), signal, err) < 0)
			return -1;
	*ret_count = count;
	return 0;
}

int cgroup_kill(const struct cgroup *cgroup, int signal, struct error **err)
{
	int64_t deadline = time_monotonic_ms() + WAIT_LIMIT_MS;
	size_t count = 0, before = SIZE_MAX;

	if (signal == SIGKILL && cgroup_file_write(cgroup->fd, "cgroup.kill", "1") == 0)
		return 0;
	if (signal != SIGKILL)
		return kill_round(cgroup, signal, &count, err);
	/* Before Linux 5.14: until no new ones come. */
	do {
		if (kill_round(cgroup, signal, &count, err) < 0)
			return -1;
		if (count && count >= before)
			(void)poll(NULL, 0, 1);
		before = count;
	} while (count && time_monotonic_ms() < deadline);
	return 0;
}

/* -------- removal -------- */

static int visit_remove(int parent_fd, const char *name, int fd, void *data, struct error **err)
{
	(void)fd;
	(void)data;
	(void)err;
	if (parent_fd >= 0)
		(void)unlinkat(parent_fd, name, AT_REMOVEDIR); /* the last rmdir tells */
	return 0;
}

/* Groups that were made on the way, as far up as they are empty. PATH is cut. */
static void remove_made(const struct cgroup_hierarchy *h, char *path)
{
	for (char *name; *path && (name = strrchr(path, '/'));) {
		cleanup_close int fd = cgroup_dir_open(h, path), parent_fd = -1;
		char mark;

		if (fd < 0 || fgetxattr(fd, CGROUP_MADE_XATTR, &mark, 1) != 1)
			return;
		*name++ = '\0';
		parent_fd = cgroup_dir_open(h, *path ? path : "/");
		if (parent_fd < 0 || unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
			return;
	}
}

int cgroup_destroy(const struct cgroup *cgroup, struct error **err)
{
	cleanup_cgroup_hierarchy struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	cleanup_free char *parent = xstrdup(cgroup->path);
	char *name = strrchr(parent, '/');
	cleanup_close int parent_fd = -1;
	int64_t deadline = time_monotonic_ms() + WAIT_LIMIT_MS;

	if (cgroup_hierarchy_open(&h, err) < 0)
		return -1;
	*name++ = '\0';
	if (!*name)
		return error_set(err, ERR_INVALID, "the root control group cannot be removed");
	parent_fd = cgroup_dir_open(&h, parent);
	if (parent_fd < 0 && errno == ENOENT)
		return 0;
	if (parent_fd < 0)
		return error_errno(err, errno, "open control group '%s'", parent);
	while (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0) {
		if (errno == ENOENT)
			break;
		if (errno != EBUSY)
			return error_errno(err, errno, "remove control group '%s'", cgroup->path);
		if (time_monotonic_ms() >= deadline)
			return error_set(err, ERR_CONFLICT,
				"control group '%s' still has processes in it", cgroup->path);
		if (walk(-1, NULL, cgroup->fd, 0, visit_remove, NULL, err) < 0)
			return -1;
		(void)await_event(cgroup->fd, "populated", 0);
		(void)poll(NULL, 0, 1); /* between "not populated" and "may be removed" */
	}
	remove_made(&h, parent);
	return 0;
}
