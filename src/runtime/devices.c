#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/init.h"
#include "runtime/mount.h"
#include "runtime/rootfs.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

/* runtime-spec config-linux.md, "Default Devices" */
static const struct {
	const char *name;
	unsigned int major, minor;
} default_devices[] = {
	{"null", 1, 3},
	{"zero", 1, 5},
	{"full", 1, 7},
	{"random", 1, 8},
	{"urandom", 1, 9},
	{"tty", 5, 0},
};

static const struct {
	const char *name, *target;
} default_links[] = {
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
	{"core", "/proc/kcore"},
	{"ptmx", "pts/ptmx"},
};

/* The host's node for a device: at the same path, or where its number says. */
static int clone_node(const char *host_path, mode_t type, dev_t dev, struct error **err)
{
	char by_number[64], by_name[32] = "";
	const char *const paths[] = {host_path, by_number, by_name};
	struct stat st;

	snprintf(by_number, sizeof(by_number), "/dev/%s/%u:%u", S_ISBLK(type) ? "block" : "char",
		major(dev), minor(dev));
	for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++)
		if (S_ISCHR(type) &&
			dev == makedev(default_devices[i].major, default_devices[i].minor))
			snprintf(by_name, sizeof(by_name), "/dev/%s", default_devices[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		cleanup_close int fd = -1;

		if (!*paths[i])
			continue;
		fd = mount_clone(AT_FDCWD, paths[i], false);
		if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type &&
			st.st_rdev == dev)
			return steal_fd(&fd);
	}
	return error_set(err, ERR_UNSUPPORTED,
		"device '%s': a user namespace can have only what the host has, which has no "
		"such node for %u:%u",
		host_path, major(dev), minor(dev));
}

/* The host's node in place of one that a user namespace may not make. */
static int bind_node(int dir_fd, const char *name, const char *host_path, mode_t type, dev_t dev,
	struct error **err)
{
	cleanup_close int place =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	cleanup_close int fd = -1;
	struct stat st;

	if (place < 0 && errno == EEXIST)
		place = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0 || fstat(place, &st) < 0)
		return error_errno(err, errno, "make device '%s'", host_path);
	if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
		return error_set(err, ERR_INVALID,
			"make device '%s': the image has a link or directory there", host_path);
	fd = clone_node(host_path, type, dev, err);
	if (fd < 0)
		return -1;
	if (mount_attach(fd, place) < 0)
		return error_errno(err, errno, "make device '%s'", host_path);
	return 0;
}

/* What is there already, whether we have just made it or the image has it, must be that device:
 * through a link the mode would be changed wherever it leads. */
static int make_node(int dir_fd, const char *name, mode_t mode, dev_t dev, uid_t uid, gid_t gid)
{
	cleanup_close int fd = -1;
	struct stat st;
	char path[32];

	if (mknodat(dir_fd, name, mode, dev) < 0 && errno != EEXIST)
		return -1;
	fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if ((st.st_mode & S_IFMT) != (mode & S_IFMT) || (!S_ISFIFO(mode) && st.st_rdev != dev)) {
		errno = EEXIST;
		return -1;
	}
	/* The umask was in the way. */
	if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return -1;
	return chmod(fd_path(fd, path), mode & 07777);
}

/* EPERM: root of a user namespace after all, an outer container's. */
static int make_or_bind(struct init_context *context, int dir_fd, const char *name,
	const char *host_path, mode_t mode, dev_t dev, uid_t uid, gid_t gid, struct error **err)
{
	mode_t type = mode & S_IFMT;

	if (context->privileged || type == S_IFIFO) {
		if (make_node(dir_fd, name, mode, dev, uid, gid) == 0)
			return 0;
		if (errno == EEXIST)
			return error_set(err, ERR_INVALID,
				"make device '%s': the image has something else there", host_path);
		if (errno != EPERM || type == S_IFIFO)
			return error_errno(err, errno, "make device '%s'", host_path);
	}
	return bind_node(dir_fd, name, host_path, type, dev, err);
}

static mode_t device_type(char type)
{
	switch (type) {
	case 'b':
		return S_IFBLK;
	case 'p':
		return S_IFIFO;
	default: /* 'c', 'u' */
		return S_IFCHR;
	}
}

static int make_extra_device(
	struct init_context *context, const struct runtime_device *device, struct error **err)
{
	const char *name;
	cleanup_close int parent_fd =
		rootfs_ensure_parent(context->root_fd, device->path, &name, err);
	dev_t dev = makedev((unsigned int)device->major, (unsigned int)device->minor);
	mode_t type = device_type(device->type);

	if (parent_fd < 0)
		return -1;
	/* Engines hand over all that the host's /dev has. This one is what the link to the
	 * container's own devpts leads to. */
	if (!context->dev_is_foreign && str_equal(device->path, "/dev/ptmx") && type == S_IFCHR &&
		dev == makedev(5, 2))
		return 0;
	return make_or_bind(context, parent_fd, name, device->path,
		type | (device->has_file_mode ? device->file_mode & 07777 : 0666), dev, device->uid,
		device->gid, err);
}

int init_make_devices(struct init_context *context, struct error **err)
{
	cleanup_close int dev_fd = -1;

	if (!context->dev_is_foreign) {
		dev_fd = rootfs_ensure_dir(context->root_fd, "/dev", 0755, err);
		if (dev_fd < 0)
			return -1;
		for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++) {
			const char *name = default_devices[i].name;
			dev_t dev = makedev(default_devices[i].major, default_devices[i].minor);
			char path[32] = "/dev/";

			strcat(path, name);
			if (make_or_bind(context, dev_fd, name, path, S_IFCHR | 0666, dev, 0, 0,
				    err) < 0)
				return -1;
		}
		for (size_t i = 0; i < ARRAY_SIZE(default_links); i++)
			if (symlinkat(default_links[i].target, dev_fd, default_links[i].name) < 0 &&
				errno != EEXIST)
				return error_errno(
					err, errno, "make '/dev/%s'", default_links[i].name);
	}
	for (size_t i = 0; i < context->spec->device_count; i++)
		if (make_extra_device(context, &context->spec->devices[i], err) < 0)
			return -1;
	return 0;
}
