#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "container/copy_files.h"
#include "rootless/owner.h"
#include "storage/tar.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * Where things go. The stream's entries lie below one name ("dir", "dir/a", or ".", "./a"). The
 * first entry and what is at the destination decide once for all entries: a directory BASE, and the
 * name ROOT_NAME that takes the place of the first component ("." merges into BASE itself).
 *
 * In a container look-ups of parent directories follow symbolic links, as programs inside would,
 * and cannot leave its root. On the host, below BASE, none is followed: the stream may come from
 * somebody who exchanges directories for links while they are read.
 */

#define STREAM_PIECE_BYTES (128u << 10)
#define PATH_BYTES_MAX     4096

/* A directory that was made here gets its mode and times when all is in it. */
struct made_directory {
	char *path;
	mode_t mode;
	struct timespec mtime;
};

struct unpack {
	const struct copy_root *root;
	const struct copy_unpack_options *opts;
	int stream_fd;
	char *piece;

	int base_fd;
	char *base_path; /* of the container; NULL on the host */
	char *root_name;
	bool from_dot;  /* the stream's names begin with ".", not with a name */
	bool in_place;  /* the destination is an existing file: write into it */
	bool to_device; /* ... or a terminal, a pipe, /dev/null: no attributes, no length */
	const char *destination; /* as given */

	int parent_fd; /* of the entry before */
	char *parent_path;
	struct made_directory *made;
	size_t made_count, made_capacity;
};

static void unpack_clear(struct unpack *u)
{
	free(u->piece);
	free(u->base_path);
	free(u->root_name);
	free(u->parent_path);
	close_keep_errno(u->base_fd);
	close_keep_errno(u->parent_fd);
	for (size_t i = 0; i < u->made_count; i++)
		free(u->made[i].path);
	free(u->made);
}

static int stream_read(void *ctx, const void **ret_data, size_t *ret_len, struct error **err)
{
	struct unpack *u = ctx;
	ssize_t n = read_full(u->stream_fd, u->piece, STREAM_PIECE_BYTES);

	if (n < 0)
		return error_errno(err, errno, "read the archive");
	*ret_data = u->piece;
	*ret_len = (size_t)n;
	return 0;
}

static int root_open(const struct copy_root *root, const char *path, int flags)
{
	return root->confined ? open_in_root(root->fd, path, flags, 0)
			      : openat(root->fd, path, flags | O_CLOEXEC);
}

/* -------- where -------- */

/* The parent of PATH as a descriptor, and PATH's last component. */
static int open_parent(const struct copy_root *root, const char *path, int *ret_fd,
	char **ret_parent, char **ret_name, struct error **err)
{
	cleanup_free char *trimmed = xstrdup(path), *parent = NULL;
	size_t len = strlen(trimmed);
	const char *name;
	int fd;

	while (len > 1 && trimmed[len - 1] == '/')
		trimmed[--len] = '\0';
	name = path_basename(trimmed);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, ERR_INVALID, "'%s' is no name for a file", path);
	parent = xstrndup(trimmed, (size_t)(name - trimmed));
	fd = root_open(
		root, *parent ? parent : (root->confined ? "/" : "."), O_RDONLY | O_DIRECTORY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return error_set(err, ERR_NOT_FOUND,
			"'%s' could not be found: its directory does not exist", path);
	if (fd < 0)
		return error_errno(err, errno, "open the directory of '%s'", path);
	*ret_fd = fd;
	*ret_name = xstrdup(name);
	*ret_parent = *parent ? steal_ptr(&parent) : xstrdup(root->confined ? "/" : ".");
	return 0;
}

static void set_base_path(struct unpack *u, char *path)
{
	free(u->base_path);
	u->base_path = path;
}

/* The caller's own standard stream that the destination names; -1: none. */
static int own_stream(const struct unpack *u)
{
	if (u->root->confined)
		return -1;
	return strcmp(u->destination, "/dev/stdout") == 0   ? STDOUT_FILENO
	       : strcmp(u->destination, "/dev/stderr") == 0 ? STDERR_FILENO
							    : -1;
}

/* Decide once, when the first entry is known. */
static int place(struct unpack *u, const struct tar_entry *first, struct error **err)
{
	const char *path = u->destination;
	bool source_is_dir = first->type == TAR_DIRECTORY;
	bool slash = str_ends_with(path, "/") || str_ends_with(path, "/.");
	cleanup_free char *source_name = xstrndup(first->path, strcspn(first->path, "/"));
	cleanup_close int path_fd = root_open(u->root, path, O_PATH);
	cleanup_free char *parent = NULL;
	struct stat st;

	if (path_fd < 0 && errno != ENOENT)
		return error_errno(err, errno, "open '%s'", path);
	u->from_dot = strcmp(source_name, ".") == 0;
	if (path_fd >= 0 && fstat(path_fd, &st) < 0)
		return error_errno(err, errno, "stat '%s'", path);
	if (path_fd >= 0 && S_ISDIR(st.st_mode)) {
		u->base_fd = root_open(u->root, path, O_RDONLY | O_DIRECTORY);
		if (u->base_fd < 0)
			return error_errno(err, errno, "open '%s'", path);
		set_base_path(u, xstrdup(path));
		u->root_name = steal_ptr(&source_name);
		return 0;
	}
	if (u->opts->place_inside)
		return error_set(err, ERR_INVALID,
			"'%s': destination must be a directory when copying from stdin", path);
	if (path_fd >= 0 && source_is_dir && !u->opts->overwrite)
		return error_set(err, ERR_CONFLICT,
			"'%s' is a file: a directory cannot be copied to it without --overwrite",
			path);
	if (path_fd < 0 && slash && !source_is_dir)
		return error_set(
			err, ERR_NOT_FOUND, "'%s' could not be found: no such directory", path);
	u->in_place = path_fd >= 0 && first->type == TAR_REGULAR;
	u->to_device = u->in_place && !S_ISREG(st.st_mode) && !u->root->confined;
	u->to_device = u->to_device || (u->in_place && own_stream(u) >= 0);
	if (u->in_place && !S_ISREG(st.st_mode) && !u->to_device)
		return error_set(err, ERR_INVALID, "'%s' is neither a file nor a directory", path);
	if (open_parent(u->root, path, &u->base_fd, &parent, &u->root_name, err) < 0)
		return -1;
	set_base_path(u, steal_ptr(&parent));
	return 0;
}

/*
 * The place of an entry's name below BASE; owned, relative, "." for BASE itself.
 */
static char *entry_place(const struct unpack *u, const char *name, struct error **err)
{
	cleanup_free char *clean = NULL;
	const char *rest;

	while (*name == '/')
		name++;
	if (path_has_dotdot(name))
		return error_set(err, ERR_INVALID, "archive: '%.200s' leads outside", name), NULL;
	clean = path_clean(*name ? name : ".");
	if (u->opts->place_inside || strcmp(u->root_name, ".") == 0)
		return steal_ptr(&clean);
	if (u->from_dot)
		return strcmp(clean, ".") == 0 ? xstrdup(u->root_name)
					       : path_join(u->root_name, clean);
	rest = strchr(clean, '/');
	return xasprintf("%s%s", u->root_name, rest ? rest : "");
}

/* fchown(), or a record where there is only one id. */
static int give_to(const struct unpack *u, int fd, uid_t uid, gid_t gid)
{
	const struct owner owner = {uid, gid};

	if (fchown(fd, uid, gid) == 0)
		return 0;
	if (errno != EINVAL || !u->root->single_id || fchown(fd, 0, 0) < 0)
		return -1;
	(void)owner_record(fd, &owner); /* a file system without attributes forgets it */
	return 0;
}

/* A directory below BASE. Missing ones are made when MAKE: streams may leave them out. */
static int open_below(struct unpack *u, const char *path, bool make, struct error **err)
{
	cleanup_close int fd = -1;
	cleanup_strv char **parts = NULL;

	if (u->root->confined) {
		cleanup_free char *whole = path_join(u->base_path, path);

		fd = open_in_root(u->root->fd, whole, O_RDONLY | O_DIRECTORY, 0);
		if (fd >= 0)
			return steal_fd(&fd);
		if (errno != ENOENT || !make)
			return error_errno(err, errno, "open '%s'", whole);
	}
	fd = fcntl(u->base_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_errno(err, errno, "open '%s'", u->destination);
	parts = str_split(path, '/');
	for (char **part = parts; *part; part++) {
		int next;

		if (strcmp(*part, ".") == 0)
			continue;
		next = openat(fd, *part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && errno == ENOENT && make) {
			if (mkdirat(fd, *part, 0755) < 0 && errno != EEXIST)
				return error_errno(err, errno, "make directory '%s'", path);
			next = openat(fd, *part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (next >= 0 && u->opts->chown &&
				give_to(u, next, u->opts->uid, u->opts->gid) < 0) {
				close_keep_errno(next);
				return error_errno(err, errno, "change the owner of '%s'", path);
			}
		}
		if (next < 0)
			return error_errno(
				err, errno, "open '%s' below '%s'", path, u->destination);
		fd_replace(&fd, next);
	}
	return steal_fd(&fd);
}

/* The directory that PATH lies in, borrowed until the next call; *RET_NAME is PATH's last part. */
static int parent_of(struct unpack *u, const char *path, const char **ret_name, struct error **err)
{
	const char *name = path_basename(path);
	cleanup_free char *parent = xstrndup(path, (size_t)(name - path));
	size_t len = strlen(parent);
	int fd;

	if (len)
		parent[len - 1] = '\0';
	*ret_name = name;
	if (u->parent_fd >= 0 && str_equal(parent, u->parent_path))
		return u->parent_fd;
	fd = open_below(u, *parent ? parent : ".", true, err);
	if (fd < 0)
		return -1;
	fd_replace(&u->parent_fd, fd);
	free(u->parent_path);
	u->parent_path = steal_ptr(&parent);
	return fd;
}

/* -------- what -------- */

static mode_t mode_for(const struct unpack *u, const struct tar_entry *entry)
{
	/* On the host these would let others act as the caller. */
	return u->root->confined ? entry->mode : entry->mode & (mode_t) ~(S_ISUID | S_ISGID);
}

/* Owner, mode and time of something new, in this order: a change of owner takes bits away. */
static int set_attributes(
	struct unpack *u, int fd, const struct tar_entry *entry, struct error **err)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, entry->mtime};
	uid_t uid = u->opts->chown ? u->opts->uid : entry->uid;
	gid_t gid = u->opts->chown ? u->opts->gid : entry->gid;

	if ((u->opts->chown || u->opts->keep_ids) && give_to(u, fd, uid, gid) < 0)
		return error_errno(
			err, errno, "change the owner of '%s' to %u:%u", entry->path, uid, gid);
	if (fchmod(fd, mode_for(u, entry)) < 0)
		return error_errno(err, errno, "change the mode of '%s'", entry->path);
	/* Last: a change of owner takes it away. */
	for (size_t i = 0; u->root->confined && i < entry->xattr_count; i++)
		if (strcmp(entry->xattrs[i].name, CAPABILITY_XATTR) == 0 &&
			fsetxattr(fd, CAPABILITY_XATTR, entry->xattrs[i].value,
				entry->xattrs[i].len, 0) < 0)
			log_warning("'%s': capabilities are not kept: %s", entry->path,
				strerror(errno));
	(void)futimens(fd, times); /* an unreasonable time is not worth failing */
	return 0;
}

static int set_owner_at(struct unpack *u, int dir_fd, const char *name,
	const struct tar_entry *entry, struct error **err)
{
	uid_t uid = u->opts->chown ? u->opts->uid : entry->uid;
	gid_t gid = u->opts->chown ? u->opts->gid : entry->gid;

	if ((u->opts->chown || u->opts->keep_ids) &&
		fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
		!(errno == EINVAL && u->root->single_id))
		return error_errno(
			err, errno, "change the owner of '%s' to %u:%u", entry->path, uid, gid);
	return 0;
}

static int write_data(
	struct tar *tar, int fd, const struct tar_entry *entry, bool to_device, struct error **err)
{
	const void *data;
	size_t len, extent = 0;
	uint64_t used = 0;

	for (;;) {
		if (tar_data(tar, &data, &len, err) < 0)
			return -1;
		if (!len)
			break;
		while (len) {
			size_t n = len;

			if (entry->is_sparse) {
				while (extent < entry->extent_count &&
					used == entry->extents[extent].length) {
					extent++;
					used = 0;
				}
				if (extent == entry->extent_count)
					return error_set(err, ERR_INVALID,
						"archive: '%s': sparse map too short", entry->path);
				n = (size_t)MIN(
					(uint64_t)len, entry->extents[extent].length - used);
				if (lseek(fd, (off_t)(entry->extents[extent].offset + used),
					    SEEK_SET) < 0)
					return error_errno(err, errno, "write '%s'", entry->path);
				used += n;
			}
			if (write_all(fd, data, n) < 0)
				return error_errno(err, errno, "write '%s'", entry->path);
			data = (const char *)data + n;
			len -= n;
		}
	}
	/* holes, and what was longer before */
	if (!to_device && ftruncate(fd, (off_t)entry->size_bytes) < 0)
		return error_errno(err, errno, "write '%s'", entry->path);
	return 0;
}

/* Make room for something that is no directory. *RET_BUSY: it is a mount point and must stay. */
static int clear_place(
	struct unpack *u, int dir_fd, const char *name, bool *ret_busy, struct error **err)
{
	struct stat st;

	*ret_busy = false;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "stat '%s'", name);
	if (S_ISDIR(st.st_mode)) {
		if (!u->opts->overwrite)
			return error_set(err, ERR_CONFLICT,
				"'%s' is a directory: it is not replaced without --overwrite",
				name);
		return remove_tree(dir_fd, name, err);
	}
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY)
		return error_errno(err, errno, "replace '%s'", name);
	*ret_busy = true;
	return 0;
}

/* An existing file, found from the root again and not waited for, whatever it has become. */
static int open_existing(struct unpack *u, int dir_fd, const char *name, struct error **err)
{
	const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY;
	cleanup_close int fd = -1;
	struct stat st;

	fd = u->in_place ? root_open(u->root, u->destination, flags)
			 : openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open '%s'", name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_INVALID, "'%s' is not a file", name);
	return steal_fd(&fd);
}

static int unpack_file(struct unpack *u, struct tar *tar, int dir_fd, const char *name,
	const struct tar_entry *entry, struct error **err)
{
	cleanup_close int fd = -1;
	bool busy = u->in_place;

	if (u->to_device) {
		int own_fd = own_stream(u);

		/* Ours is used as it is: it may be open to something we could not open ourselves.
		 */
		fd = own_fd >= 0 ? fcntl(own_fd, F_DUPFD_CLOEXEC, 3)
				 : root_open(u->root, u->destination, O_WRONLY | O_NOCTTY);
		if (fd < 0)
			return error_errno(err, errno, "open '%s'", u->destination);
		return write_data(tar, fd, entry, true, err);
	}
	if (!busy && clear_place(u, dir_fd, name, &busy, err) < 0)
		return -1;
	if (busy) {
		fd = open_existing(u, dir_fd, name, err);
		if (fd < 0)
			return -1;
		if (ftruncate(fd, 0) < 0)
			return error_errno(err, errno, "write '%s'", name);
	} else {
		fd = openat(
			dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return error_errno(err, errno, "create '%s'", name);
	}
	if (write_data(tar, fd, entry, false, err) == 0 && set_attributes(u, fd, entry, err) == 0)
		return 0;
	if (!busy)
		(void)unlinkat(dir_fd, name, 0); /* half a file is worse than none */
	return -1;
}

static int unpack_directory(struct unpack *u, int dir_fd, const char *name, const char *path,
	const struct tar_entry *entry, struct error **err)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (strcmp(path, ".") == 0)
		return 0; /* the destination itself stays as it is */
	if (mkdirat(dir_fd, name, 0700) < 0) {
		if (errno != EEXIST)
			return error_errno(err, errno, "make directory '%s'", path);
		if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
			return 0;
		if (u->root->confined) {
			/* a link to a directory inside the container serves as well */
			int there = open_below(u, path, false, err);

			if (there >= 0)
				return close_keep_errno(there), 0;
			error_free(steal_ptr(err));
		}
		if (!u->opts->overwrite)
			return error_set(err, ERR_CONFLICT,
				"'%s' is not a directory: it is not replaced without --overwrite",
				path);
		if (unlinkat(dir_fd, name, 0) < 0 || mkdirat(dir_fd, name, 0700) < 0)
			return error_errno(err, errno, "replace '%s' by a directory", path);
	}
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || ((u->opts->chown || u->opts->keep_ids) &&
			      give_to(u, fd, u->opts->chown ? u->opts->uid : entry->uid,
				      u->opts->chown ? u->opts->gid : entry->gid) < 0))
		return error_errno(err, errno, "change the owner of '%s'", path);
	array_grow(u->made, u->made_count, u->made_capacity);
	u->made[u->made_count++] =
		(struct made_directory){xstrdup(path), mode_for(u, entry), entry->mtime};
	return 0;
}

static int unpack_hard_link(struct unpack *u, int dir_fd, const char *name,
	const struct tar_entry *entry, struct error **err)
{
	cleanup_free char *target = entry_place(u, entry->link, err), *parent = NULL;
	cleanup_close int target_fd = -1;
	const char *target_name;
	bool busy;

	if (!target)
		return -1;
	target_name = path_basename(target);
	parent = xstrndup(target, (size_t)(target_name - target));
	if (*parent)
		parent[strlen(parent) - 1] = '\0';
	target_fd = open_below(u, *parent ? parent : ".", false, err);
	if (target_fd < 0 || clear_place(u, dir_fd, name, &busy, err) < 0)
		return -1;
	if (busy || linkat(target_fd, target_name, dir_fd, name, 0) < 0)
		return error_errno(
			err, busy ? EBUSY : errno, "link '%s' to '%s'", entry->path, entry->link);
	return 0;
}

static int unpack_special(struct unpack *u, int dir_fd, const char *name,
	const struct tar_entry *entry, struct error **err)
{
	bool device = entry->type == TAR_CHARACTER_DEVICE || entry->type == TAR_BLOCK_DEVICE;
	bool busy;
	int result;

	if (device && !u->root->confined) {
		/* For root this would work: a container's node would be open to the host's
		 * accounts. */
		log_warning("'%s' is left out: device nodes are not made on the host", entry->path);
		return 0;
	}
	if (clear_place(u, dir_fd, name, &busy, err) < 0)
		return -1;
	if (busy)
		return error_errno(err, EBUSY, "replace '%s'", name);
	switch (entry->type) {
	case TAR_SYMLINK:
		result = symlinkat(entry->link, dir_fd, name);
		break;
	case TAR_FIFO:
		result = mkfifoat(dir_fd, name, mode_for(u, entry));
		break;
	default:
		result = mknodat(dir_fd, name,
			(entry->type == TAR_CHARACTER_DEVICE ? S_IFCHR : S_IFBLK) |
				(entry->mode & 0777),
			makedev(entry->device_major, entry->device_minor));
	}
	if (result < 0 && errno == EPERM && device) {
		log_warning("'%s' is left out: device nodes cannot be made without privileges",
			entry->path);
		return 0;
	}
	if (result < 0)
		return error_errno(err, errno, "create '%s'", entry->path);
	return set_owner_at(u, dir_fd, name, entry, err);
}

static int unpack_entry(
	struct unpack *u, struct tar *tar, const struct tar_entry *entry, struct error **err)
{
	cleanup_free char *path = entry_place(u, entry->path, err);
	const char *name;
	int dir_fd;

	if (!path)
		return -1;
	if (strlen(path) >= PATH_BYTES_MAX)
		return error_set(err, ERR_INVALID, "archive: path '%.100s...' is too long", path);
	if (strcmp(path, ".") == 0 && entry->type != TAR_DIRECTORY)
		return error_set(err, ERR_INVALID, "archive: an entry without a name");
	dir_fd = parent_of(u, path, &name, err);
	if (dir_fd < 0)
		return -1;
	switch (entry->type) {
	case TAR_DIRECTORY:
		return unpack_directory(u, dir_fd, name, path, entry, err);
	case TAR_REGULAR:
		return unpack_file(u, tar, dir_fd, name, entry, err);
	case TAR_HARD_LINK:
		return unpack_hard_link(u, dir_fd, name, entry, err);
	default:
		return unpack_special(u, dir_fd, name, entry, err);
	}
}

/* Deepest first, so that a mode without write permission comes last. */
static void finish_directories(struct unpack *u)
{
	for (size_t i = u->made_count; i-- > 0;) {
		const struct made_directory *made = &u->made[i];
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, made->mtime};
		cleanup_error struct error *ignored = NULL;
		cleanup_close int fd = open_below(u, made->path, false, &ignored);

		/* Somebody may have taken it away meanwhile: theirs now. */
		if (fd < 0)
			continue;
		(void)fchmod(fd, made->mode);
		(void)futimens(fd, times);
	}
}

int copy_unpack(const struct copy_root *root, const char *path, int stream_fd,
	const struct copy_unpack_options *opts, struct error **err)
{
	__attribute__((cleanup(unpack_clear))) struct unpack u = {
		.root = root,
		.opts = opts,
		.stream_fd = stream_fd,
		.piece = xmalloc(STREAM_PIECE_BYTES),
		.base_fd = -1,
		.parent_fd = -1,
		.destination = path,
	};
	const struct tar_source source = {stream_read, &u};
	struct tar *tar = tar_open(&source);
	const struct tar_entry *entry;
	bool first = true;
	int result;

	(void)umask(0);
	while ((result = tar_next(tar, &entry, err)) == 0 && entry) {
		if (first && (result = place(&u, entry, err)) < 0)
			break;
		first = false;
		result = unpack_entry(&u, tar, entry, err);
		if (result < 0)
			break;
	}
	if (result == 0 && first && opts->place_inside) {
		/* an empty stream: still the destination must be there */
		static const struct tar_entry none = {.type = TAR_DIRECTORY, .path = (char *)"."};

		result = place(&u, &none, err);
	} else if (result == 0 && first) {
		result = error_set(err, ERR_INVALID, "nothing was copied");
	}
	if (result == 0)
		result = tar_drain(tar, err);
	if (!first)
		finish_directories(&u);
	tar_close(tar);
	return result;
}
