#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "storage/volume.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * Copying an image's directory into a new volume. The source is the image's, so untrusted: each
 * entry is opened by one name below its directory's descriptor, without following links, and judged
 * by what was opened. The destination is ours alone while the volume's lock is held.
 */

#define DEPTH_MAX     200         /* two descriptors a level */
#define XATTR_MAX     (64u << 10) /* bytes of a value, and of the list of names */
#define HARDLINKS_MAX (1u << 20)

struct hardlink {
	dev_t dev;
	ino_t ino;
	char *path; /* of the first copy, below _data */
};

struct copy {
	int data_fd;
	struct hardlink *links;
	size_t link_count, link_capacity;
	struct strbuf path; /* of the current directory, below _data; "" or ending in '/' */
	unsigned int depth;
};

/* trusted.* and the overlay's own marks belong to the layer, not to the file. */
static bool is_copied_xattr(const char *name)
{
	return !str_starts_with(name, "user.overlay.") && !str_starts_with(name, "trusted.") &&
	       !str_starts_with(name, "system.posix_acl_") && strcmp(name, "security.selinux") != 0;
}

static int copy_xattrs(int from_fd, int to_fd, struct error **err)
{
	cleanup_free char *names = xmalloc(XATTR_MAX), *value = xmalloc(XATTR_MAX);
	ssize_t len = flistxattr(from_fd, names, XATTR_MAX);

	for (char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
		ssize_t size;

		if (!is_copied_xattr(name))
			continue;
		size = fgetxattr(from_fd, name, value, XATTR_MAX);
		if (size < 0)
			continue; /* gone, or not for us */
		/* A destination without extended attributes still gets the content. */
		if (fsetxattr(to_fd, name, value, (size_t)size, 0) < 0 && errno != ENOTSUP &&
			errno != EPERM)
			return error_errno(err, errno, "set attribute '%s'", name);
	}
	return 0;
}

/* Owner first: changing it takes set-id bits and capabilities away. */
static int copy_metadata(int from_fd, int to_fd, const struct stat *st, struct error **err)
{
	const struct timespec times[] = {st->st_atim, st->st_mtim};

	if (fchown(to_fd, st->st_uid, st->st_gid) < 0)
		return error_errno(err, errno, "set the owner");
	if (fchmod(to_fd, st->st_mode & 07777) < 0)
		return error_errno(err, errno, "set the mode");
	if (copy_xattrs(from_fd, to_fd, err) < 0)
		return -1;
	if (futimens(to_fd, times) < 0)
		return error_errno(err, errno, "set the times");
	return 0;
}

static int copy_range(int from_fd, int to_fd, off_t from, off_t to, struct error **err)
{
	off_t out = from;

	while (from < to) {
		/* The kernel copies between different file systems since 5.3 only partly: fall
		 * back to reading and writing for whatever it refuses. */
		ssize_t n = copy_file_range(from_fd, &from, to_fd, &out, (size_t)(to - from), 0);

		if (n > 0)
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
				      errno != EOPNOTSUPP))
			return n == 0 ? 0 : error_errno(err, errno, "copy");
		break;
	}
	while (from < to) {
		char buf[65536];
		ssize_t n = pread(from_fd, buf, (size_t)MIN((off_t)sizeof(buf), to - from), from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "read");
		if (n == 0)
			return 0;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = pwrite(to_fd, buf + done, (size_t)(n - done), from + done);

			if (w < 0 && errno != EINTR)
				return error_errno(err, errno, "write");
			done += MAX(w, 0);
		}
		from += n;
	}
	return 0;
}

static int copy_content(int from_fd, int to_fd, off_t size, struct error **err)
{
	off_t data = 0;

	if (ftruncate(to_fd, size) < 0)
		return error_errno(err, errno, "set the size");
	while (data < size) {
		off_t start = lseek(from_fd, data, SEEK_DATA), end;

		if (start < 0 && errno == ENXIO)
			return 0; /* only a hole is left */
		if (start < 0)
			start = data;
		end = lseek(from_fd, start, SEEK_HOLE);
		if (end < 0 || end > size)
			end = size;
		if (copy_range(from_fd, to_fd, start, end, err) < 0)
			return -1;
		data = end;
	}
	return 0;
}

/* The first copy of a file with several names. NULL: this is the first, it is remembered. */
static const char *hardlink_find(struct copy *c, const struct stat *st, const char *name)
{
	for (size_t i = 0; i < c->link_count; i++)
		if (c->links[i].ino == st->st_ino && c->links[i].dev == st->st_dev)
			return c->links[i].path;
	if (c->link_count < HARDLINKS_MAX) {
		array_grow(c->links, c->link_count, c->link_capacity);
		c->links[c->link_count++] = (struct hardlink){.dev = st->st_dev,
			.ino = st->st_ino,
			.path = xasprintf("%s%s", strbuf_str(&c->path), name)};
	}
	return NULL;
}

static int copy_file(struct copy *c, int from_dir, int to_dir, const char *name, struct error **err)
{
	cleanup_close int from_fd = -1, to_fd = -1;
	struct stat st;
	const char *first;

	from_fd = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (from_fd < 0 || fstat(from_fd, &st) < 0)
		return error_errno(err, errno, "open");
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_INVALID, "changed while it was copied");
	first = st.st_nlink > 1 ? hardlink_find(c, &st, name) : NULL;
	if (first && linkat(c->data_fd, first, to_dir, name, 0) == 0)
		return 0;
	to_fd = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to_fd < 0)
		return error_errno(err, errno, "create");
	if (copy_content(from_fd, to_fd, st.st_size, err) < 0)
		return -1;
	return copy_metadata(from_fd, to_fd, &st, err);
}

static int copy_symlink(
	int from_dir, int to_dir, const char *name, const struct stat *st, struct error **err)
{
	const struct timespec times[] = {st->st_atim, st->st_mtim};
	char target[PATH_MAX];
	ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (len < 0)
		return error_errno(err, errno, "read the link");
	target[len] = '\0';
	if (symlinkat(target, to_dir, name) < 0 ||
		fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, errno, "create the link");
	(void)utimensat(
		to_dir, name, times, AT_SYMLINK_NOFOLLOW); /* a link's times hardly matter */
	return 0;
}

static int copy_fifo(int to_dir, const char *name, const struct stat *st, struct error **err)
{
	if (mkfifoat(to_dir, name, 0600) < 0 ||
		fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
		return error_errno(err, errno, "create the FIFO");
	return 0;
}

static int copy_dir(struct copy *c, int from_fd, int to_fd, struct error **err);

static int copy_entry(
	struct copy *c, int from_dir, int to_dir, const char *name, struct error **err)
{
	cleanup_close int from_fd = -1, to_fd = -1;
	size_t saved = c->path.len;
	struct stat st;
	int status;

	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, errno, "stat");
	if (S_ISREG(st.st_mode))
		return copy_file(c, from_dir, to_dir, name, err);
	if (S_ISLNK(st.st_mode))
		return copy_symlink(from_dir, to_dir, name, &st, err);
	if (S_ISFIFO(st.st_mode))
		return copy_fifo(to_dir, name, &st, err);
	if (!S_ISDIR(st.st_mode))
		return 0; /* sockets and devices mean nothing in a volume */
	if (c->depth >= DEPTH_MAX)
		return error_set(err, ERR_INVALID, "directories are nested too deep");
	from_fd = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from_fd < 0)
		return error_errno(err, errno, "open");
	to_fd = open_dir(to_dir, name, 0700, err);
	if (to_fd < 0)
		return -1;
	strbuf_addf(&c->path, "%s/", name);
	c->depth++;
	status = copy_dir(c, from_fd, to_fd, err);
	c->depth--;
	c->path.len = saved;
	c->path.data[saved] = '\0';
	return status;
}

/* The content of a directory, then what the directory itself has. */
static int copy_dir(struct copy *c, int from_fd, int to_fd, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(from_fd, ".");
	struct dirent *entry;
	struct stat st;

	if (!dir || fstat(from_fd, &st) < 0)
		return error_errno(err, errno, "open");
	while ((errno = 0, entry = dir_next(dir)))
		if (copy_entry(c, from_fd, to_fd, entry->d_name, err) < 0)
			return error_wrap(err, "'%s%s'", strbuf_str(&c->path), entry->d_name);
	if (errno)
		return error_errno(err, errno, "read the directory");
	return copy_metadata(from_fd, to_fd, &st, err);
}

static bool is_empty(int fd)
{
	cleanup_dir DIR *dir = dir_open_at(fd, ".");

	return dir && !dir_next(dir);
}

static bool was_cut_short(int fd)
{
	return faccessat(fd, "../copying", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool volume_wants_copy_up(int fd)
{
	return is_empty(fd) || was_cut_short(fd);
}

/* What an interrupted copy-up left. */
static int empty_dir(int fd, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(fd, ".");
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "open the volume");
	while ((errno = 0, entry = dir_next(dir)))
		if (remove_tree(fd, entry->d_name, err) < 0)
			return -1;
	return errno ? error_errno(err, errno, "read the volume") : 0;
}

/* What is in the volume counts from now on. Should the mark come back after a power cut, the next
 * copy-up would take what containers have written meanwhile for its own. */
static int mark_complete(int volume_fd, struct error **err)
{
	if (unlinkat(volume_fd, "copying", 0) < 0 || fsync(volume_fd) < 0)
		return error_errno(err, errno, "mark the volume as complete");
	return 0;
}

/* The volume is empty again. */
static int discard_half(int data_fd, int volume_fd, struct error **err)
{
	if (empty_dir(data_fd, err) < 0)
		return -1;
	if (fsync(data_fd) < 0)
		return error_errno(err, errno, "sync the volume");
	return mark_complete(volume_fd, err);
}

/* The lock is held. What is copied is on disk before it counts. */
static int copy_locked(int from_fd, int data_fd, int volume_fd, struct error **err)
{
	cleanup_error struct error *ignored = NULL; /* the mark stays, and the next one does it */
	struct copy copy = {.data_fd = data_fd};
	cleanup_close int marker = -1;
	int status;

	marker = openat(volume_fd, "copying", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (marker < 0 || fsync(volume_fd) < 0)
		return error_errno(err, errno, "mark the volume as incomplete");
	status = copy_dir(&copy, from_fd, data_fd, err);
	for (size_t i = 0; i < copy.link_count; i++)
		free(copy.links[i].path);
	free(copy.links);
	strbuf_clear(&copy.path);
	if (status == 0 && syncfs(data_fd) < 0)
		status = error_errno(err, errno, "sync the volume");
	if (status < 0) {
		(void)discard_half(data_fd, volume_fd, &ignored);
		return -1;
	}
	return mark_complete(volume_fd, err);
}

int volume_copy_up(int root_fd, const char *path, int fd, struct error **err)
{
	cleanup_close int from_fd = -1, volume_fd = -1, lock = -1;
	struct stat st;

	if (path)
		from_fd = open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (path && from_fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return error_errno(err, errno, "open '%s' in the image", path);
	if (from_fd < 0 && !was_cut_short(fd))
		return 0;
	if (from_fd >= 0 && fstat(from_fd, &st) < 0)
		return error_errno(err, errno, "open '%s' in the image", path);
	volume_fd = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (volume_fd < 0)
		return error_errno(err, errno, "open the volume");
	lock = lock_open(volume_fd, "lock", LOCK_EXCLUSIVE, LOCK_WAIT, err);
	if (lock < 0)
		return -1;
	/* Before anything else is written to it, which would go with the half copy. */
	if (was_cut_short(fd) && discard_half(fd, volume_fd, err) < 0)
		return -1;
	if (from_fd < 0 || !is_empty(fd))
		return 0; /* another container was first */
	/* The usual VOLUME of an image is an empty directory: only what it looks like is wanted. */
	if (is_empty(from_fd))
		return copy_metadata(from_fd, fd, &st, err);
	return copy_locked(from_fd, fd, volume_fd, err);
}
