#pragma once

#include <stddef.h>
#include <stdint.h>

#include "storage/store.h"
#include "util/error.h"

/* How much of the disk trees in the store take. */

struct usage_item {
	int dir_fd;     /* borrowed */
	char *path;     /* below dir_fd; absent counts as empty; owned by the caller */
	uint64_t bytes; /* result: sizes of all that is in it, files with several names once */
};

/**
 * store_usage() - measure ITEMS, inside USERNS_FD (-1: as ourselves, what cannot be read counts as
 * empty) Nothing is followed, no file opened but directories.
 */
int store_usage(struct store *store, struct usage_item *items, size_t count, int userns_fd,
	struct error **err);

/** store_reset() - remove everything pod has made in the data and the runtime directory, then these
 * directories where that leaves them empty. What else lies there stays. No container may run. */
int store_reset(struct store *store, int userns_fd, struct error **err);
