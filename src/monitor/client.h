#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/process.h"
#include "util/error.h"

/*
 * Clients of a monitor: attach (also of a foreground run), exec, and small requests. The wire is
 * src/monitor/protocol.h: SOCK_SEQPACKET, version in the first message, every frame bounded.
 */

struct attach_options {
	int stdin_fd, stdout_fd, stderr_fd; /* the user's; -1: not attached */
	bool terminal;	     /* the container has one: raw mode, size at start and on SIGWINCH */
	bool sig_proxy;	     /* pass signals we get on to the container */
	bool lossless;	     /* the foreground run: monitor waits for us */
	const char *detach_keys; /* "ctrl-p,ctrl-q"; "" disables */
};

enum attach_end { ATTACH_EXITED, ATTACH_DETACHED, ATTACH_LOST /* monitor died */ };

/** attach_run() - copy until the container ends or the user detaches; restores the terminal.
 * @ret_exit: 0..255 when ATTACH_EXITED */
int attach_run(int monitor_fd, const struct attach_options *opts, enum attach_end *ret_end,
	int *ret_exit, struct error **err);

struct exec_options {
	struct attach_options stdio;
	bool detach;
	bool privileged;
};
/** exec_run() - send PLAN (flat block) to the monitor, then as attach_run(). @ret_exit: the command's
 * status; ERR_NO_SUCH_COMMAND / ERR_CANNOT_INVOKE as for run. @ret_id: 64 hex digits and NUL. */
int exec_run(int monitor_fd, const struct process_plan *plan, const struct exec_options *opts,
	char ret_id[65], enum attach_end *ret_end, int *ret_exit, struct error **err);

int monitor_signal(int monitor_fd, int signal, struct error **err);
int monitor_resize(int monitor_fd, uint16_t height, uint16_t width, struct error **err);
/** monitor_wait() - block until the container has ended (and, with RELEASED, its lock is free). */
int monitor_wait(int monitor_fd, int *ret_exit, struct error **err);
/** monitor_namespace() - a descriptor for one of the container's namespaces (enum namespace_type). */
int monitor_namespace(int monitor_fd, int type, struct error **err);
