#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/mount.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/str.h"

#define FSCONFIG_STRING_MAX 256 /* with the NUL */

/* Do all strings fit into what fsconfig takes? A lowerdir= with some layers does not. */
static bool data_fits(char *const *data)
{
	for (; data && *data; data++)
		if (strlen(*data) >= FSCONFIG_STRING_MAX + strcspn(*data, "="))
			return false;
	return true;
}

/* By mount(2), somewhere, and then taken from there: what is at /proc is covered for a moment. Only
 * in a mount namespace of our own. */
static int mount_by_path(
	const char *type, const char *source, const struct mount_options *opts, struct error **err)
{
	cleanup_free char *data = str_join(opts->data, ",");
	struct mount_options flags = *opts;
	cleanup_close int fd = -1;

	if (strlen(data) >= 4095)
		return error_set(err, ERR_UNSUPPORTED,
			"mount '%s': options of %zu bytes are more than mount(2) takes", type,
			strlen(data));
	/* It may be shared with the host on demand (rootfsPropagation). Not a mount: its parent is
	 * private. */
	(void)mount(NULL, "/proc", NULL, MS_PRIVATE, NULL);
	if (mount(source ? source : type, "/proc", type, opts->mount_flags, data) < 0)
		return error_errno(err, errno, "mount '%s'", type);
	fd = open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0 || umount2("/proc", MNT_DETACH) < 0)
		return error_errno(err, errno, "mount '%s'", type);
	flags.attr_clear = flags.rec_clear = 0;
	if (mount_apply(fd, &flags) < 0)
		return error_errno(err, errno, "mount '%s': set its options", type);
	return steal_fd(&fd);
}

/* What the kernel says about a file system context, beyond errno; "" when nothing. */
static void context_message(int fs_fd, char *out, size_t size)
{
	ssize_t n = read(fs_fd, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
	if (n > 2 && out[1] == ' ')
		memmove(out, out + 2, (size_t)n - 1); /* "e text" */
	out[strcspn(out, "\n")] = '\0';
}

static int context_fail(int fs_fd, const char *type, const char *what, struct error **err)
{
	int why = errno;
	char text[256];

	context_message(fs_fd, text, sizeof(text));
	return error_errno(err, why, "mount '%s': %s%s%s", type, what, *text ? ": " : "", text);
}

int mount_new(
	const char *type, const char *source, const struct mount_options *opts, struct error **err)
{
	cleanup_close int fs_fd = -1;
	int fd;

	if (opts->mount_flags || !data_fits(opts->data))
		return mount_by_path(type, source, opts, err);
	fs_fd = fsopen(type, FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return error_errno(err, errno, "mount '%s'", type);
	if (source && fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return context_fail(fs_fd, type, source, err);
	for (char *const *data = opts->data; data && *data; data++) {
		size_t len = strcspn(*data, "=");
		cleanup_free char *key = xstrndup(*data, len);
		int result;

		if ((*data)[len])
			result = fsconfig(fs_fd, FSCONFIG_SET_STRING, key, *data + len + 1, 0);
		else
			result = fsconfig(fs_fd, FSCONFIG_SET_FLAG, key, NULL, 0);
		if (result < 0)
			return context_fail(fs_fd, type, *data, err);
	}
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return context_fail(fs_fd, type, "create", err);
	fd = fsmount(fs_fd, FSMOUNT_CLOEXEC,
		(unsigned int)((opts->attr_set | opts->rec_set) & ~MOUNT_ATTR_NOSYMFOLLOW));
	if (fd < 0)
		return context_fail(fs_fd, type, "mount", err);
	return fd;
}

int mount_clone(int dir_fd, const char *path, bool recursive)
{
	return open_tree(dir_fd, path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT |
			(*path ? 0u : (unsigned int)AT_EMPTY_PATH) |
			(recursive ? (unsigned int)AT_RECURSIVE : 0u));
}

static int set_attributes(
	int fd, uint64_t set, uint64_t clear, uint64_t propagation, unsigned int recursive)
{
	struct mount_attr attr = {
		.attr_set = set,
		.attr_clr = clear,
		.propagation = propagation,
	};
	int result;

	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	result =
		mount_setattr(fd, "", (unsigned int)AT_EMPTY_PATH | recursive, &attr, sizeof(attr));
	if (result == 0 || errno != EPERM || recursive || !(clear & ~MOUNT_ATTR__ATIME))
		return result;
	/* Words like "rw" are mostly said without need: what is locked stays. */
	attr.attr_clr &= MOUNT_ATTR__ATIME;
	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	return mount_setattr(fd, "", (unsigned int)AT_EMPTY_PATH, &attr, sizeof(attr));
}

int mount_apply(int fd, const struct mount_options *opts)
{
	if (set_attributes(fd, opts->attr_set, opts->attr_clear, opts->propagation, 0) < 0)
		return -1;
	return set_attributes(
		fd, opts->rec_set, opts->rec_clear, opts->rec_propagation, AT_RECURSIVE);
}

int mount_attach(int fd, int target_fd)
{
	return move_mount(fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}
