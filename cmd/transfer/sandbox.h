#pragma once

#include "util/error.h"

/**
 * sandbox_enter() - give up all but work on open descriptors and below one directory
 * @dir_fd: the directory; borrowed; -1: none, open descriptors only
 *
 * No new privileges, the capabilities that unpacking needs and no others, landlock for DIR_FD (from
 * its second version on, 5.19: the first forbids links between directories), and a seccomp filter
 * that lets pass what file work takes: no sockets, no programs, no processes, no tracing. What the
 * kernel does not have is left out with a debug message; the filter is a must. Everything that
 * reads files (libraries' configuration, the linker) has to be done before.
 */
int sandbox_enter(int dir_fd, struct error **err);
