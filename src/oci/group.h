#pragma once

#include "cgroup/cgroup.h"
#include "oci/container.h"
#include "runtime/spec.h"

/* The control group of a container of `pod oci`. */

/**
 * oci_group_make() - the group that the configuration asks for, with its limits
 * @ret: CGROUP_INIT's fd -1 when there is none: none can be made for this account, and nothing was
 *       asked for that needs one
 * @err: with the member's path where something was asked for
 */
int oci_group_make(const struct runtime_spec *spec, const struct oci_create_options *opts,
	struct cgroup *ret, struct error **err);

/** oci_group_open() - the container's; ERR_UNSUPPORTED when it has none. */
int oci_group_open(const struct oci_record *record, struct cgroup *ret, struct error **err);
/** oci_group_remove() - with what is left in it. Fine when it has none. */
int oci_group_remove(const struct oci_record *record, struct error **err);
/** oci_group_thaw() - after SIGKILL. */
void oci_group_thaw(const struct oci_record *record);
/** oci_group_is_frozen() */
bool oci_group_is_frozen(const struct oci_record *record);
