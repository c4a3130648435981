#include "config.h"

#include <string.h>
#include <sys/utsname.h>

#include "image/manifest.h"
#include "storage/image_store.h"
#include "util/mem.h"
#include "util/str.h"

void descriptor_clear(struct descriptor *descriptor)
{
	free(descriptor->media_type);
	free(descriptor->digest);
	free(descriptor->os);
	free(descriptor->architecture);
	free(descriptor->variant);
	free(descriptor->reference);
	free(descriptor->name);
	*descriptor = (struct descriptor){0};
}

void manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return;
	free(manifest->media_type);
	descriptor_clear(&manifest->config);
	for (size_t i = 0; i < manifest->layer_count; i++)
		descriptor_clear(&manifest->layers[i]);
	for (size_t i = 0; i < manifest->entry_count; i++)
		descriptor_clear(&manifest->entries[i]);
	free(manifest->layers);
	free(manifest->entries);
	free(manifest);
}

const char *layer_media_type(enum layer_compression compression)
{
	switch (compression) {
	case LAYER_GZIP:
		return MEDIA_TYPE_OCI_LAYER "+gzip";
	case LAYER_ZSTD:
		return MEDIA_TYPE_OCI_LAYER "+zstd";
	case LAYER_PLAIN:
		break;
	}
	return MEDIA_TYPE_OCI_LAYER;
}

enum layer_compression layer_compression_sniff(const void *head, size_t len)
{
	if (len >= 2 && memcmp(head, "\x1f\x8b", 2) == 0)
		return LAYER_GZIP;
	if (len >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
		return LAYER_ZSTD;
	return LAYER_PLAIN;
}

/* Digest, size and media type: descriptor.md, "Properties". */
static int parse_descriptor(const struct json *v, struct descriptor *ret, struct error **err)
{
	const char *media_type, *digest;
	struct json member;
	int64_t size;

	if (json_kind(v) != JSON_KIND_OBJECT)
		return json_error(v, err, "must be an object");
	if (json_require(v, "mediaType", &member, err) < 0 ||
		json_string(&member, &media_type, err) < 0)
		return -1;
	if (strlen(media_type) > 255)
		return json_error(&member, err, "is longer than a media type can be");
	if (json_require(v, "digest", &member, err) < 0 || json_string(&member, &digest, err) < 0)
		return -1;
	if (!digest_is_valid(digest)) {
		if (str_starts_with(digest, "sha512:") || str_starts_with(digest, "sha384:"))
			return json_error(
				&member, err, "digest algorithm '%.6s' is not supported", digest);
		return json_error(&member, err, "'%.80s' is not a sha256 digest", digest);
	}
	if (json_require(v, "size", &member, err) < 0 ||
		json_int64(&member, 0, INT64_MAX, &size, err) < 0)
		return -1;
	ret->media_type = xstrdup(media_type);
	ret->digest = xstrdup(digest);
	ret->size_bytes = (uint64_t)size;
	return 0;
}

static int parse_layer(const struct json *v, struct descriptor *ret, struct error **err)
{
	static const struct {
		const char *media_type;
		enum layer_compression compression;
	} known[] = {
		{MEDIA_TYPE_OCI_LAYER, LAYER_PLAIN},
		{MEDIA_TYPE_OCI_LAYER "+gzip", LAYER_GZIP},
		{MEDIA_TYPE_OCI_LAYER "+zstd", LAYER_ZSTD},
		{MEDIA_TYPE_DOCKER_LAYER, LAYER_PLAIN},
		{MEDIA_TYPE_DOCKER_LAYER ".gzip", LAYER_GZIP},
		{MEDIA_TYPE_DOCKER_LAYER ".zstd", LAYER_ZSTD},
	};

	if (parse_descriptor(v, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_equal(ret->media_type, known[i].media_type)) {
			ret->compression = known[i].compression;
			return 0;
		}
	if (strstr(ret->media_type, ".foreign.") || strstr(ret->media_type, ".nondistributable."))
		return error_set(err, ERR_UNSUPPORTED,
			"layer %.19s is a foreign layer (%s), which registries do not hold; "
			"images with such layers are for Windows",
			ret->digest, ret->media_type);
	return error_set(err, ERR_UNSUPPORTED, "layer %.19s has the unknown media type '%s'",
		ret->digest, ret->media_type);
}

static int parse_manifest(const struct json *root, struct manifest *m, struct error **err)
{
	struct json member;
	size_t count;

	if (json_require(root, "config", &member, err) < 0 ||
		parse_descriptor(&member, &m->config, err) < 0)
		return -1;
	if (!str_equal(m->config.media_type, MEDIA_TYPE_OCI_CONFIG) &&
		!str_equal(m->config.media_type, MEDIA_TYPE_DOCKER_CONFIG))
		return error_set(err, ERR_UNSUPPORTED,
			"not a container image: its config has the media type '%s'",
			m->config.media_type);
	if (m->config.size_bytes > IMAGE_CONFIG_MAX)
		return json_error(&member, err, "config of %llu bytes is larger than %u",
			(unsigned long long)m->config.size_bytes, IMAGE_CONFIG_MAX);
	if (json_require(root, "layers", &member, err) < 0 ||
		json_array(&member, 100000, &count, err) < 0)
		return -1;
	if (count > IMAGE_LAYERS_MAX)
		return json_error(&member, err, "%zu layers are more than the %u an image can have",
			count, IMAGE_LAYERS_MAX);
	m->layers = xcalloc(count + 1, sizeof(*m->layers));
	for (size_t i = 0; i < count; i++) {
		struct json layer = json_at(&member, i);

		m->layer_count = i + 1;
		if (parse_layer(&layer, &m->layers[i], err) < 0)
			return -1;
	}
	return 0;
}

static int parse_entry(const struct json *v, struct descriptor *ret, struct error **err)
{
	struct json platform, annotations;

	if (parse_descriptor(v, ret, err) < 0)
		return -1;
	if (json_member(v, "platform", &platform) &&
		(json_opt_dup(&platform, "os", &ret->os, err) < 0 ||
			json_opt_dup(&platform, "architecture", &ret->architecture, err) < 0 ||
			json_opt_dup(&platform, "variant", &ret->variant, err) < 0))
		return -1;
	if (json_member(v, "annotations", &annotations) &&
		(json_opt_dup(&annotations, "org.opencontainers.image.ref.name", &ret->reference,
			 err) < 0 ||
			json_opt_dup(&annotations, "io.containerd.image.name", &ret->name, err) <
				0))
		return -1;
	return 0;
}

static int parse_index(const struct json *root, struct manifest *m, struct error **err)
{
	struct json member;
	size_t count;

	if (json_require(root, "manifests", &member, err) < 0 ||
		json_array(&member, INDEX_ENTRIES_MAX, &count, err) < 0)
		return -1;
	m->entries = xcalloc(count + 1, sizeof(*m->entries));
	for (size_t i = 0; i < count; i++) {
		struct json entry = json_at(&member, i);

		m->entry_count = i + 1;
		if (parse_entry(&entry, &m->entries[i], err) < 0)
			return -1;
	}
	return 0;
}

enum document_kind { KIND_UNKNOWN, KIND_MANIFEST, KIND_INDEX, KIND_SCHEMA1 };

static enum document_kind kind_of(const char *media_type)
{
	if (!media_type)
		return KIND_UNKNOWN;
	if (str_equal(media_type, MEDIA_TYPE_OCI_MANIFEST) ||
		str_equal(media_type, MEDIA_TYPE_DOCKER_MANIFEST))
		return KIND_MANIFEST;
	if (str_equal(media_type, MEDIA_TYPE_OCI_INDEX) ||
		str_equal(media_type, MEDIA_TYPE_DOCKER_LIST))
		return KIND_INDEX;
	if (str_starts_with(media_type, "application/vnd.docker.distribution.manifest.v1+"))
		return KIND_SCHEMA1;
	return KIND_UNKNOWN;
}

/* A digest covers the bytes only, and the media type travels beside them: a document that is a
 * manifest to one reader and an index to another must be nothing to us (CVE-2021-41190). */
static int decide_kind(
	const struct json *root, const char *content_type, struct manifest *m, struct error **err)
{
	const char *own_type = NULL;
	bool has_layers, has_entries;
	enum document_kind own, given, form;
	struct json member;
	uint64_t version;

	if (json_kind(root) != JSON_KIND_OBJECT)
		return json_error(root, err, "must be an object");
	if (json_opt_string(root, "mediaType", &own_type, err) < 0)
		return -1;
	own = kind_of(own_type);
	given = kind_of(content_type);
	if (own == KIND_SCHEMA1 || given == KIND_SCHEMA1 || json_member(root, "fsLayers", &member))
		return error_set(err, ERR_UNSUPPORTED,
			"docker schema 1 manifests are not supported; push the image again with a "
			"current tool");
	if (json_require(root, "schemaVersion", &member, err) < 0 ||
		json_uint64(&member, 1000, &version, err) < 0)
		return -1;
	if (version != 2)
		return json_error(&member, err, "version %llu is not supported, only 2",
			(unsigned long long)version);
	has_layers = json_member(root, "layers", &member) || json_member(root, "config", &member);
	has_entries = json_member(root, "manifests", &member);
	if (has_layers && has_entries)
		return json_error(root, err, "is both a manifest and an index");
	if (!has_layers && !has_entries)
		return json_error(root, err, "is neither a manifest nor an index");
	form = has_entries ? KIND_INDEX : KIND_MANIFEST;
	if (own_type && own == KIND_UNKNOWN)
		return error_set(
			err, ERR_UNSUPPORTED, "unknown manifest media type '%.80s'", own_type);
	if ((own_type && own != form) || (given != KIND_UNKNOWN && given != form))
		return json_error(root, err, "has the form of %s but the media type '%.80s'",
			form == KIND_INDEX ? "an index" : "a manifest",
			own_type && own != form ? own_type : content_type);
	if (own_type && given != KIND_UNKNOWN && !str_equal(own_type, content_type))
		return json_error(root, err, "says it is '%.80s' but was sent as '%.80s'", own_type,
			content_type);
	m->is_index = has_entries;
	if (own_type)
		m->media_type = xstrdup(own_type);
	else if (given != KIND_UNKNOWN)
		m->media_type = xstrdup(content_type);
	else
		m->media_type =
			xstrdup(has_entries ? MEDIA_TYPE_OCI_INDEX : MEDIA_TYPE_OCI_MANIFEST);
	return 0;
}

int manifest_parse(const char *text, size_t len, const char *content_type, const char *name,
	struct manifest **ret, struct error **err)
{
	cleanup_manifest struct manifest *m = xcalloc(1, sizeof(*m));
	cleanup_json struct json_document *doc = NULL;
	cleanup_free char *type = NULL;
	struct json root;

	if (len > IMAGE_MANIFEST_MAX)
		return error_set(err, ERR_INVALID, "%s: %zu bytes are more than %u", name, len,
			IMAGE_MANIFEST_MAX);
	if (content_type) {
		size_t end = strcspn(content_type, "; \t");

		type = xstrndup(content_type, end);
	}
	if (json_parse(text, len, name, &doc, &root, err) < 0)
		return -1;
	if (decide_kind(&root, type, m, err) < 0)
		return -1;
	if ((m->is_index ? parse_index : parse_manifest)(&root, m, err) < 0)
		return -1;
	*ret = steal_ptr(&m);
	return 0;
}

void platform_clear(struct platform *platform)
{
	free(platform->os);
	free(platform->architecture);
	free(platform->variant);
	*platform = (struct platform){0};
}

/* Go's GOARCH words, as the image specification asks; the variants are containerd's. */
static void normalize_architecture(struct platform *p)
{
	static const struct {
		const char *from, *to, *variant;
	} words[] = {
		{"x86_64", "amd64", NULL},
		{"x86-64", "amd64", NULL},
		{"i386", "386", NULL},
		{"i486", "386", NULL},
		{"i586", "386", NULL},
		{"i686", "386", NULL},
		{"aarch64", "arm64", NULL},
		{"armhf", "arm", "v7"},
		{"armel", "arm", "v6"},
		{"armv8l", "arm", "v8"},
		{"armv7l", "arm", "v7"},
		{"armv6l", "arm", "v6"},
		{"armv5tel", "arm", "v5"},
		{"loongarch64", "loong64", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!str_equal(p->architecture, words[i].from))
			continue;
		free(p->architecture);
		p->architecture = xstrdup(words[i].to);
		if (!p->variant)
			p->variant = xstrdup_null(words[i].variant);
		return;
	}
}

void platform_host(struct platform *ret)
{
	struct utsname uts = {0};

	(void)uname(&uts); /* fails for a bad pointer only */
	*ret = (struct platform){.os = xstrdup("linux"), .architecture = xstrdup(uts.machine)};
	normalize_architecture(ret);
}

/* What may stand alone: a word that is none of these is a slip, not an architecture to come. */
static bool is_architecture(const char *word)
{
	static const char *const words[] = {"386", "amd64", "arm", "arm64", "loong64", "mips64le",
		"ppc64le", "riscv64", "s390x"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_equal(word, words[i]))
			return true;
	return false;
}

int platform_parse(const char *text, struct platform *ret, struct error **err)
{
	cleanup_strv char **parts = str_split(text, '/');
	size_t count = strv_length(parts);
	struct platform p = {0};

	for (size_t i = 0; i < count; i++)
		if (!*parts[i] || strlen(parts[i]) > 64)
			count = 0;
	if (count < 1 || count > 3)
		return error_set(err, ERR_USAGE,
			"invalid platform syntax for '%s': use OS/ARCH[/VARIANT]", text);
	if (count == 1) {
		p.os = xstrdup("linux");
		p.architecture = str_to_lower(parts[0]);
		normalize_architecture(&p);
		if (!is_architecture(p.architecture)) {
			platform_clear(&p);
			return error_set(err, ERR_USAGE,
				"unknown architecture '%s': use OS/ARCH[/VARIANT]", text);
		}
	} else {
		p.os = str_to_lower(parts[0]);
		p.architecture = str_to_lower(parts[1]);
		p.variant = count == 3 ? str_to_lower(parts[2]) : NULL;
	}
	normalize_architecture(&p);
	*ret = p;
	return 0;
}

static int variant_number(const char *variant)
{
	uint64_t n;

	if (!variant || variant[0] != 'v' || str_to_uint64(variant + 1, 99, &n) < 0)
		return 0;
	return (int)n;
}

/* How well an entry suits: 0 not at all, else more is better. */
static int platform_score(const struct descriptor *entry, const struct platform *platform)
{
	int wanted, offered;

	if (str_equal(entry->os, "unknown") || !str_equal(entry->os, platform->os) ||
		!str_equal(entry->architecture, platform->architecture))
		return 0;
	if (str_equal(entry->variant, platform->variant))
		return 1000;
	/* arm64 and v8 are two spellings of one thing. */
	if (str_equal(platform->architecture, "arm64") &&
		(!entry->variant || str_equal(entry->variant, "v8")) &&
		(!platform->variant || str_equal(platform->variant, "v8")))
		return 999;
	wanted = variant_number(platform->variant);
	offered = variant_number(entry->variant);
	if (!entry->variant)
		return 500;
	/* No variant asked for: the lowest runs everywhere. */
	if (!platform->variant)
		return str_equal(platform->architecture, "arm") && offered > 7 ? 1 : 400 - offered;
	return wanted && offered && offered <= wanted ? 100 + offered : 0;
}

int index_choose(const struct manifest *index, const struct platform *platform, const char *name,
	const struct descriptor **ret, struct error **err)
{
	cleanup_strbuf struct strbuf offered = STRBUF_INIT;
	const struct descriptor *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < index->entry_count; i++) {
		const struct descriptor *entry = &index->entries[i];
		int score = platform_score(entry, platform);

		if (score > best_score) {
			best = entry;
			best_score = score;
		}
		if (entry->os && !str_equal(entry->os, "unknown") && offered.len < 400)
			strbuf_addf(&offered, "%s%s/%s%s%s", offered.len ? ", " : "", entry->os,
				entry->architecture ? entry->architecture : "",
				entry->variant ? "/" : "", entry->variant ? entry->variant : "");
	}
	/* An index without platforms that leads to one manifest: what OCI layouts are. */
	if (!best && index->entry_count == 1 && !index->entries[0].os)
		best = &index->entries[0];
	if (!best)
		return error_set(err, ERR_NOT_FOUND,
			"%s: no image found in image index for architecture %s, variant \"%s\", OS "
			"%s "
			"(there is: %s)",
			name, platform->architecture, platform->variant ? platform->variant : "",
			platform->os, offered.len ? strbuf_str(&offered) : "none");
	*ret = best;
	return 0;
}

static void write_descriptor(
	struct json_writer *w, const char *media_type, const char *digest, uint64_t size)
{
	json_write_object_begin(w);
	json_put_string(w, "mediaType", media_type);
	json_put_string(w, "digest", digest);
	json_put_uint(w, "size", size);
	json_write_object_end(w);
}

static const char *docker_layer_media_type(enum layer_compression compression)
{
	switch (compression) {
	case LAYER_GZIP:
		return MEDIA_TYPE_DOCKER_LAYER ".gzip";
	case LAYER_ZSTD:
		return MEDIA_TYPE_DOCKER_LAYER ".zstd";
	case LAYER_PLAIN:
		break;
	}
	return MEDIA_TYPE_DOCKER_LAYER;
}

char *manifest_compose(const char *config_digest, uint64_t config_size,
	const struct descriptor *layers, size_t count, bool docker, size_t *ret_len)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	json_write_object_begin(&w);
	json_put_int(&w, "schemaVersion", 2);
	json_put_string(
		&w, "mediaType", docker ? MEDIA_TYPE_DOCKER_MANIFEST : MEDIA_TYPE_OCI_MANIFEST);
	json_write_key(&w, "config");
	write_descriptor(&w, docker ? MEDIA_TYPE_DOCKER_CONFIG : MEDIA_TYPE_OCI_CONFIG,
		config_digest, config_size);
	json_write_key(&w, "layers");
	json_write_array_begin(&w);
	for (size_t i = 0; i < count; i++)
		write_descriptor(&w,
			docker ? docker_layer_media_type(layers[i].compression)
			       : layer_media_type(layers[i].compression),
			layers[i].digest, layers[i].size_bytes);
	json_write_array_end(&w);
	json_write_object_end(&w);
	*ret_len = out.len;
	return strbuf_detach(&out);
}
