#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "rootless/userns.h"
#include "storage/copy.h"
#include "storage/gc.h"
#include "storage/image_store.h"
#include "storage/overlay.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/sha256.h"
#include "util/str.h"
#include "util/strbuf.h"

/* The image's files with other owners, being made. */
struct shift {
	struct store *store;
	const struct overlay *overlay;
	const struct id_maps *maps;
	bool by_reference;
	int dir_fd; /* tmp/<name> */
};

/* Entry: root of the base user namespace. */
static int copy_run(void *data, struct error **err)
{
	const struct shift *shift = data;
	const struct overlay *overlay = shift->overlay;
	cleanup_close int root_fd = -1;
	struct rlimit files;

	/* The copy holds both trees' directories on the way open. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files); /* deep trees fail then, no others */
	}
	(void)umask(0);
	root_fd = open_dir(shift->dir_fd, "diff", 0755, err);
	if (root_fd < 0)
		return -1;
	for (size_t i = overlay->layer_count; i-- > 0;) {
		const struct copy_change change = {
			.maps = shift->maps,
			/* below "layers" */
			.content_path =
				shift->by_reference ? strchr(overlay->layers[i], '/') : NULL,
		};
		cleanup_close int layer_fd = openat(shift->store->data_fd, overlay->layers[i],
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (layer_fd < 0)
			return error_errno(err, errno, "open layer '%s'", overlay->layers[i]);
		if (copy_layer(layer_fd, root_fd, &change, err) < 0)
			return -1;
	}
	return 0;
}

static int shift_make(
	struct shift *shift, const char *name, const char *place, int userns_fd, struct error **err)
{
	cleanup_close int dir_fd = -1, lock_fd = -1;
	struct store *store = shift->store;

	dir_fd = open_dir(store->tmp_fd, name, 0700, err);
	if (dir_fd < 0)
		return -1;
	lock_fd = lock_open(dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, err);
	if (lock_fd < 0)
		return -1;
	shift->dir_fd = dir_fd;
	if (userns_run(userns_fd, false, copy_run, shift, err) < 0)
		return error_wrap(err, "change the owners of the image's files");
	/* Present means whole, also after a power cut. */
	if (store_sync(store, err) < 0)
		return -1;
	if (renameat(store->tmp_fd, name, store->data_fd, place) == 0)
		return 0;
	/* Somebody else was faster with the same. */
	if (errno == EEXIST || errno == ENOTEMPTY)
		return store_remove_trees(
			store, store->tmp_fd, (char *[]){(char *)name, NULL}, userns_fd, err);
	return error_errno(err, errno, "put '%s' in place", place);
}

/* What the copy is of: all layers, and the maps. 32 digits. */
static void shift_hash(const struct overlay *overlay, const struct id_maps *maps, char out[33])
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	char hash[SHA256_DIGEST_TEXT + 1];

	id_maps_hash(maps, hash);
	strbuf_addf(&text, "%.16s", hash);
	for (size_t i = 0; i < overlay->layer_count; i++)
		strbuf_addf(&text, "\n%s", overlay->layers[i]);
	sha256_digest(text.data, text.len, hash);
	snprintf(out, 33, "%.32s", digest_hex(hash));
}

static int shift_native(struct store *store, struct overlay *overlay, const struct id_maps *maps,
	int userns_fd, struct error **err)
{
	struct shift shift = {.store = store, .overlay = overlay, .maps = maps};
	cleanup_free char *place = NULL;
	struct stat st;
	char hash[33];

	if (mkdirat(store->data_fd, SHIFTED, 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "create '%s/" SHIFTED "'", store->data_path);
	if (storage_content_choose(store, userns_fd, &shift.by_reference, err) < 0)
		return -1;
	shift_hash(overlay, maps, hash);
	/* "layers/<hex>/diff" */
	place = xasprintf(SHIFTED "/%.64s.%s-%s", overlay->layers[0] + strlen("layers/"),
		shift.by_reference ? "meta" : "copy", hash);
	if (fstatat(store->data_fd, place, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		cleanup_error struct error *ignored = NULL; /* the next sweep takes what is left */
		char name[sizeof("shift.") + 16] = "shift.";

		random_hex(name + strlen(name), 16);
		if (shift_make(&shift, name, place, userns_fd, err) < 0) {
			(void)store_remove_trees(
				store, store->tmp_fd, (char *[]){name, NULL}, userns_fd, &ignored);
			return -1;
		}
	}
	strv_free(steal_ptr(&overlay->layers));
	strv_append_take(&overlay->layers, xasprintf("%s/diff", place));
	overlay->layer_count = 1;
	if (shift.by_reference)
		overlay->content_path = xstrdup("layers");
	return 0;
}

int overlay_shift(struct store *store, struct overlay *overlay, const struct id_maps *maps,
	int userns_fd, struct error **err)
{
	if (overlay->driver == DRIVER_OVERLAY || overlay->driver == DRIVER_AUTO)
		return shift_native(store, overlay, maps, userns_fd, err);
	overlay->maps = (struct id_maps){
		.uids = xmemdup(maps->uids, maps->uid_count * sizeof(*maps->uids)),
		.gids = xmemdup(maps->gids, maps->gid_count * sizeof(*maps->gids)),
		.uid_count = maps->uid_count,
		.gid_count = maps->gid_count,
	};
	return 0;
}
