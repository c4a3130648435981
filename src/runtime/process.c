#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/process_stage.h"
#include "util/signals.h"

__attribute__((noreturn)) void process_fail(
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

/* WORKDIR /proc/self/fd/N must never lead out of the root (CVE-2024-21626): a directory outside has
 * no name here, which getcwd tells by an unreachable path or an error. */
static void check_cwd(const char *path, int failure_fd)
{
	char buf[PATH_MAX];
	long n = syscall(SYS_getcwd, buf, sizeof(buf));

	if ((n < 0 && errno != ENAMETOOLONG && errno != ERANGE) || (n > 0 && buf[0] != '/'))
		process_fail(failure_fd, PROCESS_STEP_CWD, n < 0 ? errno : EXDEV, path);
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

/* The environment's value of NAME (with its '='), or NULL. */
static const char *environment_get(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, len) == 0)
			return *env + len;
	return NULL;
}

/* NUMBER in front of END; where it begins. */
static char *put_digits(char *end, uint32_t number)
{
	do
		*--end = (char)('0' + number % 10);
	while (number /= 10);
	return end;
}

/* The home directory that the container's passwd has for UID, nothing else. */
static void home_of_number(int root_fd, uint32_t uid, struct process_user *user)
{
	char text[16], *p = text + sizeof(text) - 1;
	struct process_user found;

	*p = '\0';
	p = put_digits(p, uid);
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

/* What the steps below hand on to each other; on process_exec()'s stack. */
struct stage {
	const struct process_plan *plan;
	int failure_fd;
	bool single_id, no_new_privs;
	struct process_user user;
	uint32_t groups[2 * PROCESS_GROUPS_MAX + 1 + 256];
	size_t group_count, first_optional; /* from there on the user's own, and of /etc/group */
	uint64_t effective, permitted, inheritable, ambient;
	char **argv, **env;
	char *few[256]; /* room for both, where they are few */
	char home[PROCESS_HOME_MAX + 8], listen_pid[32], command[PATH_MAX];
};

static void make_strings(struct stage *stage, int first_fd_to_close)
{
	const struct process_plan *plan = stage->plan;
	size_t pointers = (size_t)plan->arg_count + plan->env_count + 3;

	stage->argv = stage->few;
	if (pointers > sizeof(stage->few) / sizeof(*stage->few)) {
		stage->argv = mmap(NULL, pointers * sizeof(*stage->argv), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (stage->argv == MAP_FAILED)
			process_fail(stage->failure_fd, PROCESS_STEP_PLAN, errno, "arguments");
	}
	stage->env = stage->argv + plan->arg_count + 1;
	for (uint32_t i = 0; i < plan->arg_count; i++)
		stage->argv[i] = (char *)(uintptr_t)plan_string(plan, plan->args, i);
	stage->argv[plan->arg_count] = NULL;
	for (uint32_t i = 0; i < plan->env_count; i++)
		stage->env[i] = (char *)(uintptr_t)plan_string(plan, plan->env, i);
	stage->env[plan->env_count] = stage->env[plan->env_count + 1] = NULL;
	set_listen_pid(stage->env, first_fd_to_close, stage->listen_pid);
}

/* User, groups and HOME by the container's own files. */
static void look_up_user(struct stage *stage)
{
	const struct process_plan *plan = stage->plan;
	struct process_user *user = &stage->user;
	bool has_home = environment_get(stage->env, "HOME=");
	int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), why;

	if (root_fd < 0)
		process_fail(stage->failure_fd, PROCESS_STEP_USER, errno, "/");
	if (plan->user) {
		why = process_user_look_up(root_fd, plan_at(plan, plan->user), user);
		if (why)
			process_fail(stage->failure_fd, PROCESS_STEP_USER, why,
				plan_at(plan, plan->user));
	} else {
		user->uid = plan->uid;
		user->gid = plan->gid;
		user->group_count = 0;
		if (has_home)
			strcpy(user->home, "/");
		else
			home_of_number(root_fd, plan->uid, user);
	}
	memcpy(stage->groups, plan_at(plan, plan->groups),
		plan->group_count * sizeof(*stage->groups));
	stage->group_count = plan->group_count;
	for (uint32_t i = 0; i < plan->group_name_count; i++) {
		const char *name = plan_string(plan, plan->group_names, i);

		why = process_group_look_up(root_fd, name, &stage->groups[stage->group_count++]);
		if (why)
			process_fail(stage->failure_fd, PROCESS_STEP_GROUPS, why, name);
	}
	(void)close(root_fd);
	stage->first_optional = stage->group_count;
	/* Else a set-group-id program is all it takes to come past the permissions that this group
	 * has not (CVE-2022-36109). A configuration's numbers are taken as they are. */
	if (plan->user && plan_at(plan, plan->user)[0])
		stage->groups[stage->group_count++] = user->gid;
	memcpy(stage->groups + stage->group_count, user->groups,
		user->group_count * sizeof(*stage->groups));
	stage->group_count += user->group_count;
	if (!has_home) {
		strcpy(stage->home, "HOME=");
		strcat(stage->home, user->home);
		stage->env[plan->env_count] = stage->home;
	}
}

static void choose_capabilities(struct stage *stage)
{
	const struct process_plan *plan = stage->plan;

	if (stage->user.uid == 0 || (plan->flags & PROCESS_CAPS_FOR_USER)) {
		stage->effective = plan->capabilities[CAPABILITY_EFFECTIVE];
		stage->permitted = plan->capabilities[CAPABILITY_PERMITTED];
		stage->inheritable = plan->capabilities[CAPABILITY_INHERITABLE];
		stage->ambient = plan->capabilities[CAPABILITY_AMBIENT];
	}
	if (plan->flags & PROCESS_CAPS_HELD) {
		uint64_t held = process_held_capabilities();

		stage->permitted &= held;
		stage->effective &= stage->permitted;
		stage->inheritable &= held & plan->capabilities[CAPABILITY_BOUNDING];
	}
	/* The kernel raises no other, and `runc spec` writes a configuration that asks for it: the
	 * other runtimes leave them out. */
	stage->ambient &= stage->permitted & stage->inheritable;
}

static void start_session(const struct stage *stage)
{
	const struct process_plan *plan = stage->plan;

	/* Away from the session keyring of the user's login, whose keys possession alone would
	 * open. The number of keyrings is limited; without one of its own the process is as it was
	 * before. */
	if (!(plan->flags & PROCESS_KEEP_KEYRING))
		(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	/* Already a session leader is fine. */
	(void)setsid();
	if (plan->flags & PROCESS_TERMINAL) {
		if (ioctl(0, TIOCSCTTY, 0) < 0)
			process_fail(stage->failure_fd, PROCESS_STEP_TERMINAL, errno,
				"controlling terminal");
		if (plan->console_height || plan->console_width) {
			struct winsize size = {
				.ws_row = plan->console_height,
				.ws_col = plan->console_width,
			};

			(void)ioctl(0, TIOCSWINSZ, &size); /* the client sends its size again */
		}
	}
	own_stdio(stage->user.uid, plan->flags & PROCESS_TERMINAL);
}

/* Really closed, not only at the exec: nothing is left that /proc/self/fd could lead to. */
static void close_descriptors(int first, int failure_fd)
{
	if ((failure_fd > first && syscall(SYS_close_range, first, failure_fd - 1, 0) < 0) ||
		syscall(SYS_close_range, failure_fd >= first ? failure_fd + 1 : first, ~0U, 0) < 0)
		process_fail(failure_fd, PROCESS_STEP_CWD, errno, "close descriptors");
}

/* Groups, bounding set, ids, capabilities but for KEEP, which is wanted once more. */
static void become_user(struct stage *stage, uint64_t keep)
{
	const struct process_user *user = &stage->user;
	int failure_fd = stage->failure_fd;

	if (!stage->single_id &&
		process_set_groups(stage->groups, stage->group_count, stage->first_optional) < 0)
		process_fail(failure_fd, PROCESS_STEP_GROUPS, errno, NULL);
	if (process_drop_bounding(stage->plan->capabilities[CAPABILITY_BOUNDING]) < 0)
		process_fail(failure_fd, PROCESS_STEP_CAPABILITIES, errno, "bounding set");
	/* Really it stays root, to whom execve would give everything back. */
	if (stage->single_id && user->uid && prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0) < 0)
		process_fail(failure_fd, PROCESS_STEP_CAPABILITIES, errno, "securebits");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
		(!stage->single_id &&
			(syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0 ||
				syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0))) {
		char ids[24], *p = ids + sizeof(ids) - 1;
		int why = errno;

		*p = '\0';
		p = put_digits(p, user->gid);
		*--p = ':';
		process_fail(failure_fd, PROCESS_STEP_IDS, why, put_digits(p, user->uid));
	}
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* until execve: the id change set the default */
	(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	/* From here look-ups are the user's: rights over files are those it will have. */
	if (process_set_capabilities(
		    stage->effective, stage->permitted | keep, stage->inheritable) < 0)
		process_fail(failure_fd, PROCESS_STEP_CAPABILITIES, errno, NULL);
}

/* After the last id change, which clears it; the parent may have died before: then nobody holds the
 * other end any more. */
static void die_with_parent(int failure_fd)
{
	struct pollfd peer = {.fd = failure_fd};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (poll(&peer, 1, 0) > 0 && peer.revents & (POLLHUP | POLLERR | POLLNVAL))
		_exit(127);
}

/* no_new_privs, or KEEP for once, and the filters. */
static void restrict_calls(const struct stage *stage, uint64_t keep)
{
	if (stage->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		process_fail(stage->failure_fd, PROCESS_STEP_SECCOMP, errno, "no_new_privs");
	if (stage->plan->seccomp_count || stage->single_id) {
		if (keep && process_set_capabilities(stage->effective | keep,
				    stage->permitted | keep, stage->inheritable) < 0)
			process_fail(stage->failure_fd, PROCESS_STEP_CAPABILITIES, errno, NULL);
		process_load_seccomp(stage->plan, stage->failure_fd);
	}
	if (stage->single_id)
		process_become_answered(
			&stage->user, stage->groups, stage->group_count, stage->failure_fd);
}

/* Only capset, prctl and execve are left for the filter to judge. */
static void take_capabilities(const struct stage *stage)
{
	if (process_set_capabilities(stage->effective, stage->permitted, stage->inheritable) < 0)
		process_fail(stage->failure_fd, PROCESS_STEP_CAPABILITIES, errno, NULL);
	for (unsigned long cap = 0; cap < 64 && stage->ambient; cap++)
		if (stage->ambient & (UINT64_C(1) << cap) &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			process_fail(
				stage->failure_fd, PROCESS_STEP_CAPABILITIES, errno, "ambient set");
}

__attribute__((noreturn)) void process_exec(
	const struct process_plan *plan, int first_fd_to_close, int failure_fd)
{
	struct stage stage;
	const char *cwd = plan_at(plan, plan->cwd);
	bool cwd_entered;
	uint64_t keep;
	sigset_t none;

	stage.plan = plan;
	stage.failure_fd = failure_fd;
	stage.single_id = plan->flags & PROCESS_SINGLE_ID;
	stage.no_new_privs = plan->flags & PROCESS_NO_NEW_PRIVILEGES;
	stage.effective = stage.permitted = stage.inheritable = stage.ambient = 0;
	keep = stage.no_new_privs ? 0 : UINT64_C(1) << CAP_SYS_ADMIN; /* for the filter */

	make_strings(&stage, first_fd_to_close);
	process_set_memory_policy(plan, failure_fd);
	look_up_user(&stage);
	choose_capabilities(&stage);
	if (plan->flags & PROCESS_CREATE_CWD)
		make_cwd(cwd);
	(void)umask((mode_t)(plan->umask & 0777));
	start_session(&stage);
	process_set_labels(plan, failure_fd);
	close_descriptors(first_fd_to_close, failure_fd);
	/* As root first: other runtimes let a process start where its user could not go by itself.
	 */
	cwd_entered = chdir(cwd) == 0;
	/* While raising one is allowed, and when hardly a descriptor is opened any more. */
	process_set_rlimits(plan, failure_fd);
	become_user(&stage, keep);
	if (plan->flags & PROCESS_PDEATHSIG)
		die_with_parent(failure_fd);
	if (!cwd_entered && chdir(cwd) < 0)
		process_fail(failure_fd, PROCESS_STEP_CWD, errno, cwd);
	check_cwd(cwd, failure_fd);
	process_find_command(stage.argv[0],
		environment_get(stage.env, "PATH=") ?: PROCESS_DEFAULT_PATH, stage.command,
		failure_fd);
	signals_reset();
	if ((plan->flags & PROCESS_PERSONALITY) && syscall(SYS_personality, plan->personality) < 0)
		process_fail(failure_fd, PROCESS_STEP_PERSONALITY, errno, NULL);
	restrict_calls(&stage, keep);
	take_capabilities(&stage);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	process_execute(stage.command, stage.argv, stage.env, failure_fd);
}
