#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "container/policy.h"
#include "util/mem.h"

static const struct {
	const char *text;
	enum restart_kind kind; /* meaningless where fails */
	uint32_t max_retries;
	bool fails;
} cases[] = {
	{NULL, RESTART_NO, 0, false},
	{"", RESTART_NO, 0, false},
	{"no", RESTART_NO, 0, false},
	{"always", RESTART_ALWAYS, 0, false},
	{"unless-stopped", RESTART_UNLESS_STOPPED, 0, false},
	{"on-failure", RESTART_ON_FAILURE, 0, false},
	{"on-failure:3", RESTART_ON_FAILURE, 3, false},
	{"on-failure:0", RESTART_ON_FAILURE, 0, false},
	{"on-failure:", 0, 0, true},
	{"on-failure:-1", 0, 0, true},
	{"on-failure:x", 0, 0, true},
	{"on-failure:99999999999", 0, 0, true},
	{"always:1", 0, 0, true},
	{"on-fail", 0, 0, true},
	{":1", 0, 0, true},
	{"Always", 0, 0, true},
};

static void parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		struct restart_policy policy;
		int result = restart_policy_parse(cases[i].text, &policy, &err);

		if (cases[i].fails) {
			assert_int_equal(result, -1);
			assert_int_equal(err->kind, ERR_USAGE);
			continue;
		}
		assert_int_equal(result, 0);
		assert_int_equal(policy.kind, cases[i].kind);
		assert_int_equal(policy.max_retries, cases[i].max_retries);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(parse)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
