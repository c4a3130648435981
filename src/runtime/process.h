#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * The process stage: the last thing before execve, the same for a container's init (in pod) and for
 * an exec session (in the monitor program, another C library, no heap worth the name). Everything
 * it needs is in a plan: one flat, position-independent block that can be handed over in a memfd.
 *
 * The files of the stage (MONITOR_SHARED in src/monitor/shared.mk; process_stage.h) are compiled
 * into both programs: they use async-signal-safe calls and their own stack only, no struct error,
 * no util/ code that allocates.
 */

#define PROCESS_PLAN_MAGIC  0x6e6c7031u
#define PROCESS_PLAN_MAX    (4u << 20) /* bytes; argv and env above that cannot be execve'd anyway */
#define PROCESS_GROUPS_MAX  256
#define PROCESS_RLIMITS_MAX 32

struct process_rlimit {
	uint32_t resource, pad;
	uint64_t soft, hard;
};

/* process.scheduler: the first version of the kernel's struct sched_attr, without its size */
struct process_scheduler {
	uint32_t policy;
	int32_t nice;
	uint32_t priority, pad;
	uint64_t flags, runtime_ns, deadline_ns, period_ns;
};

/* Offsets are bytes from the start of the block; 0 is "none". Strings end in NUL. The block is
 * checked by process_plan_check() before use: sender and receiver may be different versions, and
 * the receiver trusts nothing. */
struct process_plan {
	uint32_t magic, version; /* version 2 */
	uint32_t size;           /* of the whole block */
	uint32_t flags;          /* enum process_plan_flags */
	uint32_t uid, gid;
	uint32_t umask;
	int32_t oom_score_adj;
	uint32_t user; /* offset: "name[:group]" to look up in the root; 0: numeric above */
	uint32_t cwd;  /* offset */
	uint32_t args, arg_count; /* args: offset of arg_count uint32_t string offsets */
	uint32_t env, env_count;
	uint32_t groups, group_count;           /* offset of uint32_t gids */
	uint32_t group_names, group_name_count; /* offsets of names to look up */
	uint32_t rlimits, rlimit_count;         /* struct process_rlimit */
	uint32_t seccomp, seccomp_count; /* struct sock_filter instructions, 8-byte aligned */
	uint32_t seccomp_flags;          /* SECCOMP_FILTER_FLAG_* */
	uint32_t apparmor, selinux;      /* offsets of what is written to their files */
	uint32_t personality;
	uint32_t memory_mode;                     /* of set_mempolicy(2) */
	uint32_t memory_nodes, memory_node_words; /* offset of uint64_t words of a mask */
	uint64_t capabilities[5];                 /* enum capability_set order */
	struct process_scheduler scheduler;
	uint16_t console_height, console_width;
	uint16_t io_priority; /* of ioprio_set(2) */
	uint16_t pad;
};

#define PROCESS_MASK_WORDS_MAX 128 /* 8192 nodes */

enum process_plan_flags {
	PROCESS_NO_NEW_PRIVILEGES = 1,
	PROCESS_OOM_SCORE_ADJ = 2,
	PROCESS_TERMINAL = 4,
	PROCESS_CAPS_FOR_USER = 8,  /* keep effective/permitted/ambient for a non-root user */
	PROCESS_PDEATHSIG = 16,     /* SIGKILL when the parent dies; set after the last id change */
	PROCESS_CREATE_CWD = 32,    /* mkdir the working directory when absent (run, not exec) */
	PROCESS_CAPS_HELD = 64,     /* those that cannot be had are left out */
	PROCESS_KEEP_KEYRING = 128, /* stay in the caller's session keyring */
	PROCESS_IO_PRIORITY = 256,
	PROCESS_SCHEDULER = 512,
	PROCESS_PERSONALITY = 1024,
	PROCESS_MEMORY_POLICY = 2048,
	PROCESS_SECCOMP_NOTIFY = 4096, /* the filter has a listener, which is sent away */
	PROCESS_SINGLE_ID = 32768,     /* ids are answered for: runtime/single_id.h */
};

/* Where a start failed; travels as data (style: fixed-size struct on a close-on-exec pipe). */
enum process_step {
	PROCESS_STEP_NONE,
	PROCESS_STEP_SETUP, /* before the process stage: mounts, namespaces; text says which */
	PROCESS_STEP_PLAN,
	PROCESS_STEP_USER,
	PROCESS_STEP_RLIMIT,
	PROCESS_STEP_OOM,
	PROCESS_STEP_GROUPS,
	PROCESS_STEP_IDS,
	PROCESS_STEP_CAPABILITIES,
	PROCESS_STEP_CWD,
	PROCESS_STEP_SECCOMP,
	PROCESS_STEP_LABEL,    /* the file that takes it; SELinux's label */
	PROCESS_STEP_APPARMOR, /* text: "exec PROFILE" */
	PROCESS_STEP_TERMINAL,
	PROCESS_STEP_EXEC_LOOKUP,      /* not found in PATH: exit 127 */
	PROCESS_STEP_EXEC,             /* execve: ENOENT of the file itself 127, else 126 */
	PROCESS_STEP_EXEC_INTERPRETER, /* the file is there, its interpreter or loader is not: 126
					*/
	PROCESS_STEP_ENTER,            /* exec: joining the namespaces */
	PROCESS_STEP_MEMORY_POLICY,
	PROCESS_STEP_PERSONALITY,
	PROCESS_STEP_LISTENER, /* sending the seccomp filter's listener */
};

struct process_failure {
	uint32_t step;
	int32_t errnum;
	uint32_t error_kind; /* enum error_kind, valid for PROCESS_STEP_SETUP */
	uint32_t pad;
	char text[240]; /* NUL-terminated object of the failure: path, user name ...; may be cut */
};

/* With PROCESS_SECCOMP_NOTIFY: sent on the failure descriptor, which must be a SOCK_SEQPACKET
 * socket then, with one descriptor, the filter's listener; before execve, which may need its
 * answers. */
#define PROCESS_LISTENER_MAGIC 0x7374656cu
struct process_listener {
	uint32_t magic;
};

/** process_failure_to_error() - the message people see, from both programs' failures. Returns -1.
 * (process_error.c; pod only) */
int process_failure_to_error(const struct process_failure *failure, struct error **err);

/**
 * process_plan_check() - is BLOCK of LEN bytes a plan all of whose offsets and strings lie within?
 */
bool process_plan_check(const void *block, size_t len);

/**
 * process_set_oom_score() - the plan's OOM score, if it has one
 * To be called by whoever clones the process, in the host's /proc and before PR_SET_DUMPABLE 0 and
 * the first setns: afterwards /proc/self belongs to the host's root. Inherited by the clone.
 * Returns: 0 or an errno.
 */
int process_set_oom_score(const struct process_plan *plan);

/**
 * process_probe() - is there a file for the plan's command at all?
 * To be called in the container's root, as its root, so that a container that can never start is
 * not created. What only execve can tell is left to it, and so are names relative to cwd.
 * Returns: true, or false with FAILURE filled in.
 */
bool process_probe(const struct process_plan *plan, struct process_failure *failure);

/**
 * process_set_priority() - the plan's scheduler and I/O priority
 * @pid:      of the process, which waits; 0: of the caller, who is about to join the container
 * @ret_what: on failure the member that could not be had
 * To be called in the host's user namespace: privileges in another do not count for these.
 * Returns: 0 or an errno.
 */
int process_set_priority(const struct process_plan *plan, int pid, const char **ret_what);

/** process_send() - MESSAGE in one piece, with a copy of FD (-1: none), over a SOCK_SEQPACKET
 * socket. Returns: 0, or -1 with errno. */
int process_send(int socket_fd, const void *message, size_t len, int fd);

/** process_fail() - send a struct process_failure and end; TEXT (may be NULL, may be cut) is its
 * object. */
__attribute__((noreturn)) void process_fail(
	int failure_fd, enum process_step step, int errnum, const char *text);

/**
 * process_exec() - become the planned process
 * Entry: already in all namespaces, root and stdio in place, capabilities of the (user) namespace's
 * root held, signals blocked as inherited. Applies, in this order: memory policy, user look-up,
 * umask, session and terminal, labels, closes all descriptors from FIRST_FD_TO_CLOSE on but
 * FAILURE_FD (which is close-on-exec), cwd, rlimits, groups, bounding set, ids, capabilities,
 * PDEATHSIG (dies when nobody holds the other end of FAILURE_FD), cwd as the user where root could
 * not, look-up in PATH, default signals, no_new_privs, seccomp, the last capabilities, execve. The
 * PLAN has passed process_plan_check().
 * @failure_fd: gets one struct process_failure on failure
 * Does not return.
 */
__attribute__((noreturn)) void process_exec(
	const struct process_plan *plan, int first_fd_to_close, int failure_fd);
