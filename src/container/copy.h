#pragma once

#include <stdbool.h>

#include "container/container.h"
#include "storage/store.h"
#include "util/error.h"

/* `cp`: files between containers and the host, and tar streams in and out of containers. */

/* One end. Exactly one of: a path in a container, a path on the host, a stream. */
struct copy_end {
	struct container *container; /* borrowed; NULL: the host */
	const char *path; /* as given, "/." and a final '/' mean what they mean to docker;
			   * in a container relative to its root */
	int stream_fd;    /* a tar stream, when path is NULL */
};

struct copy_options {
	bool keep_ids;  /* into a container: owners as in the source; else the container's user */
	bool overwrite; /* directories by others and the other way round */
	bool one_mount; /* out of a container: its root file system alone, names without "./" */
};

/**
 * container_copy() - copy a file or a directory with all that is in it
 *
 * Each end is a child process of its own in the user namespace, the two joined by a tar stream: the
 * container's is in the container's mount namespace too (a stopped container's root is mounted
 * there under its lock, with its volumes). It executes and loads nothing from there, reads no name
 * but /etc/passwd and /etc/group (bounded), and no path it looks up leaves the container's root.
 *
 * Into a container: files belong to the container's user unless KEEP_IDS. Out of it: to the caller,
 * set-user-id and set-group-id bits are dropped, and nothing is written through a symbolic link
 * below the destination, whatever the stream says. What a tar stream cannot hold (sockets) and what
 * is no file (procfs, sysfs, cgroupfs) is left out; a file that may not be read is left out with a
 * warning.
 *
 * @err: ERR_NOT_FOUND, ERR_INVALID (stream, kinds that do not fit), ERR_CONFLICT, ERR_SYSTEM
 */
int container_copy(struct store *store, const struct copy_end *source,
	const struct copy_end *destination, const struct copy_options *opts, struct error **err);
