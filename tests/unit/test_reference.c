#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/reference.h"
#include "util/mem.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D     "sha256:" HEX64

static void test_valid(void **state)
{
	static const struct {
		const char *text, *canonical, *familiar;
		bool qualified;
	} cases[] = {
		{"alpine", "docker.io/library/alpine:latest", "alpine:latest", false},
		{"docker://alpine:3.18", "docker.io/library/alpine:3.18", "alpine:3.18", false},
		{"library/alpine", "docker.io/library/alpine:latest", "alpine:latest", false},
		{"index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest",
			true},
		{"docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest", true},
		{"me/tool:V1", "docker.io/me/tool:V1", "me/tool:V1", false},
		{"a/b/c", "docker.io/a/b/c:latest", "a/b/c:latest", false},
		{"localhost/x", "localhost/x:latest", "localhost/x:latest", true},
		{"localhost:5000/x/y", "localhost:5000/x/y:latest", "localhost:5000/x/y:latest",
			true},
		{"127.0.0.1:5000/x:t", "127.0.0.1:5000/x:t", "127.0.0.1:5000/x:t", true},
		{"[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest", true},
		{"Host/x", "Host/x:latest", "Host/x:latest", true},
		{"quay.io/a__b/c-----d.e_f", "quay.io/a__b/c-----d.e_f:latest",
			"quay.io/a__b/c-----d.e_f:latest", true},
		{"alpine@" D, "docker.io/library/alpine@" D, "alpine@" D, false},
		{"alpine:3@" D, "docker.io/library/alpine@" D, "alpine:3@" D, false},
		{"foo:1234", "docker.io/library/foo:1234", "foo:1234", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_reference struct reference *ref = NULL;
		cleanup_free char *canonical = NULL, *familiar = NULL;
		struct error *err = NULL;

		assert_int_equal(reference_parse(cases[i].text, &ref, &err), 0);
		canonical = reference_string(ref);
		familiar = reference_familiar(ref);
		assert_string_equal(canonical, cases[i].canonical);
		assert_string_equal(familiar, cases[i].familiar);
		assert_int_equal(ref->qualified, cases[i].qualified);
	}
}

static void test_invalid(void **state)
{
	static const char *const cases[] = {"", "docker://", ":tag", "@" D, "Alpine", "a//b", "/a",
		"a/", "a:", "a:-t", "a:.t", "a@sha256:abc", "a@sha512:" HEX64 HEX64, "a@md5:x",
		"a@", "a b", " a", "a\n", "a___b", "a..b", "-a", "a-", "a._b", HEX64, "host:port/x",
		"host:99999/x", "-host.x/a", "a.b-/c", "localhost:5000/", "[::1/x", "[]/x", "x/Y",
		"a:tag:tag", "../x", "a/../b", "a@" D "0", "a@" D "@" D, "é", "localhost:/x"};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reference *ref = NULL;
		cleanup_error struct error *err = NULL;

		if (reference_parse(cases[i], &ref, &err) == 0)
			fail_msg("'%s' was taken", cases[i]);
		assert_int_equal(err->kind, ERR_INVALID);
		assert_null(ref);
	}
	/* Lengths: 255 for the name, 128 for the tag. */
	for (int over = 0; over < 2; over++) {
		struct reference *ref = NULL;
		cleanup_error struct error *err = NULL;
		size_t name = 255 - strlen("docker.io/library/") + (size_t)over;

		memset(text, 'a', name);
		text[name] = '\0';
		assert_int_equal(reference_parse(text, &ref, &err), over ? -1 : 0);
		reference_free(ref);
		ref = NULL;
		error_free(steal_ptr(&err));
		memset(text, 'a', sizeof(text));
		text[1] = ':';
		text[2 + 128 + over] = '\0';
		assert_int_equal(reference_parse(text, &ref, &err), over ? -1 : 0);
		reference_free(ref);
	}
}

static void test_search_domain(void **state)
{
	static const struct {
		const char *text, *result;
	} cases[] = {
		{"alpine", "quay.io/alpine:latest"},
		{"me/alpine:1", "quay.io/me/alpine:1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_reference struct reference *ref = NULL, *other = NULL;
		cleanup_free char *text = NULL;
		struct error *err = NULL;

		assert_int_equal(reference_parse(cases[i].text, &ref, &err), 0);
		other = reference_with_domain(ref, "quay.io");
		text = reference_string(other);
		assert_string_equal(text, cases[i].result);
	}
}

static void test_escape(void **state)
{
	static const struct {
		const char *reference, *name;
	} cases[] = {
		{"docker.io/library/alpine:latest", "docker.io%2Flibrary%2Falpine:latest"},
		{"a%2Fb", "a%252Fb"},
		{".", "%2E"},
		{"@" HEX64, "@" HEX64},
	};
	static const char *const not_names[] = {
		"a%2fb", "%41", "a%", "a%2", "a/b", ".x", "x%h" HEX64};
	char text[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *name = reference_escape(cases[i].reference);
		cleanup_free char *back = reference_unescape(name);

		assert_string_equal(name, cases[i].name);
		assert_string_equal(back, cases[i].reference);
	}
	for (size_t i = 0; i < ARRAY_SIZE(not_names); i++)
		assert_null(reference_unescape(not_names[i]));
	/* Long ones: bounded, distinct, not reversible, no broken escape before the mark. */
	for (size_t slashes = 0; slashes < 4; slashes++) {
		cleanup_free char *one = NULL, *two = NULL;

		memset(text, 'a', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		memset(text + 178, '/', slashes);
		one = reference_escape(text);
		text[sizeof(text) - 2] = 'b';
		two = reference_escape(text);
		assert_true(strlen(one) <= 255);
		assert_string_not_equal(one, two);
		assert_null(reference_unescape(one));
		assert_non_null(strstr(one, "%h"));
		assert_true(strspn(one, "a%2F") >= 178);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_search_domain),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
