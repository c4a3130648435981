#pragma once

#include "runtime/runtime.h"
#include "runtime/spec.h"
#include "util/error.h"

/**
 * runtime_check() - refuse what cannot be honoured, before anything is made
 * @err: ERR_INVALID: members that contradict each other; ERR_UNSUPPORTED: this host lacks what a
 *       member needs. Both with the member's path.
 * Capabilities that cannot be granted are a note, as the specification asks for.
 */
int runtime_check(
	const struct runtime_spec *spec, const struct runtime_options *opts, struct error **err);
