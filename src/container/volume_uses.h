#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "container/index.h"
#include "storage/store.h"
#include "util/error.h"

/*
 * Which container uses a volume, for commands that ask for many: the answer comes from the index
 * (container/index.h), and is looked up anew only when containers came or went since.
 */
struct volume_uses {
	struct store *store; /* borrowed */
	/* private */
	struct container_index index;
	struct volume_use *uses; /* by name */
	size_t count, capacity;
	uint64_t stamp_ns; /* modification time of containers/; 0: look again */
};

/** volume_uses_init() - nothing is read yet. Free with volume_uses_clear(). */
static inline struct volume_uses volume_uses_init(struct store *store)
{
	return (struct volume_uses){.store = store};
}
void volume_uses_clear(struct volume_uses *uses);
#define cleanup_volume_uses __attribute__((cleanup(volume_uses_clear)))

/**
 * volume_uses_find() - a container that uses VOLUME, as of now
 * @ret_id: its id, borrowed until the next call; NULL: none does
 * @err: ERR_SYSTEM; ERR_INVALID: a record is damaged, so nothing can be known to be unused
 */
int volume_uses_find(
	struct volume_uses *uses, const char *volume, const char **ret_id, struct error **err);
