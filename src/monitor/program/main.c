#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/program/state.h"

/* How long the loop is idle before the buffers' pages go back. */
#define IDLE_MS 200
/* Bytes of the stack that are given back then, and that may be in use below a local variable. */
#define STACK_DEPTH  32768u
#define STACK_MARGIN 2048u
/* The status of a container that --timeout ended: podman's. */
#define TIMED_OUT_STATUS 255

static uint64_t source_key(enum source_kind kind, unsigned int index, unsigned int generation)
{
	return (uint64_t)kind << 48 | (uint64_t)(generation & 0xffff) << 32 | index;
}

int source_add(struct monitor *m, int fd, uint32_t events, enum source_kind kind,
	unsigned int index, unsigned int generation)
{
	struct epoll_event event = {
		.events = events,
		.data.u64 = source_key(kind, index, generation),
	};

	return epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

void source_change(struct monitor *m, int fd, uint32_t events, enum source_kind kind,
	unsigned int index, unsigned int generation)
{
	struct epoll_event event = {
		.events = events,
		.data.u64 = source_key(kind, index, generation),
	};

	(void)epoll_ctl(m->epoll_fd, EPOLL_CTL_MOD, fd, &event); /* it was added */
}

void source_close(struct monitor *m, int *fd)
{
	if (*fd < 0)
		return;
	(void)epoll_ctl(m->epoll_fd, EPOLL_CTL_DEL, *fd, NULL); /* may not be in the loop now */
	(void)close(*fd);
	*fd = -1;
}

static void reap(struct monitor *m)
{
	struct signalfd_siginfo info;

	(void)!read(m->signal_fd, &info, sizeof(info)); /* only wakes us */
	exec_before_reap(m);
	for (;;) {
		int status, code;
		pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);

		if (pid <= 0)
			return;
		code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (pid == m->handover.init_pid) {
			m->ended = true;
			m->exit_code = m->timed_out ? TIMED_OUT_STATUS : code;
			m->exit_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
			continue;
		}
		/* Others are helpers, or orphans that a subreaper inherits. */
		(void)exec_reaped(m, pid, code);
	}
}

/* What a deeper call left of the stack, most of all one that started an exec session. */
static void give_back_stack(void)
{
	char here;
	uintptr_t end = ((uintptr_t)&here - STACK_MARGIN) & ~(uintptr_t)4095;

	/* ENOMEM where it never was that deep: what there is was given back. */
	(void)madvise((void *)(end - STACK_DEPTH), STACK_DEPTH, MADV_DONTNEED);
}

/* Idle: what was touched costs memory for nothing. */
__attribute__((noinline)) static void give_back(struct monitor *m)
{
	m->dirty = false;
	give_back_stack();
	if (!m->output_pending && !m->stdin_len)
		(void)madvise(m->buffers, sizeof(*m->buffers), MADV_DONTNEED);
}

static void dispatch(struct monitor *m, uint64_t key, uint32_t events)
{
	enum source_kind kind = (enum source_kind)(key >> 48);
	uint16_t generation = (uint16_t)(key >> 32);
	unsigned int index = (uint32_t)key;

	switch (kind) {
	case SOURCE_SIGNAL:
		reap(m);
		break;
	case SOURCE_LISTEN:
		clients_accept(m);
		break;
	case SOURCE_USERNS_LISTEN:
		clients_accept_userns(m);
		break;
	case SOURCE_OUTPUT:
		output_event(m, (int)index);
		break;
	case SOURCE_STDIN:
		stdin_event(m);
		break;
	case SOURCE_CLIENT:
		if (client_at(m, index)->fd_plus_one &&
			client_at(m, index)->generation == generation)
			client_event(m, index, events);
		break;
	case SOURCE_EXEC_REPORT:
		if (exec_at(m, index)->generation == generation &&
			exec_at(m, index)->report_fd >= 0)
			exec_report_event(m, index);
		break;
	case SOURCE_EXEC_OUTPUT:
	case SOURCE_EXEC_ERROR:
		if (exec_at(m, index)->generation == generation &&
			exec_at(m, index)->state != EXEC_FREE)
			exec_drain_event(m, index, kind == SOURCE_EXEC_ERROR);
		break;
	case SOURCE_NOTIFY:
		notify_event(m);
		break;
	}
}

static bool handover_read(struct monitor_handover *ret)
{
	if (pread(MONITOR_HANDOVER_FD, ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret))
		return false;
	ret->id[MONITOR_ID_MAX] = '\0';
	ret->name[MONITOR_NAME_MAX] = '\0';
	ret->boot_id[sizeof(ret->boot_id) - 1] = '\0';
	ret->notify_socket[sizeof(ret->notify_socket) - 1] = '\0';
	ret->control_socket[sizeof(ret->control_socket) - 1] = '\0';
	ret->userns_socket[sizeof(ret->userns_socket) - 1] = '\0';
	return ret->magic == MONITOR_HANDOVER_MAGIC && ret->version == MONITOR_HANDOVER_VERSION &&
	       ret->size == sizeof(*ret) && ret->init_pid > 0;
}

static void close_on_exec_all(void)
{
	/* Everything handed over; exec sessions must not leak it. Kernel 5.11. */
	monitor_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
}

__attribute__((noinline)) static bool monitor_init(struct monitor *m)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2,
		SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ};
	sigset_t set;

	(void)prctl(PR_SET_NAME, "pod-monitor"); /* execveat leaves the descriptor's number */
	if (!handover_read(&m->handover))
		return false;
	close_on_exec_all();
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* an inherited SIG_IGN would reap behind our back */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGUSR1); /* look for a request to stop: restart.c */
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	m->buffers = mmap(NULL, sizeof(*m->buffers), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m->rest = mmap(NULL, (SLOTS_MAX - 1) * sizeof(*m->rest), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->buffers == MAP_FAILED || m->rest == MAP_FAILED)
		return false;
	m->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->null_fd < 0 || m->epoll_fd < 0 || m->signal_fd < 0)
		return false;
	if (dup2(m->null_fd, 0) < 0 || dup2(m->null_fd, 1) < 0 || dup2(m->null_fd, 2) < 0)
		return false;
	m->begun_ms = monotonic_ms();
	if (m->handover.timeout_s)
		deadline_set(m, DEADLINE_TIMEOUT, (uint64_t)m->handover.timeout_s * 1000);
	health_begin(m);
	monitor_log_open(m);
	end_prepare(m);
	if (source_add(m, m->signal_fd, EPOLLIN, SOURCE_SIGNAL, 0, 0) < 0)
		return false;
	if (m->handover.listen_fd >= 0)
		(void)source_add(m, m->handover.listen_fd, EPOLLIN, SOURCE_LISTEN, 0, 0);
	if (m->handover.userns_listen_fd >= 0 && (m->handover.flags & MONITOR_SHARE_USERNS))
		(void)source_add(
			m, m->handover.userns_listen_fd, EPOLLIN, SOURCE_USERNS_LISTEN, 0, 0);
	output_start(m);
	notify_start(m);
	/* Without such a client there is nobody to be lossless for, nor to close stdin with. */
	if (m->handover.first_client_fd < 0)
		m->handover.flags &= ~(uint32_t)MONITOR_LOSSLESS;
	if (m->handover.first_client_fd >= 0) {
		int index = client_add(m, m->handover.first_client_fd, CLIENT_NEW);

		/* Attached from the first byte on: its HELLO may come later. */
		client_at(m, index)->streams =
			1u << PROTOCOL_STREAM_STDOUT | 1u << PROTOCOL_STREAM_STDERR;
		if (m->handover.flags & MONITOR_LOSSLESS)
			m->lossless = index + 1;
	}
	return true;
}

/* How long the loop may wait: until the buffers go back, or the first deadline. */
static int loop_timeout(const struct monitor *m)
{
	int idle = m->dirty ? IDLE_MS : -1, next = deadline_next(m);

	return next >= 0 && (idle < 0 || next < idle) ? next : idle;
}

int main(void)
{
	/* Reached through this pointer only. */
	static struct monitor state;
	struct monitor *m = &state;

	if (!monitor_init(m))
		return 125; /* the command was told "started" already; init dies with us */
	reap(m);            /* what ended before the signalfd was there */
	while (!m->ended) {
		struct epoll_event events[8];
		int count = epoll_wait(m->epoll_fd, events, 8, loop_timeout(m));

		if (count == 0)
			give_back(m);
		else
			m->dirty = true;
		deadlines_run(m);
		for (int i = 0; i < count && !m->ended; i++)
			dispatch(m, events[i].data.u64, events[i].events);
	}
	end_run(m);
	/* To a service manager this process is the service. */
	return m->exit_code;
}
