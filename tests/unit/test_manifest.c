#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "image/manifest.h"
#include "util/mem.h"
#include "util/str.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define CONFIG                                                                                     \
	"\"config\":{\"mediaType\":\"" MEDIA_TYPE_OCI_CONFIG "\",\"digest\":\"" D1 "\",\"size\":"  \
	"2}"
#define LAYER(type, digest, size)                                                                  \
	"{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":" size "}"
#define MANIFEST(layers) "{\"schemaVersion\":2," CONFIG ",\"layers\":[" layers "]}"
#define INDEX(entries)   "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define ENTRY(digest, platform)                                                                    \
	"{\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\",\"digest\":\"" digest                      \
	"\",\"size\":1,\"platform\":" platform "}"

static const struct {
	const char *name, *text, *content_type;
	bool index;
	size_t layers;
} good[] = {
	{"no layers", MANIFEST(""), NULL, false, 0},
	{"gzip", MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER "+gzip", D2, "10")), MEDIA_TYPE_OCI_MANIFEST,
		false, 1},
	{"content type with parameters", MANIFEST(""), MEDIA_TYPE_OCI_MANIFEST "; charset=utf-8",
		false, 0},
	{"unknown content type", MANIFEST(""), "application/octet-stream", false, 0},
	{"docker layers",
		MANIFEST(LAYER(MEDIA_TYPE_DOCKER_LAYER ".gzip", D2, "10") "," LAYER(
			MEDIA_TYPE_DOCKER_LAYER, D1, "0")),
		MEDIA_TYPE_DOCKER_MANIFEST, false, 2},
	{"unknown members",
		"{\"schemaVersion\":2,\"x\":[{}],\"annotations\":{\"a\":\"b\"}," CONFIG
		",\"layers\":[]}",
		NULL, false, 0},
	{"index", INDEX(ENTRY(D1, "{\"os\":\"linux\",\"architecture\":\"amd64\"}")), NULL, true, 0},
	{"index sent as docker's list", INDEX(""), MEDIA_TYPE_DOCKER_LIST, true, 0},
};

static const struct {
	const char *name, *text, *content_type;
	enum error_kind kind;
	const char *says; /* part of the message */
} bad[] = {
	{"no JSON", "{", NULL, ERR_INVALID, "test"},
	{"array", "[]", NULL, ERR_INVALID, "must be an object"},
	{"neither", "{\"schemaVersion\":2}", NULL, ERR_INVALID, "neither"},
	{"both", "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}", NULL,
		ERR_INVALID, "both"},
	{"config and manifests", "{\"schemaVersion\":2," CONFIG ",\"manifests\":[]}", NULL,
		ERR_INVALID, "both"},
	{"manifest sent as index", MANIFEST(""), MEDIA_TYPE_OCI_INDEX, ERR_INVALID,
		"form of a manifest"},
	{"index sent as manifest", INDEX(""), MEDIA_TYPE_OCI_MANIFEST, ERR_INVALID,
		"form of an index"},
	{"media type contradicts",
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_DOCKER_MANIFEST "\"," CONFIG
		",\"layers\":[]}",
		MEDIA_TYPE_OCI_MANIFEST, ERR_INVALID, "was sent as"},
	{"own media type contradicts form",
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_OCI_INDEX "\"," CONFIG
		",\"layers\":[]}",
		NULL, ERR_INVALID, "form of a manifest"},
	{"unknown media type",
		"{\"schemaVersion\":2,\"mediaType\":\"a/b\"," CONFIG ",\"layers\":[]}", NULL,
		ERR_UNSUPPORTED, "a/b"},
	{"schema 1", "{\"schemaVersion\":1,\"fsLayers\":[],\"history\":[]}", NULL, ERR_UNSUPPORTED,
		"schema 1"},
	{"schema 1 by content type", MANIFEST(""),
		"application/vnd.docker.distribution.manifest.v1+prettyjws", ERR_UNSUPPORTED,
		"schema 1"},
	{"schema 3", "{\"schemaVersion\":3," CONFIG ",\"layers\":[]}", NULL, ERR_INVALID,
		"schemaVersion"},
	{"no layers member", "{\"schemaVersion\":2," CONFIG "}", NULL, ERR_INVALID, "layers"},
	{"no config", "{\"schemaVersion\":2,\"layers\":[]}", NULL, ERR_INVALID, "config"},
	{"artifact",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
		"vnd.oci.empty.v1+json\","
		"\"digest\":\"" D1 "\",\"size\":2},\"layers\":[]}",
		NULL, ERR_UNSUPPORTED, "not a container image"},
	{"digest leads elsewhere", MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER, "sha256:../../x", "1")),
		NULL, ERR_INVALID, "layers[0].digest"},
	{"digest in upper case",
		MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER,
			"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			"1")),
		NULL, ERR_INVALID, "layers[0].digest"},
	{"sha512", MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER, "sha512:00", "1")), NULL, ERR_INVALID,
		"sha512"},
	{"negative size", MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER, D2, "-1")), NULL, ERR_INVALID,
		"layers[0].size"},
	{"size is no integer", MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER, D2, "1.5")), NULL, ERR_INVALID,
		"layers[0].size"},
	{"foreign layer",
		MANIFEST(LAYER(
			"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", D2, "1")),
		NULL, ERR_UNSUPPORTED, "foreign"},
	{"unknown layer type", MANIFEST(LAYER("text/plain", D2, "1")), NULL, ERR_UNSUPPORTED,
		"text/plain"},
	{"layer is a string", MANIFEST("\"x\""), NULL, ERR_INVALID, "layers[0]"},
	{"huge config",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_TYPE_OCI_CONFIG
		"\",\"digest\":\"" D1 "\",\"size\":99999999999},\"layers\":[]}",
		NULL, ERR_INVALID, "config"},
	{"duplicate member", "{\"schemaVersion\":2,\"schemaVersion\":2," CONFIG ",\"layers\":[]}",
		NULL, ERR_INVALID, "schemaVersion"},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		cleanup_manifest struct manifest *m = NULL;
		cleanup_error struct error *err = NULL;

		if (manifest_parse(good[i].text, strlen(good[i].text), good[i].content_type, "test",
			    &m, &err) < 0)
			fail_msg("%s: %s", good[i].name, err->message);
		assert_int_equal(m->is_index, good[i].index);
		assert_int_equal(m->layer_count, good[i].layers);
	}
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup_manifest struct manifest *m = NULL;
		cleanup_error struct error *err = NULL;

		if (manifest_parse(bad[i].text, strlen(bad[i].text), bad[i].content_type, "test",
			    &m, &err) == 0)
			fail_msg("%s: taken", bad[i].name);
		if (err->kind != bad[i].kind || !strstr(err->message, bad[i].says))
			fail_msg("%s: kind %d, '%s'", bad[i].name, err->kind, err->message);
	}
}

static void test_layer_limit(void **state)
{
	(void)state;
	for (size_t count = 126; count <= 128; count++) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		cleanup_manifest struct manifest *m = NULL;
		cleanup_error struct error *err = NULL;

		strbuf_addstr(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");
		for (size_t i = 0; i < count; i++)
			strbuf_addf(
				&text, "%s%s", i ? "," : "", LAYER(MEDIA_TYPE_OCI_LAYER, D2, "1"));
		strbuf_addstr(&text, "]}");
		assert_int_equal(
			manifest_parse(strbuf_str(&text), text.len, NULL, "test", &m, &err),
			count <= 127 ? 0 : -1);
		if (err)
			assert_non_null(strstr(err->message, "128 layers"));
	}
}

static void test_compose(void **state)
{
	const struct descriptor layers[] = {
		{.digest = (char *)D2, .size_bytes = 5, .compression = LAYER_ZSTD},
		{.digest = (char *)D1, .size_bytes = 6},
	};

	(void)state;
	for (int docker = 0; docker < 2; docker++) {
		cleanup_manifest struct manifest *m = NULL;
		cleanup_error struct error *err = NULL;
		cleanup_free char *text = NULL;
		size_t len;

		text = manifest_compose(D1, 7, layers, 2, docker, &len);
		assert_int_equal(manifest_parse(text, len, NULL, "test", &m, &err), 0);
		assert_string_equal(m->media_type,
			docker ? MEDIA_TYPE_DOCKER_MANIFEST : MEDIA_TYPE_OCI_MANIFEST);
		assert_int_equal(m->layer_count, 2);
		assert_int_equal(m->layers[0].compression, LAYER_ZSTD);
		assert_int_equal(m->layers[1].compression, LAYER_PLAIN);
		assert_string_equal(m->layers[0].digest, D2);
		assert_int_equal(m->config.size_bytes, 7);
	}
}

static const struct {
	const char *text, *os, *architecture, *variant; /* os NULL: refused */
} platforms[] = {
	{"linux/amd64", "linux", "amd64", NULL},
	{"arm64", "linux", "arm64", NULL},
	{"linux/arm/v7", "linux", "arm", "v7"},
	{"Linux/X86_64", "linux", "amd64", NULL},
	{"linux/armhf", "linux", "arm", "v7"},
	{"aarch64", "linux", "arm64", NULL},
	{"x", NULL, NULL, NULL},
	{"", NULL, NULL, NULL},
	{"linux/", NULL, NULL, NULL},
	{"a/b/c/d", NULL, NULL, NULL},
};

static void test_platform_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(platforms); i++) {
		cleanup_error struct error *err = NULL;
		struct platform p = {0};
		int status = platform_parse(platforms[i].text, &p, &err);

		assert_int_equal(status, platforms[i].os ? 0 : -1);
		if (status < 0) {
			assert_int_equal(err->kind, ERR_USAGE);
			continue;
		}
		assert_string_equal(p.os, platforms[i].os);
		assert_string_equal(p.architecture, platforms[i].architecture);
		assert_true(str_equal(p.variant, platforms[i].variant));
		platform_clear(&p);
	}
}

static const struct {
	const char *platform, *digest; /* digest NULL: none suits */
} choices[] = {
	{"linux/amd64", D1},
	{"linux/arm/v7", D2},
	{"linux/arm/v8", D2}, /* runs what v7 has */
	{"linux/arm/v5", NULL},
	{"linux/s390x", NULL},
	{"windows/amd64", NULL},
	{"unknown/unknown", NULL},
};

static void test_index_choose(void **state)
{
	static const char text[] = INDEX(ENTRY(
		D2, "{\"os\":\"unknown\",\"architecture\":\"unknown\"}") "," ENTRY(D1,
		"{\"os\":\"linux\",\"architecture\":\"amd64\"}") "," ENTRY(D1,
		"{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}") "," ENTRY(D2,
		"{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}"));
	cleanup_manifest struct manifest *m = NULL;
	cleanup_error struct error *parse_err = NULL;

	(void)state;
	assert_int_equal(manifest_parse(text, strlen(text), NULL, "test", &m, &parse_err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		cleanup_error struct error *err = NULL;
		const struct descriptor *chosen = NULL;
		struct platform p;
		int status;

		assert_int_equal(platform_parse(choices[i].platform, &p, &err), 0);
		status = index_choose(m, &p, "test", &chosen, &err);
		platform_clear(&p);
		if (status == 0 && choices[i].digest)
			assert_string_equal(chosen->digest, choices[i].digest);
		else if (status == 0)
			fail_msg("%s: something was chosen", choices[i].platform);
		else if (choices[i].digest)
			fail_msg("%s: %s", choices[i].platform, err->message);
		else
			assert_int_equal(err->kind, ERR_NOT_FOUND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_layer_limit),
		cmocka_unit_test(test_compose),
		cmocka_unit_test(test_platform_parse),
		cmocka_unit_test(test_index_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
