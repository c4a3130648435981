#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "container/parse_env.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

static void check(char **env, const char *expected)
{
	cleanup_free char *text = env ? str_join(env, "|") : xstrdup("");

	assert_string_equal(text, expected);
}

static void test_env(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"A=b", "OLD=1|A=b"}, {"OLD=2", "OLD=2"}, {"A=", "OLD=1|A="},
		{"A=b=c", "OLD=1|A=b=c"}, {"POD_TEST_ONE", "OLD=1|POD_TEST_ONE=1"},
		{"POD_TEST_NOT_SET", "OLD=1"}, {"POD_TEST", "OLD=1"}, /* exact names only */
		{"POD_TEST_*", "OLD=1|POD_TEST_ONE=1|POD_TEST_TWO=2"},
		{"POD_TEST_*=x", "OLD=1|POD_TEST_*=x"},
		{"POD_*_ONE", "OLD=1"}, /* only at the end */
	};

	(void)state;
	clearenv();
	setenv("POD_TEST_ONE", "1", 1);
	setenv("POD_TEST_TWO", "2", 1);
	setenv("CANARY", "secret", 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strv char **env = NULL;
		struct error *err = NULL;

		env_set(&env, "OLD=1");
		assert_int_equal(parse_env(&env, cases[i].text, &err), 0);
		check(env, cases[i].expected);
	}
	for (size_t i = 0; i < 2; i++) {
		cleanup_strv char **env = NULL;
		cleanup_error struct error *err = NULL;

		assert_int_equal(parse_env(&env, i ? "=x" : "", &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

/* What an image's Env may hold: nothing but assignments ever counts. */
static void test_set(void **state)
{
	static const char *const hostile[] = {"CANARY", "*", "CAN*", "=x", "", "="};
	cleanup_strv char **env = NULL;

	(void)state;
	setenv("CANARY", "secret", 1);
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
		env_set(&env, hostile[i]);
	assert_null(env);
	env_set(&env, "PATH=/bin");
	env_set(&env, "PATHS=x");
	env_set(&env, "PATH=/usr/bin");
	check(env, "PATH=/usr/bin|PATHS=x");
	assert_string_equal(env_get(env, "PATH"), "/usr/bin");
	assert_null(env_get(env, "PAT"));
	assert_null(env_get(NULL, "PATH"));
}

static int parse_text(int (*parser)(char ***, const char *, struct error **), const char *text,
	size_t len, char ***env, struct error **err)
{
	char path[] = "/tmp/pod-test-env.XXXXXX";
	cleanup_close int fd = mkstemp(path);
	int result;

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, len), 0);
	result = parser(env, path, err);
	unlink(path);
	return result;
}

static void test_file(void **state)
{
	static const char good[] =
		"\xef\xbb\xbf# comment\n\n  A=1 # kept\nB=\"q\"\r\n\tPOD_TEST_ONE\nC=";
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {{"=x\n", 3}, {"A B=1\n", 6}, {"*\n", 2}, {"A=1\0B=2\n", 8}};
	cleanup_strv char **env = NULL, **labels = NULL;
	struct error *err = NULL;

	(void)state;
	setenv("POD_TEST_ONE", "1", 1);
	assert_int_equal(parse_text(parse_env_file, good, strlen(good), &env, &err), 0);
	check(env, "A=1 # kept|B=\"q\"|POD_TEST_ONE=1|C=");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup_strv char **none = NULL;
		cleanup_error struct error *why = NULL;

		assert_int_equal(
			parse_text(parse_env_file, bad[i].text, bad[i].len, &none, &why), -1);
		assert_int_equal(why->kind, ERR_INVALID);
	}
	assert_int_equal(parse_text(parse_label_file, "a=1\nb\n", 6, &labels, &err), 0);
	check(labels, "a=1|b=");
	assert_int_equal(parse_env_file(&env, "/nonexistent/env", &err), -1);
	assert_int_equal(err->kind, ERR_SYSTEM);
	error_free(err);
}

static void test_label(void **state)
{
	cleanup_strv char **labels = NULL;
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(parse_label(&labels, "a=1", &err), 0);
	assert_int_equal(parse_label(&labels, "b", &err), 0);
	assert_int_equal(parse_label(&labels, "a=2=3", &err), 0);
	check(labels, "a=2=3|b=");
	assert_int_equal(parse_label(&labels, "=x", &err), -1);
}

static void test_log_option(void **state)
{
	static const struct {
		const char *driver, *text;
		int result;
	} cases[] = {
		{"k8s-file", "max-size=10m", 0},
		{"json-file", "max-file=3", 0},
		{"k8s-file", "max-file=0", -1},
		{"k8s-file", "max-size=x", -1},
		{"k8s-file", "max-size", -1},
		{"k8s-file", "path=/x", -1},
		{"k8s-file", "tag=x", -1},
		{"none", "max-size=10m", -1},
		{"journald", "tag={{.Name}}", 0},
		{"journald", "tag={{", -1},
		{"journald", "max-size=10m", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;

		assert_int_equal(
			parse_log_option(cases[i].driver, cases[i].text, &err), cases[i].result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_log_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
