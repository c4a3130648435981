#include "config.h"

#include <string.h>

#include "cmd/image_users.h"
#include "cmd/usage.h"
#include "cmd/volume_shared.h"
#include "container/index.h"
#include "image/image.h"
#include "rootless/userns.h"
#include "storage/layer.h"
#include "storage/usage.h"
#include "util/mem.h"
#include "util/str.h"

/* Layers counted so far; a layer that any used image has counts as used. */
struct layer_sizes {
	char **diff_ids;
	bool *used;
	uint64_t *bytes;
	size_t count, capacity;
};

static void count_layer(
	struct layer_sizes *sizes, struct store *store, const char *diff_id, bool used)
{
	cleanup_error struct error *ignored = NULL; /* a damaged record has no size to tell */
	struct layer_record record = {0};
	uint64_t bytes = 0;

	for (size_t i = 0; i < sizes->count; i++) {
		if (strcmp(sizes->diff_ids[i], diff_id) == 0) {
			sizes->used[i] = sizes->used[i] || used;
			return;
		}
	}
	if (layer_read(store, diff_id, &record, &ignored) == 0) {
		bytes = record.tar_size_bytes;
		layer_record_clear(&record);
	}
	if (sizes->count == sizes->capacity) {
		sizes->capacity = sizes->capacity ? sizes->capacity * 2 : 64;
		sizes->used = xreallocarray(sizes->used, sizes->capacity, sizeof(*sizes->used));
		sizes->bytes = xreallocarray(sizes->bytes, sizes->capacity, sizeof(*sizes->bytes));
	}
	strv_append(&sizes->diff_ids, diff_id);
	sizes->used[sizes->count] = used;
	sizes->bytes[sizes->count++] = bytes;
}

static int gather_images(struct store *store, const struct container_index *index,
	struct usage_class *ret, struct error **err)
{
	struct layer_sizes sizes = {0};
	struct image_summary *images;
	size_t count;

	if (image_summaries(store, &images, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		bool used = false;

		for (size_t j = 0; j < index->count && !used; j++)
			used = strcmp(index->rows[j].image_id, images[i].id) == 0;
		ret->total++;
		ret->active += used;
		for (size_t j = 0; images[i].config && j < images[i].config->diff_id_count; j++)
			count_layer(&sizes, store, images[i].config->diff_ids[j], used);
	}
	image_summaries_free(images, count);
	for (size_t i = 0; i < sizes.count; i++) {
		ret->size_bytes += sizes.bytes[i];
		ret->reclaimable_bytes += sizes.used[i] ? 0 : sizes.bytes[i];
	}
	strv_free(sizes.diff_ids);
	free(sizes.used);
	free(sizes.bytes);
	return 0;
}

/* Items: one per container, then one per volume. */
static int measure(struct store *store, const struct container_index *index,
	const struct volume_set *volumes, struct usage_item *items, struct error **err)
{
	cleanup_error struct error *ignored = NULL; /* without ids of others nothing is theirs */
	cleanup_close int userns_fd = -1;

	for (size_t i = 0; i < index->count; i++) {
		items[i].dir_fd = store->containers_fd;
		items[i].path = xasprintf("%s/upper", index->rows[i].id);
	}
	for (size_t i = 0; i < volumes->count; i++) {
		items[index->count + i].dir_fd = store->volumes_fd;
		items[index->count + i].path = xasprintf("%s/_data", volumes->chosen[i]->name);
	}
	if (store->rootless)
		userns_fd = userns_get(store->runtime_fd, &ignored);
	return store_usage(store, items, index->count + volumes->count, userns_fd, err);
}

static int gather_trees(struct store *store, const struct container_index *index,
	const struct volume_set *volumes, struct usage_class *ret, struct usage_item *items,
	struct error **err)
{
	struct usage_class *containers = &ret[USAGE_CONTAINERS], *named = &ret[USAGE_VOLUMES];

	if (measure(store, index, volumes, items, err) < 0)
		return -1;
	for (size_t i = 0; i < index->count; i++) {
		bool running = index->rows[i].state == CONTAINER_RUNNING ||
			       index->rows[i].state == CONTAINER_UNSUPERVISED;

		containers->total++;
		containers->active += running;
		containers->size_bytes += items[i].bytes;
		containers->reclaimable_bytes += running ? 0 : items[i].bytes;
	}
	for (size_t i = 0; i < volumes->count; i++) {
		cleanup_free char *user = NULL;
		uint64_t bytes = items[index->count + i].bytes;

		if (container_uses_volume(store, volumes->chosen[i]->name, &user, err) < 0)
			return -1;
		named->total++;
		named->active += user != NULL;
		named->size_bytes += bytes;
		named->reclaimable_bytes += user ? 0 : bytes;
	}
	return 0;
}

int usage_gather(
	struct command_context *ctx, struct usage_class ret[USAGE_CLASSES], struct error **err)
{
	cleanup_container_index struct container_index index = {0};
	cleanup_volume_set struct volume_set volumes = {0};
	struct usage_class classes[USAGE_CLASSES] = {
		{.type = "Images"}, {.type = "Containers"}, {.type = "Local Volumes"}};
	struct usage_item *items;
	struct store *store;
	int status;

	if (command_store(ctx, &store, err) < 0 || container_index_load(store, &index, err) < 0 ||
		volume_set_load(store, NULL, NULL, &volumes, err) < 0 ||
		gather_images(store, &index, &classes[USAGE_IMAGES], err) < 0)
		return -1;
	items = xcalloc(index.count + volumes.count + 1, sizeof(*items));
	status = gather_trees(store, &index, &volumes, classes, items, err);
	for (size_t i = 0; i < index.count + volumes.count; i++)
		free(items[i].path);
	free(items);
	if (status == 0)
		memcpy(ret, classes, sizeof(classes));
	return status;
}
