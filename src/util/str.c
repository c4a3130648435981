#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <sys/random.h>

#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

const char *str_starts_with(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) == 0 ? s + len : NULL;
}

bool str_ends_with(const char *s, const char *suffix)
{
	size_t len = strlen(s), n = strlen(suffix);

	return len >= n && strcmp(s + len - n, suffix) == 0;
}

int str_to_uint64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
			return -1;
	}
	if (value > max)
		return -1;
	*ret = value;
	return 0;
}

int str_to_int64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t magnitude;
	int64_t value;

	if (str_to_uint64(s + negative, (uint64_t)INT64_MAX + negative, &magnitude) < 0)
		return -1;
	value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	if (value < min || value > max)
		return -1;
	*ret = value;
	return 0;
}

int str_to_size(const char *s, uint64_t *ret_bytes, struct error **err)
{
	static const char units[] = "bkmgtp";
	const char *p = s, *unit;
	uint64_t whole = 0, scale = 1, value;
	double fraction = 0, place = 0.1;

	while (*p >= '0' && *p <= '9') {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			goto invalid;
		p++;
	}
	if (p == s)
		goto invalid;
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, place /= 10)
			fraction += place * (*p - '0');
	}
	if (*p == ' ')
		p++;
	if (*p) {
		unit = strchr(units, tolower((unsigned char)*p));
		if (!unit)
			goto invalid;
		for (const char *u = units; u < unit; u++)
			scale *= 1024;
		p++;
		if (scale > 1 && tolower((unsigned char)*p) == 'i')
			p++;
		if (scale > 1 && tolower((unsigned char)*p) == 'b')
			p++;
		if (*p)
			goto invalid;
	}
	if (__builtin_mul_overflow(whole, scale, &value) ||
		__builtin_add_overflow(value, (uint64_t)(fraction * (double)scale), &value) ||
		value > INT64_MAX)
		goto invalid;
	*ret_bytes = value;
	return 0;
invalid:
	return error_set(err, ERR_INVALID, "invalid size '%s'", s);
}

char **str_split(const char *s, char sep)
{
	char **parts = NULL;

	for (;;) {
		const char *end = strchrnul(s, sep);

		strv_append_take(&parts, xstrndup(s, (size_t)(end - s)));
		if (!*end)
			return parts;
		s = end + 1;
	}
}

char *str_join(char *const *strv, const char *sep)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; strv && strv[i]; i++) {
		if (i)
			strbuf_addstr(&sb, sep);
		strbuf_addstr(&sb, strv[i]);
	}
	return strbuf_detach(&sb);
}

char *str_to_lower(const char *s)
{
	char *copy = xstrdup(s);

	for (char *p = copy; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
	return copy;
}

void hex_encode(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

bool object_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool alnum =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!alnum && (i == 0 || (c != '_' && c != '.' && c != '-')))
			return false;
	}
	return len > 0 && len <= 255;
}

bool hex_is_valid(const char *s, size_t len)
{
	static const bool is_hex[256] = {['0'] = true,
		true,
		true,
		true,
		true,
		true,
		true,
		true,
		true,
		true,
		['a'] = true,
		true,
		true,
		true,
		true,
		true};

	for (size_t i = 0; i < len; i++)
		if (!is_hex[(unsigned char)s[i]])
			return false;
	return s[len] == '\0';
}

void random_hex(char *out, size_t len)
{
	unsigned char bytes[64];
	size_t want = MIN(len / 2, sizeof(bytes));

	/* Up to 256 bytes come whole and without EINTR once the pool is ready: random(7). */
	if (getrandom(bytes, want, 0) != (ssize_t)want)
		abort();
	hex_encode(bytes, want, out);
}

bool glob_matches(const char *pattern, const char *s)
{
	return fnmatch(pattern, s, 0) == 0;
}
