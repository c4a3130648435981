#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "rootless/owner.h"
#include "storage/unpack.h"
#include "storage/unpack_protocol.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define WHITEOUT_PREFIX      ".wh."
#define WHITEOUT_OPAQUE      ".wh..wh..opq"
#define WHITEOUT_META_PREFIX ".wh..wh."
#define OPAQUE_XATTR         "user.overlay.opaque"

/*
 * The directories from the root to where entries are being made, open. Archives go depth first, so
 * the next entry's parent is nearly always here or one step away. A directory's time is set when it
 * leaves: every entry made in it would change it again.
 */
struct level {
	int fd;
	char *name;     /* component; NULL for the root */
	bool is_setgid; /* what is made in it inherits the group */
	bool is_dirty;  /* mtime must be put back */
	struct timespec mtime;
};

struct unpack {
	const struct unpack_options *opts;
	struct level *levels; /* [0] is the root; its fd is borrowed */
	size_t depth;         /* levels in use, at least 1 */
	size_t capacity;
	struct strbuf implied; /* not yet written to implied_fd */
	uint64_t implied_bytes;
	struct unpack_counts counts;
	const char *path; /* of the current entry, for errors */
};

static int fail_errno(const struct unpack *unpack, const char *what, struct error **err)
{
	int errnum = errno;

	/* The archive asks for what no file system gives. */
	if (errnum == ENAMETOOLONG || errnum == ELOOP || errnum == ENOTDIR)
		return error_set(err, ERR_INVALID, "archive entry '%.200s': %s: %s", unpack->path,
			what, strerror(errnum));
	return error_errno(err, errnum, "archive entry '%.200s': %s", unpack->path, what);
}

static int refuse(const struct unpack *unpack, const char *why, struct error **err)
{
	return error_set(err, ERR_INVALID, "archive entry '%.200s' %s", unpack->path, why);
}

static int level_leave(struct unpack *unpack, struct error **err)
{
	struct level *level = &unpack->levels[unpack->depth - 1];
	const struct timespec times[2] = {level->mtime, level->mtime};
	int result = 0;

	if (level->is_dirty && futimens(level->fd, times) < 0)
		result = fail_errno(unpack, "set the time of a directory", err);
	level->is_dirty = false;
	if (unpack->depth > 1) {
		close_keep_errno(level->fd);
		free(level->name);
		unpack->depth--;
	}
	return result;
}

static struct level *level_top(struct unpack *unpack)
{
	return &unpack->levels[unpack->depth - 1];
}

/* FD is owned by the level afterwards. */
static struct level *level_enter_take(
	struct unpack *unpack, int fd, const char *name, const struct stat *st)
{
	struct level *level;

	array_grow(unpack->levels, unpack->depth, unpack->capacity);
	level = &unpack->levels[unpack->depth++];
	*level = (struct level){
		.fd = fd,
		.name = xstrdup(name),
		.is_setgid = st->st_mode & S_ISGID,
		.mtime = st->st_mtim,
	};
	return level;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static int set_opaque(const struct unpack *unpack, int fd, struct error **err)
{
	if (fsetxattr(fd, OPAQUE_XATTR, "y", 1, 0) == 0)
		return 0;
	if (errno == EOPNOTSUPP) {
		/* fuse-overlayfs and our own copy know this form, and native overlay cannot be had
		 * on such a file system. */
		int mark =
			openat(fd, WHITEOUT_OPAQUE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0);

		if (mark >= 0) {
			(void)close(mark); /* empty */
			return 0;
		}
	}
	return fail_errno(unpack, "mark the directory opaque", err);
}

static int implied_flush(struct unpack *unpack, struct error **err)
{
	if (unpack->implied.len && unpack->opts->implied_fd >= 0 &&
		write_all(unpack->opts->implied_fd, unpack->implied.data, unpack->implied.len) < 0)
		return error_errno(err, errno, "write the list of implied directories");
	strbuf_reset(&unpack->implied);
	return 0;
}

/*
 * Note NAME below the levels in the list of implied directories: SIGN '+' for one that was made
 * because something lies in it, '-' when an entry of its own comes after all.
 */
static int implied_note(struct unpack *unpack, char sign, const char *name, struct error **err)
{
	size_t before = unpack->implied.len;

	strbuf_addch(&unpack->implied, sign);
	for (size_t i = 1; i < unpack->depth; i++) {
		strbuf_addstr(&unpack->implied, unpack->levels[i].name);
		strbuf_addch(&unpack->implied, '/');
	}
	strbuf_add(&unpack->implied, name, strlen(name) + 1);
	unpack->implied_bytes += unpack->implied.len - before;
	if (unpack->implied_bytes > UNPACK_IMPLIED_MAX)
		return error_set(
			err, ERR_INVALID, "the archive leaves out too many parent directories");
	unpack->counts.implied_directories += sign == '+';
	return unpack->implied.len > 65536 ? implied_flush(unpack, err) : 0;
}

/* NAME is no directory: what then? A link in the archive is followed inside the root; a whiteout of
 * the same layer gives way to an opaque directory. Returns a directory's descriptor. */
static int descend_special(struct unpack *unpack, const char *name, struct error **err)
{
	int parent_fd = level_top(unpack)->fd;
	cleanup_close int fd = -1;
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(unpack, "look at a parent", err);
	if (S_ISLNK(st.st_mode)) {
		cleanup_strbuf struct strbuf prefix = STRBUF_INIT;

		for (size_t i = 1; i < unpack->depth; i++)
			strbuf_addf(&prefix, "%s/", unpack->levels[i].name);
		strbuf_addstr(&prefix, name);
		fd = open_in_root(unpack->levels[0].fd, prefix.data, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0)
			return refuse(unpack,
				"lies below a symbolic link that leads to no directory", err);
		return steal_fd(&fd);
	}
	if (!is_whiteout(&st))
		return refuse(unpack, "lies below something that is not a directory", err);
	if (unlinkat(parent_fd, name, 0) < 0 || mkdirat(parent_fd, name, 0755) < 0)
		return fail_errno(unpack, "create a parent", err);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(unpack, "open a parent", err);
	return set_opaque(unpack, fd, err) < 0 ? -1 : steal_fd(&fd);
}

static int descend(struct unpack *unpack, const char *name, struct error **err)
{
	struct level *parent = level_top(unpack);
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	cleanup_close int fd = openat(parent->fd, name, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		parent->is_dirty = true;
		if (mkdirat(parent->fd, name, 0755) < 0)
			return fail_errno(unpack, "create a parent", err);
		if (implied_note(unpack, '+', name, err) < 0)
			return -1;
		fd = openat(parent->fd, name, flags);
	} else if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		parent->is_dirty = true;
		fd = descend_special(unpack, name, err);
		if (fd < 0)
			return -1;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(unpack, "open a parent", err);
	level_enter_take(unpack, steal_fd(&fd), name, &st);
	return 0;
}

/*
 * A path from the archive without ".", ".." and surplus slashes, relative; "" is the root.
 * ".." is resolved by text, as all engines do, and refused where it would leave the root.
 */
static int clean_path(const struct unpack *unpack, const char *path, char **ret, struct error **err)
{
	cleanup_free char *out = xmalloc(strlen(path) + 2);
	size_t len = 0, depth = 0;

	for (const char *p = path; *p;) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.')) {
			p += n;
			continue;
		}
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (!depth)
				return refuse(unpack, "leads out of the layer by '..'", err);
			depth--;
			while (len && out[len - 1] != '/')
				len--;
			if (len)
				len--; /* the slash */
			p += n;
			continue;
		}
		if (n > NAME_MAX)
			return refuse(unpack, "has a name longer than 255 bytes", err);
		if (++depth > UNPACK_DEPTH_MAX)
			return refuse(unpack, "lies too deep", err);
		if (len)
			out[len++] = '/';
		memcpy(out + len, p, n);
		len += n;
		p += n;
	}
	out[len] = '\0';
	*ret = steal_ptr(&out);
	return 0;
}

static int leave_to(struct unpack *unpack, size_t depth, struct error **err)
{
	while (unpack->depth > depth)
		if (level_leave(unpack, err) < 0)
			return -1;
	return 0;
}

/* Make the levels the parents of PATH (clean, not empty; cut apart here), and give its last
 * component. */
static int enter_parent(
	struct unpack *unpack, char *path, const char **ret_name, struct error **err)
{
	bool matching = true;
	size_t keep = 1;
	char *p = path;

	for (char *slash; (slash = strchr(p, '/')); p = slash + 1) {
		*slash = '\0';
		if (matching && keep < unpack->depth && strcmp(unpack->levels[keep].name, p) == 0) {
			keep++;
			continue;
		}
		if (matching && leave_to(unpack, keep, err) < 0)
			return -1;
		matching = false;
		if (descend(unpack, p, err) < 0)
			return -1;
	}
	if (matching && leave_to(unpack, keep, err) < 0)
		return -1;
	*ret_name = p;
	return 0;
}

/* Remove what this archive put at NAME before. */
static int clear_way(struct unpack *unpack, const char *name, struct error **err)
{
	int parent_fd = level_top(unpack)->fd;

	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fail_errno(unpack, "replace an earlier entry", err);
	return remove_tree(parent_fd, name, err);
}

static bool xattr_is_wanted(const char *name)
{
	return (str_starts_with(name, "user.") && !str_starts_with(name, "user.overlay.") &&
		       !str_starts_with(name, "user.containers.") &&
		       !str_starts_with(name, "user.pod.") &&
		       !str_starts_with(name, "user.fuseoverlayfs.")) ||
	       strcmp(name, "security.capability") == 0 ||
	       strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

/* FD -1: something that has no descriptor; then none can be set. */
static int set_xattrs(
	struct unpack *unpack, int fd, const struct tar_entry *entry, struct error **err)
{
	for (size_t i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *xattr = &entry->xattrs[i];

		if (fd < 0 || !xattr_is_wanted(xattr->name)) {
			unpack->counts.skipped_xattrs++;
			continue;
		}
		if (fsetxattr(fd, xattr->name, xattr->value, xattr->len, 0) == 0)
			continue;
		/* File systems without them, and what a user namespace may not set. */
		if (errno != EOPNOTSUPP && errno != EPERM)
			return error_errno(err, errno,
				"archive entry '%.200s': set the attribute '%s'", unpack->path,
				xattr->name);
		unpack->counts.skipped_xattrs++;
	}
	return 0;
}

static int fail_owner(
	const struct unpack *unpack, const struct tar_entry *entry, struct error **err)
{
	if (errno == EINVAL)
		return error_set(err, ERR_INVALID,
			"archive entry '%.200s' belongs to %u:%u, which the user namespace does "
			"not "
			"have; give the user more ids in /etc/subuid and /etc/subgid",
			unpack->path, entry->uid, entry->gid);
	return fail_errno(unpack, "set the owner", err);
}

/* Owner of NAME below DIR_FD, or of DIR_FD itself with AT_EMPTY_PATH. */
static int set_owner(struct unpack *unpack, int dir_fd, const char *name, int flags,
	const struct tar_entry *entry, struct error **err)
{
	if (fchownat(dir_fd, name, entry->uid, entry->gid, flags) == 0)
		return 0;
	if (errno == EINVAL && (unpack->opts->flags & UNPACK_SQUASH_IDS) &&
		fchownat(dir_fd, name, geteuid(), getegid(), flags) == 0) {
		const struct owner owner = {entry->uid, entry->gid};

		unpack->counts.squashed_owners++;
		/* What has no descriptor, and a file system without attributes, keeps no record. */
		if (!(flags & AT_EMPTY_PATH) || owner_record(dir_fd, &owner) < 0)
			unpack->counts.skipped_xattrs++;
		return 0;
	}
	return fail_owner(unpack, entry, err);
}

/* Does what we made have another owner than the entry says? */
static bool needs_owner(const struct tar_entry *entry, const struct level *parent)
{
	return entry->uid != geteuid() || entry->gid != getegid() || parent->is_setgid;
}

static int write_data(struct unpack *unpack, struct tar *tar, int fd, struct error **err)
{
	for (;;) {
		const void *data;
		size_t len;

		if (tar_data(tar, &data, &len, err) < 0)
			return -1;
		if (!len)
			return 0;
		if (write_all(fd, data, len) < 0)
			return fail_errno(unpack, "write", err);
	}
}

static int write_sparse(struct unpack *unpack, struct tar *tar, const struct tar_entry *entry,
	int fd, struct error **err)
{
	const unsigned char *data = NULL;
	size_t len = 0;

	for (size_t i = 0; i < entry->extent_count; i++) {
		struct tar_extent extent = entry->extents[i];

		while (extent.length) {
			const void *piece;
			size_t n;

			if (!len) {
				/* The map was checked to be as long as the data. */
				if (tar_data(tar, &piece, &len, err) < 0)
					return -1;
				data = piece;
			}
			n = (size_t)MIN((uint64_t)len, extent.length);
			if (pwrite_all(fd, data, n, extent.offset) < 0)
				return fail_errno(unpack, "write", err);
			data += n;
			len -= n;
			extent.offset += n;
			extent.length -= n;
		}
	}
	if (ftruncate(fd, (off_t)entry->size_bytes) < 0)
		return fail_errno(unpack, "set the size", err);
	return 0;
}

static int unpack_regular(struct unpack *unpack, struct tar *tar, const struct tar_entry *entry,
	const char *name, struct error **err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	const struct timespec times[2] = {entry->mtime, entry->mtime};
	struct level *parent = level_top(unpack);
	cleanup_close int fd = openat(parent->fd, name, flags, entry->mode & 0777);

	if (fd < 0 && errno == EEXIST) {
		if (clear_way(unpack, name, err) < 0)
			return -1;
		fd = openat(parent->fd, name, flags, entry->mode & 0777);
	}
	if (fd < 0)
		return fail_errno(unpack, "create", err);
	if ((entry->is_sparse ? write_sparse(unpack, tar, entry, fd, err)
			      : write_data(unpack, tar, fd, err)) < 0)
		return -1;
	if (needs_owner(entry, parent) && set_owner(unpack, fd, "", AT_EMPTY_PATH, entry, err) < 0)
		return -1;
	/* After the owner, whose change takes set-id bits and capabilities away. */
	if ((entry->mode & 07000) && fchmod(fd, entry->mode) < 0)
		return fail_errno(unpack, "set the mode", err);
	if (set_xattrs(unpack, fd, entry, err) < 0)
		return -1;
	if (futimens(fd, times) < 0)
		return fail_errno(unpack, "set the time", err);
	unpack->counts.content_bytes += entry->size_bytes;
	return 0;
}

/* Owner, mode and the rest of the directory of the topmost level. */
static int finish_directory(
	struct unpack *unpack, const struct tar_entry *entry, bool set_mode, struct error **err)
{
	struct level *level = level_top(unpack);
	struct stat st;

	if (fstat(level->fd, &st) < 0)
		return fail_errno(unpack, "look at the directory", err);
	if ((st.st_uid != entry->uid || st.st_gid != entry->gid) &&
		set_owner(unpack, level->fd, "", AT_EMPTY_PATH, entry, err) < 0)
		return -1;
	if ((set_mode || (st.st_mode & 07777) != entry->mode) && fchmod(level->fd, entry->mode) < 0)
		return fail_errno(unpack, "set the mode", err);
	if (set_xattrs(unpack, level->fd, entry, err) < 0)
		return -1;
	level->is_setgid = entry->mode & S_ISGID;
	level->mtime = entry->mtime;
	level->is_dirty = true;
	return 0;
}

static int unpack_directory(
	struct unpack *unpack, const struct tar_entry *entry, const char *name, struct error **err)
{
	struct level *parent = level_top(unpack);
	bool hides_lower = false;
	cleanup_close int fd = -1;
	struct stat st;

	if (mkdirat(parent->fd, name, (entry->mode & 0777) | 0700) < 0) {
		if (errno != EEXIST || fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail_errno(unpack, "create the directory", err);
		if (!S_ISDIR(st.st_mode)) {
			hides_lower = is_whiteout(&st);
			if (clear_way(unpack, name, err) < 0)
				return -1;
			if (mkdirat(parent->fd, name, (entry->mode & 0777) | 0700) < 0)
				return fail_errno(unpack, "create the directory", err);
		} else if (unpack->counts.implied_directories &&
			   implied_note(unpack, '-', name, err) < 0) {
			return -1;
		}
	}
	fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(unpack, "open the directory", err);
	if (hides_lower && set_opaque(unpack, fd, err) < 0)
		return -1;
	level_enter_take(unpack, steal_fd(&fd), name, &st);
	return finish_directory(unpack, entry, false, err);
}

/* Owner, mode and time of what has no descriptor. */
static int finish_special(
	struct unpack *unpack, const struct tar_entry *entry, const char *name, struct error **err)
{
	const struct timespec times[2] = {entry->mtime, entry->mtime};
	struct level *parent = level_top(unpack);

	if (needs_owner(entry, parent) &&
		set_owner(unpack, parent->fd, name, AT_SYMLINK_NOFOLLOW, entry, err) < 0)
		return -1;
	/* We have just made NAME and it is no link. */
	if (entry->type != TAR_SYMLINK && (entry->mode & 07000) &&
		fchmodat(parent->fd, name, entry->mode, 0) < 0)
		return fail_errno(unpack, "set the mode", err);
	if (set_xattrs(unpack, -1, entry, err) < 0)
		return -1;
	if (utimensat(parent->fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(unpack, "set the time", err);
	return 0;
}

static int unpack_symlink(
	struct unpack *unpack, const struct tar_entry *entry, const char *name, struct error **err)
{
	int parent_fd = level_top(unpack)->fd;

	if (symlinkat(entry->link, parent_fd, name) < 0) {
		if (errno != EEXIST)
			return fail_errno(unpack, "create the symbolic link", err);
		if (clear_way(unpack, name, err) < 0)
			return -1;
		if (symlinkat(entry->link, parent_fd, name) < 0)
			return fail_errno(unpack, "create the symbolic link", err);
	}
	return finish_special(unpack, entry, name, err);
}

static int unpack_node(
	struct unpack *unpack, const struct tar_entry *entry, const char *name, struct error **err)
{
	mode_t type = entry->type == TAR_FIFO               ? S_IFIFO
		      : entry->type == TAR_CHARACTER_DEVICE ? S_IFCHR
							    : S_IFBLK;
	dev_t device =
		entry->type == TAR_FIFO ? 0 : makedev(entry->device_major, entry->device_minor);
	int parent_fd = level_top(unpack)->fd;

	/* Overlay would take it as a whiteout. */
	if (entry->type == TAR_CHARACTER_DEVICE && device == makedev(0, 0)) {
		unpack->counts.skipped_devices++;
		return 0;
	}
	if (clear_way(unpack, name, err) < 0)
		return -1;
	if (mknodat(parent_fd, name, type | (entry->mode & 0777), device) < 0) {
		if (errno == EPERM && entry->type != TAR_FIFO) {
			unpack->counts.skipped_devices++;
			return 0;
		}
		return fail_errno(unpack, "create", err);
	}
	return finish_special(unpack, entry, name, err);
}

/* Where a hard link's target is: a directory inside the root, and a name that is not followed. */
static int open_link_parent(
	struct unpack *unpack, char *target, const char **ret_name, struct error **err)
{
	char *slash = strrchr(target, '/');
	int fd;

	if (slash)
		*slash = '\0';
	fd = open_in_root(unpack->levels[0].fd, slash ? target : ".", O_PATH_DIR, 0);
	if (fd < 0)
		return refuse(unpack, "is a link to what is not in the layer", err);
	*ret_name = slash ? slash + 1 : target;
	return fd;
}

static int unpack_hard_link(
	struct unpack *unpack, const struct tar_entry *entry, const char *name, struct error **err)
{
	cleanup_free char *target = NULL;
	cleanup_close int target_fd = -1;
	int parent_fd = level_top(unpack)->fd;
	const char *target_name = NULL;
	struct stat st, there;

	if (clean_path(unpack, entry->link, &target, err) < 0)
		return -1;
	if (!*target)
		return refuse(unpack, "is a link to a directory", err);
	target_fd = open_link_parent(unpack, target, &target_name, err);
	if (target_fd < 0)
		return -1;
	if (fstatat(target_fd, target_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || is_whiteout(&st))
		return refuse(unpack, "is a link to what is not in the layer", err);
	if (S_ISDIR(st.st_mode))
		return refuse(unpack, "is a link to a directory", err);
	if (fstatat(parent_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		if (there.st_dev == st.st_dev && there.st_ino == st.st_ino)
			return 0; /* itself, or linked before */
		if (clear_way(unpack, name, err) < 0)
			return -1;
	}
	if (linkat(target_fd, target_name, parent_fd, name, 0) < 0)
		return fail_errno(unpack, "link", err);
	return 0;
}

static int unpack_whiteout(struct unpack *unpack, const char *name, struct error **err)
{
	struct level *parent = level_top(unpack);
	const char *hidden = name + strlen(WHITEOUT_PREFIX);
	struct stat st;
	int fd;

	if (strcmp(name, WHITEOUT_OPAQUE) == 0)
		return set_opaque(unpack, parent->fd, err);
	/* Other marks of aufs, which nobody else reads. */
	if (str_starts_with(name, WHITEOUT_META_PREFIX))
		return 0;
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return refuse(unpack, "is a whiteout of nothing that can be there", err);
	if (mknodat(parent->fd, hidden, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno == EPERM || errno == EOPNOTSUPP) {
		/* The archive's own form, which fuse-overlayfs and our own copy know. */
		fd = openat(parent->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0);
		if (fd >= 0) {
			(void)close(fd); /* empty */
			return 0;
		}
	}
	if (errno != EEXIST)
		return fail_errno(unpack, "create the whiteout", err);
	/* What is here already comes from the same layer and stays; a directory must not let the
	 * lower one of its name through. */
	fd = openat(parent->fd, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0) {
		const struct timespec times[2] = {st.st_mtim, st.st_mtim};
		int result = set_opaque(unpack, fd, err);

		(void)futimens(fd, times); /* only the fall-back form changed it */
		(void)close(fd);           /* a directory */
		return result;
	}
	close_keep_errno(fd);
	return 0;
}

static int unpack_root(struct unpack *unpack, const struct tar_entry *entry, struct error **err)
{
	if (entry->type != TAR_DIRECTORY)
		return refuse(unpack, "would replace the layer's root", err);
	if (leave_to(unpack, 1, err) < 0)
		return -1;
	return finish_directory(unpack, entry, true, err);
}

static int unpack_entry(
	struct unpack *unpack, struct tar *tar, const struct tar_entry *entry, struct error **err)
{
	cleanup_free char *path = NULL;
	const char *name;

	if (clean_path(unpack, entry->path, &path, err) < 0)
		return -1;
	if (!*path)
		return unpack_root(unpack, entry, err);
	if (enter_parent(unpack, path, &name, err) < 0)
		return -1;
	level_top(unpack)->is_dirty = true;
	if (!(unpack->opts->flags & UNPACK_PLAIN) && str_starts_with(name, WHITEOUT_PREFIX))
		return unpack_whiteout(unpack, name, err);
	switch (entry->type) {
	case TAR_REGULAR:
		return unpack_regular(unpack, tar, entry, name, err);
	case TAR_DIRECTORY:
		return unpack_directory(unpack, entry, name, err);
	case TAR_SYMLINK:
		return unpack_symlink(unpack, entry, name, err);
	case TAR_HARD_LINK:
		return unpack_hard_link(unpack, entry, name, err);
	case TAR_CHARACTER_DEVICE:
	case TAR_BLOCK_DEVICE:
	case TAR_FIFO:
		return unpack_node(unpack, entry, name, err);
	}
	return refuse(unpack, "has an unknown type", err);
}

static int unpack_all(struct unpack *unpack, struct tar *tar, struct error **err)
{
	for (;;) {
		const struct tar_entry *entry;

		if (tar_next(tar, &entry, err) < 0)
			return -1;
		if (!entry)
			break;
		if (++unpack->counts.files > UNPACK_ENTRIES_MAX)
			return error_set(err, ERR_INVALID, "the archive has more than %u entries",
				UNPACK_ENTRIES_MAX);
		unpack->path = entry->path;
		if (unpack_entry(unpack, tar, entry, err) < 0)
			return -1;
	}
	unpack->path = "/";
	if (leave_to(unpack, 1, err) < 0 || level_leave(unpack, err) < 0)
		return -1;
	return implied_flush(unpack, err);
}

int unpack_tar(struct tar *tar, const struct unpack_options *opts, struct unpack_counts *ret,
	struct error **err)
{
	struct unpack unpack = {.opts = opts, .path = "/"};
	mode_t mask;
	struct stat st;
	int result;

	if (fstat(opts->diff_fd, &st) < 0)
		return error_errno(err, errno, "stat the layer's directory");
	mask = umask(0);
	(void)level_enter_take(&unpack, opts->diff_fd, "", &st);
	result = unpack_all(&unpack, tar, err);
	(void)umask(mask);
	for (size_t i = 0; i < unpack.depth; i++) {
		if (i)
			close_keep_errno(unpack.levels[i].fd);
		free(unpack.levels[i].name);
	}
	free(unpack.levels);
	strbuf_clear(&unpack.implied);
	if (result == 0)
		*ret = unpack.counts;
	return result;
}
