#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/rootfs.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define COPY_DEPTH_MAX 64

int rootfs_ensure_dir(int root_fd, const char *path, mode_t mode, struct error **err)
{
	cleanup_close int dir_fd = -1;
	cleanup_free char *prefix = NULL;
	char *name, *end;

	if (path_has_dotdot(path))
		return error_set(err, ERR_INVALID, "path '%s' contains '..'", path);
	/* Almost always it is there. */
	dir_fd = open_in_root(root_fd, path, O_PATH_DIR, 0);
	if (dir_fd >= 0)
		return steal_fd(&dir_fd);
	if (errno != ENOENT)
		return error_errno(err, errno, "open '%s' in the container's root", path);
	prefix = xstrdup(path);
	dir_fd = open_in_root(root_fd, ".", O_PATH_DIR, 0);
	for (name = prefix + strspn(prefix, "/"); dir_fd >= 0 && *name; name = end) {
		cleanup_close int parent_fd = steal_fd(&dir_fd);
		char saved;

		end = name + strcspn(name, "/");
		saved = *end;
		*end = '\0';
		/* The whole prefix, from the root again: a symlink must not move the base. */
		dir_fd = open_in_root(root_fd, prefix, O_PATH_DIR, 0);
		if (dir_fd < 0 && errno == ENOENT) {
			/* One component under a descriptor, not followed: it cannot lead elsewhere.
			 */
			if (mkdirat(parent_fd, name, mode) < 0 && errno != EEXIST)
				return error_errno(
					err, errno, "create '%s' in the container's root", prefix);
			dir_fd = openat(parent_fd, name, O_PATH_DIR | O_NOFOLLOW);
		}
		*end = saved;
		end += strspn(end, "/");
	}
	if (dir_fd < 0)
		return error_errno(err, errno, "open '%s' in the container's root", path);
	return steal_fd(&dir_fd);
}

int rootfs_ensure_parent(int root_fd, const char *path, const char **ret_name, struct error **err)
{
	const char *name = strrchr(path, '/');
	cleanup_free char *parent = NULL;

	name = name ? name + 1 : path;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, ERR_INVALID, "'%s' names no file", path);
	parent = xstrndup(path, (size_t)(name - path));
	*ret_name = name;
	return rootfs_ensure_dir(root_fd, *parent ? parent : "/", 0755, err);
}

int rootfs_ensure_file(int root_fd, const char *path, mode_t mode, struct error **err)
{
	cleanup_close int parent_fd = -1;
	const char *name;
	int fd = open_in_root(root_fd, path, O_PATH, 0);

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return error_errno(err, errno, "open '%s' in the container's root", path);
	parent_fd = rootfs_ensure_parent(root_fd, path, &name, err);
	if (parent_fd < 0)
		return -1;
	/* O_EXCL: a dangling symlink there is refused, not followed. */
	fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return error_errno(err, errno, "create '%s' in the container's root", path);
	return fd;
}

static int copy_file(int src_dir, int dst_dir, const char *name, const struct stat *st)
{
	cleanup_close int in =
		openat(src_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_close int out = -1;
	ssize_t n;

	if (in < 0)
		return -1;
	out = openat(dst_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -1;
	while ((n = sendfile(out, in, NULL, 1 << 20)) != 0)
		if (n < 0 && errno != EINTR)
			return -1;
	/* Ownership first: it clears set-user-id bits. */
	return fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0 ? -1
											       : 0;
}

static int copy_symlink(int src_dir, int dst_dir, const char *name, const struct stat *st)
{
	char target[4096];
	ssize_t n = readlinkat(src_dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return -1;
	target[n] = '\0';
	if (symlinkat(target, dst_dir, name) < 0)
		return -1;
	return fchownat(dst_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_level(int src_fd, int dst_fd, unsigned int depth, struct error **err)
{
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;

	if (depth > COPY_DEPTH_MAX)
		return error_set(
			err, ERR_INVALID, "directories nested more than %d deep", COPY_DEPTH_MAX);
	dir = dir_open_at(src_fd, ".");
	if (!dir)
		return error_errno(err, errno, "read a directory of the image");
	while ((errno = 0, entry = dir_next(dir))) {
		struct timespec times[2];
		struct stat st;
		int result = 0;

		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_errno(err, errno, "stat '%s'", entry->d_name);
		if (S_ISDIR(st.st_mode)) {
			cleanup_close int in = openat(dirfd(dir), entry->d_name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			cleanup_close int out = -1;

			if (in < 0 || mkdirat(dst_fd, entry->d_name, 0700) < 0)
				return error_errno(err, errno, "copy '%s'", entry->d_name);
			out = openat(dst_fd, entry->d_name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (out < 0)
				return error_errno(err, errno, "copy '%s'", entry->d_name);
			if (copy_level(in, out, depth + 1, err) < 0)
				return -1;
			if (fchown(out, st.st_uid, st.st_gid) < 0 ||
				fchmod(out, st.st_mode & 07777) < 0)
				return error_errno(err, errno, "copy '%s'", entry->d_name);
		} else if (S_ISREG(st.st_mode)) {
			result = copy_file(dirfd(dir), dst_fd, entry->d_name, &st);
		} else if (S_ISLNK(st.st_mode)) {
			result = copy_symlink(dirfd(dir), dst_fd, entry->d_name, &st);
		} else {
			continue;
		}
		if (result < 0)
			return error_errno(err, errno, "copy '%s'", entry->d_name);
		times[0] = st.st_atim;
		times[1] = st.st_mtim;
		(void)utimensat(dst_fd, entry->d_name, times, AT_SYMLINK_NOFOLLOW); /* a nicety */
	}
	return errno ? error_errno(err, errno, "read a directory of the image") : 0;
}

int rootfs_copy_tree(int src_fd, int dst_fd, struct error **err)
{
	return copy_level(src_fd, dst_fd, 0, err);
}
