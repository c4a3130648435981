#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/spec.h"
#include "util/error.h"
#include "util/json.h"

/*
 * Hooks (runtime-spec config.md, "POSIX-platform Hooks").
 *
 *   point            run by                         in which namespaces         when it fails
 *   prestart,        caller, when init's mounts     the runtime's               create fails
 *   createRuntime    are in place, before the pivot
 *   createContainer  init, directly after these     the container's             create fails
 *   startContainer   init, when it was told to go   the container's, its root   start fails
 *   poststart        caller of runtime_start()      the runtime's               start fails
 *   poststop         whoever deletes                the runtime's               a warning
 *
 * A hook gets the container's state on its standard input, nothing of the container's stdio, and
 * only its own environment. What it prints is kept for the error.
 */

/**
 * hooks_run() - run the hooks of a point, in order, up to the first that fails
 * @state: the container's state (state.h), borrowed
 * @err:   ERR_SYSTEM: names point, number and path, how it ended (or its timeout), and the last of
 *         what it printed
 * Forks: only while single-threaded.
 */
int hooks_run(const struct runtime_hooks *hooks, enum hook_point point, const char *state,
	struct error **err);

/** hooks_run_all() - poststop: all of them; a failure is a warning, which is appended to WARNINGS.
 */
void hooks_run_all(const struct runtime_hooks *hooks, enum hook_point point, const char *state,
	char ***warnings);

/** hook_point_name() - the specification's word: "createRuntime". */
const char *hook_point_name(enum hook_point point);

/** hooks_read() - the "hooks" member of config.json's ROOT into RET[HOOK_POINT_COUNT]; untrusted.
 * @err: ERR_INVALID with the member's path. Unknown points are refused. */
int hooks_read(const struct json *root, struct runtime_hooks ret[], struct error **err);
/** hooks_write() - the member, when there are any. */
void hooks_write(struct json_writer *w, const struct runtime_hooks hooks[]);
void hooks_clear(struct runtime_hooks hooks[]);

/** What hooks and the `state` command show of a container. Strings are borrowed. */
struct runtime_state {
	const char *id;
	const char *status; /* "creating", "created", "running", "stopped" */
	pid_t pid;          /* init's on the host; 0: left out */
	const char *bundle; /* absolute */
	char *const *annotations;
};

/** runtime_state_write() - the members of the specification's state (runtime.md, "State") into an
 * object that is open. */
void runtime_state_write(struct json_writer *w, const struct runtime_state *state);
/** runtime_state_text() - the state as JSON; owned. */
char *runtime_state_text(const struct runtime_state *state);
