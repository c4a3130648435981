#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/error.h"

/* Starting host programs (newuidmap, slirp4netns, credential helpers) without forking our memory.
 */

struct spawn_fd {
	int from; /* open here; borrowed */
	int to;   /* its number in the program */
};

struct spawn_options {
	const char *const *argv;    /* argv[0] is looked up in PATH when it has no '/' */
	const char *const *envp;    /* NULL: ours */
	const struct spawn_fd *fds; /* what is passed on; 0, 1, 2 not named become /dev/null */
	size_t fd_count;
};

/**
 * spawn() - start a program
 * Signal mask and dispositions are reset in the child; every descriptor not listed is closed.
 * @err: ERR_NOT_FOUND when the program is not installed; ERR_SYSTEM
 */
int spawn(const struct spawn_options *opts, pid_t *ret_pid, struct error **err);

/** spawn_wait() - reap PID. Returns its wait(2) status, or -1. */
int spawn_wait(pid_t pid, struct error **err);

/**
 * spawn_capture() - run to the end, with INPUT (may be NULL) as stdin, collect stdout
 * @limit:      most bytes of output taken; more is ERR_INVALID and the program is killed
 * @ret_output: owned; set also when the program failed (*ret_status tells)
 * @ret_status: wait(2) status
 * The program's stderr goes to ours.
 */
int spawn_capture(const char *const *argv, const char *input, size_t limit, char **ret_output,
	int *ret_status, struct error **err);

/** spawn_find() - the path a program name resolves to in PATH; owned, NULL when not found. */
char *spawn_find(const char *name);

/** spawn_version() - the line of `NAME --version` that begins with NAME, else the first; owned.
 * NULL: it is not installed or fails. Its stderr is thrown away. */
char *spawn_version(const char *name);
