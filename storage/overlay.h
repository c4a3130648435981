#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "storage/store.h"
#include "util/error.h"

/*
 * A container's root from its layers: native overlay, fuse-overlayfs, or a plain copy (vfs), chosen by
 * a probe whose answer is cached per store, file system and kernel (storage/driver file in the
 * store), or by --storage-driver / POD_STORAGE_DRIVER.
 */

enum storage_driver { DRIVER_AUTO, DRIVER_OVERLAY, DRIVER_FUSE_OVERLAYFS, DRIVER_VFS };

int storage_driver_parse(const char *name, enum storage_driver *ret, struct error **err);
const char *storage_driver_name(enum storage_driver driver);
/** storage_driver_choose() - probe once (inside USERNS_FD, -1 none), remember, note a fall-back. */
int storage_driver_choose(struct store *store, int userns_fd, enum storage_driver wanted,
	enum storage_driver *ret, char ***notes, struct error **err);

/* Everything overlay_mount() needs, prepared before init is cloned; descriptors are owned. */
struct overlay {
	enum storage_driver driver;
	int *lower_fds; /* top layer first */
	size_t lower_count;
	int container_fd; /* containers/<id>: has upper/ and work/ (overlay) or root/ (vfs) */
	bool volatile_upper; /* --rm only: an upper once mounted volatile can never be mounted again */
	bool read_only;	     /* no upper at all: lowers only */
};

/**
 * overlay_prepare() - open the layers of an image (bottom-first diff_ids) for container_fd
 * @err: ERR_NOT_FOUND names the missing layer and says to pull again
 */
int overlay_prepare(struct store *store, char *const *diff_ids, size_t count, int container_fd,
	enum storage_driver driver, struct overlay *ret, struct error **err);
void overlay_clear(struct overlay *overlay);

/** overlay_mount() - as root of the user namespace, in its mount namespace: returns the root mount's
 * descriptor. Detached mount by fsopen/fsconfig(lowerdir+)/fsmount where the kernel has it (6.5+),
 * else mount(2) with /proc/self/fd paths. DATA is struct overlay *; fits root_mounter.mount. */
int overlay_mount(void *data, struct error **err);
