#pragma once

#include "storage/store.h"
#include "util/error.h"

/* A directory of ours below tmp/, locked while it is used, removed with all in it at the end; what
 * a killed process leaves is swept by the next writer (storage/store.h). Holds files of our own ids
 * only. */
struct staging {
	struct store *store; /* borrowed */
	char *name;          /* below tmp/ */
	int dir_fd, lock_fd;
};

/** staging_begin() - PREFIX says what for ("load"). @err: ERR_SYSTEM */
int staging_begin(
	struct store *store, const char *prefix, struct staging **ret, struct error **err);
/** staging_keep_blob() - FILE of the directory becomes the blob DIGEST, durably. */
int staging_keep_blob(
	struct staging *staging, const char *file, const char *digest, struct error **err);

void staging_free(struct staging *staging);
static inline void staging_freep(struct staging **staging)
{
	staging_free(*staging);
}
#define cleanup_staging __attribute__((cleanup(staging_freep)))
