#pragma once

#include "image/image.h"
#include "storage/store.h"

/** image_users_init() - containers as the users of images, for removal, pruning and collection.
 * STORE is borrowed by RET. */
void image_users_init(struct store *store, struct image_users *ret);

/** image_users_collect() - delete unused layers and blobs; what fails is a warning, for the
 * command's own work is done. WANTED: only when an earlier collection had to be put off. */
void image_users_collect(struct store *store, bool wanted);
