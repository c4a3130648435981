#include "config.h"

#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/personality.h>

#include "runtime/spec_words.h"

#define MPOL_WEIGHTED_INTERLEAVE_ 6 /* Linux 6.9 */
#define SCHED_ISO_                4 /* reserved; no kernel has it */

const struct spec_word spec_scheduler_policies[] = {
	{"SCHED_OTHER", SCHED_NORMAL},
	{"SCHED_FIFO", SCHED_FIFO},
	{"SCHED_RR", SCHED_RR},
	{"SCHED_BATCH", SCHED_BATCH},
	{"SCHED_ISO", SCHED_ISO_},
	{"SCHED_IDLE", SCHED_IDLE},
	{"SCHED_DEADLINE", SCHED_DEADLINE},
	{NULL, 0},
};

const struct spec_word spec_scheduler_flags[] = {
	{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
	{"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
	{"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
	{"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
	{"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
	{"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
	{"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
	{NULL, 0},
};

const struct spec_word spec_memory_modes[] = {
	{"MPOL_DEFAULT", MPOL_DEFAULT},
	{"MPOL_PREFERRED", MPOL_PREFERRED},
	{"MPOL_BIND", MPOL_BIND},
	{"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
	{"MPOL_LOCAL", MPOL_LOCAL},
	{"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
	{"MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE_},
	{NULL, 0},
};

const struct spec_word spec_memory_flags[] = {
	{"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
	{"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
	{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
	{NULL, 0},
};

const struct spec_word spec_personalities[] = {
	{"LINUX", PER_LINUX},
	{"LINUX32", PER_LINUX32},
	{NULL, 0},
};

const struct spec_word spec_propagations[] = {
	{"private", PROPAGATION_PRIVATE},
	{"rprivate", PROPAGATION_RPRIVATE},
	{"slave", PROPAGATION_SLAVE},
	{"rslave", PROPAGATION_RSLAVE},
	{"shared", PROPAGATION_SHARED},
	{"rshared", PROPAGATION_RSHARED},
	{"unbindable", PROPAGATION_UNBINDABLE},
	{"runbindable", PROPAGATION_RUNBINDABLE},
	{NULL, 0},
};

const char *const spec_namespaces[NAMESPACE_COUNT] = {
	[NAMESPACE_USER] = "user",
	[NAMESPACE_MOUNT] = "mount",
	[NAMESPACE_PID] = "pid",
	[NAMESPACE_NETWORK] = "network",
	[NAMESPACE_IPC] = "ipc",
	[NAMESPACE_UTS] = "uts",
	[NAMESPACE_CGROUP] = "cgroup",
	[NAMESPACE_TIME] = "time",
};

const char *const spec_capability_sets[CAPABILITY_SET_COUNT] = {
	[CAPABILITY_BOUNDING] = "bounding",
	[CAPABILITY_EFFECTIVE] = "effective",
	[CAPABILITY_INHERITABLE] = "inheritable",
	[CAPABILITY_PERMITTED] = "permitted",
	[CAPABILITY_AMBIENT] = "ambient",
};

int spec_word_number(const struct spec_word *table, const char *word)
{
	for (; table->word; table++)
		if (strcmp(word, table->word) == 0)
			return table->number;
	return -1;
}

const char *spec_number_word(const struct spec_word *table, int number)
{
	for (; table->word; table++)
		if (table->number == number)
			return table->word;
	return NULL;
}
