#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/signals.h"

static void test_valid(void **state)
{
	static const struct {
		const char *text;
		int number;
		const char *name;
	} cases[] = {
		{"TERM", SIGTERM, "SIGTERM"},
		{"SIGTERM", SIGTERM, "SIGTERM"},
		{"sigterm", SIGTERM, "SIGTERM"},
		{"9", SIGKILL, "SIGKILL"},
		{"IOT", SIGABRT, "SIGABRT"},
		{"POLL", SIGIO, "SIGIO"},
		{"RTMIN", 34, "SIGRTMIN"},
		{"SIGRTMIN+3", 37, "SIGRTMIN+3"},
		{"rtmin+15", 49, "SIGRTMIN+15"},
		{"RTMIN+16", 50, "SIGRTMAX-14"},
		{"RTMAX-14", 50, "SIGRTMAX-14"},
		{"RTMAX", 64, "SIGRTMAX"},
		{"64", 64, "SIGRTMAX"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error *err = NULL;
		int number;

		assert_int_equal(signal_parse(cases[i].text, &number, &err), 0);
		assert_int_equal(number, cases[i].number);
		assert_string_equal(signal_name(number), cases[i].name);
	}
	assert_null(signal_name(0));
	assert_null(signal_name(65));
}

static void test_invalid(void **state)
{
	static const char *const cases[] = {"", "SIG", "0", "65", "-9", "+9", "9 ", "FOO",
		"RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMIN+", "SIGSIGTERM", "99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		int number;

		if (signal_parse(cases[i], &number, &err) != -1)
			fail_msg("'%s' was taken", cases[i]);
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
