#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/process_stage.h"

void process_set_rlimits(const struct process_plan *plan, int failure_fd)
{
	const struct process_rlimit *limits = (const void *)plan_at(plan, plan->rlimits);

	for (uint32_t i = 0; i < plan->rlimit_count; i++) {
		/* prlimit64's own layout: rlim_t differs between C libraries */
		const uint64_t both[2] = {limits[i].soft, limits[i].hard};

		if (syscall(SYS_prlimit64, 0, limits[i].resource, both, NULL) < 0) {
			char number[8] = {(char)('0' + limits[i].resource / 10 % 10),
				(char)('0' + limits[i].resource % 10)};

			process_fail(failure_fd, PROCESS_STEP_RLIMIT, errno, number);
		}
	}
}

int process_set_priority(const struct process_plan *plan, int pid, const char **ret_what)
{
	/* The kernel's struct sched_attr, VER0; headers of the two C libraries differ on it. */
	const struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = {
		.size = 48,
		.policy = plan->scheduler.policy,
		.flags = plan->scheduler.flags,
		.nice = plan->scheduler.nice,
		.priority = plan->scheduler.priority,
		.runtime = plan->scheduler.runtime_ns,
		.deadline = plan->scheduler.deadline_ns,
		.period = plan->scheduler.period_ns,
	};

	*ret_what = "process.ioPriority";
	if ((plan->flags & PROCESS_IO_PRIORITY) &&
		syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, pid, plan->io_priority) < 0)
		return errno;
	*ret_what = "process.scheduler";
	if ((plan->flags & PROCESS_SCHEDULER) && syscall(SYS_sched_setattr, pid, &attr, 0) < 0)
		return errno;
	return 0;
}

void process_set_memory_policy(const struct process_plan *plan, int failure_fd)
{
	if ((plan->flags & PROCESS_MEMORY_POLICY) &&
		syscall(SYS_set_mempolicy, plan->memory_mode,
			plan->memory_node_words ? plan_at(plan, plan->memory_nodes) : NULL,
			(unsigned long)plan->memory_node_words * 64) < 0)
		process_fail(failure_fd, PROCESS_STEP_MEMORY_POLICY, errno, NULL);
}

int process_set_oom_score(const struct process_plan *plan)
{
	char text[16], *p = text + sizeof(text);
	int32_t value = plan->oom_score_adj;
	uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
	int fd, why = 0;

	if (!(plan->flags & PROCESS_OOM_SCORE_ADJ))
		return 0;
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		*--p = '-';
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (write(fd, p, (size_t)(text + sizeof(text) - p)) < 0)
		why = errno;
	(void)close(fd);
	return why;
}
