#pragma once

#include "container/container.h"
#include "util/error.h"

/* Waiting for a state of a container, whoever brings it about. */

/** container_condition_check() - is NAME one of podman's conditions that can be waited for?
 * configured created initialized running paused restarting exited stopped healthy unhealthy.
 * @err: ERR_USAGE */
int container_condition_check(const char *name, struct error **err);

/**
 * container_wait_condition() - until one of CONDITIONS (NULL-terminated, checked) is met
 * @interval_ms: how often to look where the directory cannot be watched
 * @ret_exit: the exit status when the container has ended, else -1
 * @err: ERR_NOT_FOUND: removed meanwhile; ERR_SYSTEM
 */
int container_wait_condition(struct container *container, char *const *conditions,
	uint32_t interval_ms, int *ret_exit, struct error **err);
