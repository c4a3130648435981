#pragma once

#include <stdbool.h>

#include "container/container.h"
#include "monitor/monitor.h"

/*
 * What a container's monitor does by itself, and the files in the container's directory that it
 * does it with: `restart` (how to start the container again), `health-plan` and
 * `health-startup-plan` (what its checks run).
 */

/** supervision_policy() - CONFIG's, as the monitor gets it. @err: ERR_USAGE (a damaged record) */
int supervision_policy(
	const struct container_config *config, struct monitor_policy *ret, struct error **err);

/** supervision_may_restart() - can it be that the monitor starts the container again? */
bool supervision_may_restart(const struct container_config *config);

/** supervision_check() - does what CONFIG says of it go together with the rest? @err: ERR_USAGE */
int supervision_check(const struct container_config *config, struct error **err);

/**
 * supervision_write_restart() - `restart`, with this process's environment; nothing where none is
 * needed
 * @listen_fds: how many sockets this process, the monitor, keeps for the next run
 * (struct monitor_handover); 0 in any other process
 */
int supervision_write_restart(struct store *store, const struct container *container,
	unsigned int listen_fds, struct error **err);

/** supervision_write_plans() - the checks' plans, for the container that is being started or runs;
 * what earlier checks found is removed. Nothing where there is no check. */
int supervision_write_plans(struct container *container, struct error **err);
