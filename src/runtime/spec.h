#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * The OCI runtime specification's config.json as C structs (runtime-spec 1.2, config.md and
 * config-linux.md). src/container/ fills one in memory for `pod run` (nothing is parsed on the
 * start path) and writes it out as config.json; `pod oci` will parse one from a bundle.
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
};

struct runtime_rlimit {
	int resource;        /* RLIMIT_* */
	uint64_t soft, hard; /* RLIM_INFINITY is UINT64_MAX */
};

struct runtime_device {
	char *path;
	char type; /* 'c' 'b' 'u' 'p' */
	int64_t major, minor;
	uint32_t file_mode; /* 0 with !has_file_mode */
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
	struct runtime_rlimit *rlimits;
	size_t rlimit_count;
	bool no_new_privileges;
	int oom_score_adj;
	bool has_oom_score_adj;
};

enum rootfs_propagation {
	PROPAGATION_DEFAULT,
	PROPAGATION_PRIVATE,
	PROPAGATION_SLAVE,
	PROPAGATION_SHARED,
	PROPAGATION_UNBINDABLE
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
	/* Seccomp: NULL none; else the compiled BPF program (see seccomp.h). The OCI object it came
	 * from is kept as text for config.json and inspect. */
	struct seccomp_program *seccomp;
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

/** runtime_spec_write() - config.json's text (runtime-spec 1.2 schema); owned. */
char *runtime_spec_write(const struct runtime_spec *spec);
