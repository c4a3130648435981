#pragma once

#include "util/error.h"

/**
 * copy_layer() - put an unpacked layer on top of a plain tree, as overlay would show it
 * @layer_fd: its diff/; borrowed
 * @root_fd:  the tree, O_RDONLY; borrowed
 *
 * For the vfs driver: whiteouts remove, opaque directories empty; ownership, modes, times,
 * attributes, hard links (within the layer), holes; by reference where the file system can
 * (FICLONE). Neither tree is changed by anybody else meanwhile. As root of the user namespace.
 */
int copy_layer(int layer_fd, int root_fd, struct error **err);
