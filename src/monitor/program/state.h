#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "monitor/logformat.h"
#include "monitor/monitor.h"
#include "monitor/protocol.h"

/*
 * The monitor program: one thread, one epoll loop, no heap. All of its state is one struct of
 * bounded tables, of which only touched pages cost memory: what a quiet container needs shares one
 * page in the bss, the rest is a mapping. Nothing here blocks: not on a
 * client, not on the container's stdin; the only waits are epoll_wait(), once and for a bounded
 * time a journal that does not keep up and, after the end has been reported, the close of the last
 * namespace and the reaping of killed children.
 *
 * What is waited for is a *source*: a kind and an index into that kind's table, with the generation
 * of the slot, so that an event for a slot that was reused within one batch is recognised.
 *
 * Signals: SIGCHLD by signalfd. SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE and the user signals are
 * ignored: what wants to end a container signals the container (a shutdown's SIGTERM reaches its
 * processes too), and a monitor that died of one would take it along by SIGKILL.
 */

#define SLOTS_CLIENTS 8
#define SLOTS_MAX     64
#define CLIENT_MAX    (SLOTS_MAX * SLOTS_CLIENTS)
#define EXEC_MAX      SLOTS_MAX

enum deadline {
	DEADLINE_TIMEOUT,        /* --timeout: init is killed */
	DEADLINE_STOP,           /* init did not end at its stop signal: it is killed */
	DEADLINE_HEALTH,         /* the next health check */
	DEADLINE_HEALTH_TIMEOUT, /* the one that runs takes too long */
	DEADLINE_COUNT,
};

enum source_kind {
	SOURCE_SIGNAL,
	SOURCE_LISTEN,
	SOURCE_USERNS_LISTEN,
	SOURCE_OUTPUT, /* index: 1 stdout, 2 stderr; a terminal is 1 */
	SOURCE_STDIN,  /* room in the container's stdin */
	SOURCE_CLIENT,
	SOURCE_EXEC_REPORT,
	SOURCE_EXEC_OUTPUT, /* what is drained for a client that has gone: stdout or terminal */
	SOURCE_EXEC_ERROR,  /* the same: stderr */
	SOURCE_NOTIFY,      /* a message for the service manager */
};

enum client_role {
	CLIENT_NEW = 0, /* no HELLO yet */
	CLIENT_ATTACH = PROTOCOL_ROLE_ATTACH,
	CLIENT_EXEC = PROTOCOL_ROLE_EXEC,
	CLIENT_CONTROL = PROTOCOL_ROLE_CONTROL,
	CLIENT_USERNS, /* of the other socket: asks for the user namespace */
};

enum client_flags {
	CLIENT_LOSSLESS = 1,
	CLIENT_WAITS = 2, /* sent WAIT: gets EXITED */
	CLIENT_WRITABLE_WANTED = 4,
	CLIENT_STDIN_REFUSED = 8, /* told BUSY: gets READY */
	CLIENT_DETACHED = 16,
	CLIENT_TOLD = 32, /* EXITED was sent or queued */
	CLIENT_WAITS_HEALTH = 64,
};

/* A connection; the slot is free when fd is -1 + 1 == 0, so that untouched pages are free slots. */
struct client {
	int fd_plus_one;
	uint16_t generation;
	uint8_t role;
	uint8_t flags;
	uint8_t streams; /* attach: bits 1 << enum protocol_stream */
	uint8_t exec;    /* CLIENT_EXEC: index + 1 of its session, 0 before EXEC */
};

enum exec_state { EXEC_FREE = 0, EXEC_STARTING, EXEC_RUNNING, EXEC_ENDED };

struct exec {
	uint8_t state;
	uint8_t flags; /* enum protocol_exec_flags */
	uint16_t generation;
	uint16_t client; /* index + 1, 0: gone */
	int pid;         /* the command, until reaped */
	int pidfd;
	int report_fd; /* monitor's end, until end of file */
	int exit_code;
	int output_fd, error_fd; /* our duplicates: stdout or terminal master, stderr */
	int stdin_fd;            /* handed out at EXEC_STARTED, then closed */
	uint32_t order;          /* of its start, for reuse of ended slots */
	char id[PROTOCOL_ID_LENGTH];
};

/* The tables of connections and sessions, in pieces: the first one is with the rest of the state.
 */
struct slots {
	struct client clients[SLOTS_CLIENTS];
	struct exec exec;
};

/* Of an exec session, beside enum protocol_exec_flags: its output is kept for the health log. */
#define EXEC_HEALTH 0x80

enum health_status { HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

struct health {
	uint8_t status; /* enum health_status */
	bool running, timed_out;
	bool stale;   /* the check that runs is not the one that counts now */
	bool startup; /* the check before the check has not passed yet */
	uint32_t startup_passed, startup_failed;
	uint32_t failing_streak;
	uint64_t start_ns; /* CLOCK_REALTIME: the probe that runs */
	/* The output of the probe that runs: a mapping of HEALTH_OUTPUT_MAX bytes, else NULL. */
	uint8_t *output;
	size_t output_len;
};

struct log {
	int fd;     /* -1: off */
	int errnum; /* why it was turned off */
	enum monitor_log_driver driver;
	uint64_t size_bytes;
	bool stalled;  /* the journal: it took nothing for as long as we wait */
	uint64_t lost; /* messages since then */
	struct log_carry carry[PROTOCOL_STREAM_COUNT];
};

/* Bytes for the lossless client after the container's end: it is not waited for then. */
struct tail {
	uint8_t *data; /* mmap */
	size_t start, len, capacity;
};

struct monitor {
	struct monitor_handover handover;
	int epoll_fd, signal_fd;
	int null_fd;
	int exit_fd;  /* what becomes `exit`; -1 */
	bool ended;   /* init was reaped */
	bool closing; /* reported; only the tail is left to do */
	bool paused;
	int exit_code, exit_signal;
	bool oom_killed;      /* the OOM killer took a process of its group */
	bool timed_out;       /* --timeout ended it */
	bool told_ready;      /* --sdnotify=healthy: READY=1 was sent */
	bool stopping;        /* asked to stop by a client: no restart */
	uint64_t begun_ms;    /* CLOCK_MONOTONIC */
	uint64_t finished_ns; /* CLOCK_REALTIME */
	bool restart_forced;  /* by an unhealthy state */
	struct health health;
	uint64_t deadlines[DEADLINE_COUNT]; /* CLOCK_MONOTONIC, ms; 0: none */
	struct log log;

	int output_fd[PROTOCOL_STREAM_COUNT]; /* [1], [2]; a terminal is [1] */
	bool output_paused;
	int lossless; /* index + 1 of the lossless client, 0: none */
	/* The chunk in buffers->output that the lossless client has no room for yet. */
	size_t output_pending;
	int output_pending_stream;
	bool dirty; /* the buffers may have touched pages */

	int stdin_fd; /* write end of the pipe, or a duplicate of the terminal */
	size_t stdin_start, stdin_len;
	int stdin_client; /* index + 1 of who sent it */
	bool stdin_close_wanted;

	unsigned int client_high, exec_high; /* slots at and above were never used */
	unsigned int client_count;
	uint32_t exec_order;
	struct tail tail;

	struct buffers *buffers;
	struct slots first, *rest; /* SLOTS_MAX in all; see client_at(), exec_at() */
};

/* In pages of their own, which are given back when the loop is idle. */
struct buffers {
	uint8_t output[PROTOCOL_DATA_MAX];
	uint8_t message[PROTOCOL_MESSAGE_MAX + 4096 - sizeof(struct protocol_header)];
	uint8_t log[16384];
	uint8_t stdin_[PROTOCOL_DATA_MAX];
};

static inline struct slots *slots_at(struct monitor *m, unsigned int index)
{
	return index ? &m->rest[index - 1] : &m->first;
}
static inline struct client *client_at(struct monitor *m, unsigned int index)
{
	return &slots_at(m, index / SLOTS_CLIENTS)->clients[index % SLOTS_CLIENTS];
}
static inline struct exec *exec_at(struct monitor *m, unsigned int index)
{
	return &slots_at(m, index)->exec;
}
static inline unsigned int exec_index(const struct monitor *m, const struct exec *exec)
{
	const struct slots *slots =
		(const void *)((const char *)exec - offsetof(struct slots, exec));

	return slots == &m->first ? 0 : (unsigned int)(slots - m->rest) + 1;
}

/* main.c */
int source_add(struct monitor *m, int fd, uint32_t events, enum source_kind kind,
	unsigned int index, unsigned int generation);
void source_change(struct monitor *m, int fd, uint32_t events, enum source_kind kind,
	unsigned int index, unsigned int generation);
/** source_close() - take *FD (may be -1) out of the loop and close it. Children may hold
 * duplicates, so closing alone would leave it in. */
void source_close(struct monitor *m, int *fd);

/* log.c */
void monitor_log_open(struct monitor *m);
/** monitor_log_write() - append; a failure turns the log off and tells the clients, once. */
void monitor_log_write(struct monitor *m, int stream, const uint8_t *data, size_t len);
/** monitor_log_end() - nothing more comes from STREAM. */
void monitor_log_end(struct monitor *m, int stream);
/** monitor_log_reopen() - after somebody moved the file away. Returns 0 or -1 with errno. */
int monitor_log_reopen(struct monitor *m);

/* journal.c */
/** monitor_journal_write() - to the journal, a message for each line or part of one. Waits for a
 * bounded time, once, where the journal does not keep up; then messages are dropped, counted, and
 * their number told. Returns 0, or why it cannot be written to: an errno. */
int monitor_journal_write(struct monitor *m, int stream, const uint8_t *data, size_t len);

/* output.c */
void output_start(struct monitor *m);
void output_event(struct monitor *m, int stream);
/** output_resume() - the lossless client took what was pending, or is gone. */
void output_resume(struct monitor *m);
/** output_finish() - after the container's end: everything left in the pipes. Never waits. */
void output_finish(struct monitor *m);

/* stdin.c */
void stdin_message(struct monitor *m, unsigned int index, const uint8_t *data, size_t len);
void stdin_event(struct monitor *m);
/** stdin_close() - once what is pending has been written. */
void stdin_close(struct monitor *m);

/* clients.c */
void clients_accept(struct monitor *m);
void clients_accept_userns(struct monitor *m);
int client_add(struct monitor *m, int fd, enum client_role role);
void client_event(struct monitor *m, unsigned int index, uint32_t events);
void client_drop(struct monitor *m, unsigned int index);
/** client_send() - without waiting. A peer that does not take it is dropped; the lossless client's
 * message goes to the tail when the container has ended. */
void client_send(struct monitor *m, unsigned int index, enum protocol_type type, int value,
	int value2, const void *payload, size_t len, const int *fds, size_t fd_count);
/** clients_output() - one chunk to all that are attached to STREAM. False: the lossless one is
 * full. */
bool clients_output(struct monitor *m, int stream, const uint8_t *data, size_t len);
void clients_notice(struct monitor *m, enum protocol_notice notice, const char *text);
void clients_report_exit(struct monitor *m);
/** clients_report_health() - the health check that they asked for is done. */
void clients_report_health(struct monitor *m, int exit_code);
/** clients_refuse_rest() - those whose request was not looked at any more. */
void clients_refuse_rest(struct monitor *m);
/** clients_flush_tail() - true when nothing is left. */
bool clients_flush_tail(struct monitor *m);
static inline int client_fd(const struct client *client)
{
	return client->fd_plus_one - 1;
}

/* exec.c */
void exec_request(
	struct monitor *m, unsigned int client, const struct protocol_exec *request, int plan_fd);
/** exec_health() - a session for the health check, of PLAN_FD. False, with errno, when there is no
 * room; else health_ended() will be called. */
bool exec_health(struct monitor *m, int plan_fd);
/** exec_health_kill() - SIGKILL to the health check's command. */
void exec_health_kill(struct monitor *m);
void exec_report_event(struct monitor *m, unsigned int index);
void exec_drain_event(struct monitor *m, unsigned int index, bool error);
void exec_client_gone(struct monitor *m, unsigned int index);
/** exec_reaped() - false: PID is no session's. */
bool exec_reaped(struct monitor *m, int pid, int exit_code);
/** exec_before_reap() - read all reports, so that every child's pid is known. */
void exec_before_reap(struct monitor *m);
struct exec *exec_find(struct monitor *m, const void *id);
void exec_container_ended(struct monitor *m);

/* notify.c: the service manager */
void notify_start(struct monitor *m);
void notify_event(struct monitor *m);
/** notify_finish() - the container has ended: pass on what it said last. */
void notify_finish(struct monitor *m);
/** notify_healthy() - the health check succeeded: with --sdnotify=healthy the service is ready.
 * Tells the service manager once. */
void notify_healthy(struct monitor *m);

/* deadline.c: what happens at a time; milliseconds of CLOCK_MONOTONIC */
uint64_t monotonic_ms(void);
void deadline_set(struct monitor *m, enum deadline which, uint64_t in_ms);
static inline void deadline_clear(struct monitor *m, enum deadline which)
{
	m->deadlines[which] = 0;
}
/** deadline_next() - milliseconds to the first one; -1: none is set */
int deadline_next(const struct monitor *m);
/** deadlines_run() - do what is due. */
void deadlines_run(struct monitor *m);

/* health.c */
/** health_begin() - with the checks that the policy has now: at the start, and when they changed.
 */
void health_begin(struct monitor *m);
/** health_probe() - run the check now, unless one runs already. */
void health_probe(struct monitor *m);
/** health_output() - what the check wrote. */
void health_output(struct monitor *m, const uint8_t *data, size_t len);
/** health_ended() - EXIT_CODE, or -1 and why. */
void health_ended(struct monitor *m, int exit_code, const char *why);
/** health_expired() - the check that runs has taken too long. */
void health_expired(struct monitor *m);

/* events.c */
/** event_write() - append to the store's events. DETAIL, which needs no escapes, may be NULL. Uses
 * the message and log buffers. */
void event_write(struct monitor *m, const char *action, const char *detail);

/* restart.c */
/** container_stop() - stop signal, and SIGKILL after the container's stop timeout */
void container_stop(struct monitor *m);
/** stop_is_requested() - CONTAINER_STOP_FILE is there */
bool stop_is_requested(const struct monitor *m);
/** restart_wanted() - does the policy ask for another run, and has nobody asked to stop? */
bool restart_wanted(const struct monitor *m);
/** restart_wait() - the pause before it. False: stopped meanwhile. */
bool restart_wait(struct monitor *m);
/** restart_exec() - become `pod`, which starts the container anew. Returns where that fails. */
void restart_exec(struct monitor *m);

/* end.c */
/** end_prepare() - make room for `exit` now: the disk may be full when the container ends. */
void end_prepare(struct monitor *m);
/** end_run() - everything that follows the reaping of init, in the order of doc/architecture.md. */
void end_run(struct monitor *m);

/* cgroup.c; a CGROUP_FD of -1 is no group */
bool cgroup_oom_killed(int cgroup_fd);
/** cgroup_remove() - the container's group and those that were made below it; what is still in them
 * is killed. */
void cgroup_remove(int cgroup_fd);

/* musl has no wrapper. */
static inline void monitor_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	(void)syscall(SYS_close_range, first, last, flags); /* kernel 5.9; flags 5.11 */
}

/* text.c: the little formatting there is; stdio would cost pages */
struct text {
	char *data;
	size_t len, capacity;
};
void text_add(struct text *t, const char *s);
void text_add_uint(struct text *t, uint64_t v);
void text_add_json(struct text *t, const void *data, size_t len);
