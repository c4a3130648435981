#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/spawn.h"

static void test_capture(void **state)
{
	static const struct {
		const char *script, *input;
		const char *output; /* NULL: refused */
		int status;
	} cases[] = {
		{"echo out; exit 3", NULL, "out\n", 3},
		{"cat", "text", "text", 0},
		{"exec cat >/dev/null", NULL, "", 0},
		{"exit 0", "nobody reads this", "", 0},
		{"while :; do echo more; done", NULL, NULL, 0},
		{"nothing-of-this-name 2>/dev/null", NULL, "", 127},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const argv[] = {"sh", "-c", cases[i].script, NULL};
		cleanup_error struct error *err = NULL;
		cleanup_free char *output = NULL;
		int status, result;

		result = spawn_capture(argv, cases[i].input, 1000, &output, &status, &err);
		assert_int_equal(result, cases[i].output ? 0 : -1);
		if (!cases[i].output)
			continue;
		assert_string_equal(output, cases[i].output);
		assert_int_equal(WEXITSTATUS(status), cases[i].status);
	}
}

/* It ends its output, and goes on to read more input than a pipe holds. */
static void test_capture_early_end(void **state)
{
	const char *const argv[] = {"sh", "-c", "exec >&-; exec cat 2>/dev/null 1>&2", NULL};
	cleanup_error struct error *err = NULL;
	cleanup_free char *output = NULL, *input = xmalloc(1u << 20);
	int status;

	(void)state;
	memset(input, 'x', (1u << 20) - 1);
	input[(1u << 20) - 1] = '\0';
	(void)alarm(20); /* in place of waiting for ever */
	assert_int_equal(spawn_capture(argv, input, 1000, &output, &status, &err), 0);
	assert_int_equal(status, 0);
	(void)alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capture),
		cmocka_unit_test(test_capture_early_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
