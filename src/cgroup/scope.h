#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * The helper libexec/pod/pod-systemd, which alone speaks D-Bus. It is started with the manager's
 * socket and the scope's names on its command line, connects, and waits on descriptor 0
 * (SOCK_SEQPACKET) for struct scope_request; it answers with one struct scope_reply, cut after its
 * text, and ends. It ends without a word when the other end is closed. Where the caller is to stay
 * where it is, the helper itself is what the scope is made around; it ends when all copies of the
 * other end are closed: by then the container is in.
 *
 *   pod-systemd scope SOCKET UNIT SLICE DESCRIPTION
 *   pod-systemd attach SOCKET UNIT GROUP       into a scope that is there, to GROUP ("/name") of it
 */
struct scope_request {
	uint32_t pid; /* the process that the scope is made around, or to be moved; 0: the helper */
};

struct scope_reply {
	int32_t errnum; /* 0: the process is in the scope */
	char text[500]; /* what failed; NUL-terminated */
};

struct cgroup_pending {
	pid_t helper_pid;
	int fd; /* its descriptor 0's other end; -1: the caller is in the scope already */
	char *unit;
};

/** scope_manager_socket() - where the service manager listens that would make a scope for us: the
 * system's for real root, else the user's; owned, NULL when there is none that we may speak to. */
char *scope_manager_socket(void);

/**
 * scope_names() - unit and slice from a request's path and name (cgroup.h)
 * @path: "slice:prefix:name", a slice ("x.slice"), or NULL
 * @err: ERR_INVALID
 */
int scope_names(
	const char *path, const char *name, char **ret_unit, char **ret_slice, struct error **err);

/** scope_begin() - start the helper. Takes nothing over. @err: ERR_NOT_FOUND the helper */
int scope_begin(const char *socket_path, const char *unit, const char *slice,
	struct cgroup_pending **ret, struct error **err);
/** scope_finish() - have PID put into the scope; 0: the helper, which waits there. PENDING stays
 * the caller's. */
int scope_finish(struct cgroup_pending *pending, pid_t pid, struct error **err);
/** scope_attach() - have this process moved to GROUP ("/name") in the scope UNIT, which the kernel
 * lets an ordinary user do only among groups that are all its own. */
int scope_attach(const char *unit, const char *group, struct error **err);
