#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/timefmt.h"

#define MINUTE UINT64_C(60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void test_human(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = {
		{0, "Less than a second"},
		{1, "1 second"},
		{59, "59 seconds"},
		{60, "About a minute"},
		{119, "About a minute"},
		{120, "2 minutes"},
		{45 * MINUTE, "45 minutes"},
		{HOUR, "About an hour"},
		{HOUR + 29 * MINUTE, "About an hour"},
		{HOUR + 30 * MINUTE, "2 hours"},
		{47 * HOUR, "47 hours"},
		{48 * HOUR, "2 days"},
		{13 * DAY, "13 days"},
		{14 * DAY, "2 weeks"},
		{59 * DAY, "8 weeks"},
		{60 * DAY, "2 months"},
		{700 * DAY, "23 months"},
		{730 * DAY, "2 years"},
		{4000 * DAY, "10 years"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;

		duration_human(cases[i].seconds * NS_PER_SECOND, &out);
		assert_string_equal(strbuf_str(&out), cases[i].text);
	}
}

static void test_format(void **state)
{
	static const struct {
		const char *zone;
		uint64_t ns;
		const char *rfc3339, *go;
	} cases[] = {
		{"UTC0", 0, "0001-01-01T00:00:00Z", "0001-01-01 00:00:00 +0000 UTC"},
		{"UTC0", 1136214245 * NS_PER_SECOND, "2006-01-02T15:04:05Z",
			"2006-01-02 15:04:05 +0000 UTC"},
		{"UTC0", 1136214245 * NS_PER_SECOND + 120, "2006-01-02T15:04:05.00000012Z",
			"2006-01-02 15:04:05.00000012 +0000 UTC"},
		{"CET-1", 1136214245 * NS_PER_SECOND + 500000000, "2006-01-02T16:04:05.5+01:00",
			"2006-01-02 16:04:05.5 +0100 CET"},
		{"NST3:30", 1136214245 * NS_PER_SECOND, "2006-01-02T11:34:05-03:30",
			"2006-01-02 11:34:05 -0330 NST"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;

		setenv("TZ", cases[i].zone, 1);
		tzset();
		time_rfc3339(cases[i].ns, &a);
		time_go_string(cases[i].ns, &b);
		assert_string_equal(strbuf_str(&a), cases[i].rfc3339);
		assert_string_equal(strbuf_str(&b), cases[i].go);
	}
}

static void test_parse(void **state)
{
	const uint64_t now_ns = 1700000000 * NS_PER_SECOND;
	static const struct {
		const char *text;
		uint64_t ns; /* 0: refused */
	} cases[] = {
		{"2006-01-02T15:04:05Z", 1136214245 * NS_PER_SECOND},
		{"2006-01-02T15:04:05.25Z", 1136214245 * NS_PER_SECOND + 250000000},
		{"2006-01-02T15:04:05.000000001+00:00", 1136214245 * NS_PER_SECOND + 1},
		{"2006-01-02T16:04:05+01:00", 1136214245 * NS_PER_SECOND},
		{"2006-01-02T11:34:05-03:30", 1136214245 * NS_PER_SECOND},
		{"2006-01-02T15:04:05", 1136214245 * NS_PER_SECOND},
		{"2006-01-02T15:04", 1136214240 * NS_PER_SECOND},
		{"2006-01-02", 1136160000 * NS_PER_SECOND},
		{"1136214245", 1136214245 * NS_PER_SECOND},
		{"1136214245.5", 1136214245 * NS_PER_SECOND + 500000000},
		{"10s", 1699999990 * NS_PER_SECOND},
		{"1h30m", (1700000000 - 5400) * NS_PER_SECOND},
		{"1.5s", 1700000000 * NS_PER_SECOND - 1500000000},
		{"-10s", 1700000010 * NS_PER_SECOND},
		{"100ms", 1700000000 * NS_PER_SECOND - 100000000},
		{"", 0},
		{"10", 10 * NS_PER_SECOND},
		{"10 s", 0},
		{"s", 0},
		{"1d", 0},
		{"yesterday", 0},
		{"2006-13-02", 0},
		{"2006-01-02T25:04:05Z", 0},
		{"2006-01-02T15:04:05Zx", 0},
		{"2006-01-02T15:04:05+0100", 0},
		{"99999999999999999999", 0},
	};

	(void)state;
	setenv("TZ", "UTC0", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		uint64_t ns = 0;
		int status = time_parse(cases[i].text, now_ns, &ns, &err);

		if (status != (cases[i].ns ? 0 : -1) || ns != cases[i].ns)
			fail_msg("'%s': %d, %llu", cases[i].text, status, (unsigned long long)ns);
	}
}

static void test_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *docker, *podman;
	} cases[] = {
		{0, "0B", "0 B"},
		{999, "999B", "999 B"},
		{1000, "1kB", "1 kB"},
		{7795012, "7.795MB", "7.8 MB"},
		{123456789, "123.5MB", "123 MB"},
		{1500000000, "1.5GB", "1.5 GB"},
		{UINT64_MAX, "18.45EB", "18.4 EB"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;

		size_human(cases[i].bytes, 4, &a);
		size_human_spaced(cases[i].bytes, &b);
		assert_string_equal(strbuf_str(&a), cases[i].docker);
		assert_string_equal(strbuf_str(&b), cases[i].podman);
	}
}

static void test_binary_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *expected;
	} cases[] = {{0, "0B"}, {1023, "1023B"}, {1536, "1.5KiB"}, {25275949056, "23.54GiB"},
		{UINT64_MAX, "16EiB"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;

		size_human_binary(cases[i].bytes, 4, &out);
		assert_string_equal(strbuf_str(&out), cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_binary_sizes),
		cmocka_unit_test(test_human),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
