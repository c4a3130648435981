#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "util/lock.h"
#include "util/mem.h"

int lock_fd(int fd, enum lock_mode mode, enum lock_wait wait, struct error **err)
{
	struct flock fl = {
		.l_type = mode == LOCK_SHARED ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	while (fcntl(fd, wait == LOCK_WAIT ? F_OFD_SETLKW : F_OFD_SETLK, &fl) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EACCES)
			return error_set(err, ERR_CONFLICT, "locked by another process");
		return error_errno(err, errno, "lock");
	}
	return 0;
}

int lock_open(
	int dir_fd, const char *name, enum lock_mode mode, enum lock_wait wait, struct error **err)
{
	for (int attempt = 0; attempt < 1000; attempt++) {
		cleanup_close int fd = -1;
		struct stat opened, named;

		fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return error_errno(err, errno, "open lock '%s'", name);
		if (lock_fd(fd, mode, wait, err) < 0)
			return error_wrap(err, "'%s'", name);
		if (fstat(fd, &opened) < 0)
			return error_errno(err, errno, "stat lock '%s'", name);
		if (fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
			named.st_ino == opened.st_ino && named.st_dev == opened.st_dev)
			return steal_fd(&fd);
	}
	return error_set(err, ERR_NOT_FOUND, "lock '%s' keeps being removed", name);
}

int lock_fd_is_held(int fd)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_GETLK, &fl) < 0)
		return -1;
	return fl.l_type != F_UNLCK;
}

int lock_is_held(int dir_fd, const char *name)
{
	cleanup_close int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	return lock_fd_is_held(fd);
}
