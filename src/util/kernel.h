#pragma once

/*
 * System calls and constants that the GNU C library (2.36) declares and musl (1.2.3) does not: pod
 * is linked with musl where it is there (doc/architecture.md, "Programs"), its helper programs with
 * the system's C library. Semantics are those of the manual pages; errors are in errno.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef __GLIBC__

#include <limits.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <sys/syscall.h>

#ifndef __O_TMPFILE
#define __O_TMPFILE (O_TMPFILE & ~O_DIRECTORY)
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE                                                                           \
	(1 << 0) /* renameat2(2); linux/fs.h clashes with the C library's headers */
#endif

static inline int renameat2(
	int old_dir, const char *old_path, int new_dir, const char *new_path, unsigned int flags)
{
	return (int)syscall(SYS_renameat2, old_dir, old_path, new_dir, new_path, flags);
}

static inline int close_range(unsigned int first, unsigned int last, int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

static inline int statx(
	int dir_fd, const char *path, int flags, unsigned int mask, struct statx *ret)
{
	return (int)syscall(SYS_statx, dir_fd, path, flags, mask, ret);
}

static inline int open_tree(int dir_fd, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, dir_fd, path, flags);
}

static inline int move_mount(
	int from_dir, const char *from_path, int to_dir, const char *to_path, unsigned int flags)
{
	return (int)syscall(SYS_move_mount, from_dir, from_path, to_dir, to_path, flags);
}

static inline int fsopen(const char *type, unsigned int flags)
{
	return (int)syscall(SYS_fsopen, type, flags);
}

static inline int fsconfig(
	int fd, unsigned int command, const char *key, const void *value, int aux)
{
	return (int)syscall(SYS_fsconfig, fd, command, key, value, aux);
}

static inline int fsmount(int fd, unsigned int flags, unsigned int attributes)
{
	return (int)syscall(SYS_fsmount, fd, flags, attributes);
}

static inline int mount_setattr(
	int dir_fd, const char *path, unsigned int flags, struct mount_attr *attr, size_t size)
{
	return (int)syscall(SYS_mount_setattr, dir_fd, path, flags, attr, size);
}

#endif
