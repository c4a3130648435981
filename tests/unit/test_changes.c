#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/changes.h"
#include "util/mem.h"
#include "util/str.h"

/* One change, and the "config" of the image that it makes. */
static const struct {
	const char *change, *config; /* config NULL: refused */
} cases[] = {
	{"CMD=/bin/sh", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"/bin/sh\"]}"},
	{"CMD [\"a\",\"b c\"]", "{\"Cmd\":[\"a\",\"b c\"]}"},
	{"cmd [\"a\"]", "{\"Cmd\":[\"a\"]}"},
	{"ENTRYPOINT=[\"/x\"]", "{\"Entrypoint\":[\"/x\"]}"},
	{"ENV A=b", "{\"Env\":[\"A=b\"]}"},
	{"ENV=A=b", "{\"Env\":[\"A=b\"]}"},
	{"ENV A=b C=\"d e\"", "{\"Env\":[\"A=b\",\"C=d e\"]}"},
	{"ENV A b c", "{\"Env\":[\"A=b c\"]}"},
	{"LABEL k=v", "{\"Labels\":{\"k\":\"v\"}}"},
	{"EXPOSE 80 53/udp", "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}}"},
	{"VOLUME /a /b", "{\"Volumes\":{\"/a\":{},\"/b\":{}}}"},
	{"VOLUME [\"/a b\"]", "{\"Volumes\":{\"/a b\":{}}}"},
	{"USER=1000:100", "{\"User\":\"1000:100\"}"},
	{"WORKDIR /srv", "{\"WorkingDir\":\"/srv\"}"},
	{"STOPSIGNAL SIGINT", "{\"StopSignal\":\"SIGINT\"}"},
	{"CMD", NULL},
	{"", NULL},
	{"ENV A", NULL},
	{"ENV =b", NULL},
	{"COPY a b", NULL},
};

static void test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_config *config = xcalloc(1, sizeof(*config));
		cleanup_json struct json_document *doc = NULL;
		cleanup_error struct error *err = NULL;
		cleanup_free char *text = NULL, *got = NULL;
		struct json root, member;
		size_t len;

		config->os = xstrdup("linux");
		config->architecture = xstrdup("amd64");
		if (change_apply(config, cases[i].change, &err) < 0) {
			if (cases[i].config)
				fail_msg("%s: %s", cases[i].change, err->message);
			assert_int_equal(err->kind, ERR_INVALID);
			image_config_free(config);
			continue;
		}
		if (!cases[i].config)
			fail_msg("'%s' was taken", cases[i].change);
		text = image_config_compose(config, "1970-01-01T00:00:00Z", "x", NULL, &len);
		image_config_free(config);
		assert_int_equal(json_parse(text, len, "config", &doc, &root, &err), 0);
		assert_true(json_member(&root, "config", &member));
		got = json_text(&member);
		assert_string_equal(got, cases[i].config);
	}
}

/* What is composed is a config that the parser takes, with everything in it. */
static void test_round_trip(void **state)
{
	struct image_config *config = xcalloc(1, sizeof(*config)), *again = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;
	size_t len;

	(void)state;
	config->os = xstrdup("linux");
	config->architecture = xstrdup("arm");
	config->variant = xstrdup("v7");
	strv_append(&config->diff_ids,
		"sha256:1111111111111111111111111111111111111111111111111111111111111111");
	config->diff_id_count = 1;
	assert_int_equal(change_apply(config, "ENV A=1", &err), 0);
	assert_int_equal(change_apply(config, "ENV A=2", &err), 0);
	assert_int_equal(change_apply(config, "LABEL a=\"b c\"", &err), 0);
	assert_int_equal(change_apply(config, "EXPOSE 80", &err), 0);
	text = image_config_compose(config, "1970-01-01T00:00:00Z", "x", "y", &len);
	assert_int_equal(image_config_parse(text, len, "config", &again, &err), 0);
	assert_string_equal(again->env[0], "A=2");
	assert_null(again->env[1]);
	assert_string_equal(again->labels[0], "a=b c");
	assert_string_equal(again->exposed_ports[0], "80/tcp");
	assert_string_equal(again->variant, "v7");
	assert_int_equal(again->diff_id_count, 1);
	image_config_free(config);
	image_config_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
