#include "config.h"

#include "cmd/image_users.h"
#include "container/container.h"
#include "storage/gc.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

/* src/image knows no containers and src/container no image removal: they meet here. */

static int users_container(void *data, const char *image_id, char **ret_id, struct error **err)
{
	return container_uses_image(data, image_id, ret_id, err);
}

static int users_remove_containers(void *data, const char *image_id, struct error **err)
{
	const struct container_remove_options opts = {.force = true, .volumes = true};
	struct container **containers;
	size_t count;
	int status = 0;

	if (container_list(data, &containers, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && status == 0; i++)
		if (str_equal(containers[i]->config->image_id, image_id))
			status = container_remove(data, containers[i], &opts, err);
	container_list_free(containers, count);
	return status;
}

static int users_diff_ids(void *data, char ***ret, struct error **err)
{
	struct container **containers;
	char **diff_ids = NULL;
	size_t count;

	if (container_list_whole(data, &containers, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		for (char **id = containers[i]->config->diff_ids; id && *id; id++)
			strv_append(&diff_ids, *id);
	container_list_free(containers, count);
	*ret = diff_ids;
	return 0;
}

void image_users_init(struct store *store, struct image_users *ret)
{
	*ret = (struct image_users){
		.data = store,
		.container = users_container,
		.remove_containers = users_remove_containers,
		.diff_ids = users_diff_ids,
	};
}

void image_users_collect(struct store *store, bool wanted)
{
	cleanup_error struct error *why = NULL;
	struct image_users users;

	if (wanted && !store_collection_is_requested(store))
		return;
	image_users_init(store, &users);
	if (image_collect(store, &users, &why) < 0)
		log_warning("%s", why->message);
}
