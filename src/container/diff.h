#pragma once

#include <stddef.h>

#include "container/container.h"
#include "storage/store.h"
#include "util/error.h"

/* What a container has changed in its image's files, as `diff` shows it. */

struct container_change {
	char kind;  /* 'A' added, 'C' changed, 'D' deleted */
	char *path; /* absolute, as the container sees it; owned */
};

void container_changes_free(struct container_change *changes, size_t count);

/**
 * container_changes() - the upper directory, held against the layers
 * @ret: sorted within each directory, a directory before what is in it; owned
 * @err: ERR_UNSUPPORTED: it is a copy of its image (storage driver vfs), or made with --rootfs
 *
 * What is mounted in the container is left out, and the places made for it. A directory counts as
 * changed when something in it is, or its own attributes. Read by a child in the user namespace.
 */
int container_changes(struct store *store, const struct container *container,
	struct container_change **ret, size_t *ret_count, struct error **err);
