#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/*
 * Programs that a container cannot write to. A command "#!/proc/self/exe" in an image makes our own
 * binary run inside the container, whose root may then open it through /proc for writing
 * (CVE-2019-5736). Where the file's owner is an id that the container maps, we run from a copy in a
 * sealed memfd instead.
 */

/** sealed_copy() - a sealed, executable memfd with the content of FD (SIZE bytes); close-on-exec.
 */
int sealed_copy(int fd, size_t size, const char *name, struct error **err);

/** sealed_is_needed() - could a container write to a file of this owner? ROOTLESS: its root is the
 * calling user; else it is real root, who can write to everything. */
bool sealed_is_needed(unsigned int owner_uid, bool rootless);

/**
 * sealed_reexec() - go on from a sealed copy of the running program, where that is needed
 * Called by commands that are about to start a container, before anything else: the same command
 * line is executed again from the copy. POD_LIBEXECDIR is set for it, since its place in the file
 * system no longer tells where the helper programs are. Returns: 0 when nothing is to be done
 * (already a copy, or not needed); -1 with @err.
 */
int sealed_reexec(bool rootless, struct error **err);
