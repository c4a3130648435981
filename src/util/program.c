#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/str.h"

static char *try_path(const char *dir, const char *below, const char *name)
{
	cleanup_free char *path = xasprintf("%s%s/%s", dir, below, name);

	return access(path, X_OK) == 0 ? steal_ptr(&path) : NULL;
}

char *program_path(const char *name, struct error **err)
{
	const char *dir = secure_getenv("POD_LIBEXECDIR");
	char self[PATH_MAX], *path = NULL;
	ssize_t len;

	if (dir && *dir) {
		path = try_path(dir, "", name);
	} else {
		len = readlink("/proc/self/exe", self, sizeof(self) - 1);
		if (len > 0) {
			self[len] = '\0';
			*strrchr(self, '/') = '\0';
			path = try_path(self, "/libexec", name);
			if (!path)
				path = try_path(self, "/../libexec/pod", name);
		}
		if (!path)
			path = try_path(POD_LIBEXECDIR, "", name);
	}
	if (!path)
		(void)error_set(err, ERR_NOT_FOUND,
			"'%s' is not installed in '%s'; run make install, or set "
			"POD_LIBEXECDIR" CHECK_SEE(CHECK_PROGRAMS),
			name, dir && *dir ? dir : POD_LIBEXECDIR);
	return path;
}

char *program_self(struct error **err)
{
	static const char deleted[] = " (deleted)"; /* replaced since by another version */
	const char *original = secure_getenv("POD_PROGRAM");
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t tail = sizeof(deleted) - 1;

	if (len <= 0) {
		(void)error_errno(err, errno, "read '/proc/self/exe'");
		return NULL;
	}
	self[len] = '\0';
	if (str_starts_with(self, "/memfd:"))
		return xstrdup(original ? original : self);
	if ((size_t)len > tail && strcmp(self + len - tail, deleted) == 0)
		self[(size_t)len - tail] = '\0';
	return xstrdup(self);
}

static struct program_area area;

/* The end of the last of STRINGS; *RET_NEXT: what follows the NULL. */
static char *end_of(char **strings, char ***ret_next)
{
	char *end = NULL;

	for (; *strings; strings++)
		end = *strings + strlen(*strings) + 1;
	*ret_next = strings + 1;
	return end;
}

void program_remember_area(char **argv)
{
	char **env, **auxv;

	area = (struct program_area){.args = argv[0], .stack = (char *)argv - sizeof(long)};
	area.args_end = end_of(argv, &env);
	area.env = *env;
	area.env_end = end_of(env, &auxv);
	if (!area.env)
		area.env = area.env_end = area.args_end;
}

const struct program_area *program_area(void)
{
	return area.args ? &area : NULL;
}
