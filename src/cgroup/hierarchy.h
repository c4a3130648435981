#pragma once

#include <stdbool.h>

#include "util/error.h"

/* The unified hierarchy as this process sees it. */
struct cgroup_hierarchy {
	int root_fd; /* the group whose path is "/" */
	char *mount; /* where it is mounted; owned */
};
#define CGROUP_HIERARCHY_INIT ((struct cgroup_hierarchy){.root_fd = -1})
void cgroup_hierarchy_clear(struct cgroup_hierarchy *h);
#define cleanup_cgroup_hierarchy __attribute__((cleanup(cgroup_hierarchy_clear)))

/** cgroup_hierarchy_open() - find and open it. @err: ERR_UNSUPPORTED when it is not mounted */
int cgroup_hierarchy_open(struct cgroup_hierarchy *ret, struct error **err);

/** cgroup_path_check() - absolute, no empty, "." or ".." component, no control characters.
 * @err: ERR_INVALID, naming WHAT */
int cgroup_path_check(const char *path, const char *what, struct error **err);

/** cgroup_dir_open() - the directory of the group PATH; -1 with errno. */
int cgroup_dir_open(const struct cgroup_hierarchy *h, const char *path);

/** cgroup_path_of() - as cgroup_own_path(), of the process PID ("self" or a number). */
int cgroup_path_of(const char *pid, char **ret, struct error **err);
