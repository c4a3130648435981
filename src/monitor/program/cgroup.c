#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cgroup/file.h"
#include "monitor/program/state.h"

/* The container's control group at its end. No heap, no stdio: see state.h. */

#define DEPTH_MAX    32
#define REMOVE_TRIES 200 /* of a millisecond and more: ends that are under way */

bool cgroup_oom_killed(int cgroup_fd)
{
	static const char key[] = "oom_kill ";
	char text[512];
	const char *line;
	ssize_t n;
	int fd;

	fd = cgroup_fd < 0 ? -1 : openat(cgroup_fd, "memory.events", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, sizeof(key) - 1) == 0)
			return line[sizeof(key) - 1] != '0';
	}
	return false;
}

static void cgroup_kill_all(int cgroup_fd)
{
	int fd = cgroup_fd < 0 ? -1 : openat(cgroup_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;           /* before Linux 5.14: end_children() finds them */
	(void)!write(fd, "1", 1); /* it may be empty */
	(void)close(fd);
}

/* Groups that the container made, deepest first. What cannot be removed stops the parent's removal.
 */
static void remove_below(int dir_fd, int depth)
{
	struct entry {
		uint64_t ino;
		int64_t off;
		uint16_t len;
		uint8_t type;
		char name[];
	};
	char data[2048] __attribute__((aligned(8)));
	long n;

	while ((n = syscall(SYS_getdents64, dir_fd, data, sizeof(data))) > 0)
		for (long at = 0; at < n;) {
			const struct entry *entry = (const void *)(data + at);
			int fd;

			at += entry->len;
			if (entry->type != 4 /* DT_DIR */ || entry->name[0] == '.' ||
				depth >= DEPTH_MAX)
				continue;
			fd = openat(dir_fd, entry->name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (fd < 0)
				continue;
			remove_below(fd, depth + 1);
			(void)close(fd);
			(void)unlinkat(dir_fd, entry->name, AT_REMOVEDIR);
		}
}

/* Groups that were made on the way to that at PATH, as far up as they are empty. PATH is cut. */
static void remove_made(char *path)
{
	char *slash, mark;

	while ((slash = strrchr(path, '/')) && slash != path) {
		*slash = '\0';
		if (getxattr(path, CGROUP_MADE_XATTR, &mark, 1) != 1 || rmdir(path) < 0)
			return;
	}
}

void cgroup_remove(int cgroup_fd)
{
	char link[40], path[MONITOR_PATH_MAX];
	struct text t = {.data = link, .capacity = sizeof(link)};
	ssize_t len;

	if (cgroup_fd < 0)
		return;
	text_add(&t, "/proc/self/fd/");
	text_add_uint(&t, (uint64_t)cgroup_fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0)
		return;
	path[len] = '\0';
	for (int i = 0; i < REMOVE_TRIES && rmdir(path) < 0 && errno == EBUSY; i++) {
		if (i == 0)
			cgroup_kill_all(cgroup_fd);
		(void)lseek(cgroup_fd, 0, SEEK_SET);
		remove_below(cgroup_fd, 0);
		(void)poll(NULL, 0, i == 0 ? 0 : 1 + i / 10);
	}
	remove_made(path); /* not where something is left below it */
}
