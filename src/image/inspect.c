#include "config.h"

#include <string.h>

#include "image/image.h"
#include "storage/layer.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

/* podman-inspect(1) and podman-history(1) of one image. */

struct documents {
	struct image *image; /* with all references */
	char *config_text, *manifest_text;
	struct json_document *config_doc, *manifest_doc;
	struct json config, manifest;
};

static void documents_clear(struct documents *d)
{
	image_free(d->image);
	json_document_free(d->config_doc);
	json_document_free(d->manifest_doc);
	free(d->config_text);
	free(d->manifest_text);
}
#define cleanup_documents __attribute__((cleanup(documents_clear)))

static int documents_load(
	struct store *store, const char *name, struct documents *d, struct error **err)
{
	cleanup_image struct image *found = NULL;
	cleanup_free char *digest = NULL;
	size_t len;

	if (image_resolve(store, name, &found, err) < 0 ||
		image_lookup_id(store, found->id, &d->image, err) < 0)
		return -1;
	digest = xasprintf("sha256:%s", found->id);
	if (blob_read(store, digest, IMAGE_CONFIG_MAX, &d->config_text, &len, err) < 0 ||
		json_parse(d->config_text, len, "config", &d->config_doc, &d->config, err) < 0)
		return -1;
	if (blob_read(store, found->refs[0].manifest_digest, IMAGE_MANIFEST_MAX, &d->manifest_text,
		    &len, err) < 0 ||
		json_parse(d->manifest_text, len, "manifest", &d->manifest_doc, &d->manifest, err) <
			0)
		return -1;
	return 0;
}

static void put_text(struct json_writer *w, const char *key, const char *value)
{
	json_put_string(w, key, value ? value : "");
}

static void put_member(
	struct json_writer *w, const char *key, const struct json *object, const char *member_name)
{
	struct json member;

	json_write_key(w, key);
	if (json_member(object, member_name, &member)) {
		json_write_value(w, &member);
	} else {
		json_write_object_begin(w);
		json_write_object_end(w);
	}
}

static bool is_empty(const struct json *v)
{
	cleanup_free char *text = json_text(v);

	return str_equal(text, "\"\"") || str_equal(text, "[]") || str_equal(text, "{}");
}

/* image-spec's config.config: what is empty is left out. */
static void put_config(struct json_writer *w, const struct json *root)
{
	static const char *const keys[] = {"User", "ExposedPorts", "Env", "Entrypoint", "Cmd",
		"Volumes", "WorkingDir", "Labels", "StopSignal", "ArgsEscaped"};
	struct json config, member;
	bool there = json_member(root, "config", &config);

	json_write_key(w, "Config");
	json_write_object_begin(w);
	for (size_t i = 0; there && i < ARRAY_SIZE(keys); i++)
		if (json_member(&config, keys[i], &member) && !is_empty(&member)) {
			json_write_key(w, keys[i]);
			json_write_value(w, &member);
		}
	json_write_object_end(w);
}

static void put_labels(struct json_writer *w, const struct json *root)
{
	struct json config, labels;

	json_write_key(w, "Labels");
	if (json_member(root, "config", &config) && json_member(&config, "Labels", &labels))
		json_write_value(w, &labels);
	else
		json_write_null(w);
}

static void put_graph_driver(
	struct json_writer *w, struct store *store, const struct image_config *config)
{
	cleanup_strbuf struct strbuf lower = STRBUF_INIT;

	json_write_key(w, "GraphDriver");
	json_write_object_begin(w);
	json_put_string(w, "Name", "overlay");
	json_write_key(w, "Data");
	json_write_object_begin(w);
	for (size_t i = config->diff_id_count; i-- > 0;) {
		const char *hex = digest_hex(config->diff_ids[i]);

		if (i + 1 < config->diff_id_count)
			strbuf_addf(&lower, "%s%s/layers/%s/diff", lower.len ? ":" : "",
				store->data_path, hex);
	}
	if (lower.len)
		json_put_string(w, "LowerDir", strbuf_str(&lower));
	if (config->diff_id_count) {
		cleanup_free char *upper = xasprintf("%s/layers/%s/diff", store->data_path,
			digest_hex(config->diff_ids[config->diff_id_count - 1]));

		json_put_string(w, "UpperDir", upper);
	}
	json_write_object_end(w);
	json_write_object_end(w);
}

static void put_rootfs(struct json_writer *w, const struct image_config *config)
{
	json_write_key(w, "RootFS");
	json_write_object_begin(w);
	json_put_string(w, "Type", "layers");
	json_write_key(w, "Layers");
	json_write_array_begin(w);
	for (size_t i = 0; i < config->diff_id_count; i++)
		json_write_string(w, config->diff_ids[i]);
	json_write_array_end(w);
	json_write_object_end(w);
}

static void put_references(struct json_writer *w, const char *key, const struct image *image)
{
	json_write_key(w, key);
	json_write_array_begin(w);
	for (size_t i = 0; i < image->ref_count; i++)
		if (image->refs[i].reference && !strchr(image->refs[i].reference, '@'))
			json_write_string(w, image->refs[i].reference);
	json_write_array_end(w);
}

int image_inspect(struct store *store, const char *name, struct json_writer *w, struct error **err)
{
	cleanup_documents struct documents d = {0};
	cleanup_strv char **repo_digests = NULL;
	const struct image_config *config;
	struct json healthcheck, member;
	uint64_t size;

	if (documents_load(store, name, &d, err) < 0)
		return -1;
	config = d.image->config;
	size = image_size(store, config);
	repo_digests = image_repo_digests(d.image->refs, d.image->ref_count);
	json_write_object_begin(w);
	json_put_string(w, "Id", d.image->id);
	json_put_string(w, "Digest", d.image->refs[0].manifest_digest);
	put_references(w, "RepoTags", d.image);
	json_put_strv(w, "RepoDigests", repo_digests);
	json_put_string(w, "Parent", "");
	put_text(w, "Comment", config->comment);
	put_text(w, "Created", config->created);
	put_config(w, &d.config);
	json_put_string(w, "Version", "");
	put_text(w, "Author", config->author);
	put_text(w, "Architecture", config->architecture);
	put_text(w, "Os", config->os);
	if (config->variant)
		json_put_string(w, "Variant", config->variant);
	json_put_uint(w, "Size", size);
	json_put_uint(w, "VirtualSize", size);
	put_graph_driver(w, store, config);
	put_rootfs(w, config);
	put_labels(w, &d.config);
	put_member(w, "Annotations", &d.manifest, "annotations");
	json_put_string(w, "ManifestType",
		d.image->refs[0].media_type ? d.image->refs[0].media_type
					    : MEDIA_TYPE_OCI_MANIFEST);
	put_text(w, "User", config->user);
	json_write_key(w, "History");
	if (json_member(&d.config, "history", &member)) {
		json_write_value(w, &member);
	} else {
		json_write_array_begin(w);
		json_write_array_end(w);
	}
	put_references(w, "NamesHistory", d.image);
	if (json_member(&d.config, "config", &member) &&
		json_member(&member, "Healthcheck", &healthcheck)) {
		json_write_key(w, "Healthcheck");
		json_write_value(w, &healthcheck);
	}
	json_write_object_end(w);
	return 0;
}

void image_history_free(struct image_history *history, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(history[i].created_by);
		free(history[i].comment);
	}
	free(history);
}

static int parse_step(const struct json *v, struct image_history *ret, struct error **err)
{
	cleanup_error struct error *ignored = NULL; /* an odd time is shown as unknown */
	const char *created = NULL;
	uint64_t ns;

	if (json_opt_string(v, "created", &created, err) < 0 ||
		json_opt_dup(v, "created_by", &ret->created_by, err) < 0 ||
		json_opt_dup(v, "comment", &ret->comment, err) < 0 ||
		json_opt_bool(v, "empty_layer", &ret->empty_layer, err) < 0)
		return -1;
	if (created && time_parse(created, 0, &ns, &ignored) == 0)
		ret->created_s = (int64_t)(ns / NS_PER_SECOND);
	return 0;
}

static uint64_t layer_size(struct store *store, const char *diff_id)
{
	cleanup_error struct error *ignored = NULL; /* damaged: counts as nothing */
	struct layer_record record = {0};
	uint64_t size = 0;

	if (layer_read(store, diff_id, &record, &ignored) == 0)
		size = record.tar_size_bytes;
	layer_record_clear(&record);
	return size;
}

int image_history(struct store *store, const char *name, struct image **ret_image,
	struct image_history **ret, size_t *ret_count, struct error **err)
{
	cleanup_documents struct documents d = {0};
	const struct image_config *config;
	struct image_history *steps;
	struct json list = {0};
	size_t count = 0, layer = 0, total;
	bool told;

	if (documents_load(store, name, &d, err) < 0)
		return -1;
	config = d.image->config;
	told = json_member(&d.config, "history", &list);
	if (told && json_array(&list, 10000, &count, err) < 0)
		return -1;
	/* Layers that the history does not know follow as steps of their own. */
	steps = xcalloc(count + config->diff_id_count + 1, sizeof(*steps));
	for (size_t i = 0; i < count; i++) {
		struct json step = json_at(&list, i);

		if (parse_step(&step, &steps[i], err) < 0) {
			image_history_free(steps, count);
			return -1;
		}
		if (!steps[i].empty_layer && layer < config->diff_id_count)
			steps[i].size_bytes = layer_size(store, config->diff_ids[layer++]);
	}
	for (total = count; layer < config->diff_id_count; total++)
		steps[total].size_bytes = layer_size(store, config->diff_ids[layer++]);
	for (size_t i = 0; i < total / 2; i++) {
		struct image_history step = steps[i];

		steps[i] = steps[total - 1 - i];
		steps[total - 1 - i] = step;
	}
	*ret_image = steal_ptr(&d.image);
	*ret = steps;
	*ret_count = total;
	return 0;
}
