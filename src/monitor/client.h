#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor/monitor.h"
#include "runtime/process.h"
#include "util/error.h"

/*
 * Clients of a monitor: attach (also of a foreground run), exec, and small requests. The wire is
 * src/monitor/protocol.h: SOCK_SEQPACKET, version in the first message, every frame bounded.
 * MONITOR_FD is borrowed and blocking. A connection takes one of attach_run(), exec_run(), or any
 * number of the small requests.
 */

struct attach_options {
	int stdin_fd, stdout_fd, stderr_fd; /* the user's, borrowed; -1: not attached */
	bool terminal;  /* the container has one: raw mode, size at start and on SIGWINCH */
	bool sig_proxy; /* pass signals we get on to the container */
	bool lossless;  /* the foreground run: monitor waits for us */
	const char *detach_keys; /* "ctrl-p,ctrl-q"; "" disables, NULL is the default */
};

enum attach_end { ATTACH_EXITED, ATTACH_DETACHED, ATTACH_LOST /* monitor died */ };

/**
 * attach_signals() - the signals that attach_run() passes on with sig_proxy
 * Who wants none to be lost between the container's start and attach_run() blocks them before the
 * start: what is pending then is passed on.
 */
void attach_signals(sigset_t *ret);

/**
 * attach_run() - copy until the container ends or the user detaches
 * All output has been written when it returns. The terminal's mode and the signal mask are put back
 * on every way out, and before a signal that is not passed on ends us.
 * @ret_exit: 0..255 when ATTACH_EXITED
 * @err: ERR_USAGE (detach keys); ERR_SYSTEM: EPIPE when our own stdout was closed; ERR_REMOTE (cut
 * off for being too slow, version mismatch)
 */
int attach_run(int monitor_fd, const struct attach_options *opts, enum attach_end *ret_end,
	int *ret_exit, struct error **err);

struct exec_options {
	struct attach_options stdio; /* lossless is without meaning */
	bool detach;
};

/**
 * exec_run() - send PLAN (flat block) to the monitor, then as attach_run()
 * With stdio.terminal the plan must have PROCESS_TERMINAL. All of stdout and stderr that the
 * command itself wrote has been written when it returns; what its children in the background write
 * later is dropped.
 * @ret_exit: the command's status
 * @ret_id:   64 hex digits and NUL
 * @ret_end:  ATTACH_DETACHED at once with DETACH
 * @err: ERR_NO_SUCH_COMMAND / ERR_CANNOT_INVOKE as for run; as attach_run()
 */
int exec_run(int monitor_fd, const struct process_plan *plan, const struct exec_options *opts,
	char ret_id[65], enum attach_end *ret_end, int *ret_exit, struct error **err);

/** monitor_signal() - to init. @err: ERR_SYSTEM (ESRCH) */
int monitor_signal(int monitor_fd, int signal, struct error **err);
int monitor_resize(int monitor_fd, uint16_t height, uint16_t width, struct error **err);
/** monitor_pause() - freeze (or thaw) the container's cgroup. @err: ERR_SYSTEM, ERR_UNSUPPORTED */
int monitor_pause(int monitor_fd, bool pause, struct error **err);
/** monitor_reopen_log() - after the log file was moved away. */
int monitor_reopen_log(int monitor_fd, struct error **err);
/** monitor_wait() - block until the container has ended and its exit is recorded. The connection's
 * end of file tells later that its lock is free. @err: ERR_REMOTE when the monitor died */
int monitor_wait(int monitor_fd, int *ret_exit, struct error **err);
/** monitor_namespace() - a descriptor (owned) for one of the container's namespaces (enum
 * namespace_type). @err: ERR_NOT_FOUND when it has none of its own */
int monitor_namespace(int monitor_fd, int type, struct error **err);
/** monitor_healthcheck() - run the container's health check now. @ret_exit: its status, -1 when it
 * could not be run or took too long. @err: ERR_SYSTEM (EOPNOTSUPP: it has none) */
int monitor_healthcheck(int monitor_fd, int *ret_exit, struct error **err);
/** monitor_update() - POLICY is the container's from now on. @err: ERR_SYSTEM */
int monitor_update(int monitor_fd, const struct monitor_policy *policy, struct error **err);
/** monitor_program() - a descriptor (owned) of the file that the monitor runs from; untrusted. */
int monitor_program(int monitor_fd, struct error **err);
