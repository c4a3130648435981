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

/** sealed_size() - the bytes of the ELF program FD (SIZE bytes long) that it needs to run: up to
 * the end of its last segment, without the debugging information behind. SIZE for anything else. */
size_t sealed_size(int fd, size_t size);

/** sealed_copy() - a sealed, executable memfd with the content of FD (SIZE bytes); close-on-exec.
 */
int sealed_copy(int fd, size_t size, const char *name, struct error **err);

/** sealed_is_needed() - could a container write to the file FD? ROOTLESS: its root is the calling
 * user, and its other ids are subordinate ones; else it is real root, who can write to everything.
 */
bool sealed_is_needed(int fd, bool rootless);

/**
 * sealed_begin() - make sure that no container can reach the running program's file through us
 * @rootless:    as of sealed_is_needed()
 * @ret_late_fd: owned; a mount whose end makes the kernel wait for a sixth of a millisecond: to be
 *               closed when there is time, or left open; -1: none
 * @err:         ERR_SYSTEM
 *
 * Called by commands that are about to start a container, before anything else, while
 * single-threaded. Where the file could be written, /proc/self/exe becomes an empty file in place,
 * or the same command line is executed again from a sealed copy. POD_LIBEXECDIR and POD_PROGRAM are
 * set then, since the program's place in the file system no longer tells where the helpers are.
 * Returns: 0, or -1 with @err set.
 */
int sealed_begin(bool rootless, int *ret_late_fd, struct error **err);
