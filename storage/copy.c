#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "storage/copy.h"
#include "storage/unpack.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define XATTR_NAMES_MAX (64u << 10) /* the kernel's XATTR_LIST_MAX */
#define COPY_STEP       (1u << 30)  /* bytes of one copy_file_range */

/* Files with more than one name: where the first one went. */
struct link {
	dev_t dev;
	ino_t ino;
	char *path; /* below root_fd */
};

struct copy {
	int root_fd;
	struct copy_change change;
	void *links; /* tree of struct link, tsearch(3) */
	bool told;   /* the error names the file */
	size_t depth;
	char *names, *value; /* scratch: XATTR_NAMES_MAX bytes each */
};

static int link_compare(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino == y->ino ? 0 : x->ino < y->ino ? -1 : 1;
}

static void link_free(void *p)
{
	struct link *link = p;

	free(link->path);
	free(link);
}

static bool is_overlay_xattr(const char *name)
{
	return str_starts_with(name, "user.overlay.") || str_starts_with(name, "trusted.") ||
	       str_starts_with(name, "security.selinux");
}

static int copy_xattrs(struct copy *copy, int from_fd, int to_fd, struct error **err)
{
	ssize_t len = flistxattr(from_fd, copy->names, XATTR_NAMES_MAX);

	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : error_errno(err, errno, "list attributes");
	for (const char *name = copy->names; name < copy->names + len; name += strlen(name) + 1) {
		ssize_t size;

		if (is_overlay_xattr(name))
			continue;
		size = fgetxattr(from_fd, name, copy->value, XATTR_NAMES_MAX);
		if (size < 0 || (fsetxattr(to_fd, name, copy->value, (size_t)size, 0) < 0 &&
					errno != EOPNOTSUPP && errno != EPERM))
			return error_errno(err, errno, "copy the attribute '%s'", name);
	}
	return 0;
}

static int copy_range(int from_fd, int to_fd, off_t begin, off_t end)
{
	char buffer[65536];

	while (begin < end) {
		off_t in = begin, out = begin;
		ssize_t n = copy_file_range(
			from_fd, &in, to_fd, &out, (size_t)MIN(end - begin, (off_t)COPY_STEP), 0);

		if (n < 0 && (errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL ||
				     errno == ENOSYS)) {
			n = pread(from_fd, buffer, (size_t)MIN(end - begin, (off_t)sizeof(buffer)),
				begin);
			if (n > 0)
				n = pwrite(to_fd, buffer, (size_t)n, begin);
		}
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		begin += n;
	}
	return 0;
}

static int copy_content(int from_fd, int to_fd, off_t size)
{
	off_t hole = 0;

	if (size == 0 || ioctl(to_fd, FICLONE, from_fd) == 0)
		return 0;
	while (hole < size) {
		off_t data = lseek(from_fd, hole, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			break; /* only a hole is left */
		if (data < 0)
			data = hole; /* no holes known there */
		hole = lseek(from_fd, data, SEEK_HOLE);
		if (hole < 0)
			hole = size;
		if (copy_range(from_fd, to_fd, data, hole) < 0)
			return -1;
	}
	return ftruncate(to_fd, size);
}

/* What the owners in ST are in the copy. */
static int map_owner(const struct copy *copy, const struct stat *st, uid_t *ret_uid, gid_t *ret_gid,
	struct error **err)
{
	const struct id_maps *maps = copy->change.maps;

	*ret_uid = maps ? id_to_host(maps->uids, maps->uid_count, st->st_uid) : st->st_uid;
	*ret_gid = maps ? id_to_host(maps->gids, maps->gid_count, st->st_gid) : st->st_gid;
	if (maps && (*ret_uid == UINT32_MAX || *ret_gid == UINT32_MAX))
		return error_set(err, ERR_UNSUPPORTED,
			"it belongs to %s %u, which the container's user namespace does not have; "
			"give it more ids: --userns=auto:size=65536, or another --uidmap and "
			"--gidmap",
			*ret_uid == UINT32_MAX ? "user" : "group",
			*ret_uid == UINT32_MAX ? st->st_uid : st->st_gid);
	return 0;
}

/* Owner before mode and attributes: its change takes set-id bits and capabilities away. */
static int copy_metadata(
	struct copy *copy, int from_fd, int to_fd, const struct stat *st, struct error **err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	uid_t uid;
	gid_t gid;

	if (map_owner(copy, st, &uid, &gid, err) < 0)
		return -1;
	if (fchown(to_fd, uid, gid) < 0 || fchmod(to_fd, st->st_mode & 07777) < 0)
		return error_errno(err, errno, "set owner and mode");
	if (copy_xattrs(copy, from_fd, to_fd, err) < 0)
		return -1;
	if (futimens(to_fd, times) < 0)
		return error_errno(err, errno, "set the time");
	return 0;
}

/* What overlay needs to find the content in the layer itself. False: such attributes do not fit. */
static bool refer_to_content(
	const struct copy *copy, int to_fd, const char *path, const struct stat *st)
{
	cleanup_free char *whole = xasprintf("%s/%s", copy->change.content_path, path);

	if (ftruncate(to_fd, st->st_size) < 0)
		return false;
	if (fsetxattr(to_fd, "user.overlay.redirect", whole, strlen(whole), 0) == 0 &&
		fsetxattr(to_fd, "user.overlay.metacopy", "", 0, 0) == 0)
		return true;
	(void)fremovexattr(to_fd, "user.overlay.redirect");
	return false;
}

static int copy_regular(struct copy *copy, int from_dir, int to_dir, const char *name,
	const char *path, const struct stat *st, struct error **err)
{
	cleanup_close int from_fd = -1, to_fd = -1;

	from_fd = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from_fd < 0)
		return error_errno(err, errno, "open");
	to_fd = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to_fd < 0)
		return error_errno(err, errno, "create");
	if (!(st->st_size && copy->change.content_path &&
		    refer_to_content(copy, to_fd, path, st)) &&
		copy_content(from_fd, to_fd, st->st_size) < 0)
		return error_errno(err, errno, "copy");
	return copy_metadata(copy, from_fd, to_fd, st, err);
}

static int copy_symlink(struct copy *copy, int from_dir, int to_dir, const char *name,
	const struct stat *st, struct error **err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	char target[PATH_MAX + 1];
	uid_t uid;
	gid_t gid;
	ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (len < 0)
		return error_errno(err, errno, "read the link");
	target[len] = '\0';
	if (map_owner(copy, st, &uid, &gid, err) < 0)
		return -1;
	if (symlinkat(target, to_dir, name) < 0 ||
		fchownat(to_dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, errno, "create the link");
	return 0;
}

static int copy_node(
	struct copy *copy, int to_dir, const char *name, const struct stat *st, struct error **err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	uid_t uid;
	gid_t gid;

	if (map_owner(copy, st, &uid, &gid, err) < 0)
		return -1;

	if (mknodat(to_dir, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0) {
		if (errno == EPERM && !S_ISFIFO(st->st_mode))
			return 0; /* as unpacking does */
		return error_errno(err, errno, "create");
	}
	if (fchownat(to_dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0 ||
		utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, errno, "set owner and mode");
	return 0;
}

/* Was this file copied under another name? Then link it. Else remember it. 1: linked. */
static int copy_as_link(struct copy *copy, int to_dir, const char *name, const char *path,
	const struct stat *st, struct error **err)
{
	struct link *link = xmalloc(sizeof(*link)), **found;

	*link = (struct link){.dev = st->st_dev, .ino = st->st_ino, .path = xstrdup(path)};
	found = tsearch(link, &copy->links, link_compare);
	if (*found == link)
		return 0;
	link_free(link);
	if (linkat(copy->root_fd, (*found)->path, to_dir, name, 0) < 0)
		return error_errno(err, errno, "link");
	return 1;
}

static int copy_directory(
	struct copy *copy, int from_dir, int to_dir, const char *path, struct error **err);

static int remove_existing(int dir_fd, const char *name, struct error **err)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	return remove_tree(dir_fd, name, err);
}

static int empty_directory(int dir_fd, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(dir_fd, ".");
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "open");
	while ((entry = dir_next(dir)))
		if (remove_existing(dir_fd, entry->d_name, err) < 0)
			return -1;
	return 0;
}

static bool is_opaque(int fd)
{
	char value;
	struct stat st;

	return (fgetxattr(fd, "user.overlay.opaque", &value, 1) == 1 && value == 'y') ||
	       fstatat(fd, ".wh..wh..opq", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int copy_subdirectory(struct copy *copy, int from_dir, int to_dir, const char *name,
	const char *path, const struct stat *st, struct error **err)
{
	cleanup_close int from_fd = -1, to_fd = -1;
	struct stat there;
	int result;

	if (copy->depth >= UNPACK_DEPTH_MAX)
		return error_set(err, ERR_INVALID, "lies too deep");
	if (fstatat(to_dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(there.st_mode) &&
		remove_existing(to_dir, name, err) < 0)
		return -1;
	if (mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "create");
	from_fd = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from_fd < 0)
		return error_errno(err, errno, "open");
	to_fd = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to_fd < 0)
		return error_errno(err, errno, "open the copy");
	if (is_opaque(from_fd) && empty_directory(to_fd, err) < 0)
		return -1;
	copy->depth++;
	result = copy_directory(copy, from_fd, to_fd, path, err);
	copy->depth--;
	return result < 0 ? -1 : copy_metadata(copy, from_fd, to_fd, st, err);
}

static int copy_entry(struct copy *copy, int from_dir, int to_dir, const char *name,
	const char *path, struct error **err)
{
	const char *hidden = str_starts_with(name, ".wh.");
	struct stat st;
	int linked;

	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, errno, "stat");
	/* Whiteouts in overlay's form, and in the one for file systems without it. */
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
		return remove_existing(to_dir, name, err);
	if (hidden && S_ISREG(st.st_mode) && st.st_size == 0 && (st.st_mode & 07777) == 0)
		return strcmp(name, ".wh..wh..opq") == 0 ? 0 : remove_existing(to_dir, hidden, err);
	if (S_ISDIR(st.st_mode))
		return copy_subdirectory(copy, from_dir, to_dir, name, path, &st, err);
	if (remove_existing(to_dir, name, err) < 0)
		return -1;
	if (st.st_nlink > 1) {
		linked = copy_as_link(copy, to_dir, name, path, &st, err);
		if (linked)
			return linked < 0 ? -1 : 0;
	}
	if (S_ISREG(st.st_mode))
		return copy_regular(copy, from_dir, to_dir, name, path, &st, err);
	if (S_ISLNK(st.st_mode))
		return copy_symlink(copy, from_dir, to_dir, name, &st, err);
	return copy_node(copy, to_dir, name, &st, err);
}

static int copy_directory(
	struct copy *copy, int from_dir, int to_dir, const char *path, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(from_dir, ".");
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "open");
	while ((errno = 0, entry = dir_next(dir))) {
		cleanup_free char *below =
			*path ? xasprintf("%s/%s", path, entry->d_name) : xstrdup(entry->d_name);

		if (copy_entry(copy, from_dir, to_dir, entry->d_name, below, err) < 0) {
			if (!copy->told)
				error_wrap(err, "copy '%s' of a layer", below);
			copy->told = true;
			return -1;
		}
	}
	if (errno)
		return error_errno(err, errno, "read a directory");
	return 0;
}

int copy_layer(int layer_fd, int root_fd, const struct copy_change *change, struct error **err)
{
	struct copy copy = {.root_fd = root_fd};
	struct stat st;
	int result;

	if (fstat(layer_fd, &st) < 0)
		return error_errno(err, errno, "stat a layer");
	if (change)
		copy.change = *change;
	copy.names = xmalloc(XATTR_NAMES_MAX);
	copy.value = xmalloc(XATTR_NAMES_MAX);
	result = is_opaque(layer_fd) ? empty_directory(root_fd, err) : 0;
	if (result == 0)
		result = copy_directory(&copy, layer_fd, root_fd, "", err);
	if (result == 0)
		result = copy_metadata(&copy, layer_fd, root_fd, &st, err);
	tdestroy(copy.links, link_free);
	free(copy.names);
	free(copy.value);
	return result;
}
