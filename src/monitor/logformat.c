#include "config.h"

#include <string.h>

#include "monitor/logformat.h"

static void put_digits(char *out, unsigned long value, int digits)
{
	while (digits--) {
		out[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

size_t log_time_format(const struct timespec *time, const char *suffix, char out[LOG_TIME_MAX])
{
	int64_t seconds = time->tv_sec, days = seconds / 86400;
	unsigned long rest = (unsigned long)(seconds % 86400);
	/* Days since 0000-03-01 in eras of 400 years: leap days fall at the end of a year. */
	int64_t shifted = days + 719468, era = shifted / 146097;
	unsigned long day_of_era = (unsigned long)(shifted - era * 146097);
	unsigned long year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned long day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned long month = (5 * day_of_year + 2) / 153;
	unsigned long day = day_of_year - (153 * month + 2) / 5 + 1;
	unsigned long year = year_of_era + (unsigned long)era * 400;
	size_t len = strlen(suffix);

	month = month < 10 ? month + 3 : month - 9;
	if (month <= 2)
		year++;
	put_digits(out, year, 4);
	out[4] = '-';
	put_digits(out + 5, month, 2);
	out[7] = '-';
	put_digits(out + 8, day, 2);
	out[10] = 'T';
	put_digits(out + 11, rest / 3600, 2);
	out[13] = ':';
	put_digits(out + 14, rest / 60 % 60, 2);
	out[16] = ':';
	put_digits(out + 17, rest % 60, 2);
	out[19] = '.';
	put_digits(out + 20, (unsigned long)time->tv_nsec, 9);
	memcpy(out + 29, suffix, len + 1);
	return 29 + len;
}

static char *put_text(char *out, const char *text)
{
	size_t len = strlen(text);

	memcpy(out, text, len);
	return out + len;
}

static size_t format_k8s(const char *stream, const struct timespec *time, const uint8_t *data,
	size_t len, char *out, size_t capacity, size_t *ret_used)
{
	char prefix[LOG_TIME_MAX + 16], *end = prefix;
	size_t prefix_len, used = 0, done = 0;

	end += log_time_format(time, "+00:00", prefix);
	*end++ = ' ';
	end = put_text(end, stream);
	*end++ = ' ';
	prefix_len = (size_t)(end - prefix);
	while (used < len && capacity - done > prefix_len + 3) {
		size_t room = capacity - done - prefix_len - 3; /* tag, space, newline */
		size_t limit = len - used;
		const uint8_t *newline;
		bool full;

		if (limit > LOG_PART_MAX)
			limit = LOG_PART_MAX;
		newline = memchr(data + used, '\n', limit);
		full = newline != NULL;
		if (full)
			limit = (size_t)(newline - (data + used));
		if (limit > room) {
			/* No part smaller than it has to be: the next call has the whole room. */
			if (done)
				break;
			limit = room;
			full = false;
		}
		memcpy(out + done, prefix, prefix_len);
		done += prefix_len;
		out[done++] = full ? 'F' : 'P';
		out[done++] = ' ';
		memcpy(out + done, data + used, limit);
		done += limit;
		out[done++] = '\n';
		used += limit + full;
	}
	*ret_used = used;
	return done;
}

/* Length of the UTF-8 sequence at P (LEN > 0 bytes): 1..4, 0 when it is no UTF-8, -1 when it could
 * go on behind the end. */
static int utf8_length(const uint8_t *p, size_t len)
{
	int want = p[0] < 0x80   ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	for (int i = 1; i < want; i++) {
		if ((size_t)i == len)
			return -1;
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		if (i == 1 &&
			((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
				(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)))
			return 0;
	}
	return want;
}

static char *put_escape(char *out, unsigned int c)
{
	static const char digits[] = "0123456789abcdef";

	*out++ = '\\';
	*out++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*out++ = digits[c >> shift & 15];
	return out;
}

/* One character of LEN bytes, as docker's jsonlog writer escapes it. */
static char *put_json(char *out, const uint8_t *p, int len)
{
	if (len == 0)
		return put_escape(out, 0xfffd);
	if (len == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
		return put_escape(out, p[2] == 0xa8 ? 0x2028 : 0x2029);
	if (len > 1) {
		memcpy(out, p, (size_t)len);
		return out + len;
	}
	switch (p[0]) {
	case '\n':
		return put_text(out, "\\n");
	case '\r':
		return put_text(out, "\\r");
	case '\t':
		return put_text(out, "\\t");
	case '"':
		return put_text(out, "\\\"");
	case '\\':
		return put_text(out, "\\\\");
	case '<':
	case '>':
	case '&':
		return put_escape(out, p[0]);
	}
	if (p[0] < 0x20)
		return put_escape(out, p[0]);
	*out++ = (char)p[0];
	return out;
}

size_t log_json_text(const uint8_t *data, size_t len, char *out, size_t capacity)
{
	char *p = out;

	for (size_t used = 0; used < len && capacity - (size_t)(p - out) >= 6;) {
		int n = utf8_length(data + used, len - used);

		p = put_json(p, data + used, n > 0 ? n : 0);
		used += n > 0 ? (size_t)n : 1;
	}
	return (size_t)(p - out);
}

static size_t format_json(const char *stream, const struct timespec *time, struct log_carry *carry,
	const uint8_t *data, size_t len, char *out, size_t capacity, size_t *ret_used)
{
	char suffix[LOG_TIME_MAX + 48], *p = suffix;
	size_t suffix_len, used = 0;
	char *done = out, *end = out + capacity;

	p = put_text(p, "\",\"stream\":\"");
	p = put_text(p, stream);
	p = put_text(p, "\",\"time\":\"");
	p += log_time_format(time, "Z", p);
	p = put_text(p, "\"}\n");
	suffix_len = (size_t)(p - suffix);
	while (used < len) {
		size_t text = 0;
		bool newline = false;

		/* opening, one escaped character, closing */
		if ((size_t)(end - done) < 8 + 12 + suffix_len)
			break;
		p = put_text(done, "{\"log\":\"");
		while (used < len && !newline && text < LOG_PART_MAX &&
			(size_t)(end - p) >= 12 + suffix_len) {
			if (carry->count) {
				uint8_t joined[4];
				size_t have = carry->count, take = 0;
				int n;

				memcpy(joined, carry->bytes, have);
				/* at most three held back, so at least one byte is taken */
				while (have + take < 4 && used + take < len) {
					joined[have + take] = data[used + take];
					take++;
				}
				n = utf8_length(joined, have + take);
				if (n < 0) {
					memcpy(carry->bytes, joined, have + take);
					carry->count = (uint8_t)(have + take);
					used += take;
					continue;
				}
				if (n > 0) {
					p = put_json(p, joined, n);
					used += (size_t)n - have;
				} else {
					p = put_json(p, joined, 0);
				}
				carry->count = 0;
				text++;
				continue;
			}
			{
				int n = utf8_length(data + used, len - used);

				if (n < 0) {
					carry->count = (uint8_t)(len - used);
					memcpy(carry->bytes, data + used, len - used);
					used = len;
					continue;
				}
				newline = data[used] == '\n';
				p = put_json(p, data + used, n);
				used += n ? (size_t)n : 1;
				text++;
			}
		}
		if (!text)
			break;
		memcpy(p, suffix, suffix_len);
		done = p + suffix_len;
	}
	*ret_used = used;
	return (size_t)(done - out);
}

size_t log_format(enum monitor_log_driver driver, const char *stream, const struct timespec *time,
	struct log_carry *carry, const uint8_t *data, size_t len, char *out, size_t capacity,
	size_t *ret_used)
{
	switch (driver) {
	case LOG_DRIVER_K8S_FILE:
		return format_k8s(stream, time, data, len, out, capacity, ret_used);
	case LOG_DRIVER_JSON_FILE:
		return format_json(stream, time, carry, data, len, out, capacity, ret_used);
	case LOG_DRIVER_NONE:
	case LOG_DRIVER_JOURNALD:
		break;
	}
	*ret_used = len;
	return 0;
}
