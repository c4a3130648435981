#pragma once

#include "runtime/runtime.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"

/* Another process in a container that runs. */
struct runtime_exec_options {
	int init_pidfd;      /* of the container's init; borrowed */
	uint32_t namespaces; /* bit N: join its namespace_type N */
	/* of runtime_exec_ask(), borrowed: joined in place of init's; NULL */
	const int *namespace_fds;
	/* as in runtime_options */
	int stdin_fd, stdout_fd, stderr_fd;
	unsigned int preserve_fds;
	int cgroup_fd;
	bool keep_keyring;
	bool keep_capabilities; /* those of a process that is not root, too */
};

/**
 * runtime_exec_ask() - the namespaces of an init that waits to be started
 * Its user namespace's owner may join these where it may not join init itself (sync.h).
 * @name:    of the socket below DIR_FD, as for runtime_connect()
 * @ret_fds: NAMESPACE_COUNT descriptors, -1: none of its own; set on success, owned
 * @err:     ERR_CONFLICT: it does not wait
 */
int runtime_exec_ask(int dir_fd, const char *name, int *ret_fds, struct error **err);

/**
 * runtime_exec() - join the container and get the process ready
 * @process: what to run; with a terminal its master is in the instance after runtime_ready()
 * @seccomp: the container's filter, NULL: none
 * @ret:     for runtime_ready() and runtime_start(), like one of runtime_create(); the process is
 *           the caller's child and lives on without it once it has been started
 * @err:     ERR_INVALID, ERR_NOT_FOUND (the container has ended), ERR_SYSTEM
 *
 * What can be attacked from inside: a helper joins everything, but is never in the container's pid
 * namespace; the process is, and shares no memory with us. Neither is dumpable from before the
 * first setns until execve, and no descriptor of ours but its own is open in the process.
 */
int runtime_exec(const struct runtime_process *process, const struct seccomp_program *seccomp,
	const struct runtime_exec_options *opts, struct runtime_instance *ret, struct error **err);
