#pragma once

#include <dirent.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "util/error.h"

/* Files and paths: bounded reads, whole-or-absent writes, look-ups that stay below a directory. */

#define O_PATH_DIR (O_PATH | O_DIRECTORY | O_CLOEXEC)

/** open_beneath() - openat2 for our own store: RESOLVE_BENEATH | NO_MAGICLINKS, O_CLOEXEC added.
 * Returns a descriptor or -1 with errno. Kernel 5.6. */
int open_beneath(int dir_fd, const char *path, int flags, mode_t mode);

/** open_in_root() - openat2 for untrusted trees: RESOLVE_IN_ROOT | NO_MAGICLINKS, O_CLOEXEC added;
 * absolute paths and symlinks are taken relative to ROOT_FD. Retries EINTR and EAGAIN. */
int open_in_root(int root_fd, const char *path, int flags, mode_t mode);

/** read_fd_limited() - read to end of file; ERR_INVALID when longer than LIMIT bytes.
 * @ret: NUL-terminated, owned by the caller. */
int read_fd_limited(int fd, size_t limit, char **ret, size_t *ret_len, struct error **err);
/** read_file_limited() - the same for NAME below DIR_FD (AT_FDCWD allowed), O_NOFOLLOW.
 * ERR_NOT_FOUND when absent; only regular files. */
int read_file_limited(int dir_fd, const char *name, size_t limit, char **ret, size_t *ret_len,
	struct error **err);

enum write_flags {
	WRITE_SYNC = 1,      /* fdatasync before the rename */
	WRITE_EXCLUSIVE = 2, /* fail with ERR_CONFLICT when NAME exists */
};
/** write_file_atomic() - temporary file in the same directory, then renameat: whole or absent. */
int write_file_atomic(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
	unsigned int flags, struct error **err);

/** write_all() - all of it, EINTR retried. Returns 0 or -1 with errno. */
int write_all(int fd, const void *data, size_t len);
/** pwrite_all() - the same, from OFFSET bytes on. */
int pwrite_all(int fd, const void *data, size_t len, uint64_t offset);
/** read_full() - up to LEN bytes until end of file, EINTR retried; bytes read or -1 with errno. */
ssize_t read_full(int fd, void *buf, size_t len);

/** mkdir_p() - as mkdir -p for a trusted path (our own directories). */
int mkdir_p(const char *path, mode_t mode, struct error **err);
/** open_dir() - O_RDONLY|O_DIRECTORY|O_NOFOLLOW below DIR_FD; made with MODE when absent and
 * MODE != 0. Returns fd or -1. */
int open_dir(int dir_fd, const char *name, mode_t mode, struct error **err);

/** remove_tree() - delete NAME below DIR_FD and all under it, without following symlinks or
 * crossing into other file systems; unreadable directories are made readable first. However deep it
 * is: what descriptors do not reach is moved to the top of the tree first. Absent is fine.
 * Needs the rights over what is in it: for layers and uppers call it inside the user namespace. */
int remove_tree(int dir_fd, const char *name, struct error **err);

/** fd_path() - "/proc/self/fd/N" into OUT (at least 32 bytes); returns OUT. */
const char *fd_path(int fd, char *out);

/** path_join() - "A/B", owned. */
char *path_join(const char *a, const char *b);
/** path_has_dotdot() - has a ".." component. */
bool path_has_dotdot(const char *path);
/** path_clean() - lexical: no "//", "." or "..", absolute stays absolute; owned. As Go path.Clean.
 */
char *path_clean(const char *path);
/** path_basename() - what follows the last '/', borrowed. */
const char *path_basename(const char *path);

/**
 * chown_tree() - give FD (O_PATH is enough) and, when it is a directory, all below it to UID and
 * GID Without following links; others may change the tree meanwhile. Nothing when FD is theirs
 * already.
 */
int chown_tree(int fd, uid_t uid, gid_t gid, struct error **err);

/** fd_send() - hand descriptor FD to the other end of the socket. Returns 0 or -1 with errno. */
int fd_send(int socket_fd, int fd);
/** fd_receive() - what fd_send() sent; owned. Returns -1 with errno; ENODATA: end of file. */
int fd_receive(int socket_fd);

/** dir_next() - next entry but "." and ".."; NULL at the end or with errno set. */
struct dirent *dir_next(DIR *dir);
static inline void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* only reads were done */
}
#define cleanup_dir __attribute__((cleanup(closedirp)))
/** dir_open_at() - a DIR of its own for NAME below DIR_FD; NULL with errno. */
DIR *dir_open_at(int dir_fd, const char *name);
