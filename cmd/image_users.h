#pragma once

#include "image/image.h"
#include "storage/store.h"

/** image_users_init() - containers as the users of images, for removal, pruning and collection.
 * STORE is borrowed by RET. */
void image_users_init(struct store *store, struct image_users *ret);
