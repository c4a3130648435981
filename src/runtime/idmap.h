#pragma once

#include "runtime/runtime.h"
#include "runtime/spec.h"
#include "util/error.h"

/**
 * idmap_prepare() - make the id-mapped mounts of SPEC, detached
 * By the caller of runtime_create(), with the host's privileges: the kernel lets nobody in another
 * user namespace map the ids of a file system that it does not own. Init attaches them.
 * @ret: one descriptor per mount of SPEC, -1 where there is none; owned, NULL when no mount asks
 * for it. Free with idmap_free().
 * @err: ERR_INVALID, ERR_UNSUPPORTED, ERR_SYSTEM, with the member's path
 * Linux 5.12; which file systems can be mapped depends on the version (tmpfs 6.3, overlay 5.19).
 */
int idmap_prepare(const struct runtime_spec *spec, const struct runtime_options *opts, int **ret,
	struct error **err);
void idmap_free(const struct runtime_spec *spec, int *fds);
