#pragma once

#include "container/spec.h"

/**
 * container_spec_devices() - --device, and for --privileged the host's devices, as mounts of SPEC
 * A node cannot be made in a user namespace: the host's is bound in its place. Called after /dev is
 * among the mounts. @err: ERR_INVALID (not a device), ERR_SYSTEM
 */
int container_spec_devices(
	const struct container_config *config, struct runtime_spec *spec, struct error **err);
