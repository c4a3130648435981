#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/logformat.h"
#include "monitor/logline.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that both drivers must give back; json-file changes what is no UTF-8. */
static bool is_ascii(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] >= 0x80)
			return false;
	return true;
}

static void round_trip(
	enum monitor_log_driver driver, const uint8_t *data, size_t size, size_t capacity)
{
	bool exact = driver == LOG_DRIVER_K8S_FILE || is_ascii(data, size);
	struct log_carry carry = {0};
	const struct timespec time = {.tv_sec = 1475713029};
	struct strbuf back = STRBUF_INIT, scratch = STRBUF_INIT;
	char *out = xmalloc(capacity);

	for (size_t at = 0, used; at < size; at += used) {
		size_t n = log_format(driver, "stdout", &time, &carry, data + at, size - at, out,
			capacity, &used);

		if (!used)
			abort();
		for (char *p = out, *end; p < out + n; p = end + 1) {
			struct log_record record;

			end = memchr(p, '\n', (size_t)(out + n - p));
			if (!end || !log_record_parse(p, (size_t)(end - p), &scratch, &record))
				abort();
			strbuf_add(&back, record.text, record.len);
			if (record.newline)
				strbuf_addch(&back, '\n');
		}
	}
	if (exact && (back.len != size || (size && memcmp(back.data, data, size) != 0)))
		abort();
	strbuf_clear(&back);
	strbuf_clear(&scratch);
	free(out);
}

/* A line from anywhere, and any output through the log and back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf scratch = STRBUF_INIT;
	struct log_record record;

	if (log_record_parse((const char *)data, size, &scratch, &record) && record.len > size * 4)
		abort();
	strbuf_clear(&scratch);
	for (int driver = LOG_DRIVER_K8S_FILE; driver <= LOG_DRIVER_JSON_FILE; driver++) {
		round_trip((enum monitor_log_driver)driver, data, size, 512);
		round_trip((enum monitor_log_driver)driver, data, size, 16384);
	}
	return 0;
}
