#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/group.h"
#include "oci/processes.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define PROCESSES_MAX  (1u << 22)
#define PID_LEVELS_MAX 33

struct pids {
	pid_t *items;
	size_t count, capacity;
};

static void pids_add(struct pids *pids, pid_t pid)
{
	array_grow(pids->items, pids->count, pids->capacity);
	pids->items[pids->count++] = pid;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

/* Is PID in the pid namespace WANTED, or in one below it? */
static bool in_pid_namespace(int proc_fd, pid_t pid, const struct stat *wanted)
{
	cleanup_close int fd = -1;
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "%d/ns/pid", (int)pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	for (int level = 0; fd >= 0 && level < PID_LEVELS_MAX; level++) {
		if (fstat(fd, &st) < 0)
			return false;
		if (st.st_ino == wanted->st_ino && st.st_dev == wanted->st_dev)
			return true;
		fd_replace(&fd, ioctl(fd, NS_GET_PARENT));
	}
	return false;
}

static pid_t parent_of(int proc_fd, pid_t pid)
{
	char path[32], text[512];
	cleanup_close int fd = -1;
	const char *close;
	ssize_t n;
	int ppid;

	snprintf(path, sizeof(path), "%d/stat", (int)pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read_full(fd, text, sizeof(text) - 1);
	if (n < 0)
		return 0;
	text[n] = '\0';
	close = strrchr(text, ')');
	return close && sscanf(close + 1, " %*c %d", &ppid) == 1 ? ppid : 0;
}

/* Init's children and theirs: where it shares a pid namespace. */
static void add_descendants(int proc_fd, pid_t init, const struct pids *all, struct pids *ret)
{
	pids_add(ret, init);
	for (size_t found = 0; found < ret->count; found++)
		for (size_t i = 0; i < all->count; i++)
			if (parent_of(proc_fd, all->items[i]) == ret->items[found])
				pids_add(ret, all->items[i]);
}

static int processes_by_namespace(
	const struct oci_container *container, struct pids *ret, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(AT_FDCWD, "/proc");
	cleanup_free pid_t *all_items = NULL;
	struct pids all = {0};
	struct dirent *entry;
	struct stat wanted;
	char path[32];
	pid_t init = container->record.pid;
	bool own = container->record.namespaces & 1u << NAMESPACE_PID;

	if (!dir)
		return error_errno(err, errno, "open '/proc'");
	snprintf(path, sizeof(path), "%d/ns/pid", (int)init);
	if (fstatat(dirfd(dir), path, &wanted, 0) < 0) {
		if (errno == ENOENT || errno == ESRCH)
			return 0;
		return error_errno(err, errno, "look at the container's pid namespace");
	}
	while (all.count < PROCESSES_MAX && (entry = dir_next(dir))) {
		uint64_t pid;

		if (str_to_uint64(entry->d_name, INT32_MAX, &pid) < 0)
			continue;
		if (!own)
			pids_add(&all, (pid_t)pid);
		else if (in_pid_namespace(dirfd(dir), (pid_t)pid, &wanted))
			pids_add(ret, (pid_t)pid);
	}
	all_items = all.items;
	if (!own)
		add_descendants(dirfd(dir), init, &all, ret);
	return 0;
}

int oci_processes(
	const struct oci_container *container, pid_t **ret, size_t *ret_count, struct error **err)
{
	cleanup_cgroup struct cgroup group = CGROUP_INIT;
	cleanup_error struct error *why = NULL;
	cleanup_close int pidfd = -1;
	struct pids pids = {0};

	if (oci_group_open(&container->record, &group, &why) == 0)
		return cgroup_processes(&group, ret, ret_count, err);
	pidfd = oci_container_pidfd(container);
	if (pidfd >= 0 && processes_by_namespace(container, &pids, err) < 0) {
		free(pids.items);
		return -1;
	}
	if (pids.items)
		qsort(pids.items, pids.count, sizeof(*pids.items), compare_pids);
	*ret = pids.items;
	*ret_count = pids.count;
	return 0;
}

int oci_signal_all(const struct oci_container *container, int pidfd, int signal, struct error **err)
{
	cleanup_cgroup struct cgroup group = CGROUP_INIT;
	cleanup_error struct error *why = NULL;
	cleanup_free pid_t *pids = NULL;
	size_t count = 0;

	if (oci_group_open(&container->record, &group, &why) == 0)
		return cgroup_kill(&group, signal, err);
	/* Its pid namespace ends with init: then there is nobody left. */
	if (pidfd < 0)
		return 0;
	if (oci_processes(container, &pids, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (kill(pids[i], signal) < 0 && errno != ESRCH)
			return error_errno(err, errno, "signal process %d of container '%s'",
				(int)pids[i], container->record.id);
	return 0;
}
