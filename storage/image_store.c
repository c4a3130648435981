#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/image_store.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define REF_FILE_MAX    4096 /* bytes */
#define REFERENCE_MAX   1024 /* name, tag and digest together */
#define REF_NAME_PLAIN  200  /* characters of a reference that fit a file name without a hash */
#define REF_VERSION     1
#define CONFIG_LIST_MAX 4096 /* elements of any list in a config */

#define DIGEST_PREFIX "sha256:"
#define DIGEST_LENGTH (sizeof(DIGEST_PREFIX) - 1 + 64)

bool digest_is_valid(const char *digest)
{
	const char *hex = str_starts_with(digest, DIGEST_PREFIX);

	return hex && hex_is_valid(hex, 64);
}

const char *digest_hex(const char *digest)
{
	return digest + sizeof(DIGEST_PREFIX) - 1;
}

static int digest_check(const char *digest, struct error **err)
{
	if (digest_is_valid(digest))
		return 0;
	if (str_starts_with(digest, "sha512:"))
		return error_set(err, ERR_UNSUPPORTED,
			"digest '%.80s' is a SHA-512: only sha256 is supported", digest);
	return error_set(err, ERR_INVALID, "'%.80s' is not a digest", digest);
}

void image_ref_clear(struct image_ref *ref)
{
	free(ref->reference);
	free(ref->manifest_digest);
	free(ref->media_type);
	free(ref->image_id);
	*ref = (struct image_ref){0};
}

void image_refs_free(struct image_ref *refs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		image_ref_clear(&refs[i]);
	free(refs);
}

static void image_ref_copy(struct image_ref *to, const struct image_ref *from)
{
	*to = (struct image_ref){
		.reference = xstrdup_null(from->reference),
		.manifest_digest = xstrdup_null(from->manifest_digest),
		.media_type = xstrdup_null(from->media_type),
		.image_id = xstrdup_null(from->image_id),
		.size_bytes = from->size_bytes,
	};
}

void image_config_free(struct image_config *config)
{
	if (!config)
		return;
	free(config->architecture);
	free(config->os);
	free(config->variant);
	free(config->created);
	free(config->author);
	free(config->comment);
	free(config->user);
	free(config->working_dir);
	free(config->stop_signal);
	strv_free(config->env);
	strv_free(config->entrypoint);
	strv_free(config->cmd);
	strv_free(config->exposed_ports);
	strv_free(config->volumes);
	strv_free(config->labels);
	strv_free(config->healthcheck);
	strv_free(config->diff_ids);
	free(config);
}

void image_free(struct image *image)
{
	if (!image)
		return;
	free(image->id);
	image_refs_free(image->refs, image->ref_count);
	image_config_free(image->config);
	free(image);
}

static void image_config_freep(struct image_config **config)
{
	image_config_free(*config);
}

/* Optional member that is a set: an object whose member names count. */
static int parse_set(const struct json *obj, const char *key, char ***ret, struct error **err)
{
	struct json set, member;
	size_t count = 0;

	if (!json_member(obj, key, &set))
		return 0;
	if (json_kind(&set) != JSON_KIND_OBJECT)
		return json_error(&set, err, "must be an object");
	for (struct json_iter it = json_iter(&set); json_next(&it, &member);) {
		if (++count > CONFIG_LIST_MAX)
			return json_error(&set, err, "has too many members");
		strv_append(ret, member.key);
	}
	return 0;
}

static int parse_labels(const struct json *obj, char ***ret, struct error **err)
{
	struct json labels, member;
	size_t count = 0;

	if (!json_member(obj, "Labels", &labels))
		return 0;
	if (json_kind(&labels) != JSON_KIND_OBJECT)
		return json_error(&labels, err, "must be an object");
	for (struct json_iter it = json_iter(&labels); json_next(&it, &member);) {
		const char *value;

		if (++count > CONFIG_LIST_MAX)
			return json_error(&labels, err, "has too many members");
		if (json_string(&member, &value, err) < 0)
			return -1;
		strv_append_take(ret, xasprintf("%s=%s", member.key, value));
	}
	return 0;
}

/* "NAME=value" only: an item without '=' would otherwise be a request for the host's value, and one
 * without a name is none. Both are dropped, as the specification knows only NAME=value. */
static int parse_env(const struct json *obj, char ***ret, struct error **err)
{
	cleanup_strv char **env = NULL;

	if (json_opt_strv(obj, "Env", CONFIG_LIST_MAX, &env, err) < 0)
		return -1;
	for (char **item = env; item && *item; item++) {
		const char *equals = strchr(*item, '=');

		if (equals && equals != *item)
			strv_append(ret, *item);
	}
	return 0;
}

static int parse_execution(const struct json *root, struct image_config *config, struct error **err)
{
	struct json exec, health;

	if (!json_member(root, "config", &exec))
		return 0;
	if (json_kind(&exec) != JSON_KIND_OBJECT)
		return json_error(&exec, err, "must be an object");
	if (json_opt_dup(&exec, "User", &config->user, err) < 0 ||
		json_opt_dup(&exec, "WorkingDir", &config->working_dir, err) < 0 ||
		json_opt_dup(&exec, "StopSignal", &config->stop_signal, err) < 0 ||
		parse_env(&exec, &config->env, err) < 0 ||
		json_opt_strv(&exec, "Entrypoint", CONFIG_LIST_MAX, &config->entrypoint, err) < 0 ||
		json_opt_strv(&exec, "Cmd", CONFIG_LIST_MAX, &config->cmd, err) < 0 ||
		parse_set(&exec, "ExposedPorts", &config->exposed_ports, err) < 0 ||
		parse_set(&exec, "Volumes", &config->volumes, err) < 0 ||
		parse_labels(&exec, &config->labels, err) < 0)
		return -1;
	if (json_member(&exec, "Healthcheck", &health) &&
		(json_opt_strv(&health, "Test", CONFIG_LIST_MAX, &config->healthcheck, err) < 0 ||
			json_opt_uint64(&health, "Interval", INT64_MAX, &config->health_interval_ns,
				err) < 0 ||
			json_opt_uint64(&health, "Timeout", INT64_MAX, &config->health_timeout_ns,
				err) < 0 ||
			json_opt_uint64(&health, "StartPeriod", INT64_MAX,
				&config->health_start_period_ns, err) < 0 ||
			json_opt_uint64(&health, "StartInterval", INT64_MAX,
				&config->health_start_interval_ns, err) < 0 ||
			json_opt_uint32(&health, "Retries", &config->health_retries, err) < 0))
		return -1;
	return 0;
}

static int parse_rootfs(const struct json *root, struct image_config *config, struct error **err)
{
	struct json rootfs, diff_ids;
	const char *type = NULL;

	if (json_require(root, "rootfs", &rootfs, err) < 0)
		return -1;
	if (json_opt_string(&rootfs, "type", &type, err) < 0)
		return -1;
	if (type && strcmp(type, "layers") != 0)
		return json_error(&rootfs, err, "has the unknown type '%.40s'", type);
	if (!json_member(&rootfs, "diff_ids", &diff_ids))
		return 0; /* an image without layers */
	if (json_array(&diff_ids, IMAGE_LAYERS_MAX, &config->diff_id_count, err) < 0)
		return -1;
	for (size_t i = 0; i < config->diff_id_count; i++) {
		struct json element = json_at(&diff_ids, i);
		const char *digest;

		if (json_string(&element, &digest, err) < 0)
			return -1;
		if (!digest_is_valid(digest))
			return json_error(&element, err, "is not a sha256 digest");
		strv_append(&config->diff_ids, digest);
	}
	return 0;
}

int image_config_parse(const char *text, size_t len, const char *name, struct image_config **ret,
	struct error **err)
{
	__attribute__((cleanup(image_config_freep))) struct image_config *config = NULL;
	cleanup_json struct json_document *doc = NULL;
	struct json root, member;

	if (len > IMAGE_CONFIG_MAX)
		return error_set(
			err, ERR_INVALID, "%s: larger than %u bytes", name, IMAGE_CONFIG_MAX);
	if (json_parse(text, len, name, &doc, &root, err) < 0)
		return -1;
	config = xcalloc(1, sizeof(*config));
	/* image-spec config.md: REQUIRED */
	if (json_require(&root, "architecture", &member, err) < 0 ||
		json_require(&root, "os", &member, err) < 0)
		return -1;
	if (json_opt_dup(&root, "architecture", &config->architecture, err) < 0 ||
		json_opt_dup(&root, "os", &config->os, err) < 0 ||
		json_opt_dup(&root, "variant", &config->variant, err) < 0 ||
		json_opt_dup(&root, "created", &config->created, err) < 0 ||
		json_opt_dup(&root, "author", &config->author, err) < 0 ||
		json_opt_dup(&root, "comment", &config->comment, err) < 0 ||
		parse_execution(&root, config, err) < 0 || parse_rootfs(&root, config, err) < 0)
		return -1;
	*ret = steal_ptr(&config);
	return 0;
}

/*
 * References as file names. '/' becomes '%', which no reference contains. A reference that does not
 * fit a file name is cut and gets a hash; the file says the whole, which is compared on reading.
 */
static int ref_file_name(const char *reference, char out[NAME_MAX + 1], struct error **err)
{
	size_t len = strlen(reference), i;
	uint64_t hash = 14695981039346656037u; /* FNV-1a: spreads names, guards nothing */

	if (!len || len > REFERENCE_MAX)
		return error_set(err, ERR_INVALID, "'%.80s' is not a reference", reference);
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)reference[i];

		if (c <= ' ' || c >= 0x7f || c == '%')
			return error_set(err, ERR_INVALID, "'%.80s' is not a reference", reference);
		hash = (hash ^ c) * 1099511628211u;
	}
	if (reference[0] == '.' || reference[0] == '/')
		return error_set(err, ERR_INVALID, "'%.80s' is not a reference", reference);
	for (i = 0; i < len && i < REF_NAME_PLAIN; i++)
		out[i] = reference[i] == '/' ? '%' : reference[i];
	if (len > REF_NAME_PLAIN)
		snprintf(out + i, 20, "%%%%%016llx", (unsigned long long)hash);
	else
		out[i] = '\0';
	return 0;
}

static int refs_open(struct store *store, struct error **err)
{
	int fd = open_dir(store->images_fd, "refs", 0700, err);

	return fd < 0 ? error_wrap(err, "the store '%s'", store->data_path) : fd;
}

static int ref_parse(
	const char *text, size_t len, const char *name, struct image_ref *ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	struct image_ref ref = {0};
	uint64_t version = 0;
	struct json root;

	if (json_parse(text, len, name, &doc, &root, err) < 0)
		return -1;
	if (json_opt_uint64(&root, "version", UINT32_MAX, &version, err) < 0 ||
		json_opt_dup(&root, "reference", &ref.reference, err) < 0 ||
		json_opt_dup(&root, "manifest", &ref.manifest_digest, err) < 0 ||
		json_opt_dup(&root, "mediaType", &ref.media_type, err) < 0 ||
		json_opt_dup(&root, "image", &ref.image_id, err) < 0 ||
		json_opt_uint64(&root, "size", UINT64_MAX, &ref.size_bytes, err) < 0)
		goto fail;
	if (version != REF_VERSION) {
		json_error(&root, err, "has version %llu and this pod knows version %d",
			(unsigned long long)version, REF_VERSION);
		goto fail;
	}
	if (!ref.image_id || !hex_is_valid(ref.image_id, 64) || !ref.manifest_digest ||
		!digest_is_valid(ref.manifest_digest)) {
		json_error(&root, err, "has no valid image id and manifest digest");
		goto fail;
	}
	*ret = ref;
	return 0;
fail:
	image_ref_clear(&ref);
	return -1;
}

static int ref_read_file(int refs_fd, const char *file, struct image_ref *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	size_t len;

	if (read_file_limited(refs_fd, file, REF_FILE_MAX, &text, &len, err) < 0)
		return -1;
	return ref_parse(text, len, file, ret, err);
}

/* The reference as it appears in file names and errors. */
static char *ref_key(const struct image_ref *ref)
{
	return ref->reference ? xstrdup(ref->reference) : xasprintf("@%s", ref->image_id);
}

int image_ref_read(
	struct store *store, const char *reference, struct image_ref *ret, struct error **err)
{
	cleanup_error struct error *why = NULL;
	cleanup_close int refs_fd = -1;
	cleanup_free char *key = NULL;
	char file[NAME_MAX + 1];
	struct image_ref ref;

	if (ref_file_name(reference, file, err) < 0)
		return -1;
	refs_fd = refs_open(store, err);
	if (refs_fd < 0)
		return -1;
	if (ref_read_file(refs_fd, file, &ref, &why) < 0) {
		if (why->kind == ERR_NOT_FOUND)
			return error_set(err, ERR_NOT_FOUND, "no image '%s'", reference);
		error_move(err, &why);
		return error_wrap(err, "image '%s'", reference);
	}
	key = ref_key(&ref);
	if (strcmp(key, reference) != 0) {
		image_ref_clear(&ref);
		return error_set(
			err, ERR_INVALID, "image '%s': its file names '%s'", reference, key);
	}
	*ret = ref;
	return 0;
}

static int image_load(struct store *store, const char *id, struct image_ref *refs, size_t ref_count,
	struct image **ret, struct error **err)
{
	cleanup_image struct image *image = NULL;
	cleanup_free char *text = NULL;
	char digest[DIGEST_LENGTH + 1], name[32];
	size_t len;

	snprintf(digest, sizeof(digest), DIGEST_PREFIX "%s", id);
	snprintf(name, sizeof(name), "config of %.12s", id);
	if (blob_read(store, digest, IMAGE_CONFIG_MAX, &text, &len, err) < 0) {
		image_refs_free(refs, ref_count);
		return error_wrap(err, "image %.12s; remove and pull it again", id);
	}
	image = xcalloc(1, sizeof(*image));
	image->id = xstrdup(id);
	image->refs = refs;
	image->ref_count = ref_count;
	if (image_config_parse(text, len, name, &image->config, err) < 0)
		return -1;
	*ret = steal_ptr(&image);
	return 0;
}

int image_lookup_reference(
	struct store *store, const char *reference, struct image **ret, struct error **err)
{
	struct image_ref *ref = xcalloc(1, sizeof(*ref));
	cleanup_free char *id = NULL;

	if (image_ref_read(store, reference, ref, err) < 0) {
		free(ref);
		return -1;
	}
	id = xstrdup(ref->image_id);
	return image_load(store, id, ref, 1, ret, err);
}

static bool is_hex(const char *s)
{
	size_t len = strspn(s, "0123456789abcdef");

	return len > 0 && len <= 64 && s[len] == '\0';
}

int image_lookup_id(struct store *store, const char *prefix, struct image **ret, struct error **err)
{
	const char *hex = str_starts_with(prefix, DIGEST_PREFIX);
	cleanup_free char *id = NULL;
	struct image_ref *all, *found = NULL;
	size_t count, found_count = 0, capacity = 0;
	bool ambiguous = false;

	if (!hex)
		hex = prefix;
	if (!is_hex(hex))
		return error_set(err, ERR_NOT_FOUND, "no image '%.200s'", prefix);
	if (image_list(store, &all, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!str_starts_with(all[i].image_id, hex))
			continue;
		if (!id)
			id = xstrdup(all[i].image_id);
		else if (strcmp(id, all[i].image_id) != 0)
			ambiguous = true;
		array_grow(found, found_count, capacity);
		image_ref_copy(&found[found_count++], &all[i]);
	}
	image_refs_free(all, count);
	if (ambiguous || !id) {
		image_refs_free(found, found_count);
		if (ambiguous)
			return error_set(err, ERR_CONFLICT,
				"'%s' is the beginning of more than one image id; give more digits",
				prefix);
		return error_set(err, ERR_NOT_FOUND, "no image '%s'", prefix);
	}
	return image_load(store, id, found, found_count, ret, err);
}

int image_lookup(struct store *store, const char *name, struct image **ret, struct error **err)
{
	cleanup_error struct error *why = NULL;

	if (image_lookup_reference(store, name, ret, &why) == 0)
		return 0;
	if (why->kind != ERR_NOT_FOUND)
		return error_move(err, &why);
	return image_lookup_id(store, name, ret, err);
}

static int ref_compare(const void *a, const void *b)
{
	const struct image_ref *x = a, *y = b;

	if (!x->reference || !y->reference) {
		if (x->reference)
			return -1;
		if (y->reference)
			return 1;
		return strcmp(x->image_id, y->image_id);
	}
	return strcmp(x->reference, y->reference);
}

/* REPORT: set to the first fault of a record where that is to be told to the caller; NULL: a
 * warning is enough. */
static int list_refs(struct store *store, struct image_ref **ret, size_t *ret_count,
	struct error **report, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(store->images_fd, "refs");
	struct image_ref *refs = NULL;
	size_t count = 0, capacity = 0;
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "open '%s/images/refs'", store->data_path);
	while ((errno = 0, entry = dir_next(dir))) {
		cleanup_error struct error *why = NULL;
		struct image_ref ref;

		if (entry->d_name[0] == '.')
			continue;
		if (ref_read_file(dirfd(dir), entry->d_name, &ref, &why) < 0) {
			if (why->kind == ERR_NOT_FOUND) /* removed meanwhile */
				continue;
			if (!report)
				log_warning("skipped an image: %s", why->message);
			else if (!*report)
				error_move(report, &why);
			continue;
		}
		array_grow(refs, count, capacity);
		refs[count++] = ref;
	}
	if (errno) {
		error_errno(err, errno, "read '%s/images/refs'", store->data_path);
		image_refs_free(refs, count);
		return -1;
	}
	if (count)
		qsort(refs, count, sizeof(*refs), ref_compare);
	*ret = refs;
	*ret_count = count;
	return 0;
}

int image_list(struct store *store, struct image_ref **ret, size_t *ret_count, struct error **err)
{
	return list_refs(store, ret, ret_count, NULL, err);
}

int image_list_whole(
	struct store *store, struct image_ref **ret, size_t *ret_count, struct error **err)
{
	cleanup_error struct error *damage = NULL;
	struct image_ref *refs;
	size_t count;

	if (list_refs(store, &refs, &count, &damage, err) < 0)
		return -1;
	if (damage) {
		image_refs_free(refs, count);
		error_move(err, &damage);
		return error_wrap(err, "%s/images/refs", store->data_path);
	}
	*ret = refs;
	*ret_count = count;
	return 0;
}

static void write_platform(struct store *store, const char *image_id, struct json_writer *w)
{
	cleanup_error struct error *ignored = NULL; /* optional member */
	cleanup_image struct image *image = NULL;

	if (image_load(store, image_id, NULL, 0, &image, &ignored) < 0)
		return;
	json_write_key(w, "platform");
	json_write_object_begin(w);
	json_put_string(w, "architecture", image->config->architecture);
	json_put_string(w, "os", image->config->os);
	if (image->config->variant)
		json_put_string(w, "variant", image->config->variant);
	json_write_object_end(w);
}

static uint64_t blob_size(struct store *store, const char *digest)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(digest));
	return fstatat(store->images_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_size
									      : 0;
}

int image_index_write(struct store *store, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 2);
	struct image_ref *refs;
	size_t count;

	if (image_list(store, &refs, &count, err) < 0)
		return -1;
	json_write_object_begin(&w);
	json_put_int(&w, "schemaVersion", 2);
	json_put_string(&w, "mediaType", "application/vnd.oci.image.index.v1+json");
	json_write_key(&w, "manifests");
	json_write_array_begin(&w);
	for (size_t i = 0; i < count; i++) {
		const struct image_ref *ref = &refs[i];

		json_write_object_begin(&w);
		json_put_string(&w, "mediaType",
			ref->media_type ? ref->media_type
					: "application/vnd.oci.image.manifest.v1+json");
		json_put_string(&w, "digest", ref->manifest_digest);
		json_put_uint(&w, "size", blob_size(store, ref->manifest_digest));
		write_platform(store, ref->image_id, &w);
		if (ref->reference) {
			json_write_key(&w, "annotations");
			json_write_object_begin(&w);
			json_put_string(&w, "org.opencontainers.image.ref.name", ref->reference);
			json_write_object_end(&w);
		}
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	json_write_object_end(&w);
	strbuf_addch(&text, '\n');
	image_refs_free(refs, count);
	return write_file_atomic(store->images_fd, "index.json", text.data, text.len, 0600, 0, err);
}

static int ref_file_write(int refs_fd, const struct image_ref *ref, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);
	cleanup_free char *key = ref_key(ref);
	char file[NAME_MAX + 1];

	if (ref_file_name(key, file, err) < 0)
		return -1;
	json_write_object_begin(&w);
	json_put_int(&w, "version", REF_VERSION);
	if (ref->reference)
		json_put_string(&w, "reference", ref->reference);
	json_put_string(&w, "manifest", ref->manifest_digest);
	if (ref->media_type)
		json_put_string(&w, "mediaType", ref->media_type);
	json_put_string(&w, "image", ref->image_id);
	json_put_uint(&w, "size", ref->size_bytes);
	json_write_object_end(&w);
	strbuf_addch(&text, '\n');
	if (text.len > REF_FILE_MAX)
		return error_set(err, ERR_INVALID, "the record of image '%.80s' is too long", key);
	return write_file_atomic(refs_fd, file, text.data, text.len, 0600, WRITE_SYNC, err);
}

/* The image that REF takes its reference from, when that was its last one, stays as an untagged
 * one. */
static int keep_untagged(
	struct store *store, int refs_fd, const struct image_ref *ref, struct error **err)
{
	cleanup_error struct error *absent = NULL;
	struct image_ref old, *all;
	size_t count, others = 0;
	int result = 0;

	if (image_ref_read(store, ref->reference, &old, &absent) < 0)
		return 0; /* nothing there, or damaged and now replaced */
	if (strcmp(old.image_id, ref->image_id) == 0)
		goto out;
	result = image_list(store, &all, &count, err);
	if (result < 0)
		goto out;
	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].image_id, old.image_id) == 0 &&
			!str_equal(all[i].reference, ref->reference))
			others++;
	image_refs_free(all, count);
	if (others == 0) {
		free(old.reference);
		old.reference = NULL;
		result = ref_file_write(refs_fd, &old, err);
	}
out:
	image_ref_clear(&old);
	return result;
}

static int sync_dir(int fd, const char *name, struct error **err)
{
	if (fsync(fd) < 0)
		return error_errno(err, errno, "sync directory '%s'", name);
	return 0;
}

static int sync_blobs(struct store *store, struct error **err)
{
	cleanup_close int fd =
		openat(store->images_fd, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "open '%s/images/blobs/sha256'", store->data_path);
	return sync_dir(fd, "blobs/sha256", err);
}

/* The change is made already; and where the disk is full, removing must go on. */
static void index_renew(struct store *store)
{
	cleanup_error struct error *why = NULL;

	if (image_index_write(store, &why) < 0)
		log_warning("images/index.json is not up to date: %s", why->message);
}

int image_ref_write(struct store *store, const struct image_ref *ref, struct error **err)
{
	cleanup_close int refs_fd = -1, lock_held_fd = -1;
	cleanup_free char *key = NULL;

	if (!ref->image_id || !hex_is_valid(ref->image_id, 64) || !ref->manifest_digest)
		return error_set(err, ERR_INVALID, "an image needs an id and a manifest");
	if (digest_check(ref->manifest_digest, err) < 0)
		return -1;
	key = ref_key(ref);
	refs_fd = refs_open(store, err);
	if (refs_fd < 0)
		return -1;
	lock_held_fd = lock_open(store->images_fd, "refs.lock", LOCK_EXCLUSIVE, LOCK_WAIT, err);
	if (lock_held_fd < 0)
		return -1;
	/* The names of what the tag needs first: no order between directories is promised. */
	if (sync_dir(store->layers_fd, "layers", err) < 0 || sync_blobs(store, err) < 0 ||
		(ref->reference && keep_untagged(store, refs_fd, ref, err) < 0) ||
		ref_file_write(refs_fd, ref, err) < 0 || sync_dir(refs_fd, "refs", err) < 0)
		return error_wrap(err, "tag image '%s'", key);
	if (ref->reference) {
		char untagged[1 + 64 + 1];

		snprintf(untagged, sizeof(untagged), "@%s", ref->image_id);
		(void)unlinkat(
			refs_fd, untagged, 0); /* mostly absent; a leftover only shows twice */
	}
	index_renew(store);
	return 0;
}

int image_ref_remove(struct store *store, const char *reference, struct error **err)
{
	cleanup_close int refs_fd = -1, lock_held_fd = -1;
	char file[NAME_MAX + 1];

	if (ref_file_name(reference, file, err) < 0)
		return -1;
	refs_fd = refs_open(store, err);
	if (refs_fd < 0)
		return -1;
	lock_held_fd = lock_open(store->images_fd, "refs.lock", LOCK_EXCLUSIVE, LOCK_WAIT, err);
	if (lock_held_fd < 0)
		return -1;
	if (unlinkat(refs_fd, file, 0) < 0) {
		if (errno == ENOENT)
			return error_set(err, ERR_NOT_FOUND, "no image '%s'", reference);
		return error_errno(err, errno, "remove image '%s'", reference);
	}
	if (sync_dir(refs_fd, "refs", err) < 0)
		return -1;
	index_renew(store);
	return 0;
}

static int blob_name(const char *digest, char out[96], struct error **err)
{
	if (digest_check(digest, err) < 0)
		return -1;
	snprintf(out, 96, "blobs/sha256/%s", digest_hex(digest));
	return 0;
}

int blob_read(struct store *store, const char *digest, size_t limit, char **ret, size_t *ret_len,
	struct error **err)
{
	char path[96];

	if (blob_name(digest, path, err) < 0)
		return -1;
	return read_file_limited(store->images_fd, path, limit, ret, ret_len, err);
}

bool blob_exists(struct store *store, const char *digest)
{
	cleanup_error struct error *ignored = NULL; /* no digest: no blob */
	char path[96];
	struct stat st;

	return blob_name(digest, path, &ignored) == 0 &&
	       fstatat(store->images_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

int blob_write(
	struct store *store, const char *digest, const void *data, size_t len, struct error **err)
{
	cleanup_error struct error *ignored = NULL; /* absent, or unreadable: written anew */
	cleanup_close int dir_fd = -1;
	cleanup_free char *present = NULL;
	char path[96];
	size_t present_len;

	if (blob_name(digest, path, err) < 0)
		return -1;
	/* By its content: a damaged one is to be mended by the next pull. */
	if (blob_read(store, digest, len, &present, &present_len, &ignored) == 0 &&
		present_len == len && memcmp(present, data, len) == 0)
		return 0;
	dir_fd = openat(store->images_fd, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return error_errno(err, errno, "open '%s/images/blobs/sha256'", store->data_path);
	return write_file_atomic(dir_fd, digest_hex(digest), data, len, 0600, WRITE_SYNC, err);
}
