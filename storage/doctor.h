#pragma once

#include <stdbool.h>

#include "storage/store.h"
#include "util/check.h"

/**
 * storage_check() - the runtime directory, the store's file system and room, overlay, FUSE
 * @store:      NULL: it could not be opened, for the reason WHY
 * @usable:     containers' user namespaces work; else what needs one is CHECK_UNKNOWN
 * @userns_fd:  the base user namespace, -1: none is needed
 * Things are tried on scratch files in the store's tmp/, which are removed.
 */
void storage_check(struct check_list *list, struct store *store, const struct error *why,
	bool usable, int userns_fd);
