#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "container/events.h"
#include "image/archive.h"
#include "image/image.h"
#include "image/layers.h"
#include "image/staging.h"
#include "registry/reference.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/sha256.h"
#include "util/str.h"

/*
 * Archives of images. The archive role has written every member into a file of the staging
 * directory and said what it hashes to; from here on a blob is what has its digest, whatever it was
 * called.
 *
 *   docker-archive   manifest.json: [{"Config","RepoTags","Layers"}]; layers by name
 *   OCI              index.json: an image index; everything by digest
 *   docker-dir       manifest.json: a manifest; everything by digest
 */

#define IMAGES_MAX      1024 /* in one archive */
#define INDEX_DEPTH_MAX 4

struct loader {
	struct store *store;
	struct staging *staging;
	struct image_archive archive;
	const struct pull_events *events;
	char **names;
};

static int open_member(
	const struct loader *l, const struct archive_member *member, struct error **err)
{
	int fd = openat(l->staging->dir_fd, member->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char path[96];

	/* An image before this one shares the layer: its file has become a blob. */
	if (fd < 0 && errno == ENOENT) {
		snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(member->digest));
		fd = openat(l->store->images_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	}
	return fd < 0 ? error_errno(err, errno, "open '%s' of the archive", member->name) : fd;
}

/* MEMBERS[i] is the blob of the layer i. */
static int make_layers(struct loader *l, const struct image_config *config,
	const struct archive_member **members, struct error **err)
{
	const struct layers_options opts = {.keep_blobs = layers_keep_blobs(), .events = l->events};
	size_t count = config->diff_id_count;
	cleanup_free struct layer_job *jobs = xcalloc(count + 1, sizeof(*jobs));
	size_t opened = 0;
	int status = 0;

	for (; opened < count && status == 0; opened++) {
		jobs[opened] = (struct layer_job){
			.diff_id = config->diff_ids[opened],
			.digest = members[opened]->digest,
			.size_bytes = members[opened]->size_bytes,
			.source_fd = open_member(l, members[opened], err),
		};
		if (jobs[opened].source_fd < 0)
			status = -1;
	}
	if (status == 0)
		status = layers_make(l->store, jobs, count, &opts, err);
	for (size_t i = 0; i < opened; i++)
		close_keep_errno(jobs[i].source_fd);
	for (size_t i = 0; i < count && status == 0 && layers_keep_blobs(); i++)
		status = staging_keep_blob(l->staging, members[i]->file, members[i]->digest, err);
	return status;
}

/* Blobs and references. NAMES may be empty: then the image is kept untagged. */
static int write_image(struct loader *l, const struct archive_member *config_member,
	const char *config_text, size_t config_len, const struct image_config *config,
	const char *manifest, size_t manifest_len, const char *media_type, char *const *names,
	struct error **err)
{
	char manifest_digest[SHA256_DIGEST_TEXT + 1];
	struct image_ref ref = {
		.manifest_digest = manifest_digest,
		.media_type = (char *)media_type,
		.image_id = (char *)digest_hex(config_member->digest),
		.size_bytes = image_size(l->store, config),
	};

	sha256_digest(manifest, manifest_len, manifest_digest);
	if (l->events && l->events->config)
		l->events->config(l->events->data, config_member->digest);
	if (blob_write(l->store, config_member->digest, config_text, config_len, err) < 0 ||
		blob_write(l->store, manifest_digest, manifest, manifest_len, err) < 0)
		return -1;
	if (!names || !*names) {
		if (image_ref_write(l->store, &ref, err) < 0)
			return -1;
		strv_append(&l->names, config_member->digest);
		return 0;
	}
	for (; *names; names++) {
		ref.reference = *names;
		if (image_ref_write(l->store, &ref, err) < 0)
			return -1;
		strv_append(&l->names, *names);
	}
	return 0;
}

static int read_member(const struct loader *l, const struct archive_member *member, size_t limit,
	char **ret, size_t *ret_len, struct error **err)
{
	char digest[SHA256_DIGEST_TEXT + 1];

	if (member->size_bytes > limit)
		return error_set(err, ERR_INVALID, "'%s' in the archive is larger than %zu bytes",
			member->name, limit);
	if (read_file_limited(l->staging->dir_fd, member->file, limit, ret, ret_len, err) < 0)
		return -1;
	/* The role that read the hostile archive told the digest: believe the bytes. */
	sha256_digest(*ret, *ret_len, digest);
	if (!str_equal(digest, member->digest))
		return error_set(err, ERR_DIGEST, "'%s' in the archive is not %s", member->name,
			member->digest);
	return 0;
}

static void image_config_freep(struct image_config **config)
{
	image_config_free(*config);
}
#define cleanup_image_config __attribute__((cleanup(image_config_freep)))

/* One element of docker-archive's manifest.json. */
static int load_docker_image(struct loader *l, const struct json *entry, struct error **err)
{
	cleanup_image_config struct image_config *config = NULL;
	cleanup_free const struct archive_member **members = NULL;
	cleanup_free struct descriptor *layers = NULL;
	cleanup_free char *config_text = NULL, *manifest = NULL;
	cleanup_strv char **names = NULL, **tags = NULL;
	const struct archive_member *config_member;
	struct json member, list;
	const char *path;
	size_t config_len, manifest_len, count;

	if (json_require(entry, "Config", &member, err) < 0 || json_string(&member, &path, err) < 0)
		return -1;
	config_member = image_archive_find(&l->archive, path);
	if (!config_member)
		return json_error(&member, err, "the archive has no '%s'", path);
	if (read_member(l, config_member, IMAGE_CONFIG_MAX, &config_text, &config_len, err) < 0 ||
		image_config_parse(config_text, config_len, path, &config, err) < 0)
		return -1;
	if (json_require(entry, "Layers", &list, err) < 0 ||
		json_array(&list, IMAGE_LAYERS_MAX, &count, err) < 0)
		return -1;
	if (count != config->diff_id_count)
		return json_error(&list, err, "%zu layers, and the config has %zu diff_ids", count,
			config->diff_id_count);
	members = xcalloc(count + 1, sizeof(*members));
	layers = xcalloc(count + 1, sizeof(*layers));
	for (size_t i = 0; i < count; i++) {
		struct json layer = json_at(&list, i);

		if (json_string(&layer, &path, err) < 0)
			return -1;
		members[i] = image_archive_find(&l->archive, path);
		if (!members[i])
			return json_error(&layer, err, "the archive has no '%s'", path);
		layers[i] = (struct descriptor){.digest = members[i]->digest,
			.size_bytes = members[i]->size_bytes,
			.compression = members[i]->compression};
	}
	if (json_opt_strv(entry, "RepoTags", IMAGES_MAX, &tags, err) < 0)
		return -1;
	for (char **tag = tags; tag && *tag; tag++) {
		char *canonical;

		if (reference_normalise(*tag, &canonical, err) < 0)
			return error_wrap(err, "manifest.json");
		strv_append_take(&names, canonical);
	}
	if (make_layers(l, config, members, err) < 0)
		return -1;
	manifest = manifest_compose(
		config_member->digest, config_len, layers, count, false, &manifest_len);
	return write_image(l, config_member, config_text, config_len, config, manifest,
		manifest_len, MEDIA_TYPE_OCI_MANIFEST, names, err);
}

/* A manifest whose blobs are found by digest. */
static int load_manifest(struct loader *l, const struct manifest *manifest, const char *text,
	size_t len, const char *name, struct error **err)
{
	cleanup_image_config struct image_config *config = NULL;
	cleanup_free const struct archive_member **members = NULL;
	cleanup_free char *config_text = NULL, *reference = NULL;
	const struct archive_member *config_member;
	size_t config_len;

	config_member = image_archive_find_digest(&l->archive, manifest->config.digest);
	if (!config_member)
		return error_set(err, ERR_INVALID, "the archive has no config %s, or a damaged one",
			manifest->config.digest);
	if (read_member(l, config_member, IMAGE_CONFIG_MAX, &config_text, &config_len, err) < 0 ||
		image_config_parse(config_text, config_len, manifest->config.digest, &config, err) <
			0)
		return -1;
	if (config->diff_id_count != manifest->layer_count)
		return error_set(err, ERR_INVALID,
			"the manifest has %zu layers and the config %zu diff_ids",
			manifest->layer_count, config->diff_id_count);
	members = xcalloc(manifest->layer_count + 1, sizeof(*members));
	for (size_t i = 0; i < manifest->layer_count; i++) {
		members[i] = image_archive_find_digest(&l->archive, manifest->layers[i].digest);
		if (!members[i])
			return error_set(err, ERR_DIGEST,
				"the archive has no layer %s, or a damaged one",
				manifest->layers[i].digest);
	}
	if (name && image_local_reference(name, &reference, err) < 0)
		return -1;
	if (make_layers(l, config, members, err) < 0)
		return -1;
	return write_image(l, config_member, config_text, config_len, config, text, len,
		manifest->media_type, (char *[]){reference, NULL}, err);
}

static int load_index(struct loader *l, const struct manifest *index, const char *inherited,
	unsigned int depth, struct error **err);

static int load_descriptor(struct loader *l, const struct descriptor *descriptor, const char *name,
	unsigned int depth, struct error **err)
{
	cleanup_manifest struct manifest *manifest = NULL;
	const struct archive_member *member;
	cleanup_free char *text = NULL;
	size_t len;

	member = image_archive_find_digest(&l->archive, descriptor->digest);
	if (!member)
		return error_set(err, ERR_DIGEST,
			"the archive has no manifest %s, or a damaged one", descriptor->digest);
	if (read_member(l, member, IMAGE_MANIFEST_MAX, &text, &len, err) < 0 ||
		manifest_parse(
			text, len, descriptor->media_type, descriptor->digest, &manifest, err) < 0)
		return -1;
	if (!manifest->is_index)
		return load_manifest(l, manifest, text, len, name, err);
	if (depth == INDEX_DEPTH_MAX)
		return error_set(err, ERR_INVALID, "indexes are nested too deep");
	return load_index(l, manifest, name, depth + 1, err);
}

/* The top index lists images; an index below it lists one image for several platforms. */
static int load_index(struct loader *l, const struct manifest *index, const char *inherited,
	unsigned int depth, struct error **err)
{
	const struct descriptor *chosen;
	struct platform host;
	int status;

	if (depth > 0) {
		platform_host(&host);
		status = index_choose(
			index, &host, inherited ? inherited : "the archive", &chosen, err);
		platform_clear(&host);
		return status < 0 ? -1 : load_descriptor(l, chosen, inherited, depth, err);
	}
	if (index->entry_count == 0)
		return error_set(err, ERR_INVALID, "the archive has no images");
	for (size_t i = 0; i < index->entry_count; i++) {
		const struct descriptor *entry = &index->entries[i];
		const char *name = entry->name ? entry->name : entry->reference;

		if (str_equal(entry->os, "unknown"))
			continue; /* an attestation */
		if (load_descriptor(l, entry, name, depth, err) < 0)
			return -1;
	}
	return 0;
}

static int load_oci(struct loader *l, struct error **err)
{
	cleanup_manifest struct manifest *index = NULL;
	cleanup_free char *text = NULL;
	size_t len;

	if (image_archive_text(&l->archive, l->staging->dir_fd, "index.json", &text, &len, err) <
			0 ||
		manifest_parse(text, len, MEDIA_TYPE_OCI_INDEX, "index.json", &index, err) < 0)
		return -1;
	return load_index(l, index, NULL, 0, err);
}

static int load_manifest_json(struct loader *l, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_manifest struct manifest *manifest = NULL;
	cleanup_free char *text = NULL;
	struct json root;
	size_t len, count;

	if (image_archive_text(&l->archive, l->staging->dir_fd, "manifest.json", &text, &len, err) <
			0 ||
		json_parse(text, len, "manifest.json", &doc, &root, err) < 0)
		return -1;
	if (json_kind(&root) == JSON_KIND_OBJECT) {
		if (manifest_parse(text, len, NULL, "manifest.json", &manifest, err) < 0)
			return -1;
		if (manifest->is_index)
			return error_set(err, ERR_UNSUPPORTED,
				"a docker-dir with an index is not supported");
		return load_manifest(l, manifest, text, len, NULL, err);
	}
	if (json_array(&root, IMAGES_MAX, &count, err) < 0)
		return -1;
	if (count == 0)
		return error_set(err, ERR_INVALID, "the archive has no images");
	for (size_t i = 0; i < count; i++) {
		struct json entry = json_at(&root, i);

		if (load_docker_image(l, &entry, err) < 0)
			return -1;
	}
	return 0;
}

static int load_any(struct loader *l, struct error **err)
{
	if (image_archive_find(&l->archive, "manifest.json"))
		return load_manifest_json(l, err);
	if (image_archive_find(&l->archive, "index.json"))
		return load_oci(l, err);
	return error_set(err, ERR_INVALID,
		"not an image archive: it has neither manifest.json nor index.json; a plain root "
		"file system is taken by pod import");
}

int image_load_archive(struct store *store, int in_fd, const struct pull_events *events,
	char ***ret_names, struct error **err)
{
	cleanup_staging struct staging *staging = NULL;
	cleanup_close int lock_fd = -1;
	struct loader l = {.store = store, .events = events};
	int status;

	lock_fd = image_lock(store, err);
	if (lock_fd < 0 || staging_begin(store, "load", &staging, err) < 0)
		return -1;
	l.staging = staging;
	status = image_archive_read(in_fd, staging->dir_fd, &l.archive, err);
	if (status == 0)
		status = load_any(&l, err);
	image_archive_clear(&l.archive);
	if (status < 0) {
		strv_free(l.names);
		return -1;
	}
	for (char **name = l.names; name && *name; name++)
		event_image(store, "loadfromarchive", NULL, *name);
	*ret_names = l.names;
	return 0;
}
