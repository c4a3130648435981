#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
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
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "runtime/process.h"
#include "runtime/process_user.h"
#include "runtime/single_id.h"
#include "runtime/spec.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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

bool process_plan_check(const void *block, size_t len)
{
	struct process_plan plan;
	const char *bytes = block;

	if (len < sizeof(plan) || len > PROCESS_PLAN_MAX)
		return false;
	memcpy(&plan, block, sizeof(plan));
	return plan.magic == PROCESS_PLAN_MAGIC && plan.version == 1 && plan.size == len &&
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

static void set_label(const char *label, int failure_fd)
{
	int fd = open("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC);
	size_t len = strlen(label);

	if (fd < 0 || write(fd, label, len) != (ssize_t)len)
		fail(failure_fd, PROCESS_STEP_LABEL, errno, label);
	(void)close(fd);
}

static void load_seccomp(const struct process_plan *plan, int failure_fd)
{
	struct sock_fprog program = {
		.len = (unsigned short)plan->seccomp_count,
		.filter = (struct sock_filter *)(uintptr_t)at(plan, plan->seccomp),
	};

	if (plan->seccomp_count && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
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
	char home[PROCESS_HOME_MAX + 8], command[PATH_MAX];
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

	set_rlimits(plan, failure_fd);

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
		strcpy(user.home, "/");
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

		effective &= held;
		permitted &= held;
		inheritable &= held;
		ambient &= held;
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
	if (plan->apparmor)
		set_label(at(plan, plan->apparmor), failure_fd);
	if (plan->selinux)
		set_label(at(plan, plan->selinux), failure_fd);

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
