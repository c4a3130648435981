#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rootless/idmap.h"
#include "storage/store.h"
#include "util/error.h"

/*
 * A container's root from its layers: native overlay, fuse-overlayfs, or a plain copy (vfs), chosen
 * by a probe whose answer is cached per store, file system and kernel (file "driver" in the store),
 * or by
 * --storage-driver / POD_STORAGE_DRIVER.
 *
 * Overlay is always mounted with "userxattr", by real root too: one store means the same to both,
 * and opaque directories are marked by user.overlay.opaque.
 *
 * The kernel takes lower directories only from mounts of the mounting process's own mount namespace
 * (clone_private_mount()), so descriptors opened before init was cloned are of no use: the store is
 * opened again by its path in there, and checked to be the same directory.
 */

enum storage_driver { DRIVER_AUTO, DRIVER_OVERLAY, DRIVER_FUSE_OVERLAYFS, DRIVER_VFS };

/** storage_driver_parse() - "overlay" (also "overlay2"), "fuse-overlayfs", "vfs", "auto".
 * @err: ERR_INVALID */
int storage_driver_parse(const char *name, enum storage_driver *ret, struct error **err);
const char *storage_driver_name(enum storage_driver driver);

/**
 * storage_driver_choose() - which driver this store works with
 * @wanted: DRIVER_AUTO: POD_STORAGE_DRIVER, else the remembered answer, else probe and remember
 * @notes:     NULL, or a list to which one line is added when a probe had to fall back
 * @err: ERR_INVALID (POD_STORAGE_DRIVER), ERR_SYSTEM
 */
int storage_driver_choose(struct store *store, enum storage_driver wanted, enum storage_driver *ret,
	char ***notes, struct error **err);

/**
 * storage_overlay_probe() - does the kernel mount an overlay of this store? Tried on scratch
 * layers.
 * @userns_fd: the base user namespace; -1: none is needed
 * @err: ERR_UNSUPPORTED when it is the kernel or the file system that cannot; else the try failed
 */
int storage_overlay_probe(struct store *store, int userns_fd, struct error **err);

/**
 * storage_content_choose() - does the kernel take the content of files from a data-only layer that
 * the user may mount? Tried on scratch layers once for each kernel and file system (file
 * "content").
 * @userns_fd: the base user namespace; -1: none is needed
 */
int storage_content_choose(struct store *store, int userns_fd, bool *ret, struct error **err);

/* Everything overlay_mount() needs, prepared before init is cloned; owned. */
struct overlay {
	enum storage_driver driver;
	char *store_path; /* absolute */
	dev_t store_dev;  /* what must be found there */
	ino_t store_ino;
	char **layers; /* "layers/<hex>/diff", top layer first */
	size_t layer_count;
	char *container_path; /* absolute path of containers/<id>; NULL: read-only */
	dev_t container_dev;
	ino_t container_ino;
	char *content_path;  /* data-only layer below all others, apart from them; NULL: none */
	struct id_maps maps; /* fuse-overlayfs and vfs: overlay_shift()'s; empty: none */
	int mount_fd;        /* fuse-overlayfs: the mount that overlay_start() made; else -1 */
	bool volatile_upper; /* --rm only: an upper once mounted volatile can never be mounted again
			      */
	bool read_only;      /* no upper at all: lowers only */
};

/**
 * overlay_prepare() - check the layers of an image (bottom-first diff_ids) for a container
 * @container_fd: containers/<id>, which gets upper/ and work/ when it is first mounted (overlay),
 *or has root/ (vfs); it must not be renamed before overlay_mount(). -1: read_only is set.
 * @err: ERR_NOT_FOUND names the missing layer and says to pull again
 *
 * The caller may set volatile_upper and read_only afterwards.
 */
int overlay_prepare(struct store *store, char *const *diff_ids, size_t count, int container_fd,
	enum storage_driver driver, struct overlay *ret, struct error **err);
void overlay_clear(struct overlay *overlay);

/**
 * overlay_shift() - show the layers with other owners; between overlay_prepare() and _start()
 * @maps: owner n of a layer is to be the map's host id of n, in the words of the base user
 *        namespace; borrowed
 * @userns_fd: the base user namespace; -1: none
 * @err: ERR_UNSUPPORTED: a file's owner is none that MAPS has; ERR_NOT_FOUND, ERR_SYSTEM
 *
 * Native overlay shows owners as they are stored, and nobody but the host's root could map a
 * layer's ids on the way. So the layers are copied, on top of each other, once for each map:
 *
 *   shifted/<hex of the top layer>.meta-<hash of layers and maps>/diff/
 *           directories, links and empty files; their content is found in the layers themselves
 *           through the data-only layer "layers/". Linux 6.16, which takes that from who is not the
 *           host's root for the last of the other layers only: hence a single one.
 *   shifted/<hex>.copy-<hash>/diff/
 *           with content, by reference where the file system can (FICLONE)
 *
 * Made in tmp/shift.<random>/ and renamed in when they are whole and synced; the collection takes
 * them with the top layer (gc.h). fuse-overlayfs maps by itself; vfs copies anyway.
 */
int overlay_shift(struct store *store, struct overlay *overlay, const struct id_maps *maps,
	int userns_fd, struct error **err);

/**
 * overlay_start() - what the driver needs outside the container before overlay_mount(): nothing for
 * native overlay; a detached mount and a running server for fuse-overlayfs; the copy of the image
 * for vfs, made once per container. Called after overlay_prepare(), under the container's lock.
 * @userns_fd: -1: none
 * @err: ERR_NOT_FOUND (fuse-overlayfs or /dev/fuse), ERR_SYSTEM
 *
 * The server is a child of the caller, outside all of the container's namespaces but the user
 * namespace: inside, a container could reach the host's files through it. It ends by itself when
 * the last mount is gone (overlay_clear() drops the one held here); whoever inherits it reaps it.
 */
int overlay_start(struct overlay *overlay, int userns_fd, struct error **err);

/**
 * overlay_mount_outside() - overlay_mount() and more in a child in USERNS_FD, for a container in a
 * user namespace below that one
 * @fn: as overlay_mount(), called as root of USERNS_FD in a mount namespace of its own
 * Returns: a detached mount's descriptor
 */
int overlay_mount_outside(
	int userns_fd, int (*fn)(void *data, struct error **err), void *data, struct error **err);

/**
 * overlay_mount() - mount, as root of the user namespace, in the mount namespace it is to live in
 * @data: struct overlay *; fits root_mounter.mount
 * Native: a detached mount by fsopen/fsconfig(lowerdir+)/fsmount where the kernel has that (6.7),
 * else mount(2) with lower directories named /proc/self/fd/N, on top of the upper directory.
 * @err: ERR_UNSUPPORTED (refused by kernel or file system; says what to do), ERR_SYSTEM
 * Returns: the root mount's descriptor
 */
int overlay_mount(void *data, struct error **err);
