#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define CHOWN_DEPTH_MAX 400 /* one descriptor a level */

static int open_resolved(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
		.mode = (flags & (O_CREAT | __O_TMPFILE)) ? mode & 07777 : 0,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	/* EAGAIN: a rename or mount raced with "..", openat2(2); bounded so that an attacker who
	 * keeps renaming gets an error, not a hang. */
	for (int attempt = 0; attempt < 128; attempt++) {
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

int open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(dir_fd, path, flags, mode, RESOLVE_BENEATH);
}

int open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(root_fd, path, flags, mode, RESOLVE_IN_ROOT);
}

ssize_t read_full(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int pwrite_all(int fd, const void *data, size_t len, uint64_t offset)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int read_fd_limited(int fd, size_t limit, char **ret, size_t *ret_len, struct error **err)
{
	cleanup_free char *buf = NULL;
	size_t len = 0, capacity;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "stat");
	/* procfs and pipes say 0: start small and grow. One byte more shows end of file. */
	capacity = S_ISREG(st.st_mode) && st.st_size > 0 ? MIN((size_t)st.st_size, limit) + 1
							 : MIN((size_t)4096, limit + 1);
	buf = xmalloc(capacity + 1);
	for (;;) {
		ssize_t n = read_full(fd, buf + len, capacity - len);

		if (n < 0)
			return error_errno(err, errno, "read");
		len += (size_t)n;
		if (len > limit)
			return error_set(err, ERR_INVALID, "larger than %zu bytes", limit);
		if (len < capacity)
			break;
		capacity = MIN(capacity * 2, limit + 1);
		buf = xreallocarray(buf, capacity + 1, 1);
	}
	buf[len] = '\0';
	*ret = steal_ptr(&buf);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int read_file_limited(
	int dir_fd, const char *name, size_t limit, char **ret, size_t *ret_len, struct error **err)
{
	cleanup_close int fd = -1;
	struct stat st;

	/* O_NONBLOCK: a FIFO put in our way must not hang us. */
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERR_NOT_FOUND, "'%s' does not exist", name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open '%s'", name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_INVALID, "'%s' is not a regular file", name);
	if (read_fd_limited(fd, limit, ret, ret_len, err) < 0)
		return error_wrap(err, "'%s'", name);
	return 0;
}

int write_file_atomic(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
	unsigned int flags, struct error **err)
{
	cleanup_close int fd = -1;
	char random[17], tmp[64];

	random_hex(random, 16);
	snprintf(tmp, sizeof(tmp), ".tmp-%s", random);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return error_errno(err, errno, "create '%s'", name);
	if (write_all(fd, data, len) < 0 || ((flags & WRITE_SYNC) && fdatasync(fd) < 0)) {
		error_errno(err, errno, "write '%s'", name);
		goto undo;
	}
	if (flags & WRITE_EXCLUSIVE) {
		if (renameat2(dir_fd, tmp, dir_fd, name, RENAME_NOREPLACE) < 0) {
			if (errno == EEXIST)
				error_set(err, ERR_CONFLICT, "'%s' exists already", name);
			else
				error_errno(err, errno, "create '%s'", name);
			goto undo;
		}
	} else if (renameat(dir_fd, tmp, dir_fd, name) < 0) {
		error_errno(err, errno, "rename to '%s'", name);
		goto undo;
	}
	return 0;
undo:
	(void)unlinkat(dir_fd, tmp, 0); /* the error to report is the first one */
	return -1;
}

int mkdir_p(const char *path, mode_t mode, struct error **err)
{
	cleanup_free char *copy = xstrdup(path);

	for (char *p = copy + 1;; p++) {
		char saved = *p;

		if (saved != '/' && saved != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST) {
			/* An existing parent may also answer EROFS or EACCES. */
			int why = errno;
			struct stat st;

			if (stat(copy, &st) < 0 || !S_ISDIR(st.st_mode))
				return error_errno(err, why, "create directory '%s'", copy);
		}
		*p = saved;
		if (!saved)
			return 0;
	}
}

int open_dir(int dir_fd, const char *name, mode_t mode, struct error **err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir_fd, name, flags);

	if (fd < 0 && errno == ENOENT && mode) {
		if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
			return error_errno(err, errno, "create directory '%s'", name);
		fd = openat(dir_fd, name, flags);
	}
	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERR_NOT_FOUND, "directory '%s' does not exist", name);
	if (fd < 0)
		return error_errno(err, errno, "open directory '%s'", name);
	return fd;
}

/* Levels that are entered one in the other: each is a descriptor and some stack. */
#define REMOVE_DEPTH_MAX 400

struct removal {
	dev_t dev;
	int top_fd; /* the tree's own directory */
	unsigned int depth;
	bool moved; /* something was put into it since it was read */
};

/* A tree may be deeper than descriptors go: what is too deep is removed from the top. */
static bool move_to_top(struct removal *removal, int parent_fd, const char *name)
{
	char to[32] = ".pod-removed-";

	if (removal->depth == 0)
		return false;
	random_hex(to + strlen(to), 16);
	/* A directory must be writable to get another parent. */
	if (renameat(parent_fd, name, removal->top_fd, to) < 0 &&
		(errno != EACCES || fchmodat(parent_fd, name, 0700, 0) < 0 ||
			renameat(parent_fd, name, removal->top_fd, to) < 0))
		return false;
	removal->moved = true;
	return true;
}

static int remove_dir(struct removal *removal, int parent_fd, const char *name, struct error **err);

static int remove_entries(struct removal *removal, DIR *dir, const char *name, struct error **err)
{
	struct dirent *entry;

	while ((errno = 0, entry = dir_next(dir))) {
		if (entry->d_type != DT_DIR && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			continue;
		if (entry->d_type != DT_DIR && errno != EISDIR && errno != EPERM) {
			if (errno == ENOENT)
				continue;
			return error_errno(err, errno, "remove '%s'", entry->d_name);
		}
		if (removal->depth >= REMOVE_DEPTH_MAX &&
			move_to_top(removal, dirfd(dir), entry->d_name))
			continue;
		removal->depth++;
		if (remove_dir(removal, dirfd(dir), entry->d_name, err) < 0)
			return -1;
		removal->depth--;
	}
	return errno ? error_errno(err, errno, "read '%s'", name) : 0;
}

static int remove_dir(struct removal *removal, int parent_fd, const char *name, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(parent_fd, name);
	struct stat st;

	if (!dir && errno == EACCES) {
		/* overlay leaves a work directory without any permission */
		(void)fchmodat(parent_fd, name, 0700, 0); /* the second open tells */
		dir = dir_open_at(parent_fd, name);
	}
	if (!dir && errno == EMFILE && move_to_top(removal, parent_fd, name))
		return 0;
	if (!dir || fstat(dirfd(dir), &st) < 0)
		return error_errno(err, errno, "open '%s'", name);
	if (st.st_dev != removal->dev)
		return error_set(err, ERR_CONFLICT, "'%s' is a mount point", name);
	/* Names, of directories too, go only from one that may be written to. */
	if ((st.st_mode & 0700) != 0700)
		(void)fchmod(dirfd(dir), 0700); /* not ours: the removals tell */
	if (removal->depth == 0)
		removal->top_fd = dirfd(dir);
	do {
		if (removal->depth == 0)
			removal->moved = false;
		rewinddir(dir);
		if (remove_entries(removal, dir, name, err) < 0)
			return -1;
	} while (removal->depth == 0 && removal->moved);
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_errno(err, errno, "remove directory '%s'", name);
	return 0;
}

int remove_tree(int dir_fd, const char *name, struct error **err)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return error_errno(err, errno, "stat '%s'", name);
	}
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
			return error_errno(err, errno, "remove '%s'", name);
		return 0;
	}
	return remove_dir(&(struct removal){.dev = st.st_dev, .top_fd = -1}, dir_fd, name, err);
}

const char *fd_path(int fd, char *out)
{
	snprintf(out, 32, "/proc/self/fd/%d", fd);
	return out;
}

char *path_join(const char *a, const char *b)
{
	size_t len = strlen(a);

	return xasprintf("%s%s%s", a, len && a[len - 1] == '/' ? "" : "/", b);
}

bool path_has_dotdot(const char *path)
{
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += len;
		p += strspn(p, "/");
	}
	return false;
}

char *path_clean(const char *path)
{
	bool absolute = path[0] == '/';
	struct strbuf out = STRBUF_INIT;
	size_t base; /* what ".." may not remove */

	if (absolute)
		strbuf_addch(&out, '/');
	base = out.len;
	for (const char *p = path; *p;) {
		size_t len;

		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len == 0 || (len == 1 && p[0] == '.')) {
			p += len;
			continue;
		}
		if (len == 2 && p[0] == '.' && p[1] == '.') {
			p += len;
			if (out.len > base) {
				while (out.len > base && out.data[out.len - 1] != '/')
					out.len--;
				if (out.len > base)
					out.len--;
				out.data[out.len] = '\0';
				continue;
			}
			if (absolute)
				continue;
			if (out.len)
				strbuf_addch(&out, '/');
			strbuf_addstr(&out, "..");
			base = out.len;
			continue;
		}
		if (out.len && out.data[out.len - 1] != '/')
			strbuf_addch(&out, '/');
		strbuf_add(&out, p, len);
		p += len;
	}
	if (!out.len)
		strbuf_addch(&out, '.');
	return strbuf_detach(&out);
}

const char *path_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct dirent *dir_next(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return entry;
	return NULL;
}

DIR *dir_open_at(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir;

	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (!dir)
		close_keep_errno(fd);
	return dir;
}

int fd_send(int socket_fd, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec data = {.iov_base = (char[]){0}, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	return sendmsg(socket_fd, &msg, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int fd_receive(int socket_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *header;
	ssize_t n;
	int fd;

	do
		n = recvmsg(socket_fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	header = CMSG_FIRSTHDR(&msg);
	if (n == 0 || !header || header->cmsg_type != SCM_RIGHTS ||
		header->cmsg_len != CMSG_LEN(sizeof(int))) {
		errno = ENODATA;
		return -1;
	}
	memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

static int chown_below(int dir_fd, uid_t uid, gid_t gid, unsigned int depth, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(dir_fd, ".");
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "read a directory");
	if (depth > CHOWN_DEPTH_MAX)
		return error_set(err, ERR_INVALID, "directories are nested too deep");
	while ((errno = 0, entry = dir_next(dir))) {
		cleanup_close int below_fd = -1;

		if (fchownat(dirfd(dir), entry->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
			errno != ENOENT)
			return error_errno(err, errno, "change the owner of '%s'", entry->d_name);
		if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
			continue;
		below_fd = openat(
			dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below_fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return error_errno(err, errno, "open '%s'", entry->d_name);
		if (below_fd >= 0 && chown_below(below_fd, uid, gid, depth + 1, err) < 0)
			return -1;
	}
	return errno ? error_errno(err, errno, "read a directory") : 0;
}

int chown_tree(int fd, uid_t uid, gid_t gid, struct error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "stat what is to get another owner");
	if (st.st_uid == uid && st.st_gid == gid)
		return 0;
	if (S_ISDIR(st.st_mode) && chown_below(fd, uid, gid, 0, err) < 0)
		return -1;
	/* Last: what was begun is begun again until it is done. */
	if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return error_errno(err, errno, "change the owner");
	return 0;
}
