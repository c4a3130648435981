#include "config.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/process_stage.h"

/*
 * A filter with a listener judges whatever this thread does from then on, also the message that
 * would carry the listener away. So a second thread, which the filter is not for, is there before:
 * it waits for the number of the descriptor, sends it and ends; we only look at memory meanwhile.
 */
struct listener_sender {
	int failure_fd;
	_Atomic int listener_fd; /* -1: not there yet; -2: there will be none */
	_Atomic int result;      /* -1: not sent yet; else an errno or 0 */
};

static int listener_sender_main(void *data)
{
	const struct timespec pause = {.tv_nsec = 100000};
	struct listener_sender *sender = data;
	const struct process_listener message = {PROCESS_LISTENER_MAGIC};
	int fd;

	while ((fd = sender->listener_fd) == -1)
		(void)syscall(SYS_nanosleep, &pause, NULL);
	if (fd >= 0)
		sender->result = process_send(sender->failure_fd, &message, sizeof(message), fd) < 0
					 ? errno
					 : 0;
	return 0;
}

static void load_notifying(
	const struct process_plan *plan, const struct sock_fprog *program, int failure_fd)
{
	const size_t stack_size = 65536;
	static struct listener_sender sender;
	char *stack = mmap(NULL, stack_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int fd;

	sender.failure_fd = failure_fd;
	sender.listener_fd = sender.result = -1;
	if (stack == MAP_FAILED || clone(listener_sender_main, stack + stack_size,
					   CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
						   CLONE_THREAD | CLONE_SYSVSEM,
					   &sender) < 0)
		process_fail(failure_fd, PROCESS_STEP_LISTENER, errno, "thread");
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		plan->seccomp_flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, program);
	if (fd < 0) {
		int why = errno;

		sender.listener_fd = -2;
		process_fail(failure_fd, PROCESS_STEP_SECCOMP, why, NULL);
	}
	sender.listener_fd = fd;
	while (sender.result == -1)
		; /* any call of ours might wait for who has not got the listener yet */
	if (sender.result)
		process_fail(failure_fd, PROCESS_STEP_LISTENER, sender.result, "send");
}

void process_load_seccomp(const struct process_plan *plan, int failure_fd)
{
	struct sock_fprog program = {
		.len = (unsigned short)plan->seccomp_count,
		.filter = (struct sock_filter *)(uintptr_t)plan_at(plan, plan->seccomp),
	};

	if (plan->flags & PROCESS_SECCOMP_NOTIFY)
		load_notifying(plan, &program, failure_fd);
	else if (plan->seccomp_count &&
		 syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, plan->seccomp_flags, &program) < 0)
		process_fail(failure_fd, PROCESS_STEP_SECCOMP, errno, NULL);
}
