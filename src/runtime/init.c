#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/init.h"
#include "runtime/mount.h"
#include "runtime/namespaces.h"
#include "runtime/rootfs.h"
#include "runtime/sync.h"
#include "util/fs.h"
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

__attribute__((noreturn)) static void init_fail(struct init_context *context, struct error *err)
{
	struct sync_message message = {
		.step = SYNC_ERROR,
		.kind = (int32_t)err->kind,
		.errnum = err->errnum,
	};

	strncpy(message.text, err->message, sizeof(message.text) - 1);
	(void)sync_send(context->sync_fd, &message, NULL, 0); /* nobody left to tell */
	_exit(127);
}

/* Open our own /proc/self/ns/ entries, now: once the ids have changed nobody outside may. */
static int send_namespaces(struct init_context *context, struct error **err)
{
	struct sync_message message = {.step = SYNC_NAMESPACES};
	cleanup_close int dir_fd = open("/proc/self/ns", O_PATH_DIR);
	int fds[NAMESPACE_COUNT], result;
	size_t count = 0;

	if (dir_fd < 0)
		return error_errno(err, errno, "open '/proc/self/ns'");
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
	result = sync_send(context->sync_fd, &message, fds, count);
	for (size_t i = 0; i < count; i++)
		close_keep_errno(fds[i]);
	return result < 0 ? error_errno(err, errno, "send the namespaces") : 0;
}

static int loopback_up(struct error **err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_errno(err, errno, "bring up the loopback interface");
	return 0;
}

/* The root as an attached mount, context->root_fd. */
static int place_root(struct init_context *context, struct error **err)
{
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
	if (fchdir(context->root_fd) < 0)
		return error_errno(err, errno, "change to the container's root");
	/* The old root ends up on top of ".", and goes. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_errno(err, errno, "pivot_root");
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
		[PROPAGATION_SLAVE] = MS_SLAVE,
		[PROPAGATION_SHARED] = MS_SHARED,
		[PROPAGATION_UNBINDABLE] = MS_UNBINDABLE,
	};

	if (spec->rootfs_propagation != PROPAGATION_DEFAULT &&
		mount(NULL, "/", NULL, flags[spec->rootfs_propagation], NULL) < 0)
		return error_errno(err, errno, "set the propagation of the container's root");
	return 0;
}

static int set_names(const struct runtime_spec *spec, struct error **err)
{
	if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return error_errno(err, errno, "set host name '%s'", spec->hostname);
	if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
		return error_errno(err, errno, "set domain name '%s'", spec->domainname);
	return 0;
}

/* Everything up to READY. SLAVE: -1 without a terminal. */
static int set_up(struct init_context *context, int *ret_slave, struct error **err)
{
	const struct runtime_spec *spec = context->spec;
	struct mount_options root_options = {0};
	struct sync_message ready = {.step = SYNC_READY};
	cleanup_close int master = -1, cwd_fd = -1;
	cleanup_error struct error *no_cwd = NULL;

	/* Nothing that is mounted here may reach the host; what the host mounts may come in. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_errno(err, errno, "separate the mounts from the host's");
	if (place_root(context, err) < 0)
		return error_wrap(err, "container's root");
	if (init_mount_all(context, err) < 0 || init_make_devices(context, err) < 0)
		return -1;
	if (spec->process.terminal && init_make_terminal(context, &master, ret_slave, err) < 0)
		return -1;
	if (set_names(spec, err) < 0 || init_write_sysctls(context, err) < 0 ||
		init_mask_paths(context, err) < 0 || init_readonly_paths(context, err) < 0)
		return -1;
	if (spec->namespaces[NAMESPACE_NETWORK].mode == NAMESPACE_NEW && loopback_up(err) < 0)
		return -1;
	/* Before the root becomes read-only; what fails here is told when it is entered. */
	cwd_fd = rootfs_ensure_dir(context->root_fd, spec->process.cwd, 0755, &no_cwd);
	if (spec->root_readonly)
		root_options.attr_set |= MOUNT_ATTR_RDONLY;
	/* With real privileges an image could bring the host's disks as device nodes. */
	if (context->dev_is_mounted && !spec->privileged)
		root_options.attr_set |= MOUNT_ATTR_NODEV;
	if (mount_apply(context->root_fd, &root_options) < 0)
		return error_errno(err, errno, "set the options of the container's root");
	if (switch_root(context, err) < 0 || set_root_propagation(spec, err) < 0)
		return -1;
	if (sync_send(context->sync_fd, &ready, &master, master >= 0) < 0)
		return error_errno(err, errno, "report to the monitor");
	return 0;
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

static int prepare_descriptors(struct init_context *context, int slave, struct error **err)
{
	const struct runtime_options *opts = context->opts;
	int first = 3 + (int)opts->preserve_fds;
	int fds[3] = {opts->stdin_fd, opts->stdout_fd, opts->stderr_fd};

	/* Above what is passed on and above the standard streams. */
	if (context->sync_fd < first) {
		int moved = fcntl(context->sync_fd, F_DUPFD_CLOEXEC, first);

		if (moved < 0)
			return error_errno(err, errno, "move a descriptor");
		context->sync_fd = moved;
	}
	if (slave >= 0)
		fds[0] = fds[1] = fds[2] = slave;
	if (place_stdio(fds, err) < 0)
		return -1;
	for (int fd = 3; fd < first; fd++)
		if (fcntl(fd, F_SETFD, 0) < 0)
			return error_set(err, ERR_INVALID,
				"descriptor %d is to be passed on and is not open", fd);
	return 0;
}

__attribute__((noreturn)) void init_main(struct init_context *context)
{
	struct error *err = NULL;
	struct sync_message message;
	int fds[SYNC_FDS_MAX], slave = -1;
	size_t count;
	long n;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* With a copy of the caller's end we would never see it go. */
	close_keep_errno(context->caller_fd);
	if (send_namespaces(context, &err) < 0 || set_up(context, &slave, &err) < 0)
		init_fail(context, err);
	n = sync_receive(context->sync_fd, &message, sizeof(message), fds, &count);
	if (n != sizeof(message) || message.step != SYNC_EXEC)
		_exit(127); /* the caller gave up, or died */
	if (prepare_descriptors(context, slave, &err) < 0)
		init_fail(context, err);
	if (context->opts->init) {
		pid_t child = fork();

		if (child < 0) {
			error_errno(&err, errno, "fork the command");
			init_fail(context, err);
		}
		if (child > 0)
			init_reap(child);
	}
	process_exec(context->plan, 3 + (int)context->opts->preserve_fds, context->sync_fd);
}
