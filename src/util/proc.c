#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "util/fs.h"
#include "util/mem.h"
#include "util/proc.h"

int boot_id_get(char out[BOOT_ID_LENGTH + 1], struct error **err)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "open '%s'", path);
	if (read_full(fd, out, BOOT_ID_LENGTH) != BOOT_ID_LENGTH)
		return error_set(err, ERR_SYSTEM, "read '%s': unexpected content", path);
	out[BOOT_ID_LENGTH] = '\0';
	return 0;
}

int proc_start_time(pid_t pid, uint64_t *ret_ticks)
{
	char path[64], text[1024];
	cleanup_close int fd = -1;
	unsigned long long ticks;
	const char *p;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read_full(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	/* The command name may hold spaces and parentheses: fields count from the last ')'. */
	p = strrchr(text, ')');
	if (!p)
		return -1;
	p += 2;
	if (*p == 'Z' || *p == 'X')
		return -1; /* has ended, only its parent has not looked yet */
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -1;
		p++;
	}
	if (sscanf(p, "%llu", &ticks) != 1)
		return -1;
	*ret_ticks = ticks;
	return 0;
}

int proc_pidfd(pid_t pid, uint64_t start_ticks)
{
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint64_t ticks;

	if (pidfd < 0)
		return -1;
	/* Read after opening: if the number was reused before, the time differs. */
	if (proc_start_time(pid, &ticks) < 0 || ticks != start_ticks) {
		errno = ESRCH;
		return -1;
	}
	return steal_fd(&pidfd);
}

int wait_status_to_exit(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}
