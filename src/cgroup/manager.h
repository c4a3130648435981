#pragma once

#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"

/* What the two managers share. */

/** cgroup_controllers_enable() - hand WANTED controllers (bits) on to the groups below DIR_FD, as
 * far as it has them. Returns: those that are handed on afterwards; errno tells of the last
 * failure, 0 when there was none. */
unsigned int cgroup_controllers_enable(int dir_fd, unsigned int wanted);

/** cgroup_make_below() - make (or find) the group NAME below PARENT_FD and open it; fd or -1 with
 * errno. */
int cgroup_make_below(int parent_fd, const char *name);

/** cgroup_evacuate() - move all processes of the group DIR_FD itself into its child `supervisor`,
 * which is made. Returns 0 or -1 with errno. */
int cgroup_evacuate(int dir_fd);

int cgroupfs_create(const struct cgroup_request *req, const struct cgroup_hierarchy *h,
	struct cgroup *ret, struct error **err);

/** cgroup_check_common() - may this process put others into the group PATH? Only where it may also
 * write to what the two have in common. @err: ERR_SYSTEM, EACCES mostly */
int cgroup_check_common(const struct cgroup_hierarchy *h, const char *path, struct error **err);
