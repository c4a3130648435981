#pragma once

#include "oci/record.h"

/** oci_sweep() - remove the directory of a container that has no state.json (any more). Its lock is
 * held. */
int oci_sweep(const struct oci_root *root, const char *id, int dir_fd, struct error **err);

/** oci_container_destroy() - undo what create did. Init has ended, the lock is held. */
int oci_container_destroy(const struct oci_root *root, const struct oci_container *container,
	char ***warnings, struct error **err);
