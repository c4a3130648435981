#include "config.h"

#include "cgroup/manager.h"

int cgroup_create(const struct cgroup_request *req, struct cgroup *ret, struct error **err)
{
	cleanup_cgroup_hierarchy struct cgroup_hierarchy h = CGROUP_HIERARCHY_INIT;

	if (cgroup_hierarchy_open(&h, err) < 0)
		return -1;
	return cgroupfs_create(req, &h, ret, err);
}
