#pragma once

#include <stdbool.h>

#include "util/error.h"

/**
 * helper_run() - run FN in a child that shares our memory and descriptor table, and reap it
 * A fork would cost five times as much. We are suspended meanwhile, all signals are blocked; FN has
 * a stack of its own, may write to DATA only, and what it clones with CLONE_PARENT is our child. It
 * may join namespaces; should it change its ids, we stay as dumpable as we were.
 * Only while single-threaded. FN's result is the child's exit status and is ignored.
 */
int helper_run(int (*fn)(void *data), void *data, struct error **err);

/**
 * helper_enter_group() - move the calling helper into control group CGROUP_FD, where its children
 * are born then For real root, before it enters a user namespace from which it could not clone into
 * a group that is not the namespace's: CLONE_INTO_CGROUP, which is much cheaper, asks with the
 * rights held then. Async-signal-safe. Returns: whether it was done; then no CLONE_INTO_CGROUP is
 * needed.
 */
bool helper_enter_group(int cgroup_fd);
