#pragma once

#include <stdint.h>

#include "container/container.h"
#include "monitor/client.h"
#include "monitor/monitor.h"
#include "network/network.h"
#include "rootless/idmap.h"
#include "runtime/runtime.h"
#include "storage/overlay.h"

/* From a container's record to what the runtime, the network and the monitor are told. */

/* An empty volume gets what the image has where it is mounted. */
struct container_copy_up {
	char *path;    /* NULL: nothing is to be copied, see volume_copy_up() */
	int volume_fd; /* borrowed from the plan's fds */
};

struct container_spec {
	struct runtime_spec *spec;
	struct root_mounter root; /* points into this struct */
	struct overlay overlay;
	char *rootfs;        /* --rootfs: absolute path */
	bool is_nested;      /* the container has ids of its own: idmaps.h */
	struct id_maps maps; /* them, in the words of the base user namespace */
	int outside_root_fd; /* then: the root, mounted outside; -1 else */
	/* What is to belong to root of such a container; borrowed. */
	int *own_fds;
	size_t own_count, own_capacity;
	struct network_options network;
	enum monitor_log_driver log_driver;
	uint64_t log_max_size_bytes; /* 0 unlimited */
	uint32_t log_max_files;
	struct container_copy_up *copy_ups;
	size_t copy_up_count, copy_up_capacity;
	struct container_copy_up *chowns; /* mounts that are given to the container's user: ":U" */
	size_t chown_count, chown_capacity;
	const struct container_config *config; /* borrowed */
	int *fds;                              /* descriptors that spec refers to; owned */
	size_t fd_count, fd_capacity;
};

/**
 * container_spec_prepare() - everything that can be said before the user namespace is there:
 * options read again, layers and volumes opened, /etc files written into the container's directory
 * @maps: of the base user namespace, NULL without one; init checks that the namespace has them
 * @err: ERR_NOT_FOUND (layer, volume or mount source, named), ERR_INVALID, ERR_UNSUPPORTED
 */
int container_spec_prepare(struct store *store, struct container *container,
	const struct id_maps *maps, struct container_spec **ret, struct error **err);

/** container_spec_finish() - what needs the base user namespace: fuse-overlayfs' server, the vfs
 * root; for a container with ids of its own the layers with other owners, and the root itself */
int container_spec_finish(
	struct store *store, struct container_spec *plan, int userns_fd, struct error **err);

/** container_spec_own() - FD (borrowed; -1: nothing) is given to root of a container with ids of
 * its own by container_spec_finish() */
void container_spec_own(struct container_spec *plan, int fd);

/** container_spec_write() - config.json: the OCI spec that is used, for people and tools. */
int container_spec_write(
	struct container *container, const struct container_spec *plan, struct error **err);

/** container_spec_process() - args, env, user, cwd of a container's own process. */
void container_spec_process(const struct container_config *config, struct runtime_process *process);

void container_spec_free(struct container_spec *plan);
static inline void container_spec_freep(struct container_spec **plan)
{
	container_spec_free(*plan);
}

/** container_spec_keep_fd() - FD is closed with PLAN; returns FD. */
int container_spec_keep_fd(struct container_spec *plan, int fd);
