#include "config.h"

#include <string.h>

#include "image/image.h"
#include "util/filter.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

/* All images at once: listings, filters, prune. */

static int64_t created_seconds(const struct image_config *config)
{
	cleanup_error struct error *ignored = NULL; /* then the time is unknown */
	uint64_t ns;

	if (!config->created || time_parse(config->created, 0, &ns, &ignored) < 0)
		return 0;
	return (int64_t)(ns / NS_PER_SECOND);
}

void image_summaries_free(struct image_summary *images, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(images[i].id);
		image_refs_free(images[i].refs, images[i].ref_count);
		image_config_free(images[i].config);
	}
	free(images);
}

static int compare_age(const void *a, const void *b)
{
	const struct image_summary *x = a, *y = b;

	if (x->created_s != y->created_s)
		return x->created_s < y->created_s ? 1 : -1;
	return strcmp(x->id, y->id);
}

static struct image_summary *find_image(struct image_summary *images, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(images[i].id, id))
			return &images[i];
	return NULL;
}

static int read_config(struct store *store, struct image_summary *image, struct error **err)
{
	cleanup_free char *digest = xasprintf("sha256:%s", image->id), *text = NULL;
	size_t len;

	if (blob_read(store, digest, IMAGE_CONFIG_MAX, &text, &len, err) < 0 ||
		image_config_parse(text, len, digest, &image->config, err) < 0)
		return -1;
	image->created_s = created_seconds(image->config);
	return 0;
}

int image_summaries(
	struct store *store, struct image_summary **ret, size_t *ret_count, struct error **err)
{
	struct image_summary *images;
	struct image_ref *refs;
	size_t ref_count, count = 0, kept = 0;

	if (image_list(store, &refs, &ref_count, err) < 0)
		return -1;
	images = xcalloc(ref_count + 1, sizeof(*images));
	for (size_t i = 0; i < ref_count; i++) {
		struct image_summary *image = find_image(images, count, refs[i].image_id);
		size_t n;

		if (!image) {
			image = &images[count++];
			image->id = xstrdup(refs[i].image_id);
			image->size_bytes = refs[i].size_bytes;
		}
		n = image->ref_count++;
		image->refs = xreallocarray(image->refs, n + 1, sizeof(*image->refs));
		image->refs[n] = refs[i]; /* moved */
	}
	free(refs);
	for (size_t i = 0; i < count; i++) {
		cleanup_error struct error *why = NULL;

		if (read_config(store, &images[i], &why) == 0) {
			images[kept++] = images[i];
			continue;
		}
		/* Removed between the two reads, or damaged: said, and the others are shown. */
		if (why->kind != ERR_NOT_FOUND)
			log_warning("image %.12s: %s", images[i].id, why->message);
		free(images[i].id);
		image_refs_free(images[i].refs, images[i].ref_count);
	}
	if (kept)
		qsort(images, kept, sizeof(*images), compare_age);
	*ret = images;
	*ret_count = kept;
	return 0;
}

bool image_summary_is_dangling(const struct image_summary *image)
{
	for (size_t i = 0; i < image->ref_count; i++)
		if (image->refs[i].reference)
			return false;
	return true;
}

char *image_repository(const char *reference, const char **ret_tag)
{
	const char *at = strchr(reference, '@'), *slash, *colon;
	size_t len = at ? (size_t)(at - reference) : strlen(reference);

	slash = memrchr(reference, '/', len);
	colon = memrchr(reference, ':', len);
	if (colon && slash && colon < slash)
		colon = NULL; /* a port */
	*ret_tag = colon && !at ? colon + 1 : NULL;
	return xstrndup(reference, colon ? (size_t)(colon - reference) : len);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **image_repo_digests(const struct image_ref *refs, size_t count)
{
	char **digests = NULL;
	const char *tag;

	for (size_t i = 0; i < count; i++) {
		cleanup_free char *repository = NULL, *digest = NULL;

		if (!refs[i].reference)
			continue;
		repository = image_repository(refs[i].reference, &tag);
		digest = xasprintf("%s@%s", repository, refs[i].manifest_digest);
		if (!strv_contains(digests, digest))
			strv_append(&digests, digest);
		if (strchr(refs[i].reference, '@') && !strv_contains(digests, refs[i].reference))
			strv_append(&digests, refs[i].reference);
	}
	if (digests)
		qsort(digests, strv_length(digests), sizeof(*digests), compare_strings);
	return digests;
}

/* What filters compare with, looked up once. */
struct filter_data {
	struct store *store;
	const struct image_users *users;
	const struct filter_list *list;
	int64_t *times_s; /* before, since, until: one per filter */
	struct error *error;
};

static bool matches_reference(const char *reference, const char *pattern)
{
	cleanup_free char *repository = NULL;
	const char *tag, *path, *repository_path;

	repository = image_repository(reference, &tag);
	if (glob_matches(pattern, reference) || glob_matches(pattern, repository))
		return true;
	/* Any trailing part that begins after a '/' is how people write it. */
	path = reference;
	repository_path = repository;
	while ((path = strchr(path, '/')) && (repository_path = strchr(repository_path, '/'))) {
		path++;
		repository_path++;
		if (glob_matches(pattern, path) || glob_matches(pattern, repository_path))
			return true;
	}
	return false;
}

static bool is_used(const struct image_summary *image, struct filter_data *data)
{
	cleanup_free char *container = NULL;

	if (!data->users || !data->users->container || data->error)
		return false;
	if (data->users->container(data->users->data, image->id, &container, &data->error) < 0)
		return false;
	return container != NULL;
}

static bool match_image(const struct filter *filter, const void *row, void *arg)
{
	const struct image_summary *image = row;
	struct filter_data *data = arg;
	int64_t time_s = data->times_s[filter - data->list->filters];
	bool wanted = str_equal(filter->value, "true") || str_equal(filter->value, "1");
	const char *key = filter->key;

	if (str_equal(key, "dangling"))
		return image_summary_is_dangling(image) == wanted;
	if (str_equal(key, "label"))
		return label_matches(image->config->labels, filter->value);
	if (str_equal(key, "before") || str_equal(key, "until"))
		return image->created_s < time_s;
	if (str_equal(key, "since") || str_equal(key, "after"))
		return image->created_s > time_s;
	if (str_equal(key, "id")) {
		const char *hex = str_starts_with(filter->value, "sha256:");

		return str_starts_with(image->id, hex ? hex : filter->value) != NULL;
	}
	if (str_equal(key, "containers"))
		return is_used(image, data) == wanted;
	if (str_equal(key, "intermediate") || str_equal(key, "readonly"))
		return !wanted; /* there are none here */
	for (size_t i = 0; i < image->ref_count; i++) {
		const struct image_ref *ref = &image->refs[i];

		if (str_equal(key, "digest")
				? str_starts_with(ref->manifest_digest, filter->value) != NULL
				: ref->reference &&
					  matches_reference(ref->reference, filter->value))
			return true;
	}
	return false;
}

static int prepare_filter(
	struct filter_data *data, const struct filter *filter, int64_t *ret, struct error **err)
{
	static const char *const booleans[] = {
		"dangling", "containers", "intermediate", "readonly", NULL};
	cleanup_image struct image *image = NULL;
	uint64_t ns;

	for (size_t i = 0; booleans[i]; i++)
		if (str_equal(filter->key, booleans[i]) && !str_equal(filter->value, "true") &&
			!str_equal(filter->value, "false") && !str_equal(filter->value, "1") &&
			!str_equal(filter->value, "0"))
			return error_set(err, ERR_USAGE,
				"invalid filter '%s=%s': must be true or false", filter->key,
				filter->value);
	if (str_equal(filter->key, "until")) {
		if (time_parse(filter->value, time_now_ns(), &ns, err) < 0)
			return error_wrap(err, "filter until");
		*ret = (int64_t)(ns / NS_PER_SECOND);
	} else if (str_equal(filter->key, "before") || str_equal(filter->key, "since") ||
		   str_equal(filter->key, "after")) {
		if (image_resolve(data->store, filter->value, &image, err) < 0)
			return error_wrap(err, "filter %s", filter->key);
		*ret = created_seconds(image->config);
	}
	return 0;
}

int image_filter(struct store *store, char *const *filters, const struct image_users *users,
	struct image_summary *images, size_t *count, struct error **err)
{
	static const char *const keys[] = {"dangling", "label", "reference", "before", "since",
		"after", "until", "id", "digest", "containers", "intermediate", "readonly", NULL};
	cleanup_filters struct filter_list list = {0};
	cleanup_free int64_t *times_s = NULL;
	struct filter_data data = {.store = store, .users = users, .list = &list};
	size_t kept = 0;

	if (filters_parse(filters, keys, &list, err) < 0)
		return -1;
	data.times_s = times_s = xcalloc(list.count + 1, sizeof(*times_s));
	for (size_t i = 0; i < list.count; i++)
		if (prepare_filter(&data, &list.filters[i], &times_s[i], err) < 0)
			return -1;
	for (size_t i = 0; i < *count; i++) {
		if (filters_match(&list, match_image, &images[i], &data)) {
			images[kept++] = images[i];
			continue;
		}
		free(images[i].id);
		image_refs_free(images[i].refs, images[i].ref_count);
		image_config_free(images[i].config);
	}
	*count = kept;
	return data.error ? error_move(err, &data.error) : 0;
}

/* Remove one; an image that somebody uses meanwhile is no failure of a prune. */
static int prune_one(struct store *store, const struct image_summary *image,
	const struct image_users *users, struct image_removal *ret, struct error **err)
{
	cleanup_error struct error *why = NULL;
	cleanup_free char *container = NULL;

	if (users->container(users->data, image->id, &container, err) < 0)
		return -1;
	if (container)
		return 0;
	if (image_remove(store, image->id, true, users, ret, &why) < 0 &&
		why->kind != ERR_NOT_FOUND && why->kind != ERR_CONFLICT)
		return error_move(err, &why);
	return 0;
}

int image_prune(struct store *store, bool all, char *const *filters,
	const struct image_users *users, struct image_removal *ret, struct error **err)
{
	struct image_summary *images;
	struct image_users no_force = *users;
	size_t count;
	int status;

	no_force.remove_containers = NULL;
	if (image_summaries(store, &images, &count, err) < 0)
		return -1;
	status = image_filter(store, filters, users, images, &count, err);
	for (size_t i = 0; i < count && status == 0; i++)
		if (all || image_summary_is_dangling(&images[i]))
			status = prune_one(store, &images[i], &no_force, ret, err);
	image_summaries_free(images, count);
	return status;
}
