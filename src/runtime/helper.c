#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/helper.h"
#include "util/signals.h"

#define HELPER_STACK_SIZE (1u << 20) /* untouched pages cost nothing */

int helper_run(int (*fn)(void *data), void *data, struct error **err)
{
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), why;
	sigset_t all, old;
	pid_t pid;
	void *stack = mmap(NULL, HELPER_STACK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

	if (stack == MAP_FAILED)
		return error_errno(err, errno, "allocate a stack");
	signals_fill(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = clone(fn, (char *)stack + HELPER_STACK_SIZE,
		CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, data);
	why = errno;
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	/* The helper's changes of ids made the memory that it shared with us undumpable. */
	if (dumpable == 1)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	(void)munmap(stack, HELPER_STACK_SIZE);
	return pid < 0 ? error_errno(err, why, "start a helper process") : 0;
}

bool helper_enter_group(int cgroup_fd)
{
	int fd = geteuid() == 0 ? openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC) : -1;
	bool done = fd >= 0 && write(fd, "0", 1) == 1;

	if (fd >= 0)
		(void)close(fd);
	return done;
}
