#pragma once

#include "container/spec.h"

/** container_spec_security() - capabilities, seccomp, masked and read-only paths, rlimits,
 * no_new_privileges, AppArmor profile of SPEC. @err: ERR_INVALID, ERR_UNSUPPORTED */
int container_spec_security(
	const struct container_config *config, struct runtime_spec *spec, struct error **err);
