#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * The OCI runtime specification's config.json as C structs (runtime-spec 1.3, config.md and
 * config-linux.md). src/container/ fills one in memory for `pod run` (nothing is parsed on the
 * start path) and writes it out as config.json; `pod oci` reads one from a bundle.
 * All pointers are owned by the struct: runtime_spec_free(). Strings are absolute or spec words
 * where the specification says so; they may come from images and are hostile.
 */

#define OCI_VERSION "1.2.0"

enum namespace_type {
	NAMESPACE_USER,
	NAMESPACE_MOUNT,
	NAMESPACE_PID,
	NAMESPACE_NETWORK,
	NAMESPACE_IPC,
	NAMESPACE_UTS,
	NAMESPACE_CGROUP,
	NAMESPACE_TIME,
	NAMESPACE_COUNT,
};

/* How the container gets a namespace of a type. */
enum namespace_mode {
	NAMESPACE_INHERIT, /* not listed: the caller's */
	NAMESPACE_NEW,
	NAMESPACE_JOIN, /* path or fd given */
};

struct runtime_namespace {
	enum namespace_mode mode;
	char *path; /* JOIN by path; NULL when joined by fd */
	int fd;     /* JOIN by descriptor (borrowed); -1 otherwise. Not part of config.json. */
};

struct runtime_id_range {
	uint32_t container_id, host_id, size;
};

/* OCI "mounts" entry. Options are the spec's words ("ro", "nosuid", "rbind", "mode=755" ...). */
struct runtime_mount {
	char *destination;
	char *type;   /* NULL: bind when options say so */
	char *source; /* NULL: none */
	char **options;
	/* Engine-made sources may be given as a descriptor instead (borrowed; -1: use source). Not
	 * in config.json. */
	int source_fd;
	/* Ids of the mount ("idmap"): container_id is as on the file system, host_id as shown. With
	 * the words idmap or ridmap and none of them, the container's user namespace is used. */
	struct runtime_id_range *uid_mappings, *gid_mappings;
	size_t uid_mapping_count, gid_mapping_count;
};

struct runtime_rlimit {
	int resource;        /* RLIMIT_* */
	uint64_t soft, hard; /* RLIM_INFINITY is UINT64_MAX */
};

struct runtime_device {
	char *path;
	char type; /* 'c' 'b' 'u' 'p' */
	int64_t major, minor;
	uint32_t file_mode; /* permission bits; 0 with !has_file_mode */
	bool has_file_mode;
	uint32_t uid, gid;
};

enum capability_set {
	CAPABILITY_BOUNDING,
	CAPABILITY_EFFECTIVE,
	CAPABILITY_INHERITABLE,
	CAPABILITY_PERMITTED,
	CAPABILITY_AMBIENT,
	CAPABILITY_SET_COUNT,
};

/* process.scheduler, as sched_setattr(2) takes it */
struct runtime_scheduler {
	bool set;
	uint32_t policy; /* SCHED_* */
	int32_t nice;
	uint32_t priority;
	uint64_t flags; /* SCHED_FLAG_* */
	uint64_t runtime_ns, deadline_ns, period_ns;
};

/* linux.memoryPolicy, as set_mempolicy(2) takes it */
struct runtime_memory_policy {
	bool set;
	int mode;    /* MPOL_* with MPOL_F_* */
	char *nodes; /* "0-1,3", NULL: none */
};

/* Lifecycle hooks (hooks.h). */
enum hook_point {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_POINT_COUNT,
};

struct runtime_hook {
	char *path;         /* absolute */
	char **args, **env; /* args NULL: the path alone; env NULL: empty */
	uint32_t timeout_s; /* 0: none */
};

struct runtime_hooks {
	struct runtime_hook *items;
	size_t count, capacity;
};

struct runtime_process {
	bool terminal;
	uint16_t console_height, console_width; /* 0: leave */
	/* User: either numeric (user == NULL), or the engine's "name[:group]" string, which is
	 * looked up in the container's own /etc/passwd and /etc/group after its root is in place;
	 * then uid, gid and the home directory come from there (supplementary groups too). */
	char *user;
	uint32_t uid, gid;
	uint32_t *additional_gids;
	size_t additional_gid_count;
	char **additional_groups; /* names or numbers, looked up likewise (--group-add) */
	int umask;                /* -1: 0022 */
	char **args;
	char **env; /* "NAME=value"; HOME is added from passwd when absent */
	char *cwd;  /* absolute */
	uint64_t capabilities[CAPABILITY_SET_COUNT]; /* bit N is capability N */
	/* effective, permitted and ambient are cleared for a non-root user unless kept here */
	bool capabilities_for_user; /* --cap-add given explicitly together with a user: keep them */
	bool capabilities_held;     /* those that cannot be had are left out */
	char **unknown_capabilities; /* in config.json, with their places: left out, too */
	struct runtime_rlimit *rlimits;
	size_t rlimit_count;
	bool no_new_privileges;
	int oom_score_adj;
	bool has_oom_score_adj;
	char *apparmor_profile; /* NULL: none */
	char *selinux_label;    /* NULL: none */
	bool has_io_priority;
	uint16_t io_priority; /* as ioprio_set(2) takes it: class << 13 | level */
	struct runtime_scheduler scheduler;
	/* execCPUAffinity, for processes that join ("0-3,7"); NULL: leave */
	char *initial_cpus, *final_cpus;
	/* linux.personality and linux.memoryPolicy: for all processes of the container */
	bool has_personality;
	uint32_t personality; /* PER_* */
	struct runtime_memory_policy memory_policy;
};

enum rootfs_propagation {
	PROPAGATION_DEFAULT,
	PROPAGATION_PRIVATE,
	PROPAGATION_RPRIVATE,
	PROPAGATION_SLAVE,
	PROPAGATION_RSLAVE,
	PROPAGATION_SHARED,
	PROPAGATION_RSHARED,
	PROPAGATION_UNBINDABLE,
	PROPAGATION_RUNBINDABLE,
};

/* linux.timeOffsets of one clock */
struct runtime_time_offset {
	bool set;
	int64_t seconds;
	uint32_t nanoseconds;
};

/* linux.intelRdt (resctrl) */
struct runtime_intel_rdt {
	bool set;
	char *clos_id, *l3_cache_schema, *mem_bw_schema; /* NULL: none */
	char **schemata;
	bool enable_monitoring; /* enableMonitoring, or the older enableCMT and enableMBM */
};

/* linux.netDevices: an interface of the caller's network that moves into the container's */
struct runtime_net_device {
	char *host_name;
	char *name; /* in the container; NULL: the same */
};

struct runtime_spec {
	struct runtime_process process;
	char *root_path; /* of a bundle; NULL when the engine gives a root mounter */
	bool root_readonly;
	enum rootfs_propagation rootfs_propagation;
	char *hostname;   /* NULL: leave */
	char *domainname; /* NULL: leave */
	struct runtime_mount *mounts;
	size_t mount_count, mount_capacity;
	struct runtime_namespace namespaces[NAMESPACE_COUNT];
	struct runtime_id_range *uid_mappings, *gid_mappings;
	size_t uid_mapping_count, gid_mapping_count;
	struct runtime_device *devices;
	size_t device_count, device_capacity;
	char **masked_paths, **readonly_paths;
	char **sysctl; /* "name=value" */
	char *cgroups_path;
	/* linux.resources as JSON text, checked to be an object; src/cgroup/ reads it. NULL: none
	 */
	char *resources;
	/* Seccomp: NULL none; else the compiled BPF program, with its OCI object as text, for
	 * config.json and inspect (see seccomp.h). */
	struct seccomp_program *seccomp;
	char *mount_label; /* SELinux context for the file systems that are mounted; NULL: none */
	struct runtime_time_offset monotonic_offset, boottime_offset;
	struct runtime_intel_rdt intel_rdt;
	struct runtime_net_device *net_devices;
	size_t net_device_count;
	char **annotations; /* "name=value" */
	struct runtime_hooks hooks[HOOK_POINT_COUNT];
	bool privileged; /* engine: host devices, no masks; written out as its effects */
};

/** runtime_spec_new() - all defaults as an empty config.json has; namespaces inherit, fds -1. */
struct runtime_spec *runtime_spec_new(void);
void runtime_spec_free(struct runtime_spec *spec);
static inline void runtime_spec_freep(struct runtime_spec **spec)
{
	runtime_spec_free(*spec);
}
#define cleanup_runtime_spec __attribute__((cleanup(runtime_spec_freep)))

/** runtime_spec_add_mount() - append; all strings are copied, OPTIONS is "a,b,c" or NULL. */
struct runtime_mount *runtime_spec_add_mount(struct runtime_spec *spec, const char *destination,
	const char *type, const char *source, const char *options);

/**
 * runtime_spec_write() - config.json's text (runtime-spec 1.3 schema); owned
 * What the engine knows beyond the specification (a user by name, that a user may keep its
 * capabilities) goes into a member "run.pod", from which runtime_spec_read() takes it back.
 */
char *runtime_spec_write(const struct runtime_spec *spec);

#define RUNTIME_SPEC_MAX (16u << 20) /* bytes of a config.json */

/**
 * runtime_spec_read() - parse a config.json
 * @text, @len: untrusted
 * @ret:        owned, free with runtime_spec_free(). Capabilities are meant exactly as they are
 *              given (capabilities_for_user). seccomp is compiled.
 * @err:        ERR_INVALID: "config.json: <member's path>: ..."; ERR_UNSUPPORTED: a member of the
 *              specification that is not honoured here, with its path
 *
 * Everything that the specification defines for Linux is honoured or refused; members it does not
 * define are ignored, as it asks for.
 */
int runtime_spec_read(const char *text, size_t len, struct runtime_spec **ret, struct error **err);

/** runtime_process_read() - the same for a process object alone ("exec --process"): into PROCESS,
 * which must be as runtime_process_init() left it; runtime_process_clear() frees what it has. */
int runtime_process_read(
	const char *text, size_t len, struct runtime_process *process, struct error **err);
/** runtime_process_inherit() - what SPEC has for all processes of the container goes into PROCESS,
 * which joins it. */
void runtime_process_inherit(struct runtime_process *process, const struct runtime_spec *spec);
void runtime_process_init(struct runtime_process *process);
void runtime_process_clear(struct runtime_process *process);
