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
 *   runtime_ready()   waits until init is ready, running hooks meanwhile (part of runtime_start()
 *                     when it was not called before)
 *   runtime_start()   tells init to execve, waits for the outcome.
 *
 * or, when another process is to start it (runtime_options.start_fd):
 *
 *   runtime_create(), runtime_ready(), (record committed), runtime_detach(); the caller may end.
 *   runtime_connect() in the other process, and runtime_start() on what it gives.
 *
 * The caller must be single-threaded. Init is always a direct child of the caller (CLONE_PARENT
 * through a short-lived helper when a user namespace is entered). It dies with the caller: until
 * its execve when it may outlive it, until runtime_detach(), else always (PDEATHSIG).
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

/* What the container's account files get where they have no entry (accounts.c). All borrowed. */
struct runtime_accounts {
	char *const *host_users; /* lines of passwd(5); NULL none */
	/* For the process's user and group, with $USERNAME $UID $GID $NAME $HOME, $GROUPNAME $GID
	 * $USERLIST; NULL: podman's */
	const char *passwd_entry, *group_entry;
};

struct runtime_options {
	/* User namespace: descriptor to join (borrowed), -1: none (real privileges, or --userns
	 * host is expressed by the caller's choice). */
	int userns_fd;
	/* The user namespace is one of its own ids below this one (borrowed; -1: below ours), where
	 * the sources of bind mounts have to be looked for: root of the container may see nothing
	 * of the host. Only with is_nested. */
	int outer_userns_fd;
	bool is_nested;
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
	/* The user namespace maps one id: ids and owners are answered for by who takes listeners
	 * from answer_fd (borrowed; single_id_start()). */
	bool single_id;
	int answer_fd;
	/* Where the kernel refuses a new /proc (this one is partly masked): fail, so that
	 * runtime_wants_shared_pids() holds, instead of showing the caller's with ids that the
	 * container does not know. */
	bool can_share_pids;
	/* What runs when execve is done lives on without the caller. */
	bool outlives_caller;
	/* Listening SOCK_SEQPACKET socket (borrowed) on which init waits for runtime_connect()
	 * after runtime_detach(); -1: the caller itself starts it. */
	int start_fd;
	/* The session keyring of the caller is kept (--no-new-keyring). */
	bool keep_keyring;
	/* Who the container is, for the state that hooks get; needed with hooks and linux.intelRdt.
	 * Borrowed until runtime_start() or runtime_detach(). BUNDLE: absolute. */
	const char *id, *bundle;
	/* --no-pivot: move the root over "/" and chroot, where the host's root is a ramfs that
	 * pivot_root cannot leave. The host's mounts stay reachable for who may mount. */
	bool no_pivot;
	/* NULL: the files stay as they are. */
	const struct runtime_accounts *accounts;
	/* Fall-back notes, one line each ("... ; remedy"), are appended here when not NULL. */
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
	const struct runtime_spec *spec;    /* borrowed: for hooks; NULL: none to run */
	const char *id, *bundle;            /* runtime_options' */
	/* For a filter's listener (SCMP_ACT_NOTIFY), with ID and BUNDLE; all borrowed. */
	const struct seccomp_program *seccomp;
	char *const *annotations;
	pid_t init_pid; /* the container's, of an exec session or where PID is not known */
	/* Fills in SECCOMP when there is a listener after all; NULL: it is known. */
	int (*find_seccomp)(struct runtime_instance *instance, void *data, struct error **err);
	void *find_data;
	bool is_ready;  /* runtime_ready() was there */
	bool single_id; /* runtime_options' */
	int answer_fd;
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
 * runtime_ready() - wait until init has done everything but execve
 * Runs prestart and createRuntime hooks. On return 0 instance->terminal_fd is the pty master when
 * there is a terminal. @err: what init reports from set-up, or a hook. On failure init has been
 * killed and reaped.
 */
int runtime_ready(struct runtime_instance *instance, struct error **err);

/**
 * runtime_detach() - leave init to whoever connects to runtime_options.start_fd
 * Ready, with start_fd given. From here on init lives on without us; its descriptors are closed.
 */
int runtime_detach(struct runtime_instance *instance, struct error **err);

/**
 * runtime_connect() - to the init that waits on socket NAME below DIR_FD
 * @ret: an instance for runtime_start() of which only sync_fd is there (pid 0, no hooks)
 * @err: ERR_CONFLICT: nobody waits there, it was started (or has ended)
 */
int runtime_connect(int dir_fd, const char *name, struct runtime_instance *ret, struct error **err);

/** runtime_listen() - the socket NAME below DIR_FD for runtime_options.start_fd. Returns it. */
int runtime_listen(int dir_fd, const char *name, struct error **err);

/**
 * runtime_start() - let init run the command
 * @err: what init reports from set-up (any kind), or from execve: ERR_NO_SUCH_COMMAND (127),
 *       ERR_CANNOT_INVOKE (126). On failure init has been killed and reaped.
 * On return 0 the command is running and sync_fd is closed. poststart hooks are the caller's.
 */
int runtime_start(struct runtime_instance *instance, struct error **err);

/** runtime_wants_shared_pids() - did starting fail because of /proc alone? Then it goes on in the
 * caller's pid namespace: runtime_spec_share_pids(), and from the beginning. */
bool runtime_wants_shared_pids(const struct error *failed);

/** runtime_spec_share_pids() - no pid namespace of its own, and the caller's /proc. */
void runtime_spec_share_pids(struct runtime_spec *spec);

/** runtime_init_has_ended() - init is dead already: runtime_start() will say why it failed. */
bool runtime_init_has_ended(const struct runtime_instance *instance);

/** runtime_instance_destroy() - kill and reap init if it lives, close all descriptors. */
void runtime_instance_destroy(struct runtime_instance *instance);
