#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor/notify.h"
#include "runtime/runtime.h"
#include "util/error.h"

/*
 * From "the container runs" to "its monitor is the small program".
 *
 * The command forks the monitor process (own session, own stdio), which calls runtime_create(),
 * network_start(), runtime_start() in the memory of `pod`, and then executes
 * libexec/pod/pod-monitor (static, tens of KiB), which keeps the pid, the children and the
 * descriptors handed over. Everything it needs to know travels in one block in a memfd: struct
 * monitor_handover.
 */

#define MONITOR_HANDOVER_MAGIC   0x6e6d6f31u
#define MONITOR_HANDOVER_VERSION 1
#define MONITOR_LISTEN_FD        3 /* sd_listen_fds(3) */
#define MONITOR_HANDOVER_FD      0 /* stdin: the one number that is not handed over itself */
/* In a --rm container's directory: its anonymous volumes, 64 hex digits and a newline each. */
#define CONTAINER_ANONYMOUS_FILE "anonymous-volumes"
/* In the container's directory: it was asked to stop. With a restart policy no restart follows, of
 * a --rm container the monitor writes the event. Made by who asks, removed by the next start. */
#define CONTAINER_STOP_FILE "stop"
/* What the monitor executes to start the container again: NUL-terminated strings, the number of
 * arguments (decimal), those, then the environment. Lock, count and pause are added at the end. */
#define CONTAINER_RESTART_FILE "restart"
/* The plan of the health check (struct process_plan), and its results (container/health.h). */
#define CONTAINER_HEALTH_PLAN_FILE  "health-plan"
#define CONTAINER_STARTUP_PLAN_FILE "health-startup-plan"
#define CONTAINER_HEALTH_FILE       "health"
#define CONTAINER_HEALTH_LOG_MAX    5
#define RESTART_FILE_MAX            65536 /* bytes */
#define RESTART_WORDS_MAX           512
/* docker's: the pause before a restart, doubled each time, and what ends the doubling */
#define RESTART_BACKOFF_MS     100
#define RESTART_BACKOFF_MAX_MS 60000
#define RESTART_SETTLED_MS     10000 /* a run that lasted so long starts over with the first pause */
#define MONITOR_ID_MAX         64
#define MONITOR_NAME_MAX       255
#define MONITOR_PATH_MAX       4096

enum monitor_log_driver {
	LOG_DRIVER_K8S_FILE,
	LOG_DRIVER_JSON_FILE,
	LOG_DRIVER_NONE,
	LOG_DRIVER_JOURNALD,
};

enum monitor_restart { MONITOR_RESTART_NO, MONITOR_RESTART_ON_FAILURE, MONITOR_RESTART_ALWAYS };

/* What to do when a container becomes unhealthy. */
enum health_action {
	HEALTH_ACTION_NONE,
	HEALTH_ACTION_KILL,
	HEALTH_ACTION_RESTART,
	HEALTH_ACTION_STOP,
};

enum monitor_flags {
	MONITOR_TERMINAL = 1,
	MONITOR_STDIN_OPEN = 2,    /* -i: keep stdin open; else the process's stdin is /dev/null */
	MONITOR_REMOVE = 4,        /* --rm: record goes away at the end */
	MONITOR_LOSSLESS = 8,      /* first_client_fd is a foreground run's client: back-pressure */
	MONITOR_SHARE_USERNS = 16, /* listen on userns_listen_fd and hand out userns */
};

enum monitor_policy_flags {
	POLICY_HEALTH = 1,         /* there is a health check */
	POLICY_STARTUP = 2,        /* and one that must pass before it (--health-startup-cmd) */
	POLICY_HEALTH_CHANGED = 4, /* PROTOCOL_UPDATE: begin anew with the checks */
};

/* What the monitor does by itself. Known from the start, and may change while it runs. */
struct monitor_policy {
	uint32_t flags;                /* enum monitor_policy_flags */
	uint32_t restart, restart_max; /* enum monitor_restart; 0: without limit */
	/* Health check; interval 0: only when asked for; action: enum health_action */
	uint32_t health_interval_ms, health_timeout_ms;
	uint32_t health_start_period_ms, health_start_interval_ms;
	uint32_t health_retries, health_action;
	/* The one before; retries: failures that make it start again, 0 never */
	uint32_t startup_interval_ms, startup_timeout_ms, startup_retries, startup_success;
};

/* Descriptors are the numbers they have at exec (not close-on-exec then); -1 is none. */
struct monitor_handover {
	uint32_t magic, version, size, flags;
	int32_t init_pid;
	int32_t init_pidfd;
	int32_t lock_fd;          /* the container's lock: held until the last mount is gone */
	int32_t container_dir_fd; /* containers/<id> */
	int32_t containers_dir_fd, names_dir_fd, tmp_dir_fd; /* for --rm and the events file */
	int32_t runtime_dir_fd; /* where sockets are; removed at the end */
	int32_t listen_fd;      /* attach/control socket, bound and listening */
	int32_t userns_listen_fd;
	int32_t first_client_fd; /* connected client of the command that started us, -1 detached */
	int32_t terminal_fd;     /* pty master */
	int32_t stdin_fd, stdout_fd, stderr_fd; /* our ends of the pipes */
	/* containers/<id>/log opened O_APPEND, or the journal's socket (monitor/journal.h), -1 for
	 * none */
	int32_t log_fd;
	int32_t namespace_fds[NAMESPACE_COUNT];
	int32_t base_userns_fd; /* the container's is below this one, which is handed out; else -1
				 */
	int32_t cgroup_fd;
	int32_t answer_fd; /* where exec sessions' listeners go (runtime/single_id.h), -1 none */
	int32_t notify_fd; /* the container's notify socket, -1: not passed on */
	int32_t notify;    /* enum notify_mode */
	/* So many descriptors from MONITOR_LISTEN_FD on are kept for the container's next run. */
	uint32_t listen_fds;
	int32_t network_pidfd, network_exit_fd; /* slirp4netns: ends when exit_fd closes */
	int32_t network_pid;
	int32_t log_driver;
	uint64_t log_max_size_bytes; /* 0 unlimited */
	uint32_t log_max_files;
	uint32_t stop_signal, stop_timeout_s;
	uint32_t restart_count, restart_backoff_ms; /* so far; the last pause */
	struct monitor_policy policy;
	uint32_t timeout_s; /* init is killed after so long; 0 never */
	uint64_t started_realtime_ns;
	char id[MONITOR_ID_MAX + 1];
	char name[MONITOR_NAME_MAX + 1];
	char boot_id[37];
	char notify_socket[NOTIFY_SOCKET_MAX]; /* the service manager's, "": none */
	char control_socket[96]; /* "<id>.sock": names inside runtime_dir_fd, unlinked at the end */
	char userns_socket[96];  /* "userns-<map hash>.<id, 12 digits>" */
};

/** monitor_become() - exec libexec/pod/pod-monitor with HANDOVER; single-threaded, in the monitor
 * process. PROGRAM_FD was opened before the container was started (monitor_program_open()), so that
 * little can fail here. Returns only on failure. */
int monitor_become(int program_fd, const struct monitor_handover *handover, struct error **err);

/**
 * monitor_program_open() - the pod-monitor that belongs to the running pod (util/program.h)
 * @runtime_dir_fd: where running monitors' sockets are, -1: nobody to ask
 * Where its inode could be written by an id the container maps, a sealed copy in memory instead:
 * the one that a running monitor uses (checked byte by byte) or a new one. Returns: a descriptor,
 * close-on-exec.
 */
int monitor_program_open(int runtime_dir_fd, struct error **err);

/** monitor_socket_listen() - bind and listen on NAME in the directory, through /proc/self/fd/N/NAME
 * (the full path may not fit a sockaddr). SOCK_SEQPACKET, 0600. */
int monitor_socket_listen(int dir_fd, const char *name, struct error **err);
int monitor_socket_connect(int dir_fd, const char *name, struct error **err);
