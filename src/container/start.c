#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "container/container.h"
#include "container/events.h"
#include "container/idmaps.h"
#include "container/journal.h"
#include "container/limits.h"
#include "container/ports.h"
#include "container/service.h"
#include "container/spec.h"
#include "container/state.h"
#include "container/supervision.h"
#include "monitor/monitor.h"
#include "network/network.h"
#include "rootless/idmap.h"
#include "rootless/userns.h"
#include "runtime/runtime.h"
#include "runtime/single_id.h"
#include "storage/owners.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/proc.h"
#include "util/program.h"
#include "util/spawn.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * Starting a container: the command prepares everything that can fail early, forks the monitor
 * process, and reads one message from it: started, or why not.
 *
 *   command                              monitor process (child, own session)
 *   ------------------------------------------------------------------------------------------
 *   lock, spec, layers, pipes
 *   fork ------------------------------> runtime_create: namespaces, init goes on with its mounts
 *                                        network_start; run.json; sockets; network_ready
 *                                        runtime_start: init's execve
 *   start_reply <----------------------- {kind, errnum, text} or {started, notes}
 *   drops the lock (the child has it)    monitor_become
 */

struct start_reply {
	uint32_t started; /* 1, or an error: */
	uint32_t error_kind;
	int32_t errnum;
	char text[8192]; /* the error's message, or notes, one a line; NUL-terminated, may be cut */
};

/* What the command prepares; the monitor process inherits it by fork. -1: not there. */
struct start {
	struct store *store;
	struct container *container;
	struct container_spec *plan;
	int lock_fd, program_fd, userns_fd, log_fd;
	int nested_fd; /* the container's own user namespace below userns_fd; -1: it is that */
	int reply_command_fd, reply_monitor_fd;
	int client_command_fd, client_monitor_fd;
	/* the container's ends, and the monitor's */
	int stdin_fd, stdout_fd, stderr_fd;
	int stdin_write_fd, stdout_read_fd, stderr_read_fd;
	bool lossless;
	char userns_hash[17];
	char *given_up; /* why all users of the container are one; NULL: they are not */
	struct monitor_policy policy;
	uint32_t restart_count, restart_backoff_ms;
	bool single_id; /* the user namespace maps one id */
	struct container_limits limits;
	struct service service;
	const char *conmon_pidfile; /* NULL: none */
};

static void start_clear(struct start *start)
{
	int *fds[] = {&start->lock_fd, &start->program_fd, &start->userns_fd, &start->log_fd,
		&start->nested_fd, &start->reply_command_fd, &start->reply_monitor_fd,
		&start->client_command_fd, &start->client_monitor_fd, &start->stdin_fd,
		&start->stdout_fd, &start->stderr_fd, &start->stdin_write_fd,
		&start->stdout_read_fd, &start->stderr_read_fd};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fd_replace(fds[i], -1);
	service_clear(&start->service);
	container_spec_free(start->plan);
	start->plan = NULL;
	container_limits_clear(&start->limits);
	free(start->given_up);
	start->given_up = NULL;
}

static int make_pair(int *ret_a, int *ret_b, struct error **err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return error_errno(err, errno, "make a socket pair");
	*ret_a = fds[0];
	*ret_b = fds[1];
	return 0;
}

static int make_pipe(int *ret_read, int *ret_write, struct error **err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

/* Our own standard streams. A terminal is not handed in: the container could type into it. */
static int pass_stdio(struct start *start, struct error **err)
{
	int *const ends[] = {&start->stdin_fd, &start->stdout_fd, &start->stderr_fd};

	for (int i = 0; i < 3; i++) {
		if (isatty(i))
			return error_set(err, ERR_USAGE,
				"the log driver 'passthrough' cannot be used on a terminal: "
				"redirect standard input, output and error");
		*ends[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
		if (*ends[i] < 0)
			return error_errno(err, errno, "duplicate descriptor %d", i);
	}
	return 0;
}

static int prepare_stdio(struct start *start, struct error **err)
{
	const struct container_config *config = start->container->config;

	if (config->terminal)
		return 0; /* init makes the terminal, in the container's devpts */
	if (str_equal(config->log_driver, "passthrough"))
		return pass_stdio(start, err);
	if (config->stdin_open) {
		if (make_pipe(&start->stdin_fd, &start->stdin_write_fd, err) < 0)
			return -1;
	} else {
		start->stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (start->stdin_fd < 0)
			return error_errno(err, errno, "open '/dev/null'");
	}
	if (make_pipe(&start->stdout_read_fd, &start->stdout_fd, err) < 0 ||
		make_pipe(&start->stderr_read_fd, &start->stderr_fd, err) < 0)
		return -1;
	return 0;
}

/* Only as much as there is text: eight untouched KiB are two page faults at either end. */
static void reply_send(int fd, const struct start_reply *reply)
{
	size_t len = offsetof(struct start_reply, text) + strlen(reply->text) + 1;

	/* If the command is gone, nobody wants to know. */
	(void)send(fd, reply, len, MSG_NOSIGNAL);
}

static void reply_error(int fd, const struct error *error)
{
	cleanup_free char *text = error_text(error);
	struct start_reply reply;

	reply.started = 0;
	reply.error_kind = error->kind;
	reply.errnum = error->errnum;
	snprintf(reply.text, sizeof(reply.text), "%s", text);
	reply_send(fd, &reply);
}

static void reply_started(int fd, char *const *notes)
{
	struct start_reply reply;
	size_t used = 0;

	reply.started = 1;
	reply.error_kind = 0;
	reply.errnum = 0;
	reply.text[0] = '\0';
	for (; notes && *notes && used < sizeof(reply.text); notes++)
		used += (size_t)snprintf(
			reply.text + used, sizeof(reply.text) - used, "%s\n", *notes);
	reply_send(fd, &reply);
}

static int receive_reply(int fd, const char *name, struct error **err)
{
	struct start_reply reply;
	ssize_t n;

	do
		n = recv(fd, &reply, sizeof(reply), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, errno, "start container '%s'", name);
	if (n <= (ssize_t)offsetof(struct start_reply, text))
		return error_set(err, ERR_SYSTEM,
			"start container '%s': its monitor was killed before it ran", name);
	((char *)&reply)[n - 1] = '\0';
	if (reply.started) {
		for (char *line = strtok(reply.text, "\n"); line; line = strtok(NULL, "\n"))
			log_warning("%s", line);
		return 0;
	}
	error_from_text(
		err, reply.error_kind < ERR_KIND_COUNT ? reply.error_kind : ERR_SYSTEM, reply.text);
	(*err)->errnum = reply.errnum;
	return -1;
}

/* The monitor's own side. */
struct supervisor {
	struct runtime_instance instance;
	struct network network;
	int listen_fd, userns_listen_fd;
	int answer_fd; /* -1: nobody answers for ids (runtime/single_id.h) */
	pid_t answer_pid;
	char control_socket[96], userns_socket[96];
	bool has_run_file;
};

static uint64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int write_run_file(struct start *start, struct supervisor *sup, struct error **err)
{
	struct container_status *status = &start->container->status;

	container_status_clear(status);
	status->init_pid = sup->instance.pid;
	status->monitor_pid = getpid();
	status->started_ns = realtime_ns();
	status->restart_count = start->restart_count;
	if (boot_id_get(status->boot_id, err) < 0)
		return -1;
	if (proc_start_time(status->init_pid, &status->init_start_ticks) < 0 ||
		proc_start_time(status->monitor_pid, &status->monitor_start_ticks) < 0)
		return error_set(err, ERR_SYSTEM, "the container's init ended during set-up");
	status->cgroup = xstrdup_null(start->limits.cgroup.path);
	status->ports =
		port_mappings_text(start->plan->network.ports, start->plan->network.port_count);
	/* Of an earlier run. */
	(void)unlinkat(start->container->dir_fd, CONTAINER_PAUSED_FILE, 0);
	if (container_run_write(
		    start->container->dir_fd, status, start->store->runtime_path, false, err) < 0)
		return -1;
	sup->has_run_file = true;
	return 0;
}

/* --conmon-pidfile: the monitor is what a service manager is to watch. */
static int write_pid_file(const struct start *start, struct error **err)
{
	const char *path = start->conmon_pidfile;
	cleanup_close int fd = -1;
	char text[16];

	if (!path)
		return 0;
	snprintf(text, sizeof(text), "%d", (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write_all(fd, text, strlen(text)) < 0)
		return error_errno(err, errno, "write '%s'", path);
	return 0;
}

static int listen_sockets(struct start *start, struct supervisor *sup, struct error **err)
{
	const char *id = start->container->config->id;

	snprintf(sup->control_socket, sizeof(sup->control_socket), "%s.sock", id);
	sup->listen_fd = monitor_socket_listen(start->store->runtime_fd, sup->control_socket, err);
	if (sup->listen_fd < 0)
		return -1;
	if (start->userns_fd >= 0) {
		snprintf(sup->userns_socket, sizeof(sup->userns_socket), "userns-%s.%.12s",
			start->userns_hash, id);
		sup->userns_listen_fd =
			monitor_socket_listen(start->store->runtime_fd, sup->userns_socket, err);
		if (sup->userns_listen_fd < 0)
			return -1;
	}
	return 0;
}

/* What others do while init mounts. */
static int prepare_beside(struct start *start, struct supervisor *sup, struct error **err)
{
	struct container_spec *plan = start->plan;
	bool slirp = plan->network.mode == NETWORK_SLIRP4NETNS;

	if (slirp && network_start(&plan->network, sup->instance.namespace_fds[NAMESPACE_NETWORK],
			     start->userns_fd, &sup->network, err) < 0)
		return -1;
	/* Init is busy with its mounts: this costs nothing. */
	if (container_spec_write(start->container, plan, err) < 0 ||
		(!start->restart_count && supervision_write_restart(start->store, start->container,
						  start->service.listen_fds, err) < 0) ||
		supervision_write_plans(start->container, err) < 0 ||
		listen_sockets(start, sup, err) < 0)
		return -1;
	/* A later start finds it synced; nobody misses one that would be gone at its end. */
	if (!start->container->config->remove && !start->restart_count &&
		container_sync(start->store, start->container, err) < 0)
		return -1;
	if (slirp && network_ready(&sup->network, &plan->network, err) < 0)
		return -1;
	return write_run_file(start, sup, err) < 0 ? -1 : write_pid_file(start, err);
}

static int bring_up(struct start *start, struct supervisor *sup, char ***notes, struct error **err)
{
	struct container_spec *plan = start->plan;
	/* for who answers a seccomp filter's questions */
	cleanup_free char *bundle = xasprintf(
		"%s/containers/%s", start->store->data_path, start->container->config->id);
	const struct container_config *config = start->container->config;
	const struct runtime_accounts accounts = {
		.host_users = config->host_users,
		.passwd_entry = config->passwd_entry,
		.group_entry = config->group_entry,
	};
	struct runtime_options opts = {
		/* A directory of the user's own is left alone. */
		.accounts = config->no_passwd || config->rootfs ? NULL : &accounts,
		.userns_fd = plan->is_nested ? start->nested_fd : start->userns_fd,
		.outer_userns_fd = start->userns_fd,
		.is_nested = plan->is_nested,
		.root = plan->root,
		.stdin_fd = start->stdin_fd,
		.stdout_fd = start->stdout_fd,
		.stderr_fd = start->stderr_fd,
		.preserve_fds = start->service.listen_fds,
		.cgroup_fd = -1,
		.start_fd = -1,
		.init = start->container->config->init,
		.id = start->container->config->id,
		.bundle = bundle,
		.notes = notes,
		.single_id = start->single_id,
		.can_share_pids = true,
	};

	if (start->single_id &&
		single_id_start(start->userns_fd, &sup->answer_pid, &sup->answer_fd, err) < 0)
		return -1;
	opts.answer_fd = sup->answer_fd;
	if (container_limits_create(&start->limits, notes, err) < 0)
		return -1;
	opts.cgroup_fd = start->limits.cgroup.fd;
	plan->spec->cgroups_path = xstrdup_null(start->limits.cgroup.path);
	if (start->limits.cgroup.fd >= 0 && start->limits.resources)
		plan->spec->resources = cgroup_resources_text(start->limits.resources);
	if (runtime_create(plan->spec, &opts, &sup->instance, err) < 0)
		return -1;
	if (prepare_beside(start, sup, err) < 0) {
		if (!runtime_init_has_ended(&sup->instance))
			return -1;
		/* That is why the rest failed: what init has to say is the reason. */
		error_free(steal_ptr(err));
	}
	return runtime_start(&sup->instance, err);
}

static void tear_down(struct start *start, struct supervisor *sup)
{
	cleanup_error struct error *ignored = NULL;

	runtime_instance_destroy(&sup->instance);
	if (sup->answer_fd >= 0) {
		fd_replace(&sup->answer_fd, -1);
		(void)spawn_wait(sup->answer_pid, &ignored); /* end of file ends it */
	}
	network_stop(&sup->network);
	container_limits_undo(&start->limits);
	if (sup->listen_fd >= 0)
		(void)unlinkat(start->store->runtime_fd, sup->control_socket, 0);
	if (sup->userns_listen_fd >= 0)
		(void)unlinkat(start->store->runtime_fd, sup->userns_socket, 0);
	fd_replace(&sup->listen_fd, -1);
	fd_replace(&sup->userns_listen_fd, -1);
	/* It never ran: back to "created". */
	if (sup->has_run_file && !start->restart_count)
		(void)unlinkat(start->container->dir_fd, "run.json", 0);
	sup->has_run_file = false;
}

static void fill_handover(
	const struct start *start, const struct supervisor *sup, struct monitor_handover *h)
{
	const struct container_config *config = start->container->config;
	const struct container_spec *plan = start->plan;

	*h = (struct monitor_handover){
		.magic = MONITOR_HANDOVER_MAGIC,
		.version = 1,
		.size = sizeof(*h),
		.flags = (config->terminal ? MONITOR_TERMINAL : 0u) |
			 (config->stdin_open ? MONITOR_STDIN_OPEN : 0u) |
			 (config->remove ? MONITOR_REMOVE : 0u) |
			 (start->lossless ? MONITOR_LOSSLESS : 0u) |
			 (sup->userns_listen_fd >= 0 ? MONITOR_SHARE_USERNS : 0u),
		.init_pid = sup->instance.pid,
		.init_pidfd = sup->instance.pidfd,
		.lock_fd = start->lock_fd,
		.container_dir_fd = start->container->dir_fd,
		.containers_dir_fd = start->store->containers_fd,
		.names_dir_fd = start->store->names_fd,
		.tmp_dir_fd = start->store->tmp_fd,
		.runtime_dir_fd = start->store->runtime_fd,
		.listen_fd = sup->listen_fd,
		.userns_listen_fd = sup->userns_listen_fd,
		.first_client_fd = start->client_monitor_fd,
		.terminal_fd = sup->instance.terminal_fd,
		.stdin_fd = start->stdin_write_fd,
		.stdout_fd = start->stdout_read_fd,
		.stderr_fd = start->stderr_read_fd,
		.log_fd = start->log_fd,
		.answer_fd = sup->answer_fd,
		.cgroup_fd = start->limits.cgroup.fd,
		.notify_fd = start->service.notify_fd,
		.notify = (int32_t)start->service.mode,
		.listen_fds = supervision_may_restart(config) ? start->service.listen_fds : 0,
		.network_pid = sup->network.pid,
		.network_pidfd = sup->network.pidfd,
		.network_exit_fd = sup->network.exit_fd,
		.log_driver = plan->log_driver,
		.log_max_size_bytes = plan->log_max_size_bytes,
		.log_max_files = plan->log_max_files,
		.stop_signal = config->stop_signal,
		.stop_timeout_s = config->stop_timeout_s,
		.restart_count = start->restart_count,
		.restart_backoff_ms = start->restart_backoff_ms,
		.timeout_s = config->timeout_s,
		.policy = start->policy,
		.started_realtime_ns = start->container->status.started_ns,
	};
	memcpy(h->namespace_fds, sup->instance.namespace_fds, sizeof(h->namespace_fds));
	h->base_userns_fd = plan->is_nested ? start->userns_fd : -1;
	/* The user namespace is handed out and entered by its own descriptor. */
	if (start->userns_fd >= 0 && h->namespace_fds[NAMESPACE_USER] < 0)
		h->namespace_fds[NAMESPACE_USER] = start->userns_fd;
	snprintf(h->id, sizeof(h->id), "%s", config->id);
	snprintf(h->name, sizeof(h->name), "%s", config->name);
	memcpy(h->boot_id, start->container->status.boot_id, sizeof(h->boot_id));
	snprintf(h->notify_socket, sizeof(h->notify_socket), "%s", start->service.socket);
	snprintf(h->control_socket, sizeof(h->control_socket), "%s", sup->control_socket);
	snprintf(h->userns_socket, sizeof(h->userns_socket), "%s", sup->userns_socket);
}

/* The reason is for inspect: there is nobody else to tell. */
__attribute__((noreturn)) static void restart_failed(
	struct container *container, const struct error *failed)
{
	struct container_status *status = &container->status;
	cleanup_error struct error *ignored = NULL;

	if (!status->finished_ns) { /* it came as far as run.json */
		status->finished_ns = realtime_ns();
		status->exit_code = failed->kind == ERR_NO_SUCH_COMMAND ? 127
				    : failed->kind == ERR_CANNOT_INVOKE ? 126
									: 125;
	}
	(void)container_exit_write(
		container->dir_fd, &container->status, failed->message, &ignored);
	_exit(1); /* with it goes the lock */
}

/* Entry: forked from the command, single-threaded, host's namespaces and the user's ids; all
 * descriptors of START open. Must end as pod-monitor or not at all. */
__attribute__((noreturn)) static void monitor_process(struct start *start)
{
	struct supervisor sup = {
		.network = NETWORK_INIT,
		.listen_fd = -1,
		.userns_listen_fd = -1,
		.answer_fd = -1,
	};
	cleanup_strv char **notes = NULL;
	struct error *failed = NULL;
	struct monitor_handover handover;
	int null_fd, result;

	(void)setsid(); /* a fresh child is never a group leader */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)prctl(PR_SET_NAME, "pod-monitor");
	fd_replace(&start->reply_command_fd, -1);
	fd_replace(&start->client_command_fd, -1);
	sup.instance.pid = -1;
	sup.instance.pidfd = sup.instance.sync_fd = sup.instance.terminal_fd = -1;
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		sup.instance.namespace_fds[i] = -1;
	/* The user's terminal or pipe must not be kept open by us. */
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd >= 0) {
		(void)dup2(null_fd, 0);
		(void)dup2(null_fd, 1);
		(void)dup2(null_fd, 2);
		if (null_fd > 2)
			close_keep_errno(null_fd);
	}
	result = bring_up(start, &sup, &notes, &failed);
	if (result < 0 && runtime_wants_shared_pids(failed)) {
		/* Once more, with the processes of the container around us in sight. */
		tear_down(start, &sup);
		error_free(steal_ptr(&failed));
		strv_free(steal_ptr(&notes));
		runtime_spec_share_pids(start->plan->spec);
		strv_append(&notes,
			"the kernel refuses a new /proc because this one is partly masked: the "
			"container's processes and those around it see each other; unmask it "
			"outside: --security-opt unmask=ALL, with docker "
			"systempaths=unconfined" CHECK_SEE(CHECK_PROC));
		result = bring_up(start, &sup, &notes, &failed);
	}
	if (result < 0) {
		tear_down(start, &sup);
		if (start->restart_count)
			restart_failed(start->container, failed);
		/* Only now is everything gone that a next command could stumble over. */
		fd_replace(&start->lock_fd, -1);
		reply_error(start->reply_monitor_fd, failed);
		_exit(1);
	}
	/* The container's ends of the pipes are init's alone now. */
	fd_replace(&start->stdin_fd, -1);
	fd_replace(&start->stdout_fd, -1);
	fd_replace(&start->stderr_fd, -1);
	fill_handover(start, &sup, &handover);
	service_started(&start->service, getpid(), &notes);
	event_container(start->store, start->container, "init", NULL);
	if (start->client_monitor_fd >= 0)
		event_container(start->store, start->container, "attach", NULL);
	event_container(start->store, start->container, "start", NULL);
	reply_started(start->reply_monitor_fd, notes);
	fd_replace(&start->reply_monitor_fd, -1);
	if (!start->container->config->remove)
		(void)fdatasync(start->container->dir_fd); /* that it was started */
	(void)monitor_become(start->program_fd, &handover, &failed);
	/* Without a monitor there is no container: PDEATHSIG takes init down with us. */
	_exit(1);
}

static int open_log(struct start *start, struct error **err)
{
	const struct container *container = start->container;

	if (start->plan->log_driver == LOG_DRIVER_NONE)
		return 0;
	if (start->plan->log_driver == LOG_DRIVER_JOURNALD) {
		start->log_fd = container_journal_open(container, err);
		return start->log_fd < 0 ? -1 : 0;
	}
	start->log_fd = openat(container->dir_fd, "log",
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (start->log_fd < 0)
		return error_errno(
			err, errno, "open the log of container '%s'", container->config->name);
	return 0;
}

/* Everything that can fail before there is a process. USERNS (may be NULL) is taken. */
static int start_prepare(
	struct start *start, struct userns_request *userns, bool attach, struct error **err)
{
	const struct container *container = start->container;
	struct store *store = start->store;

	if (supervision_policy(container->config, &start->policy, err) < 0 ||
		container_limits_begin(container->config, &start->limits, err) < 0)
		goto fail;
	if (store->rootless && !userns && userns_begin(store->runtime_fd, &userns, err) < 0)
		goto fail;
	if (userns) {
		id_maps_hash(userns_maps(userns), start->userns_hash);
		start->given_up = xstrdup_null(userns_why(userns));
		start->single_id = userns_rung(userns) == USERNS_SINGLE_ID;
	}
	if (container_spec_prepare(store, start->container, userns ? userns_maps(userns) : NULL,
		    &start->plan, err) < 0)
		goto fail;
	if (service_prepare(&start->service, store, start->container, start->plan, err) < 0)
		goto fail;
	start->program_fd = monitor_program_open(store->runtime_fd, err);
	if (start->program_fd < 0)
		goto fail;
	if (prepare_stdio(start, err) < 0)
		goto fail;
	if (attach && make_pair(&start->client_command_fd, &start->client_monitor_fd, err) < 0)
		goto fail;
	if (open_log(start, err) < 0)
		goto fail;
	if (userns) {
		start->userns_fd = userns_finish(steal_ptr(&userns), err);
		if (start->userns_fd < 0)
			goto fail;
	}
	/* More ids than there once were. */
	if (!start->single_id &&
		owners_restore(store, start->container->config->id, start->userns_fd, err) < 0)
		return -1;
	if (start->plan->is_nested) {
		start->nested_fd = idmaps_nest(container->config, start->userns_fd, err);
		if (start->nested_fd < 0)
			return -1;
	}
	container_spec_own(start->plan, start->stdout_read_fd);
	container_spec_own(start->plan, start->stderr_read_fd);
	container_spec_own(start->plan, start->stdin_write_fd);
	return container_spec_finish(store, start->plan, start->userns_fd, err);
fail:
	userns_cancel(userns);
	return -1;
}

#define START_INIT                                                                                 \
	{                                                                                          \
		.lock_fd = -1, .program_fd = -1, .userns_fd = -1, .log_fd = -1, .nested_fd = -1,   \
		.reply_command_fd = -1, .reply_monitor_fd = -1, .client_command_fd = -1,           \
		.client_monitor_fd = -1, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1,         \
		.stdin_write_fd = -1, .stdout_read_fd = -1, .stderr_read_fd = -1,                  \
		.limits = CONTAINER_LIMITS_INIT, .service = SERVICE_INIT,                          \
	}

int container_start(struct store *store, struct container *container,
	const struct container_start_options *opts, int *ret_client_fd, struct error **err)
{
	__attribute__((cleanup(start_clear))) struct start start = START_INIT;
	pid_t pid;

	start.store = store;
	start.container = container;
	start.lock_fd = opts->lock_fd;
	start.lossless = opts->lossless;
	start.conmon_pidfile = opts->conmon_pidfile;
	if (!start.conmon_pidfile)
		start.conmon_pidfile = container->config->conmon_pidfile;
	if (start.lock_fd < 0)
		start.lock_fd = container_lock(container, true, err);
	if (start.lock_fd < 0) {
		userns_cancel(opts->userns);
		return -1;
	}
	if (start_prepare(&start, opts->userns, opts->attach, err) < 0 ||
		make_pair(&start.reply_command_fd, &start.reply_monitor_fd, err) < 0)
		return -1;
	/* A program may ask for it before the client is attached and says it. */
	start.plan->spec->process.console_height = opts->rows;
	start.plan->spec->process.console_width = opts->columns;
	if (supervision_may_restart(container->config))
		(void)unlinkat(container->dir_fd, CONTAINER_STOP_FILE, 0); /* mostly not there */
	pid = fork();
	if (pid < 0)
		return error_fork(err, errno, "fork the monitor");
	if (pid == 0)
		monitor_process(&start);
	fd_replace(&start.reply_monitor_fd, -1);
	fd_replace(&start.lock_fd, -1); /* the monitor process has it */
	if (receive_reply(start.reply_command_fd, container->config->name, err) < 0)
		return -1;
	service_close_fds(&start.service);
	if (start.given_up)
		log_warning("all users of the container are one to the host, owners of files are "
			    "only noted down: %s",
			start.given_up);
	*ret_client_fd = steal_fd(&start.client_command_fd);
	return 0;
}

void container_restart(struct store *store, struct container *container,
	const struct container_restart_options *opts)
{
	struct start start = START_INIT;
	struct error *failed = NULL;

	start.store = store;
	start.container = container;
	start.lock_fd = opts->lock_fd;
	start.restart_count = opts->count;
	start.restart_backoff_ms = opts->backoff_ms;
	if (start_prepare(&start, NULL, false, &failed) < 0)
		restart_failed(container, failed);
	monitor_process(&start);
}
