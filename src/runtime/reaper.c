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
#include "util/mem.h"
#include "util/program.h"
#include "util/signals.h"

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
	const struct program_area *area = program_area();
	size_t len = area ? (size_t)(area->args_end - area->args) : 0;

	if (!len)
		return;
	memset(area->args, 0, len);
	memcpy(area->args, name, MIN(sizeof(name), len) - 1);
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
	signals_fill(&all);
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
