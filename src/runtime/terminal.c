#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "runtime/init.h"
#include "runtime/mount.h"
#include "runtime/rootfs.h"
#include "util/fs.h"
#include "util/mem.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static int open_terminal(
	int pts_fd, int *ret_master, int *ret_slave, unsigned int *ret_number, struct error **err)
{
	cleanup_close int master = -1, slave = -1;
	struct statfs fs;
	int unlock = 0;

	/* Only a devpts hands out terminals; anything else there could be anybody's file. */
	if (pts_fd < 0 || fstatfs(pts_fd, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return error_set(err, ERR_INVALID,
			"a terminal needs a devpts file system on the container's '/dev/pts'");
	master = openat(pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 ||
		ioctl(master, TIOCGPTN, ret_number) < 0)
		return error_errno(err, errno, "make a pseudo-terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return error_errno(err, errno, "open the pseudo-terminal");
	*ret_master = steal_fd(&master);
	*ret_slave = steal_fd(&slave);
	return 0;
}

int init_open_terminal(int root_fd, int *ret_master, int *ret_slave, struct error **err)
{
	cleanup_close int pts_fd = open_in_root(root_fd, "/dev/pts", O_PATH_DIR, 0);
	unsigned int number;

	return open_terminal(pts_fd, ret_master, ret_slave, &number, err);
}

int init_make_terminal(
	struct init_context *context, int *ret_master, int *ret_slave, struct error **err)
{
	cleanup_close int pts_fd = open_in_root(context->root_fd, "/dev/pts", O_PATH_DIR, 0);
	cleanup_close int master = -1, slave = -1, console = -1, node = -1;
	struct stat opened, named;
	unsigned int number;
	char name[16];

	if (open_terminal(pts_fd, &master, &slave, &number, err) < 0)
		return -1;
	/* /dev/console is the same terminal (CVE-2025-52565: never by a path that may be swapped).
	 */
	snprintf(name, sizeof(name), "%u", number);
	node = mount_clone(pts_fd, name, false);
	if (node < 0 || fstat(node, &named) < 0 || fstat(slave, &opened) < 0)
		return error_errno(err, errno, "bind the pseudo-terminal");
	if (named.st_rdev != opened.st_rdev || !S_ISCHR(named.st_mode))
		return error_set(err, ERR_INVALID, "the pseudo-terminal was replaced");
	if (!context->dev_is_foreign) {
		console = rootfs_ensure_file(context->root_fd, "/dev/console", 0600, err);
		if (console < 0)
			return -1;
		if (mount_attach(node, console) < 0)
			return error_errno(err, errno, "bind '/dev/console'");
	}
	*ret_master = steal_fd(&master);
	*ret_slave = steal_fd(&slave);
	return 0;
}
