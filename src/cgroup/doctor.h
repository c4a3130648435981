#pragma once

#include "util/check.h"

/**
 * cgroup_check() - can containers get a control group, and with which controllers?
 * One is really made, as for a container, by a child, and removed.
 */
void cgroup_check(struct check_list *list);
