#pragma once

#include <stdbool.h>

#include "storage/store.h"
#include "util/error.h"

/*
 * Files that were made while there was one id have records of their owners (rootless/owner.h). When
 * the account gets more ids, they are given what the records say.
 *
 *   <store>/squashed                  there may be such files; locked while they are mended
 *   layers/<diff_id hex>/squashed     this layer has some
 */

/** owners_squashed() - note that the layer in LAYER_DIR_FD has such files; before it comes to its
 * place, and again when it is there: meanwhile a restoration may have ended without it. */
int owners_squashed(struct store *store, int layer_dir_fd, struct error **err);

/**
 * owners_restore() - mend all layers and containers of the store
 * @own_id:    container whose lock the caller holds
 * @userns_fd: a namespace that maps more than one id; -1: none is needed
 * One look-up where nothing is to be done. What the namespace has no id for keeps its record.
 * Containers that run are left out, and mended by a later start.
 */
int owners_restore(struct store *store, const char *own_id, int userns_fd, struct error **err);
