#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "monitor/monitor.h"

/*
 * The log's records, written. Compiled into the monitor program too: no heap, no util/.
 *
 * k8s-file is the CRI's format (KEP "CRI log", as kubelet and conmon read and write it):
 *     2016-10-06T00:17:09.669794202+00:00 stdout F text
 * time in RFC 3339 with nine digits, UTC; stream; F for a line that ended in a newline, P for a
 * part of one: a record ends where the container's write ended, or at LOG_PART_MAX. Joining P
 * records up to the next F of the same stream gives the bytes back exactly.
 *
 * json-file is docker's:
 * {"log":"text\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}, parts are records
 * whose text does not end in a newline. As in docker, bytes that are no UTF-8 become U+FFFD; a
 * sequence cut by a read is held back and joined.
 */

#define LOG_PART_MAX   8192u                    /* bytes of text in one record */
#define LOG_RECORD_MAX (6 * LOG_PART_MAX + 128) /* bytes; every byte escaped as \u00XX */
#define LOG_TIME_MAX   40

/* What is held back between two calls, for one stream. All zeroes at the start. */
struct log_carry {
	uint8_t bytes[4];
	uint8_t count;
};

/** log_time_format() - "2016-10-06T00:17:09.669794202" and SUFFIX ("Z", "+00:00") and NUL into OUT;
 * years 1970 to 9999. Returns the length. */
size_t log_time_format(const struct timespec *time, const char *suffix, char out[LOG_TIME_MAX]);

/** log_json_text() - DATA as the inside of a JSON string, as docker escapes it; what is no UTF-8
 * becomes U+FFFD. Cut where CAPACITY ends. Returns bytes written. */
size_t log_json_text(const uint8_t *data, size_t len, char *out, size_t capacity);

/**
 * log_format() - write records for DATA into OUT
 * @stream:   "stdout" or "stderr"
 * @carry:    json-file only, one per stream
 * @ret_used: bytes of DATA that are in OUT now (or in CARRY); the caller calls again with the rest
 *
 * Only whole records are written; with CAPACITY of at least 512 each call uses at least one byte.
 * Returns: bytes written to OUT.
 */
size_t log_format(enum monitor_log_driver driver, const char *stream, const struct timespec *time,
	struct log_carry *carry, const uint8_t *data, size_t len, char *out, size_t capacity,
	size_t *ret_used);
