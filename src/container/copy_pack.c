#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "container/copy_files.h"
#include "rootless/owner.h"
#include "storage/tar_writer.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define DEPTH_MAX     1024 /* directories within one another; each holds a descriptor */
#define LINKS_MAX     (1u << 20)
#define PIECE_BYTES   (256u << 10)
#define OPEN_READ     (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
#define MQUEUE_MAGIC_ 0x19800202 /* include/uapi/linux/magic.h has none */

/* A file with several names: the first one stored. */
struct seen_link {
	dev_t dev;
	ino_t ino;
	char *path;
};

struct pack {
	struct tar_writer writer;
	struct strbuf path;      /* of the entry, in the stream */
	struct seen_link *links; /* open addressing; a power of two */
	size_t link_count, link_capacity;
	char *piece; /* PIECE_BYTES */
	bool one_mount, single_id;
	uint64_t mount_id; /* with one_mount */
};

static void pack_free(struct pack *pack)
{
	if (!pack)
		return;
	for (size_t i = 0; i < pack->link_capacity; i++)
		free(pack->links[i].path);
	free(pack->links);
	free(pack->piece);
	strbuf_clear(&pack->path);
	free(pack);
}
static void pack_freep(struct pack **pack)
{
	pack_free(*pack);
}

static struct seen_link *link_slot(struct seen_link *links, size_t capacity, dev_t dev, ino_t ino)
{
	size_t i = (size_t)((ino * UINT64_C(0x9e3779b97f4a7c15)) >> 32 ^ dev) & (capacity - 1);

	while (links[i].path && (links[i].dev != dev || links[i].ino != ino))
		i = (i + 1) & (capacity - 1);
	return &links[i];
}

/* The name under which this file is in the stream already, or NULL: then it is remembered. */
static const char *link_first(struct pack *pack, const struct stat *st)
{
	struct seen_link *slot;

	if (st->st_nlink < 2)
		return NULL;
	if (pack->link_count * 2 >= pack->link_capacity) {
		size_t capacity = pack->link_capacity ? pack->link_capacity * 2 : 64;
		struct seen_link *links;

		if (pack->link_count >= LINKS_MAX)
			return NULL; /* more are stored as files of their own */
		links = xcalloc(capacity, sizeof(*links));
		for (size_t i = 0; i < pack->link_capacity; i++)
			if (pack->links[i].path)
				*link_slot(links, capacity, pack->links[i].dev,
					pack->links[i].ino) = pack->links[i];
		free(pack->links);
		pack->links = links;
		pack->link_capacity = capacity;
	}
	slot = link_slot(pack->links, pack->link_capacity, st->st_dev, st->st_ino);
	if (slot->path)
		return slot->path;
	*slot = (struct seen_link){st->st_dev, st->st_ino, xstrdup(strbuf_str(&pack->path))};
	pack->link_count++;
	return NULL;
}

/* Is FD of another mount, where only one is asked for? *ret_id: its mount's number. */
static int on_other_mount(const struct pack *pack, int fd, uint64_t *ret_id, struct error **err)
{
	struct statx stx;

	*ret_id = pack->mount_id;
	if (!pack->one_mount)
		return 0;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		return error_errno(err, errno, "statx '%s'", strbuf_str(&pack->path));
	*ret_id = stx.stx_mnt_id;
	return *ret_id != pack->mount_id;
}

static struct tar_entry entry_for(struct pack *pack, enum tar_type type, const struct stat *st)
{
	return (struct tar_entry){
		.type = type,
		.path = (char *)strbuf_str(&pack->path),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim,
		.device_major = major(st->st_rdev),
		.device_minor = minor(st->st_rdev),
	};
}

/* The owner that is only recorded. */
static void take_record(const struct pack *pack, int fd, struct tar_entry *entry)
{
	struct owner owner;

	if (!pack->single_id || !owner_recorded(fd, &owner))
		return;
	entry->uid = owner.uid;
	entry->gid = owner.gid;
}

/* FD is an open regular file. A file that shrinks meanwhile is filled up with zeros, as tar does.
 */
static int pack_file(struct pack *pack, int fd, const struct stat *st, struct error **err)
{
	struct tar_entry entry = entry_for(pack, TAR_REGULAR, st);
	const char *first = link_first(pack, st);
	char capability[64];
	struct tar_xattr xattr = {(char *)CAPABILITY_XATTR, capability, 0};
	uint64_t left;
	ssize_t n;

	if (first) {
		entry.type = TAR_HARD_LINK;
		entry.link = (char *)first;
		return tar_writer_entry(&pack->writer, &entry, err);
	}
	take_record(pack, fd, &entry);
	entry.size_bytes = (uint64_t)st->st_size;
	n = fgetxattr(fd, CAPABILITY_XATTR, capability, sizeof(capability));
	if (n > 0) {
		xattr.len = (size_t)n;
		entry.xattrs = &xattr;
		entry.xattr_count = 1;
	}
	if (tar_writer_entry(&pack->writer, &entry, err) < 0)
		return -1;
	for (left = entry.size_bytes; left;) {
		size_t want = (size_t)MIN(left, (uint64_t)PIECE_BYTES);

		n = read_full(fd, pack->piece, want);
		if (n < 0)
			return error_errno(err, errno, "read '%s'", entry.path);
		memset(pack->piece + n, 0, want - (size_t)n);
		if (tar_writer_data(&pack->writer, pack->piece, want, err) < 0)
			return -1;
		left -= want;
	}
	return 0;
}

static bool is_no_file_system(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEVPTS_SUPER_MAGIC:
	case MQUEUE_MAGIC_:
		return true;
	default:
		return false;
	}
}

static int pack_entry(
	struct pack *pack, int dir_fd, const char *name, unsigned int depth, struct error **err);

static int pack_children(struct pack *pack, int fd, unsigned int depth, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(fd, ".");
	size_t len = pack->path.len;
	struct dirent *child;

	if (!dir)
		return error_errno(err, errno, "read directory '%s'", strbuf_str(&pack->path));
	for (errno = 0; (child = dir_next(dir)); errno = 0) {
		strbuf_addf(&pack->path, "%s%s", len ? "/" : "", child->d_name);
		if (pack_entry(pack, fd, child->d_name, depth, err) < 0)
			return -1;
		pack->path.len = len;
		pack->path.data[len] = '\0';
	}
	if (errno)
		return error_errno(err, errno, "read directory '%s'", strbuf_str(&pack->path));
	return 0;
}

/* FD is an open directory; depth 0 is what the caller named: that is stored wherever it lies. */
static int pack_directory(struct pack *pack, int fd, unsigned int depth, struct error **err)
{
	struct tar_entry entry;
	struct stat st;
	uint64_t mount_id;
	int other = on_other_mount(pack, fd, &mount_id, err);

	if (other < 0)
		return -1;
	if (depth && !pack->one_mount && is_no_file_system(fd))
		return 0;
	if (depth > DEPTH_MAX)
		return error_set(err, ERR_INVALID, "'%.100s...': directories are nested too deep",
			strbuf_str(&pack->path));
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "stat '%s'", strbuf_str(&pack->path));
	entry = entry_for(pack, TAR_DIRECTORY, &st);
	take_record(pack, fd, &entry);
	if (other) { /* of what is mounted there, nothing */
		entry.mode |= 0755;
		entry.uid = entry.gid = 0;
	}
	if (pack->path.len && tar_writer_entry(&pack->writer, &entry, err) < 0)
		return -1;
	return other ? 0 : pack_children(pack, fd, depth + 1, err);
}

static int pack_symlink(struct pack *pack, int path_fd, const struct stat *st, struct error **err)
{
	struct tar_entry entry = entry_for(pack, TAR_SYMLINK, st);
	char target[4096];
	ssize_t n = readlinkat(path_fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return error_errno(err, errno, "read the link '%s'", entry.path);
	target[n] = '\0';
	entry.link = target;
	return tar_writer_entry(&pack->writer, &entry, err);
}

/* Not there any more, or not for us: no reason to give up the rest. */
static int unreadable(struct pack *pack, int why, struct error **err)
{
	if (why == ENOENT)
		return 0;
	if (why != EACCES && why != EPERM)
		return error_errno(err, why, "open '%s'", strbuf_str(&pack->path));
	log_warning("'%s' is left out: %s", strbuf_str(&pack->path), strerror(why));
	return 0;
}

/*
 * One name of a directory that somebody may be changing: what it is follows from the descriptor,
 * each open refuses links and does not block, and what was opened is checked again.
 */
static int pack_entry(
	struct pack *pack, int dir_fd, const char *name, unsigned int depth, struct error **err)
{
	cleanup_close int path_fd = -1, fd = -1;
	struct tar_entry entry;
	struct stat st;
	uint64_t mount_id;
	int other;

	path_fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (path_fd < 0)
		return unreadable(pack, errno, err);
	if (fstat(path_fd, &st) < 0)
		return error_errno(err, errno, "stat '%s'", strbuf_str(&pack->path));
	other = on_other_mount(pack, path_fd, &mount_id, err);
	if (other < 0)
		return -1;
	if (other && !S_ISDIR(st.st_mode)) {
		entry = entry_for(pack, TAR_REGULAR, &st);
		entry.mode = 0644;
		return tar_writer_entry(&pack->writer, &entry, err);
	}
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		fd = openat(dir_fd, name, OPEN_READ | O_DIRECTORY);
		if (fd < 0)
			return errno == ENOTDIR || errno == ELOOP ? 0
								  : unreadable(pack, errno, err);
		return pack_directory(pack, fd, depth, err);
	case S_IFREG:
		fd = openat(dir_fd, name, OPEN_READ);
		if (fd < 0)
			return errno == ELOOP || errno == ENXIO ? 0 : unreadable(pack, errno, err);
		if (fstat(fd, &st) < 0)
			return error_errno(err, errno, "stat '%s'", strbuf_str(&pack->path));
		/* exchanged meanwhile: as if it had never been there */
		return S_ISREG(st.st_mode) ? pack_file(pack, fd, &st, err) : 0;
	case S_IFLNK:
		return pack_symlink(pack, path_fd, &st, err);
	case S_IFIFO:
		entry = entry_for(pack, TAR_FIFO, &st);
		return tar_writer_entry(&pack->writer, &entry, err);
	case S_IFCHR:
	case S_IFBLK:
		entry = entry_for(
			pack, S_ISCHR(st.st_mode) ? TAR_CHARACTER_DEVICE : TAR_BLOCK_DEVICE, &st);
		return tar_writer_entry(&pack->writer, &entry, err);
	default:
		return 0; /* sockets */
	}
}

static int root_open(const struct copy_root *root, const char *path, int flags)
{
	return root->confined ? open_in_root(root->fd, path, flags, 0)
			      : openat(root->fd, path, flags | O_CLOEXEC);
}

/* The name that stands for PATH in the stream; owned. */
static char *stream_name(const char *path)
{
	cleanup_free char *clean = path_clean(path);
	const char *name = path_basename(clean);

	if (str_ends_with(path, "/.") || strcmp(path, ".") == 0 || !*name ||
		strcmp(name, "..") == 0)
		return xstrdup(".");
	return xstrdup(name);
}

int copy_pack(const struct copy_root *root, const char *path, int stream_fd, struct error **err)
{
	__attribute__((cleanup(pack_freep))) struct pack *pack = xcalloc(1, sizeof(*pack));
	cleanup_free char *name = stream_name(path);
	cleanup_close int path_fd = -1, fd = -1;
	struct tar_entry entry;
	struct stat st;
	int result;

	pack->piece = xmalloc(PIECE_BYTES);
	pack->single_id = root->single_id;
	tar_writer_init(&pack->writer, stream_fd);
	if (!root->one_mount)
		strbuf_addstr(&pack->path, name);
	path_fd = root_open(root, path, O_PATH);
	if (path_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return error_set(err, ERR_NOT_FOUND, "'%s' could not be found: %s", path,
			errno == ENOENT ? "no such file or directory" : "not a directory");
	if (path_fd < 0 || fstat(path_fd, &st) < 0)
		return error_errno(err, errno, "open '%s'", path);
	if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) {
		fd = root_open(root, path,
			O_RDONLY | O_NONBLOCK | O_NOCTTY | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
		if (fd < 0 || fstat(fd, &st) < 0)
			return error_errno(err, errno, "open '%s'", path);
	}
	pack->one_mount = root->one_mount;
	if (on_other_mount(pack, path_fd, &pack->mount_id, err) < 0)
		return -1;
	if (fd >= 0 && S_ISDIR(st.st_mode)) {
		result = pack_directory(pack, fd, 0, err);
	} else if (fd >= 0 && S_ISREG(st.st_mode)) {
		result = pack_file(pack, fd, &st, err);
	} else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		entry = entry_for(pack,
			S_ISFIFO(st.st_mode)  ? TAR_FIFO
			: S_ISCHR(st.st_mode) ? TAR_CHARACTER_DEVICE
					      : TAR_BLOCK_DEVICE,
			&st);
		result = tar_writer_entry(&pack->writer, &entry, err);
	} else {
		result = error_set(err, ERR_INVALID, "'%s' is no file that can be copied", path);
	}
	return result < 0 ? -1 : tar_writer_finish(&pack->writer, err);
}
