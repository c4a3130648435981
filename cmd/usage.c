#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/listing.h"
#include "cmd/usage.h"
#include "rootless/userns.h"
#include "storage/layer.h"
#include "storage/usage.h"
#include "util/mem.h"

static bool is_running(const struct container_row *row)
{
	return row->state == CONTAINER_RUNNING || row->state == CONTAINER_UNSUPERVISED ||
	       row->state == CONTAINER_RESTARTING || row->state == CONTAINER_PAUSED;
}

/* Layers of all images. */
struct layer_use {
	char *diff_id;
	uint64_t bytes;
	size_t images;
	bool used; /* by an image that a container was made from */
};

struct layer_uses {
	struct layer_use *list;
	size_t count, capacity;
};

static struct layer_use *find_layer(struct layer_uses *uses, const char *diff_id)
{
	for (size_t i = 0; i < uses->count; i++)
		if (strcmp(uses->list[i].diff_id, diff_id) == 0)
			return &uses->list[i];
	return NULL;
}

static void count_layer(
	struct layer_uses *uses, struct store *store, const char *diff_id, bool used)
{
	struct layer_use *use = find_layer(uses, diff_id);

	if (!use) {
		cleanup_error struct error *ignored = NULL; /* a damaged record tells no size */
		struct layer_record record = {0};

		array_grow(uses->list, uses->count, uses->capacity);
		use = &uses->list[uses->count++];
		*use = (struct layer_use){.diff_id = xstrdup(diff_id)};
		if (layer_read(store, diff_id, &record, &ignored) == 0) {
			use->bytes = record.tar_size_bytes;
			layer_record_clear(&record);
		}
	}
	use->images++;
	use->used = use->used || used;
}

static void gather_images(struct store *store, struct usage *usage)
{
	struct usage_class *total = &usage->classes[USAGE_IMAGES];
	struct layer_uses uses = {0};

	for (size_t i = 0; i < usage->image_count; i++) {
		const struct image_config *config = usage->images[i].config;
		struct usage_image *image = &usage->image[i];

		for (size_t j = 0; j < usage->index.count; j++)
			image->containers +=
				strcmp(usage->index.rows[j].image_id, usage->images[i].id) == 0;
		total->total++;
		total->active += image->containers > 0;
		for (size_t j = 0; config && j < config->diff_id_count; j++)
			count_layer(&uses, store, config->diff_ids[j], image->containers > 0);
	}
	for (size_t i = 0; i < usage->image_count; i++) {
		const struct image_config *config = usage->images[i].config;

		for (size_t j = 0; config && j < config->diff_id_count; j++) {
			const struct layer_use *use = find_layer(&uses, config->diff_ids[j]);

			usage->image[i].size_bytes += use->bytes;
			usage->image[i].shared_bytes += use->images > 1 ? use->bytes : 0;
		}
	}
	for (size_t i = 0; i < uses.count; i++) {
		total->size_bytes += uses.list[i].bytes;
		total->reclaimable_bytes += uses.list[i].used ? 0 : uses.list[i].bytes;
		free(uses.list[i].diff_id);
	}
	free(uses.list);
}

/* Items: one per container, then one per volume. */
static int measure(struct store *store, const struct usage *usage, struct usage_item *items,
	struct error **err)
{
	cleanup_error struct error *no_userns = NULL; /* then nothing is of other ids */
	const struct container_index *index = &usage->index;
	cleanup_close int userns_fd = -1;

	for (size_t i = 0; i < index->count; i++) {
		items[i].dir_fd = store->containers_fd;
		items[i].path = xasprintf("%s/upper", index->rows[i].id);
	}
	for (size_t i = 0; i < usage->volumes.count; i++) {
		items[index->count + i].dir_fd = store->volumes_fd;
		items[index->count + i].path =
			xasprintf("%s/_data", usage->volumes.chosen[i]->name);
	}
	if (store->rootless)
		userns_fd = userns_get(store->runtime_fd, &no_userns);
	return store_usage(store, items, index->count + usage->volumes.count, userns_fd, err);
}

static void add(struct usage_class *total, uint64_t bytes, bool active)
{
	total->total++;
	total->active += active;
	total->size_bytes += bytes;
	total->reclaimable_bytes += active ? 0 : bytes;
}

static int gather_trees(struct store *store, struct usage *usage, struct error **err)
{
	size_t containers = usage->index.count, volumes = usage->volumes.count;
	struct usage_item *items = xcalloc(containers + volumes + 1, sizeof(*items));
	int status = measure(store, usage, items, err);

	for (size_t i = 0; i < containers && status == 0; i++) {
		usage->container_bytes[i] = items[i].bytes;
		add(&usage->classes[USAGE_CONTAINERS], items[i].bytes,
			is_running(&usage->index.rows[i]));
	}
	for (size_t i = 0; i < volumes && status == 0; i++) {
		usage->volume_bytes[i] = items[containers + i].bytes;
		for (size_t j = 0; j < containers; j++)
			usage->volume_links[i] += listing_has_line(
				usage->index.rows[j].volumes, usage->volumes.chosen[i]->name);
		add(&usage->classes[USAGE_VOLUMES], usage->volume_bytes[i],
			usage->volume_links[i] > 0);
	}
	for (size_t i = 0; i < containers + volumes; i++)
		free(items[i].path);
	free(items);
	return status;
}

int usage_gather(struct command_context *ctx, struct usage *ret, struct error **err)
{
	cleanup_usage struct usage usage = {
		.classes = {{.type = "Images"}, {.type = "Containers"}, {.type = "Local Volumes"}}};
	struct store *store;

	if (command_store(ctx, &store, err) < 0 ||
		container_index_load(store, &usage.index, err) < 0 ||
		volume_set_load(store, NULL, NULL, &usage.volumes, err) < 0 ||
		image_summaries(store, &usage.images, &usage.image_count, err) < 0)
		return -1;
	usage.image = xcalloc(usage.image_count + 1, sizeof(*usage.image));
	usage.container_bytes = xcalloc(usage.index.count + 1, sizeof(*usage.container_bytes));
	usage.volume_bytes = xcalloc(usage.volumes.count + 1, sizeof(*usage.volume_bytes));
	usage.volume_links = xcalloc(usage.volumes.count + 1, sizeof(*usage.volume_links));
	gather_images(store, &usage);
	if (gather_trees(store, &usage, err) < 0)
		return -1;
	*ret = usage;
	usage = (struct usage){0};
	return 0;
}

int usage_total(struct command_context *ctx, uint64_t *ret_bytes, struct error **err)
{
	cleanup_usage struct usage usage = {0};

	if (usage_gather(ctx, &usage, err) < 0)
		return -1;
	*ret_bytes = 0;
	for (size_t i = 0; i < USAGE_CLASSES; i++)
		*ret_bytes += usage.classes[i].size_bytes;
	return 0;
}

void usage_clear(struct usage *usage)
{
	image_summaries_free(usage->images, usage->image_count);
	free(usage->image);
	container_index_clear(&usage->index);
	free(usage->container_bytes);
	volume_set_clear(&usage->volumes);
	free(usage->volume_bytes);
	free(usage->volume_links);
	*usage = (struct usage){0};
}
