#pragma once

#include <sys/types.h>

#include "runtime/hooks.h"
#include "runtime/seccomp.h"
#include "util/error.h"

/**
 * listener_send() - hand the listener of a filter to who is to answer (config-linux.md, "The
 * Container Process State")
 * @seccomp: has listener_path, and metadata or none
 * @fd:      the listener; borrowed
 * @state:   the container's
 * @pid:     of the process that the filter is for, as the caller sees it
 * @err:     ERR_SYSTEM: nobody listens there
 */
int listener_send(const struct seccomp_program *seccomp, int fd, const struct runtime_state *state,
	pid_t pid, struct error **err);
