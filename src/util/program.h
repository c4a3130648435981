#pragma once

#include "util/error.h"

/**
 * program_path() - where one of our own helper programs ("pod-transfer", "pod-monitor") is
 * Looked for in POD_LIBEXECDIR (environment), in libexec/ beside the running program (a build
 * tree), in ../libexec/pod (an installed tree that was moved), then where `make install` put it.
 * @err: ERR_NOT_FOUND
 * Returns: the path, owned.
 */
char *program_path(const char *name, struct error **err);

/**
 * program_self() - the path of the running pod, for a monitor that executes it later; owned
 * The sealed copy (util/sealed.h) knows its original's from POD_PROGRAM in the environment.
 * @err: ERR_SYSTEM
 */
char *program_self(struct error **err);
