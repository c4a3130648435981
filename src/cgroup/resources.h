#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/json.h"

/*
 * linux.resources of the OCI runtime specification (config-linux.md, "Control groups") as one
 * struct, in the specification's own units; src/cgroup/apply.h knows what they are called in cgroup
 * v2. What only version 1 of the control groups can do (kernel memory, swappiness, network class,
 * real-time budgets) is refused when the text is parsed, with the member's path.
 */

/* Which members were given. */
enum cgroup_resource {
	CGROUP_MEMORY_LIMIT = 1 << 0,
	CGROUP_MEMORY_SWAP = 1 << 1,
	CGROUP_MEMORY_RESERVATION = 1 << 2,
	CGROUP_CPU_SHARES = 1 << 3,
	CGROUP_CPU_QUOTA = 1 << 4,
	CGROUP_CPU_PERIOD = 1 << 5,
	CGROUP_CPU_BURST = 1 << 6,
	CGROUP_CPU_IDLE = 1 << 7,
	CGROUP_PIDS_LIMIT = 1 << 8,
	CGROUP_IO_WEIGHT = 1 << 9,
};

/* linux.resources.devices: later rules win over earlier ones. */
struct cgroup_device_rule {
	bool allow;
	char type;            /* 'a' all, 'b', 'c' */
	int64_t major, minor; /* -1: any */
	unsigned int access;  /* enum cgroup_device_access */
};

enum cgroup_device_access {
	CGROUP_DEVICE_MKNOD = 1,
	CGROUP_DEVICE_READ = 2,
	CGROUP_DEVICE_WRITE = 4
};
#define CGROUP_DEVICE_ALL (CGROUP_DEVICE_MKNOD | CGROUP_DEVICE_READ | CGROUP_DEVICE_WRITE)

struct cgroup_io_device {
	int64_t major, minor;
	bool has_weight;
	uint64_t weight;                   /* 10..1000 */
	uint64_t rbps, wbps, riops, wiops; /* 0: not given */
};

struct cgroup_hugepage {
	char *page_size; /* "2MB" */
	uint64_t limit;  /* bytes */
};

struct cgroup_rdma {
	char *device;
	bool has_handles, has_objects;
	uint32_t handles, objects;
};

/* "unified": a file of the cgroup and what is written to it. */
struct cgroup_file {
	char *name;
	char *value;
};

struct cgroup_resources {
	unsigned int given;                       /* enum cgroup_resource */
	int64_t memory_limit, memory_reservation; /* bytes, -1 unlimited */
	int64_t memory_swap;                      /* memory and swap together, -1 unlimited */
	bool check_before_update;
	uint64_t cpu_shares;             /* 2..262144 */
	int64_t cpu_quota;               /* microseconds in each period; -1: none */
	uint64_t cpu_period;             /* microseconds */
	uint64_t cpu_burst;              /* microseconds */
	int64_t cpu_idle;                /* 0, 1 */
	char *cpuset_cpus, *cpuset_mems; /* "0-2,7"; NULL: not given */
	int64_t pids_limit;              /* -1 unlimited */
	uint64_t io_weight;              /* 10..1000 */
	struct cgroup_io_device *io_devices;
	size_t io_device_count;
	struct cgroup_hugepage *hugepages;
	size_t hugepage_count;
	struct cgroup_rdma *rdma;
	size_t rdma_count;
	struct cgroup_file *unified;
	size_t unified_count;
	struct cgroup_device_rule *devices;
	size_t device_count, device_capacity;
};

void cgroup_resources_free(struct cgroup_resources *resources);
static inline void cgroup_resources_freep(struct cgroup_resources **resources)
{
	cgroup_resources_free(*resources);
}
#define cleanup_cgroup_resources __attribute__((cleanup(cgroup_resources_freep)))

/**
 * cgroup_resources_parse() - from "linux.resources", or what `update --resources` is given
 * @object: the resources object; its document may be freed afterwards
 * @ret:    owned
 * @err:    ERR_INVALID with the member's path: type, range, or a name that leads out of the cgroup;
 *          ERR_UNSUPPORTED: the member has a meaning in cgroup v1 only
 */
int cgroup_resources_parse(
	const struct json *object, struct cgroup_resources **ret, struct error **err);
/** cgroup_resources_parse_text() - the same from text; NAME is for errors. */
int cgroup_resources_parse_text(const char *text, size_t len, const char *name,
	struct cgroup_resources **ret, struct error **err);

/** cgroup_resources_write() - as an object of the same form, at W's place for a value. */
void cgroup_resources_write(struct json_writer *w, const struct cgroup_resources *resources);
/** cgroup_resources_text() - the object as text; owned. */
char *cgroup_resources_text(const struct cgroup_resources *resources);

/** cgroup_resources_merge() - what CHANGE gives replaces what INTO has (update). */
void cgroup_resources_merge(struct cgroup_resources *into, const struct cgroup_resources *change);

/** cgroup_resources_add_device() - append a rule. */
void cgroup_resources_add_device(struct cgroup_resources *resources, bool allow, char type,
	int64_t major, int64_t minor, unsigned int access);
