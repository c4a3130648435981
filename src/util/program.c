#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/fs.h"
#include "util/mem.h"
#include "util/program.h"

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
			"'%s' is not installed in '%s'; run make install, or set POD_LIBEXECDIR",
			name, dir && *dir ? dir : POD_LIBEXECDIR);
	return path;
}
