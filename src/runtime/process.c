#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "runtime/process.h"
#include "runtime/process_user.h"
#include "runtime/single_id.h"
#include "runtime/spec.h"

#define PROC_ROOT_INODE 1
#define DEFAULT_PATH    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* -------- checking a plan -------- */

static bool string_fits(const char *block, uint32_t size, uint32_t offset)
{
	return offset >= sizeof(struct process_plan) && offset < size &&
	       memchr(block + offset, '\0', size - offset);
}

static bool array_fits(uint32_t size, uint32_t offset, uint32_t count, size_t element, size_t align)
{
	return count == 0 || (offset >= sizeof(struct process_plan) && offset <= size &&
				     offset % align == 0 && count <= (size - offset) / element);
}

static bool strings_fit(const char *block, uint32_t size, uint32_t offset, uint32_t count)
{
	uint32_t string;

	if (!array_fits(size, offset, count, sizeof(uint32_t), sizeof(uint32_t)))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(&string, block + offset + i * sizeof(string), sizeof(string));
		if (!string_fits(block, size, string))
			return false;
	}
	return true;
}

static bool mask_fits(const struct process_plan *plan, uint32_t offset, uint32_t words)
{
	return words <= PROCESS_MASK_WORDS_MAX &&
	       array_fits(plan->size, offset, words, sizeof(uint64_t), sizeof(uint64_t));
}

bool process_plan_check(const void *block, size_t len)
{
	struct process_plan plan;
	const char *bytes = block;

	if (len < sizeof(plan) || len > PROCESS_PLAN_MAX)
		return false;
	memcpy(&plan, block, sizeof(plan));
	return plan.magic == PROCESS_PLAN_MAGIC && plan.version == 2 && plan.size == len &&
	       plan.arg_count >= 1 && plan.group_count <= PROCESS_GROUPS_MAX &&
	       plan.group_name_count <= PROCESS_GROUPS_MAX &&
	       plan.rlimit_count <= PROCESS_RLIMITS_MAX && plan.seccomp_count <= BPF_MAXINSNS &&
	       (!plan.user || string_fits(bytes, plan.size, plan.user)) &&
	       string_fits(bytes, plan.size, plan.cwd) &&
	       strings_fit(bytes, plan.size, plan.args, plan.arg_count) &&
	       strings_fit(bytes, plan.size, plan.env, plan.env_count) &&
	       array_fits(plan.size, plan.groups, plan.group_count, sizeof(uint32_t),
		       sizeof(uint32_t)) &&
	       strings_fit(bytes, plan.size, plan.group_names, plan.group_name_count) &&
	       array_fits(plan.size, plan.rlimits, plan.rlimit_count, sizeof(struct process_rlimit),
		       sizeof(uint64_t)) &&
	       array_fits(plan.size, plan.seccomp, plan.seccomp_count, sizeof(struct sock_filter),
		       sizeof(uint64_t)) &&
	       mask_fits(&plan, plan.memory_nodes, plan.memory_node_words) &&
	       (!plan.apparmor || string_fits(bytes, plan.size, plan.apparmor)) &&
	       (!plan.selinux || string_fits(bytes, plan.size, plan.selinux));
}

/* -------- failing -------- */

__attribute__((noreturn)) static void fail(
	int failure_fd, enum process_step step, int errnum, const char *text)
{
	struct process_failure failure = {.step = step, .errnum = errnum};
	ssize_t n;

	if (text)
		strncpy(failure.text, text, sizeof(failure.text) - 1);
	do
		n = write(failure_fd, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	_exit(127);
}

static const char *at(const struct process_plan *plan, uint32_t offset)
{
	return (const char *)plan + offset;
}

static const char *string_at(const struct process_plan *plan, uint32_t array, uint32_t i)
{
	return at(plan, ((const uint32_t *)(const void *)at(plan, array))[i]);
}

/* -------- identity -------- */

static void set_rlimits(const struct process_plan *plan, int failure_fd)
{
	const struct process_rlimit *limits = (const void *)at(plan, plan->rlimits);

	for (uint32_t i = 0; i < plan->rlimit_count; i++) {
		/* prlimit64's own layout: rlim_t differs between C libraries */
		const uint64_t both[2] = {limits[i].soft, limits[i].hard};

		if (syscall(SYS_prlimit64, 0, limits[i].resource, both, NULL) < 0) {
			char number[8] = {(char)('0' + limits[i].resource / 10 % 10),
				(char)('0' + limits[i].resource % 10)};

			fail(failure_fd, PROCESS_STEP_RLIMIT, errno, number);
		}
	}
}

/* setgroups, the system call: C libraries broadcast theirs to threads. Groups that come from
 * /etc/group (from FIRST_OPTIONAL on) and are not mapped in the user namespace are left out. */
static int set_groups(uint32_t *groups, size_t count, size_t first_optional)
{
	size_t kept = first_optional;

	if (syscall(SYS_setgroups, count, groups) == 0)
		return 0;
	/* A namespace that maps a single group denies setgroups; without groups nothing is lost. */
	if (errno == EPERM && count == 0)
		return 0;
	if (errno != EINVAL || first_optional == count)
		return -1;
	for (size_t i = first_optional; i < count; i++)
		if (syscall(SYS_setgroups, 1, &groups[i]) == 0)
			groups[kept++] = groups[i];
	return (int)syscall(SYS_setgroups, kept, groups);
}

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
			(uint32_t)(inheritable >> 32)},
	};

	return (int)syscall(SYS_capset, &header, data);
}

static uint64_t held_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	(void)syscall(SYS_capget, &header, data); /* cannot fail for ourselves */
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

/* Drop from the bounding set what BOUNDING lacks; CAP_SETPCAP is held. */
static int drop_bounding(uint64_t bounding)
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

/* The pipes and the terminal that were made for us belong to the container's root; let the user
 * open them again through /dev/stdout. Whatever has a name on the host (a named pipe, the host's
 * terminal) is left alone: it would change hands there. */
static void own_stdio(uint32_t uid, bool terminal)
{
	for (int fd = 0; fd <= 2; fd++) {
		struct statfs fs;

		if (fstatfs(fd, &fs) == 0 && (fs.f_type == PIPEFS_MAGIC ||
						     (terminal && fs.f_type == DEVPTS_SUPER_MAGIC)))
			(void)fchown(fd, uid, (gid_t)-1); /* as other runtimes: a nicety */
	}
}

/* -------- files -------- */

/* WORKDIR /proc/self/fd/N must never lead out of the root (CVE-2024-21626): a directory outside has
 * no name here, which getcwd tells by an unreachable path or an error. */
static void check_cwd(const char *path, int failure_fd)
{
	char buf[PATH_MAX];
	long n = syscall(SYS_getcwd, buf, sizeof(buf));

	if ((n < 0 && errno != ENAMETOOLONG && errno != ERANGE) || (n > 0 && buf[0] != '/'))
		fail(failure_fd, PROCESS_STEP_CWD, n < 0 ? errno : EXDEV, path);
}

/* mkdir -p as root, before the ids change; what cannot be made is found by the chdir. */
static void make_cwd(const char *path)
{
	char buf[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(buf))
		return;
	memcpy(buf, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		char saved = buf[i];

		if (saved != '/' && saved != '\0')
			continue;
		buf[i] = '\0';
		(void)mkdir(buf, 0755);
		buf[i] = saved;
	}
}

/* Can the file be executed by us? 0, or the errno that tells why not. */
static int candidate_check(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
		return 0;
	/* Before 5.8 there is no faccessat2; execve itself will tell then. */
	return errno == ENOSYS ? 0 : errno;
}

/* The file that NAME stands for, into OUT of PATH_MAX bytes. */
static void find_command(const char *name, const char *path, char *out, int failure_fd)
{
	int why = ENOENT;

	if (strchr(name, '/')) {
		if (strlen(name) >= PATH_MAX)
			fail(failure_fd, PROCESS_STEP_EXEC, ENAMETOOLONG, name);
		strcpy(out, name);
		return;
	}
	while (*name && path && *path) {
		size_t len = strcspn(path, ":");

		if (len && len + 1 + strlen(name) < PATH_MAX) {
			int result;

			memcpy(out, path, len);
			out[len] = '/';
			strcpy(out + len + 1, name);
			result = candidate_check(out);
			if (result == 0)
				return;
			if (result != ENOENT && result != ENOTDIR && why == ENOENT)
				why = result;
		}
		path += len;
		path += *path == ':';
	}
	if (why == EACCES)
		fail(failure_fd, PROCESS_STEP_EXEC, EACCES, name);
	fail(failure_fd, PROCESS_STEP_EXEC_LOOKUP, ENOENT, name);
}

/* 0: there is such a file, or it cannot be told; else why nobody could execute it. */
static int definitely_lacks(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? errno : 0;
	return S_ISREG(st.st_mode) && (st.st_mode & 0111) ? 0 : EACCES;
}

static bool probe_fail(
	struct process_failure *failure, enum process_step step, int errnum, const char *name)
{
	*failure = (struct process_failure){.step = step, .errnum = errnum};
	strncpy(failure->text, name, sizeof(failure->text) - 1);
	return false;
}

bool process_probe(const struct process_plan *plan, struct process_failure *failure)
{
	const char *name = string_at(plan, plan->args, 0), *path = NULL;
	char candidate[PATH_MAX];
	int why = ENOENT;

	if (name[0] == '/') {
		why = definitely_lacks(name);
		return !why || probe_fail(failure, PROCESS_STEP_EXEC, why, name);
	}
	if (strchr(name, '/'))
		return true;
	for (uint32_t i = 0; i < plan->env_count && !path; i++)
		if (strncmp(string_at(plan, plan->env, i), "PATH=", 5) == 0)
			path = string_at(plan, plan->env, i) + 5;
	for (path = path ?: DEFAULT_PATH; *name && *path; path += *path == ':') {
		size_t len = strcspn(path, ":");

		if (len && path[0] != '/')
			return true;
		if (len && len + 1 + strlen(name) < PATH_MAX) {
			int result;

			memcpy(candidate, path, len);
			candidate[len] = '/';
			strcpy(candidate + len + 1, name);
			result = definitely_lacks(candidate);
			if (!result)
				return true;
			if (result == EACCES)
				why = EACCES;
		}
		path += len;
	}
	return probe_fail(
		failure, why == EACCES ? PROCESS_STEP_EXEC : PROCESS_STEP_EXEC_LOOKUP, why, name);
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

static void set_label(const char *const names[2], const char *label, int failure_fd)
{
	int fd = open_attribute(names);
	size_t len = strlen(label);

	if (fd < 0 || write(fd, label, len) != (ssize_t)len)
		fail(failure_fd, PROCESS_STEP_LABEL, errno, label);
	(void)close(fd);
}

static void set_labels(const struct process_plan *plan, int failure_fd)
{
	static const char *const apparmor[2] = {"self/attr/apparmor/exec", "self/attr/exec"};
	static const char *const selinux[2] = {"self/attr/exec", NULL};

	if (plan->apparmor)
		set_label(apparmor, at(plan, plan->apparmor), failure_fd);
	if (plan->selinux)
		set_label(selinux, at(plan, plan->selinux), failure_fd);
}

/* -------- seccomp -------- */

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
	struct process_listener message = {PROCESS_LISTENER_MAGIC};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = &message, .iov_len = sizeof(message)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int fd;

	while ((fd = sender->listener_fd) == -1)
		(void)syscall(SYS_nanosleep, &pause, NULL);
	if (fd >= 0) {
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
		sender->result = syscall(SYS_sendmsg, sender->failure_fd, &msg, MSG_NOSIGNAL) < 0
					 ? errno
					 : 0;
	}
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
		fail(failure_fd, PROCESS_STEP_LISTENER, errno, "thread");
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		plan->seccomp_flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, program);
	if (fd < 0) {
		int why = errno;

		sender.listener_fd = -2;
		fail(failure_fd, PROCESS_STEP_SECCOMP, why, NULL);
	}
	sender.listener_fd = fd;
	while (sender.result == -1)
		; /* any call of ours might wait for who has not got the listener yet */
	if (sender.result)
		fail(failure_fd, PROCESS_STEP_LISTENER, sender.result, "send");
}

static void load_seccomp(const struct process_plan *plan, int failure_fd)
{
	struct sock_fprog program = {
		.len = (unsigned short)plan->seccomp_count,
		.filter = (struct sock_filter *)(uintptr_t)at(plan, plan->seccomp),
	};

	if (plan->flags & PROCESS_SECCOMP_NOTIFY)
		load_notifying(plan, &program, failure_fd);
	else if (plan->seccomp_count &&
		 syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, plan->seccomp_flags, &program) < 0)
		fail(failure_fd, PROCESS_STEP_SECCOMP, errno, NULL);
}

/* In a namespace of a single id: from here on ids are what is answered. */
static void become_answered(
	const struct process_user *user, const uint32_t *groups, size_t group_count, int failure_fd)
{
	if (single_id_install(failure_fd) < 0)
		fail(failure_fd, PROCESS_STEP_SECCOMP, errno, "system calls with answers");
	for (size_t i = 0; i < group_count; i++)
		if (syscall(SYS_setgroups, SINGLE_ID_ADD_GROUP, NULL, groups[i]) < 0)
			fail(failure_fd, PROCESS_STEP_GROUPS, errno, NULL);
	if ((user->gid && syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0) ||
		(user->uid && syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0))
		fail(failure_fd, PROCESS_STEP_IDS, errno, NULL);
}

/* -------- priorities -------- */

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

static void set_memory_policy(const struct process_plan *plan, int failure_fd)
{
	if ((plan->flags & PROCESS_MEMORY_POLICY) &&
		syscall(SYS_set_mempolicy, plan->memory_mode,
			plan->memory_node_words ? at(plan, plan->memory_nodes) : NULL,
			(unsigned long)plan->memory_node_words * 64) < 0)
		fail(failure_fd, PROCESS_STEP_MEMORY_POLICY, errno, NULL);
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

/* The environment's value of NAME (with its '='), or NULL. */
static const char *environment_get(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, len) == 0)
			return *env + len;
	return NULL;
}

/* The home directory that the container's passwd has for UID, nothing else. */
static void home_of_number(int root_fd, uint32_t uid, struct process_user *user)
{
	char text[16], *p = text + sizeof(text) - 1;
	struct process_user found;

	*p = '\0';
	do
		*--p = (char)('0' + uid % 10);
	while (uid /= 10);
	strcpy(user->home, process_user_look_up(root_fd, p, &found) == 0 ? found.home : "/");
}

/* sd_listen_fds(3): who is given sockets compares this with its number, which nobody knew before.
 */
static void set_listen_pid(char **env, int first_fd_to_close, char *buffer)
{
	static const char name[] = "LISTEN_PID=";
	char digits[16];
	int pid = (int)getpid(), count = 0;

	if (first_fd_to_close <= 3)
		return;
	for (; *env; env++) {
		if (strncmp(*env, name, sizeof(name) - 1) != 0)
			continue;
		do
			digits[count++] = (char)('0' + pid % 10);
		while (pid /= 10);
		strcpy(buffer, name);
		for (size_t at = sizeof(name) - 1; count; at++) {
			buffer[at] = digits[--count];
			buffer[at + 1] = '\0';
		}
		*env = buffer;
		return;
	}
}

__attribute__((noreturn)) void process_exec(
	const struct process_plan *plan, int first_fd_to_close, int failure_fd)
{
	const uint64_t admin = UINT64_C(1) << CAP_SYS_ADMIN;
	uint64_t effective = plan->capabilities[CAPABILITY_EFFECTIVE];
	uint64_t permitted = plan->capabilities[CAPABILITY_PERMITTED];
	uint64_t inheritable = plan->capabilities[CAPABILITY_INHERITABLE];
	uint64_t ambient = plan->capabilities[CAPABILITY_AMBIENT];
	bool no_new_privs = plan->flags & PROCESS_NO_NEW_PRIVILEGES;
	bool single_id = plan->flags & PROCESS_SINGLE_ID;
	const char *cwd = at(plan, plan->cwd);
	uint32_t groups[2 * PROCESS_GROUPS_MAX + 256];
	char home[PROCESS_HOME_MAX + 8], command[PATH_MAX], listen_pid[32];
	size_t group_count = 0, first_optional;
	struct process_user user;
	sigset_t none;
	size_t pointers = (size_t)plan->arg_count + plan->env_count + 3;
	char *few[256], **argv = few, **env;
	bool cwd_entered;
	int why, root_fd;

	if (pointers > sizeof(few) / sizeof(*few)) {
		argv = mmap(NULL, pointers * sizeof(*argv), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (argv == MAP_FAILED)
			fail(failure_fd, PROCESS_STEP_PLAN, errno, "arguments");
	}
	env = argv + plan->arg_count + 1;
	for (uint32_t i = 0; i < plan->arg_count; i++)
		argv[i] = (char *)(uintptr_t)string_at(plan, plan->args, i);
	argv[plan->arg_count] = NULL;
	for (uint32_t i = 0; i < plan->env_count; i++)
		env[i] = (char *)(uintptr_t)string_at(plan, plan->env, i);
	env[plan->env_count] = env[plan->env_count + 1] = NULL;
	set_listen_pid(env, first_fd_to_close, listen_pid);

	set_rlimits(plan, failure_fd);
	set_memory_policy(plan, failure_fd);

	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		fail(failure_fd, PROCESS_STEP_USER, errno, "/");
	if (plan->user) {
		why = process_user_look_up(root_fd, at(plan, plan->user), &user);
		if (why)
			fail(failure_fd, PROCESS_STEP_USER, why, at(plan, plan->user));
	} else {
		user.uid = plan->uid;
		user.gid = plan->gid;
		user.group_count = 0;
		if (environment_get(env, "HOME="))
			strcpy(user.home, "/");
		else
			home_of_number(root_fd, plan->uid, &user);
	}
	memcpy(groups, at(plan, plan->groups), plan->group_count * sizeof(*groups));
	group_count = plan->group_count;
	for (uint32_t i = 0; i < plan->group_name_count; i++) {
		const char *name = string_at(plan, plan->group_names, i);

		why = process_group_look_up(root_fd, name, &groups[group_count++]);
		if (why)
			fail(failure_fd, PROCESS_STEP_GROUPS, why, name);
	}
	first_optional = group_count;
	memcpy(groups + group_count, user.groups, user.group_count * sizeof(*groups));
	group_count += user.group_count;
	if (!environment_get(env, "HOME=")) {
		strcpy(home, "HOME=");
		strcat(home, user.home);
		env[plan->env_count] = home;
	}
	if (user.uid != 0 && !(plan->flags & PROCESS_CAPS_FOR_USER))
		effective = permitted = inheritable = ambient = 0;

	if (plan->flags & PROCESS_CAPS_HELD) {
		uint64_t held = held_capabilities();

		permitted &= held;
		effective &= permitted;
		inheritable &= held & plan->capabilities[CAPABILITY_BOUNDING];
		ambient &= permitted & inheritable;
	}

	/* The kernel raises no other, and `runc spec` writes a configuration that asks for it: the
	 * other runtimes leave them out. */
	ambient &= permitted & inheritable;
	if (plan->flags & PROCESS_CREATE_CWD)
		make_cwd(cwd);
	(void)umask((mode_t)(plan->umask & 0777));
	(void)close(root_fd);
	/* Away from the session keyring of the user's login, whose keys possession alone would
	 * open. The number of keyrings is limited; without one of its own the process is as it was
	 * before. */
	if (!(plan->flags & PROCESS_KEEP_KEYRING))
		(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	/* Already a session leader is fine. */
	(void)setsid();
	if (plan->flags & PROCESS_TERMINAL) {
		if (ioctl(0, TIOCSCTTY, 0) < 0)
			fail(failure_fd, PROCESS_STEP_TERMINAL, errno, "controlling terminal");
		if (plan->console_height || plan->console_width) {
			struct winsize size = {
				.ws_row = plan->console_height,
				.ws_col = plan->console_width,
			};

			(void)ioctl(0, TIOCSWINSZ, &size); /* the client sends its size again */
		}
	}
	own_stdio(user.uid, plan->flags & PROCESS_TERMINAL);
	set_labels(plan, failure_fd);

	/* Really closed, not only at the exec: nothing is left that /proc/self/fd could lead to. */
	if ((failure_fd > first_fd_to_close &&
		    syscall(SYS_close_range, first_fd_to_close, failure_fd - 1, 0) < 0) ||
		syscall(SYS_close_range,
			failure_fd >= first_fd_to_close ? failure_fd + 1 : first_fd_to_close, ~0U,
			0) < 0)
		fail(failure_fd, PROCESS_STEP_CWD, errno, "close descriptors");
	/* As root first: other runtimes let a process start where its user could not go by itself.
	 */
	cwd_entered = chdir(cwd) == 0;

	/* Identity. KEEPCAPS: CAP_SYS_ADMIN is wanted once more, for the filter. */
	if (!single_id && set_groups(groups, group_count, first_optional) < 0)
		fail(failure_fd, PROCESS_STEP_GROUPS, errno, NULL);
	if (drop_bounding(plan->capabilities[CAPABILITY_BOUNDING]) < 0)
		fail(failure_fd, PROCESS_STEP_CAPABILITIES, errno, "bounding set");
	/* Really it stays root, to whom execve would give everything back. */
	if (single_id && user.uid && prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0) < 0)
		fail(failure_fd, PROCESS_STEP_CAPABILITIES, errno, "securebits");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
		(!single_id && (syscall(SYS_setresgid, user.gid, user.gid, user.gid) < 0 ||
				       syscall(SYS_setresuid, user.uid, user.uid, user.uid) < 0)))
		fail(failure_fd, PROCESS_STEP_IDS, errno, NULL);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* until execve: the id change set the default */
	(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	/* From here look-ups are the user's: rights over files are those it will have. */
	if (set_capabilities(effective, permitted | (no_new_privs ? 0 : admin), inheritable) < 0)
		fail(failure_fd, PROCESS_STEP_CAPABILITIES, errno, NULL);

	if (plan->flags & PROCESS_PDEATHSIG) {
		struct pollfd peer = {.fd = failure_fd};

		/* After the last id change, which clears it; the parent may have died before: then
		 * nobody holds the other end any more. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (poll(&peer, 1, 0) > 0 && peer.revents & (POLLHUP | POLLERR | POLLNVAL))
			_exit(127);
	}

	if (!cwd_entered && chdir(cwd) < 0)
		fail(failure_fd, PROCESS_STEP_CWD, errno, cwd);
	check_cwd(cwd, failure_fd);
	find_command(argv[0], environment_get(env, "PATH=") ?: DEFAULT_PATH, command, failure_fd);

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL); /* KILL, STOP and the library's own refuse: fine */

	if ((plan->flags & PROCESS_PERSONALITY) && syscall(SYS_personality, plan->personality) < 0)
		fail(failure_fd, PROCESS_STEP_PERSONALITY, errno, NULL);
	if (no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail(failure_fd, PROCESS_STEP_SECCOMP, errno, "no_new_privs");
	if (plan->seccomp_count || single_id) {
		if (!no_new_privs &&
			set_capabilities(effective | admin, permitted | admin, inheritable) < 0)
			fail(failure_fd, PROCESS_STEP_CAPABILITIES, errno, NULL);
		load_seccomp(plan, failure_fd);
	}
	if (single_id)
		become_answered(&user, groups, group_count, failure_fd);
	/* Only capset, prctl and execve are left for the filter to judge. */
	if (set_capabilities(effective, permitted, inheritable) < 0)
		fail(failure_fd, PROCESS_STEP_CAPABILITIES, errno, NULL);
	for (unsigned long cap = 0; cap < 64 && ambient; cap++)
		if (ambient & (UINT64_C(1) << cap) &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			fail(failure_fd, PROCESS_STEP_CAPABILITIES, errno, "ambient set");

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(command, argv, env);
	why = errno;
	/* ENOENT of a file that is there means its interpreter or loader. */
	if (why == ENOENT && access(command, F_OK) == 0)
		fail(failure_fd, PROCESS_STEP_EXEC_INTERPRETER, why, argv[0]);
	fail(failure_fd, PROCESS_STEP_EXEC, why, argv[0]);
}
