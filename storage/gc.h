#pragma once

#include <stdbool.h>

#include "storage/store.h"
#include "util/error.h"

/*
 * Garbage collection of layers and blobs. The one who collects marks; here is the sweep.
 * images/lock is held shared by everybody who is going to refer to layers (pulls, loads, starts)
 * and exclusively by a collection, which never waits: what it cannot do now is asked for with
 * images/collect, which the next one that lets go of the shared lock finds.
 */

/** store_lock_images() - shared; waits for a collection under way. Returns the descriptor or -1. */
int store_lock_images(struct store *store, struct error **err);

/** store_begin_collection() - the exclusive lock.
 * Returns: the descriptor; -1 with ERR_CONFLICT when images are in use just now. */
int store_begin_collection(struct store *store, struct error **err);

/** store_request_collection(), store_collection_is_requested() - see above. */
void store_request_collection(struct store *store);
bool store_collection_is_requested(struct store *store);

#define SHIFTED "shifted" /* <hex of a layer>.<...>: made by overlay_shift() */

/**
 * store_collect() - delete every layer and blob that is not named; the exclusive lock is held
 * @layers: hex diff_ids to keep, @blobs: hex digests to keep; NULL-terminated, any order; sorted
 * here Deletes without needing free space: a layer is renamed out of sight first, so that a process
 * killed meanwhile leaves no half layer that looks whole.
 */
int store_collect(struct store *store, char **layers, char **blobs, struct error **err);
