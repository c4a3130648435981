#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fs.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/sealed.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define ALL_SEALS        (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define COMMAND_LINE_MAX (8u << 20) /* bytes; the kernel takes less */

extern char **environ;

int sealed_copy(int fd, size_t size, const char *name, struct error **err)
{
	cleanup_close int copy_fd = -1;
	size_t done = 0;

	copy_fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (copy_fd < 0 && errno == EINVAL) /* kernel before 6.3: all are executable */
		copy_fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy_fd < 0)
		return error_errno(err, errno, "make a memory file for '%s'", name);
	while (done < size) {
		ssize_t n = sendfile(copy_fd, fd, NULL, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "copy '%s' into memory", name);
		if (n == 0)
			return error_set(err, ERR_SYSTEM,
				"copy '%s' into memory: the file became shorter", name);
		done += (size_t)n;
	}
	if (fcntl(copy_fd, F_ADD_SEALS, ALL_SEALS) < 0)
		return error_errno(err, errno, "seal the copy of '%s'", name);
	return steal_fd(&copy_fd);
}

bool sealed_is_needed(unsigned int owner_uid, bool rootless)
{
	return !rootless || owner_uid == geteuid();
}

/* Where the helper programs are, before the copy forgets it. */
static int remember_helpers(struct error **err)
{
	cleanup_free char *path = program_path("pod-monitor", err);
	cleanup_free char *self = path ? program_self(err) : NULL;

	if (!path || !self)
		return -1;
	*strrchr(path, '/') = '\0';
	if (setenv("POD_LIBEXECDIR", path, 1) < 0 || setenv("POD_PROGRAM", self, 1) < 0)
		return error_errno(err, errno, "set POD_LIBEXECDIR and POD_PROGRAM");
	return 0;
}

int sealed_reexec(bool rootless, struct error **err)
{
	cleanup_close int self_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cleanup_close int cmdline_fd = -1, copy_fd = -1;
	cleanup_free char *cmdline = NULL;
	cleanup_free char **argv = NULL;
	size_t len, argc = 0;
	struct stat st;

	if (self_fd < 0 || fstat(self_fd, &st) < 0)
		return error_errno(err, errno, "open the running program through /proc");
	if (fcntl(self_fd, F_GET_SEALS) == ALL_SEALS || !sealed_is_needed(st.st_uid, rootless))
		return 0;
	cmdline_fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	if (cmdline_fd < 0)
		return error_errno(err, errno, "open '/proc/self/cmdline'");
	if (read_fd_limited(cmdline_fd, COMMAND_LINE_MAX, &cmdline, &len, err) < 0)
		return error_wrap(err, "the command line");
	for (size_t i = 0; i < len; i++)
		argc += cmdline[i] == '\0';
	argv = xcalloc(argc + 1, sizeof(*argv));
	argc = 0;
	for (char *p = cmdline; p < cmdline + len; p += strlen(p) + 1)
		argv[argc++] = p;
	copy_fd = sealed_copy(self_fd, (size_t)st.st_size, "pod", err);
	if (copy_fd < 0 || remember_helpers(err) < 0)
		return -1;
	fexecve(copy_fd, argv, environ);
	return error_errno(err, errno, "run the sealed copy of pod");
}
