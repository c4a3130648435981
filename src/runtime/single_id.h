#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * Users and owners in a namespace that maps one id.
 *
 * Everything in such a container is uid 0 and gid 0 to the kernel; setuid(33), chown to www-data
 * and mknod fail. Installing a package needs all three, and programs that give up root look
 * afterwards whether they did. So a second seccomp filter, beside the container's own, hands these
 * calls to a process of ours, which answers them:
 *
 *   set*id, setgroups       by the kernel's rules, on ids that we keep for the process
 *   get*id, getgroups       from those ids
 *   chown                   the kernel's chown to 0:0 (errors, set-id bits, times), and a record of
 *                           the owner asked for (rootless/owner.h)
 *   mknod of a device       an empty file with such a record
 *
 * Nothing is gained by it: the kernel decides all rights by the one id that there really is.
 *
 * Where a process's ids are kept: in its RLIMIT_LOCKS, which Linux has not looked at since 2.4.
 * The soft limit is an index into our table of ids, and so goes the way that ids go, over fork,
 * exec and threads, without anybody following processes. Who sets it by hand deceives itself.
 *
 *   monitor process ── fork ── answering process (root of the container's user namespace, host's
 *      │  ▲                          │             other namespaces, not dumpable)
 *      │  └ listener, from init or   │ answers until nobody is left who could ask,
 *      │    an exec session, over    │ or the monitor is gone
 *      │    its failure socket       │
 *      └──── listener ───────────────┘
 *
 * Paths are looked up with the asking process's root and working directory as ours, through
 * /proc/PID, so that links and ".." lead where they lead for it, and never by magic links. All
 * that is read from it is hostile; a hang (a FUSE server of its own) holds up its own container.
 *
 * One thing is unlike the kernel's own answers: a signal whose handler lacks SA_RESTART, in the
 * microseconds before the question is taken, makes the call fail with EINTR.
 */

/* First argument of setgroups(2), to add the group in the third one: for processes whose memory
 * cannot be read, on their way to execve. */
#define SINGLE_ID_ADD_GROUP 0x706f6421u

/* How the listener travels over the failure socket of the process stage: this and one descriptor.
 */
#define SINGLE_ID_MAGIC 0x706f6469u
struct single_id_message {
	uint32_t magic, pad;
};

/**
 * single_id_install() - put the filter on and send its listener to SOCKET_FD
 * In the process stage (async-signal-safe, both programs); needs no_new_privs or CAP_SYS_ADMIN.
 * Where an outer container has such a filter already there can be no second one: its answers are
 * good for us as well, and nothing is sent.
 * Returns: 0, or -1 with errno. (single_id_filter.c)
 */
int single_id_install(int socket_fd);

/** single_id_pass() - send a listener on, to the answering process. Returns 0 or -1 with errno.
 * (single_id_filter.c) */
int single_id_pass(int socket_fd, int listener_fd);

/**
 * single_id_start() - start the process that answers
 * @userns_fd: the container's user namespace, a child of ours; borrowed
 * @ret_pid:   our child, which ends when RET_FD is closed everywhere else
 * @ret_fd:    socket to pass listeners to; owned
 * Single-threaded callers only: it forks.
 */
int single_id_start(int userns_fd, pid_t *ret_pid, int *ret_fd, struct error **err);
