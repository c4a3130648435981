#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/staging.h"
#include "storage/image_store.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/str.h"

#define BEGIN_ATTEMPTS 16

int staging_begin(struct store *store, const char *prefix, struct staging **ret, struct error **err)
{
	for (int attempt = 1;; attempt++) {
		cleanup_error struct error *why = NULL;
		cleanup_staging struct staging *staging = xmalloc(sizeof(*staging));
		char random[17];

		*staging = (struct staging){.store = store, .dir_fd = -1, .lock_fd = -1};
		random_hex(random, 16);
		staging->name = xasprintf("%s.%s", prefix, random);
		if (mkdirat(store->tmp_fd, staging->name, 0700) < 0)
			return error_errno(
				err, errno, "create '%s/tmp/%s'", store->data_path, staging->name);
		staging->dir_fd = open_dir(store->tmp_fd, staging->name, 0, &why);
		if (staging->dir_fd >= 0)
			staging->lock_fd =
				lock_open(staging->dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, &why);
		if (staging->lock_fd >= 0) {
			*ret = steal_ptr(&staging);
			return 0;
		}
		/* A sweeper took it between mkdir and lock: once more under another name. */
		if (attempt == BEGIN_ATTEMPTS ||
			(why->kind != ERR_CONFLICT && why->kind != ERR_NOT_FOUND &&
				why->errnum != ENOENT))
			return error_move(err, &why);
	}
}

void staging_free(struct staging *staging)
{
	cleanup_error struct error *ignored = NULL; /* the next sweep takes what is left */

	if (!staging)
		return;
	(void)remove_tree(staging->store->tmp_fd, staging->name, &ignored);
	close_keep_errno(staging->dir_fd);
	close_keep_errno(staging->lock_fd);
	free(staging->name);
	free(staging);
}

int staging_keep_blob(
	struct staging *staging, const char *file, const char *digest, struct error **err)
{
	cleanup_close int fd = -1;
	char path[96];

	if (blob_exists(staging->store, digest))
		return 0;
	fd = openat(staging->dir_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(digest));
	if (fd < 0 || fdatasync(fd) < 0 ||
		renameat(staging->dir_fd, file, staging->store->images_fd, path) < 0)
		return error_errno(err, errno, "keep blob %s", digest);
	return 0;
}
