#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cmd/command.h"

/* What system df and prune know of the disk. */

struct usage_class {
	const char *type;
	uint64_t total, active; /* objects */
	uint64_t size_bytes, reclaimable_bytes;
};

enum { USAGE_IMAGES, USAGE_CONTAINERS, USAGE_VOLUMES, USAGE_CLASSES };

/** usage_gather() - images count each layer once; containers what they have written. */
int usage_gather(
	struct command_context *ctx, struct usage_class ret[USAGE_CLASSES], struct error **err);
