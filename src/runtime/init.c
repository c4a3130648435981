#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/hooks.h"
#include "runtime/init.h"
#include "runtime/mount.h"
#include "runtime/namespaces.h"
#include "runtime/rootfs.h"
#include "runtime/sync.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"

void init_note(struct init_context *context, const char *fmt, ...)
{
	struct sync_message message = {.step = SYNC_NOTE};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message.text, sizeof(message.text), fmt, ap);
	va_end(ap);
	(void)sync_send(context->sync_fd, &message, NULL, 0); /* the next step will fail as well */
}

__attribute__((noreturn)) void init_fail(struct init_context *context, struct error *err)
{
	struct sync_message message = {
		.step = SYNC_ERROR,
		.kind = (int32_t)err->kind,
		.errnum = err->errnum,
	};

	strncpy(message.text, error_text(err), sizeof(message.text) - 1);
	(void)sync_send(context->sync_fd, &message, NULL, 0); /* nobody left to tell */
	_exit(127);
}

/* The group that we were born into becomes the root of what the container sees of the hierarchy. */
static int enter_cgroup_namespace(struct init_context *context, struct error **err)
{
	if (context->opts->cgroup_fd >= 0 &&
		context->spec->namespaces[NAMESPACE_CGROUP].mode == NAMESPACE_NEW &&
		unshare(CLONE_NEWCGROUP) < 0)
		return error_errno(err, errno, "make the container's cgroup namespace");
	return 0;
}

/* Our own /proc/self/ns/ entries, opened by us: once the ids have changed nobody outside may. */
static int send_namespaces(
	const struct init_context *context, int dir_fd, int sync_fd, struct error **err)
{
	struct sync_message message = {.step = SYNC_NAMESPACES};
	int fds[NAMESPACE_COUNT], result;
	size_t count = 0;

	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		bool own = context->spec->namespaces[i].mode != NAMESPACE_INHERIT;

		if (i == NAMESPACE_USER)
			own = context->opts->userns_fd >= 0;
		if (!own)
			continue;
		fds[count] = openat(dir_fd, namespace_file(i), O_RDONLY | O_CLOEXEC);
		if (fds[count] < 0)
			return error_errno(err, errno, "open namespace '%s'", namespace_file(i));
		message.namespaces |= 1u << i;
		count++;
	}
	result = sync_send(sync_fd, &message, fds, count);
	for (size_t i = 0; i < count; i++)
		close_keep_errno(fds[i]);
	return result < 0 ? error_errno(err, errno, "send the namespaces") : 0;
}

static int tell_namespaces(struct init_context *context, struct error **err)
{
	cleanup_close int dir_fd = open("/proc/self/ns", O_PATH_DIR);

	if (dir_fd < 0)
		return error_errno(err, errno, "open '/proc/self/ns'");
	if (send_namespaces(context, dir_fd, context->sync_fd, err) < 0)
		return -1;
	if (context->opts->start_fd >= 0)
		context->ns_fd = steal_fd(&dir_fd);
	return 0;
}

static int loopback_up(struct error **err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_errno(err, errno, "bring up the loopback interface");
	return 0;
}

/* Shared with the host on demand: what is mounted below a shared bind mount reaches it. */
static bool is_shared_with_host(const struct init_context *context)
{
	enum rootfs_propagation propagation = context->spec->rootfs_propagation;

	return propagation == PROPAGATION_SHARED || propagation == PROPAGATION_RSHARED;
}

static int separate_mounts(struct init_context *context, struct error **err)
{
	/* Nothing that is mounted here may reach the host; what the host mounts may come in.
	 * Otherwise only the place where our root is mounted must not be the host's. */
	unsigned long flags = is_shared_with_host(context) ? MS_PRIVATE : MS_REC | MS_SLAVE;

	if (mount(NULL, "/", NULL, flags, NULL) == 0)
		return 0;
	/* In a namespace of ours nobody else says no. */
	if (errno == EACCES || errno == EPERM)
		return error_set(err, ERR_UNSUPPORTED,
			"mount namespace: a security module or seccomp filter around pod refuses "
			"mounts (%s); lift it there: --security-opt apparmor=unconfined "
			"--security-opt seccomp=unconfined",
			strerror(errno));
	return error_errno(err, errno, "separate the mounts from the host's");
}

/* The root as an attached mount, context->root_fd. */
static int place_root(struct init_context *context, struct error **err)
{
	const struct mount_options alone = {.rec_propagation = MS_PRIVATE};
	const struct runtime_spec *spec = context->spec;
	cleanup_close int fd = -1, here = -1;

	if (context->opts->root.mount)
		fd = context->opts->root.mount(context->opts->root.data, err);
	else if (!spec->root_path)
		return error_set(err, ERR_INVALID, "root.path is required");
	else if ((fd = mount_clone(AT_FDCWD, spec->root_path, true)) < 0)
		return error_errno(err, errno, "bind root '%s'", spec->root_path);
	if (fd < 0)
		return -1;
	/* A copy of what is shared is shared with it: what is mounted in it would show on the host.
	 */
	if (is_shared_with_host(context) && mount_apply(fd, &alone) < 0)
		return error_errno(err, errno, "separate the container's root from the host's");
	/* On top of our own root directory, which exists on every host; paths of the host are still
	 * resolved below it. */
	here = open("/", O_PATH_DIR);
	if (here < 0)
		return error_errno(err, errno, "open '/'");
	if (mount_attach(fd, here) < 0) {
		/* A directory of a mount, or a mount that may not be moved: a copy of it. */
		int copy = errno == EINVAL ? mount_clone(fd, "", true) : -1;

		if (copy < 0)
			return error_errno(err, errno, "mount the container's root");
		fd_replace(&fd, copy);
		if (mount_attach(fd, here) < 0)
			return error_errno(err, errno, "mount the container's root");
	}
	context->root_fd = steal_fd(&fd);
	return 0;
}

static int switch_root(struct init_context *context, struct error **err)
{
	cleanup_close int host_fd = -1;

	if (is_shared_with_host(context)) {
		host_fd = open("/", O_PATH_DIR);
		if (host_fd < 0)
			return error_errno(err, errno, "open the host's root");
	}
	if (fchdir(context->root_fd) < 0)
		return error_errno(err, errno, "change to the container's root");
	/* It lies on the namespace's "/" already: whoever joins comes to it, too. */
	if (context->opts->no_pivot) {
		if (chroot(".") < 0 || chdir("/") < 0)
			return error_errno(err, errno, "chroot");
		return 0;
	}
	/* The old root ends up on top of ".", and goes. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_errno(err, errno, "pivot_root");
	/* Alone: from what is still shared, unmounting would reach the host. */
	if (is_shared_with_host(context) &&
		(fchdir(host_fd) < 0 || mount(NULL, ".", NULL, MS_REC | MS_SLAVE, NULL) < 0))
		return error_errno(err, errno, "separate the host's root");
	if (umount2(".", MNT_DETACH) < 0)
		return error_errno(err, errno, "unmount the host's root");
	if (chdir("/") < 0)
		return error_errno(err, errno, "change to '/'");
	return 0;
}

static int set_root_propagation(const struct runtime_spec *spec, struct error **err)
{
	static const unsigned long flags[] = {
		[PROPAGATION_PRIVATE] = MS_PRIVATE,
		[PROPAGATION_RPRIVATE] = MS_PRIVATE | MS_REC,
		[PROPAGATION_SLAVE] = MS_SLAVE,
		[PROPAGATION_RSLAVE] = MS_SLAVE | MS_REC,
		[PROPAGATION_SHARED] = MS_SHARED,
		[PROPAGATION_RSHARED] = MS_SHARED | MS_REC,
		[PROPAGATION_UNBINDABLE] = MS_UNBINDABLE,
		[PROPAGATION_RUNBINDABLE] = MS_UNBINDABLE | MS_REC,
	};

	if (spec->rootfs_propagation != PROPAGATION_DEFAULT &&
		mount(NULL, "/", NULL, flags[spec->rootfs_propagation], NULL) < 0)
		return error_errno(err, errno, "set the propagation of the container's root");
	return 0;
}

static int set_names(struct init_context *context, struct error **err)
{
	const struct runtime_spec *spec = context->spec;

	if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0) {
		/* The kernel lets us; podman's and docker's own filters let nobody. */
		if (errno != EPERM || !context->opts->can_share_pids)
			return error_errno(err, errno, "set host name '%s'", spec->hostname);
		init_note(context,
			"the container keeps the host name around it, because a seccomp filter "
			"there refuses sethostname; lift it: --security-opt seccomp=unconfined");
	}
	if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
		return error_errno(err, errno, "set domain name '%s'", spec->domainname);
	return 0;
}

static bool has_hooks(const struct runtime_spec *spec)
{
	return spec->hooks[HOOK_CREATE_CONTAINER].count || spec->hooks[HOOK_START_CONTAINER].count;
}

/* Our pid where the caller's procfs is from, which still is on /proc. */
static pid_t own_host_pid(void)
{
	char text[16];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return (pid_t)strtol(text, NULL, 10);
}

static int run_hooks(
	struct init_context *context, enum hook_point point, const char *status, struct error **err)
{
	const struct runtime_spec *spec = context->spec;
	const struct runtime_state state = {
		.id = context->opts->id,
		.status = status,
		.pid = context->host_pid,
		.bundle = context->opts->bundle,
		.annotations = spec->annotations,
	};
	cleanup_free char *text = NULL;

	if (!spec->hooks[point].count)
		return 0;
	text = runtime_state_text(&state);
	return hooks_run(&spec->hooks[point], point, text, err);
}

/* Hooks of the create operation: the caller's first. */
static int run_create_hooks(struct init_context *context, struct error **err)
{
	const struct runtime_hooks *hooks = context->spec->hooks;
	struct sync_message message = {.step = SYNC_HOOKS};
	int fds[SYNC_FDS_MAX];
	size_t count;

	if (hooks[HOOK_PRESTART].count || hooks[HOOK_CREATE_RUNTIME].count) {
		if (sync_send(context->sync_fd, &message, NULL, 0) < 0)
			return error_errno(err, errno, "ask for hooks");
		if (sync_receive(context->sync_fd, &message, sizeof(message), fds, &count) !=
				sizeof(message) ||
			message.step != SYNC_CONTINUE)
			_exit(127); /* a hook failed, or the caller died */
	}
	return run_hooks(context, HOOK_CREATE_CONTAINER, "creating", err);
}

/* Everything up to READY. SLAVE: -1 without a terminal. */
static int set_up(struct init_context *context, int *ret_master, int *ret_slave, struct error **err)
{
	const struct runtime_spec *spec = context->spec;
	struct mount_options root_options = {0};
	cleanup_close int cwd_fd = -1;
	cleanup_error struct error *no_cwd = NULL;

	/* Joining a mount namespace led to its root. */
	if (spec->namespaces[NAMESPACE_MOUNT].mode == NAMESPACE_JOIN && context->opts->bundle &&
		chdir(context->opts->bundle) < 0)
		return error_errno(err, errno, "find bundle '%s' in the mount namespace",
			context->opts->bundle);
	if (has_hooks(spec))
		context->host_pid = own_host_pid();
	if (separate_mounts(context, err) < 0)
		return -1;
	if (context->opts->can_share_pids &&
		spec->namespaces[NAMESPACE_PID].mode == NAMESPACE_NEW &&
		init_try_proc(context, err) < 0)
		return -1;
	if (place_root(context, err) < 0)
		return error_wrap(err, "container's root");
	init_add_accounts(context);
	if (init_mount_all(context, err) < 0 || init_make_devices(context, err) < 0)
		return -1;
	if (spec->process.terminal && init_make_terminal(context, ret_master, ret_slave, err) < 0)
		return -1;
	if (run_create_hooks(context, err) < 0)
		return -1;
	if (set_names(context, err) < 0 || init_write_sysctls(context, err) < 0 ||
		init_mask_paths(context, err) < 0 || init_readonly_paths(context, err) < 0)
		return -1;
	if (spec->namespaces[NAMESPACE_NETWORK].mode == NAMESPACE_NEW && loopback_up(err) < 0)
		return -1;
	/* Before the root becomes read-only; what fails here is told when it is entered. */
	cwd_fd = rootfs_ensure_dir(context->root_fd, spec->process.cwd, 0755, &no_cwd);
	if (spec->root_readonly)
		root_options.attr_set |= MOUNT_ATTR_RDONLY;
	/* With real privileges an image could bring the host's disks as device nodes. What a bundle
	 * has is left to its device rules. */
	if (context->dev_is_mounted && !spec->privileged && context->opts->root.mount)
		root_options.attr_set |= MOUNT_ATTR_NODEV;
	if (mount_apply(context->root_fd, &root_options) < 0)
		return error_errno(err, errno, "set the options of the container's root");
	if (switch_root(context, err) < 0)
		return -1;
	return set_root_propagation(spec, err);
}

/* Put FDS[0..2] on 0, 1, 2. */
static int place_stdio(const int fds[3], struct error **err)
{
	int high[3];

	/* First out of the way of each other. */
	for (int i = 0; i < 3; i++) {
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (high[i] < 0)
			return error_errno(err, errno, "standard stream %d", i);
	}
	for (int i = 0; i < 3; i++)
		if (dup2(high[i], i) < 0)
			return error_errno(err, errno, "standard stream %d", i);
	for (int i = 0; i < 3; i++)
		close_keep_errno(high[i]);
	return 0;
}

int init_prepare_descriptors(struct init_context *context, unsigned int preserve_fds,
	const int stdio[3], struct error **err)
{
	int first = 3 + (int)preserve_fds;

	/* Above what is passed on and above the standard streams. */
	if (context->sync_fd < first) {
		int moved = fcntl(context->sync_fd, F_DUPFD_CLOEXEC, first);

		if (moved < 0)
			return error_errno(err, errno, "move a descriptor");
		context->sync_fd = moved;
	}
	if (place_stdio(stdio, err) < 0)
		return -1;
	for (int fd = 3; fd < first; fd++)
		if (fcntl(fd, F_SETFD, 0) < 0)
			return error_set(err, ERR_INVALID,
				"descriptor %d is to be passed on and is not open", fd);
	return 0;
}

static int prepare_descriptors(struct init_context *context, int slave, struct error **err)
{
	const struct runtime_options *opts = context->opts;
	const int stdio[3] = {
		slave >= 0 ? slave : opts->stdin_fd,
		slave >= 0 ? slave : opts->stdout_fd,
		slave >= 0 ? slave : opts->stderr_fd,
	};

	return init_prepare_descriptors(context, opts->preserve_fds, stdio, err);
}

static int send_ready(struct init_context *context, int master, struct error **err)
{
	const struct sync_message ready = {.step = SYNC_READY};

	if (sync_send(context->sync_fd, &ready, &master, master >= 0) < 0)
		return error_errno(err, errno, "report to the caller");
	return 0;
}

/* Nothing of the host is kept open while we wait, for however long that is, but our own namespaces
 * in its procfs. Sorts KEEP. */
static void close_others(int first, int keep[3])
{
	for (int i = 0; i < 3; i++) {
		for (int j = i + 1; j < 3; j++) {
			int low = MIN(keep[i], keep[j]);

			keep[j] = MAX(keep[i], keep[j]);
			keep[i] = low;
		}
		if (keep[i] > first)
			(void)close_range((unsigned int)first, (unsigned int)keep[i] - 1, 0);
		first = MAX(first, keep[i] + 1);
	}
	(void)close_range((unsigned int)first, ~0U, 0);
}

/* Wait for SYNC_EXEC, from our caller or (after SYNC_DETACH) on the listening socket. */
static void await_exec(struct init_context *context)
{
	int first = 3 + (int)context->opts->preserve_fds, listen_fd = context->opts->start_fd;
	struct sync_message message;
	int fds[SYNC_FDS_MAX];
	size_t count;
	long n;

	n = sync_receive(context->sync_fd, &message, sizeof(message), fds, &count);
	if (n == sizeof(message) && message.step == SYNC_EXEC)
		return;
	if (n != sizeof(message) || message.step != SYNC_DETACH || listen_fd < 0)
		_exit(127); /* the caller gave up, or died */
	close_others(first, (int[]){context->sync_fd, listen_fd, context->ns_fd});
	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			_exit(127);
		if (fd < first) {
			int moved = fcntl(fd, F_DUPFD_CLOEXEC, first);

			fd_replace(&fd, moved);
		}
		/* Somebody who asks whether we are here still just closes. */
		n = sync_receive(fd, &message, sizeof(message), fds, &count);
		if (n == sizeof(message) && message.step == SYNC_EXEC) {
			fd_replace(&context->sync_fd, fd);
			close_keep_errno(listen_fd);
			return;
		}
		if (n == sizeof(message) && message.step == SYNC_NAMESPACES) {
			cleanup_error struct error *ignored = NULL;

			(void)send_namespaces(context, context->ns_fd, fd, &ignored); /* it sees */
		}
		close_keep_errno(fd);
	}
}

__attribute__((noreturn)) void init_main(struct init_context *context)
{
	const struct runtime_options *opts = context->opts;
	struct process_failure failure;
	struct error *err = NULL;
	int slave = -1, master = -1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Places for mounts are for all users of the container, whatever the caller's mask. */
	(void)umask(0022);
	/* With a copy of the caller's end we would never see it go. */
	close_keep_errno(context->caller_fd);
	if (context->time_fd >= 0 && setns(context->time_fd, CLONE_NEWTIME) < 0) {
		error_errno(&err, errno, "join the time namespace");
		init_fail(context, err);
	}
	if (enter_cgroup_namespace(context, &err) < 0 || tell_namespaces(context, &err) < 0 ||
		set_up(context, &master, &slave, &err) < 0 ||
		prepare_descriptors(context, slave, &err) < 0)
		init_fail(context, err);
	if (!process_probe(context->plan, &failure)) {
		process_failure_to_error(&failure, &err);
		init_fail(context, err);
	}
	/* From here on the end of the caller is seen by the end of its socket. */
	if (opts->outlives_caller)
		(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if (send_ready(context, master, &err) < 0)
		init_fail(context, err);
	close_keep_errno(master);
	await_exec(context);
	if (run_hooks(context, HOOK_START_CONTAINER, "created", &err) < 0)
		init_fail(context, err);
	if (opts->init) {
		pid_t child = fork();

		if (child < 0) {
			error_errno(&err, errno, "fork the command");
			init_fail(context, err);
		}
		if (child > 0)
			init_reap(child);
	}
	process_exec(context->plan, 3 + (int)opts->preserve_fds, context->sync_fd);
}
