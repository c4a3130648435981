#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "rootless/userns.h"
#include "storage/gc.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

#define LOCK_NAME    "lock"
#define REQUEST_NAME "collect"
#define DOOMED       "doomed-" /* a layer on its way out, below layers/ */

int store_lock_images(struct store *store, struct error **err)
{
	return lock_open(store->images_fd, LOCK_NAME, LOCK_SHARED, LOCK_WAIT, err);
}

int store_begin_collection(struct store *store, struct error **err)
{
	return lock_open(store->images_fd, LOCK_NAME, LOCK_EXCLUSIVE, LOCK_TRY, err);
}

void store_request_collection(struct store *store)
{
	cleanup_close int fd = openat(
		store->images_fd, REQUEST_NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		log_debug("images/%s: %s", REQUEST_NAME, strerror(errno));
}

bool store_collection_is_requested(struct store *store)
{
	return faccessat(store->images_fd, REQUEST_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_kept(char **sorted, size_t count, const char *name)
{
	return count && bsearch(&name, sorted, count, sizeof(*sorted), compare_strings);
}

static int collect_blobs(struct store *store, char **keep, size_t keep_count, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(store->images_fd, "blobs/sha256");
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "open '%s/images/blobs/sha256'", store->data_path);
	while ((errno = 0, entry = dir_next(dir)))
		if (!is_kept(keep, keep_count, entry->d_name) &&
			unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
			return error_errno(err, errno, "remove blob %.12s", entry->d_name);
	return errno ? error_errno(err, errno, "read '%s/images/blobs/sha256'", store->data_path)
		     : 0;
}

/* Names below DIR_FD, layers/ or shifted/, that are to go, renamed so that they are no layers any
 * more. */
static int doom_layers(
	int dir_fd, char **keep, size_t keep_count, char ***ret_doomed, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(dir_fd, ".");
	cleanup_strv char **unused = NULL, **doomed = NULL;
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "open the store's layers");
	while ((errno = 0, entry = dir_next(dir))) {
		cleanup_free char *layer = xstrndup(entry->d_name, strcspn(entry->d_name, "."));

		if (str_starts_with(entry->d_name, DOOMED))
			strv_append(&doomed, entry->d_name);
		else if (!is_kept(keep, keep_count, layer))
			strv_append(&unused, entry->d_name);
	}
	if (errno)
		return error_errno(err, errno, "read the store's layers");
	for (char **name = unused; name && *name; name++) {
		char to[sizeof(DOOMED) + 16] = DOOMED;

		/* Not by its name: a collection that was killed may have left that of an earlier
		 * layer of the same digest. */
		random_hex(to + sizeof(DOOMED) - 1, 16);
		if (renameat(dir_fd, *name, dir_fd, to) < 0)
			return error_errno(err, errno, "remove layer %.12s", *name);
		strv_append(&doomed, to);
	}
	*ret_doomed = steal_ptr(&doomed);
	return 0;
}

int store_collect(struct store *store, char **layers, char **blobs, struct error **err)
{
	size_t layer_count = strv_length(layers), blob_count = strv_length(blobs);
	cleanup_close int userns_fd = -1, shifted_fd = -1;
	cleanup_strv char **doomed = NULL, **shifted = NULL;

	if (layer_count)
		qsort(layers, layer_count, sizeof(*layers), compare_strings);
	if (blob_count)
		qsort(blobs, blob_count, sizeof(*blobs), compare_strings);
	(void)unlinkat(store->images_fd, REQUEST_NAME, 0); /* being done now; mostly absent */
	shifted_fd =
		openat(store->data_fd, SHIFTED, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* The copies before what they take their content from. */
	if (collect_blobs(store, blobs, blob_count, err) < 0 ||
		(shifted_fd >= 0 &&
			doom_layers(shifted_fd, layers, layer_count, &shifted, err) < 0) ||
		doom_layers(store->layers_fd, layers, layer_count, &doomed, err) < 0)
		return -1;
	if (!doomed && !shifted)
		return 0;
	if (store->rootless) {
		userns_fd = userns_get(store->runtime_fd, err);
		if (userns_fd < 0)
			return -1;
	}
	if (shifted && store_remove_trees(store, shifted_fd, shifted, userns_fd, err) < 0)
		return -1;
	return store_remove_trees(store, store->layers_fd, doomed, userns_fd, err);
}
