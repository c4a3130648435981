#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* Id maps: which host ids a user namespace's ids are (user_namespaces(7)). */

struct id_range {
	uint32_t container_id, host_id, count;
};

#define ID_RANGES_MAX 340 /* lines the kernel takes since 4.15 */

struct id_maps {
	struct id_range *uids, *gids;
	size_t uid_count, gid_count;
};

void id_maps_clear(struct id_maps *maps);

/**
 * id_maps_default() - the base map of the calling user: 0 is the user, 1.. its subordinate ranges
 * from /etc/subuid and /etc/subgid in file order (podman's default)
 * Parsed directly; getsubids(1) is asked once where nsswitch.conf names another source.
 * @err: ERR_NOT_FOUND: no range for the user; the message names file, user and the remedy
 */
int id_maps_default(struct id_maps *ret, struct error **err);

/**
 * id_ranges_read() - a user namespace's map, as /proc/PID/uid_map shows it
 * @path: "/proc/self/uid_map" and the like; the namespace is that of the process
 * @ret:  owned; host_id is what the reader's namespace calls the id
 */
int id_ranges_read(const char *path, struct id_range **ret, size_t *ret_count, struct error **err);

/** id_ranges_from_text() - the same of a text that is there; what is no range ends it. *ret: owned
 */
void id_ranges_from_text(const char *text, struct id_range **ret, size_t *ret_count);

/** id_ranges_total() - how many ids they map, at most UINT32_MAX. */
uint32_t id_ranges_total(const struct id_range *ranges, size_t count);

/**
 * id_ranges_clip() - leave out of a map what its host ids have no place for
 * @ranges, @count: changed in place; container ids stay without holes, from @ranges[0] on
 * @own: the namespace that the host ids belong to (id_ranges_read() of ourselves)
 * In a container /etc/subuid may name ids that the container itself has not.
 */
void id_ranges_clip(
	struct id_range *ranges, size_t *count, const struct id_range *own, size_t own_count);

/** id_map_is_single() - does the user namespace of the process map one user id at most? (PATH as
 * for id_ranges_read(); false when it cannot be read) */
bool id_map_is_single(const char *path);

/** id_maps_hash() - 16 lower-case hex digits and NUL that name this map (for socket names). */
void id_maps_hash(const struct id_maps *maps, char out[17]);

/** id_ranges_text() - the kernel's uid_map text of RANGES; owned. */
char *id_ranges_text(const struct id_range *ranges, size_t count);

/**
 * id_ranges_compose() - a map below a map
 * @inner: host ids are those that @outer calls container ids
 * @ret: owned; container ids of @inner with host ids of @outer, split where @outer has a seam (the
 *       kernel wants each range in one of the outer namespace's); what @outer lacks is left out
 */
void id_ranges_compose(const struct id_range *inner, size_t inner_count,
	const struct id_range *outer, size_t outer_count, struct id_range **ret, size_t *ret_count);

/** id_to_host() - host id of a container id, UINT32_MAX when unmapped. */
uint32_t id_to_host(const struct id_range *ranges, size_t count, uint32_t id);

/** id_user_name_parse() - the name of UID in the text of a passwd(5) file (changed in place);
 * owned, NULL when it is not there. */
char *id_user_name_parse(char *passwd, uid_t uid);

/** id_ranges_parse() - the ranges that a subuid(5) text (changed in place) gives the account, in
 * file order, with container_id 0 throughout; malformed lines are skipped. Returns 0; *ret is
 * owned. */
int id_ranges_parse(
	char *text, const char *name, uid_t uid, struct id_range **ret, size_t *ret_count);

/** id_user_name() - the account's name, owned; NULL: it has none. @ret_local: it stands in
 * /etc/passwd (else a name service knows it; getent(1) is asked). */
char *id_user_name(uid_t uid, bool *ret_local);

/** id_ranges_elsewhere() - nsswitch.conf names a source of subordinate ids other than the files. */
bool id_ranges_elsewhere(void);

/** id_ranges_remedy() - the command that gives the account NAME a range that nobody has; owned.
 * @local: as id_user_name() says */
char *id_ranges_remedy(const char *name, bool local);
