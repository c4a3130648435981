#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/challenge.h"
#include "util/mem.h"
#include "util/strbuf.h"

static void test_parse(void **state)
{
	static const struct {
		const char *value;
		bool basic, bearer;
		const char *realm, *service, *scope, *error;
	} cases[] = {
		{"Basic realm=\"x\"", true, false, NULL, NULL, NULL, NULL},
		{"basic", true, false, NULL, NULL, NULL, NULL},
		{"Bearer "
		 "realm=\"https://a/token\",service=\"s\",scope=\"repository:x/y:pull,push\"",
			false, true, "https://a/token", "s", "repository:x/y:pull,push", NULL},
		{"BEARER realm = \"r\" , error=invalid_token", false, true, "r", NULL, NULL,
			"invalid_token"},
		{"Bearer realm=https://a/t,service=s", false, true, "https://a/t", "s", NULL, NULL},
		{"Bearer realm=\"a\\\"b\\\\c\"", false, true, "a\"b\\c", NULL, NULL, NULL},
		{"Basic realm=\"b\", Bearer realm=\"t\"", true, true, "t", NULL, NULL, NULL},
		{"Bearer realm=\"t\", Basic realm=\"b\"", true, true, "t", NULL, NULL, NULL},
		{"Bearer realm=\"1\", Bearer realm=\"2\"", false, true, "1", NULL, NULL, NULL},
		{"Bearer realm=\"1\",realm=\"2\"", false, true, "1", NULL, NULL, NULL},
		{"Negotiate abc==, Bearer realm=\"t\"", false, true, "t", NULL, NULL, NULL},
		{"Digest realm=\"d\", qop=\"auth\"", false, false, NULL, NULL, NULL, NULL},
		{"Bearer realm=\"unterminated", false, true, NULL, NULL, NULL, NULL},
		{"Bearer realm=\"a\nb\"", false, true, NULL, NULL, NULL, NULL},
		{"Bearer realm", false, true, NULL, NULL, NULL, NULL},
		{"realm=\"x\"", false, false, NULL, NULL, NULL, NULL},
		{"", false, false, NULL, NULL, NULL, NULL},
		{",,, ,", false, false, NULL, NULL, NULL, NULL},
		{"\"\"", false, false, NULL, NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct challenge got = {0};
		const char *wanted[] = {
			cases[i].realm, cases[i].service, cases[i].scope, cases[i].error};
		const char *values[4];

		challenge_parse(cases[i].value, &got);
		values[0] = got.realm;
		values[1] = got.service;
		values[2] = got.scope;
		values[3] = got.error;
		if (got.basic != cases[i].basic || got.bearer != cases[i].bearer)
			fail_msg("'%s': basic %d bearer %d", cases[i].value, got.basic, got.bearer);
		for (size_t j = 0; j < 4; j++) {
			if (!wanted[j] != !values[j] ||
				(wanted[j] && strcmp(wanted[j], values[j]) != 0))
				fail_msg("'%s': %zu is '%s'", cases[i].value, j,
					values[j] ? values[j] : "absent");
		}
		challenge_clear(&got);
	}
}

static void test_two_headers(void **state)
{
	struct challenge got = {0};

	(void)state;
	challenge_parse("Basic realm=\"b\"", &got);
	challenge_parse("Bearer realm=\"t\"", &got);
	assert_true(got.basic && got.bearer);
	assert_string_equal(got.realm, "t");
	challenge_clear(&got);
}

static void test_too_long(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct challenge got = {0};

	(void)state;
	strbuf_addstr(&text, "Bearer realm=\"");
	strbuf_pad(&text, 'x', CHALLENGE_HEADER_MAX);
	strbuf_addch(&text, '"');
	challenge_parse(strbuf_str(&text), &got);
	assert_false(got.bearer);
	challenge_clear(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_two_headers),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
