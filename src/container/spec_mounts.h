#pragma once

#include "container/spec.h"

/** container_spec_mounts() - the mounts of PLAN: the kernel's file systems, /etc files, the user's
 * --mount, --volume and --tmpfs; sources are opened here. @err: as container_spec_prepare() */
int container_spec_mounts(struct store *store, struct container *container,
	struct container_spec *plan, struct error **err);
