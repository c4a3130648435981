#pragma once

#include <sys/types.h>

#include "util/error.h"
#include "util/spawn.h"

/**
 * userns_spawn() - as spawn(), but the program runs as root of a user namespace
 * @userns_fd: descriptor of the namespace; borrowed. -1: plain spawn().
 *
 * For host programs that have to act on a container's namespaces (slirp4netns): ids are 0 and 0 in
 * the namespace, supplementary groups are kept (a device may be open to a group only). The child is
 * not dumpable between joining the namespace and the execve.
 * Call it only while single-threaded: it forks.
 * @err: as spawn(); ERR_SYSTEM names the step
 */
int userns_spawn(
	int userns_fd, const struct spawn_options *opts, pid_t *ret_pid, struct error **err);
