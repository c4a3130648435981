#pragma once

#include <stdbool.h>

#include "cgroup/resources.h"
#include "util/error.h"

/* The options of run, create and update that limit what a container may use; NULL: not given. */
struct limit_options {
	const char *memory, *memory_swap, *memory_reservation, *memory_swappiness;
	const char *cpus, *cpu_shares, *cpu_period, *cpu_quota;
	const char *cpuset_cpus, *cpuset_mems;
	const char *pids_limit;
	const char *blkio_weight;
	char **blkio_weight_device, **device_read_bps, **device_write_bps, **device_read_iops,
		**device_write_iops; /* "/dev/sda:VALUE" */
	char **cgroup_conf;          /* "memory.high=1073741824" */
	bool oom_kill_disable;
};

void limit_options_clear(struct limit_options *opts);

/**
 * parse_limits() - docker's and podman's rules for what the options mean together
 * @ret: owned; NULL when nothing was given
 * @err: ERR_USAGE or ERR_INVALID naming option and value; ERR_UNSUPPORTED: cgroup v1 only
 */
int parse_limits(
	const struct limit_options *opts, struct cgroup_resources **ret, struct error **err);

/** limit_names() - the options that RESOURCES came from, "--memory, --cpus", for messages; owned.
 */
char *limit_names(const struct cgroup_resources *resources);
