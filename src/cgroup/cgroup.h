#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup/resources.h"
#include "util/error.h"

/*
 * A container's control group in the unified hierarchy (cgroup v2). On a host that has the version
 * 1 controllers mounted, the unified hierarchy has none: groups can be made, frozen and killed
 * there, and limits are refused.
 *
 * Paths are absolute below the root of the hierarchy as this process's cgroup namespace shows it
 * ("/user.slice/x"), never paths of a file system, and never contain "..".
 *
 * Two managers make groups:
 *
 *   cgroupfs   makes the directory below a parent that the caller may write to: a delegated group
 *              that it is in already, or a path it was given.
 *   systemd    asks the manager (of the user, or of the system for real root) for a transient scope
 *              with Delegate=yes around the calling process, which then moves into
 *              `supervisor` below the scope, and the container gets `container`.
 */

enum cgroup_manager {
	CGROUP_MANAGER_AUTO, /* systemd where its manager can be reached, else cgroupfs */
	CGROUP_MANAGER_SYSTEMD,
	CGROUP_MANAGER_CGROUPFS,
};

const char *cgroup_manager_name(enum cgroup_manager manager);
/** cgroup_manager_parse() - "systemd" or "cgroupfs". @err: ERR_USAGE */
int cgroup_manager_parse(const char *text, enum cgroup_manager *ret, struct error **err);

/* A group that is there. CGROUP_INIT is none. */
struct cgroup {
	int fd; /* its directory (O_RDONLY | O_DIRECTORY): CLONE_INTO_CGROUP, and files by openat */
	char *path; /* owned */
	char *unit; /* the scope it is in, owned; NULL with cgroupfs */
};
#define CGROUP_INIT ((struct cgroup){.fd = -1})
void cgroup_clear(struct cgroup *cgroup);
#define cleanup_cgroup __attribute__((cleanup(cgroup_clear)))

/** cgroup_unified_mount() - the directory where the unified hierarchy is mounted, wherever that is;
 * owned; NULL when there is none. */
char *cgroup_unified_mount(void);

/**
 * cgroup_own_path() - the group that the calling process is in
 * @err: ERR_UNSUPPORTED: no unified hierarchy, or the process is outside of what its cgroup
 *       namespace shows
 */
int cgroup_own_path(char **ret, struct error **err);

/** cgroup_in_service() - is the calling process in a service of the manager that would make its
 * scopes? That watches it by its group, and it may put processes into its scopes from there. */
bool cgroup_in_service(void);

/* What is asked of a manager. */
struct cgroup_request {
	enum cgroup_manager manager;
	/*
	 * Where. NULL: the manager's default. Else, as "cgroupsPath" and --cgroup-parent have it:
	 *   cgroupfs   a path of a group: absolute from the hierarchy's root, or relative to the
	 *              default parent. Missing groups on the way are made.
	 *   systemd    "slice:prefix:name" (config-linux.md leaves it to the runtime; runc's and
	 * crun's form): scope prefix-name.scope in that slice, each part may be empty.
	 */
	const char *path;
	/* Name of what is made where PATH does not say it: "pod-<id>". Letters, digits, "-_.". */
	const char *name;
	/* Controllers that will be needed, as of cgroup_controllers_needed(). */
	unsigned int controllers;
	/* Cgroupfs without PATH, and the parent has processes, so that its controllers cannot be
	 * handed on: may these be moved into a group `supervisor` beside the container's? */
	bool may_move_others;
	/* Systemd: the calling process stays in its own group, a service's: only the container is
	 * in the scope. Cgroupfs: it always does. */
	bool stay;
	/* From cgroup_begin() with the same request; borrowed, NULL: not begun early. */
	struct cgroup_pending *pending;
};

/** cgroup_manager_choose() - what AUTO comes to here; others as they are. */
enum cgroup_manager cgroup_manager_choose(enum cgroup_manager wanted);

/**
 * cgroup_begin() - start the systemd manager's helper early, beside other work
 * It costs a few milliseconds to start and connect. cgroup_create() gives it the rest, in this
 * process or in one forked from it. Only with the systemd manager (cgroup_manager_choose()).
 * @ret: cgroup_pending_free() it in the process that began, when cgroup_create() is over
 * @err: ERR_UNSUPPORTED: no manager can be reached; ERR_INVALID: path or name
 */
struct cgroup_pending;
int cgroup_begin(const struct cgroup_request *req, struct cgroup_pending **ret, struct error **err);
void cgroup_pending_free(struct cgroup_pending *pending);

/* enum cgroup_controller as bits 1 << n */
enum cgroup_controller {
	CGROUP_CONTROLLER_CPU,
	CGROUP_CONTROLLER_CPUSET,
	CGROUP_CONTROLLER_IO,
	CGROUP_CONTROLLER_MEMORY,
	CGROUP_CONTROLLER_PIDS,
	CGROUP_CONTROLLER_HUGETLB,
	CGROUP_CONTROLLER_RDMA,
	CGROUP_CONTROLLER_MISC,
	CGROUP_CONTROLLER_COUNT,
};
const char *cgroup_controller_name(enum cgroup_controller controller);

/** cgroup_controllers_needed() - by what RESOURCES (may be NULL) give. */
unsigned int cgroup_controllers_needed(const struct cgroup_resources *resources);
/** cgroup_controllers() - those that the group has. */
unsigned int cgroup_controllers(const struct cgroup *cgroup);

/**
 * cgroup_create() - make a group for a container
 * @req: CGROUP_MANAGER_AUTO is decided here
 * @ret: filled on success, cgroup_clear() it; the group is empty (or, given by PATH, may exist and
 *       hold processes already, as the specification has it)
 * @err: ERR_UNSUPPORTED: no unified hierarchy; ERR_SYSTEM with EACCES, EPERM or EROFS: not
 * delegated to the caller; others. Nothing is left then.
 *
 * With systemd the helper program libexec/pod/pod-systemd is run. The calling process changes its
 * own group. Controllers that cannot be had are no error here, but cgroup_apply()'s.
 */
int cgroup_create(const struct cgroup_request *req, struct cgroup *ret, struct error **err);

/** cgroup_open() - a group that was made before, by its path. @err: ERR_NOT_FOUND when it is gone
 */
int cgroup_open(const char *path, struct cgroup *ret, struct error **err);

/**
 * cgroup_reach() - see to it that this process can start others in the group
 * The kernel asks for the right to write to the group that both have above them, which a session of
 * an ordinary user has not: where the group is in a scope, the service manager is asked to move
 * this process into the scope's `supervisor`.
 * @err: ERR_SYSTEM: neither can be
 */
int cgroup_reach(const struct cgroup *cgroup, struct error **err);

/**
 * cgroup_apply() - set limits, of a new group or of one in use (update)
 * @err: ERR_UNSUPPORTED: the controller is not there, named, with the remedy; ERR_INVALID: the
 *       kernel refuses a value, named; ERR_SYSTEM
 * Device rules are not part of it: cgroup_devices_apply() in cgroup/devices.h.
 */
int cgroup_apply(
	const struct cgroup *cgroup, const struct cgroup_resources *resources, struct error **err);

/** cgroup_attach() - move a process into the group. */
int cgroup_attach(const struct cgroup *cgroup, pid_t pid, struct error **err);

/** cgroup_freeze() - stop (or let go on) all processes in the group, and wait, at most a few
 * seconds, until they have stopped. @err: ERR_SYSTEM, ETIMEDOUT */
int cgroup_freeze(const struct cgroup *cgroup, bool frozen, struct error **err);
bool cgroup_is_frozen(const struct cgroup *cgroup);

/** cgroup_kill() - send SIGNAL to every process in the group and the groups below; SIGKILL takes
 * new ones too (cgroup.kill, Linux 5.14; before, in rounds). */
int cgroup_kill(const struct cgroup *cgroup, int signal, struct error **err);

/** cgroup_processes() - all in the group and the groups below, as this pid namespace numbers them;
 * those that it does not see are left out. Owned. */
int cgroup_processes(
	const struct cgroup *cgroup, pid_t **ret, size_t *ret_count, struct error **err);

/** cgroup_destroy() - remove the group and the groups below. Their processes must have ended; ends
 * that are under way are waited for, at most a few seconds. Fine when it is gone already. */
int cgroup_destroy(const struct cgroup *cgroup, struct error **err);

/* What was used, and the limits that apply. Numbers the kernel does not give are UINT64_MAX. */
struct cgroup_stats {
	uint64_t cpu_usage_us, cpu_user_us, cpu_system_us;
	uint64_t cpu_periods, cpu_throttled_periods, cpu_throttled_us;
	uint64_t memory_usage, memory_max_usage, memory_limit; /* bytes; limit UINT64_MAX: none */
	uint64_t memory_swap_usage, memory_swap_limit;
	uint64_t memory_inactive_file, memory_file, memory_anon, memory_kernel;
	uint64_t memory_low, memory_high, memory_max_events, memory_oom, memory_oom_kill;
	uint64_t pids_current, pids_limit;
	uint64_t io_read_bytes, io_write_bytes, io_reads, io_writes; /* all devices together */
};

/** cgroup_stats_read() - files that are not there leave their members at UINT64_MAX. */
int cgroup_stats_read(const struct cgroup *cgroup, struct cgroup_stats *ret, struct error **err);
