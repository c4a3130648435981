#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/console.h"
#include "oci/container.h"
#include "oci/exec.h"
#include "oci/group.h"
#include "oci/wait.h"
#include "runtime/capability.h"
#include "runtime/exec.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define PROCESS_MAX (8u << 20) /* bytes of a process object */
#define GIDS_MAX    256

static void replace(char **string, const char *by)
{
	free(*string);
	*string = xstrdup(by);
}

/* Set NAME=value, which the list may have already. */
static void set_variable(char ***env, const char *assignment)
{
	size_t len = strcspn(assignment, "=");

	for (char **p = *env; p && *p; p++)
		if (strncmp(*p, assignment, len) == 0 && (*p)[len] == '=') {
			replace(p, assignment);
			return;
		}
	strv_append(env, assignment);
}

/* "uid", "uid:gid", or with names, which are looked up in the container. */
static int set_user(struct runtime_process *process, const char *user, struct error **err)
{
	const char *colon = strchr(user, ':');
	cleanup_free char *uid_text = xstrndup(user, colon ? (size_t)(colon - user) : strlen(user));
	uint64_t uid, gid = process->gid;

	free(process->user);
	process->user = NULL;
	if (!*uid_text || (colon && !colon[1]))
		return error_set(err, ERR_USAGE, "--user '%s': must be UID or UID:GID", user);
	if (str_to_uint64(uid_text, UINT32_MAX - 1, &uid) < 0 ||
		(colon && str_to_uint64(colon + 1, UINT32_MAX - 1, &gid) < 0)) {
		process->user = xstrdup(user);
		return 0;
	}
	process->uid = (uint32_t)uid;
	process->gid = (uint32_t)gid;
	return 0;
}

static int add_capabilities(struct runtime_process *process, char *const *names, struct error **err)
{
	for (; names && *names; names++) {
		int number = capability_parse(*names);

		if (number < 0)
			return error_set(err, ERR_USAGE, "--cap '%s': no such capability", *names);
		for (int set = 0; set < CAPABILITY_SET_COUNT; set++)
			process->capabilities[set] |= UINT64_C(1) << number;
	}
	return 0;
}

static int add_gids(struct runtime_process *process, char *const *gids, struct error **err)
{
	size_t count = strv_length(gids);

	if (count > GIDS_MAX || process->additional_gid_count > GIDS_MAX)
		return error_set(err, ERR_USAGE, "--additional-gids: more than %d", GIDS_MAX);
	process->additional_gids = xreallocarray(process->additional_gids,
		process->additional_gid_count + count + 1, sizeof(*process->additional_gids));
	for (; gids && *gids; gids++) {
		uint64_t gid;

		if (str_to_uint64(*gids, UINT32_MAX - 1, &gid) < 0)
			return error_set(
				err, ERR_USAGE, "--additional-gids '%s': not a gid", *gids);
		process->additional_gids[process->additional_gid_count++] = (uint32_t)gid;
	}
	return 0;
}

/* The container's own process, as the command line changes it. */
static int change_process(
	struct runtime_process *process, const struct oci_exec_options *opts, struct error **err)
{
	strv_free(process->args);
	process->args = strv_copy(opts->args);
	for (char *const *assignment = opts->env; assignment && *assignment; assignment++) {
		if (!strchr(*assignment, '=') || **assignment == '=')
			return error_set(
				err, ERR_USAGE, "--env '%s': must be NAME=VALUE", *assignment);
		set_variable(&process->env, *assignment);
	}
	if (opts->cwd)
		replace(&process->cwd, opts->cwd);
	if (opts->user && set_user(process, opts->user, err) < 0)
		return -1;
	if (opts->apparmor)
		replace(&process->apparmor_profile, opts->apparmor);
	if (opts->process_label)
		replace(&process->selinux_label, opts->process_label);
	if (opts->no_new_privs)
		process->no_new_privileges = true;
	process->terminal = opts->terminal;
	process->console_height = process->console_width = 0;
	if (add_capabilities(process, opts->capabilities, err) < 0)
		return -1;
	return add_gids(process, opts->additional_gids, err);
}

/* One of its own, in the same container. */
static int read_process(const char *path, struct runtime_spec *spec, struct error **err)
{
	struct runtime_process process;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	size_t len;

	if (fd < 0)
		return error_errno(err, errno, "open process file '%s'", path);
	if (read_fd_limited(fd, PROCESS_MAX, &text, &len, err) < 0)
		return error_wrap(err, "process file '%s'", path);
	runtime_process_init(&process);
	if (runtime_process_read(text, len, &process, err) < 0) {
		runtime_process_clear(&process);
		return error_wrap(err, "process file '%s'", path);
	}
	runtime_process_inherit(&process, spec);
	runtime_process_clear(&spec->process);
	spec->process = process;
	return 0;
}

/* The container's group: none, or gone because the container has just ended, which is told below.
 */
static int open_group(
	const struct oci_container *container, struct cgroup *group, struct error **err)
{
	cleanup_error struct error *why = NULL;
	const char *path = container->record.cgroup;

	if (path && *path && oci_group_open(&container->record, group, &why) < 0 &&
		why->kind != ERR_NOT_FOUND)
		return error_move(err, &why);
	return 0;
}

/* A group below it that must be there. */
static int open_below(const struct oci_container *container, const char *below,
	struct cgroup *group, struct error **err)
{
	cleanup_free char *full = NULL, *clean = NULL;
	const char *path = container->record.cgroup;

	if (!path || !*path)
		return error_set(err, ERR_UNSUPPORTED,
			"--cgroup '%s': the container has no control group of its own", below);
	if (path_has_dotdot(below))
		return error_set(err, ERR_USAGE, "--cgroup '%s' contains '..'", below);
	full = path_join(path, below);
	clean = path_clean(full);
	return cgroup_open(clean, group, err);
}

/* Those of its namespaces that are not ours. */
static uint32_t namespaces_to_join(const struct oci_container *container)
{
	uint32_t namespaces = container->record.namespaces;
	cleanup_free char *path = xasprintf("/proc/%d/ns/user", (int)container->record.pid);
	struct stat theirs, ours;

	/* The user namespace that we are in cannot be joined once more. */
	if (stat(path, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0) {
		if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
			namespaces &= ~(1u << NAMESPACE_USER);
		else
			namespaces |= 1u << NAMESPACE_USER;
	}
	return namespaces;
}

/* One that was created and not started yet, in a user namespace of its own, gives its namespaces to
 * who asks: the kernel lets an ordinary user not join it by its pidfd. */
static int ask_init(const struct oci_container *container, struct runtime_exec_options *exec,
	int *namespace_fds, struct error **err)
{
	cleanup_error struct error *why = NULL;

	if (!(exec->namespaces & 1u << NAMESPACE_USER) ||
		faccessat(container->dir_fd, "start", F_OK, AT_SYMLINK_NOFOLLOW) < 0 ||
		oci_group_is_frozen(&container->record)) /* answers nobody */
		return 0;
	if (runtime_exec_ask(container->dir_fd, "start", namespace_fds, &why) < 0)
		/* Started meanwhile. */
		return why->kind == ERR_CONFLICT ? 0 : error_move(err, &why);
	exec->namespace_fds = namespace_fds;
	return 0;
}

static int check_terminal(const struct oci_exec_options *opts, bool terminal, struct error **err)
{
	if (opts->console_socket && !terminal)
		return error_set(err, ERR_USAGE,
			"--console-socket is given, but the process has no terminal");
	if (!opts->console_socket && terminal && opts->detach)
		return error_set(err, ERR_USAGE,
			"a detached process with a terminal needs --console-socket to hand it to");
	return 0;
}

static int check_status(const struct oci_container *container, int pidfd,
	const struct cgroup *group, bool ignore_paused, struct error **err)
{
	if (pidfd < 0)
		return error_set(err, ERR_CONFLICT, "container '%s': container not running",
			container->record.id);
	if (!ignore_paused && group->fd >= 0 && cgroup_is_frozen(group))
		return error_set(err, ERR_CONFLICT,
			"container '%s' is paused; resume it, or use --ignore-paused",
			container->record.id);
	return 0;
}

static int exec_and_wait(
	const struct oci_exec_options *opts, struct runtime_instance *instance, struct error **err)
{
	sigset_t signals, old;
	int result = -1;

	if (!opts->detach)
		oci_hold_signals(&signals, &old);
	if (runtime_ready(instance, err) == 0) {
		pid_t pid = instance->pid;

		if ((!opts->console_socket || oci_console_send(opts->console_socket,
						      instance->terminal_fd, err) == 0) &&
			oci_pid_file_write(opts->pid_file, pid, err) == 0 &&
			runtime_start(instance, err) == 0)
			result = 0;
	}
	if (result == 0 && opts->detach)
		instance->pid = 0; /* not ours any more */
	close_keep_errno(opts->late_fd);
	if (result == 0 && !opts->detach)
		result = oci_wait(instance, !opts->console_socket, &signals, err);
	runtime_instance_destroy(instance);
	if (!opts->detach)
		(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return result;
}

int oci_exec(const struct oci_root *root, const struct oci_exec_options *opts, struct error **err)
{
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	cleanup_runtime_spec struct runtime_spec *spec = NULL;
	cleanup_cgroup struct cgroup group = CGROUP_INIT, below = CGROUP_INIT;
	const struct cgroup *entered = opts->cgroup ? &below : &group;
	struct runtime_exec_options exec = {
		.stdin_fd = STDIN_FILENO,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
		.preserve_fds = opts->preserve_fds,
	};
	int namespace_fds[NAMESPACE_COUNT];
	struct runtime_instance instance;
	cleanup_close int pidfd = -1;
	int result;

	if (oci_container_open(root, opts->id, &container, err) < 0)
		return -1;
	pidfd = oci_container_pidfd(&container);
	if (open_group(&container, &group, err) < 0 ||
		check_status(&container, pidfd, &group, opts->ignore_paused, err) < 0)
		return -1;
	spec = oci_config_read(container.dir_fd, "config.json", NULL, NULL, err);
	if (!spec)
		return error_wrap(err, "container '%s'", opts->id);
	if (opts->process_file ? read_process(opts->process_file, spec, err) < 0
			       : change_process(&spec->process, opts, err) < 0)
		return -1;
	spec->process.terminal |= opts->terminal;
	if (check_terminal(opts, spec->process.terminal, err) < 0 ||
		(opts->cgroup && open_below(&container, opts->cgroup, &below, err) < 0) ||
		(entered->fd >= 0 && !oci_is_real_root() && cgroup_reach(entered, err) < 0))
		return -1;
	exec.init_pidfd = pidfd;
	exec.namespaces = namespaces_to_join(&container);
	if (ask_init(&container, &exec, namespace_fds, err) < 0)
		return error_wrap(err, "container '%s'", opts->id);
	exec.cgroup_fd = entered->fd;
	result = runtime_exec(&spec->process, spec->seccomp, &exec, &instance, err);
	for (int i = 0; exec.namespace_fds && i < NAMESPACE_COUNT; i++)
		close_keep_errno(namespace_fds[i]);
	if (result < 0)
		return error_wrap(err, "container '%s'", opts->id);
	instance.id = opts->id;
	instance.bundle = container.record.bundle;
	instance.annotations = container.record.annotations;
	instance.init_pid = container.record.pid;
	return exec_and_wait(opts, &instance, err);
}
