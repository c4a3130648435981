#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oci/container.h"
#include "oci/create.h"
#include "oci/group.h"
#include "oci/processes.h"
#include "runtime/hooks.h"
#include "runtime/intel_rdt.h"
#include "runtime/runtime.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/str.h"

#define KILL_WAIT_MS 10000 /* for init to be gone after SIGKILL */

static int open_locked(const struct oci_root *root, const char *id, struct oci_container *container,
	int *ret_lock, struct error **err)
{
	cleanup_close int lock_fd = -1;
	cleanup_oci_container struct oci_container opened = OCI_CONTAINER_NONE;

	if (oci_container_open(root, id, &opened, err) < 0)
		return -1;
	lock_fd = lock_open(opened.dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_WAIT, err);
	if (lock_fd < 0)
		return -1;
	/* It may have gone while we waited. */
	if (faccessat(opened.dir_fd, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, ERR_NOT_FOUND, "container '%s' does not exist", id);
	*container = opened;
	opened = OCI_CONTAINER_NONE;
	*ret_lock = steal_fd(&lock_fd);
	return 0;
}

/* -------- start -------- */

static int run_poststart(const struct oci_container *container, struct error **err)
{
	const struct oci_record *record = &container->record;
	cleanup_runtime_spec struct runtime_spec *spec = NULL;
	const struct runtime_state state = oci_record_state(record, "running");
	cleanup_free char *text = NULL;

	if (!record->has_hooks)
		return 0;
	spec = oci_config_read(container->dir_fd, "config.json", NULL, NULL, err);
	if (!spec)
		return -1;
	text = runtime_state_text(&state);
	return hooks_run(&spec->hooks[HOOK_POSTSTART], HOOK_POSTSTART, text, err);
}

/* Few have one: their configuration is read then only. */
struct start {
	const struct oci_container *container;
	struct runtime_spec *spec;
};

static void start_clear(struct start *start)
{
	runtime_spec_free(start->spec);
}

static int find_seccomp(struct runtime_instance *instance, void *data, struct error **err)
{
	struct start *start = data;

	start->spec = oci_config_read(start->container->dir_fd, "config.json", NULL, NULL, err);
	if (!start->spec)
		return -1;
	instance->seccomp = start->spec->seccomp;
	return 0;
}

int oci_start(const struct oci_root *root, const char *id, struct error **err)
{
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	__attribute__((cleanup(start_clear))) struct start start = {.container = &container};
	struct runtime_instance instance;
	cleanup_error struct error *why = NULL;
	cleanup_close int lock_fd = -1;

	if (open_locked(root, id, &container, &lock_fd, err) < 0)
		return -1;
	if (runtime_connect(container.dir_fd, "start", &instance, &why) < 0) {
		enum oci_status status = oci_container_status(&container);

		if (why->kind != ERR_CONFLICT)
			return error_move(err, &why);
		return error_set(err, ERR_CONFLICT, "cannot start container '%s' in state '%s'", id,
			oci_status_word(status));
	}
	instance.id = id;
	instance.bundle = container.record.bundle;
	instance.annotations = container.record.annotations;
	instance.init_pid = container.record.pid;
	instance.find_seccomp = find_seccomp;
	instance.find_data = &start;
	if (runtime_start(&instance, err) < 0)
		return -1;
	runtime_instance_destroy(&instance);
	(void)unlinkat(container.dir_fd, "start", 0); /* nobody answers there any more */
	if (run_poststart(&container, err) < 0) {
		cleanup_close int pidfd = oci_container_pidfd(&container);

		if (pidfd >= 0)
			(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		return -1;
	}
	return 0;
}

/* -------- kill -------- */

int oci_kill(const struct oci_root *root, const char *id, int signal, bool all, struct error **err)
{
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	cleanup_close int pidfd = -1;

	if (oci_container_open(root, id, &container, err) < 0)
		return -1;
	pidfd = oci_container_pidfd(&container);
	if (all)
		return oci_signal_all(&container, pidfd, signal, err);
	if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0) {
		if (pidfd < 0 || errno == ESRCH)
			return error_set(
				err, ERR_CONFLICT, "container '%s': container not running", id);
		return error_errno(err, errno, "signal container '%s'", id);
	}
	/* A frozen process would get it only when it thaws; SIGKILL must end it now. */
	if (signal == SIGKILL)
		oci_group_thaw(&container.record);
	return 0;
}

/* -------- delete -------- */

/* SIGKILL and the end of init. */
static int kill_and_wait(const struct oci_container *container, struct error **err)
{
	cleanup_close int pidfd = oci_container_pidfd(container);
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	int n;

	if (pidfd < 0)
		return 0;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return error_errno(err, errno, "kill container '%s'", container->record.id);
	oci_group_thaw(&container->record);
	do
		n = poll(&end, 1, KILL_WAIT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return error_set(err, ERR_SYSTEM,
			"container '%s' does not end although it was killed: a process waits for "
			"the kernel; see 'cat /proc/%d/stack'",
			container->record.id, (int)container->record.pid);
	return 0;
}

static void run_poststop(
	const struct oci_record *record, const struct runtime_spec *spec, char ***warnings)
{
	const struct runtime_state state = oci_record_state(record, "stopped");
	cleanup_free char *text = runtime_state_text(&state);

	hooks_run_all(&spec->hooks[HOOK_POSTSTOP], HOOK_POSTSTOP, text, warnings);
}

/* Nothing depends on it: what cannot be removed is left for the administrator. */
static void remove_cache_class(const struct oci_record *record, const struct runtime_spec *spec)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int fd = intel_rdt_root(&ignored);

	if (fd >= 0)
		intel_rdt_remove(fd, &spec->intel_rdt, record->id);
}

int oci_container_destroy(const struct oci_root *root, const struct oci_container *container,
	char ***warnings, struct error **err)
{
	cleanup_runtime_spec struct runtime_spec *spec = NULL;
	cleanup_error struct error *why = NULL;

	if (oci_group_remove(&container->record, err) < 0)
		return error_wrap(err, "container '%s'", container->record.id);
	if (container->record.has_hooks)
		spec = oci_config_read(container->dir_fd, "config.json", NULL, NULL, &why);
	/* From here on it does not exist any more. */
	if (unlinkat(container->dir_fd, "state.json", 0) < 0 && errno != ENOENT)
		return error_errno(
			err, errno, "remove the record of container '%s'", container->record.id);
	if (spec && spec->intel_rdt.set)
		remove_cache_class(&container->record, spec);
	if (spec)
		run_poststop(&container->record, spec, warnings);
	return oci_sweep(root, container->record.id, container->dir_fd, err);
}

/* What a killed create or delete left, when nobody works on it. */
static int delete_leftover(const struct oci_root *root, const char *id, struct error **err)
{
	cleanup_close int lock_fd = -1, dir_fd = -1;

	dir_fd = openat(root->fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return 0;
	lock_fd = lock_open(dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_WAIT, err);
	if (lock_fd < 0)
		return -1;
	if (faccessat(dir_fd, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, ERR_CONFLICT, "container '%s' was made meanwhile", id);
	return oci_sweep(root, id, dir_fd, err);
}

int oci_delete(const struct oci_root *root, const char *id, bool force, char ***warnings,
	struct error **err)
{
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	cleanup_error struct error *why = NULL;
	cleanup_close int lock_fd = -1;
	enum oci_status status;

	if (open_locked(root, id, &container, &lock_fd, &why) < 0) {
		if (why->kind == ERR_NOT_FOUND && force)
			return delete_leftover(root, id, err);
		return error_move(err, &why);
	}
	status = oci_container_status(&container);
	if (!force && (status == OCI_RUNNING || status == OCI_PAUSED))
		return error_set(err, ERR_CONFLICT,
			"cannot delete container '%s' that is not stopped: %s", id,
			oci_status_word(status));
	if (kill_and_wait(&container, err) < 0)
		return -1;
	return oci_container_destroy(root, &container, warnings, err);
}
