#pragma once

#include "runtime/runtime.h"
#include "runtime/spec.h"
#include "util/error.h"

/**
 * outside_mounts() - make the bind mounts of SPEC that init cannot make by itself, detached
 * By the caller of runtime_create(): id-mapped ones with the host's privileges, because the kernel
 * lets nobody in another user namespace map the ids of a file system that it does not own; below a
 * nested user namespace (runtime_options.is_nested) all, in the outer one, whose root is the user.
 * Init attaches them.
 * @ret: one descriptor per mount of SPEC, -1 where there is none; owned, NULL when there is no such
 * mount. Free with outside_mounts_free().
 * @err: ERR_INVALID, ERR_UNSUPPORTED, ERR_SYSTEM, with the member's path; ERR_CONFLICT
 * Id maps: Linux 5.12; which file systems can be mapped depends on the version (tmpfs 6.3, overlay
 * 5.19).
 */
int outside_mounts(const struct runtime_spec *spec, const struct runtime_options *opts, int **ret,
	struct error **err);
void outside_mounts_free(const struct runtime_spec *spec, int *fds);
