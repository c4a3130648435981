#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rootless/spawn.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/signals.h"

extern char **environ;

/* What went wrong between fork and execve; end of file on the pipe means the program runs. */
struct spawn_failure {
	int step, errnum;
};

enum spawn_step { STEP_DESCRIPTORS, STEP_USERNS, STEP_IDS, STEP_EXEC };

static const char *const step_names[] = {
	[STEP_DESCRIPTORS] = "pass descriptors to",
	[STEP_USERNS] = "join the user namespace for",
	[STEP_IDS] = "become root of the user namespace for",
	[STEP_EXEC] = "start",
};

__attribute__((noreturn)) static void child_fail(int pipe_fd, enum spawn_step step)
{
	struct spawn_failure failure = {.step = (int)step, .errnum = errno};

	(void)write_all(pipe_fd, &failure, sizeof(failure)); /* else: the parent sees end of file */
	_exit(127);
}

/*
 * The child between fork and execve: own memory, the caller's ids and namespaces, all signals
 * blocked. Joins USERNS_FD and becomes its root; async-signal-safe calls only. SOURCES[] are the
 * descriptors to pass on, already moved above every target number.
 */
__attribute__((noreturn)) static void child_main(const struct spawn_options *opts, const char *path,
	const int *sources, int userns_fd, int pipe_fd)
{
	bool given[3] = {false};
	sigset_t none;

	/* While our memory still belongs to the host's user namespace: nobody inside may look. */
	(void)prctl(PR_SET_DUMPABLE, 0); /* cannot fail with this value */
	/* Ours are close-on-exec already; this is for strangers we inherited. */
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (setns(userns_fd, CLONE_NEWUSER) < 0)
		child_fail(pipe_fd, STEP_USERNS);
	/* A real id that is not the effective one: so the execve leaves the program's memory
	 * undumpable, too. A container of this namespace that sees it (--pid host) and takes on its
	 * ids could attach to it otherwise. EINVAL: there is no second id. */
	if ((syscall(SYS_setresgid, 1, 0, 0) < 0 && syscall(SYS_setresgid, 0, 0, 0) < 0) ||
		syscall(SYS_setresuid, 0, 0, 0) < 0)
		child_fail(pipe_fd, STEP_IDS);
	for (size_t i = 0; i < opts->fd_count; i++) {
		if (dup2(sources[i], opts->fds[i].to) < 0)
			child_fail(pipe_fd, STEP_DESCRIPTORS);
		if (opts->fds[i].to < 3)
			given[opts->fds[i].to] = true;
	}
	for (int fd = 0; fd < 3; fd++) {
		int null_fd;

		if (given[fd])
			continue;
		null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null_fd < 0 || (null_fd != fd && dup2(null_fd, fd) < 0) ||
			fcntl(fd, F_SETFD, 0) < 0)
			child_fail(pipe_fd, STEP_DESCRIPTORS);
	}
	signals_reset();
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	execve(path, (char *const *)opts->argv, opts->envp ? (char *const *)opts->envp : environ);
	child_fail(pipe_fd, STEP_EXEC);
}

int userns_spawn(
	int userns_fd, const struct spawn_options *opts, pid_t *ret_pid, struct error **err)
{
	cleanup_free char *path = NULL;
	cleanup_free int *sources = NULL;
	cleanup_close int parent_fd = -1, child_fd = -1, high_userns_fd = -1;
	struct spawn_failure failure;
	sigset_t all, old;
	int pipe_fds[2], highest = 3, why = 0;
	ssize_t n;
	pid_t pid = -1;

	if (userns_fd < 0)
		return spawn(opts, ret_pid, err);
	path = spawn_find(opts->argv[0]);
	if (!path)
		return error_set(
			err, ERR_NOT_FOUND, "program '%s' is not installed", opts->argv[0]);
	for (size_t i = 0; i < opts->fd_count; i++)
		highest = MAX(highest, opts->fds[i].to + 1);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	parent_fd = pipe_fds[0];
	/* Everything the child still needs must lie above the numbers it overwrites. */
	child_fd = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, highest);
	close_keep_errno(pipe_fds[1]);
	high_userns_fd = fcntl(userns_fd, F_DUPFD_CLOEXEC, highest);
	if (child_fd < 0 || high_userns_fd < 0)
		return error_errno(err, errno, "duplicate a descriptor for '%s'", path);
	sources = xcalloc(opts->fd_count, sizeof(*sources));
	for (size_t i = 0; i < opts->fd_count; i++)
		sources[i] = -1;
	for (size_t i = 0; i < opts->fd_count && !why; i++) {
		sources[i] = fcntl(opts->fds[i].from, F_DUPFD_CLOEXEC, highest);
		if (sources[i] < 0)
			why = errno;
	}
	if (!why) {
		signals_fill(&all);
		(void)sigprocmask(SIG_BLOCK, &all, &old);
		pid = fork();
		if (pid == 0)
			child_main(opts, path, sources, high_userns_fd, child_fd);
		why = pid < 0 ? errno : 0;
		(void)sigprocmask(SIG_SETMASK, &old, NULL);
	}
	for (size_t i = 0; i < opts->fd_count; i++)
		close_keep_errno(sources[i]);
	if (why)
		return error_fork(err, why, "start '%s'", path);
	fd_replace(&child_fd, -1);
	n = read_full(parent_fd, &failure, sizeof(failure));
	if (n == 0) {
		*ret_pid = pid;
		return 0;
	}
	(void)waitpid(pid, NULL, 0); /* it has ended or is about to */
	if (n != (ssize_t)sizeof(failure) || failure.step < 0 || failure.step > STEP_EXEC)
		return error_set(err, ERR_SYSTEM, "start '%s': unexpected answer", path);
	return error_errno(err, failure.errnum, "%s '%s'", step_names[failure.step], path);
}
