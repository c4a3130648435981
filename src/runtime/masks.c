#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/init.h"
#include "runtime/mount.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"

int init_mask_paths(struct init_context *context, struct error **err)
{
	cleanup_close int empty_fd = -1;

	for (char **path = context->spec->masked_paths; path && *path; path++) {
		cleanup_close int target_fd = open_in_root(context->root_fd, *path, O_PATH, 0);
		cleanup_close int fd = -1;
		struct stat st;

		if (target_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (target_fd < 0 || fstat(target_fd, &st) < 0)
			return error_errno(err, errno, "mask '%s'", *path);
		if (S_ISDIR(st.st_mode)) {
			/* One empty file system serves all directories. */
			if (empty_fd < 0) {
				const struct mount_options opts = {
					.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
				};

				empty_fd = mount_new("tmpfs", "tmpfs", &opts, err);
				if (empty_fd < 0)
					return error_wrap(err, "mask '%s'", *path);
				if (mount_attach(empty_fd, target_fd) < 0)
					return error_errno(err, errno, "mask '%s'", *path);
				continue;
			}
			fd = mount_clone(empty_fd, "", false);
		} else {
			/* The host's, never what the container calls /dev/null. */
			fd = mount_clone(AT_FDCWD, "/dev/null", false);
			if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) ||
					       st.st_rdev != makedev(1, 3)))
				return error_set(err, ERR_UNSUPPORTED,
					"mask '%s': the host's '/dev/null' is not the null device",
					*path);
		}
		if (fd < 0 || mount_attach(fd, target_fd) < 0)
			return error_errno(err, errno, "mask '%s'", *path);
	}
	return 0;
}

int init_readonly_paths(struct init_context *context, struct error **err)
{
	const struct mount_options opts = {.rec_set = MOUNT_ATTR_RDONLY};

	for (char **path = context->spec->readonly_paths; path && *path; path++) {
		cleanup_close int target_fd = open_in_root(context->root_fd, *path, O_PATH, 0);
		cleanup_close int fd = -1;

		if (target_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (target_fd < 0)
			return error_errno(err, errno, "protect '%s'", *path);
		fd = mount_clone(target_fd, "", true);
		if (fd < 0 || mount_apply(fd, &opts) < 0 || mount_attach(fd, target_fd) < 0)
			return error_errno(err, errno, "protect '%s'", *path);
	}
	return 0;
}
