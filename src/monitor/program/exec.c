#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/program/state.h"
#include "runtime/process.h"
#include "runtime/single_id.h"

/*
 * Exec sessions.
 *
 *   monitor ── fork ── session          not dumpable, joins user, then all other namespaces
 *      │                  └─ clone3 ──── command   CLONE_PARENT: the monitor's child;
 * process_exec() └──── report socket ──────────────────┘
 *
 * Over the report socket (SOCK_SEQPACKET) come, from the session, a struct process_failure when it
 * cannot join; from the command, first struct exec_hello (its pid is in the credentials, as the
 * kernel translates it; with a terminal its master is attached), in a namespace of a single id a
 * struct single_id_message with a listener, then a struct process_failure, or end of file when it
 * has called execve. Neither is waited for: the command may be stopped by the
 * container before it gets there, which holds up this session only.
 *
 * What can be seen from inside: the session never is in the container's pid namespace. The command
 * is, from clone3 to execve, but its memory is not dumpable and belongs to the host's user
 * namespace, so that no process inside may trace it, read /proc/PID/{mem,fd,exe,environ} or write
 * to it; it shares no memory with us, and all descriptors but its own are closed before the first
 * setns.
 */

#define EXEC_HELLO_MAGIC 0x6e6d6568u
#define DEVPTS_MAGIC     0x1cd1

struct exec_hello {
	uint32_t magic;
};

/* What the session is started with. */
struct session {
	const struct monitor *monitor;
	const struct protocol_exec *request;
	int plan_fd, report_fd;
	int stdio[3]; /* not with a terminal */
	pid_t monitor_pid;
};

/* Close all descriptors but those in KEEP (negative ones are skipped); sorts KEEP. */
static void close_all_but(int *keep, size_t count)
{
	unsigned int next = 0;

	for (size_t i = 1; i < count; i++)
		for (size_t j = i; j > 0 && keep[j] < keep[j - 1]; j--) {
			int swapped = keep[j];

			keep[j] = keep[j - 1];
			keep[j - 1] = swapped;
		}
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < 0)
			continue;
		if ((unsigned int)keep[i] > next)
			monitor_close_range(next, (unsigned int)keep[i] - 1, 0);
		next = (unsigned int)keep[i] + 1;
	}
	monitor_close_range(next, ~0u, 0);
}

/* In the session. The plan, mapped: sealed against change, checked. */
static const struct process_plan *plan_map(const struct session *s)
{
	struct stat st;
	void *block;

	if (fstat(s->plan_fd, &st) < 0)
		process_fail(s->report_fd, PROCESS_STEP_PLAN, errno, "stat");
	errno = EINVAL;
	if (st.st_size < (off_t)sizeof(struct process_plan) || st.st_size > (off_t)PROCESS_PLAN_MAX)
		process_fail(s->report_fd, PROCESS_STEP_PLAN, errno, "size");
	block = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, s->plan_fd, 0);
	if (block == MAP_FAILED)
		process_fail(s->report_fd, PROCESS_STEP_PLAN, errno, "map");
	errno = EINVAL;
	if (!process_plan_check(block, (size_t)st.st_size))
		process_fail(s->report_fd, PROCESS_STEP_PLAN, errno, "check");
	return block;
}

static void join_namespaces(const struct session *s)
{
	/* The mount namespace last: nothing is opened by path in between. */
	static const int order[] = {NAMESPACE_CGROUP, NAMESPACE_IPC, NAMESPACE_UTS,
		NAMESPACE_NETWORK, NAMESPACE_TIME, NAMESPACE_PID, NAMESPACE_MOUNT};
	const int *fds = s->monitor->handover.namespace_fds;

	if (fds[NAMESPACE_USER] >= 0) {
		if (setns(fds[NAMESPACE_USER], CLONE_NEWUSER) < 0)
			process_fail(s->report_fd, PROCESS_STEP_ENTER, errno, "user namespace");
		/* Raw: single-threaded, and the ids of the map may not be ours yet. */
		if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
			process_fail(s->report_fd, PROCESS_STEP_ENTER, errno,
				"root of the user namespace");
		/* A change of ids clears both. */
		(void)prctl(PR_SET_DUMPABLE, 0);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (fds[order[i]] >= 0 && setns(fds[order[i]], 0) < 0)
			process_fail(s->report_fd, PROCESS_STEP_ENTER, errno,
				"namespaces of the container");
}

/* A new terminal in the container's /dev/pts, which must be one: the container could have put
 * something else there. */
static int terminal_open(const struct session *s)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	struct winsize size = {.ws_row = s->request->rows, .ws_col = s->request->columns};
	int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), pts_fd, master_fd, zero = 0;
	struct statfs fs;

	pts_fd = (int)syscall(SYS_openat2, root_fd, "dev/pts", &how, sizeof(how));
	if (pts_fd < 0 || fstatfs(pts_fd, &fs) < 0)
		process_fail(s->report_fd, PROCESS_STEP_TERMINAL, errno, "/dev/pts");
	errno = ENOTTY;
	if (fs.f_type != DEVPTS_MAGIC)
		process_fail(s->report_fd, PROCESS_STEP_TERMINAL, errno, "/dev/pts");
	master_fd = openat(pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (master_fd < 0 || ioctl(master_fd, TIOCSPTLCK, &zero) < 0)
		process_fail(s->report_fd, PROCESS_STEP_TERMINAL, errno, "/dev/pts/ptmx");
	if (size.ws_row && size.ws_col)
		(void)ioctl(master_fd, TIOCSWINSZ, &size); /* cannot fail on a new terminal */
	(void)close(root_fd);
	(void)close(pts_fd);
	return master_fd;
}

/*
 * The command, in all of the container's namespaces, root of its user namespace, not dumpable,
 * child of the monitor. Holds its stdio and the report socket only. Must do nothing but become the
 * process.
 */
__attribute__((noreturn)) static void command_main(
	const struct session *s, const struct process_plan *plan, int master_fd)
{
	const struct exec_hello hello = {.magic = EXEC_HELLO_MAGIC};
	int stdio[3] = {s->stdio[0], s->stdio[1], s->stdio[2]};

	if (process_send(s->report_fd, &hello, sizeof(hello), master_fd) < 0)
		process_fail(s->report_fd, PROCESS_STEP_ENTER, errno, "report");
	if (master_fd >= 0) {
		/* By the master, not by path. Kernel 4.13. */
		int slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

		if (slave_fd < 0)
			process_fail(s->report_fd, PROCESS_STEP_TERMINAL, errno, "/dev/pts");
		stdio[0] = stdio[1] = stdio[2] = slave_fd;
	}
	/* All are at 3 or above: close_all_but() freed 0 to 2, see session_main(). */
	for (int i = 0; i < 3; i++)
		if (dup2(stdio[i], i) < 0)
			process_fail(s->report_fd, PROCESS_STEP_TERMINAL, errno, "stdio");
	process_exec(plan, 3, s->report_fd);
}

/*
 * The session: the monitor's namespaces and ids on entry, no capability in the host. Joins and
 * clones.
 */
__attribute__((noreturn)) static void session_main(const struct session *s)
{
	const struct monitor_handover *handover = &s->monitor->handover;
	bool terminal = s->request->flags & PROTOCOL_EXEC_TERMINAL;
	const struct process_plan *plan;
	int keep[NAMESPACE_COUNT + 6], master_fd = -1;
	struct clone_args args = {.flags = CLONE_PARENT};
	size_t count = 0;
	long pid;

	/* First of all, while our memory belongs to the host's user namespace. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != s->monitor_pid)
		_exit(125);
	plan = plan_map(s);
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		keep[count++] = handover->namespace_fds[i];
	keep[count++] = s->report_fd;
	for (int i = 0; i < 3; i++)
		keep[count++] = terminal ? -1 : s->stdio[i];
	keep[count++] = -1;
	close_all_but(keep, count);
	join_namespaces(s);
	/* 0 to 2 are free: fill them, so that nothing opened now lands there. */
	while ((master_fd = open("/", O_PATH | O_CLOEXEC)) >= 0 && master_fd < 3)
		;
	if (master_fd >= 0)
		(void)close(master_fd);
	master_fd = terminal ? terminal_open(s) : -1;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		command_main(s, plan, master_fd);
	if (pid < 0)
		process_fail(s->report_fd, PROCESS_STEP_ENTER, errno, "clone");
	_exit(0);
}

/* A fork that is born into the container's group: what an exec session uses counts against the same
 * limits, from its set-up on. From inside the container's cgroup namespace the kernel would not let
 * it come in any more. */
static pid_t session_fork(const struct monitor *m)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)m->handover.cgroup_fd,
	};

	if (m->handover.cgroup_fd < 0)
		return fork();
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

struct exec *exec_find(struct monitor *m, const void *id)
{
	for (unsigned int i = 0; i < m->exec_high; i++)
		if (exec_at(m, i)->state != EXEC_FREE &&
			memcmp(exec_at(m, i)->id, id, PROTOCOL_ID_LENGTH) == 0)
			return exec_at(m, i);
	return NULL;
}

/* A free slot, or the one that ended longest ago of those that ended. */
static struct exec *exec_slot(struct monitor *m)
{
	struct exec *oldest = NULL;

	for (unsigned int i = 0; i < m->exec_high; i++) {
		struct exec *exec = exec_at(m, i);

		if (exec->state == EXEC_FREE)
			return exec;
		if (exec->state == EXEC_ENDED && !exec->client &&
			(!oldest || exec->order < oldest->order))
			oldest = exec;
	}
	if (m->exec_high < EXEC_MAX)
		return exec_at(m, m->exec_high++);
	return oldest;
}

static void refuse(struct monitor *m, unsigned int client, int why, const char *text)
{
	client_send(m, client, PROTOCOL_ERROR, why, 0, text, strlen(text), NULL, 0);
}

static void make_id(char id[PROTOCOL_ID_LENGTH])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[PROTOCOL_ID_LENGTH / 2] = {0};

	(void)!getrandom(random, sizeof(random), 0); /* 32 bytes are never cut short */
	for (size_t i = 0; i < sizeof(random); i++) {
		id[2 * i] = digits[random[i] >> 4];
		id[2 * i + 1] = digits[random[i] & 15];
	}
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* never in the loop */
	*fd = -1;
}

/* The inner ends in STDIO, the outer ones in EXEC. */
static bool make_stdio(struct monitor *m, struct exec *exec, int stdio[3])
{
	bool detached = exec->flags & PROTOCOL_EXEC_DETACH;
	int ends[2];

	if (exec->flags & PROTOCOL_EXEC_TERMINAL)
		return true;
	if (exec->flags & EXEC_HEALTH) {
		stdio[0] = fcntl(m->null_fd, F_DUPFD_CLOEXEC, 3);
		if (pipe2(ends, O_CLOEXEC) < 0)
			return false;
		exec->output_fd = ends[0];
		stdio[1] = ends[1];
		stdio[2] = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
		return stdio[0] >= 0 && stdio[2] >= 0;
	}
	if (!detached && (exec->flags & PROTOCOL_EXEC_STDIN)) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return false;
		stdio[0] = ends[0];
		exec->stdin_fd = ends[1];
	} else {
		stdio[0] = fcntl(m->null_fd, F_DUPFD_CLOEXEC, 3);
	}
	for (int i = 1; i <= 2; i++) {
		if (detached) {
			stdio[i] = fcntl(m->null_fd, F_DUPFD_CLOEXEC, 3);
			continue;
		}
		if (pipe2(ends, O_CLOEXEC) < 0)
			return false;
		*(i == 1 ? &exec->output_fd : &exec->error_fd) = ends[0];
		stdio[i] = ends[1];
	}
	return stdio[0] >= 0 && stdio[1] >= 0 && stdio[2] >= 0;
}

static void exec_close(struct monitor *m, struct exec *exec)
{
	source_close(m, &exec->report_fd);
	source_close(m, &exec->output_fd);
	source_close(m, &exec->error_fd);
	close_fd(&exec->stdin_fd);
	close_fd(&exec->pidfd);
}

/* CLIENT: index + 1, 0 for none. False, with errno: there is no session. */
static bool exec_begin(struct monitor *m, struct exec *exec, unsigned int client,
	const struct protocol_exec *request, int plan_fd)
{
	int stdio[3] = {-1, -1, -1}, report[2] = {-1, -1}, one = 1, why;
	unsigned int index = exec_index(m, exec);
	struct session session;
	pid_t pid;

	*exec = (struct exec){
		.state = EXEC_STARTING,
		.flags = (uint8_t)request->flags,
		.generation = (uint16_t)(exec->generation + 1),
		.client = (uint16_t)client,
		.pidfd = -1,
		.report_fd = -1,
		.output_fd = -1,
		.error_fd = -1,
		.stdin_fd = -1,
		.order = ++m->exec_order,
	};
	make_id(exec->id);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) < 0 ||
		setsockopt(report[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0 ||
		!make_stdio(m, exec, stdio))
		goto failed;
	exec->report_fd = report[0];
	if (source_add(m, exec->report_fd, EPOLLIN, SOURCE_EXEC_REPORT, index, exec->generation) <
		0)
		goto failed;
	session = (struct session){
		.monitor = m,
		.request = request,
		.plan_fd = plan_fd,
		.report_fd = report[1],
		.stdio = {stdio[0], stdio[1], stdio[2]},
		.monitor_pid = getpid(),
	};
	pid = session_fork(m);
	if (pid == 0)
		session_main(&session);
	if (pid < 0)
		goto failed;
	close_fd(&report[1]);
	for (int i = 0; i < 3; i++)
		close_fd(&stdio[i]);
	return true;
failed:
	why = errno;
	if (exec->report_fd < 0)
		close_fd(&report[0]);
	close_fd(&report[1]);
	for (int i = 0; i < 3; i++)
		close_fd(&stdio[i]);
	exec_close(m, exec);
	exec->state = EXEC_FREE;
	errno = why;
	return false;
}

bool exec_health(struct monitor *m, int plan_fd)
{
	const struct protocol_exec request = {.flags = EXEC_HEALTH};
	struct exec *exec = exec_slot(m);

	if (!exec) {
		errno = EAGAIN;
		return false;
	}
	return exec_begin(m, exec, 0, &request, plan_fd);
}

void exec_health_kill(struct monitor *m)
{
	for (unsigned int i = 0; i < m->exec_high; i++)
		if ((exec_at(m, i)->flags & EXEC_HEALTH) && exec_at(m, i)->pidfd >= 0)
			(void)syscall(
				SYS_pidfd_send_signal, exec_at(m, i)->pidfd, SIGKILL, NULL, 0);
}

void exec_request(
	struct monitor *m, unsigned int client, const struct protocol_exec *request, int plan_fd)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	struct protocol_exec copy = *request; /* lies in the message buffer */
	struct exec *exec = exec_slot(m);

	copy.flags &= ~(uint32_t)EXEC_HEALTH; /* ours alone */
	if (m->ended) {
		refuse(m, client, ESRCH, "the container has ended");
		return;
	}
	if (m->paused) {
		refuse(m, client, EBUSY, "the container is paused; unpause it first");
		return;
	}
	if (plan_fd < 0 || (fcntl(plan_fd, F_GET_SEALS) & seals) != seals) {
		refuse(m, client, EINVAL, "the process plan is not a sealed memory file");
		return;
	}
	if (!exec) {
		refuse(m, client, EAGAIN,
			"64 exec sessions run in this container already; wait until one has ended");
		return;
	}
	if (exec_begin(m, exec, client + 1, &copy, plan_fd))
		client_at(m, client)->exec = (uint8_t)(exec_index(m, exec) + 1);
	else
		refuse(m, client, errno, strerror(errno));
}

/* Read what nobody else will, so that the command does not block on it. */
static void exec_drain(struct monitor *m, struct exec *exec)
{
	unsigned int index = exec_index(m, exec);
	const int fds[] = {exec->output_fd, exec->error_fd};

	if (exec->state == EXEC_STARTING)
		return; /* once it runs */
	for (int i = 0; i < 2; i++) {
		if (fds[i] < 0)
			continue;
		(void)fcntl(fds[i], F_SETFL, O_NONBLOCK); /* cannot fail on a pipe or terminal */
		(void)source_add(m, fds[i], EPOLLIN, i ? SOURCE_EXEC_ERROR : SOURCE_EXEC_OUTPUT,
			index, exec->generation);
	}
}

void exec_drain_event(struct monitor *m, unsigned int index, bool error)
{
	struct exec *exec = exec_at(m, index);
	int *fd = error ? &exec->error_fd : &exec->output_fd;
	ssize_t n;

	if (*fd < 0)
		return;
	n = read(*fd, m->buffers->message, sizeof(m->buffers->message));
	if (n > 0 && (exec->flags & EXEC_HEALTH))
		health_output(m, m->buffers->message, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		source_close(m, fd);
}

static void exec_started(struct monitor *m, struct exec *exec)
{
	bool detached = exec->flags & PROTOCOL_EXEC_DETACH;
	int fds[PROTOCOL_FDS_MAX];
	size_t count = 0;

	source_close(m, &exec->report_fd);
	exec->state = EXEC_RUNNING;
	if (!detached) {
		const int all[] = {exec->stdin_fd, exec->output_fd, exec->error_fd};

		for (int i = 0; i < 3; i++)
			if (all[i] >= 0)
				fds[count++] = all[i];
	}
	if (exec->client)
		client_send(m, exec->client - 1u, PROTOCOL_EXEC_STARTED, exec->pid, 0, exec->id,
			sizeof(exec->id), fds, count);
	/* The client's copy is the only one: closing it is the end of the session's input. */
	close_fd(&exec->stdin_fd);
	if (!exec->client || detached)
		exec_drain(m, exec);
}

static void health_failed(struct monitor *m, const struct process_failure *failure)
{
	char why[sizeof(failure->text) + 96];
	struct text t = {.data = why, .capacity = sizeof(why)};

	text_add(&t, "the check cannot be run: ");
	text_add(&t, failure->text);
	text_add(&t, failure->text[0] ? ": " : "");
	text_add(&t, strerror(failure->errnum));
	health_ended(m, -1, why);
}

static void exec_failed(struct monitor *m, struct exec *exec, const struct process_failure *failure)
{
	if (exec->client) {
		unsigned int client = exec->client - 1u;

		client_send(
			m, client, PROTOCOL_EXEC_FAILED, 0, 0, failure, sizeof(*failure), NULL, 0);
		client_at(m, client)->exec = 0;
	}
	exec_close(m, exec);
	exec->client = 0;
	exec->state = EXEC_FREE;
	if (exec->flags & EXEC_HEALTH)
		health_failed(m, failure);
}

void exec_report_event(struct monitor *m, unsigned int index)
{
	struct exec *exec = exec_at(m, index);
	union {
		char space[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	union {
		struct exec_hello hello;
		struct process_failure failure;
		struct single_id_message listener;
	} message = {0};
	struct iovec iov = {.iov_base = &message, .iov_len = sizeof(message)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct process_failure gone = {
		.step = PROCESS_STEP_ENTER,
		.errnum = ESRCH,
		.text = "it has ended",
	};
	ssize_t n = recvmsg(exec->report_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int master_fd = -1, pid = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	for (struct cmsghdr *cmsg = n < 0 ? NULL : CMSG_FIRSTHDR(&msg); cmsg;
		cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		struct ucred peer;

		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_RIGHTS && master_fd < 0)
			memcpy(&master_fd, CMSG_DATA(cmsg), sizeof(int));
		if (cmsg->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&peer, CMSG_DATA(cmsg), sizeof(peer));
			pid = peer.pid;
		}
	}
	if (n == (ssize_t)sizeof(message.hello) && message.hello.magic == EXEC_HELLO_MAGIC &&
		pid > 0) {
		exec->pid = pid;
		/* Our own child, not reaped yet: nobody else can have the number. */
		exec->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (exec->output_fd < 0)
			exec->output_fd = master_fd;
		else
			close_fd(&master_fd);
		return;
	}
	if (n == (ssize_t)sizeof(message.listener) && message.listener.magic == SINGLE_ID_MAGIC &&
		master_fd >= 0) {
		/* When that fails, its calls fail: nobody has the other end. */
		if (m->handover.answer_fd >= 0)
			(void)single_id_pass(m->handover.answer_fd, master_fd);
		close_fd(&master_fd);
		return;
	}
	close_fd(&master_fd);
	if (n == (ssize_t)sizeof(message.failure)) {
		exec_failed(m, exec, &message.failure);
	} else if (n == 0 && exec->pid) {
		exec_started(m, exec);
	} else {
		exec_failed(m, exec, &gone);
	}
}

void exec_before_reap(struct monitor *m)
{
	for (unsigned int i = 0; i < m->exec_high; i++)
		for (int messages = 0; messages < 4 && exec_at(m, i)->state == EXEC_STARTING &&
				       exec_at(m, i)->report_fd >= 0;
			messages++)
			exec_report_event(m, i);
}

bool exec_reaped(struct monitor *m, int pid, int exit_code)
{
	for (unsigned int i = 0; i < m->exec_high; i++) {
		struct exec *exec = exec_at(m, i);

		if (exec->pid != pid || exec->state == EXEC_FREE || exec->state == EXEC_ENDED)
			continue;
		/* Its last word may have come after exec_before_reap(). */
		if (exec->state == EXEC_STARTING)
			exec_report_event(m, i);
		/* No end of file yet: the session still holds the socket. It did call execve. */
		if (exec->state == EXEC_STARTING)
			exec_started(m, exec);
		if (exec->state != EXEC_RUNNING)
			return true;
		exec->state = EXEC_ENDED;
		exec->pid = 0;
		exec->exit_code = exit_code;
		if (exec->flags & EXEC_HEALTH) {
			exec_drain_event(m, i, false); /* its last words, but not its children's */
			exec_close(m, exec);
			exec->state = EXEC_FREE; /* nobody asks for it again */
			health_ended(m, exit_code, NULL);
			return true;
		}
		exec_close(m, exec);
		if (exec->client)
			client_send(m, exec->client - 1u, PROTOCOL_EXITED, exit_code, 0, NULL, 0,
				NULL, 0);
		return true;
	}
	return false;
}

void exec_client_gone(struct monitor *m, unsigned int index)
{
	struct exec *exec = exec_at(m, index);

	exec->client = 0;
	if (exec->state == EXEC_RUNNING && !(exec->flags & PROTOCOL_EXEC_DETACH))
		exec_drain(m, exec);
}

void exec_container_ended(struct monitor *m)
{
	for (unsigned int i = 0; i < m->exec_high; i++) {
		struct exec *exec = exec_at(m, i);

		if (exec->state != EXEC_STARTING && exec->state != EXEC_RUNNING)
			continue;
		/* Without a pid namespace of its own the command is still there. */
		if (exec->pidfd >= 0)
			(void)syscall(SYS_pidfd_send_signal, exec->pidfd, SIGKILL, NULL, 0);
		if (exec->client)
			client_send(m, exec->client - 1u, PROTOCOL_EXITED, 128 + SIGKILL, 1, NULL,
				0, NULL, 0);
		exec->state = EXEC_ENDED;
		exec_close(m, exec);
	}
}
