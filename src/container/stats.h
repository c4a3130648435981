#pragma once

#include <stdint.h>

#include "cgroup/cgroup.h"
#include "container/container.h"
#include "util/error.h"

/* What a running container uses, at one moment. */
struct container_stats {
	struct cgroup_stats group;
	uint64_t time_ns;                             /* CLOCK_MONOTONIC, of the reading */
	uint64_t up_ns;                               /* since its start */
	uint64_t network_in_bytes, network_out_bytes; /* all interfaces but loopback */
	uint64_t memory_limit;                        /* bytes: its own, else what the host has */
};

/** container_stats_read() - @err: ERR_CONFLICT not running; ERR_UNSUPPORTED no control group of its
 * own, with the remedy; ERR_NOT_FOUND: it has just ended */
int container_stats_read(
	const struct container *container, struct container_stats *ret, struct error **err);
