#pragma once

#include <stdint.h>

/*
 * The unpacker: `pod-transfer unpack`, one process per layer in flight, inside the base user
 * namespace. It reads a layer's blob while it arrives, checks both digests and writes the files
 * below one directory. It can reach nothing else: no network, no exec, no path outside that
 * directory.
 *
 *   pod-transfer unpack DIGEST DIFF_ID TAR_LIMIT FLAGS
 *     DIGEST     "sha256:<hex>" of the bytes as they come (compressed), or "-": not known
 *     DIFF_ID    "sha256:<hex>" of the tar, or "-": computed only
 *     TAR_LIMIT  most bytes of tar taken, decimal
 *     FLAGS      decimal, enum unpack_flags
 *
 * Descriptors the process is started with:
 *   3   SOCK_SEQPACKET to pod; gets exactly one struct unpack_result; the process ends after it
 *   4   the source: a regular file that may still grow (read with pread), or a pipe (read to its
 * end) 5   pipe of little-endian uint64_t counters: bytes of the source that are there and may be
 * read; end of file means that the last counter is the whole. /dev/null: the source is complete. 6
 * the layer's diff/ directory, empty 7   a file that gets the list of implied directories
 * (unpack.h)
 *
 * Counters may be merged: only the last one read counts. A source that ends before its counter, or
 * a digest that differs, is an error; what is below diff/ is then the caller's to delete.
 */

#define UNPACK_CONTROL_FD 3
#define UNPACK_SOURCE_FD  4
#define UNPACK_NOTIFY_FD  5
#define UNPACK_DIFF_FD    6
#define UNPACK_IMPLIED_FD 7

#define UNPACK_RESULT_MAGIC 0x6b706e75u
#define UNPACK_TEXT_MAX     512

enum unpack_flags {
	/* Names starting with ".wh." are files like others (import of a plain root archive). */
	UNPACK_PLAIN = 1,
	/* Ids that the user namespace does not map become our own instead of an error, with a
	 * record of what they should be (rootless/owner.h). */
	UNPACK_SQUASH_IDS = 2,
};

/* Fixed size, host byte order: both ends are the same installation. */
struct unpack_result {
	uint32_t magic;
	uint32_t ok;         /* 1: everything below is valid; 0: error_kind and text */
	uint32_t error_kind; /* enum error_kind */
	int32_t errnum;
	uint64_t tar_size_bytes, blob_size_bytes;
	uint64_t file_count;           /* entries written */
	uint64_t implied_count;        /* directories on the list: layer_adopt_parents() is due */
	uint64_t content_size_bytes;   /* of regular files */
	uint64_t skipped_device_count; /* device nodes that may not be made in a user namespace */
	uint64_t squashed_count;       /* entries whose owner is only recorded */
	uint64_t skipped_xattr_count;  /* attributes not allowed or not supported */
	char diff_id[72];              /* "sha256:<hex>" */
	char blob_digest[72];          /* the same, of the bytes as they came */
	char text[UNPACK_TEXT_MAX];    /* error message, NUL-terminated */
};
