#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/process_stage.h"
#include "runtime/single_id.h"

#define PROC_ROOT_INODE 1

/* setgroups, the system call: C libraries broadcast theirs to threads. */
int process_set_groups(uint32_t *groups, size_t count, size_t first_optional)
{
	size_t kept = first_optional;

	if (syscall(SYS_setgroups, count, groups) == 0)
		return 0;
	/* A namespace that maps a single group denies setgroups; nothing that was asked for is
	 * lost. */
	if (errno == EPERM && first_optional == 0)
		return 0;
	if (errno != EINVAL || first_optional == count)
		return -1;
	for (size_t i = first_optional; i < count; i++)
		if (syscall(SYS_setgroups, 1, &groups[i]) == 0)
			groups[kept++] = groups[i];
	return (int)syscall(SYS_setgroups, kept, groups);
}

int process_set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
			(uint32_t)(inheritable >> 32)},
	};

	return (int)syscall(SYS_capset, &header, data);
}

uint64_t process_held_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	(void)syscall(SYS_capget, &header, data); /* cannot fail for ourselves */
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

/* Drop from the bounding set what BOUNDING lacks; CAP_SETPCAP is held. */
int process_drop_bounding(uint64_t bounding)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (bounding & (UINT64_C(1) << cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EINVAL && cap > CAP_AUDIT_CONTROL ? 0
									  : -1; /* past the last */
	}
	return 0;
}

/* In a namespace of a single id: from here on ids are what is answered. */
void process_become_answered(
	const struct process_user *user, const uint32_t *groups, size_t group_count, int failure_fd)
{
	if (single_id_install(failure_fd) < 0)
		process_fail(failure_fd, PROCESS_STEP_SECCOMP, errno, "system calls with answers");
	for (size_t i = 0; i < group_count; i++)
		if (syscall(SYS_setgroups, SINGLE_ID_ADD_GROUP, NULL, groups[i]) < 0)
			process_fail(failure_fd, PROCESS_STEP_GROUPS, errno, NULL);
	if ((user->gid && syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0) ||
		(user->uid && syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0))
		process_fail(failure_fd, PROCESS_STEP_IDS, errno, NULL);
}

/* The file of our own that NAMES (one, or a second for older kernels) has in procfs, where labels
 * are written: really procfs, its root, and nothing mounted over what leads there, as who controls
 * that decides what we write to (CVE-2025-52881). */
static int open_attribute(const char *const names[2])
{
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fd = -1;
	struct statfs fs;
	struct stat st;

	if (proc_fd < 0)
		return -1;
	if (fstatfs(proc_fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC || fstat(proc_fd, &st) < 0 ||
		st.st_ino != PROC_ROOT_INODE) {
		(void)close(proc_fd);
		errno = EXDEV;
		return -1;
	}
	for (int i = 0; i < 2 && fd < 0 && names[i]; i++)
		fd = (int)syscall(SYS_openat2, proc_fd, names[i], &how, sizeof(how));
	(void)close(proc_fd);
	return fd;
}

static void set_label(
	const char *const names[2], const char *label, enum process_step refused, int failure_fd)
{
	int fd = open_attribute(names);
	size_t len = strlen(label);

	if (fd < 0)
		process_fail(failure_fd, PROCESS_STEP_LABEL, errno, label);
	if (write(fd, label, len) != (ssize_t)len)
		process_fail(failure_fd, refused, errno, label);
	(void)close(fd);
}

void process_set_labels(const struct process_plan *plan, int failure_fd)
{
	static const char *const apparmor[2] = {"self/attr/apparmor/exec", "self/attr/exec"};
	static const char *const selinux[2] = {"self/attr/exec", NULL};

	if (plan->apparmor)
		set_label(
			apparmor, plan_at(plan, plan->apparmor), PROCESS_STEP_APPARMOR, failure_fd);
	if (plan->selinux)
		set_label(selinux, plan_at(plan, plan->selinux), PROCESS_STEP_LABEL, failure_fd);
}
