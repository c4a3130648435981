#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/events.h"
#include "image/archive.h"
#include "image/image.h"
#include "registry/reference.h"
#include "storage/layer.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/sha256.h"
#include "util/str.h"

/*
 * Images as archives. What is written depends on the images only: members are in a fixed order, and
 * owner, mode and time of all are the same.
 *
 *   docker-archive  <diff_id>.tar ..., <image id>.json ..., manifest.json
 *   OCI             oci-layout, index.json, blobs/sha256/<hex> ..., as an archive or a directory
 *   docker-dir      version, manifest.json, <hex> ...
 */

#define TAR_BLOCK          512
#define TAR_SIZE_MAX_OCTAL 077777777777ull
#define COPY_SIZE          (1u << 20)

/* A layer as it is going to be written: the manifest's blob, or another one of the same layer. */
struct saved_layer {
	const char *diff_id; /* of the image's config; borrowed */
	char *digest;
	uint64_t size_bytes, tar_size_bytes;
	enum layer_compression compression;
	bool exact; /* the manifest's own blob */
};

struct saved_image {
	struct image *image;
	char **tags;
	char *config, *manifest; /* texts */
	size_t config_len, manifest_len;
	char *media_type;
	char manifest_digest[SHA256_DIGEST_TEXT + 1];
	struct saved_layer *layers;
	size_t layer_count;
};

struct saver {
	struct store *store;
	const struct save_options *opts;
	int out_fd;
	struct saved_image *images;
	size_t count;
	char **written; /* names of members, for what images share */
	struct pull_layer *shown;
	size_t shown_count;
};

int save_format_parse(const char *text, enum save_format *ret, struct error **err)
{
	static const char *const words[] = {
		[SAVE_DOCKER_ARCHIVE] = "docker-archive",
		[SAVE_OCI_ARCHIVE] = "oci-archive",
		[SAVE_OCI_DIR] = "oci-dir",
		[SAVE_DOCKER_DIR] = "docker-dir",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_equal(text, words[i])) {
			*ret = (enum save_format)i;
			return 0;
		}
	return error_set(err, ERR_USAGE,
		"unknown format '%s': use docker-archive, oci-archive, oci-dir or docker-dir",
		text);
}

static void saver_clear(struct saver *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct saved_image *image = &s->images[i];

		image_free(image->image);
		strv_free(image->tags);
		free(image->config);
		free(image->manifest);
		free(image->media_type);
		for (size_t k = 0; k < image->layer_count; k++)
			free(image->layers[k].digest);
		free(image->layers);
	}
	free(s->images);
	free(s->shown);
	strv_free(s->written);
}
#define cleanup_saver __attribute__((cleanup(saver_clear)))

static int blob_open(struct store *store, const char *digest, struct error **err)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(digest));
	fd = openat(store->images_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_errno(err, errno, "open blob %s", digest) : fd;
}

static int find_blob(struct saver *s, const struct saved_image *image,
	const struct descriptor *descriptor, struct saved_layer *layer, struct error **err)
{
	struct layer_record record = {0};
	cleanup_close int fd = -1;
	unsigned char head[4];
	struct stat st;
	ssize_t len;

	if (layer_read(s->store, layer->diff_id, &record, err) < 0)
		return -1;
	layer->tar_size_bytes = record.tar_size_bytes;
	if (blob_exists(s->store, descriptor->digest)) {
		layer->digest = xstrdup(descriptor->digest);
		layer->exact = true;
	} else if (record.blob_digest && blob_exists(s->store, record.blob_digest)) {
		layer->digest = xstrdup(record.blob_digest);
	}
	layer_record_clear(&record);
	if (!layer->digest)
		return error_set(err, ERR_UNSUPPORTED,
			"image %.12s: the blob of layer %.19s was not kept; remove the image and "
			"pull "
			"it again without POD_KEEP_BLOBS=0",
			image->image->id, layer->diff_id);
	fd = blob_open(s->store, layer->digest, err);
	if (fd < 0)
		return -1;
	len = read_full(fd, head, sizeof(head));
	if (len < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "read blob %s", layer->digest);
	layer->size_bytes = (uint64_t)st.st_size;
	layer->compression = layer_compression_sniff(head, (size_t)len);
	return 0;
}

static void compose_manifest(struct saved_image *image, const char *config_digest, bool docker)
{
	cleanup_free struct descriptor *layers = xcalloc(image->layer_count + 1, sizeof(*layers));

	for (size_t i = 0; i < image->layer_count; i++)
		layers[i] = (struct descriptor){
			.digest = image->layers[i].digest,
			.size_bytes = image->layers[i].size_bytes,
			.compression = image->layers[i].compression,
		};
	free(image->manifest);
	image->manifest = manifest_compose(config_digest, image->config_len, layers,
		image->layer_count, docker, &image->manifest_len);
	free(image->media_type);
	image->media_type = xstrdup(docker ? MEDIA_TYPE_DOCKER_MANIFEST : MEDIA_TYPE_OCI_MANIFEST);
}

static int load_image(struct saver *s, struct saved_image *image, struct error **err)
{
	const struct image_ref *ref = &image->image->refs[0];
	const struct image_config *config = image->image->config;
	cleanup_free char *config_digest = xasprintf("sha256:%s", image->image->id);
	cleanup_manifest struct manifest *manifest = NULL;
	bool exact = true, want_docker = s->opts->format == SAVE_DOCKER_DIR;

	if (blob_read(s->store, config_digest, IMAGE_CONFIG_MAX, &image->config, &image->config_len,
		    err) < 0 ||
		blob_read(s->store, ref->manifest_digest, IMAGE_MANIFEST_MAX, &image->manifest,
			&image->manifest_len, err) < 0 ||
		manifest_parse(image->manifest, image->manifest_len, ref->media_type, "manifest",
			&manifest, err) < 0)
		return -1;
	if (manifest->layer_count != config->diff_id_count)
		return error_set(err, ERR_INVALID, "image %.12s is damaged: pull it again",
			image->image->id);
	image->media_type = xstrdup(manifest->media_type);
	image->layers = xcalloc(manifest->layer_count + 1, sizeof(*image->layers));
	image->layer_count = manifest->layer_count;
	for (size_t i = 0; i < image->layer_count; i++) {
		image->layers[i].diff_id = config->diff_ids[i];
		if (find_blob(s, image, &manifest->layers[i], &image->layers[i], err) < 0)
			return -1;
		exact &= image->layers[i].exact;
		if (want_docker && image->layers[i].compression == LAYER_ZSTD)
			return error_set(err, ERR_UNSUPPORTED,
				"layer %.19s is compressed with zstd, which docker-dir cannot "
				"hold: "
				"save as oci-dir",
				image->layers[i].digest);
	}
	if (!exact || (want_docker && !str_equal(image->media_type, MEDIA_TYPE_DOCKER_MANIFEST)))
		compose_manifest(image, config_digest, want_docker);
	sha256_digest(image->manifest, image->manifest_len, image->manifest_digest);
	return 0;
}

static int add_tag(struct saved_image *image, const char *reference)
{
	if (reference && !strchr(reference, '@') && !strv_contains(image->tags, reference))
		strv_append(&image->tags, reference);
	return 0;
}

/* Found by id, an image is saved without a name, as podman and docker do. */
static bool named_by_reference(const struct image *image, const char *name)
{
	const char *hex = str_starts_with(name, "sha256:");

	return image->refs[0].reference && !str_starts_with(image->id, hex ? hex : name);
}

static int add_image(struct saver *s, const char *name, struct error **err)
{
	cleanup_image struct image *found = NULL;
	struct saved_image *image = NULL;

	if (image_resolve(s->store, name, &found, err) < 0)
		return -1;
	for (size_t i = 0; i < s->count; i++)
		if (str_equal(s->images[i].image->id, found->id))
			image = &s->images[i];
	if (!image) {
		s->images = xreallocarray(s->images, s->count + 1, sizeof(*s->images));
		image = &s->images[s->count++];
		*image = (struct saved_image){.image = found};
		found = NULL;
		if (load_image(s, image, err) < 0)
			return -1;
		return named_by_reference(image->image, name)
			       ? add_tag(image, image->image->refs[0].reference)
			       : 0;
	}
	return named_by_reference(found, name) ? add_tag(image, found->refs[0].reference) : 0;
}

static int add_extra_tag(struct saver *s, const char *name, struct error **err)
{
	cleanup_error struct error *ignored = NULL; /* a new name, then */
	cleanup_image struct image *other = NULL;
	cleanup_free char *reference = NULL;

	if (image_resolve(s->store, name, &other, &ignored) == 0 &&
		!str_equal(other->id, s->images[0].image->id))
		return error_set(err, ERR_CONFLICT,
			"'%s' is another image: use --multi-image-archive to save several", name);
	if (image_local_reference(name, &reference, err) < 0)
		return -1;
	return add_tag(&s->images[0], other ? other->refs[0].reference : reference);
}

/* ---- writing ---- */

static int put(struct saver *s, const void *data, size_t len, struct error **err)
{
	if (write_all(s->out_fd, data, len) < 0)
		return error_errno(err, errno, "write the archive");
	return 0;
}

static void put_octal(char *field, size_t width, uint64_t value)
{
	for (size_t i = width - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
	field[width - 1] = '\0';
}

/* ustar (POSIX.1-1988); a size beyond its octal digits in GNU's binary form. */
static int put_header(struct saver *s, const char *name, uint64_t size, struct error **err)
{
	bool is_dir = str_ends_with(name, "/");
	char block[TAR_BLOCK] = {0};
	unsigned int sum = 0;

	memcpy(block, name, strlen(name)); /* all our names are shorter than 100 */
	put_octal(block + 100, 8, is_dir ? 0755 : 0644);
	put_octal(block + 108, 8, 0);
	put_octal(block + 116, 8, 0);
	if (size <= TAR_SIZE_MAX_OCTAL) {
		put_octal(block + 124, 12, size);
	} else {
		block[124] = (char)0x80;
		for (int i = 0; i < 8; i++)
			block[135 - i] = (char)(size >> (8 * i));
	}
	put_octal(block + 136, 12, 0);
	block[156] = is_dir ? '5' : '0';
	memcpy(block + 257, "ustar\00000", 8);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	put_octal(block + 148, 7, sum);
	return put(s, block, sizeof(block), err);
}

static int put_padding(struct saver *s, uint64_t size, struct error **err)
{
	static const char zeroes[TAR_BLOCK];

	return put(s, zeroes, (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK), err);
}

static bool is_directory_format(const struct saver *s)
{
	return s->opts->format == SAVE_OCI_DIR || s->opts->format == SAVE_DOCKER_DIR;
}

/* True when NAME was written before: images share layers. */
static bool claim(struct saver *s, const char *name)
{
	if (strv_contains(s->written, name))
		return false;
	strv_append(&s->written, name);
	return true;
}

static int put_text(
	struct saver *s, const char *name, const void *data, size_t len, struct error **err)
{
	if (!claim(s, name))
		return 0;
	if (is_directory_format(s)) {
		cleanup_close int fd = openat(s->out_fd, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

		if (fd < 0 || write_all(fd, data, len) < 0)
			return error_errno(err, errno, "write '%s'", name);
		return 0;
	}
	return put_header(s, name, len, err) < 0 || put(s, data, len, err) < 0
		       ? -1
		       : put_padding(s, len, err);
}

/* Not left implied: readers that are not root fail to own what they make up themselves. */
static int put_directory(struct saver *s, const char *name, struct error **err)
{
	if (!is_directory_format(s))
		return put_header(s, name, 0, err);
	if (mkdirat(s->out_fd, name, 0755) < 0)
		return error_errno(err, errno, "create '%s'", name);
	return 0;
}

/* SIZE bytes, no more and no less. */
static int copy_bytes(int from_fd, int to_fd, uint64_t size, const char *name, struct error **err)
{
	cleanup_free char *buffer = NULL;

	while (size > 0) {
		ssize_t n = buffer ? -1 : sendfile(to_fd, from_fd, NULL, MIN(size, COPY_SIZE));

		if (n < 0 && !buffer && errno != EINVAL && errno != ENOSYS)
			return error_errno(err, errno, "write '%s'", name);
		if (n < 0) {
			if (!buffer)
				buffer = xmalloc(COPY_SIZE);
			n = read_full(from_fd, buffer, MIN(size, COPY_SIZE));
			if (n < 0)
				return error_errno(err, errno, "read '%s'", name);
			if (write_all(to_fd, buffer, (size_t)n) < 0)
				return error_errno(err, errno, "write '%s'", name);
		}
		if (n == 0)
			return error_set(err, ERR_INVALID, "'%s' is shorter than recorded", name);
		size -= (uint64_t)n;
	}
	return 0;
}

static int put_blob(struct saver *s, const char *name, const char *digest, struct error **err)
{
	cleanup_close int fd = -1, to_fd = -1;
	struct stat st;

	if (!claim(s, name))
		return 0;
	fd = blob_open(s->store, digest, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "look at blob %s", digest);
	if (is_directory_format(s)) {
		to_fd = openat(s->out_fd, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (to_fd < 0)
			return error_errno(err, errno, "write '%s'", name);
		return copy_bytes(fd, to_fd, (uint64_t)st.st_size, name, err);
	}
	if (put_header(s, name, (uint64_t)st.st_size, err) < 0 ||
		copy_bytes(fd, s->out_fd, (uint64_t)st.st_size, name, err) < 0)
		return -1;
	return put_padding(s, (uint64_t)st.st_size, err);
}

static int put_inflated(
	struct saver *s, const char *name, const struct saved_layer *layer, struct error **err)
{
	cleanup_close int blob_fd = -1, plain_fd = -1;
	cleanup_error struct error *copy_error = NULL;
	struct archive_inflater *inflater;
	int status;
	char rest;

	if (!claim(s, name))
		return 0;
	blob_fd = blob_open(s->store, layer->digest, err);
	if (blob_fd < 0 || put_header(s, name, layer->tar_size_bytes, err) < 0 ||
		image_archive_inflate_begin(blob_fd, &inflater, &plain_fd, err) < 0)
		return -1;
	status = copy_bytes(plain_fd, s->out_fd, layer->tar_size_bytes, name, &copy_error);
	if (status == 0 && read_full(plain_fd, &rest, 1) != 0)
		status = error_set(&copy_error, ERR_INVALID, "'%s' is longer than recorded", name);
	fd_replace(&plain_fd, -1); /* it may not wait for us to read more */
	if (image_archive_inflate_end(inflater, err) < 0) {
		if (status == 0)
			return -1;
		error_free(*err); /* it failed because we stopped reading */
		*err = NULL;
	}
	if (status < 0)
		return error_move(err, &copy_error);
	return put_padding(s, layer->tar_size_bytes, err);
}

static void show(struct saver *s, const char *digest)
{
	const struct pull_events *events = s->opts->events;

	if (!events || !events->layers)
		return;
	for (size_t i = 0; i < s->shown_count; i++)
		if (digest && str_equal(s->shown[i].digest, digest)) {
			s->shown[i].state = PULL_LAYER_DONE;
			s->shown[i].valid_bytes = s->shown[i].size_bytes;
		}
	events->layers(events->data, s->shown, s->shown_count);
}

static void show_begin(struct saver *s)
{
	size_t total = 0;

	for (size_t i = 0; i < s->count; i++)
		total += s->images[i].layer_count;
	s->shown = xcalloc(total + 1, sizeof(*s->shown));
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < s->images[i].layer_count; k++) {
			const struct saved_layer *layer = &s->images[i].layers[k];
			bool known = false;

			for (size_t n = 0; n < s->shown_count && !known; n++)
				known = str_equal(s->shown[n].digest, layer->digest);
			if (!known)
				s->shown[s->shown_count++] = (struct pull_layer){
					.digest = layer->digest, .size_bytes = layer->size_bytes};
		}
	show(s, NULL);
}

static int write_docker_layers(struct saver *s, const struct saved_image *image, struct error **err)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct saved_layer *layer = &image->layers[i];
		cleanup_free char *name = xasprintf("%s.tar", digest_hex(layer->diff_id));

		if ((layer->compression == LAYER_PLAIN ? put_blob(s, name, layer->digest, err)
						       : put_inflated(s, name, layer, err)) < 0)
			return -1;
		show(s, layer->digest);
	}
	return 0;
}

static int write_docker_archive(struct saver *s, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);

	json_write_array_begin(&w);
	for (size_t i = 0; i < s->count; i++) {
		const struct saved_image *image = &s->images[i];
		cleanup_free char *config = xasprintf("%s.json", image->image->id);

		if (write_docker_layers(s, image, err) < 0 ||
			put_text(s, config, image->config, image->config_len, err) < 0)
			return -1;
		json_write_object_begin(&w);
		json_put_string(&w, "Config", config);
		json_put_strv(&w, "RepoTags", image->tags);
		json_write_key(&w, "Layers");
		json_write_array_begin(&w);
		for (size_t k = 0; k < image->layer_count; k++) {
			cleanup_free char *layer =
				xasprintf("%s.tar", digest_hex(image->layers[k].diff_id));

			json_write_string(&w, layer);
		}
		json_write_array_end(&w);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	return put_text(s, "manifest.json", strbuf_str(&text), text.len, err);
}

static void write_index_entry(
	struct json_writer *w, const struct saved_image *image, const char *tag)
{
	const struct image_config *config = image->image->config;

	json_write_object_begin(w);
	json_put_string(w, "mediaType", image->media_type);
	json_put_string(w, "digest", image->manifest_digest);
	json_put_uint(w, "size", image->manifest_len);
	if (config->architecture && config->os) {
		json_write_key(w, "platform");
		json_write_object_begin(w);
		json_put_string(w, "architecture", config->architecture);
		json_put_string(w, "os", config->os);
		if (config->variant)
			json_put_string(w, "variant", config->variant);
		json_write_object_end(w);
	}
	if (tag) {
		json_write_key(w, "annotations");
		json_write_object_begin(w);
		json_put_string(w, "org.opencontainers.image.ref.name", tag);
		json_write_object_end(w);
	}
	json_write_object_end(w);
}

static int write_oci(struct saver *s, struct error **err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);
	const struct saved_image *image = &s->images[0];
	cleanup_free char *config = NULL, *manifest = NULL;

	json_write_object_begin(&w);
	json_put_int(&w, "schemaVersion", 2);
	json_put_string(&w, "mediaType", MEDIA_TYPE_OCI_INDEX);
	json_write_key(&w, "manifests");
	json_write_array_begin(&w);
	if (!image->tags)
		write_index_entry(&w, image, NULL);
	for (char **tag = image->tags; tag && *tag; tag++)
		write_index_entry(&w, image, *tag);
	json_write_array_end(&w);
	json_write_object_end(&w);
	if (put_directory(s, "blobs/", err) < 0 || put_directory(s, "blobs/sha256/", err) < 0)
		return -1;
	config = xasprintf("blobs/sha256/%s", image->image->id);
	manifest = xasprintf("blobs/sha256/%s", digest_hex(image->manifest_digest));
	if (put_text(s, "oci-layout", layout, sizeof(layout) - 1, err) < 0 ||
		put_text(s, "index.json", strbuf_str(&text), text.len, err) < 0 ||
		put_text(s, manifest, image->manifest, image->manifest_len, err) < 0 ||
		put_text(s, config, image->config, image->config_len, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layer_count; i++) {
		const char *digest = image->layers[i].digest;
		cleanup_free char *name = xasprintf("blobs/sha256/%s", digest_hex(digest));

		if (put_blob(s, name, digest, err) < 0)
			return -1;
		show(s, digest);
	}
	return 0;
}

/* containers-transports(5), "dir". */
static int write_docker_dir(struct saver *s, struct error **err)
{
	static const char version[] = "Directory Transport Version: 1.1\n";
	const struct saved_image *image = &s->images[0];

	if (put_text(s, "version", version, sizeof(version) - 1, err) < 0 ||
		put_text(s, "manifest.json", image->manifest, image->manifest_len, err) < 0 ||
		put_text(s, image->image->id, image->config, image->config_len, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layer_count; i++) {
		const char *digest = image->layers[i].digest;

		if (put_blob(s, digest_hex(digest), digest, err) < 0)
			return -1;
		show(s, digest);
	}
	return 0;
}

static int write_all_images(struct saver *s, struct error **err)
{
	static const char end[2 * TAR_BLOCK];
	int status;

	switch (s->opts->format) {
	case SAVE_DOCKER_ARCHIVE:
		status = write_docker_archive(s, err);
		break;
	case SAVE_DOCKER_DIR:
		status = write_docker_dir(s, err);
		break;
	default:
		status = write_oci(s, err);
		break;
	}
	return status < 0 || is_directory_format(s) ? status : put(s, end, sizeof(end), err);
}

int image_save(struct store *store, char *const *names, const struct save_options *opts, int out_fd,
	struct error **err)
{
	cleanup_saver struct saver s = {.store = store, .opts = opts, .out_fd = out_fd};
	cleanup_close int lock_fd = -1;

	if (opts->multi && opts->format != SAVE_DOCKER_ARCHIVE)
		return error_set(err, ERR_USAGE,
			"--multi-image-archive is only for the format docker-archive");
	lock_fd = image_lock(store, err);
	if (lock_fd < 0 || add_image(&s, names[0], err) < 0)
		return -1;
	for (char *const *name = names + 1; *name; name++)
		if ((opts->multi ? add_image : add_extra_tag)(&s, *name, err) < 0)
			return -1;
	show_begin(&s);
	if (write_all_images(&s, err) < 0)
		return -1;
	for (char *const *name = names; *name; name++)
		event_image(store, "save", NULL, *name);
	return 0;
}
