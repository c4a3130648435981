#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/check.h"
#include "runtime/helper.h"
#include "runtime/hooks.h"
#include "runtime/init.h"
#include "runtime/intel_rdt.h"
#include "runtime/listener.h"
#include "runtime/namespaces.h"
#include "runtime/net_devices.h"
#include "runtime/outside.h"
#include "runtime/process_plan.h"
#include "runtime/runtime.h"
#include "runtime/single_id.h"
#include "runtime/sync.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"

/*
 * The helper. It shares our memory and our descriptor table (CLONE_VM, CLONE_FILES) and suspends us
 * (CLONE_VFORK): a fork would cost five times as much. It joins the user namespace and whatever
 * else is given, and clones init with CLONE_PARENT, so that init is our own child; the pidfd
 * appears in our own table. Init gets a copy of our memory, and runs on its copy of the helper's
 * stack.
 *
 * The helper joins a pid namespace for its child only and never enters it. Being not dumpable while
 * in the user namespace it cannot be reached by a container that shares the host's pid namespace.
 */

struct helper {
	struct init_context *context;
	int join_fds[NAMESPACE_COUNT]; /* -1: none */
	/* answers */
	pid_t init_pid;
	int init_pidfd;
	int errnum; /* 0: init runs */
	const char *what;
};

static int helper_fail(struct helper *helper, int errnum, const char *what)
{
	helper->errnum = errnum;
	helper->what = what;
	return 1;
}

/* Is the map of this process what the specification says? */
static bool map_matches(const char *path, const struct runtime_id_range *ranges, size_t count)
{
	unsigned long long inside, outside, length;
	char text[16384]; /* 340 lines of 33 */
	int fd = open(path, O_RDONLY | O_CLOEXEC), used;
	ssize_t n = fd < 0 ? -1 : read_full(fd, text, sizeof(text) - 1);
	const char *p = text;
	size_t i = 0;

	close_keep_errno(fd);
	if (n < 0)
		return false;
	text[n] = '\0';
	for (; sscanf(p, "%llu %llu %llu%n", &inside, &outside, &length, &used) == 3;
		p += used, i++)
		if (i >= count || inside != ranges[i].container_id ||
			outside != ranges[i].host_id || length != ranges[i].size)
			return false;
	return i == count;
}

/* One line each, in one write. Returns an errno. */
static int write_time_offsets(int fd, const struct runtime_spec *spec)
{
	const struct runtime_time_offset *monotonic = &spec->monotonic_offset;
	const struct runtime_time_offset *boottime = &spec->boottime_offset;
	char text[128];
	int len = 0;

	if (monotonic->set)
		len = snprintf(text, sizeof(text), "monotonic %" PRId64 " %u\n", monotonic->seconds,
			monotonic->nanoseconds);
	if (boottime->set)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "boottime %" PRId64 " %u\n",
			boottime->seconds, boottime->nanoseconds);
	return len && write(fd, text, (size_t)len) < 0 ? errno : 0;
}

/* Root of the user namespace, or where it maps none, its first id. */
static uint32_t first_id(const struct runtime_id_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].container_id == 0)
			return 0;
	return count ? ranges[0].container_id : 0;
}

/* Is it for the helper to join? A time namespace cannot be by who shares memory: init does it. */
static bool can_join(const struct helper *helper, int type)
{
	return helper->join_fds[type] >= 0 && type != NAMESPACE_TIME;
}

/* Entry: the caller's memory, descriptors, ids and namespaces, all signals blocked. May write to
 * its struct helper only. Returns its exit status. */
static int helper_main(void *data)
{
	struct helper *helper = data;
	struct init_context *context = helper->context;
	const struct runtime_spec *spec = context->spec;
	const struct runtime_options *opts = context->opts;
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (uintptr_t)&helper->init_pidfd,
	};
	bool joined[NAMESPACE_COUNT] = {false}, in_group = false;
	int why, offsets_fd = -1;
	long pid;

	why = process_set_oom_score(context->plan);
	if (why)
		return helper_fail(helper, why, "set the OOM score");
	/* While /proc/self is ours still; its opener's rights are what counts. */
	if (spec->namespaces[NAMESPACE_TIME].mode == NAMESPACE_NEW) {
		offsets_fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
		if (offsets_fd < 0)
			return helper_fail(helper, errno, "time namespace");
	}
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (opts->cgroup_fd >= 0 && opts->userns_fd >= 0)
		in_group = helper_enter_group(opts->cgroup_fd);
	/* The outer one's root may join what belongs to it, and both. */
	if (opts->is_nested && opts->outer_userns_fd >= 0 &&
		setns(opts->outer_userns_fd, CLONE_NEWUSER) < 0)
		return helper_fail(helper, errno, "join the outer user namespace");
	/* What belongs to our own user namespace is out of reach from a new one. */
	for (int i = 0; opts->userns_fd >= 0 && i < NAMESPACE_COUNT; i++)
		joined[i] = can_join(helper, i) &&
			    setns(helper->join_fds[i], (int)namespace_flag(i)) == 0;
	if (opts->userns_fd >= 0) {
		uint32_t uid = first_id(spec->uid_mappings, spec->uid_mapping_count);
		uint32_t gid = first_id(spec->gid_mappings, spec->gid_mapping_count);

		if (setns(opts->userns_fd, CLONE_NEWUSER) < 0)
			return helper_fail(helper, errno, "join the user namespace");
		if (syscall(SYS_setresgid, gid, gid, gid) < 0 ||
			syscall(SYS_setresuid, uid, uid, uid) < 0)
			return helper_fail(helper, errno, "become root of the user namespace");
		if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
			return helper_fail(helper, errno, "drop supplementary groups");
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the id change set the default again */
		/* One that others handed out. In a nested one /proc has other words for the ids. */
		if (spec->uid_mapping_count && !opts->is_nested &&
			(!map_matches("/proc/self/uid_map", spec->uid_mappings,
				 spec->uid_mapping_count) ||
				!map_matches("/proc/self/gid_map", spec->gid_mappings,
					spec->gid_mapping_count)))
			return helper_fail(helper, EINVAL,
				"the user namespace has another id map than expected");
	}
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		if (can_join(helper, i) && !joined[i] &&
			setns(helper->join_fds[i], (int)namespace_flag(i)) < 0)
			return helper_fail(helper, errno, namespace_word(i));
		/* The root of a new cgroup namespace is the group of who makes it: init does, once
		 * it has been born into its own. */
		if (i == NAMESPACE_CGROUP && opts->cgroup_fd >= 0)
			continue;
		if (i != NAMESPACE_USER && i != NAMESPACE_TIME &&
			spec->namespaces[i].mode == NAMESPACE_NEW)
			args.flags |= namespace_flag(i);
	}
	if (offsets_fd >= 0) {
		/* For children; the first of them fixes the offsets. */
		if (unshare(CLONE_NEWTIME) < 0)
			return helper_fail(helper, errno, "time namespace");
		why = write_time_offsets(offsets_fd, spec);
		(void)close(offsets_fd);
		if (why)
			return helper_fail(helper, why, "config.json: linux.timeOffsets");
	}
	if (opts->cgroup_fd >= 0 && !in_group) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)opts->cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		init_main(context);
	if (pid < 0)
		return helper_fail(helper, errno, "clone");
	helper->init_pid = (pid_t)pid;
	return 0;
}

static int helper_error(const struct helper *helper, struct error **err)
{
	if (helper->errnum == ENOSPC)
		return error_set(err, ERR_UNSUPPORTED,
			"make the container's namespaces: the limit of this account is reached; "
			"raise it "
			"with: sudo sysctl user.max_net_namespaces=15000 "
			"user.max_mnt_namespaces=15000" CHECK_SEE(CHECK_NAMESPACES));
	if (strcmp(helper->what, "clone") == 0)
		return error_errno(err, helper->errnum, "make the container's namespaces");
	return error_errno(err, helper->errnum, "container's namespaces: %s", helper->what);
}

/* Clone init by way of the helper; on return 0 INSTANCE has its pid and pidfd. */
static int clone_init(struct helper *helper, struct runtime_instance *instance, struct error **err)
{
	helper->what = "clone";
	helper->init_pid = 0;
	helper->init_pidfd = -1;
	helper->errnum = 0;
	if (helper_run(helper_main, helper, err) < 0)
		return -1;
	if (helper->errnum || helper->init_pid <= 0)
		return helper_error(helper, err);
	instance->pid = helper->init_pid;
	instance->pidfd = helper->init_pidfd;
	return 0;
}

/* -------- talking to init -------- */

void runtime_instance_destroy(struct runtime_instance *instance)
{
	if (instance->pid > 0) {
		if (instance->pidfd >= 0)
			(void)syscall(SYS_pidfd_send_signal, instance->pidfd, SIGKILL, NULL, 0);
		while (waitpid(instance->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_keep_errno(instance->pidfd);
	close_keep_errno(instance->sync_fd);
	close_keep_errno(instance->terminal_fd);
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		close_keep_errno(instance->namespace_fds[i]);
	*instance = (struct runtime_instance){
		.pidfd = -1,
		.sync_fd = -1,
		.terminal_fd = -1,
	};
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		instance->namespace_fds[i] = -1;
}

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close_keep_errno(fds[i]);
}

static int error_from_message(struct sync_message *message, struct error **err)
{
	message->text[sizeof(message->text) - 1] = '\0';
	error_from_text(err,
		message->kind >= 0 && message->kind < ERR_KIND_COUNT
			? (enum error_kind)message->kind
			: ERR_SYSTEM,
		message->text);
	(*err)->errnum = message->errnum;
	return -1;
}

/* Init ended without a word: say how. */
static int init_died(struct runtime_instance *instance, struct error **err)
{
	int status;
	pid_t pid = instance->pid;

	(void)syscall(SYS_pidfd_send_signal, instance->pidfd, SIGKILL, NULL, 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, errno, "wait for the container's init");
	instance->pid = 0;
	if (WIFSIGNALED(status))
		return error_set(err, ERR_SYSTEM,
			"the container's init was killed by signal %d before it started the "
			"command",
			WTERMSIG(status));
	return error_set(err, ERR_SYSTEM, "the container's init ended with status %d too early",
		WEXITSTATUS(status));
}

/* Wait for STEP, handling notes and errors on the way. */
static int await_step(struct runtime_instance *instance, enum sync_step step,
	struct sync_message *message, int *ret_fds, size_t *ret_count, struct error **err)
{
	for (;;) {
		long n = sync_receive(
			instance->sync_fd, message, sizeof(*message), ret_fds, ret_count);

		if (n < 0)
			return error_errno(err, errno, "hear from the container's init");
		if (n == 0)
			return init_died(instance, err);
		if (n == sizeof(*message) && message->step == SYNC_NOTE) {
			close_fds(ret_fds, *ret_count);
			message->text[sizeof(message->text) - 1] = '\0';
			if (instance->notes)
				strv_append(instance->notes, message->text);
			continue;
		}
		if (n == sizeof(*message) && message->step == SYNC_ERROR) {
			close_fds(ret_fds, *ret_count);
			return error_from_message(message, err);
		}
		if (n == sizeof(*message) && message->step == (uint32_t)step)
			return 0;
		close_fds(ret_fds, *ret_count);
		return error_set(err, ERR_SYSTEM,
			"the container's init sent step %u of %ld bytes where %d was due",
			message->step, n, (int)step);
	}
}

static int receive_namespaces(struct runtime_instance *instance, struct error **err)
{
	struct sync_message message;
	int fds[SYNC_FDS_MAX];
	size_t count, used = 0;

	if (await_step(instance, SYNC_NAMESPACES, &message, fds, &count, err) < 0)
		return -1;
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		if (message.namespaces & (1u << i) && used < count)
			instance->namespace_fds[i] = fds[used++];
	close_fds(fds + used, count - used);
	return 0;
}

/* -------- making it -------- */

static int open_joined(
	const struct runtime_spec *spec, int fds[NAMESPACE_COUNT], bool *opened, struct error **err)
{
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		const struct runtime_namespace *ns = &spec->namespaces[i];

		fds[i] = -1;
		opened[i] = false;
		if (ns->mode != NAMESPACE_JOIN || i == NAMESPACE_USER)
			continue;
		if (ns->fd >= 0) {
			fds[i] = ns->fd;
			continue;
		}
		if (!ns->path)
			return error_set(err, ERR_INVALID, "the %s namespace to join has no path",
				namespace_word(i));
		fds[i] = open(ns->path, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			return error_errno(
				err, errno, "open %s namespace '%s'", namespace_word(i), ns->path);
		opened[i] = true;
	}
	return 0;
}

/* Which of the namespaces to join is our own? */
static void find_callers(
	const struct runtime_spec *spec, const int fds[NAMESPACE_COUNT], bool *is_callers)
{
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		struct stat theirs, ours;
		char path[32];

		if (spec->namespaces[i].mode != NAMESPACE_JOIN || fds[i] < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_file(i));
		is_callers[i] = fstat(fds[i], &theirs) < 0 || stat(path, &ours) < 0 ||
				(theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev);
	}
}

/* The root of a mount namespace that is joined becomes the container's, for all who are in it, and
 * what is mounted there otherwise goes. That must not happen to ours, or to the host's. */
static int check_mount_namespace(int fd, bool is_callers, struct error **err)
{
	struct stat theirs, hosts;

	if (fd < 0)
		return 0;
	if (is_callers || (fstat(fd, &theirs) == 0 && stat("/proc/1/ns/mnt", &hosts) == 0 &&
				  theirs.st_ino == hosts.st_ino && theirs.st_dev == hosts.st_dev))
		return error_set(err, ERR_INVALID,
			"config.json: linux.namespaces: the mount namespace to join is the host's, "
			"whose root would become the container's");
	return 0;
}

/* By us, whose privileges are the host's. */
static int set_cache_class(
	const struct runtime_spec *spec, const char *id, pid_t pid, struct error **err)
{
	cleanup_close int fd = -1;

	if (!spec->intel_rdt.set)
		return 0;
	fd = intel_rdt_root(err);
	if (fd < 0 || intel_rdt_apply(fd, &spec->intel_rdt, id, pid, err) < 0)
		return error_wrap(err, "config.json: linux.intelRdt");
	return 0;
}

static int set_priority(const struct process_plan *plan, pid_t pid, struct error **err)
{
	const char *what;
	int why = process_set_priority(plan, pid, &what);

	return why ? error_errno(err, why, "config.json: %s", what) : 0;
}

int runtime_create(const struct runtime_spec *spec, const struct runtime_options *opts,
	struct runtime_instance *ret, struct error **err)
{
	cleanup_free struct process_plan *plan = NULL;
	struct init_context context = {
		.spec = spec,
		.opts = opts,
		.privileged = opts->userns_fd < 0,
		.ns_fd = -1,
		.root_fd = -1,
		.proc_fd = -1,
		.time_fd = -1,
		.early_proc_fd = -1,
	};
	struct helper helper = {.context = &context};
	struct runtime_instance instance = {
		.pidfd = -1,
		.sync_fd = -1,
		.terminal_fd = -1,
		.notes = opts->notes,
		.spec = spec,
		.seccomp = spec->seccomp,
		.annotations = spec->annotations,
		.id = opts->id,
		.bundle = opts->bundle,
		.single_id = opts->single_id,
		.answer_fd = opts->answer_fd,
	};
	cleanup_close int init_fd = -1;
	bool opened[NAMESPACE_COUNT] = {false};
	int pair[2], result;
	size_t len;

	for (int i = 0; i < NAMESPACE_COUNT; i++)
		instance.namespace_fds[i] = helper.join_fds[i] = -1;
	if (runtime_check(spec, opts, err) < 0 ||
		process_plan_build(&spec->process, spec->seccomp,
			(opts->init || opts->outlives_caller ? 0 : PROCESS_PDEATHSIG) |
				(opts->keep_keyring ? PROCESS_KEEP_KEYRING : 0) |
				(opts->single_id ? PROCESS_SINGLE_ID : 0),
			&plan, &len, err) < 0)
		return -1;
	context.plan = plan;
	if (outside_mounts(spec, opts, &context.outside_fds, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		outside_mounts_free(spec, context.outside_fds);
		return error_errno(err, errno, "make a socket pair");
	}
	instance.sync_fd = pair[0];
	init_fd = pair[1];
	context.sync_fd = init_fd;
	context.caller_fd = instance.sync_fd;
	/* Others are there already who could read what init has as its command line until execve,
	 * with -e SECRET=... in it: gone before init exists. */
	if (spec->namespaces[NAMESPACE_PID].mode == NAMESPACE_JOIN)
		init_hide_command_line();
	result = open_joined(spec, helper.join_fds, opened, err);
	if (result == 0) {
		find_callers(spec, helper.join_fds, context.is_callers);
		context.time_fd = helper.join_fds[NAMESPACE_TIME];
		result = check_mount_namespace(
			helper.join_fds[NAMESPACE_MOUNT], context.is_callers[NAMESPACE_MOUNT], err);
	}
	if (result == 0)
		result = clone_init(&helper, &instance, err);
	if (result == 0) {
		/* Ours closes: only init's own end tells whether it lives. */
		fd_replace(&init_fd, -1);
		result = set_priority(plan, instance.pid, err);
		if (result == 0)
			result = set_cache_class(spec, opts->id, instance.pid, err);
		if (result == 0)
			result = receive_namespaces(&instance, err);
		if (result == 0)
			result = net_devices_move(
				spec, instance.namespace_fds[NAMESPACE_NETWORK], err);
	}
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		if (opened[i])
			close_keep_errno(helper.join_fds[i]);
	outside_mounts_free(spec, context.outside_fds); /* init has its own */
	if (result < 0) {
		runtime_instance_destroy(&instance);
		return -1;
	}
	*ret = instance;
	return 0;
}

bool runtime_wants_shared_pids(const struct error *failed)
{
	return failed->kind == ERR_UNSUPPORTED &&
	       (failed->errnum == EPERM || failed->errnum == EACCES || failed->errnum == EBUSY);
}

void runtime_spec_share_pids(struct runtime_spec *spec)
{
	spec->namespaces[NAMESPACE_PID].mode = NAMESPACE_INHERIT;
	for (size_t i = 0; i < spec->mount_count; i++) {
		struct runtime_mount *mount = &spec->mounts[i];

		if (!mount->type || strcmp(mount->type, "proc") != 0)
			continue;
		free(mount->type);
		free(mount->source);
		mount->type = xstrdup("bind");
		mount->source = xstrdup("/proc");
		strv_append(&mount->options, "rbind");
	}
}

bool runtime_init_has_ended(const struct runtime_instance *instance)
{
	siginfo_t info = {0};

	return instance->pidfd >= 0 &&
	       waitid(P_PIDFD, (id_t)instance->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

/* What came before the pivot in init is done, what comes after waits for this. */
static int run_hooks(struct runtime_instance *instance, struct error **err)
{
	const struct runtime_spec *spec = instance->spec;
	const struct runtime_state state = {
		.id = instance->id,
		.status = "creating",
		.pid = instance->pid,
		.bundle = instance->bundle,
		.annotations = spec->annotations,
	};
	cleanup_free char *text = runtime_state_text(&state);
	const struct sync_message message = {.step = SYNC_CONTINUE};

	if (hooks_run(&spec->hooks[HOOK_PRESTART], HOOK_PRESTART, text, err) < 0 ||
		hooks_run(&spec->hooks[HOOK_CREATE_RUNTIME], HOOK_CREATE_RUNTIME, text, err) < 0)
		return -1;
	if (sync_send(instance->sync_fd, &message, NULL, 0) < 0)
		return error_errno(err, errno, "tell the container's init to go on");
	return 0;
}

int runtime_ready(struct runtime_instance *instance, struct error **err)
{
	struct sync_message message;
	int fds[SYNC_FDS_MAX];
	size_t count;

	if (instance->is_ready)
		return 0;
	if (instance->spec && (instance->spec->hooks[HOOK_PRESTART].count ||
				      instance->spec->hooks[HOOK_CREATE_RUNTIME].count)) {
		if (await_step(instance, SYNC_HOOKS, &message, fds, &count, err) < 0)
			goto fail;
		close_fds(fds, count);
		if (run_hooks(instance, err) < 0)
			goto fail;
	}
	if (await_step(instance, SYNC_READY, &message, fds, &count, err) < 0)
		goto fail;
	if (count) {
		instance->terminal_fd = fds[0];
		close_fds(fds + 1, count - 1);
	}
	instance->is_ready = true;
	return 0;
fail:
	runtime_instance_destroy(instance);
	return -1;
}

int runtime_detach(struct runtime_instance *instance, struct error **err)
{
	const struct sync_message message = {.step = SYNC_DETACH};

	if (sync_send(instance->sync_fd, &message, NULL, 0) < 0) {
		error_errno(err, errno, "tell the container's init to wait");
		runtime_instance_destroy(instance);
		return -1;
	}
	instance->pid = 0; /* not ours any more */
	runtime_instance_destroy(instance);
	return 0;
}

/* The address of NAME below DIR_FD, which may lie too deep for one. */
static int start_address(
	int dir_fd, const char *name, struct sockaddr_un *address, struct error **err)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((size_t)snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s",
		    dir_fd, name) >= sizeof(address->sun_path))
		return error_set(err, ERR_INVALID, "socket name '%s' is too long", name);
	return 0;
}

int runtime_listen(int dir_fd, const char *name, struct error **err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	if (start_address(dir_fd, name, &address, err) < 0)
		return -1;
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 8) < 0)
		return error_errno(err, errno, "make socket '%s'", name);
	return steal_fd(&fd);
}

int runtime_connect(int dir_fd, const char *name, struct runtime_instance *ret, struct error **err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	if (start_address(dir_fd, name, &address, err) < 0)
		return -1;
	if (fd < 0)
		return error_errno(err, errno, "make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return error_set(err, ERR_CONFLICT, "it is not waiting to be started");
		return error_errno(err, errno, "connect to the container's init");
	}
	*ret = (struct runtime_instance){
		.pidfd = -1,
		.sync_fd = steal_fd(&fd),
		.terminal_fd = -1,
		.is_ready = true,
	};
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		ret->namespace_fds[i] = -1;
	return 0;
}

static int send_listener(struct runtime_instance *instance, int listener_fd, struct error **err)
{
	struct runtime_state state = {.status = "created"};

	if (!instance->seccomp && instance->find_seccomp &&
		instance->find_seccomp(instance, instance->find_data, err) < 0)
		return -1;
	if (!instance->seccomp || !instance->seccomp->listener_path || !instance->id)
		return error_set(err, ERR_SYSTEM, "a seccomp listener nobody asked for");
	if (instance->pid && instance->init_pid)
		state.status = "running";
	state.id = instance->id;
	state.pid = instance->init_pid ? instance->init_pid : instance->pid;
	state.bundle = instance->bundle;
	state.annotations = instance->annotations;
	return listener_send(instance->seccomp, listener_fd, &state,
		instance->pid ? instance->pid : instance->init_pid, err);
}

int runtime_start(struct runtime_instance *instance, struct error **err)
{
	struct sync_message message;
	struct process_failure failure;
	int fds[SYNC_FDS_MAX];
	size_t count;
	long n;

	if (runtime_ready(instance, err) < 0)
		return -1;
	message = (struct sync_message){.step = SYNC_EXEC};
	if (sync_send(instance->sync_fd, &message, NULL, 0) < 0) {
		error_errno(err, errno, "tell the container's init to go on");
		goto fail;
	}
	do {
		n = sync_receive(instance->sync_fd, &message, sizeof(message), fds, &count);
		/* On its way to execve, which is answered for from here on. */
		if (n == sizeof(struct single_id_message) && count && instance->single_id) {
			if (single_id_pass(instance->answer_fd, fds[0]) < 0)
				n = -1;
		} else if (n == sizeof(struct process_listener) && count) {
			(void)send_listener(instance, fds[0], err); /* seen by *ERR */
		}
		close_fds(fds, count);
		if (*err)
			goto fail;
	} while (n == sizeof(struct single_id_message) || n == sizeof(struct process_listener));
	if (n == 0) {
		fd_replace(&instance->sync_fd, -1);
		return 0;
	}
	if (n == sizeof(failure)) {
		memcpy(&failure, &message, sizeof(failure));
		process_failure_to_error(&failure, err);
	} else if (n == sizeof(message) && message.step == SYNC_ERROR) {
		error_from_message(&message, err);
	} else {
		error_set(err, ERR_SYSTEM, "the container's init sent %ld unexpected bytes", n);
	}
fail:
	runtime_instance_destroy(instance);
	return -1;
}
