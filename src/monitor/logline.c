#include "config.h"

#include <string.h>

#include "monitor/logline.h"

static bool digits(const char **p, const char *end, int count, unsigned int *ret)
{
	*ret = 0;
	for (int i = 0; i < count; i++, (*p)++) {
		if (*p == end || **p < '0' || **p > '9')
			return false;
		*ret = *ret * 10 + (unsigned int)(**p - '0');
	}
	return true;
}

static bool literal(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* RFC 3339 with up to nine digits of a fraction. */
static bool parse_time(const char *p, const char *end, uint64_t *ret_ns)
{
	static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	unsigned int year, month, day, hour, minute, second, ns = 0, zone_hour, zone_minute;
	int64_t days, seconds, offset = 0;
	unsigned int scale = 100000000;

	if (!digits(&p, end, 4, &year) || !literal(&p, end, '-') || !digits(&p, end, 2, &month) ||
		!literal(&p, end, '-') || !digits(&p, end, 2, &day) || !literal(&p, end, 'T') ||
		!digits(&p, end, 2, &hour) || !literal(&p, end, ':') ||
		!digits(&p, end, 2, &minute) || !literal(&p, end, ':') ||
		!digits(&p, end, 2, &second))
		return false;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
		minute > 59 || second > 60)
		return false;
	if (literal(&p, end, '.'))
		for (; p < end && *p >= '0' && *p <= '9'; p++) {
			ns += (unsigned int)(*p - '0') * scale;
			scale /= 10;
		}
	if (!literal(&p, end, 'Z')) {
		bool minus = literal(&p, end, '-');

		if ((!minus && !literal(&p, end, '+')) || !digits(&p, end, 2, &zone_hour) ||
			!literal(&p, end, ':') || !digits(&p, end, 2, &zone_minute))
			return false;
		offset = (int64_t)zone_hour * 3600 + (int64_t)zone_minute * 60;
		offset = minus ? -offset : offset;
	}
	if (p != end)
		return false;
	days = (int64_t)(year - 1970) * 365 +
	       (int64_t)((year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400) +
	       before[month - 1] + day - 1;
	if (month > 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		days++;
	seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset;
	if (seconds < 0 || seconds > INT64_C(18446744072))
		return false;
	*ret_ns = (uint64_t)seconds * 1000000000u + ns;
	return true;
}

static int parse_stream(const char *p, size_t len)
{
	return len != 6 ? 0 : memcmp(p, "stdout", 6) == 0 ? 1 : memcmp(p, "stderr", 6) == 0 ? 2 : 0;
}

/* "TIME STREAM TAGS TEXT" */
static bool parse_k8s(const char *line, size_t len, struct log_record *ret)
{
	const char *end = line + len, *fields[4];

	fields[0] = line;
	for (int i = 1; i < 4; i++) {
		const char *from = fields[i - 1];
		const char *space = memchr(from, ' ', (size_t)(end - from));

		/* an empty text may come without the space before it */
		if (!space && i == 3)
			space = end;
		if (!space)
			return false;
		fields[i] = space < end ? space + 1 : end + 1;
	}
	ret->stream = parse_stream(fields[1], (size_t)(fields[2] - fields[1] - 1));
	if (!ret->stream || !parse_time(line, fields[1] - 1, &ret->time_ns))
		return false;
	/* Tags are separated by colons; the first one is F or P. */
	if (fields[2] >= end || (*fields[2] != 'F' && *fields[2] != 'P'))
		return false;
	ret->newline = *fields[2] == 'F';
	ret->text = fields[3] > end ? end : fields[3];
	ret->len = (size_t)(end - ret->text);
	return true;
}

static int hex4(const char *p, const char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		value = value * 16;
		if (c >= '0' && c <= '9')
			value += c - '0';
		else if (c >= 'a' && c <= 'f')
			value += c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value += c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

static void add_utf8(struct strbuf *out, unsigned int c)
{
	if (c < 0x80) {
		strbuf_addch(out, (char)c);
	} else if (c < 0x800) {
		strbuf_addch(out, (char)(0xc0 | c >> 6));
		strbuf_addch(out, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		strbuf_addch(out, (char)(0xe0 | c >> 12));
		strbuf_addch(out, (char)(0x80 | (c >> 6 & 63)));
		strbuf_addch(out, (char)(0x80 | (c & 63)));
	} else {
		strbuf_addch(out, (char)(0xf0 | c >> 18));
		strbuf_addch(out, (char)(0x80 | (c >> 12 & 63)));
		strbuf_addch(out, (char)(0x80 | (c >> 6 & 63)));
		strbuf_addch(out, (char)(0x80 | (c & 63)));
	}
}

/* What follows a backslash; P is moved behind it. */
static bool json_escape(const char **p, const char *end, struct strbuf *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *name;
	int c, low;

	if (*p == end)
		return false;
	if (**p != 'u') {
		name = **p ? strchr(names, **p) : NULL;
		if (!name)
			return false;
		strbuf_addch(out, values[name - names]);
		(*p)++;
		return true;
	}
	c = hex4(*p + 1, end);
	if (c < 0)
		return false;
	*p += 5;
	if (c >= 0xd800 && c < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		low = hex4(*p + 2, end);
		if (low >= 0xdc00 && low < 0xe000) {
			*p += 6;
			add_utf8(out, 0x10000u + ((unsigned int)(c - 0xd800) << 10) +
					      (unsigned int)(low - 0xdc00));
			return true;
		}
	}
	add_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : (unsigned int)c);
	return true;
}

/* A string, P behind its opening quote; decoded to OUT unless NULL. */
static bool json_text_parse(const char **p, const char *end, struct strbuf *out)
{
	struct strbuf dropped = STRBUF_INIT;
	bool good = true;

	while (good && *p < end && **p != '"') {
		if (**p == '\\') {
			(*p)++;
			good = json_escape(p, end, out ? out : &dropped);
			strbuf_reset(&dropped);
		} else {
			const char *from = *p;

			while (*p < end && **p != '"' && **p != '\\')
				(*p)++;
			if (out)
				strbuf_add(out, from, (size_t)(*p - from));
		}
	}
	strbuf_clear(&dropped);
	return good && literal(p, end, '"');
}

/* A value that is not wanted: up to the ',' or '}' of our own level. */
static bool json_skip(const char **p, const char *end)
{
	int depth = 0;

	for (; *p < end; (*p)++) {
		if (**p == '"') {
			(*p)++;
			if (!json_text_parse(p, end, NULL))
				return false;
			(*p)--;
		} else if (**p == '{' || **p == '[') {
			depth++;
		} else if (depth == 0 && (**p == ',' || **p == '}')) {
			return true;
		} else if (**p == '}' || **p == ']') {
			depth--;
		}
	}
	return false;
}

static void json_space(const char **p, const char *end)
{
	while (*p < end && (**p == ' ' || **p == '\t' || **p == '\r'))
		(*p)++;
}

/* {"log":"text\n","stream":"stdout","time":"..."}; other members are skipped. */
static bool parse_json(const char *line, size_t len, struct strbuf *scratch, struct log_record *ret)
{
	cleanup_strbuf struct strbuf name = STRBUF_INIT, value = STRBUF_INIT;
	const char *p = line + 1, *end = line + len;
	bool have_log = false, have_time = false;

	strbuf_reset(scratch);
	ret->stream = 0;
	for (;;) {
		bool is_log, is_stream, is_time;

		json_space(&p, end);
		if (!literal(&p, end, '"'))
			return false;
		strbuf_reset(&name);
		strbuf_reset(&value);
		if (!json_text_parse(&p, end, &name))
			return false;
		json_space(&p, end);
		if (!literal(&p, end, ':'))
			return false;
		json_space(&p, end);
		is_log = !have_log && strcmp(strbuf_str(&name), "log") == 0;
		is_stream = strcmp(strbuf_str(&name), "stream") == 0;
		is_time = strcmp(strbuf_str(&name), "time") == 0;
		if ((is_log || is_stream || is_time) && p < end && *p == '"') {
			p++;
			if (!json_text_parse(&p, end, is_log ? scratch : &value))
				return false;
			have_log |= is_log;
			if (is_stream)
				ret->stream = parse_stream(strbuf_str(&value), value.len);
			if (is_time)
				have_time = parse_time(strbuf_str(&value),
					strbuf_str(&value) + value.len, &ret->time_ns);
		} else if (!json_skip(&p, end)) {
			return false;
		}
		json_space(&p, end);
		if (literal(&p, end, '}'))
			break;
		if (!literal(&p, end, ','))
			return false;
	}
	if (!have_log || !have_time || !ret->stream)
		return false;
	ret->newline = scratch->len && scratch->data[scratch->len - 1] == '\n';
	ret->text = strbuf_str(scratch);
	ret->len = scratch->len - ret->newline;
	return true;
}

bool log_record_parse(const char *line, size_t len, struct strbuf *scratch, struct log_record *ret)
{
	struct log_record record = {0};

	if (!len || len > LOG_LINE_MAX)
		return false;
	if (line[0] == '{' ? !parse_json(line, len, scratch, &record)
			   : !parse_k8s(line, len, &record))
		return false;
	*ret = record;
	return true;
}

bool log_record_ends_line(const char *line, size_t len)
{
	cleanup_strbuf struct strbuf scratch = STRBUF_INIT;
	struct log_record record;

	/* What is no record is skipped when printing, too. */
	return log_record_parse(line, len, &scratch, &record) && record.newline;
}
