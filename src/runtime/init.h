#pragma once

#include <stdbool.h>

#include "runtime/process.h"
#include "runtime/runtime.h"

struct mount_options;

/* What init works with: all prepared before it is cloned. */
struct init_context {
	const struct runtime_spec *spec;
	const struct runtime_options *opts;
	const struct process_plan *plan;
	int sync_fd;   /* init's end */
	int caller_fd; /* the caller's end, to be closed in init */
	/* a namespace to join that is the caller's own: nothing may be set in it */
	bool is_callers[NAMESPACE_COUNT];
	bool privileged;  /* no user namespace between us and the host: device nodes can be made */
	int time_fd;      /* time namespace to join, -1: none */
	int *outside_fds; /* of each mount: made by the caller (outside.h), -1; NULL: none is */
	/* filled in on the way */
	int ns_fd;         /* /proc/self/ns, of who is started later by another process; -1 */
	int root_fd;       /* the root mount, attached */
	pid_t host_pid;    /* of init, as its caller sees it; only with hooks */
	int proc_fd;       /* procfs mounted by us, -1 none or the outer one */
	int early_proc_fd; /* the same, until it has its place */
	bool dev_is_mounted;
	bool dev_is_foreign; /* /dev is a bind mount of the user's: nothing is made in it */
};

/**
 * init_main() - body of the container's init
 * Entry: single-threaded child of the caller, in all namespaces, root of the user namespace with
 * all capabilities, all signals blocked, not dumpable, host's root and descriptors still there.
 * Does not return: ends in process_exec(), the --init loop, or _exit after SYNC_ERROR.
 */
__attribute__((noreturn)) void init_main(struct init_context *context);

/** init_fail() - SYNC_ERROR, and the end. */
__attribute__((noreturn)) void init_fail(struct init_context *context, struct error *err);

/** init_prepare_descriptors() - STDIO to 0, 1, 2; descriptors to pass on lose close-on-exec, and
 * context->sync_fd moves above them. */
int init_prepare_descriptors(struct init_context *context, unsigned int preserve_fds,
	const int stdio[3], struct error **err);

/** init_note() - tell the caller about a fall-back, one line "...; remedy". */
void init_note(struct init_context *context, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** init_reap() - PID 1 of --init: forwards signals to CHILD, reaps, ends as it ends. (reaper.c) */
__attribute__((noreturn)) void init_reap(int child);

/** init_hide_command_line() - overwrite what /proc/PID/cmdline shows of this process and of those
 * that it forks from now on. (reaper.c) */
void init_hide_command_line(void);

/** init_add_accounts() - see runtime_options.accounts; the root is in place, and nothing on it.
 * (accounts.c) */
void init_add_accounts(struct init_context *context);

/* mount_make.c */
/* Make /proc before anything else, for who can do without (runtime_options.can_share_pids). */
int init_try_proc(struct init_context *context, struct error **err);
/** init_mount_is_bind() - does MOUNT show what is there already? */
bool init_mount_is_bind(const struct runtime_mount *mount, const struct mount_options *opts);
/** init_make_mount() - MOUNT, one of the spec's, detached; a descriptor. */
int init_make_mount(struct init_context *context, const struct runtime_mount *mount,
	const struct mount_options *opts, struct error **err);

/* mounts.c */
/** init_clone_source() - a detached copy of a bind mount's source, in the mount namespace that we
 * are in. Returns its descriptor. @err: ERR_CONFLICT: it is another file now */
int init_clone_source(const struct runtime_mount *mount, bool recursive, struct error **err);
int init_mount_all(struct init_context *context, struct error **err);

/* masks.c */
int init_mask_paths(struct init_context *context, struct error **err);
int init_readonly_paths(struct init_context *context, struct error **err);

/* sysctl.c */
int init_write_sysctls(struct init_context *context, struct error **err);

/* devices.c */
int init_make_devices(struct init_context *context, struct error **err);

/* terminal.c */
/** init_open_terminal() - a pseudo-terminal of the devpts on /dev/pts below ROOT_FD. */
int init_open_terminal(int root_fd, int *ret_master, int *ret_slave, struct error **err);
/* a pseudo-terminal of the container's devpts, its slave bound to /dev/console */
int init_make_terminal(
	struct init_context *context, int *ret_master, int *ret_slave, struct error **err);
