#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "container/container.h"
#include "container/events.h"
#include "container/names.h"
#include "container/parse_mount.h"
#include "container/policy.h"
#include "container/state.h"
#include "container/supervision.h"
#include "monitor/client.h"
#include "monitor/monitor.h"
#include "rootless/userns.h"
#include "storage/volume.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/proc.h"
#include "util/signals.h"
#include "util/str.h"

/* Everything after the record's creation and the start: signals, waiting, stopping, removing. */

#define SETTLE_MS 5000

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static bool pause_ms(unsigned int ms)
{
	const struct timespec pause = {.tv_nsec = (long)ms * 1000000};

	(void)nanosleep(&pause, NULL); /* cut short by a signal: looked at again */
	return true;
}

int container_connect(struct store *store, struct container *container, struct error **err)
{
	cleanup_error struct error *one = NULL;
	cleanup_close int dir_fd = -1;
	cleanup_free char *path = NULL;
	char name[80];
	struct stat st;
	int fd;

	if (!container_is_running(container)) {
		error_set(err, ERR_CONFLICT,
			"container '%.12s' is not running: container state improper",
			container->config->id);
		return error_docker(err, "Error response from daemon: Container %s is not running",
			container->config->id);
	}
	if (container->status.state == CONTAINER_RESTARTING)
		return error_set(err, ERR_CONFLICT,
			"container '%.12s' is restarting, wait until it is running",
			container->config->id);
	snprintf(name, sizeof(name), "%s.sock", container->config->id);
	fd = monitor_socket_connect(store->runtime_fd, name, &one);
	if (fd >= 0)
		return fd;
	/* It may have been started from a session with another runtime directory. */
	path = container_runtime_path(container->dir_fd);
	if (path && strcmp(path, store->runtime_path) != 0)
		dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir_fd >= 0 && fstat(dir_fd, &st) == 0 && st.st_uid == geteuid()) {
		error_free(steal_ptr(&one));
		fd = monitor_socket_connect(dir_fd, name, &one);
		if (fd >= 0)
			return fd;
	}
	error_move(err, &one);
	return error_wrap(err,
		"reach the monitor of container '%.12s' (its runtime directory '%s' may be gone; "
		"stop "
		"and rm work without it)",
		container->config->id, path ? path : store->runtime_path);
}

/* A pidfd of init, where it can be seen from here. -1 with errno. */
static int init_pidfd(const struct container *container)
{
	cleanup_error struct error *ignored = NULL;
	char boot_id[BOOT_ID_LENGTH + 1];

	if (boot_id_get(boot_id, &ignored) < 0 || strcmp(boot_id, container->status.boot_id) != 0) {
		errno = ESRCH;
		return -1;
	}
	return proc_pidfd(container->status.init_pid, container->status.init_start_ticks);
}

/* For the monitor. */
static int mark_stopped(struct container *container, struct error **err)
{
	cleanup_close int fd = openat(container->dir_fd, CONTAINER_STOP_FILE,
		O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	/* ENOENT: removed since */
	if (fd < 0 && errno != ENOENT)
		return error_errno(err, errno, "stop container '%s'", container->config->name);
	return 0;
}

int container_stop_request(struct container *container, struct error **err)
{
	cleanup_close int pidfd = -1;

	if (!supervision_may_restart(container->config))
		return 0;
	if (mark_stopped(container, err) < 0)
		return -1;
	/* A monitor that waits looks at once; else it would do so within a second. */
	if (container->status.state == CONTAINER_RESTARTING)
		pidfd = proc_pidfd(
			container->status.monitor_pid, container->status.monitor_start_ticks);
	if (pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGUSR1, NULL, 0);
	return 0;
}

void container_stop_forget(struct container *container)
{
	(void)unlinkat(
		container->dir_fd, CONTAINER_STOP_FILE, 0); /* without a policy there is none */
}

bool container_starts_at_boot(const struct container *container)
{
	struct restart_policy policy = {.kind = RESTART_NO};
	cleanup_error struct error *ignored = NULL; /* checked at create */

	(void)restart_policy_parse(container->config->restart_policy, &policy, &ignored);
	return policy.kind == RESTART_ALWAYS ||
	       (policy.kind == RESTART_UNLESS_STOPPED &&
		       faccessat(container->dir_fd, CONTAINER_STOP_FILE, F_OK,
			       AT_SYMLINK_NOFOLLOW) < 0);
}

int container_signal(
	struct store *store, struct container *container, int signal, struct error **err)
{
	cleanup_close int pidfd = -1, monitor_fd = -1;

	if (!container_is_running(container)) {
		error_set(err, ERR_CONFLICT,
			"can only kill running containers. %s is in state %s: container state "
			"improper",
			container->config->id, container_state_name(container->status.state));
		return error_docker(err,
			"Error response from daemon: Cannot kill container: %s: Container %s is "
			"not running",
			container->config->name, container->config->id);
	}
	/* What ends it is meant to end it: docker restarts nothing that was killed. */
	if ((signal == SIGKILL || signal == (int)container->config->stop_signal) &&
		container_stop_request(container, err) < 0)
		return -1;
	if (container->status.state == CONTAINER_RESTARTING)
		return 0;
	pidfd = init_pidfd(container);
	if (pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0)
		return 0;
	if (pidfd >= 0 && errno == ESRCH)
		return 0; /* it has just ended */
	/* Started from another pid namespace: its monitor sees it. */
	monitor_fd = container_connect(store, container, err);
	if (monitor_fd < 0)
		return -1;
	return monitor_signal(monitor_fd, signal, err);
}

/* Blocks until nobody holds the container's lock. */
static int wait_lock_free(struct container *container, struct error **err)
{
	cleanup_close int fd = openat(container->dir_fd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "open the container's lock");
	return lock_fd(fd, LOCK_SHARED, LOCK_WAIT, err);
}

int container_wait(
	struct store *store, struct container *container, int *ret_exit, struct error **err)
{
	cleanup_close int monitor_fd = -1, pidfd = -1;
	cleanup_error struct error *one = NULL;
	bool have_exit = false;
	int code = 0;

	/* Between two runs: the next one's end is waited for. */
	do
		if (container_refresh(container, err) < 0)
			return -1;
	while (container->status.state == CONTAINER_RESTARTING && pause_ms(10));
	if (container->status.state == CONTAINER_RUNNING ||
		container->status.state == CONTAINER_PAUSED) {
		monitor_fd = container_connect(store, container, &one);
		if (monitor_fd >= 0 && monitor_wait(monitor_fd, &code, &one) == 0)
			have_exit = true;
		else if (wait_lock_free(container, err) < 0)
			return -1;
	} else if (container->status.state == CONTAINER_UNSUPERVISED) {
		struct pollfd pfd = {.events = POLLIN};

		pidfd = pfd.fd = init_pidfd(container);
		while (pidfd >= 0 && poll(&pfd, 1, -1) < 0 && errno == EINTR)
			;
	}
	/* A --rm container's record may be gone by now; then the monitor's word is all there is. */
	if (!have_exit) {
		if (container_refresh(container, err) < 0)
			return -1;
		code = container->status.exit_code;
	} else {
		error_free(steal_ptr(&one));
		(void)container_refresh(container, &one);
	}
	if (ret_exit)
		*ret_exit = code;
	return 0;
}

/* Waits up to TIMEOUT_MS for init's end; true when it has ended. */
static bool wait_init(struct container *container, int pidfd, uint64_t timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd pfd = {.fd = pidfd, .events = POLLIN};
		uint64_t now = now_ms();
		int left = now < end ? (int)MIN(end - now, (uint64_t)INT32_MAX) : 0;
		int n;

		if (pidfd >= 0) {
			n = poll(&pfd, 1, left);
			if (n > 0)
				return true;
			if (n == 0)
				return false;
			if (errno != EINTR)
				return false;
			continue;
		}
		/* Another pid namespace: its lock tells, looked at every 10 ms. */
		{
			cleanup_error struct error *ignored = NULL;
			struct timespec pause = {.tv_nsec = 10000000};

			if (container_refresh(container, &ignored) < 0 ||
				!container_is_running(container))
				return true;
			if (left == 0)
				return false;
			nanosleep(&pause, NULL);
		}
	}
}

/*
 * Signal init, as container_signal() does, when others start and end the container at the same
 * time: what we know of it may be the last run's, and is looked at again for SETTLE_MS before a
 * failure counts.
 * @ret_pidfd: owned; -1 where init cannot be seen from here
 * Returns: 1 it does not run, 0 signalled, -1 with @err
 */
static int signal_settled(struct store *store, struct container *container, int signal,
	int *ret_pidfd, struct error **err)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	uint64_t end = now_ms() + SETTLE_MS;

	for (;;) {
		cleanup_error struct error *one = NULL;
		cleanup_close int pidfd = -1;

		if (container_refresh(container, err) < 0)
			return -1;
		if (!container_is_running(container))
			return 1;
		if (container->status.state == CONTAINER_RESTARTING) {
			if (container_stop_request(container, err) < 0)
				return -1;
			(void)pause_ms(5);
			continue;
		}
		pidfd = init_pidfd(container);
		if (container_signal(store, container, signal, &one) == 0) {
			*ret_pidfd = steal_fd(&pidfd);
			return 0;
		}
		if (now_ms() > end)
			return error_move(err, &one);
		(void)nanosleep(&pause, NULL);
	}
}

/* Before the end that the signal may bring. */
static void record_signal(struct store *store, const struct container *container,
	const struct container_stop_options *opts, int number)
{
	char text[12];

	snprintf(text, sizeof(text), "%d", number);
	if (opts->record_signals && container_is_running(container))
		event_container(store, container, "kill", text);
}

static int stop(struct store *store, struct container *container,
	const struct container_stop_options *opts, struct error **err)
{
	cleanup_close int pidfd = -1, killed_pidfd = -1;
	cleanup_error struct error *thawed = NULL;
	const char *name = signal_name((int)container->config->stop_signal);
	uint32_t timeout_s = opts->timeout_s;
	int result;

	if (container_is_running(container) && container_stop_request(container, err) < 0)
		return -1;
	if (timeout_s > 0) {
		record_signal(store, container, opts, (int)container->config->stop_signal);
		result = signal_settled(
			store, container, (int)container->config->stop_signal, &pidfd, err);
		if (result < 0)
			return error_wrap(err, "stop container '%s'", container->config->name);
		if (result > 0)
			return 0;
		/* It can do what the signal asks for only when it goes on. */
		if (container->status.state == CONTAINER_PAUSED &&
			container_pause(store, container, false, &thawed) < 0)
			log_warning("%s", thawed->message);
		if (wait_init(container, pidfd, (uint64_t)timeout_s * 1000))
			return container_wait(store, container, NULL, err);
		log_warning("StopSignal %s failed to stop container %s in %u seconds, resorting to "
			    "SIGKILL",
			name ? name : "", container->config->name, timeout_s);
	}
	record_signal(store, container, opts, SIGKILL);
	result = signal_settled(store, container, SIGKILL, &killed_pidfd, err);
	if (result < 0)
		return error_wrap(err, "stop container '%s'", container->config->name);
	return result > 0 ? 0 : container_wait(store, container, NULL, err);
}

int container_stop(struct store *store, struct container *container,
	const struct container_stop_options *opts, struct error **err)
{
	bool running = container_is_running(container);
	bool by_monitor =
		container->config->remove && container->status.state != CONTAINER_UNSUPERVISED;

	if (running && by_monitor && mark_stopped(container, err) < 0)
		return -1;
	if (stop(store, container, opts, err) < 0)
		return -1;
	if (running && !by_monitor)
		event_container(store, container, "stop", NULL);
	return 0;
}

static int stop_to_remove(struct store *store, struct container *container,
	const struct container_remove_options *opts, struct error **err)
{
	const struct container_stop_options stop_opts = {
		.timeout_s = opts->timeout_s, .record_signals = opts->killed};

	return opts->killed ? stop(store, container, &stop_opts, err)
			    : container_stop(store, container, &stop_opts, err);
}

/* Did the power go before the content of a file reached the disk? It is empty then, or has blocks
 * without content. */
static bool is_unwritten(int dir_fd, const char *name)
{
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char first = '\0';

	return fd >= 0 && read(fd, &first, 1) >= 0 && first == '\0';
}

int container_lock(struct container *container, bool wait, struct error **err)
{
	cleanup_close int lock_fd = -1;
	cleanup_error struct error *damage = NULL;
	struct timespec pause = {.tv_nsec = 1000000};

	for (;;) {
		cleanup_error struct error *one = NULL;

		lock_fd = lock_open(container->dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, &one);
		if (lock_fd >= 0)
			break;
		if (one->kind != ERR_CONFLICT)
			return error_move(err, &one);
		if (container_refresh(container, err) < 0)
			return -1;
		if (container->status.state == CONTAINER_RUNNING ||
			container->status.state == CONTAINER_RESTARTING ||
			container->status.state == CONTAINER_PAUSED)
			return error_set(err, ERR_CONFLICT, "container '%s' is %s",
				container->config->name,
				container_state_name(container->status.state));
		if (!wait)
			return error_set(err, ERR_CONFLICT,
				"container '%s' is in use by another command",
				container->config->name);
		/* Asked again and again rather than waited for in the kernel: whoever is next may
		 * start the container, and then it is not the lock that we wait for any more. */
		(void)nanosleep(&pause, NULL);
		pause.tv_nsec = MIN(pause.tv_nsec * 2, 16000000L);
	}
	if (container_refresh(container, &damage) < 0) {
		if (damage->kind != ERR_INVALID)
			return error_move(err, &damage);
		/* Ours alone now: what the last run left is dropped, or nobody could ever go on. */
		if (!is_unwritten(container->dir_fd, "run.json") &&
			!is_unwritten(container->dir_fd, "exit"))
			log_warning("%s: the record of its last run is dropped", damage->message);
		(void)unlinkat(container->dir_fd, "exit", 0);
		(void)unlinkat(container->dir_fd, "run.json", 0);
		if (container_refresh(container, err) < 0)
			return -1;
	}
	return steal_fd(&lock_fd);
}

static int still_running(const struct container_config *config, struct error **err)
{
	error_set(err, ERR_CONFLICT,
		"cannot remove container %s as it is running - running or paused containers cannot "
		"be removed without force: container state improper",
		config->id);
	return error_docker(err,
		"Error response from daemon: You cannot remove a running container %s. Stop the "
		"container before attempting removal or force remove",
		config->id);
}

/* What a killed monitor could not remove. */
static void remove_group(const struct container *container)
{
	const struct container_status *status = &container->status;
	cleanup_cgroup struct cgroup cgroup = CGROUP_INIT;
	cleanup_error struct error *one = NULL;
	char boot_id[BOOT_ID_LENGTH + 1];

	if (!status->cgroup || boot_id_get(boot_id, &one) < 0 ||
		strcmp(boot_id, status->boot_id) != 0)
		return;
	/* Mostly it is gone, and that is no news. */
	if (cgroup_open(status->cgroup, &cgroup, &one) == 0 &&
		cgroup_kill(&cgroup, SIGKILL, &one) == 0)
		(void)cgroup_destroy(&cgroup, &one);
}

int container_remove(struct store *store, struct container *container,
	const struct container_remove_options *opts, struct error **err)
{
	const struct container_config *config = container->config;
	cleanup_error struct error *one = NULL;
	cleanup_close int lock_fd = -1;
	char trash[80];

	if (container_refresh(container, err) < 0)
		return -1;
	if (container_is_running(container)) {
		if (!opts->force)
			return still_running(config, err);
		if (stop_to_remove(store, container, opts, err) < 0)
			return -1;
	}
	snprintf(trash, sizeof(trash), "rm-%s", config->id);
	/* A --rm container goes by itself at its end. */
	for (;;) {
		lock_fd = container_lock(container, true, &one);
		if (lock_fd >= 0)
			break;
		if (faccessat(store->containers_fd, config->id, F_OK, 0) < 0 && errno == ENOENT)
			return 0;
		if (!opts->force || one->kind != ERR_CONFLICT || !container_is_running(container))
			return error_move(err, &one);
		/* It was just being started when we looked. */
		error_free(steal_ptr(&one));
		if (stop_to_remove(store, container, opts, err) < 0)
			return -1;
	}
	remove_group(container);
	if (renameat(store->containers_fd, config->id, store->tmp_fd, trash) < 0) {
		if (errno == ENOENT)
			return 0;
		return error_errno(err, errno, "remove container '%s'", config->name);
	}
	names_release(store, config->name, config->id);
	/* A start may have been killed after its sockets and before its record. */
	store_forget_sockets(store, config->id);
	event_container(store, container, "remove", NULL);
	if (store_discard(store, trash, err) < 0)
		return error_wrap(err, "delete the files of container '%s'", config->name);
	for (size_t i = 0;
		opts->volumes && config->anonymous_volumes && config->anonymous_volumes[i]; i++) {
		cleanup_error struct error *failed = NULL;

		if (volume_remove(store, config->anonymous_volumes[i], &failed) < 0 &&
			failed->kind != ERR_NOT_FOUND)
			log_warning("%s", failed->message);
	}
	return 0;
}

int container_make_volumes(
	struct store *store, const struct container *container, struct error **err)
{
	const struct container_config *config = container->config;

	for (char **text = config->mounts; text && *text; text++) {
		struct container_mount mount;
		int fd = -1, status;

		if (parse_mount(*text, &mount, err) < 0)
			return error_wrap(err, "container.json");
		status = 0;
		if (mount.kind == CONTAINER_MOUNT_VOLUME)
			status = fd = volume_open(store, mount.source,
				strv_contains(config->anonymous_volumes, mount.source), err);
		close_keep_errno(fd);
		container_mount_clear(&mount);
		if (status < 0)
			return -1;
	}
	return 0;
}

static bool is_missing(int dir_fd)
{
	return faccessat(dir_fd, "container.json", F_OK, 0) < 0 && errno == ENOENT;
}

/* Records that never reached the disk: nobody was told of these containers, or they are --rm's. */
static void sweep_unwritten(struct store *store)
{
	cleanup_dir DIR *dir = dir_open_at(store->containers_fd, ".");
	struct dirent *entry;

	while (dir && (entry = dir_next(dir))) {
		cleanup_error struct error *ignored = NULL;
		cleanup_free char *name = NULL, *trash = xasprintf("rm-%s", entry->d_name);
		cleanup_close int dir_fd = -1;

		if (!hex_is_valid(entry->d_name, 64))
			continue;
		dir_fd = open_beneath(
			store->containers_fd, entry->d_name, O_RDONLY | O_DIRECTORY, 0);
		if (dir_fd < 0 || !(is_unwritten(dir_fd, "container.json") || is_missing(dir_fd)) ||
			lock_is_held(dir_fd, "lock") != 0 ||
			renameat(store->containers_fd, entry->d_name, store->tmp_fd, trash) < 0)
			continue;
		name = names_find(store->names_fd, entry->d_name);
		if (name)
			names_release(store, name, entry->d_name);
		if (store_discard(store, trash, &ignored) < 0)
			log_debug("%s", ignored->message);
	}
}

void container_sweep(struct store *store)
{
	const struct container_remove_options opts = {.volumes = true};
	cleanup_error struct error *failed = NULL;
	struct container **list = NULL;
	char boot_id[BOOT_ID_LENGTH + 1];
	size_t count = 0;

	sweep_unwritten(store);
	if (boot_id_get(boot_id, &failed) < 0 || container_list(store, &list, &count, &failed) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		cleanup_error struct error *one = NULL;

		if (list[i]->config->remove && list[i]->status.state == CONTAINER_EXITED &&
			strcmp(list[i]->status.boot_id, boot_id) != 0 &&
			container_remove(store, list[i], &opts, &one) < 0)
			log_debug("%s", one->message);
	}
	container_list_free(list, count);
}

int container_rename(struct store *store, const char *id, const char *name, struct error **err)
{
	cleanup_container struct container *container = NULL;
	cleanup_free char *old = NULL;
	cleanup_close int lock_fd = -1;

	if (container_name_check(name, err) < 0)
		return -1;
	/* The old name is taken away and all of settings.json written: as they are now. */
	lock_fd = names_lock(store, err);
	if (lock_fd < 0 || container_load(store, id, &container, err) < 0 ||
		names_claim_locked(store, name, id, err) < 0)
		return -1;
	old = container->config->name;
	container->config->name = xstrdup(name);
	if (container_settings_write(container, err) < 0) {
		names_release_locked(store, name, id);
		return error_wrap(err, "rename container '%s'", old);
	}
	names_release_locked(store, old, id);
	event_container(store, container, "rename", old);
	return fsync(store->names_fd) == 0
		       ? 0
		       : error_errno(err, errno, "sync the name of container '%s'", name);
}
