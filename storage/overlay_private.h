#pragma once

#include "storage/overlay.h"
#include "util/error.h"

/* What the drivers share; for storage/overlay*.c only. */

/** overlay_path_reopen() - open the directory PATH, in the mount namespace we are in, and check
 * that it is DEV and INO. Returns an O_PATH descriptor. @err: ERR_CONFLICT, ERR_SYSTEM */
int overlay_path_reopen(const char *path, dev_t dev, ino_t ino, struct error **err);

/** overlay_upper_open() - open upper/ below CONTAINER_FD; a new one takes mode and owner of the top
 * layer's root. As root of the user namespace. */
int overlay_upper_open(int container_fd, int lower_fd, struct error **err);
/** overlay_work_open() - open work/ below CONTAINER_FD, made when absent. */
int overlay_work_open(int container_fd, struct error **err);

/** overlay_fuse_start(), overlay_vfs_start() - overlay_start() for one driver. */
int overlay_fuse_start(struct overlay *overlay, int userns_fd, struct error **err);
int overlay_vfs_start(struct overlay *overlay, int userns_fd, struct error **err);
