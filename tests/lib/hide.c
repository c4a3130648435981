/*
 * Preloaded: programs whose names are in $HIDE (separated by ':') are not there. For the tests of
 * hosts that lack newuidmap or slirp4netns; what is set-user-ID or static is not touched by it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int hidden(const char *path)
{
	const char *list = getenv("HIDE"), *name = strrchr(path, '/');
	size_t len;

	name = name ? name + 1 : path;
	for (const char *p = list; p && *p; p += len + (p[len] == ':')) {
		len = strcspn(p, ":");
		if (strlen(name) == len && strncmp(p, name, len) == 0) {
			errno = ENOENT;
			return 1;
		}
	}
	return 0;
}

int access(const char *path, int mode)
{
	int (*next)(const char *, int) = dlsym(RTLD_NEXT, "access");

	return hidden(path) ? -1 : next(path, mode);
}

int faccessat(int dir_fd, const char *path, int mode, int flags)
{
	int (*next)(int, const char *, int, int) = dlsym(RTLD_NEXT, "faccessat");

	return hidden(path) ? -1 : next(dir_fd, path, mode, flags);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
	int (*next)(const char *, char *const[], char *const[]) = dlsym(RTLD_NEXT, "execve");

	return hidden(path) ? -1 : next(path, argv, envp);
}
