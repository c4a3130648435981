#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "rootless/userns.h"
#include "storage/copy.h"
#include "storage/overlay_private.h"
#include "util/fs.h"
#include "util/mem.h"

/* The last resort: a container's root is a copy of all its image's layers, made at its first start.
 */

#define COPYING "root.copying" /* renamed to root when it is whole */

static int vfs_copy(const struct overlay *overlay, int store_fd, int root_fd, struct error **err)
{
	const struct copy_change change = {.maps = overlay->maps.uids ? &overlay->maps : NULL};

	for (size_t i = overlay->layer_count; i-- > 0;) {
		cleanup_close int layer_fd = openat(store_fd, overlay->layers[i],
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (layer_fd < 0)
			return error_errno(err, errno, "open layer '%s'", overlay->layers[i]);
		if (copy_layer(layer_fd, root_fd, &change, err) < 0)
			return -1;
	}
	return 0;
}

/* In the user namespace. */
static int vfs_run(void *data, struct error **err)
{
	const struct overlay *overlay = data;
	cleanup_close int store_fd = -1, container_fd = -1, root_fd = -1;
	struct rlimit files;

	/* The copy holds both trees' directories on the way open. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files); /* deep trees fail then, no others */
	}
	(void)umask(0);
	store_fd = overlay_path_reopen(
		overlay->store_path, overlay->store_dev, overlay->store_ino, err);
	if (store_fd < 0)
		return -1;
	container_fd = overlay_path_reopen(
		overlay->container_path, overlay->container_dev, overlay->container_ino, err);
	/* What a killed copy left. */
	if (container_fd < 0 || remove_tree(container_fd, COPYING, err) < 0)
		return -1;
	root_fd = open_dir(container_fd, COPYING, 0755, err);
	if (root_fd < 0)
		return -1;
	if (vfs_copy(overlay, store_fd, root_fd, err) < 0) {
		cleanup_error struct error *ignored = NULL; /* tried again by the next start */

		(void)remove_tree(container_fd, COPYING, &ignored);
		return -1;
	}
	if (renameat(container_fd, COPYING, container_fd, "root") < 0)
		return error_errno(err, errno, "put the copied root in place");
	return 0;
}

int overlay_vfs_start(struct overlay *overlay, int userns_fd, struct error **err)
{
	cleanup_close int container_fd = -1;
	struct stat st;

	if (!overlay->container_path)
		return error_set(err, ERR_UNSUPPORTED,
			"storage driver vfs shows images only through a container; use another "
			"--storage-driver");
	container_fd = overlay_path_reopen(
		overlay->container_path, overlay->container_dev, overlay->container_ino, err);
	if (container_fd < 0)
		return -1;
	if (fstatat(container_fd, "root", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return userns_run(userns_fd, false, vfs_run, overlay, err);
}
