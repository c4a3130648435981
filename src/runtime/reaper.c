#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/init.h"

/*
 * PID 1 of --init. It stays in pod's memory, which container processes cannot reach (not dumpable,
 * and it belongs to the host's user namespace), holds no descriptor but stdio's absence and no
 * right but to send signals, and does two things: reap, and pass signals on to the command.
 */

/* Everybody who sees us may read /proc/PID/cmdline, and ours is that of `pod run`, with the
 * host's paths in it. The kernel reads it from our stack: put our role there instead. */
void init_hide_command_line(void)
{
	static const char name[] = "pod-init";
	unsigned long start = 0, end = 0;
	char text[2048], *p;
	ssize_t n;
	int fd;

	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	/* proc(5): fields 48 and 49, counted from the ')' that ends field 2. */
	p = strrchr(text, ')');
	for (int field = 2; p && field < 48; field++)
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, " %lu %lu", &start, &end) != 2 || start == 0 || end <= start)
		return;
	memset((void *)start, 0, end - start); /* NOLINT: an address the kernel gave */
	memcpy((void *)start, name, sizeof(name) < end - start ? sizeof(name) : end - start - 1);
}

__attribute__((noreturn)) void init_reap(int child)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = 1u << CAP_KILL, .permitted = 1u << CAP_KILL},
	};
	sigset_t all;

	(void)prctl(PR_SET_NAME, "pod-init");
	init_hide_command_line();
	(void)syscall(SYS_close_range, 0, ~0U, 0);
	if (syscall(SYS_capset, &header, data) < 0)
		_exit(127);
	sigfillset(&all);
	for (;;) {
		siginfo_t info;
		int sig, status, pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid != child)
				continue;
			/* The end of PID 1 ends every other process of the container. */
			_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
		}
		sig = sigwaitinfo(&all, &info);
		if (sig > 0 && sig != SIGCHLD)
			(void)kill(child, sig); /* it may have ended: then the wait above tells */
	}
}
