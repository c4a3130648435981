#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/spec.h"
#include "util/error.h"

/*
 * Starting a container's init, in the process that will be its parent (the monitor's, or `pod oci`
 * itself). Steps, in the order of src/runtime/sync.h:
 *
 *   runtime_create()  clones init into its namespaces; returns when init has sent its namespace
 *                     descriptors. Init goes on with mounts meanwhile.
 *   (caller)          network, or anything else that wants the network namespace
 *   runtime_start()   waits until init is ready, tells it to execve, waits for the outcome.
 *
 * The caller must be single-threaded. Init is always a direct child of the caller (CLONE_PARENT
 * through a short-lived helper when a user namespace is entered), with PDEATHSIG SIGKILL.
 */

/**
 * root_mounter - puts the container's root file system in place
 * Called in init, inside the new mount (and user) namespace, after all propagation is made slave.
 * Returns a detached or attached mount's descriptor (O_PATH or from fsmount/open_tree) for the root
 * directory, or -1 with @err. May use everything the kernel permits there; must not print.
 */
struct root_mounter {
	int (*mount)(void *data, struct error **err);
	void *data;
};

struct runtime_options {
	/* User namespace: descriptor to join (borrowed), -1: none (real privileges, or --userns
	 * host is expressed by the caller's choice). */
	int userns_fd;
	struct root_mounter root;
	/* The process's stdio (borrowed). With spec->process.terminal they are ignored: init makes
	 * the terminal in the container's devpts and its master comes back in the instance. */
	int stdin_fd, stdout_fd, stderr_fd;
	/* Descriptors 3..3+preserve_fds-1 are passed on. */
	unsigned int preserve_fds;
	/* cgroup v2 directory to clone into (CLONE_INTO_CGROUP), -1: the caller's cgroup. */
	int cgroup_fd;
	/* Run PID 1 as a minimal init (--init) that reaps and forwards signals. */
	bool init;
	/* Fallback notes, one line each ("... ; remedy"), are appended here when not NULL. */
	char ***notes;
};

/* A container that exists: owned descriptors, -1 where there is none. */
struct runtime_instance {
	pid_t pid; /* init's, in the caller's pid namespace */
	int pidfd;
	int sync_fd;                        /* to init until it has called execve */
	int terminal_fd;                    /* pty master, -1 without a terminal */
	int namespace_fds[NAMESPACE_COUNT]; /* of init; -1: same as the caller's */
	char ***notes;                      /* runtime_options.notes */
};

/**
 * runtime_create() - make the namespaces and start init on its way
 * @err: ERR_SYSTEM, ERR_INVALID (a member of SPEC that cannot be honoured), ERR_UNSUPPORTED
 * On failure init is dead and reaped and nothing is left. The caller's own command line (as in
 * /proc/PID/cmdline) is overwritten where a pid namespace is joined.
 */
int runtime_create(const struct runtime_spec *spec, const struct runtime_options *opts,
	struct runtime_instance *ret, struct error **err);

/**
 * runtime_start() - let init run the command
 * @err: what init reports from set-up (any kind), or from execve: ERR_NO_SUCH_COMMAND (127),
 *       ERR_CANNOT_INVOKE (126). On failure init has been killed and reaped.
 * On return 0 the command is running and sync_fd is closed.
 */
int runtime_start(struct runtime_instance *instance, struct error **err);

/** runtime_init_has_ended() - init is dead already: runtime_start() will say why it failed. */
bool runtime_init_has_ended(const struct runtime_instance *instance);

/** runtime_instance_destroy() - kill and reap init if it lives, close all descriptors. */
void runtime_instance_destroy(struct runtime_instance *instance);
