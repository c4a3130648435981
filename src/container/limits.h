#pragma once

#include <stdbool.h>

#include "cgroup/cgroup.h"
#include "container/container_config.h"
#include "util/error.h"

/*
 * A container's control group: the best that can be had here. A scope of the user's (or system's)
 * service manager, else a group below the one that we are in already when that is delegated, else
 * none, with one note when limits were asked for.
 */

struct container_limits {
	struct cgroup_resources *resources; /* asked for; NULL nothing */
	struct cgroup_resources *devices;   /* the device filter's rules; NULL: no filter */
	bool none;                          /* no group is wanted (--cgroups disabled) */
	struct cgroup_request request;
	char *unavailable; /* why the service manager cannot make one; NULL it may */
	bool was_named;    /* the systemd manager was asked for by name */
	char *name, *path; /* the request's */
	struct cgroup cgroup;
};
#define CONTAINER_LIMITS_INIT ((struct container_limits){.cgroup = CGROUP_INIT})

/**
 * container_limits_begin() - in the command: look at what CONFIG asks for, and begin what takes
 * time
 * @err: ERR_INVALID (record, --cgroup-parent)
 */
int container_limits_begin(
	const struct container_config *config, struct container_limits *ret, struct error **err);

/**
 * container_limits_create() - in the monitor process, before init is cloned
 * On return 0 limits->cgroup.fd is the group to clone init into, or -1. A note on what cannot be
 * had is appended to NOTES. @err: a value that the kernel refuses
 */
int container_limits_create(struct container_limits *limits, char ***notes, struct error **err);

/** container_limits_undo() - the start failed, init is dead: remove the group. */
void container_limits_undo(struct container_limits *limits);

void container_limits_clear(struct container_limits *limits);

/** container_limits_drop() - take what needs other than CONTROLLERS (bits) out of RESOURCES; what
 * that was, for a note; owned, NULL nothing. */
char *container_limits_drop(struct cgroup_resources *resources, unsigned int controllers);
