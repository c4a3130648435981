#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

uint64_t time_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

int64_t time_monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void duration_human(uint64_t duration_ns, struct strbuf *out)
{
	uint64_t seconds = duration_ns / NS_PER_SECOND, minutes = seconds / 60;
	uint64_t hours = (minutes + 30) / 60; /* rounded, from one hour on */

	if (seconds < 1)
		strbuf_addstr(out, "Less than a second");
	else if (seconds == 1)
		strbuf_addstr(out, "1 second");
	else if (seconds < 60)
		strbuf_addf(out, "%" PRIu64 " seconds", seconds);
	else if (minutes == 1)
		strbuf_addstr(out, "About a minute");
	else if (minutes < 60)
		strbuf_addf(out, "%" PRIu64 " minutes", minutes);
	else if (hours == 1)
		strbuf_addstr(out, "About an hour");
	else if (hours < 48)
		strbuf_addf(out, "%" PRIu64 " hours", hours);
	else if (hours < 24 * 7 * 2)
		strbuf_addf(out, "%" PRIu64 " days", hours / 24);
	else if (hours < 24 * 30 * 2)
		strbuf_addf(out, "%" PRIu64 " weeks", hours / 24 / 7);
	else if (hours < 24 * 365 * 2)
		strbuf_addf(out, "%" PRIu64 " months", hours / 24 / 30);
	else
		strbuf_addf(out, "%" PRIu64 " years", minutes / 60 / 24 / 365);
}

void time_human_ago(uint64_t time_ns, uint64_t now_ns, struct strbuf *out)
{
	duration_human(now_ns > time_ns ? now_ns - time_ns : 0, out);
	strbuf_addstr(out, " ago");
}

static void add_fraction(uint64_t time_ns, struct strbuf *out)
{
	uint64_t ns = time_ns % NS_PER_SECOND;
	char digits[16];
	size_t len;

	if (!ns)
		return;
	len = (size_t)snprintf(digits, sizeof(digits), ".%09" PRIu64, ns);
	while (digits[len - 1] == '0')
		len--;
	strbuf_add(out, digits, len);
}

void time_rfc3339(uint64_t time_ns, struct strbuf *out)
{
	time_t seconds = (time_t)(time_ns / NS_PER_SECOND);
	char text[64];
	struct tm tm;
	long offset;

	if (!time_ns) {
		strbuf_addstr(out, "0001-01-01T00:00:00Z");
		return;
	}
	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	strbuf_addstr(out, text);
	add_fraction(time_ns, out);
	offset = tm.tm_gmtoff / 60;
	if (!offset)
		strbuf_addch(out, 'Z');
	else
		strbuf_addf(out, "%c%02ld:%02ld", offset < 0 ? '-' : '+', labs(offset) / 60,
			labs(offset) % 60);
}

void time_go_string(uint64_t time_ns, struct strbuf *out)
{
	time_t seconds = (time_t)(time_ns / NS_PER_SECOND);
	char text[64];
	struct tm tm;

	if (!time_ns) {
		strbuf_addstr(out, "0001-01-01 00:00:00 +0000 UTC");
		return;
	}
	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	strbuf_addstr(out, text);
	add_fraction(time_ns, out);
	strftime(text, sizeof(text), " %z %Z", &tm);
	strbuf_addstr(out, text);
}

int duration_parse(const char *s, int64_t *ret_ns, struct error **err)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"\xce\xbcs", 1e3}, {"ms", 1e6},
		{"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	const char *p = s;
	double total = 0;
	bool negative = *p == '-';

	if (*p == '-' || *p == '+')
		p++;
	if (strcmp(p, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*p)
		goto invalid;
	while (*p) {
		double value = 0, place = 0.1;
		const char *start = p;
		size_t len, i;

		for (; *p >= '0' && *p <= '9'; p++)
			value = value * 10 + (*p - '0');
		len = (size_t)(p - start);
		if (*p == '.')
			for (p++; *p >= '0' && *p <= '9'; p++, place /= 10, len++)
				value += place * (*p - '0');
		if (!len)
			goto invalid;
		len = strcspn(p, "0123456789.");
		for (i = 0; i < ARRAY_SIZE(units); i++)
			if (strlen(units[i].name) == len && strncmp(units[i].name, p, len) == 0)
				break;
		if (i == ARRAY_SIZE(units))
			goto invalid;
		p += len;
		total += value * units[i].ns;
	}
	if (total > 9.2e18)
		goto invalid;
	*ret_ns = (int64_t)(negative ? -total : total);
	return 0;
invalid:
	return error_set(err, ERR_INVALID, "invalid duration '%s'", s);
}

/* COUNT digits at *P as a number from MIN to MAX. */
static bool take_digits(const char **p, unsigned int count, int min, int max, int *ret)
{
	int value = 0;

	for (unsigned int i = 0; i < count; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		value = value * 10 + (**p - '0');
	}
	*ret = value;
	return value >= min && value <= max;
}

/* ".5" as nanoseconds; more than nine digits are cut off. */
static bool take_fraction(const char **p, uint64_t *ret_ns)
{
	uint64_t ns = 0, place = NS_PER_SECOND / 10;
	const char *start = ++*p;

	for (; **p >= '0' && **p <= '9'; (*p)++, place /= 10)
		ns += place * (uint64_t)(**p - '0');
	*ret_ns = ns;
	return *p > start;
}

static bool parse_rfc3339(const char *p, uint64_t *ret_ns)
{
	struct tm tm = {.tm_isdst = -1};
	uint64_t fraction_ns = 0;
	int hours, minutes, sign;
	time_t seconds;

	if (!take_digits(&p, 4, 1970, 2261, &tm.tm_year) || *p++ != '-' ||
		!take_digits(&p, 2, 1, 12, &tm.tm_mon) || *p++ != '-' ||
		!take_digits(&p, 2, 1, 31, &tm.tm_mday))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (*p == 'T' || *p == ' ') {
		p++;
		if (!take_digits(&p, 2, 0, 23, &tm.tm_hour))
			return false;
		if (*p == ':') {
			p++;
			if (!take_digits(&p, 2, 0, 59, &tm.tm_min))
				return false;
		}
		if (*p == ':') {
			p++;
			if (!take_digits(&p, 2, 0, 60, &tm.tm_sec) ||
				(*p == '.' && !take_fraction(&p, &fraction_ns)))
				return false;
		}
	}
	if (!*p) {
		seconds = mktime(&tm);
	} else if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0) {
		seconds = timegm(&tm);
	} else {
		sign = *p == '-' ? -1 : 1;
		if ((*p != '-' && *p != '+') || (p++, !take_digits(&p, 2, 0, 23, &hours)) ||
			*p++ != ':' || !take_digits(&p, 2, 0, 59, &minutes) || *p)
			return false;
		seconds = timegm(&tm) - sign * (hours * 3600 + minutes * 60);
	}
	if (seconds < 0)
		return false;
	*ret_ns = (uint64_t)seconds * NS_PER_SECOND + fraction_ns;
	return true;
}

static bool parse_seconds(const char *s, uint64_t *ret_ns)
{
	cleanup_free char *whole = xstrndup(s, strcspn(s, "."));
	const char *p = s + strlen(whole);
	uint64_t seconds, fraction_ns = 0;

	if (str_to_uint64(whole, UINT64_MAX / NS_PER_SECOND - 1, &seconds) < 0 ||
		(*p == '.' && !take_fraction(&p, &fraction_ns)) || *p)
		return false;
	*ret_ns = seconds * NS_PER_SECOND + fraction_ns;
	return true;
}

int time_parse(const char *s, uint64_t now_ns, uint64_t *ret_ns, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	int64_t before_ns;

	if (parse_rfc3339(s, ret_ns) || parse_seconds(s, ret_ns))
		return 0;
	if (duration_parse(s, &before_ns, &ignored) < 0)
		return error_set(err, ERR_INVALID,
			"invalid time '%s': neither RFC 3339, seconds since 1970 nor a duration",
			s);
	if (before_ns < 0)
		*ret_ns = now_ns + (0 - (uint64_t)before_ns);
	else
		*ret_ns = now_ns > (uint64_t)before_ns ? now_ns - (uint64_t)before_ns : 0;
	return 0;
}

/* The number and, apart, its unit. */
static const char *scale_size(uint64_t bytes, int precision, char *number, size_t size)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes;
	size_t i = 0;

	for (; value >= 1000.0 && i + 1 < ARRAY_SIZE(units); i++)
		value /= 1000.0;
	snprintf(number, size, "%.*g", precision, value);
	return units[i];
}

void size_human(uint64_t bytes, int precision, struct strbuf *out)
{
	char number[32];
	const char *unit = scale_size(bytes, precision, number, sizeof(number));

	strbuf_addf(out, "%s%s", number, unit);
}

void size_human_binary(uint64_t bytes, int precision, struct strbuf *out)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double size = (double)bytes;
	size_t i = 0;

	for (; size >= 1024 && i + 1 < ARRAY_SIZE(units); i++)
		size /= 1024;
	strbuf_addf(out, "%.*g%s", precision, size, units[i]);
}

void size_human_spaced(uint64_t bytes, struct strbuf *out)
{
	char number[32];
	const char *unit = scale_size(bytes, 3, number, sizeof(number));

	strbuf_addf(out, "%s %s", number, unit);
}
