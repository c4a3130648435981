#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * The two halves of a copy: a tree written to a tar stream and read from one. Both work from one
 * root directory.
 */

/* The one extended attribute that travels: a file's capabilities. On the host it is dropped. */
#define CAPABILITY_XATTR "security.capability"

struct copy_root {
	int fd;        /* "/" as this half is to see it, or AT_FDCWD */
	bool confined; /* a container's: no look-up leaves FD. Else the host's, for the caller */
	/* Only what lies on the mount of PATH: others' mount points are empty, as in the file
	 * system below them. Names begin with what is in PATH. */
	bool one_mount;
	/* A container's in a namespace of one id: owners are those of the records
	 * (rootless/owner.h). */
	bool single_id;
};

/**
 * copy_pack() - write PATH of ROOT to STREAM_FD
 * Names in the stream begin with PATH's last component, or with "." when PATH ends in "/." or is
 * "/". Symbolic links that PATH leads over are followed; those in the tree are stored.
 * @err: ERR_NOT_FOUND; ERR_SYSTEM (errnum EPIPE: the reader is gone)
 */
int copy_pack(const struct copy_root *root, const char *path, int stream_fd, struct error **err);

struct copy_unpack_options {
	bool place_inside; /* a stream of the caller's own: PATH must be a directory, names are kept
			    */
	bool overwrite;
	bool chown; /* to uid, gid; else KEEP_IDS decides */
	bool keep_ids;
	uid_t uid;
	gid_t gid;
};

/** copy_unpack() - read STREAM_FD to its end into PATH of ROOT, placed as docker's cp does. */
int copy_unpack(const struct copy_root *root, const char *path, int stream_fd,
	const struct copy_unpack_options *opts, struct error **err);
