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

/**
 * sealed_in_place() - the same protection without executing anything again
 * @ret_late_fd: owned; a mount whose end makes the kernel wait for a sixth of a millisecond: to be
 *               closed when there is time, or left open; -1: none
 *
 * The mappings of the running program are made anew, apart from the path of the file, so that the
 * kernel lets its /proc/PID/exe become an empty sealed memfd: whoever executes or opens that gets
 * nothing of ours. Needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE and a kernel with
 * CONFIG_CHECKPOINT_RESTORE (prctl(2), PR_SET_MM_MAP). A tenth of a millisecond in place of one and
 * a half for a copy and another execve. Single-threaded. POD_LIBEXECDIR is set as by
 * sealed_reexec().
 * Returns: true when done; false: nothing has changed that matters, use sealed_reexec().
 */
bool sealed_in_place(int *ret_late_fd);
