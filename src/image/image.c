#include "config.h"

#include <stdio.h>
#include <string.h>

#include "container/events.h"
#include "image/image.h"
#include "registry/reference.h"
#include "registry/registries_conf.h"
#include "storage/gc.h"
#include "storage/layer.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

int image_lock(struct store *store, struct error **err)
{
	return store_lock_images(store, err);
}

/* 1 found, 0 not there. */
static int try_reference(
	struct store *store, const char *reference, struct image **ret, struct error **err)
{
	cleanup_error struct error *why = NULL;

	if (image_lookup_reference(store, reference, ret, &why) == 0)
		return 1;
	return why->kind == ERR_NOT_FOUND ? 0 : error_move(err, &why);
}

/* "name@sha256:..." also means an image tagged name:anything that has this manifest. */
static int try_digest(
	struct store *store, const struct reference *wanted, struct image **ret, struct error **err)
{
	cleanup_free char *name = reference_name(wanted), *found = NULL;
	struct image_ref *refs;
	size_t count;

	if (image_list(store, &refs, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && !found; i++) {
		const char *rest =
			refs[i].reference ? str_starts_with(refs[i].reference, name) : NULL;

		if (rest && (*rest == ':' || *rest == '@') &&
			str_equal(refs[i].manifest_digest, wanted->digest))
			found = xstrdup(refs[i].reference);
	}
	image_refs_free(refs, count);
	return found ? try_reference(store, found, ret, err) : 0;
}

/* A short name may have been pulled from a search registry. */
static int try_search_registries(
	struct store *store, const struct reference *wanted, struct image **ret, struct error **err)
{
	cleanup_registries_conf struct registries_conf *conf = NULL;
	struct reference **candidates;
	size_t count;
	int found = 0;

	if (registries_conf_load(&conf, err) < 0)
		return -1;
	registries_conf_candidates(conf, wanted, &candidates, &count);
	for (size_t i = 0; i < count && found == 0; i++) {
		cleanup_free char *text = reference_string(candidates[i]);

		found = try_reference(store, text, ret, err);
	}
	reference_array_free(candidates, count);
	return found;
}

int image_resolve(struct store *store, const char *name, struct image **ret, struct error **err)
{
	cleanup_error struct error *why = NULL, *syntax = NULL;
	cleanup_reference struct reference *ref = NULL, *local = NULL;
	int found = 0;

	if (!str_starts_with(name, "sha256:") && reference_parse(name, &ref, &syntax) == 0) {
		cleanup_free char *canonical = reference_string(ref);

		found = try_reference(store, canonical, ret, err);
		if (found == 0 && !ref->qualified) {
			cleanup_free char *text = NULL;

			local = reference_with_domain(ref, "localhost");
			text = reference_string(local);
			found = try_reference(store, text, ret, err);
			if (found == 0)
				found = try_search_registries(store, ref, ret, err);
		}
		if (found == 0 && ref->digest)
			found = try_digest(store, ref, ret, err);
	}
	if (found)
		return found < 0 ? error_wrap(err, "%s", name) : 0;
	if (image_lookup_id(store, name, ret, &why) == 0)
		return 0;
	if (why->kind != ERR_NOT_FOUND)
		return error_move(err, &why);
	if (!ref && syntax && !hex_is_valid(name, 64) && !str_starts_with(name, "sha256:"))
		return error_move(err, &syntax);
	error_set(err, ERR_NOT_FOUND, "%s: image not known", name);
	return error_docker(err, "Error response from daemon: No such image: %s%s", name,
		ref && !ref->digest && !str_ends_with(name, ref->tag) ? ":latest" : "");
}

/* What a user calls a new image: without a domain it is this host's. */
static int local_reference(const char *text, char **ret, struct error **err)
{
	cleanup_reference struct reference *ref = NULL, *local = NULL;

	if (reference_parse(text, &ref, err) < 0)
		return -1;
	if (ref->digest)
		return error_set(
			err, ERR_INVALID, "cannot tag '%s': a tag, not a digest, is needed", text);
	if (!ref->qualified)
		local = reference_with_domain(ref, "localhost");
	*ret = reference_string(local ? local : ref);
	return 0;
}

int image_local_reference(const char *text, char **ret, struct error **err)
{
	return local_reference(text, ret, err);
}

int image_tag(struct store *store, const char *source, const char *target, struct error **err)
{
	cleanup_image struct image *image = NULL;
	cleanup_free char *reference = NULL;
	cleanup_close int lock_fd = -1;
	struct image_ref ref;

	if (local_reference(target, &reference, err) < 0)
		return -1;
	lock_fd = image_lock(store, err);
	if (lock_fd < 0 || image_resolve(store, source, &image, err) < 0)
		return -1;
	ref = image->refs[0];
	ref.reference = reference;
	if (image_ref_write(store, &ref, err) < 0)
		return -1;
	event_image(store, "tag", image->id, reference);
	return 0;
}

/* All references of the image, whichever way it was found. */
static int load_whole(struct store *store, struct image **image, struct error **err)
{
	struct image *whole;

	if (image_lookup_id(store, (*image)->id, &whole, err) < 0)
		return -1;
	image_free(*image);
	*image = whole;
	return 0;
}

static size_t tag_count(const struct image *image)
{
	size_t count = 0;

	for (size_t i = 0; i < image->ref_count; i++)
		count += image->refs[i].reference != NULL;
	return count;
}

/* The image keeps an untagged entry before its last reference goes: at no moment is it
 * unreferenced. */
static int keep_untagged(struct store *store, const struct image *image, struct error **err)
{
	struct image_ref untagged = image->refs[0];

	untagged.reference = NULL;
	return image_ref_write(store, &untagged, err);
}

static int untag_one(struct store *store, struct image *image, const char *reference, bool last,
	struct error **err)
{
	if (last && keep_untagged(store, image, err) < 0)
		return -1;
	if (image_ref_remove(store, reference, err) < 0)
		return -1;
	event_image(store, "untag", image->id, reference);
	return 0;
}

static const char *find_reference(const struct image *image, const char *name)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_reference struct reference *ref = NULL, *local = NULL;
	cleanup_free char *canonical = NULL, *text = NULL;

	if (reference_parse(name, &ref, &ignored) < 0)
		return NULL;
	canonical = reference_string(ref);
	local = reference_with_domain(ref, "localhost");
	text = reference_string(local);
	for (size_t i = 0; i < image->ref_count; i++) {
		const char *reference = image->refs[i].reference;

		if (str_equal(reference, canonical) ||
			(!ref->qualified && str_equal(reference, text)))
			return reference;
	}
	return NULL;
}

int image_untag(struct store *store, const char *source, char *const *names, struct error **err)
{
	cleanup_image struct image *image = NULL;
	size_t left;

	if (image_resolve(store, source, &image, err) < 0 || load_whole(store, &image, err) < 0)
		return -1;
	left = tag_count(image);
	if (!names || !names[0]) {
		for (size_t i = 0; i < image->ref_count; i++)
			if (image->refs[i].reference &&
				untag_one(store, image, image->refs[i].reference, left-- == 1,
					err) < 0)
				return -1;
		return 0;
	}
	for (; *names; names++)
		if (!find_reference(image, *names))
			return error_set(err, ERR_NOT_FOUND, "%s: tag not known", *names);
		else if (untag_one(store, image, find_reference(image, *names), left-- == 1, err) <
			 0)
			return -1;
	return 0;
}

void image_removal_clear(struct image_removal *removal)
{
	strv_free(removal->untagged);
	strv_free(removal->deleted);
	*removal = (struct image_removal){0};
}

static int check_unused(
	const struct image *image, bool force, const struct image_users *users, struct error **err)
{
	cleanup_free char *container = NULL;

	if (!users->container || users->container(users->data, image->id, &container, err) < 0)
		return users->container ? -1 : 0;
	if (!container)
		return 0;
	if (force && users->remove_containers)
		return users->remove_containers(users->data, image->id, err);
	error_set(err, ERR_CONFLICT,
		"image used by %s: image is in use by a container: consider removing the "
		"container, "
		"or force removal",
		container);
	return error_docker(err,
		"Error response from daemon: conflict: unable to remove image %.12s (must force) - "
		"container %.12s is using its referenced image %.12s",
		image->id, container, image->id);
}

/* All references, the image with them. IMAGE is whole. */
static int delete_image(struct store *store, const struct image *image, struct image_removal *ret,
	struct error **err)
{
	for (size_t i = 0; i < image->ref_count; i++) {
		cleanup_free char *untagged = xasprintf("@%s", image->id);
		const char *reference = image->refs[i].reference;
		cleanup_error struct error *why = NULL;

		if (image_ref_remove(store, reference ? reference : untagged, &why) == 0) {
			if (reference)
				strv_append(&ret->untagged, reference);
		} else if (why->kind != ERR_NOT_FOUND) {
			return error_move(err, &why);
		}
	}
	strv_append(&ret->deleted, image->id);
	event_image(store, "remove", image->id, image->refs[0].reference);
	return 0;
}

/* The image that NAME leads to by the references alone, whole but for its config, which is damaged.
 * -1 without an error set: there is none, or more than one. */
static int find_damaged(
	struct store *store, const char *name, struct image **ret, struct error **err)
{
	const char *hex = str_starts_with(name, "sha256:");
	cleanup_image struct image *image = xcalloc(1, sizeof(*image));
	struct image_ref *refs;
	size_t count, capacity = 0;
	bool is_one = true;

	hex = hex ? hex : name;
	if (image_list(store, &refs, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct image one = {.refs = &refs[i], .ref_count = 1};

		if (!find_reference(&one, name) &&
			(strlen(hex) < 3 || !str_starts_with(refs[i].image_id, hex)))
			continue;
		if (!image->id)
			image->id = xstrdup(refs[i].image_id);
		is_one &= str_equal(image->id, refs[i].image_id);
	}
	for (size_t i = 0; i < count; i++) {
		if (!str_equal(image->id, refs[i].image_id))
			continue;
		array_grow(image->refs, image->ref_count, capacity);
		image->refs[image->ref_count++] = refs[i];
		refs[i] = (struct image_ref){0};
	}
	image_refs_free(refs, count);
	if (!image->id || !is_one)
		return -1;
	*ret = steal_ptr(&image);
	return 0;
}

/* One that is damaged must be removable too: while it is there nothing is collected. */
static int find_to_remove(
	struct store *store, const char *name, struct image **ret, struct error **err)
{
	cleanup_error struct error *why = NULL;

	if (image_resolve(store, name, ret, &why) == 0 && load_whole(store, ret, &why) == 0)
		return 0;
	image_free(steal_ptr(ret));
	if (why->kind == ERR_CONFLICT || find_damaged(store, name, ret, err) < 0)
		return *err ? -1 : error_move(err, &why);
	return 0;
}

int image_remove(struct store *store, const char *name, bool force, const struct image_users *users,
	struct image_removal *ret, struct error **err)
{
	cleanup_image struct image *image = NULL;
	cleanup_strbuf struct strbuf tags = STRBUF_INIT;
	const char *reference;

	if (find_to_remove(store, name, &image, err) < 0)
		return -1;
	reference = find_reference(image, name);
	if (tag_count(image) > 1 && reference) {
		if (image_ref_remove(store, reference, err) < 0)
			return -1;
		strv_append(&ret->untagged, reference);
		event_image(store, "untag", image->id, reference);
		return 0;
	}
	if (tag_count(image) > 1 && !force) {
		for (size_t i = 0; i < image->ref_count; i++)
			if (image->refs[i].reference)
				strbuf_addf(&tags, "%s%s", tags.len ? " " : "",
					image->refs[i].reference);
		return error_set(err, ERR_INVALID,
			"unable to delete image \"%s\" by ID with more than one tag ([%s]): please "
			"force removal",
			image->id, strbuf_str(&tags));
	}
	if (check_unused(image, force, users, err) < 0)
		return -1;
	return delete_image(store, image, ret, err);
}

int image_remove_all(struct store *store, bool force, const struct image_users *users,
	struct image_removal *ret, struct error **err)
{
	struct image_summary *images;
	size_t count;
	int status = 0;

	if (image_summaries(store, &images, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct image whole = {.id = images[i].id,
			.refs = images[i].refs,
			.ref_count = images[i].ref_count};
		cleanup_error struct error *one = NULL;

		if ((check_unused(&whole, force, users, &one) < 0 ||
			    delete_image(store, &whole, ret, &one) < 0) &&
			status == 0)
			status = error_move(err, &one);
	}
	image_summaries_free(images, count);
	return status;
}

/* What a manifest refers to; a damaged one is an error, for then nothing may be deleted. */
static int mark_manifest(struct store *store, const struct image_ref *ref, char ***blobs,
	char ***layers, struct error **err)
{
	cleanup_manifest struct manifest *manifest = NULL;
	cleanup_free char *text = NULL, *id_digest = NULL;
	struct image_config *config = NULL;
	size_t len;

	strv_append(blobs, digest_hex(ref->manifest_digest));
	strv_append(blobs, ref->image_id);
	if (blob_read(store, ref->manifest_digest, IMAGE_MANIFEST_MAX, &text, &len, err) < 0 ||
		manifest_parse(text, len, NULL, "manifest", &manifest, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->layer_count; i++)
		strv_append(blobs, digest_hex(manifest->layers[i].digest));
	free(text);
	text = NULL;
	id_digest = xasprintf("sha256:%s", ref->image_id);
	if (blob_read(store, id_digest, IMAGE_CONFIG_MAX, &text, &len, err) < 0 ||
		image_config_parse(text, len, "config", &config, err) < 0)
		return -1;
	for (size_t i = 0; i < config->diff_id_count; i++)
		strv_append(layers, digest_hex(config->diff_ids[i]));
	image_config_free(config);
	return 0;
}

int image_collect(struct store *store, const struct image_users *users, struct error **err)
{
	cleanup_strv char **blobs = NULL, **layers = NULL, **used = NULL;
	cleanup_error struct error *busy = NULL;
	cleanup_close int lock_fd = -1;
	struct image_ref *refs;
	size_t count;
	int status = 0;

	lock_fd = store_begin_collection(store, &busy);
	if (lock_fd < 0) {
		if (busy->kind != ERR_CONFLICT)
			return error_move(err, &busy);
		store_request_collection(store);
		return 0;
	}
	if (users->diff_ids(users->data, &used, err) < 0)
		return -1;
	/* What a record that cannot be read refers to is not known. */
	if (image_list_whole(store, &refs, &count, err) < 0)
		return error_wrap(err,
			"unused layers are not deleted, for an image's record cannot "
			"be read; pull it again or delete the file");
	for (char **diff_id = used; diff_id && *diff_id; diff_id++)
		if (digest_is_valid(*diff_id))
			strv_append(&layers, digest_hex(*diff_id));
	for (size_t i = 0; i < count && status == 0; i++) {
		cleanup_error struct error *one = NULL;

		/* A damaged image must neither be hurt further nor stop every collection for ever
		 * silently: nothing is collected and the reason is told. */
		if (mark_manifest(store, &refs[i], &blobs, &layers, &one) < 0)
			status = error_set(err, ERR_INVALID,
				"unused layers are not deleted, for the image '%s' is damaged "
				"(%s); "
				"remove it with pod rmi or pull it again",
				refs[i].reference ? refs[i].reference : refs[i].image_id,
				one->message);
	}
	image_refs_free(refs, count);
	return status < 0 ? -1 : store_collect(store, layers, blobs, err);
}

uint64_t image_size(struct store *store, const struct image_config *config)
{
	uint64_t total = 0;

	for (size_t i = 0; i < config->diff_id_count; i++) {
		cleanup_error struct error *ignored = NULL; /* damaged: counts as nothing */
		struct layer_record record = {0};

		if (layer_read(store, config->diff_ids[i], &record, &ignored) == 0)
			total += record.tar_size_bytes;
		layer_record_clear(&record);
	}
	return total;
}
