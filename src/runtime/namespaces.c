#include "config.h"

#include <sched.h>

#include "runtime/namespaces.h"

static const struct {
	const char *file, *word;
	unsigned int flag;
} types[NAMESPACE_COUNT] = {
	[NAMESPACE_USER] = {"user", "user", CLONE_NEWUSER},
	[NAMESPACE_MOUNT] = {"mnt", "mount", CLONE_NEWNS},
	[NAMESPACE_PID] = {"pid", "pid", CLONE_NEWPID},
	[NAMESPACE_NETWORK] = {"net", "network", CLONE_NEWNET},
	[NAMESPACE_IPC] = {"ipc", "ipc", CLONE_NEWIPC},
	[NAMESPACE_UTS] = {"uts", "uts", CLONE_NEWUTS},
	[NAMESPACE_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
	[NAMESPACE_TIME] = {"time", "time", CLONE_NEWTIME},
};

const char *namespace_file(enum namespace_type type)
{
	return types[type].file;
}

unsigned int namespace_flag(enum namespace_type type)
{
	return types[type].flag;
}

const char *namespace_word(enum namespace_type type)
{
	return types[type].word;
}
