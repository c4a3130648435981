#pragma once

#include <stdbool.h>

#include "rootless/idmap.h"
#include "util/error.h"

/* How a copy differs from its layer. */
struct copy_change {
	const struct id_maps *maps; /* owner n becomes the map's host id of n; NULL: stays */
	/* Regular files without content, which overlay finds at this path and theirs in a data-only
	 * layer; NULL: content is copied. */
	const char *content_path;
};

/**
 * copy_layer() - put an unpacked layer on top of a plain tree, as overlay would show it
 * @layer_fd: its diff/; borrowed
 * @root_fd:  the tree, O_RDONLY; borrowed
 * @change:   NULL: nothing is different
 * @err: ERR_UNSUPPORTED: an owner that the map has no id for
 *
 * For the vfs driver: whiteouts remove, opaque directories empty; ownership, modes, times,
 * attributes, hard links (within the layer), holes; by reference where the file system can
 * (FICLONE). Neither tree is changed by anybody else meanwhile. As root of the user namespace.
 */
int copy_layer(int layer_fd, int root_fd, const struct copy_change *change, struct error **err);
