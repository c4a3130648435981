#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/exec.h"
#include "runtime/helper.h"
#include "runtime/init.h"
#include "runtime/namespaces.h"
#include "runtime/process_plan.h"
#include "runtime/sync.h"
#include "util/mem.h"

/*
 *   caller ── helper                    joins all but the cgroup and time namespaces, by one
 * setns(pidfd) │         └─ clone3 ── process   CLONE_PARENT: the caller's child, in the group from
 * the start └───── sync socket ───────┘      READY (terminal), EXEC, failure or end of file
 */

struct exec {
	const struct runtime_process *process;
	const struct runtime_exec_options *opts;
	const struct process_plan *plan;
	unsigned int flags; /* CLONE_NEW* to join */
	int sync_fd, caller_fd;
	/* answers */
	pid_t pid;
	int pidfd, errnum;
	const char *what;
};

static int exec_fail(struct exec *exec, int errnum, const char *what)
{
	exec->errnum = errnum;
	exec->what = what;
	return 1;
}

/* "0-3,7"; false: malformed, or a processor beyond what fits. */
static bool parse_cpus(const char *text, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text)
			return false;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
			if (end == text)
				return false;
		}
		if (last < first || last >= CPU_SETSIZE)
			return false;
		for (; first <= last; first++)
			CPU_SET(first, ret);
		if (*end && *end != ',')
			return false;
		text = *end ? end + 1 : end;
	}
	return CPU_COUNT(ret) > 0;
}

static int set_cpus(const char *text)
{
	cpu_set_t set;

	if (!text)
		return 0;
	if (!parse_cpus(text, &set)) {
		errno = EINVAL;
		return -1;
	}
	return sched_setaffinity(0, sizeof(set), &set);
}

/* What to hand to setns for namespace TYPE. */
static int fd_to_join(const struct runtime_exec_options *opts, enum namespace_type type)
{
	return opts->namespace_fds ? opts->namespace_fds[type] : opts->init_pidfd;
}

/* In the helper. Returns 0 or -1 with errno. */
static int join(const struct exec *exec)
{
	const struct runtime_exec_options *opts = exec->opts;

	if (!exec->flags)
		return 0;
	if (!opts->namespace_fds)
		return setns(opts->init_pidfd, (int)exec->flags);
	/* The user namespace first (NAMESPACE_USER is 0): the others belong to it. */
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		if ((exec->flags & namespace_flag(i)) &&
			setns(opts->namespace_fds[i], (int)namespace_flag(i)) < 0)
			return -1;
	return 0;
}

/* Entry: a copy of our memory, the container's namespaces but the cgroup's, root of its user
 * namespace with all capabilities, all signals blocked, not dumpable. Must do nothing but become
 * the process. */
__attribute__((noreturn)) static void exec_main(struct exec *exec)
{
	const struct runtime_exec_options *opts = exec->opts;
	struct init_context context = {
		.sync_fd = exec->sync_fd,
		.caller_fd = exec->caller_fd,
		.root_fd = -1,
		.proc_fd = -1,
	};
	struct sync_message message = {.step = SYNC_READY};
	int master = -1, slave = -1, fds[SYNC_FDS_MAX];
	struct process_failure failure;
	struct error *err = NULL;
	size_t count;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	close_keep_errno(exec->caller_fd);
	/* Not before: the group that we are put into must be seen from the caller's namespace. */
	if ((opts->namespaces & 1u << NAMESPACE_CGROUP) &&
		setns(fd_to_join(opts, NAMESPACE_CGROUP), CLONE_NEWCGROUP) < 0) {
		error_errno(&err, errno, "join the container's cgroup namespace");
		init_fail(&context, err);
	}
	/* Nor by who shares memory with another process. */
	if ((opts->namespaces & 1u << NAMESPACE_TIME) &&
		setns(fd_to_join(opts, NAMESPACE_TIME), CLONE_NEWTIME) < 0) {
		error_errno(&err, errno, "join the container's time namespace");
		init_fail(&context, err);
	}
	if (exec->process->terminal) {
		context.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (init_open_terminal(context.root_fd, &master, &slave, &err) < 0)
			init_fail(&context, err);
	}
	if (init_prepare_descriptors(&context, opts->preserve_fds,
		    (const int[]){slave >= 0 ? slave : opts->stdin_fd,
			    slave >= 0 ? slave : opts->stdout_fd,
			    slave >= 0 ? slave : opts->stderr_fd},
		    &err) < 0)
		init_fail(&context, err);
	if (!process_probe(exec->plan, &failure)) {
		process_failure_to_error(&failure, &err);
		init_fail(&context, err);
	}
	if (set_cpus(exec->process->final_cpus) < 0) {
		error_errno(&err, errno, "process.execCPUAffinity.final: processors '%s'",
			exec->process->final_cpus);
		init_fail(&context, err);
	}
	if (sync_send(context.sync_fd, &message, &master, master >= 0) < 0)
		_exit(127);
	close_keep_errno(master);
	if (sync_receive(context.sync_fd, &message, sizeof(message), fds, &count) !=
			sizeof(message) ||
		message.step != SYNC_EXEC)
		_exit(127); /* the caller gave up, or died */
	(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	process_exec(exec->plan, 3 + (int)opts->preserve_fds, context.sync_fd);
}

/* Entry: the caller's memory, descriptors, ids and namespaces, all signals blocked. May write to
 * its struct exec only. */
static int exec_helper(void *data)
{
	struct exec *exec = data;
	const struct runtime_exec_options *opts = exec->opts;
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (uintptr_t)&exec->pidfd,
	};
	bool in_group = false;
	long pid;
	int why;

	why = process_set_oom_score(exec->plan);
	if (why)
		return exec_fail(exec, why, "set the OOM score");
	if (set_cpus(exec->process->initial_cpus) < 0)
		return exec_fail(exec, errno, "process.execCPUAffinity.initial");
	why = process_set_priority(exec->plan, 0, &exec->what);
	if (why)
		return exec_fail(exec, why, exec->what);
	if (opts->cgroup_fd >= 0 && (exec->flags & CLONE_NEWUSER))
		in_group = helper_enter_group(opts->cgroup_fd);
	/* While our memory still belongs to the host. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (join(exec) < 0)
		return exec_fail(exec, errno, "join the container's namespaces");
	if (exec->flags & CLONE_NEWUSER) {
		if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
			return exec_fail(exec, errno, "become root of the user namespace");
		if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
			return exec_fail(exec, errno, "drop supplementary groups");
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the id change set the default again */
	}
	if (opts->cgroup_fd >= 0 && !in_group) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)opts->cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		exec_main(exec);
	if (pid < 0)
		return exec_fail(exec, errno, "clone the process");
	exec->pid = (pid_t)pid;
	return 0;
}

/* CLONE_NEW* of what the helper joins; the user namespace only when it is not the one that we are
 * in. */
static unsigned int flags_to_join(const struct runtime_exec_options *opts)
{
	unsigned int flags = 0;

	for (int i = 0; i < NAMESPACE_COUNT; i++)
		if (opts->namespaces & 1u << i && i != NAMESPACE_CGROUP && i != NAMESPACE_TIME)
			flags |= namespace_flag(i);
	return flags;
}

int runtime_exec_ask(int dir_fd, const char *name, int *ret_fds, struct error **err)
{
	struct sync_message message = {.step = SYNC_NAMESPACES};
	struct runtime_instance init;
	int fds[SYNC_FDS_MAX];
	size_t count = 0, used = 0;
	long n = 0;

	if (runtime_connect(dir_fd, name, &init, err) < 0)
		return -1;
	if (sync_send(init.sync_fd, &message, NULL, 0) == 0)
		n = sync_receive(init.sync_fd, &message, sizeof(message), fds, &count);
	runtime_instance_destroy(&init);
	if (n != sizeof(message) || message.step != SYNC_NAMESPACES)
		message.namespaces = 0;
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		ret_fds[i] = message.namespaces & 1u << i && used < count ? fds[used++] : -1;
	while (used < count)
		close_keep_errno(fds[used++]);
	return message.namespaces ? 0
				  : error_set(err, ERR_CONFLICT, "it is not waiting to be started");
}

int runtime_exec(const struct runtime_process *process, const struct seccomp_program *seccomp,
	const struct runtime_exec_options *opts, struct runtime_instance *ret, struct error **err)
{
	cleanup_free struct process_plan *plan = NULL;
	struct runtime_instance instance = {
		.pidfd = -1,
		.sync_fd = -1,
		.terminal_fd = -1,
		.seccomp = seccomp,
	};
	struct exec exec = {
		.process = process,
		.opts = opts,
		.flags = flags_to_join(opts),
		.pidfd = -1,
	};
	int pair[2];
	size_t len;

	for (int i = 0; i < NAMESPACE_COUNT; i++)
		instance.namespace_fds[i] = -1;
	if (process_plan_build(process, seccomp, opts->keep_keyring ? PROCESS_KEEP_KEYRING : 0,
		    &plan, &len, err) < 0)
		return -1;
	exec.plan = plan;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, errno, "make a socket pair");
	exec.caller_fd = instance.sync_fd = pair[0];
	exec.sync_fd = pair[1];
	/* Processes that see ours are there already; -e SECRET=... may be in our command line. */
	if (opts->namespaces & 1u << NAMESPACE_PID)
		init_hide_command_line();
	if (helper_run(exec_helper, &exec, err) == 0 && exec.errnum == ESRCH)
		error_set(err, ERR_NOT_FOUND, "the container has ended");
	else if (!*err && exec.errnum)
		error_errno(err, exec.errnum, "%s", exec.what);
	close_keep_errno(exec.sync_fd);
	instance.pid = exec.pid;
	instance.pidfd = exec.pidfd;
	if (*err) {
		runtime_instance_destroy(&instance);
		return -1;
	}
	*ret = instance;
	return 0;
}
