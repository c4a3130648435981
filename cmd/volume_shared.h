#pragma once

#include "container/container.h"
#include "storage/volume.h"
#include "util/filter.h"
#include "util/table.h"

/* What the volume commands share: fields, filters, look-up by the beginning of a name. */

extern const struct table_field volume_fields[];
extern const struct table_field docker_volume_fields[]; /* when called as docker */

/** volume_resolve() - a volume's whole name from itself or a unique beginning; owned.
 * @err: ERR_NOT_FOUND, ERR_CONFLICT */
char *volume_resolve(struct store *store, const char *name, struct error **err);

struct volume_set {
	struct volume *all; /* owned */
	size_t all_count;
	const struct volume **chosen; /* those that pass the filters, by name */
	size_t count;
};

/** volume_set_load() - FILTERS (may be NULL): dangling driver label name scope since until volume.
 */
int volume_set_load(struct store *store, char *const *filters, const char *const *keys,
	struct volume_set *ret, struct error **err);
void volume_set_clear(struct volume_set *set);
#define cleanup_volume_set __attribute__((cleanup(volume_set_clear)))
