#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/spec.h"
#include "util/error.h"

/*
 * The rendezvous between the caller of runtime_create() and init: one SOCK_SEQPACKET pair, one
 * struct sync_message per packet.
 *
 *   step             from     when                                           carries
 *   SYNC_NAMESPACES  init     first of all, before any mount or id change    namespace descriptors
 *   SYNC_NOTE        init     any time until READY: a fall-back was taken    text
 *   SYNC_HOOKS       init     mounts in place, before the pivot; only with
 *                             prestart or createRuntime hooks
 *   SYNC_CONTINUE    caller   these hooks have run
 *   SYNC_READY       init     root, mounts, devices, terminal in place       pty master or nothing
 *   SYNC_DETACH      caller   somebody else will say EXEC, on a connection
 *                             to runtime_options.start_fd; ours may close
 *   SYNC_EXEC        caller   network and all other third parties are done
 *   SYNC_ERROR       init     instead of NAMESPACES, HOOKS or READY; init    kind, errnum, text
 *                             then ends
 *
 * After SYNC_DETACH init waits on the listening socket for one who says SYNC_EXEC; connections that
 * close without are nothing to it. One who says SYNC_NAMESPACES gets the descriptors: init's memory
 * still belongs to the host's user namespace, where the kernel lets nobody but root join a process
 * that is not dumpable.
 *
 * After SYNC_EXEC init sends one struct process_failure (process.h), which is of another size, or
 * nothing: end of file means that execve closed the socket. A message out of order is an error of
 * its own, so is end of file before READY (init died).
 */

enum sync_step {
	SYNC_NAMESPACES = 1,
	SYNC_NOTE,
	SYNC_READY,
	SYNC_EXEC,
	SYNC_ERROR,
	SYNC_HOOKS,
	SYNC_CONTINUE,
	SYNC_DETACH,
};

struct sync_message {
	uint32_t step;
	int32_t kind, errnum; /* SYNC_ERROR */
	uint32_t namespaces;  /* SYNC_NAMESPACES: bit N: descriptor of namespace_type N follows */
	char text[1008];      /* NUL-terminated, cut when longer */
};

#define SYNC_FDS_MAX NAMESPACE_COUNT

/** sync_send() - one message with COUNT descriptors. Returns 0 or -1 with errno. */
int sync_send(int fd, const struct sync_message *message, const int *fds, size_t count);

/**
 * sync_receive() - one packet of at most LEN bytes into BUF
 * @ret_fds, @ret_count: SYNC_FDS_MAX descriptors at most, owned by the caller, close-on-exec
 * Returns: bytes, 0 at end of file, -1 with errno.
 */
long sync_receive(int fd, void *buf, size_t len, int *ret_fds, size_t *ret_count);
