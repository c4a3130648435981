#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define MOUNTINFO_MAX (16u << 20)

void cgroup_hierarchy_clear(struct cgroup_hierarchy *h)
{
	close_keep_errno(h->root_fd);
	free(h->mount);
	*h = CGROUP_HIERARCHY_INIT;
}

/* A directory of a cgroup2 file system, or -1. */
static int open_unified(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return fd;
	close_keep_errno(fd);
	return -1;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
			s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* The mount point in LINE of mountinfo if it is one of the whole unified hierarchy; owned. */
static char *unified_in_line(char *line)
{
	char *separator = strstr(line, " - cgroup2 "), *fields[5] = {NULL}, *rest = line;

	if (!separator)
		return NULL;
	*separator = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fields[i] = strsep(&rest, " ");
		if (!fields[i])
			return NULL;
	}
	/* A part of it, bound somewhere, does not show us the group that we are in. */
	if (strcmp(fields[3], "/") != 0)
		return NULL;
	unescape(fields[4]);
	return xstrdup(fields[4]);
}

static int find_in_mountinfo(struct cgroup_hierarchy *ret)
{
	cleanup_close int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *text = NULL;
	size_t len;

	if (fd < 0 || read_fd_limited(fd, MOUNTINFO_MAX, &text, &len, &ignored) < 0)
		return -1;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		cleanup_free char *path = unified_in_line(line);

		if (!path)
			continue;
		ret->root_fd = open_unified(path);
		if (ret->root_fd < 0)
			continue; /* something is mounted on top of it */
		ret->mount = steal_ptr(&path);
		return 0;
	}
	return -1;
}

int cgroup_hierarchy_open(struct cgroup_hierarchy *ret, struct error **err)
{
	/* What systemd makes, unified and hybrid; mountinfo is long on busy hosts. */
	static const char *const usual[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		int fd = open_unified(usual[i]);

		if (fd < 0)
			continue;
		ret->root_fd = fd;
		ret->mount = xstrdup(usual[i]);
		return 0;
	}
	if (find_in_mountinfo(ret) == 0)
		return 0;
	return error_set(err, ERR_UNSUPPORTED,
		"the unified control group hierarchy (cgroup v2) is not mounted; boot with "
		"systemd.unified_cgroup_hierarchy=1, or: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
}

char *cgroup_unified_mount(void)
{
	cleanup_cgroup_hierarchy struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;
	cleanup_error struct error *ignored = NULL;

	return cgroup_hierarchy_open(&h, &ignored) < 0 ? NULL : steal_ptr(&h.mount);
}

int cgroup_path_check(const char *path, const char *what, struct error **err)
{
	const char *p = path;

	if (*p != '/')
		return error_set(err, ERR_INVALID, "%s '%s' must begin with '/'", what, path);
	if (strlen(path) > 4000)
		return error_set(err, ERR_INVALID, "%s is too long", what);
	if (!p[1])
		return 0;
	while (*p) {
		size_t len = strcspn(++p, "/");

		if (len == 0 || (len == 1 && p[0] == '.') ||
			(len == 2 && p[0] == '.' && p[1] == '.'))
			return error_set(err, ERR_INVALID,
				"%s '%s' has an empty, '.' or '..' component", what, path);
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
				return error_set(
					err, ERR_INVALID, "%s contains a control character", what);
		p += len;
	}
	return 0;
}

int cgroup_dir_open(const struct cgroup_hierarchy *h, const char *path)
{
	while (*path == '/')
		path++;
	return open_beneath(h->root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

int cgroup_own_path(char **ret, struct error **err)
{
	return cgroup_path_of("self", ret, err);
}

bool cgroup_in_service(void)
{
	cleanup_free char *own = NULL, *manager = NULL;
	cleanup_error struct error *ignored = NULL;

	if (cgroup_own_path(&own, &ignored) < 0 || !str_ends_with(own, ".service"))
		return false;
	if (geteuid() == 0)
		return true;
	manager = xasprintf("/user@%u.service/", geteuid());
	return strstr(own, manager) != NULL;
}

int cgroup_path_of(const char *pid, char **ret, struct error **err)
{
	cleanup_free char *file = xasprintf("/proc/%s/cgroup", pid);
	cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	size_t len;

	if (fd < 0)
		return error_set(err, ERR_UNSUPPORTED, "the kernel has no control groups");
	if (read_fd_limited(fd, 1u << 20, &text, &len, err) < 0)
		return error_wrap(err, "read '%s'", file);
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		const char *path = str_starts_with(line, "0::");

		if (!path)
			continue;
		if (str_starts_with(path, "/.."))
			return error_set(err, ERR_UNSUPPORTED,
				"this process is in a control group outside of its cgroup "
				"namespace");
		*ret = xstrdup(path);
		return 0;
	}
	return error_set(err, ERR_UNSUPPORTED, "there is no unified control group hierarchy");
}
