#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/program/state.h"

/* Directories this deep are moved up before they are emptied: each level holds a descriptor. */
#define REMOVE_DEPTH_MAX 100

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing was written through it */
	*fd = -1;
}

/* `exit`, whole or absent. Returns the file, to be synced later; -1 when the disk is full. */
static int exit_write(struct monitor *m)
{
	char data[512];
	struct text t = {.data = data, .capacity = sizeof(data)};
	int dir_fd = m->handover.container_dir_fd, fd;
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	text_add(&t, "{\"version\":1,\"bootId\":\"");
	text_add(&t, m->handover.boot_id);
	text_add(&t, "\",\"exitCode\":");
	text_add_uint(&t, (uint64_t)m->exit_code);
	text_add(&t, ",\"signal\":");
	text_add_uint(&t, (uint64_t)m->exit_signal);
	text_add(&t, ",\"oomKilled\":false,\"startedAt\":");
	text_add_uint(&t, m->handover.started_realtime_ns);
	text_add(&t, ",\"finishedAt\":");
	text_add_uint(&t, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	text_add(&t, "}\n");
	fd = openat(dir_fd, ".tmp-exit", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	if (write(fd, data, t.len) != (ssize_t)t.len ||
		renameat(dir_fd, ".tmp-exit", dir_fd, "exit") < 0) {
		(void)unlinkat(dir_fd, ".tmp-exit", 0);
		close_fd(&fd);
	}
	return fd;
}

static char *removed_name(const struct monitor *m, char out[MONITOR_ID_MAX + 8])
{
	struct text t = {.data = out, .capacity = MONITOR_ID_MAX + 8};

	text_add(&t, "rm-");
	text_add(&t, m->handover.id);
	return out;
}

/* --rm: the name is free and the record gone from sight when the exit is reported. */
static bool record_release(struct monitor *m)
{
	const struct monitor_handover *h = &m->handover;
	char target[MONITOR_ID_MAX + 16], name[MONITOR_ID_MAX + 8];
	ssize_t len;

	if (h->name[0] && h->names_dir_fd >= 0) {
		const char *id;

		len = readlinkat(h->names_dir_fd, h->name, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		id = strrchr(target, '/');
		/* It may have been renamed, and the name be somebody else's by now. */
		if (strcmp(id ? id + 1 : target, h->id) == 0)
			(void)unlinkat(h->names_dir_fd, h->name, 0);
	}
	return renameat(h->containers_dir_fd, h->id, h->tmp_dir_fd, removed_name(m, name)) == 0;
}

static void remove_contents(int dir_fd, int top_fd, int depth, dev_t dev);

static void remove_entry(int dir_fd, int top_fd, const char *name, int depth, dev_t dev)
{
	static unsigned int moved;
	struct stat st;
	int fd;

	if (unlinkat(dir_fd, name, 0) == 0 || (errno != EISDIR && errno != EPERM && errno != EACCES))
		return;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
		return;
	if (depth >= REMOVE_DEPTH_MAX) {
		char up[32];
		struct text t = {.data = up, .capacity = sizeof(up)};

		text_add(&t, ".deep-");
		text_add_uint(&t, ++moved);
		(void)renameat(dir_fd, name, top_fd, up); /* the next round empties it */
		return;
	}
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	/* never into a mounted file system */
	if (fstat(fd, &st) < 0 || st.st_dev != dev) {
		(void)close(fd);
		return;
	}
	remove_contents(fd, top_fd, depth + 1, dev);
	(void)unlinkat(dir_fd, name, AT_REMOVEDIR);
}

/* Takes DIR_FD. Failures are skipped: what stays is unlocked garbage in tmp/, for the next sweep. */
static void remove_contents(int dir_fd, int top_fd, int depth, dev_t dev)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;

	if (!dir) {
		(void)close(dir_fd);
		return;
	}
	(void)fchmod(dir_fd, 0700); /* overlay leaves a work directory of mode 0 */
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_entry(dir_fd, top_fd, entry->d_name, depth, dev);
	(void)closedir(dir);
}

static bool is_empty(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool empty = true;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			empty = false;
	if (dir)
		(void)closedir(dir);
	return empty;
}

/*
 * Deletes the record's tree, in a child that is root of the user namespace: files of other ids are in it.
 * USERNS_FD is the last descriptor of that namespace that we hold.
 */
static void tree_remove(struct monitor *m, int userns_fd)
{
	char name[MONITOR_ID_MAX + 8];
	int tmp_fd = m->handover.tmp_dir_fd;
	struct rlimit limit;
	struct stat st;
	pid_t pid = fork();

	if (pid != 0) {
		if (pid > 0)
			(void)waitpid(pid, NULL, 0);
		return;
	}
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (userns_fd >= 0 &&
		(setns(userns_fd, CLONE_NEWUSER) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
			syscall(SYS_setresuid, 0, 0, 0) < 0))
		_exit(1);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void)removed_name(m, name);
	for (int round = 0; round < 10000; round++) {
		int fd = openat(tmp_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 || fstat(fd, &st) < 0)
			_exit(0);
		/* a second descriptor for the target of moves */
		remove_contents(dup(fd), fd, 0, st.st_dev);
		(void)close(fd);
		if (unlinkat(tmp_fd, name, AT_REMOVEDIR) == 0 || is_empty(tmp_fd, name))
			_exit(0);
	}
	_exit(1);
}

/* SIGKILL to all children: they are not reaped yet, so the numbers are theirs. */
static void kill_children(void)
{
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	char data[4096];
	ssize_t len = fd < 0 ? 0 : read(fd, data, sizeof(data) - 1);

	if (fd >= 0)
		(void)close(fd);
	data[len > 0 ? len : 0] = '\0';
	for (char *p = data, *end; *p; p = end) {
		long pid = strtol(p, &end, 10);

		/* a number may be cut at the end of the buffer: the next round has it */
		if (end == p || pid <= 0 || *end != ' ')
			break;
		(void)kill((pid_t)pid, SIGKILL);
		end++;
	}
}

/* With a pid namespace of its own nothing is left of the container by now. Without (--pid host), what
 * its init left behind has become our child, round by round. */
static void end_children(void)
{
	do
		kill_children();
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR);
}

static void network_end(struct monitor *m)
{
	/* Its own exit would take it 13 to 31 ms; nobody waits for it before the report. */
	close_fd(&m->handover.network_exit_fd);
	if (m->handover.network_pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, m->handover.network_pidfd, SIGKILL, NULL, 0);
}

static void sockets_unlink(struct monitor *m)
{
	if (m->handover.runtime_dir_fd < 0)
		return;
	if (m->handover.control_socket[0])
		(void)unlinkat(m->handover.runtime_dir_fd, m->handover.control_socket, 0);
	if (m->handover.userns_socket[0])
		(void)unlinkat(m->handover.runtime_dir_fd, m->handover.userns_socket, 0);
	source_close(m, &m->handover.listen_fd);
	source_close(m, &m->handover.userns_listen_fd);
}

static void tail_finish(struct monitor *m)
{
	while (!clients_flush_tail(m)) {
		struct pollfd wait = {
			.fd = client_fd(&m->clients[m->lossless - 1]),
			.events = POLLOUT,
		};

		(void)poll(&wait, 1, -1); /* a client that is gone ends it, too */
	}
}

void end_run(struct monitor *m)
{
	bool remove = m->handover.flags & MONITOR_REMOVE;
	int exit_fd, userns_fd = -1;

	/* What the container wrote last, to the log and the clients; then its end. */
	output_finish(m);
	exit_fd = exit_write(m);
	if (remove)
		remove = record_release(m);
	exec_container_ended(m);
	clients_report_exit(m);

	network_end(m);
	sockets_unlink(m);
	source_close(m, &m->stdin_fd);
	/* The overlay is unmounted by the last of these; this may sync a disk. Not the user
	 * namespace, which holds no mount of the container and owns what is to be deleted. */
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		if (i == NAMESPACE_USER && remove)
			userns_fd = m->handover.namespace_fds[i];
		else
			close_fd(&m->handover.namespace_fds[i]);
	}
	close_fd(&m->handover.init_pidfd);
	close_fd(&m->handover.cgroup_fd);
	end_children();
	close_fd(&m->handover.lock_fd);
	/* End of file tells the others that the lock is free. */
	for (unsigned int i = 0; i < m->client_high; i++)
		if (m->lossless != (int)i + 1 || !m->tail.len)
			client_drop(m, i);
	if (remove)
		tree_remove(m, userns_fd);
	else if (exit_fd >= 0)
		(void)fdatasync(exit_fd); /* the exit of a kept container survives a power cut */
	tail_finish(m);
}
