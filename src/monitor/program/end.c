#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/program/state.h"

/* Directories this deep are moved up before they are emptied: each level holds a descriptor. */
#define NAME_LOCK_TRIES  100 /* a millisecond apart */
#define REMOVE_DEPTH_MAX 100

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing was written through it */
	*fd = -1;
}

#define EXIT_TEMPORARY ".tmp-exit"
#define EXIT_SIZE_MAX  512

static int exit_open(const struct monitor *m)
{
	return openat(m->handover.container_dir_fd, EXIT_TEMPORARY,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void end_prepare(struct monitor *m)
{
	m->exit_fd = -1;
	if (m->handover.flags & MONITOR_REMOVE)
		return;
	m->exit_fd = exit_open(m);
	if (m->exit_fd >= 0 && fallocate(m->exit_fd, 0, 0, EXIT_SIZE_MAX) < 0)
		(void)ftruncate(m->exit_fd, 0); /* not on every file system */
}

/* `exit`, whole or absent. Returns the file, to be synced later; -1 when the disk is full. */
static int exit_write(struct monitor *m, bool restarting, const char *error)
{
	char data[EXIT_SIZE_MAX];
	struct text t = {.data = data, .capacity = sizeof(data)};
	int dir_fd = m->handover.container_dir_fd, fd;

	text_add(&t, "{\"version\":1,\"bootId\":\"");
	text_add(&t, m->handover.boot_id);
	text_add(&t, "\",\"exitCode\":");
	text_add_uint(&t, (uint64_t)m->exit_code);
	text_add(&t, ",\"signal\":");
	text_add_uint(&t, (uint64_t)m->exit_signal);
	text_add(&t, m->oom_killed ? ",\"oomKilled\":true" : ",\"oomKilled\":false");
	text_add(&t, ",\"startedAt\":");
	text_add_uint(&t, m->handover.started_realtime_ns);
	text_add(&t, ",\"finishedAt\":");
	text_add_uint(&t, m->finished_ns);
	if (error) {
		text_add(&t, ",\"error\":\"the container could not be started again: ");
		text_add(&t, error);
		text_add(&t, "\"");
	}
	text_add(&t, restarting ? ",\"restarting\":true}\n" : "}\n");
	fd = m->exit_fd >= 0 ? m->exit_fd : exit_open(m);
	m->exit_fd = -1; /* made once; after this it is `exit` */
	if (fd < 0)
		return -1;
	if (pwrite(fd, data, t.len, 0) != (ssize_t)t.len || ftruncate(fd, (off_t)t.len) < 0 ||
		renameat(dir_fd, EXIT_TEMPORARY, dir_fd, "exit") < 0) {
		(void)unlinkat(dir_fd, EXIT_TEMPORARY, 0);
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

/* A --rm container's anonymous volumes, one name a line in its directory (container.c), go with it:
 * into the tree that is deleted. */
static void volumes_release(struct monitor *m)
{
	const struct monitor_handover *h = &m->handover;
	int fd = openat(
		h->container_dir_fd, CONTAINER_ANONYMOUS_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char line[65], from[96], to[24];

	for (unsigned int n = 0; fd >= 0 && read(fd, line, sizeof(line)) == sizeof(line); n++) {
		struct text source = {.data = from, .capacity = sizeof(from)};
		struct text target = {.data = to, .capacity = sizeof(to)};

		line[64] = '\0';
		if (strspn(line, "0123456789abcdef") != 64)
			break;
		text_add(&source, "../volumes/");
		text_add(&source, line);
		text_add(&target, "volume-");
		text_add_uint(&target, n);
		(void)renameat(
			h->containers_dir_fd, from, h->container_dir_fd, to); /* may be gone */
	}
	if (fd >= 0)
		(void)close(fd);
}

/*
 * The record has gone, so the name dangles and anybody may take it over under names.lock; with that
 * lock the one we see is ours until we have removed it. It is held for microseconds; its holder may
 * have been stopped, though, so that we do not wait for ever: who finds the name dangling takes it
 * over all the same.
 */
static void name_release(const struct monitor_handover *h)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char target[MONITOR_ID_MAX + 16];
	int lock_fd = openat(h->containers_dir_fd, "../names.lock",
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool locked = false;

	for (int i = 0; lock_fd >= 0 && !locked && i < NAME_LOCK_TRIES; i++) {
		if (i > 0)
			(void)poll(NULL, 0, 1);
		locked = fcntl(lock_fd, F_OFD_SETLK, &whole) == 0;
	}
	if (locked) {
		ssize_t len = readlinkat(h->names_dir_fd, h->name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		/* It may have been renamed, and the name be somebody else's by now. */
		if (strcmp(target, h->id) == 0)
			(void)unlinkat(h->names_dir_fd, h->name, 0);
	}
	if (lock_fd >= 0)
		(void)close(lock_fd);
}

/* --rm: the record is gone from sight and the name free when the exit is reported. In this order,
 * so that whatever is still seen can be called by its name. */
static bool record_release(struct monitor *m)
{
	const struct monitor_handover *h = &m->handover;
	char name[MONITOR_ID_MAX + 8];

	if (renameat(h->containers_dir_fd, h->id, h->tmp_dir_fd, removed_name(m, name)) < 0)
		return false;
	if (h->name[0] && h->names_dir_fd >= 0)
		name_release(h);
	volumes_release(m);
	return true;
}

struct removal {
	int top_fd;
	dev_t dev;
	unsigned int moved; /* directories that lay too deep, so far */
};

static void remove_contents(struct removal *r, int dir_fd, int depth);

static void remove_entry(struct removal *r, int dir_fd, const char *name, int depth)
{
	struct stat st;
	int fd;

	if (unlinkat(dir_fd, name, 0) == 0 ||
		(errno != EISDIR && errno != EPERM && errno != EACCES))
		return;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
		return;
	if (depth >= REMOVE_DEPTH_MAX) {
		char up[32];
		struct text t = {.data = up, .capacity = sizeof(up)};

		text_add(&t, ".deep-");
		text_add_uint(&t, ++r->moved);
		(void)renameat(dir_fd, name, r->top_fd, up); /* the next round empties it */
		return;
	}
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	/* never into a mounted file system */
	if (fstat(fd, &st) == 0 && st.st_dev == r->dev)
		remove_contents(r, fd, depth + 1);
	(void)close(fd);
	(void)unlinkat(dir_fd, name, AT_REMOVEDIR);
}

/* The next name in the directory but "." and ".."; NULL at its end. No DIR: it would bring a heap.
 */
struct entries {
	int fd;
	size_t at, len;
	char data[4096] __attribute__((aligned(8)));
};

static const char *entry_next(struct entries *e)
{
	for (;;) {
		const struct {
			uint64_t ino;
			int64_t off;
			uint16_t len;
			uint8_t type;
			char name[];
		} * entry;
		long n;

		if (e->at >= e->len) {
			n = syscall(SYS_getdents64, e->fd, e->data, sizeof(e->data));
			if (n <= 0)
				return NULL;
			e->at = 0;
			e->len = (size_t)n;
		}
		entry = (const void *)(e->data + e->at);
		e->at += entry->len;
		if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
			return entry->name;
	}
}

/* Failures are skipped: what stays is unlocked garbage in tmp/, for the next sweep. */
static void remove_contents(struct removal *r, int dir_fd, int depth)
{
	struct entries entries = {.fd = dir_fd};
	const char *name;

	(void)fchmod(dir_fd, 0700); /* overlay leaves a work directory of mode 0 */
	while ((name = entry_next(&entries)))
		remove_entry(r, dir_fd, name, depth);
}

/*
 * Deletes the record's tree, in a child that is root of the user namespace: files of other ids are
 * in it. USERNS_FD is the last descriptor of that namespace that we hold.
 */
static void tree_remove(struct monitor *m, int userns_fd)
{
	char name[MONITOR_ID_MAX + 8];
	int tmp_fd = m->handover.tmp_dir_fd;
	struct removal removal = {0};
	unsigned int before;
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
	(void)removed_name(m, name);
	do {
		before = removal.moved;
		removal.top_fd =
			openat(tmp_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (removal.top_fd < 0 || fstat(removal.top_fd, &st) < 0)
			break;
		removal.dev = st.st_dev;
		remove_contents(&removal, removal.top_fd, 0);
		(void)close(removal.top_fd);
		/* Not empty: deep directories were moved up, or something cannot be removed. */
	} while (unlinkat(tmp_fd, name, AT_REMOVEDIR) < 0 && removal.moved > before);
	_exit(0);
}

/* SIGKILL to all children: they are not reaped yet, so the numbers are theirs. */
static void kill_children(void)
{
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	char data[4096];
	ssize_t len = fd < 0 ? 0 : read(fd, data, sizeof(data));

	if (fd >= 0)
		(void)close(fd);
	for (ssize_t i = 0, pid = 0; i < len; i++) {
		if (data[i] >= '0' && data[i] <= '9') {
			pid = pid * 10 + (data[i] - '0');
			continue;
		}
		/* One that is cut off at the end of the buffer comes again in the next round. */
		if (pid > 0)
			(void)kill((pid_t)pid, SIGKILL);
		pid = 0;
	}
}

/* With a pid namespace of its own nothing is left of the container by now. Without (--pid host),
 * what its init left behind has become our child, round by round. */
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
			.fd = client_fd(client_at(m, m->lossless - 1)),
			.events = POLLOUT,
		};

		(void)poll(&wait, 1, -1); /* a client that is gone ends it, too */
	}
}

/* The lossless client takes what is left in its own time, from a process of its own: this one goes
 * on with the next run. Nobody's child, so that the next end does not kill it. */
static void tail_leave(struct monitor *m)
{
	pid_t pid;

	if (!m->lossless || !m->tail.len)
		return;
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0);
	pid = fork();
	if (pid == 0) {
		int fd = client_fd(client_at(m, m->lossless - 1));

		if (fork() != 0)
			_exit(0);
		/* The container's lock is not its business. */
		monitor_close_range(3, (unsigned int)fd - 1, 0);
		monitor_close_range((unsigned int)fd + 1, ~0u, 0);
		tail_finish(m);
		_exit(0);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The container is to run again, under the same lock. Returns when it is not, after all. */
static void end_restart(struct monitor *m, int *exit_fd)
{
	const char *error = NULL;

	end_children();
	clients_refuse_rest(m);
	tail_leave(m);
	for (unsigned int i = 0; i < m->client_high; i++)
		client_drop(m, i);
	if (restart_wait(m)) {
		restart_exec(m);
		error = strerror(errno);
	}
	close_fd(exit_fd);
	*exit_fd = exit_write(m, false, error);
}

void end_run(struct monitor *m)
{
	bool remove = m->handover.flags & MONITOR_REMOVE, restart = restart_wanted(m);
	int exit_fd, userns_fd = m->handover.base_userns_fd;
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	m->finished_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	/* What the container wrote last, to the log and the clients; then its end. */
	output_finish(m);
	m->oom_killed = cgroup_oom_killed(m->handover.cgroup_fd);
	notify_finish(m);
	exit_fd = exit_write(m, restart, NULL);
	if (remove)
		remove = record_release(m);
	if (m->oom_killed)
		event_write(m, "oom", NULL);
	event_write(m, "died", NULL);
	if (remove && stop_is_requested(m))
		event_write(m, "stop", NULL);
	if (remove)
		event_write(m, "remove", NULL);
	exec_container_ended(m);
	clients_report_exit(m);

	network_end(m);
	sockets_unlink(m);
	source_close(m, &m->stdin_fd);
	/* The overlay is unmounted by the last of these; this may sync a disk. Not the user
	 * namespace, which holds no mount of the container and owns what is to be deleted. */
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		if (i == NAMESPACE_USER && remove && m->handover.base_userns_fd < 0)
			userns_fd = m->handover.namespace_fds[i];
		else
			close_fd(&m->handover.namespace_fds[i]);
	}
	close_fd(&m->handover.init_pidfd);
	cgroup_remove(m->handover.cgroup_fd);
	close_fd(&m->handover.cgroup_fd);
	if (restart)
		end_restart(m, &exit_fd);
	end_children();
	if (!remove) /* a --rm container is gone already */
		event_write(m, "cleanup", NULL);
	close_fd(&m->handover.lock_fd);
	clients_refuse_rest(m);
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
