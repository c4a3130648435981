#pragma once

#include "cgroup/cgroup.h"
#include "oci/container.h"
#include "runtime/spec.h"

/* The control group of a container of `pod oci`. */

/**
 * oci_group_make() - the group that the configuration asks for, without its limits yet
 * @ret: CGROUP_INIT's fd -1 when there is none: none can be made for this account, and nothing was
 *       asked for that needs one
 * @ret_resources: for oci_group_limit(), owned; untouched without a group
 * @err: with the member's path where something was asked for
 */
int oci_group_make(const struct runtime_spec *spec, const struct oci_create_options *opts,
	struct cgroup *ret, struct cgroup_resources **ret_resources, struct error **err);
/** oci_group_limit() - the limits, which may be set while init is busy with its mounts. RESOURCES
 * may be NULL. */
int oci_group_limit(
	const struct cgroup *group, struct cgroup_resources *resources, struct error **err);

/** oci_group_open() - the container's; ERR_UNSUPPORTED when it has none. */
int oci_group_open(const struct oci_record *record, struct cgroup *ret, struct error **err);
/** oci_group_remove() - with what is left in it. Fine when it has none. */
int oci_group_remove(const struct oci_record *record, struct error **err);
/** oci_group_thaw() - after SIGKILL. */
void oci_group_thaw(const struct oci_record *record);
/** oci_group_is_frozen() */
bool oci_group_is_frozen(const struct oci_record *record);
