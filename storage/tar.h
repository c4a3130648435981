#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "util/error.h"

/*
 * Reading tar archives from outside: ustar, pax (POSIX.1-2001) and GNU extensions incl. sparse
 * files, as image-spec layer.md allows. Everything is bounded; paths are given as they are and are
 * hostile.
 *
 * Where readers differ this one does as Go's archive/tar, which all other engines use: types that
 * have no content have none whatever their size says, global pax headers are ignored, and the
 * archive ends at two zero blocks or at the end of the stream.
 */

#define TAR_BLOCK_SIZE   512
#define TAR_EXTENDED_MAX (1u << 20) /* bytes of pax headers and long names before one entry */
#define TAR_PATH_MAX     (64u << 10)
#define TAR_XATTR_MAX    (64u << 10) /* bytes of a value: the kernel's XATTR_SIZE_MAX */
#define TAR_EXTENTS_MAX  (1u << 20)

enum tar_type {
	TAR_REGULAR,
	TAR_HARD_LINK,
	TAR_SYMLINK,
	TAR_CHARACTER_DEVICE,
	TAR_BLOCK_DEVICE,
	TAR_DIRECTORY,
	TAR_FIFO,
};

struct tar_xattr {
	char *name; /* as in setxattr(2) */
	void *value;
	size_t len;
};

struct tar_extent {
	uint64_t offset, length; /* bytes */
};

struct tar_entry {
	enum tar_type type;
	char *path;  /* not empty, no NUL inside; anything else is possible */
	char *link;  /* hard and symbolic links; else NULL */
	mode_t mode; /* permission bits only, 07777 */
	uint32_t uid, gid;
	uint64_t size_bytes; /* of the file, holes included; 0 for all but regular files */
	struct timespec mtime;
	uint32_t device_major, device_minor;
	struct tar_xattr *xattrs;
	size_t xattr_count;
	/* A sparse file: where the data that tar_data() gives belong, ascending; all of it lies
	 * below size_bytes. Else the data is the file. */
	bool is_sparse;
	struct tar_extent *extents;
	size_t extent_count;
};

/* Gives the next piece of the archive, borrowed until the next call; all but the last are a
 * multiple of TAR_BLOCK_SIZE long; length 0 at the end. */
struct tar_source {
	int (*read)(void *ctx, const void **ret_data, size_t *ret_len, struct error **err);
	void *ctx;
};

struct tar;
struct tar *tar_open(const struct tar_source *source);
void tar_close(struct tar *tar);

/**
 * tar_next() - the next entry; what is left of the current one's data is skipped
 * @ret: borrowed until the next call; NULL at the end of the archive
 * @err: ERR_INVALID "archive entry N: ...", or what the source gave
 */
int tar_next(struct tar *tar, const struct tar_entry **ret, struct error **err);

/** tar_data() - the next piece of the entry's data, borrowed; length 0 at its end. */
int tar_data(struct tar *tar, const void **ret_data, size_t *ret_len, struct error **err);

/** tar_drain() - read to the end of the stream, after the end of the archive. */
int tar_drain(struct tar *tar, struct error **err);
