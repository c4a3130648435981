#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "util/mem.h"

static void test_error_words(void **state)
{
	cleanup_error struct error *one = NULL, *two = NULL, *plain = NULL, *cut = NULL;
	cleanup_free char *text = NULL, *short_text = NULL;

	(void)state;
	assert_int_equal(error_set(&one, ERR_NOT_FOUND, "no container '%s'", "x"), -1);
	assert_int_equal(error_docker(&one, "Error: No such container: %s", "x"), -1);
	assert_int_equal(error_wrap(&one, "stop"), -1);
	assert_string_equal(one->message, "stop: no container 'x'");
	assert_string_equal(one->docker, "Error: No such container: x");
	/* to another process and back, whole and cut */
	text = error_text(one);
	assert_int_equal(error_from_text(&two, ERR_NOT_FOUND, text), -1);
	assert_int_equal(two->kind, ERR_NOT_FOUND);
	assert_string_equal(two->message, one->message);
	assert_string_equal(two->docker, one->docker);
	error_set(&plain, ERR_SYSTEM, "100%% full");
	short_text = error_text(plain);
	assert_string_equal(short_text, "100% full");
	text[strlen("stop")] = '\0';
	error_from_text(&cut, ERR_SYSTEM, text);
	assert_string_equal(cut->message, "stop");
	assert_null(cut->docker);
}

static void test_option_words(void **state)
{
	static const struct {
		const char *name, *type;
		char short_name;
	} expected[] = {{"all", "", 'a'}, {"filter", "filter", 'f'}, {"no-trunc", "", 0}};
	const char *words = "a,all f,filter=filter no-trunc";
	struct docker_option o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_true(docker_option_next(&words, &o));
		assert_string_equal(o.name, expected[i].name);
		assert_string_equal(o.type, expected[i].type);
		assert_int_equal(o.short_name, expected[i].short_name);
	}
	assert_false(docker_option_next(&words, &o));
}

/* Every row is well formed, sorted, and every alias leads to a row. */
static void test_reference(void **state)
{
	const char *before = "";

	(void)state;
	for (const struct docker_command *row = docker_commands; row->path; row++) {
		struct docker_option o;

		assert_true(row == docker_commands || strcmp(before, row->path) < 0);
		before = row->path;
		assert_non_null(docker_command_find(row->path));
		for (const char *p = docker_command_find(row->path)->options;
			docker_option_next(&p, &o);)
			assert_true(*o.name && strlen(o.name) < sizeof(o.name) - 1);
	}
	assert_null(docker_command_find("unshare"));
	assert_ptr_equal(docker_target("ps", NULL), &command_ps);
	assert_ptr_equal(docker_target("container ls", NULL), &command_ps);
	assert_ptr_equal(docker_target("image rmi", NULL), &command_rmi);
	assert_null(docker_target("swarm init", NULL));
}

static void test_names(void **state)
{
	static const struct {
		const char *reference, *familiar, *tagged, *image;
	} cases[] = {
		{"docker.io/library/busybox:latest", "busybox:latest", "busybox:latest", "busybox"},
		{"docker.io/own/thing:1", "own/thing:1", "own/thing:1", "own/thing:1"},
		{"localhost/x", "x", "x:latest", "x"},
		{"localhost:5000/x", "localhost:5000/x", "localhost:5000/x:latest",
			"localhost:5000/x"},
		{"quay.io/a/b@sha256:00", "quay.io/a/b@sha256:00", "quay.io/a/b@sha256:00",
			"quay.io/a/b@sha256:00"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *tagged = docker_tagged(cases[i].reference);
		cleanup_strbuf struct strbuf image = STRBUF_INIT;

		assert_string_equal(docker_familiar(cases[i].reference), cases[i].familiar);
		assert_string_equal(tagged, cases[i].tagged);
		docker_image_name(NULL, cases[i].reference, &image);
		assert_string_equal(strbuf_str(&image), cases[i].image);
	}
}

static void test_words(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"'pod load' or 'pod pull'", "'docker load' or 'docker pull'"},
		{"'pod export X | pod import - Y'", "'docker export X | docker import - Y'"},
		{"pod system prune --all", "docker system prune --all"},
		{"'pod --root' is it", "'docker --root' is it"},
		/* docker has none of these */
		{"(see: pod doctor disk)", "(see: pod doctor disk)"},
		{"'pod unshare chown'", "'pod unshare chown'"},
		{"'pod commit'", "'pod commit'"},
		{"run pod outside of it", "run pod outside of it"},
		{"tripod run", "tripod run"},
		{"pod ", "pod "},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = docker_words(cases[i].text);

		assert_string_equal(text, cases[i].expected);
	}
}

static void test_ellipsis(void **state)
{
	static const struct {
		const char *text;
		size_t limit;
		const char *expected;
	} cases[] = {{"short", 5, "short"}, {"longer", 5, "long…"}, {"äöüßéè", 6, "äöüßéè"},
		{"äöüßéèà", 6, "äöüßé…"}, {"", 3, ""}, {"any", SIZE_MAX, "any"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;

		docker_ellipsis(cases[i].text, cases[i].limit, &out);
		assert_string_equal(strbuf_str(&out), cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_words),
		cmocka_unit_test(test_option_words),
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_ellipsis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
