#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "container/container_config.h"
#include "storage/store.h"
#include "util/error.h"

/*
 * A container's record and state. What is true is in containers/<id>/:
 *
 *   container.json  as created             lock  held (OFD) by whoever runs or changes it
 *   settings.json   newer name             run.json  the last start: boot, pids, start time
 *   exit            the last end; counts only when its startedAt is run.json's
 *   stop            asked to stop: no restart follows       restart  how the monitor starts it
 * again
 *
 * State follows from these: no run.json: created. A matching exit: exited. Else lock held: running;
 * lock free: the monitor was killed or the host restarted: exited with 137, or, where init is alive
 * all the same, running without a supervisor. A matching exit that says "restarting" with the lock
 * held: the monitor waits to start it again. Readers take no lock.
 */

enum container_state {
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_UNSUPERVISED, /* init runs, its monitor does not */
	CONTAINER_EXITED,
	CONTAINER_RESTARTING, /* ended; its monitor will start it again */
	CONTAINER_PAUSED,     /* running, and frozen */
};

/* settings.json, run.json and exit, as far as they exist. */
struct container_status {
	enum container_state state;
	char boot_id[37];
	pid_t init_pid, monitor_pid;
	uint64_t init_start_ticks, monitor_start_ticks; /* /proc/PID/stat */
	uint64_t started_ns, finished_ns;               /* CLOCK_REALTIME; 0 never */
	int exit_code;                                  /* 0..255, of the last end */
	bool oom_killed;
	uint32_t restart_count; /* by the restart policy, since a command started it */
	char *error;            /* why the last restart failed; NULL */
	bool ending;            /* exit is recorded, but the lock is still held: late unmounting */
	char *cgroup;           /* of this start (cgroup/cgroup.h); NULL none of its own */
	char **ports;           /* as published by this start, docker's -p syntax; NULL none */
};

struct container {
	struct container_config *config; /* config->name: the current name, settings.json applied */
	struct container_status status;
	int dir_fd; /* containers/<id> */
};

void container_free(struct container *container);
static inline void container_freep(struct container **container)
{
	container_free(*container);
}
#define cleanup_container __attribute__((cleanup(container_freep)))

const char *container_state_name(enum container_state state); /* "created" "running" "exited" */
static inline bool container_is_running(const struct container *container)
{
	return container->status.state == CONTAINER_RUNNING ||
	       container->status.state == CONTAINER_UNSUPERVISED ||
	       container->status.state == CONTAINER_RESTARTING ||
	       container->status.state == CONTAINER_PAUSED;
}

/** container_name_check() - [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 255. @err: ERR_INVALID in podman's
 * words */
int container_name_check(const char *name, struct error **err);

/**
 * container_find() - by name, full id, or unique id prefix
 * @err: ERR_NOT_FOUND "no container with name or ID \"x\" found: no such container",
 *       ERR_CONFLICT when the prefix is ambiguous
 */
int container_find(
	struct store *store, const char *name, struct container **ret, struct error **err);
/** container_find_id() - the id only: cheaper, the record is not read. OUT: 65 bytes. */
int container_find_id(struct store *store, const char *name, char out[65], struct error **err);
/**
 * container_find_any(), container_list_any() - containers whose record is damaged among them
 * Of such a one the id, the name as far as it can be told, and the state are right and nothing
 * else: it is for container_remove() only.
 */
int container_find_any(
	struct store *store, const char *name, struct container **ret, struct error **err);
int container_list_any(
	struct store *store, struct container ***ret, size_t *ret_count, struct error **err);
/** container_list_whole() - as container_list(), but a damaged record is an error: for whoever
 * deletes what no container uses. */
int container_list_whole(
	struct store *store, struct container ***ret, size_t *ret_count, struct error **err);
/** container_latest() - the most recently created one; ERR_NOT_FOUND when there is none. */
int container_latest(struct store *store, struct container **ret, struct error **err);
/** container_load() - record and state of ID (64 hex digits). */
int container_load(struct store *store, const char *id, struct container **ret, struct error **err);
/** container_list() - all, oldest first; what vanishes or is broken meanwhile is left out (a broken
 * record with a warning). Free each and the array. */
int container_list(
	struct store *store, struct container ***ret, size_t *ret_count, struct error **err);
void container_list_free(struct container **containers, size_t count);
/** container_refresh() - read the state again. */
int container_refresh(struct container *container, struct error **err);

/**
 * container_create() - commit a new record
 * @config: taken: complete but for id and (when NULL) name, which are filled in
 * @ret:    the container, and
 * @ret_lock_fd: its lock, held
 * @err: ERR_CONFLICT when the name is in use (podman's words), ERR_INVALID, ERR_SYSTEM
 */
int container_create(struct store *store, struct container_config *config, struct container **ret,
	int *ret_lock_fd, struct error **err);

/**
 * container_sync() - the record and its name last from now on, whatever happens to the power
 * Without it a container may be gone after a power cut, or be nothing but a damaged record that
 * container_sweep() takes away.
 */
int container_sync(struct store *store, const struct container *container, struct error **err);

/** container_make_volumes() - the volumes that the container names exist from now on, as after
 * podman's and docker's create; a start makes what is missing by itself. */
int container_make_volumes(
	struct store *store, const struct container *container, struct error **err);

/* What the command that starts a container wants of it. */
struct container_start_options {
	bool attach;                   /* a client connection is wanted */
	bool lossless;                 /* the client is a foreground run */
	int lock_fd;                   /* already held by the caller (taken over); -1: taken here */
	struct userns_request *userns; /* begun early by the caller (taken); NULL */
	uint16_t rows, columns;        /* of the terminal from the first moment on; 0: not known */
	const char *conmon_pidfile;    /* instead of the container's own; NULL */
};

/**
 * container_start() - run the container
 * Waits for late unmounting of an earlier run.
 * @ret_client_fd: connection to the monitor when opts->attach, else -1
 * @err: ERR_CONFLICT when it is running; ERR_NO_SUCH_COMMAND, ERR_CANNOT_INVOKE from execve; others
 */
int container_start(struct store *store, struct container *container,
	const struct container_start_options *opts, int *ret_client_fd, struct error **err);

/* How a monitor has its container started again: the arguments of the hidden command `pod
 * __restart`, which it executes itself as. */
struct container_restart_options {
	int lock_fd;         /* the container's lock, held all the while; taken over */
	uint32_t count;      /* of restarts since a command started it, this one included */
	uint32_t backoff_ms; /* the pause that went before */
};

/**
 * container_restart() - start CONTAINER in this process, which becomes its monitor
 * Does not return; what fails is recorded in `exit`.
 */
__attribute__((noreturn)) void container_restart(struct store *store, struct container *container,
	const struct container_restart_options *opts);

/** container_connect() - to a running container's monitor. @err: ERR_CONFLICT not running,
 * ERR_NOT_FOUND: the socket is gone (runtime directory lost) */
int container_connect(struct store *store, struct container *container, struct error **err);

/** container_signal() - to init. @err: ERR_CONFLICT "can only kill running containers..." */
int container_signal(
	struct store *store, struct container *container, int signal, struct error **err);

/** container_stop_request() - no restart follows the run's end; the signal is the caller's. A
 * monitor that waits to start the container again ends instead. @err: ERR_SYSTEM */
int container_stop_request(struct container *container, struct error **err);

/** container_stop_forget() - that a stop was asked for: of a container that has ended. */
void container_stop_forget(struct container *container);

/** container_starts_at_boot() - by its restart policy: always, or unless-stopped and nobody has
 * stopped it since its last start. */
bool container_starts_at_boot(const struct container *container);

/** container_wait() - until it has ended and its end is recorded; its last mount may still be
 * there. @ret_exit may be NULL. Returns at once when it is not running. */
int container_wait(
	struct store *store, struct container *container, int *ret_exit, struct error **err);

struct container_stop_options {
	uint32_t timeout_s;  /* from its stop signal to SIGKILL; 0: SIGKILL at once */
	bool record_signals; /* as events, which docker has and podman has not */
};

/** container_stop() - fine when not running. Records the event; for a --rm container its monitor
 * does, which says, too, that it was removed. */
int container_stop(struct store *store, struct container *container,
	const struct container_stop_options *opts, struct error **err);

/**
 * container_pause() - freeze all of the container's processes, or (PAUSE false) let them go on
 * @err: ERR_CONFLICT in podman's words: not running, paused already, not paused;
 *       ERR_UNSUPPORTED: it has no control group of its own
 */
int container_pause(
	struct store *store, struct container *container, bool pause, struct error **err);

/* What is to change; NULL: stays as it is. */
struct cgroup_resources;
struct health_request;
struct container_update_request {
	const struct cgroup_resources *resources;
	const char *restart_policy;
	const struct health_request *health;
};

/**
 * container_update() - change container ID, running or not; what is changed lasts over starts
 * @err: ERR_UNSUPPORTED: it runs without the control group or the controller; ERR_INVALID: the
 * kernel refuses a value; ERR_USAGE: a check or policy that makes no sense for this container. Then
 * nothing is recorded.
 */
int container_update(struct store *store, const char *id,
	const struct container_update_request *change, struct error **err);

/** container_cgroup_open() - the group that the container runs in. @err: ERR_CONFLICT not running,
 * ERR_UNSUPPORTED none of its own, with the remedy */
struct cgroup;
int container_cgroup_open(
	const struct container *container, struct cgroup *ret, struct error **err);

struct container_remove_options {
	bool force;   /* stop it first */
	bool volumes; /* anonymous volumes too */
	bool killed;  /* the events are docker's: it was killed, not stopped */
	uint32_t timeout_s;
};
/** container_remove() - @err: ERR_CONFLICT when running and not force */
int container_remove(struct store *store, struct container *container,
	const struct container_remove_options *opts, struct error **err);

/** container_sweep() - remove --rm containers that ended with the host, for their monitors could
 * not, and records that never reached the disk. What cannot be removed stays for the next time. */
void container_sweep(struct store *store);

/** container_rename() - @id: 64 hex digits; @err: ERR_INVALID, ERR_CONFLICT the name is in use */
int container_rename(struct store *store, const char *id, const char *name, struct error **err);

/** container_lock() - take the container's lock; WAIT for a late unmount or a change under way.
 * @err: ERR_CONFLICT when it is running (or, without WAIT, locked) */
int container_lock(struct container *container, bool wait, struct error **err);

/** container_uses_image() - for rmi: the first one that does; *ret_id NULL when none; owned. */
int container_uses_image(
	struct store *store, const char *image_id, char **ret_id, struct error **err);
