#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

/* Places in a container's root, whose content is hostile: every path is resolved in one openat2
 * inside of the root and used through the descriptor. */

/** rootfs_ensure_dir() - O_PATH descriptor of directory PATH, made with what leads to it when
 * absent. PATH is as the container sees it, untrusted. */
int rootfs_ensure_dir(int root_fd, const char *path, mode_t mode, struct error **err);

/** rootfs_ensure_file() - O_PATH descriptor of PATH, made as an empty regular file when absent. */
int rootfs_ensure_file(int root_fd, const char *path, mode_t mode, struct error **err);

/** rootfs_ensure_parent() - directory descriptor of PATH's parent and *ret_name its last component,
 * borrowed from PATH; ERR_INVALID when there is none. */
int rootfs_ensure_parent(int root_fd, const char *path, const char **ret_name, struct error **err);

/** rootfs_copy_tree() - copy what is in SRC_FD into DST_FD (directories): contents, ownership,
 * modes, times, symlinks; sockets and what cannot be made (device nodes) are left out. */
int rootfs_copy_tree(int src_fd, int dst_fd, struct error **err);
