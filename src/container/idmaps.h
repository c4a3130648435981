#pragma once

#include <stdbool.h>

#include "container/container_config.h"
#include "rootless/idmap.h"
#include "storage/overlay.h"
#include "storage/store.h"
#include "util/error.h"

/*
 * Containers whose user namespace has other ids than the user's base namespace (rootless/userns.h):
 * --userns and --uidmap. Such a namespace is a child of the base one. Its maps are decided when the
 * container is made and stand in its record: "CONTAINER:BASE:COUNT" in uid_map and gid_map, in the
 * words of the base namespace, where 0 is the user and 1.. are the subordinate ids. For real root
 * the base is the host.
 */

struct idmaps_request {
	const char *userns;                      /* --userns; NULL or "": not given */
	char *const *uid_maps, *const *gid_maps; /* --uidmap, --gidmap: as in the record */
	const char *subuid_name, *subgid_name;   /* --subuidname, --subgidname */
};

/**
 * idmaps_choose() - fill in userns_mode, uid_map and gid_map of CONFIG
 * @config: its user counts for how many ids --userns=auto gives
 * @ret_lock_fd: for --userns=auto, to be closed when the record is in its place: two containers
 * must not be given the same ids; else -1
 * @err: ERR_USAGE, ERR_INVALID; ERR_UNSUPPORTED: this user has not the ids for it
 */
int idmaps_choose(struct store *store, const struct idmaps_request *request,
	struct container_config *config, int *ret_lock_fd, struct error **err);

/** idmaps_kept_id() - with keep-id, who the user is in there; false: it is another mode */
bool idmaps_kept_id(const struct container_config *config, uint32_t *ret_uid, uint32_t *ret_gid);

/** idmaps_default_user() - with keep-id: who the process is when neither option nor image say, its
 * group, and its line for /etc/passwd. After everything else of CONFIG. */
void idmaps_default_user(struct container_config *config);

/** idmaps_is_nested() - has the container ids of its own? */
bool idmaps_is_nested(const struct container_config *config);

/** idmaps_read() - its maps in the words of the base namespace; free with id_maps_clear().
 * @err: ERR_INVALID with the member's name */
int idmaps_read(const struct container_config *config, struct id_maps *ret, struct error **err);

/** idmaps_shift() - overlay_shift() as the container needs it: nothing where it has the base's ids
 */
int idmaps_shift(struct store *store, const struct container_config *config,
	struct overlay *overlay, int base_fd, struct error **err);

/** idmaps_to_host() - MAPS, idmaps_read()'s, in the host's words. @base: the base user namespace's,
 * NULL: it is the host's. Free *ret with id_maps_clear(). */
void idmaps_to_host(const struct id_maps *maps, const struct id_maps *base, struct id_maps *ret);

/**
 * idmaps_nest() - a user namespace with these ids, for who looks into a stopped container
 * @base_fd: the base user namespace, -1: none
 * Returns: its descriptor; -1 without an error: the container has the base's ids
 */
int idmaps_nest(const struct container_config *config, int base_fd, struct error **err);
