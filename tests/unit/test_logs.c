#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/logformat.h"
#include "monitor/logline.h"
#include "monitor/logs.h"
#include "util/fs.h"
#include "util/mem.h"

#define T0 "2016-10-06T00:17:09.669794202"
static const struct timespec t0 = {.tv_sec = 1475713029, .tv_nsec = 669794202};

static void test_time(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} times[] = {
		{0, "1970-01-01T00:00:00.000000001Z"},
		{951782399, "2000-02-28T23:59:59.000000001Z"},
		{951782400, "2000-02-29T00:00:00.000000001Z"},
		{951868800, "2000-03-01T00:00:00.000000001Z"},
		{1709164800, "2024-02-29T00:00:00.000000001Z"},
		{1735689599, "2024-12-31T23:59:59.000000001Z"},
		{4107542400, "2100-03-01T00:00:00.000000001Z"},
	};
	struct strbuf scratch = STRBUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct timespec time = {.tv_sec = times[i].seconds, .tv_nsec = 1};
		struct log_record record;
		char text[LOG_TIME_MAX], line[LOG_TIME_MAX + 32];

		assert_int_equal(log_time_format(&time, "Z", text), strlen(times[i].text));
		assert_string_equal(text, times[i].text);
		snprintf(line, sizeof(line), "%s stdout F x", text);
		assert_true(log_record_parse(line, strlen(line), &scratch, &record));
		assert_int_equal(record.time_ns, (uint64_t)times[i].seconds * 1000000000u + 1);
	}
	strbuf_clear(&scratch);
}

static const struct {
	enum monitor_log_driver driver;
	const char *input, *output;
} formats[] = {
	{LOG_DRIVER_K8S_FILE, "a\n", T0 "+00:00 stdout F a\n"},
	{LOG_DRIVER_K8S_FILE, "a", T0 "+00:00 stdout P a\n"},
	{LOG_DRIVER_K8S_FILE, "\n", T0 "+00:00 stdout F \n"},
	{LOG_DRIVER_K8S_FILE, "a\nb", T0 "+00:00 stdout F a\n" T0 "+00:00 stdout P b\n"},
	{LOG_DRIVER_JSON_FILE, "a\n",
		"{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"" T0 "Z\"}\n"},
	{LOG_DRIVER_JSON_FILE, "a", "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"" T0 "Z\"}\n"},
	{LOG_DRIVER_JSON_FILE, "\"\\<\x01\t\xc3\xa4\xff\n",
		"{\"log\":\"\\\"\\\\\\u003c\\u0001\\t\xc3\xa4\\ufffd\\n\",\"stream\":\"stdout\","
		"\"time\":\"" T0 "Z\"}\n"},
	{LOG_DRIVER_NONE, "a\n", ""},
};

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct log_carry carry = {0};
		char out[1024];
		size_t used, n = log_format(formats[i].driver, "stdout", &t0, &carry,
				     (const uint8_t *)formats[i].input, strlen(formats[i].input),
				     out, sizeof(out), &used);

		assert_int_equal(used, strlen(formats[i].input));
		assert_int_equal(n, strlen(formats[i].output));
		assert_memory_equal(out, formats[i].output, n);
	}
}

/* A character cut by two reads is one character in the log. */
static void test_carry(void **state)
{
	static const char *const texts[] = {"x\xc3\xa4y", "\xe2\x82\xac", "\xf0\x9f\x98\x80z"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct log_carry carry = {0};
		struct strbuf scratch = STRBUF_INIT, joined = STRBUF_INIT;

		for (const char *p = texts[i]; *p; p++) {
			struct log_record record;
			char out[512];
			size_t used, n = log_format(LOG_DRIVER_JSON_FILE, "stderr", &t0, &carry,
					     (const uint8_t *)p, 1, out, sizeof(out), &used);

			assert_int_equal(used, 1);
			if (!n)
				continue;
			assert_true(log_record_parse(out, n - 1, &scratch, &record));
			assert_int_equal(record.stream, 2);
			strbuf_add(&joined, record.text, record.len);
		}
		assert_string_equal(strbuf_str(&joined), texts[i]);
		strbuf_clear(&joined);
		strbuf_clear(&scratch);
	}
}

static const struct {
	const char *line;
	bool good;
	const char *text;
	bool newline;
} lines[] = {
	{T0 "Z stderr F a b", true, "a b", true},
	{T0 "+02:00 stdout P:x:y a", true, "a", false},
	{T0 "Z stdout F ", true, "", true},
	{T0 "Z stdout F", true, "", true},
	{"2016-10-06T00:17:09Z stdout F a", true, "a", true},
	{T0 "Z stdin F a", false, NULL, false},
	{T0 "Z stdout X a", false, NULL, false},
	{T0 " stdout F a", false, NULL, false},
	{T0 "Z stdout", false, NULL, false},
	{T0 "Z", false, NULL, false},
	{"", false, NULL, false},
	{"2016-13-06T00:17:09Z stdout F a", false, NULL, false},
	{"{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"" T0 "Z\"}", true, "a", true},
	{"{ \"time\" : \"" T0
	 "Z\", \"attrs\":{\"a\":[\"}\"]}, \"stream\":\"stdout\", \"log\":\"\\ud83d\\ude00\"}",
		true, "\xf0\x9f\x98\x80", false},
	{"{\"log\":\"\\ud83d\",\"stream\":\"stdout\",\"time\":\"" T0 "Z\"}", true, "\xef\xbf\xbd",
		false},
	{"{\"log\":\"a\\n\",\"stream\":\"stdout\"}", false, NULL, false},
	{"{\"log\":\"a\\x\",\"stream\":\"stdout\",\"time\":\"" T0 "Z\"}", false, NULL, false},
	{"{\"log\":\"a", false, NULL, false},
	{"{", false, NULL, false},
	{"{}", false, NULL, false},
};

static void test_lines(void **state)
{
	struct strbuf scratch = STRBUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		size_t len = strlen(lines[i].line);
		char *exact = xmemdup(lines[i].line, len); /* no NUL behind it */
		struct log_record record;

		if (log_record_parse(exact, len, &scratch, &record) != lines[i].good)
			fail_msg("%s", lines[i].line);
		if (lines[i].good) {
			assert_int_equal(record.len, strlen(lines[i].text));
			assert_memory_equal(record.text, lines[i].text, record.len);
			assert_int_equal(record.newline, lines[i].newline);
		}
		free(exact);
	}
	strbuf_clear(&scratch);
}

static int collect(void *data, int stream, const char *text, size_t len, struct error **err)
{
	(void)stream;
	(void)err;
	strbuf_add(data, text, len);
	return 0;
}

static void write_log(int dir_fd, const char *name, int from, int to, bool part)
{
	struct strbuf text = STRBUF_INIT;
	struct error *err = NULL;

	for (int i = from; i <= to; i++) {
		strbuf_addf(&text, "2016-10-06T00:00:%02d.000000000Z stdout P %d\n", i, i);
		strbuf_addf(&text, "2016-10-06T00:00:%02d.000000000Z stdout F .\n", i);
	}
	if (part)
		strbuf_addstr(&text, "2016-10-06T00:00:59.000000000Z stderr P open\n");
	assert_int_equal(
		write_file_atomic(dir_fd, name, strbuf_str(&text), text.len, 0600, 0, &err), 0);
	strbuf_clear(&text);
}

/* Three files, the last with a line that is not complete. */
static void test_read(void **state)
{
	static const struct {
		int64_t tail;
		uint64_t since, until;
		const char *expected;
	} reads[] = {
		{-1, 0, 0, "1.\n2.\n3.\n4.\n5.\n6.\nopen"},
		{0, 0, 0, ""},
		{1, 0, 0, "open"},
		{2, 0, 0, "6.\nopen"},
		{3, 0, 0, "5.\n6.\nopen"},
		{4, 0, 0, "4.\n5.\n6.\nopen"},
		{6, 0, 0, "2.\n3.\n4.\n5.\n6.\nopen"},
		{100, 0, 0, "1.\n2.\n3.\n4.\n5.\n6.\nopen"},
		{-1, 5, 0, "5.\n6.\nopen"},
		{-1, 0, 2, "1.\n2.\n"},
		{-1, 3, 4, "3.\n4.\n"},
	};
	const uint64_t base = UINT64_C(1475712000) * 1000000000u;
	char path[] = "/tmp/pod-test-logs-XXXXXX";
	struct error *err = NULL;
	int dir_fd;

	(void)state;
	assert_non_null(mkdtemp(path));
	dir_fd = open(path, O_RDONLY | O_DIRECTORY);
	write_log(dir_fd, "log.2", 1, 2, false);
	write_log(dir_fd, "log.1", 3, 4, false);
	write_log(dir_fd, "log", 5, 6, true);
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		struct strbuf got = STRBUF_INIT;
		const struct logs_options opts = {
			.tail = reads[i].tail,
			.since_ns = reads[i].since ? base + reads[i].since * 1000000000u : 0,
			.until_ns = reads[i].until ? base + reads[i].until * 1000000000u : 0,
		};
		const struct logs_sink sink = {.write = collect, .data = &got};

		assert_int_equal(logs_read(dir_fd, &opts, &sink, &err), 0);
		assert_string_equal(strbuf_str(&got), reads[i].expected);
		strbuf_clear(&got);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(unlinkat(dir_fd,
					 i == 0   ? "log"
					 : i == 1 ? "log.1"
						  : "log.2",
					 0),
			0);
	close(dir_fd);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_carry),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
