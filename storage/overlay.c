#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "rootless/userns.h"
#include "storage/image_store.h"
#include "storage/overlay.h"
#include "storage/overlay_private.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

int storage_driver_parse(const char *name, enum storage_driver *ret, struct error **err)
{
	static const struct {
		const char *name;
		enum storage_driver driver;
	} names[] = {
		{"auto", DRIVER_AUTO},
		{"overlay", DRIVER_OVERLAY},
		{"overlay2", DRIVER_OVERLAY},
		{"fuse-overlayfs", DRIVER_FUSE_OVERLAYFS},
		{"vfs", DRIVER_VFS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i].name) == 0) {
			*ret = names[i].driver;
			return 0;
		}
	}
	return error_set(err, ERR_INVALID,
		"unknown storage driver '%.40s': overlay, fuse-overlayfs and vfs are there", name);
}

const char *storage_driver_name(enum storage_driver driver)
{
	switch (driver) {
	case DRIVER_AUTO:
		return "auto";
	case DRIVER_OVERLAY:
		return "overlay";
	case DRIVER_FUSE_OVERLAYFS:
		return "fuse-overlayfs";
	case DRIVER_VFS:
		return "vfs";
	}
	return "unknown";
}

/* The absolute path of FD, with the identity to check after opening it again. */
static int path_remember(int fd, char **ret, dev_t *ret_dev, ino_t *ret_ino, struct error **err)
{
	char link[32], path[PATH_MAX];
	struct stat st;
	ssize_t len;

	len = readlink(fd_path(fd, link), path, sizeof(path) - 1);
	if (len < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "find the path of a directory of the store");
	path[len] = '\0';
	*ret = xstrdup(path);
	*ret_dev = st.st_dev;
	*ret_ino = st.st_ino;
	return 0;
}

int overlay_path_reopen(const char *path, dev_t dev, ino_t ino, struct error **err)
{
	cleanup_close int fd = open(path, O_PATH_DIR);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open '%s'", path);
	if (st.st_dev != dev || st.st_ino != ino)
		return error_set(
			err, ERR_CONFLICT, "'%s' is another directory now; try again", path);
	return steal_fd(&fd);
}

int overlay_prepare(struct store *store, char *const *diff_ids, size_t count, int container_fd,
	enum storage_driver driver, struct overlay *ret, struct error **err)
{
	struct overlay overlay = {.driver = driver, .mount_fd = -1, .read_only = container_fd < 0};
	struct stat st;

	if (count == 0 || count > IMAGE_LAYERS_MAX) {
		error_set(err, ERR_INVALID, "an image with %zu layers cannot be mounted (1 to %d)",
			count, IMAGE_LAYERS_MAX);
		goto fail;
	}
	overlay.store_path = xstrdup(store->data_path);
	if (fstat(store->data_fd, &st) < 0) {
		error_errno(err, errno, "stat '%s'", store->data_path);
		goto fail;
	}
	overlay.store_dev = st.st_dev;
	overlay.store_ino = st.st_ino;
	overlay.layers = xcalloc(count + 1, sizeof(*overlay.layers));
	for (size_t i = count; i-- > 0;) {
		const char *hex = digest_is_valid(diff_ids[i]) ? digest_hex(diff_ids[i]) : NULL;

		if (!hex) {
			error_set(
				err, ERR_INVALID, "'%.80s' is not a layer's diff_id", diff_ids[i]);
			goto fail;
		}
		overlay.layers[overlay.layer_count] = xasprintf("layers/%s/diff", hex);
		if (fstatat(store->data_fd, overlay.layers[overlay.layer_count], &st,
			    AT_SYMLINK_NOFOLLOW) < 0) {
			error_set(err, ERR_NOT_FOUND,
				"layer %.12s of the image is missing; pull the image again", hex);
			goto fail;
		}
		overlay.layer_count++;
	}
	if (container_fd >= 0 && path_remember(container_fd, &overlay.container_path,
					 &overlay.container_dev, &overlay.container_ino, err) < 0)
		goto fail;
	*ret = overlay;
	return 0;
fail:
	overlay_clear(&overlay);
	return -1;
}

void overlay_clear(struct overlay *overlay)
{
	free(overlay->store_path);
	strv_free(overlay->layers);
	free(overlay->container_path);
	free(overlay->content_path);
	id_maps_clear(&overlay->maps);
	close_keep_errno(overlay->mount_fd);
	*overlay = (struct overlay){.mount_fd = -1};
}

/* What is stacked, as descriptors of the mount namespace we are in. */
struct stack {
	int lower_fds[IMAGE_LAYERS_MAX]; /* top first */
	size_t lower_count;
	int content_fd;        /* data-only layer, -1: none */
	int upper_fd, work_fd; /* -1: read-only */
	bool volatile_upper;
};

static int fsconfig_fd_path(int fs_fd, const char *key, int fd)
{
	char path[32];

	return (int)syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, key, fd_path(fd, path), 0);
}

static int fsconfig_flag(int fs_fd, const char *key)
{
	return (int)syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_FLAG, key, NULL, 0);
}

/*
 * The mount API: no limit on the length of options, and the mount is detached. Needs "lowerdir+"
 * (6.7). Before 6.5 overlay's options are only collected, any key is taken and the failure would
 * come as a plain EINVAL from the create command: a key that is none tells that apart. Returns a
 * mount descriptor; -1 with errno, *RET_OLD says that mount(2) is worth trying.
 */
static int mount_detached(const struct stack *stack, bool *ret_old)
{
	cleanup_close int fs_fd = -1;
	unsigned int attributes = stack->upper_fd < 0 ? MOUNT_ATTR_RDONLY : 0;

	*ret_old = true;
	fs_fd = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return -1;
	if (fsconfig_flag(fs_fd, "pod-is-this-parsed") == 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	for (size_t i = 0; i < stack->lower_count; i++)
		if (fsconfig_fd_path(fs_fd, "lowerdir+", stack->lower_fds[i]) < 0)
			return -1;
	*ret_old = false;
	if (stack->content_fd >= 0 && fsconfig_fd_path(fs_fd, "datadir+", stack->content_fd) < 0)
		return -1;
	if (fsconfig_flag(fs_fd, "userxattr") < 0)
		return -1;
	if (stack->upper_fd >= 0) {
		if (stack->volatile_upper && fsconfig_flag(fs_fd, "volatile") < 0)
			return -1;
		if (fsconfig_fd_path(fs_fd, "upperdir", stack->upper_fd) < 0 ||
			fsconfig_fd_path(fs_fd, "workdir", stack->work_fd) < 0)
			return -1;
	}
	if (syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, "source", "pod", 0) < 0 ||
		syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, attributes);
}

/* mount(2) onto the directory MOUNTPOINT_FD; 127 layers named by descriptor fit a page. */
static int mount_attached(const struct stack *stack, int mountpoint_fd)
{
	cleanup_strbuf struct strbuf options = STRBUF_INIT;
	char path[32];

	strbuf_addstr(&options, "userxattr");
	if (stack->upper_fd >= 0) {
		if (stack->volatile_upper)
			strbuf_addstr(&options, ",volatile");
		strbuf_addf(&options, ",upperdir=%s", fd_path(stack->upper_fd, path));
		strbuf_addf(&options, ",workdir=%s", fd_path(stack->work_fd, path));
	}
	for (size_t i = 0; i < stack->lower_count; i++)
		strbuf_addf(&options, "%s%s",
			i ? ":" : ",lowerdir=", fd_path(stack->lower_fds[i], path));
	return mount("pod", fd_path(mountpoint_fd, path), "overlay",
		stack->upper_fd < 0 ? MS_RDONLY : 0, options.data);
}

/*
 * Stack the layers. TOP_PARENT_FD and TOP_NAME name the topmost directory once more (the upper, or
 * the first lower): mount(2) covers it, and only a look-up of the name finds what covers it.
 */
static int stack_mount(
	const struct stack *stack, int top_parent_fd, const char *top_name, struct error **err)
{
	int top_fd = stack->upper_fd >= 0 ? stack->upper_fd : stack->lower_fds[0];
	bool old;
	int fd;

	fd = mount_detached(stack, &old);
	if (fd < 0 && old) {
		if (stack->content_fd < 0 && mount_attached(stack, top_fd) == 0) {
			fd = openat(top_parent_fd, top_name, O_PATH_DIR | O_NOFOLLOW);
			if (fd < 0)
				return error_errno(err, errno, "open the overlay");
		}
	}
	if (fd < 0 && (errno == EPERM || errno == EINVAL || errno == ENODEV || errno == EOPNOTSUPP))
		return error_set(err, ERR_UNSUPPORTED,
			"the kernel refuses to mount an overlay here (%s); use "
			"--storage-driver fuse-overlayfs or vfs" CHECK_SEE(CHECK_OVERLAY),
			strerror(errno));
	if (fd < 0)
		return error_errno(err, errno, "mount the overlay");
	return fd;
}

/* A directory as a mount of its own. */
static int bind_mount(int fd, bool read_only, struct error **err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	cleanup_close int tree_fd = -1;

	tree_fd = (int)syscall(
		SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree_fd < 0)
		return error_errno(err, errno, "clone the mount of the root directory");
	if (read_only &&
		syscall(SYS_mount_setattr, tree_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_errno(err, errno, "make the root directory read-only");
	return steal_fd(&tree_fd);
}

int overlay_upper_open(int container_fd, int lower_fd, struct error **err)
{
	cleanup_close int fd = -1;
	struct stat lower, made;
	bool is_new;

	if (fstat(lower_fd, &lower) < 0)
		return error_errno(err, errno, "stat the root of the top layer");
	is_new = mkdirat(container_fd, "upper", lower.st_mode & 07777) == 0;
	if (!is_new && errno != EEXIST)
		return error_errno(err, errno, "create the container's upper directory");
	fd = openat(container_fd, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &made) < 0)
		return error_errno(err, errno, "open the container's upper directory");
	if (is_new && (made.st_uid != lower.st_uid || made.st_gid != lower.st_gid) &&
		fchown(fd, lower.st_uid, lower.st_gid) < 0)
		return error_errno(err, errno, "chown the container's upper directory");
	if (is_new && made.st_mode != lower.st_mode && fchmod(fd, lower.st_mode & 07777) < 0)
		return error_errno(err, errno, "chmod the container's upper directory");
	return steal_fd(&fd);
}

int overlay_work_open(int container_fd, struct error **err)
{
	int fd;

	if (mkdirat(container_fd, "work", 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "create the container's work directory");
	fd = openat(container_fd, "work", O_PATH_DIR | O_NOFOLLOW);
	if (fd < 0)
		return error_errno(err, errno, "open the container's work directory");
	return fd;
}

static int native_mount(const struct overlay *overlay, struct error **err)
{
	struct stack stack = {
		.content_fd = -1,
		.upper_fd = -1,
		.work_fd = -1,
		.volatile_upper = overlay->volatile_upper,
	};
	cleanup_close int store_fd = -1, container_fd = -1;
	int fd = -1;

	store_fd = overlay_path_reopen(
		overlay->store_path, overlay->store_dev, overlay->store_ino, err);
	if (store_fd < 0)
		return -1;
	for (size_t i = 0; i < overlay->layer_count; i++) {
		int lower_fd = openat(store_fd, overlay->layers[i], O_PATH_DIR | O_NOFOLLOW);

		if (lower_fd < 0) {
			error_errno(err, errno, "open layer '%s'", overlay->layers[i]);
			goto out;
		}
		stack.lower_fds[stack.lower_count++] = lower_fd;
	}
	if (overlay->content_path) {
		stack.content_fd = openat(store_fd, overlay->content_path, O_PATH_DIR | O_NOFOLLOW);
		if (stack.content_fd < 0) {
			error_errno(err, errno, "open '%s'", overlay->content_path);
			goto out;
		}
	}
	if (overlay->read_only) {
		/* Overlay wants two directories, one is its own root. */
		fd = stack.lower_count == 1 && stack.content_fd < 0
			     ? bind_mount(stack.lower_fds[0], true, err)
			     : stack_mount(&stack, store_fd, overlay->layers[0], err);
		goto out;
	}
	container_fd = overlay_path_reopen(
		overlay->container_path, overlay->container_dev, overlay->container_ino, err);
	if (container_fd < 0)
		goto out;
	stack.upper_fd = overlay_upper_open(container_fd, stack.lower_fds[0], err);
	if (stack.upper_fd < 0)
		goto out;
	stack.work_fd = overlay_work_open(container_fd, err);
	if (stack.work_fd < 0)
		goto out;
	fd = stack_mount(&stack, container_fd, "upper", err);
out:
	for (size_t i = 0; i < stack.lower_count; i++)
		close_keep_errno(stack.lower_fds[i]);
	close_keep_errno(stack.content_fd);
	close_keep_errno(stack.upper_fd);
	close_keep_errno(stack.work_fd);
	return fd;
}

static int vfs_mount(const struct overlay *overlay, struct error **err)
{
	cleanup_close int container_fd = -1, root_fd = -1;

	container_fd = overlay_path_reopen(
		overlay->container_path, overlay->container_dev, overlay->container_ino, err);
	if (container_fd < 0)
		return -1;
	root_fd = openat(container_fd, "root", O_PATH_DIR | O_NOFOLLOW);
	if (root_fd < 0)
		return error_errno(err, errno, "open '%s/root'", overlay->container_path);
	return bind_mount(root_fd, overlay->read_only, err);
}

int overlay_mount(void *data, struct error **err)
{
	const struct overlay *overlay = data;

	int fd;

	switch (overlay->driver) {
	case DRIVER_VFS:
		return vfs_mount(overlay, err);
	case DRIVER_FUSE_OVERLAYFS:
		/* A mount that is in no namespace so far. */
		fd = fcntl(overlay->mount_fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? error_errno(err, errno, "take the fuse-overlayfs mount") : fd;
	case DRIVER_AUTO:
	case DRIVER_OVERLAY:
		break;
	}
	return native_mount(overlay, err);
}

int overlay_start(struct overlay *overlay, int userns_fd, struct error **err)
{
	switch (overlay->driver) {
	case DRIVER_FUSE_OVERLAYFS:
		return overlay_fuse_start(overlay, userns_fd, err);
	case DRIVER_VFS:
		return overlay_vfs_start(overlay, userns_fd, err);
	case DRIVER_AUTO:
	case DRIVER_OVERLAY:
		break;
	}
	return 0;
}

/* For the child of overlay_mount_outside(). */
struct outside {
	int (*fn)(void *data, struct error **err);
	void *data;
	int socket_fd;
};

static int outside_run(void *data, struct error **err)
{
	const struct outside *outside = data;
	cleanup_close int fd = outside->fn(outside->data, err), tree_fd = -1;

	if (fd < 0)
		return -1;
	/* What is attached here goes with this mount namespace: a copy does not. EINVAL: it is
	 * detached already. */
	tree_fd = (int)syscall(SYS_open_tree, fd, "",
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (tree_fd < 0 && errno != EINVAL)
		return error_errno(err, errno, "detach the container's root");
	if (fd_send(outside->socket_fd, tree_fd >= 0 ? tree_fd : fd) < 0)
		return error_errno(err, errno, "hand over the container's root");
	return 0;
}

int overlay_mount_outside(
	int userns_fd, int (*fn)(void *data, struct error **err), void *data, struct error **err)
{
	cleanup_close int our_fd = -1, child_fd = -1;
	struct outside outside = {.fn = fn, .data = data};
	int ends[2], fd;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "make a socket pair");
	our_fd = ends[0];
	child_fd = outside.socket_fd = ends[1];
	if (userns_run(userns_fd, true, outside_run, &outside, err) < 0)
		return -1;
	fd = fd_receive(our_fd);
	return fd < 0 ? error_errno(err, errno, "take the container's root") : fd;
}
