#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "container/health.h"
#include "util/mem.h"
#include "util/str.h"

#define SECOND UINT64_C(1000000000)

static char test_word[] = "CMD", test_command[] = "/check";
static char *image_test[] = {test_word, test_command, NULL};
static const struct image_config image = {
	.healthcheck = image_test,
	.health_interval_ns = 7 * SECOND,
	.health_retries = 9,
};

static const struct {
	struct health_request request;
	bool with_image;
	const char *test; /* joined by '|'; NULL: must fail */
	uint64_t interval_ns, timeout_ns, start_period_ns;
	uint32_t retries;
} configs[] = {
	{{0}, false, "", 0, 0, 0, 0},
	{{0}, true, "CMD|/check", 7 * SECOND, 30 * SECOND, 0, 9},
	{{.none = true}, true, "NONE", 7 * SECOND, 0, 0, 9},
	{{.cmd = "none"}, true, "NONE", 7 * SECOND, 0, 0, 9},
	{{.cmd = "a b"}, false, "CMD-SHELL|a b", 30 * SECOND, 30 * SECOND, 0, 3},
	{{.cmd = "[\"a\", \"b\"]"}, false, "CMD|a|b", 30 * SECOND, 30 * SECOND, 0, 3},
	{{.cmd = "[\"CMD-SHELL\", \"b\"]"}, false, "CMD-SHELL|b", 30 * SECOND, 30 * SECOND, 0, 3},
	{{.cmd = "x", .interval = "disable"}, false, "CMD-SHELL|x", 0, 30 * SECOND, 0, 3},
	{{.interval = "1m",
		 .timeout = "5s",
		 .start_period = "2s",
		 .retries = 1,
		 .retries_given = true},
		true, "CMD|/check", 60 * SECOND, 5 * SECOND, 2 * SECOND, 1},
	{{.cmd = ""}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "[]"}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "[\"CMD\"]"}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "[\"CMD-SHELL\", \"a\", \"b\"]"}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "[1]"}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "x", .none = true}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "x", .interval = "5"}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "x", .interval = "1us"}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "x", .timeout = "-1s"}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "x", .start_period = "disable"}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "x", .retries_given = true}, false, NULL, 0, 0, 0, 0},
	{{.cmd = "x", .on_failure = "explode"}, false, NULL, 0, 0, 0, 0},
	{{.on_failure = "kill"}, false, NULL, 0, 0, 0, 0},
};

static void build(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
		cleanup_container_config struct container_config *config =
			xcalloc(1, sizeof(*config));
		cleanup_error struct error *err = NULL;
		cleanup_free char *joined = NULL;
		int result = health_config_build(
			&configs[i].request, configs[i].with_image ? &image : NULL, config, &err);

		if (!configs[i].test) {
			assert_int_equal(result, -1);
			continue;
		}
		assert_int_equal(result, 0);
		joined = config->health_test ? str_join(config->health_test, "|") : xstrdup("");
		assert_string_equal(joined, configs[i].test);
		assert_int_equal(config->health_interval_ns, configs[i].interval_ns);
		assert_int_equal(config->health_timeout_ns, configs[i].timeout_ns);
		assert_int_equal(config->health_start_period_ns, configs[i].start_period_ns);
		assert_int_equal(config->health_retries, configs[i].retries);
	}
}

static const struct {
	const char *text;
	const char *status; /* NULL: must fail */
	uint32_t streak;
	size_t probes;
} files[] = {
	{"{\"version\":1,\"status\":\"healthy\",\"failingStreak\":0}\n", "healthy", 0, 0},
	{"{\"status\":\"unhealthy\",\"failingStreak\":4}\n"
	 "{\"start\":1,\"end\":2,\"exitCode\":-1,\"output\":\"x\\n\"}\n"
	 "{\"start\":3,\"end\":4,\"exitCode\":255,\"output\":\"\"}\n",
		"unhealthy", 4, 2},
	{"", NULL, 0, 0},
	{"{}\n", NULL, 0, 0},
	{"{\"status\":\"healthy\"", NULL, 0, 0},
	{"{\"status\":\"healthy\"}\n{\"start\":1}\n", NULL, 0, 0},
	{"{\"status\":\"healthy\"}\n{\"exitCode\":256}\n", NULL, 0, 0},
	{"{\"status\":\"healthy\"}\n{\"exitCode\":0}\n{\"exitCode\":0}\n{\"exitCode\":0}\n"
	 "{\"exitCode\":0}\n{\"exitCode\":0}\n{\"exitCode\":0}\n",
		NULL, 0, 0},
};

static void parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_container_health struct container_health health = {0};
		cleanup_error struct error *err = NULL;
		int result = health_parse(files[i].text, strlen(files[i].text), &health, &err);

		if (!files[i].status) {
			assert_int_equal(result, -1);
			continue;
		}
		assert_int_equal(result, 0);
		assert_string_equal(health.status, files[i].status);
		assert_int_equal(health.failing_streak, files[i].streak);
		assert_int_equal(health.probe_count, files[i].probes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(build), cmocka_unit_test(parse)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
