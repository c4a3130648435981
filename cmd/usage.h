#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cmd/command.h"
#include "cmd/volume_shared.h"
#include "container/index.h"
#include "image/image.h"

/* What system df and prune know of the disk. */

struct usage_class {
	const char *type;
	uint64_t total, active; /* objects */
	uint64_t size_bytes, reclaimable_bytes;
};

enum { USAGE_IMAGES, USAGE_CONTAINERS, USAGE_VOLUMES, USAGE_CLASSES };

struct usage_image {
	uint64_t size_bytes, shared_bytes; /* shared: of layers that other images have too */
	uint64_t containers;
};

struct usage {
	struct usage_class classes[USAGE_CLASSES];
	struct image_summary *images; /* owned; parallel to image */
	struct usage_image *image;
	size_t image_count;
	struct container_index index;
	uint64_t *container_bytes; /* parallel to index.rows: what they have written */
	struct volume_set volumes;
	uint64_t *volume_bytes, *volume_links; /* parallel to volumes.chosen; links: containers */
};

/** usage_gather() - each layer counts once in the images' total. Clear RET with usage_clear(). */
int usage_gather(struct command_context *ctx, struct usage *ret, struct error **err);
/** usage_total() - the bytes of all classes. */
int usage_total(struct command_context *ctx, uint64_t *ret_bytes, struct error **err);
void usage_clear(struct usage *usage);
#define cleanup_usage __attribute__((cleanup(usage_clear)))
