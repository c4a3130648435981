#include "config.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "rootless/spawn.h"
#include "rootless/userns.h"
#include "storage/image_store.h"
#include "storage/overlay_private.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/strbuf.h"

/*
 * fuse-overlayfs, where kernel or file system refuse native overlay. The kernel wants /dev/fuse
 * opened in the user namespace of the mount, and the server may not read before the mount is there.
 * So a child in the user namespace opens the device, makes a detached mount of it and sends both
 * here; then the server is started on the device ("/dev/fd/N" in place of a mount point,
 * libfuse 3.3), and init takes the mount.
 */

/* Descriptors' numbers in the server. */
#define SERVER_FUSE_FD   3
#define SERVER_UPPER_FD  4
#define SERVER_WORK_FD   5
#define SERVER_LOWERS_FD 6

/* What the child sends: the device, and the mount. Not the upper directory: the server looks up the
 * path of what it is given, and one opened in the child's mount namespace has none outside. */
#define FDS_COUNT 2

struct fuse_setup {
	const struct overlay *overlay;
	int send_fd;
};

static int fuse_option(int fs_fd, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs_fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
		key, value, 0);
}

static int fuse_mount(int device_fd, bool read_only, struct error **err)
{
	cleanup_close int fs_fd = -1;
	char number[16];
	int fd;

	snprintf(number, sizeof(number), "%d", device_fd);
	fs_fd = (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return error_errno(err, errno, "open the file system 'fuse'");
	if (fuse_option(fs_fd, "source", "fuse-overlayfs") < 0 ||
		fuse_option(fs_fd, "subtype", "fuse-overlayfs") < 0 ||
		fuse_option(fs_fd, "fd", number) < 0 ||
		fuse_option(fs_fd, "rootmode", "40000") < 0 ||
		fuse_option(fs_fd, "user_id", "0") < 0 || fuse_option(fs_fd, "group_id", "0") < 0 ||
		fuse_option(fs_fd, "allow_other", NULL) < 0 ||
		fuse_option(fs_fd, "default_permissions", NULL) < 0 ||
		syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_errno(err, errno, "mount fuse-overlayfs");
	fd = (int)syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, read_only ? MOUNT_ATTR_RDONLY : 0);
	return fd < 0 ? error_errno(err, errno, "mount fuse-overlayfs") : fd;
}

static int send_fds(int socket_fd, const int *fds, struct error **err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * FDS_COUNT)];
	} control = {0};
	struct iovec data = {.iov_base = (char[]){0}, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(int) * FDS_COUNT),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * FDS_COUNT);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * FDS_COUNT);
	if (sendmsg(socket_fd, &msg, 0) < 0)
		return error_errno(err, errno, "hand over the fuse device");
	return 0;
}

static int receive_fds(int socket_fd, int *fds, struct error **err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * FDS_COUNT)];
	} control;
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;

	if (recvmsg(socket_fd, &msg, MSG_CMSG_CLOEXEC) < 0)
		return error_errno(err, errno, "take the fuse device");
	header = CMSG_FIRSTHDR(&msg);
	if (!header || header->cmsg_type != SCM_RIGHTS ||
		header->cmsg_len != CMSG_LEN(sizeof(int) * FDS_COUNT))
		return error_set(err, ERR_SYSTEM, "the fuse device did not arrive");
	memcpy(fds, CMSG_DATA(header), sizeof(int) * FDS_COUNT);
	return 0;
}

/* In the user namespace, with a mount namespace of its own. */
static int setup_run(void *data, struct error **err)
{
	const struct fuse_setup *setup = data;
	const struct overlay *overlay = setup->overlay;
	cleanup_close int store_fd = -1, lower_fd = -1, container_fd = -1, device_fd = -1;
	cleanup_close int mount_fd = -1, upper_fd = -1, work_fd = -1;

	device_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device_fd < 0)
		return error_set(err, ERR_NOT_FOUND,
			"cannot open '/dev/fuse' (%s), which fuse-overlayfs needs; load the module "
			"fuse, or use --storage-driver vfs" CHECK_SEE(CHECK_FUSE),
			strerror(errno));
	mount_fd = fuse_mount(device_fd, overlay->read_only, err);
	if (mount_fd < 0)
		return -1;
	if (send_fds(setup->send_fd, (int[]){device_fd, mount_fd}, err) < 0)
		return -1;
	if (overlay->read_only)
		return 0;
	store_fd = overlay_path_reopen(
		overlay->store_path, overlay->store_dev, overlay->store_ino, err);
	if (store_fd < 0)
		return -1;
	lower_fd = openat(store_fd, overlay->layers[0], O_PATH_DIR | O_NOFOLLOW);
	if (lower_fd < 0)
		return error_errno(err, errno, "open layer '%s'", overlay->layers[0]);
	container_fd = overlay_path_reopen(
		overlay->container_path, overlay->container_dev, overlay->container_ino, err);
	if (container_fd < 0)
		return -1;
	upper_fd = overlay_upper_open(container_fd, lower_fd, err);
	if (upper_fd < 0)
		return -1;
	work_fd = overlay_work_open(container_fd, err);
	return work_fd < 0 ? -1 : 0;
}

/* What is STORED, what is SHOWN, how many; with colons throughout. */
static void add_mapping(
	struct strbuf *options, const char *name, const struct id_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		strbuf_addf(options, "%s%s%u:%u:%u", i ? ":" : name, i ? "" : "=",
			ranges[i].container_id, ranges[i].host_id, ranges[i].count);
	strbuf_addch(options, ',');
}

static int server_start(
	const struct overlay *overlay, int device_fd, int userns_fd, struct error **err)
{
	cleanup_strbuf struct strbuf options = STRBUF_INIT;
	cleanup_free struct spawn_fd *passed =
		xcalloc(overlay->layer_count + SERVER_LOWERS_FD, sizeof(*passed));
	const char *argv[] = {"fuse-overlayfs", "-f", "-o", NULL, "/dev/fd/3", NULL};
	cleanup_close int store_fd = -1, container_fd = -1, upper_fd = -1, work_fd = -1;
	size_t count = 0, first_lower;
	int result = -1;
	pid_t pid;

	store_fd = overlay_path_reopen(
		overlay->store_path, overlay->store_dev, overlay->store_ino, err);
	if (store_fd < 0)
		return -1;
	passed[count++] = (struct spawn_fd){device_fd, SERVER_FUSE_FD};
	if (!overlay->read_only) {
		container_fd = overlay_path_reopen(overlay->container_path, overlay->container_dev,
			overlay->container_ino, err);
		if (container_fd < 0)
			return -1;
		upper_fd = openat(container_fd, "upper", O_PATH_DIR | O_NOFOLLOW);
		work_fd = openat(container_fd, "work", O_PATH_DIR | O_NOFOLLOW);
		if (upper_fd < 0 || work_fd < 0)
			return error_errno(err, errno, "open '%s/upper'", overlay->container_path);
		strbuf_addf(&options, "upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,",
			SERVER_UPPER_FD, SERVER_WORK_FD);
		passed[count++] = (struct spawn_fd){upper_fd, SERVER_UPPER_FD};
		passed[count++] = (struct spawn_fd){work_fd, SERVER_WORK_FD};
		if (overlay->volatile_upper)
			strbuf_addstr(&options, "volatile,");
	}
	if (overlay->maps.uids) {
		add_mapping(&options, "uidmapping", overlay->maps.uids, overlay->maps.uid_count);
		add_mapping(&options, "gidmapping", overlay->maps.gids, overlay->maps.gid_count);
	}
	first_lower = count;
	for (size_t i = 0; i < overlay->layer_count; i++) {
		int lower_fd = openat(store_fd, overlay->layers[i], O_PATH_DIR | O_NOFOLLOW);

		if (lower_fd < 0) {
			error_errno(err, errno, "open layer '%s'", overlay->layers[i]);
			goto out;
		}
		strbuf_addf(&options, "%s/proc/self/fd/%zu",
			i ? ":" : "lowerdir=", SERVER_LOWERS_FD + i);
		passed[count++] = (struct spawn_fd){lower_fd, SERVER_LOWERS_FD + (int)i};
	}
	argv[3] = options.data;
	result = userns_spawn(userns_fd,
		&(struct spawn_options){.argv = argv, .fds = passed, .fd_count = count}, &pid, err);
	if (result < 0 && (*err)->kind == ERR_NOT_FOUND)
		error_wrap(err, "storage driver fuse-overlayfs (Debian package: fuse-overlayfs)");
out:
	for (size_t i = first_lower; i < count; i++)
		close_keep_errno(passed[i].from);
	return result;
}

int overlay_fuse_start(struct overlay *overlay, int userns_fd, struct error **err)
{
	cleanup_close int our_fd = -1, child_fd = -1;
	int fds[FDS_COUNT] = {-1, -1}, ends[2], result;
	struct fuse_setup setup = {.overlay = overlay};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "make a socket pair");
	our_fd = ends[0];
	child_fd = setup.send_fd = ends[1];
	result = userns_run(userns_fd, true, setup_run, &setup, err);
	if (result == 0)
		result = receive_fds(our_fd, fds, err);
	if (result == 0)
		result = server_start(overlay, fds[0], userns_fd, err);
	if (result == 0)
		fd_replace(&overlay->mount_fd, steal_fd(&fds[1]));
	for (size_t i = 0; i < FDS_COUNT; i++)
		close_keep_errno(fds[i]);
	return result;
}
