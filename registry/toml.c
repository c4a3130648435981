#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "registry/toml.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * A recursive-descent parser over a NUL-terminated copy (NUL bytes in the text are refused first,
 * so that '\0' means the end everywhere below).
 */

#define DEPTH_MAX 32
#define VALUE_MAX 8192

struct parser {
	const char *p, *name;
	unsigned int line, depth;
	size_t values;
	struct error **err;
};

static int parse_value(struct parser *in, struct toml **ret);

void toml_free(struct toml *value)
{
	if (!value)
		return;
	for (size_t i = 0; i < value->count; i++)
		toml_free(value->items[i]);
	free(value->items);
	free(value->key);
	free(value->string);
	free(value);
}

static int fail(struct parser *in, const char *what)
{
	return error_set(in->err, ERR_INVALID, "%s: line %u: %s", in->name, in->line, what);
}

static struct toml *value_new(struct parser *in, enum toml_kind kind)
{
	struct toml *value;

	if (++in->values > VALUE_MAX) {
		fail(in, "too many values");
		return NULL;
	}
	value = xcalloc(1, sizeof(*value));
	value->kind = kind;
	value->line = in->line;
	return value;
}

static void append_take(struct toml *to, struct toml *value)
{
	array_grow(to->items, to->count, to->capacity);
	to->items[to->count++] = value;
}

static struct toml *find(const struct toml *table, const char *key)
{
	for (size_t i = 0; i < table->count; i++)
		if (str_equal(table->items[i]->key, key))
			return table->items[i];
	return NULL;
}

static void skip_blanks(struct parser *in)
{
	while (*in->p == ' ' || *in->p == '\t')
		in->p++;
}

static bool at_newline(const struct parser *in)
{
	return *in->p == '\n' || (*in->p == '\r' && in->p[1] == '\n');
}

static void take_newline(struct parser *in)
{
	in->p += *in->p == '\r' ? 2 : 1;
	in->line++;
}

static int skip_comment(struct parser *in)
{
	if (*in->p != '#')
		return 0;
	while (*in->p && !at_newline(in)) {
		if (((unsigned char)*in->p < ' ' && *in->p != '\t') || *in->p == 0x7f)
			return fail(in, "control character in a comment");
		in->p++;
	}
	return 0;
}

/* Blanks, comments and newlines, as between the elements of an array. */
static int skip_space(struct parser *in)
{
	for (;;) {
		skip_blanks(in);
		if (skip_comment(in) < 0)
			return -1;
		if (!at_newline(in))
			return 0;
		take_newline(in);
	}
}

/* What may follow a key/value pair or a header. */
static int end_line(struct parser *in)
{
	skip_blanks(in);
	if (skip_comment(in) < 0)
		return -1;
	if (!*in->p)
		return 0;
	if (!at_newline(in))
		return fail(in, "unexpected text at the end of the line");
	take_newline(in);
	return 0;
}

static int add_unicode(struct parser *in, struct strbuf *out, unsigned int digits)
{
	char hex[9] = {0};
	uint32_t c;

	for (unsigned int i = 0; i < digits; i++) {
		if (!in->p[i] || !strchr("0123456789abcdefABCDEF", in->p[i]))
			return fail(in, "malformed unicode escape");
		hex[i] = in->p[i];
	}
	in->p += digits;
	c = (uint32_t)strtoul(hex, NULL, 16);
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return fail(in, "unicode escape that is no character");
	if (c < 0x80) {
		strbuf_addch(out, (char)c);
	} else if (c < 0x800) {
		strbuf_addch(out, (char)(0xc0 | c >> 6));
		strbuf_addch(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		strbuf_addch(out, (char)(0xe0 | c >> 12));
		strbuf_addch(out, (char)(0x80 | (c >> 6 & 0x3f)));
		strbuf_addch(out, (char)(0x80 | (c & 0x3f)));
	} else {
		strbuf_addch(out, (char)(0xf0 | c >> 18));
		strbuf_addch(out, (char)(0x80 | (c >> 12 & 0x3f)));
		strbuf_addch(out, (char)(0x80 | (c >> 6 & 0x3f)));
		strbuf_addch(out, (char)(0x80 | (c & 0x3f)));
	}
	return 0;
}

/* Behind the backslash of a basic string. */
static int add_escape(struct parser *in, struct strbuf *out, bool multi_line)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *which;

	if (multi_line && (*in->p == ' ' || *in->p == '\t' || at_newline(in))) {
		/* A line ending backslash swallows all white space up to the next character. */
		skip_blanks(in);
		if (!at_newline(in))
			return fail(in, "unknown escape");
		while (*in->p == ' ' || *in->p == '\t' || at_newline(in)) {
			if (at_newline(in))
				take_newline(in);
			else
				in->p++;
		}
		return 0;
	}
	if (*in->p == 'u' || *in->p == 'U') {
		unsigned int digits = *in->p == 'u' ? 4 : 8;

		in->p++;
		return add_unicode(in, out, digits);
	}
	which = *in->p ? strchr(from, *in->p) : NULL;
	if (!which)
		return fail(in, "unknown escape");
	strbuf_addch(out, to[which - from]);
	in->p++;
	return 0;
}

/* At the opening quote; KEY: the one-line kinds only. */
static int parse_string(struct parser *in, bool key, char **ret)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	char quote = *in->p;
	bool basic = quote == '"', multi_line = !key && in->p[1] == quote && in->p[2] == quote;

	in->p += multi_line ? 3 : 1;
	if (multi_line && at_newline(in))
		take_newline(in);
	for (;;) {
		if (*in->p == quote) {
			if (!multi_line) {
				in->p++;
				break;
			}
			if (in->p[1] == quote && in->p[2] == quote) {
				in->p += 3;
				/* Up to two quotes may stand right before the closing three. */
				for (int i = 0; i < 2 && *in->p == quote; i++, in->p++)
					strbuf_addch(&out, quote);
				break;
			}
		}
		if (multi_line && at_newline(in)) {
			take_newline(in);
			strbuf_addch(&out, '\n');
		} else if (basic && *in->p == '\\') {
			in->p++;
			if (add_escape(in, &out, multi_line) < 0)
				return -1;
		} else if (!*in->p || at_newline(in)) {
			return fail(in, "unterminated string");
		} else if (((unsigned char)*in->p < ' ' && *in->p != '\t') || *in->p == 0x7f) {
			return fail(in, "control character in a string");
		} else {
			strbuf_addch(&out, *in->p++);
		}
	}
	*ret = strbuf_detach(&out);
	return 0;
}

static int parse_key(struct parser *in, char **ret)
{
	static const char bare[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len;

	if (*in->p == '"' || *in->p == '\'')
		return parse_string(in, true, ret);
	len = strspn(in->p, bare);
	if (!len)
		return fail(in, "a key is expected");
	*ret = xstrndup(in->p, len);
	in->p += len;
	return 0;
}

/* The table KEY of TABLE to go down into, made when absent. DOTTED: by a dotted key, else by a
 * header. */
static struct toml *enter(struct parser *in, struct toml *table, char *key, bool dotted)
{
	struct toml *member = find(table, key);

	if (!member) {
		member = value_new(in, TOML_TABLE);
		if (!member)
			return NULL;
		member->key = xstrdup(key);
		member->implicit = dotted;
		append_take(table, member);
		return member;
	}
	if (!dotted && member->kind == TOML_ARRAY && member->of_tables)
		return member->items[member->count - 1];
	if (member->kind != TOML_TABLE || (dotted && !member->implicit) ||
		(!dotted && member->defined && member->string)) {
		fail(in, "a key is used as a table, but is something else");
		return NULL;
	}
	return member;
}

/* key = value, into TABLE */
static int parse_pair(struct parser *in, struct toml *table)
{
	struct toml *value;

	for (unsigned int depth = 0;; depth++) {
		cleanup_free char *key = NULL;

		if (depth > DEPTH_MAX)
			return fail(in, "too deep");
		if (parse_key(in, &key) < 0)
			return -1;
		skip_blanks(in);
		if (*in->p == '.') {
			in->p++;
			skip_blanks(in);
			table = enter(in, table, key, true);
			if (!table)
				return -1;
			continue;
		}
		if (*in->p != '=')
			return fail(in, "'=' is expected behind a key");
		in->p++;
		skip_blanks(in);
		if (find(table, key))
			return fail(in, "a key is defined twice");
		if (parse_value(in, &value) < 0)
			return -1;
		value->key = steal_ptr(&key);
		value->defined = true;
		append_take(table, value);
		return 0;
	}
}

static int parse_array(struct parser *in, struct toml *array)
{
	in->p++;
	for (;;) {
		struct toml *item;

		if (skip_space(in) < 0)
			return -1;
		if (*in->p == ']')
			break;
		if (parse_value(in, &item) < 0)
			return -1;
		append_take(array, item);
		if (skip_space(in) < 0)
			return -1;
		if (*in->p == ']')
			break;
		if (*in->p != ',')
			return fail(in, "',' or ']' is expected in an array");
		in->p++;
	}
	in->p++;
	return 0;
}

static int parse_inline_table(struct parser *in, struct toml *table)
{
	in->p++;
	skip_blanks(in);
	if (*in->p == '}') {
		in->p++;
		return 0;
	}
	for (;;) {
		skip_blanks(in);
		if (parse_pair(in, table) < 0)
			return -1;
		skip_blanks(in);
		if (*in->p == '}')
			break;
		if (*in->p != ',')
			return fail(in, "',' or '}' is expected in an inline table");
		in->p++;
	}
	in->p++;
	return 0;
}

/* Numbers, booleans, dates: everything without quotes or brackets. */
static int parse_plain(struct parser *in, struct toml *value)
{
	size_t len = strspn(
		in->p, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-_.:");
	cleanup_free char *text = xstrndup(in->p, len);
	cleanup_strbuf struct strbuf digits = STRBUF_INIT;

	if (!len)
		return fail(in, "a value is expected");
	in->p += len;
	if (str_equal(text, "true") || str_equal(text, "false")) {
		value->kind = TOML_BOOLEAN;
		value->boolean = *text == 't';
		return 0;
	}
	if (!strchr("0123456789+-", *text) && !str_equal(text, "inf") && !str_equal(text, "nan"))
		return fail(in, "a value is expected (strings need quotes)");
	for (const char *p = text + (*text == '+'); *p; p++)
		if (*p != '_')
			strbuf_addch(&digits, *p);
	if (str_to_int64(strbuf_str(&digits), INT64_MIN, INT64_MAX, &value->integer) == 0) {
		value->kind = TOML_INTEGER;
		return 0;
	}
	value->kind = TOML_OTHER;
	value->string = steal_ptr(&text);
	return 0;
}

static int parse_value_into(struct parser *in, struct toml *value)
{
	switch (*in->p) {
	case '"':
	case '\'':
		value->kind = TOML_STRING;
		return parse_string(in, false, &value->string);
	case '[':
		value->kind = TOML_ARRAY;
		return parse_array(in, value);
	case '{':
		value->kind = TOML_TABLE;
		return parse_inline_table(in, value);
	default:
		return parse_plain(in, value);
	}
}

static int parse_value(struct parser *in, struct toml **ret)
{
	cleanup_toml struct toml *value = NULL;
	int result;

	if (in->depth >= DEPTH_MAX)
		return fail(in, "too deep");
	value = value_new(in, TOML_STRING);
	if (!value)
		return -1;
	in->depth++;
	result = parse_value_into(in, value);
	in->depth--;
	if (result < 0)
		return -1;
	if (value->kind == TOML_TABLE && !value->string)
		value->string = xstrdup("inline"); /* closed: nothing may be added by a header */
	*ret = steal_ptr(&value);
	return 0;
}

/* The last part of a header: the table that the following pairs go to. */
static struct toml *open_table(struct parser *in, struct toml *parent, const char *key, bool array)
{
	struct toml *member = find(parent, key), *table;

	if (!member) {
		member = value_new(in, array ? TOML_ARRAY : TOML_TABLE);
		if (!member)
			return NULL;
		member->key = xstrdup(key);
		member->of_tables = array;
		append_take(parent, member);
	} else if (array ? !member->of_tables
			 : member->kind != TOML_TABLE || member->defined || member->implicit) {
		fail(in, "a table is defined twice");
		return NULL;
	}
	if (!array) {
		member->defined = true;
		return member;
	}
	table = value_new(in, TOML_TABLE);
	if (!table)
		return NULL;
	table->defined = true;
	append_take(member, table);
	return table;
}

static struct toml *parse_header(struct parser *in, struct toml *root)
{
	bool array = in->p[1] == '[';
	struct toml *table = root;

	in->p += array ? 2 : 1;
	for (unsigned int depth = 0;; depth++) {
		cleanup_free char *key = NULL;

		if (depth > DEPTH_MAX) {
			fail(in, "too deep");
			return NULL;
		}
		skip_blanks(in);
		if (parse_key(in, &key) < 0)
			return NULL;
		skip_blanks(in);
		if (*in->p == '.') {
			in->p++;
			table = enter(in, table, key, false);
			if (!table)
				return NULL;
			continue;
		}
		if (*in->p != ']' || (array && in->p[1] != ']')) {
			fail(in, "']' is expected behind a table's name");
			return NULL;
		}
		in->p += array ? 2 : 1;
		return open_table(in, table, key, array);
	}
}

int toml_parse(
	const char *text, size_t len, const char *name, struct toml **ret, struct error **err)
{
	cleanup_toml struct toml *root = xcalloc(1, sizeof(*root));
	cleanup_free char *copy = NULL;
	struct parser in = {.name = name, .line = 1, .err = err};
	struct toml *table = root;

	root->kind = TOML_TABLE;
	root->defined = true;
	if (len > TOML_TEXT_MAX)
		return error_set(err, ERR_INVALID, "%s: longer than %u bytes", name, TOML_TEXT_MAX);
	if (memchr(text, '\0', len))
		return error_set(err, ERR_INVALID, "%s: contains a NUL byte", name);
	copy = xstrndup(text, len);
	in.p = str_starts_with(copy, "\xef\xbb\xbf"); /* byte order mark */
	if (!in.p)
		in.p = copy;
	for (;;) {
		if (skip_space(&in) < 0)
			return -1;
		if (!*in.p)
			break;
		if (*in.p == '[') {
			table = parse_header(&in, root);
			if (!table)
				return -1;
		} else if (parse_pair(&in, table) < 0) {
			return -1;
		}
		if (end_line(&in) < 0)
			return -1;
	}
	*ret = steal_ptr(&root);
	return 0;
}

const struct toml *toml_member(const struct toml *table, const char *key)
{
	return table && table->kind == TOML_TABLE ? find(table, key) : NULL;
}

int toml_opt_string(const struct toml *table, const char *key, const char *name, const char **ret,
	struct error **err)
{
	const struct toml *member = toml_member(table, key);

	if (!member)
		return 0;
	if (member->kind != TOML_STRING)
		return error_set(err, ERR_INVALID, "%s: line %u: '%s' must be a string", name,
			member->line, key);
	*ret = member->string;
	return 0;
}

int toml_opt_bool(
	const struct toml *table, const char *key, const char *name, bool *ret, struct error **err)
{
	const struct toml *member = toml_member(table, key);

	if (!member)
		return 0;
	if (member->kind != TOML_BOOLEAN)
		return error_set(err, ERR_INVALID, "%s: line %u: '%s' must be true or false", name,
			member->line, key);
	*ret = member->boolean;
	return 0;
}
