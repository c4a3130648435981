#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "storage/layer.h"
#include "storage/store.h"
#include "storage/unpack_protocol.h"
#include "util/error.h"

/* pod's side of the unpacker processes (unpack_protocol.h). */

struct unpacker_options {
	int userns_fd;      /* to work in; -1: none (real privileges) */
	int source_fd;      /* the blob: growing file or pipe; borrowed */
	int notify_fd;      /* read end of the counter pipe; -1: the source is complete. Borrowed */
	const char *digest; /* expected of the source; NULL: not known */
	const char *diff_id;      /* expected; NULL: compute */
	uint64_t tar_limit_bytes; /* 0: the default, 1 TiB */
	unsigned int flags;       /* enum unpack_flags */
};

struct unpacker {
	pid_t pid;
	int pidfd;
	int control_fd; /* becomes readable with the result, or at the process's end: for poll */
};

/**
 * unpacker_start() - start a process that unpacks into WRITER's diff/
 * @err: ERR_NOT_FOUND (pod-transfer is not installed), ERR_SYSTEM
 */
int unpacker_start(struct store *store, const struct layer_writer *writer,
	const struct unpacker_options *opts, struct unpacker *ret, struct error **err);

/**
 * unpacker_finish() - wait for the process and take its result; UNPACKER is empty afterwards
 * @err: the process's own (ERR_DIGEST, ERR_INVALID: hostile or damaged archive, ERR_SYSTEM: disk
 *full), ERR_SYSTEM when it was killed
 */
int unpacker_finish(struct unpacker *unpacker, struct unpack_result *ret, struct error **err);

/** unpacker_cancel() - kill it and reap. An empty one is fine. */
void unpacker_cancel(struct unpacker *unpacker);

/** unpack_result_to_record() - the layer record that RESULT stands for; owned by the caller. */
void unpack_result_to_record(const struct unpack_result *result, struct layer_record *ret);
