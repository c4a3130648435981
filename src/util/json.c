#include "config.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/json.h"
#include "util/mem.h"

#define DEPTH_MAX 64

struct json_document {
	struct json_object *root;
};

/* json-c keeps the last of two members with one name; two readers may then disagree on what a
 * document says. This pass walks the text that json-c has accepted, one set of names a level. */
struct key_set {
	char **keys;
	size_t count, capacity;
};

static const char *skip_string(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void key_set_clear(struct key_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		free(set->keys[i]);
	free(set->keys);
	*set = (struct key_set){0};
}

/* A name compared after unescaping: "a" is also "a". */
static char *key_decode(const char *start, const char *end)
{
	cleanup_free char *text = xstrndup(start, (size_t)(end - start));
	struct json_object *obj;
	char *copy;

	if (!memchr(text, '\\', strlen(text)))
		return xstrndup(text + 1, strlen(text) - 2);
	obj = json_tokener_parse(text);
	copy = xstrdup(obj ? json_object_get_string(obj) : text);
	json_object_put(obj);
	return copy;
}

static int check_duplicates(const char *text, size_t len, const char *name, struct error **err)
{
	struct key_set sets[DEPTH_MAX + 1] = {0};
	bool is_object[DEPTH_MAX + 1] = {0};
	size_t depth = 0;
	bool expect_key = false;
	int status = 0;
	const char *end = text + len;

	for (const char *p = text; p < end && status == 0;) {
		switch (*p) {
		case '"': {
			const char *after = skip_string(p);

			if (expect_key) {
				struct key_set *set = &sets[depth];

				array_grow(set->keys, set->count, set->capacity);
				set->keys[set->count++] = key_decode(p, after);
				expect_key = false;
			}
			p = after;
			continue;
		}
		case '{':
		case '[':
			if (depth == DEPTH_MAX) {
				status = error_set(err, ERR_INVALID, "%s: nested too deep", name);
				break;
			}
			depth++;
			is_object[depth] = *p == '{';
			expect_key = *p == '{';
			break;
		case ',':
			expect_key = is_object[depth];
			break;
		case '}': {
			struct key_set *set = &sets[depth];

			expect_key = false;
			if (set->count > 1)
				qsort(set->keys, set->count, sizeof(*set->keys), compare_keys);
			for (size_t i = 1; i < set->count && status == 0; i++)
				if (strcmp(set->keys[i - 1], set->keys[i]) == 0)
					status = error_set(err, ERR_INVALID,
						"%s: member '%s' appears twice", name,
						set->keys[i]);
			key_set_clear(set);
			depth--;
			break;
		}
		case ']':
			depth--;
			expect_key = false;
			break;
		}
		p++;
	}
	for (size_t i = 0; i <= DEPTH_MAX; i++)
		key_set_clear(&sets[i]);
	return status;
}

int json_parse(const char *text, size_t len, const char *name, struct json_document **ret,
	struct json *ret_root, struct error **err)
{
	struct json_tokener *tokener;
	struct json_object *root;
	enum json_tokener_error why;
	size_t end;

	if (len > INT32_MAX - 1)
		return error_set(err, ERR_INVALID, "%s: too large", name);
	if (memchr(text, '\0', len))
		return error_set(err, ERR_INVALID, "%s: contains a NUL byte", name);
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener)
		return error_set(err, ERR_SYSTEM, "%s: out of memory", name);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, text, (int)len);
	why = json_tokener_get_error(tokener);
	/* A number at the very end is only complete with its terminator. */
	if (why == json_tokener_continue)
		root = json_tokener_parse_ex(tokener, "", 1), why = json_tokener_get_error(tokener),
		end = len;
	else
		end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (why != json_tokener_success) {
		json_object_put(root);
		if (why == json_tokener_continue)
			return error_set(err, ERR_INVALID, "%s: unexpected end of JSON", name);
		return error_set(err, ERR_INVALID, "%s: not valid JSON at byte %zu: %s", name, end,
			json_tokener_error_desc(why));
	}
	for (; end < len; end++) {
		if (!strchr(" \t\r\n", text[end])) {
			json_object_put(root);
			return error_set(err, ERR_INVALID,
				"%s: bytes after the end of the JSON value", name);
		}
	}
	if (check_duplicates(text, len, name, err) < 0) {
		json_object_put(root);
		return -1;
	}
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->root = root;
	*ret_root = (struct json){.value = root, .key = name};
	return 0;
}

void json_document_free(struct json_document *doc)
{
	if (!doc)
		return;
	json_object_put(doc->root);
	free(doc);
}

enum json_kind json_kind(const struct json *v)
{
	switch (json_object_get_type(v->value)) {
	case json_type_boolean:
		return JSON_KIND_BOOL;
	case json_type_double:
		return JSON_KIND_DOUBLE;
	case json_type_int:
		return JSON_KIND_INT;
	case json_type_object:
		return JSON_KIND_OBJECT;
	case json_type_array:
		return JSON_KIND_ARRAY;
	case json_type_string:
		return JSON_KIND_STRING;
	default:
		return JSON_KIND_NULL;
	}
}

static void add_path(struct strbuf *sb, const struct json *v)
{
	if (!v->parent) {
		strbuf_addstr(sb, v->key);
		return;
	}
	add_path(sb, v->parent);
	if (!v->parent->parent)
		strbuf_addstr(sb, ": ");
	else if (v->key)
		strbuf_addch(sb, '.');
	if (v->key)
		strbuf_addstr(sb, v->key);
	else
		strbuf_addf(sb, "[%zu]", v->index);
}

int json_error(const struct json *v, struct error **err, const char *fmt, ...)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	va_list ap;

	add_path(&sb, v);
	strbuf_addstr(&sb, ": ");
	va_start(ap, fmt);
	strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	return error_set(err, ERR_INVALID, "%s", strbuf_str(&sb));
}

bool json_member(const struct json *obj, const char *key, struct json *ret)
{
	struct json_object *value;

	if (!json_object_is_type(obj->value, json_type_object) ||
		!json_object_object_get_ex(obj->value, key, &value) || !value)
		return false;
	*ret = (struct json){.value = value, .parent = obj, .key = key};
	return true;
}

int json_require(const struct json *obj, const char *key, struct json *ret, struct error **err)
{
	struct json missing = {.parent = obj, .key = key};

	if (json_kind(obj) != JSON_KIND_OBJECT)
		return json_error(obj, err, "must be an object");
	if (!json_member(obj, key, ret))
		return json_error(&missing, err, "is required");
	return 0;
}

int json_string(const struct json *v, const char **ret, struct error **err)
{
	const char *s;

	if (json_kind(v) != JSON_KIND_STRING)
		return json_error(v, err, "must be a string");
	s = json_object_get_string(v->value);
	if (strlen(s) != (size_t)json_object_get_string_len(v->value))
		return json_error(v, err, "contains a NUL character");
	*ret = s;
	return 0;
}

int json_boolean(const struct json *v, bool *ret, struct error **err)
{
	if (json_kind(v) != JSON_KIND_BOOL)
		return json_error(v, err, "must be true or false");
	*ret = json_object_get_boolean(v->value);
	return 0;
}

int json_int64(const struct json *v, int64_t min, int64_t max, int64_t *ret, struct error **err)
{
	int64_t value;

	if (json_kind(v) != JSON_KIND_INT)
		return json_error(v, err, "must be an integer");
	value = json_object_get_int64(v->value);
	/* json-c clamps what does not fit: an unsigned value above INT64_MAX reads as INT64_MAX. */
	if (value < min || value > max ||
		(value == INT64_MAX && json_object_get_uint64(v->value) != INT64_MAX))
		return json_error(v, err, "must be between %" PRId64 " and %" PRId64, min, max);
	*ret = value;
	return 0;
}

int json_uint64(const struct json *v, uint64_t max, uint64_t *ret, struct error **err)
{
	uint64_t value;

	if (json_kind(v) != JSON_KIND_INT)
		return json_error(v, err, "must be an integer");
	value = json_object_get_uint64(v->value);
	if (json_object_get_int64(v->value) < 0 || value > max)
		return json_error(v, err, "must be between 0 and %" PRIu64, max);
	*ret = value;
	return 0;
}

int json_uint32(const struct json *v, uint32_t *ret, struct error **err)
{
	uint64_t value;

	if (json_uint64(v, UINT32_MAX, &value, err) < 0)
		return -1;
	*ret = (uint32_t)value;
	return 0;
}

int json_double(const struct json *v, double *ret, struct error **err)
{
	enum json_kind type = json_kind(v);

	if (type != JSON_KIND_DOUBLE && type != JSON_KIND_INT)
		return json_error(v, err, "must be a number");
	*ret = json_object_get_double(v->value);
	return 0;
}

int json_opt_string(const struct json *obj, const char *key, const char **ret, struct error **err)
{
	struct json v;

	return json_member(obj, key, &v) ? json_string(&v, ret, err) : 0;
}

int json_opt_dup(const struct json *obj, const char *key, char **ret, struct error **err)
{
	const char *s = NULL;

	if (json_opt_string(obj, key, &s, err) < 0)
		return -1;
	if (s) {
		free(*ret);
		*ret = xstrdup(s);
	}
	return 0;
}

int json_opt_bool(const struct json *obj, const char *key, bool *ret, struct error **err)
{
	struct json v;

	return json_member(obj, key, &v) ? json_boolean(&v, ret, err) : 0;
}

int json_opt_int64(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct error **err)
{
	struct json v;

	return json_member(obj, key, &v) ? json_int64(&v, min, max, ret, err) : 0;
}

int json_opt_uint64(
	const struct json *obj, const char *key, uint64_t max, uint64_t *ret, struct error **err)
{
	struct json v;

	return json_member(obj, key, &v) ? json_uint64(&v, max, ret, err) : 0;
}

int json_opt_uint32(const struct json *obj, const char *key, uint32_t *ret, struct error **err)
{
	struct json v;

	return json_member(obj, key, &v) ? json_uint32(&v, ret, err) : 0;
}

int json_array(const struct json *v, size_t max, size_t *ret_count, struct error **err)
{
	size_t count;

	if (json_kind(v) != JSON_KIND_ARRAY)
		return json_error(v, err, "must be an array");
	count = json_object_array_length(v->value);
	if (count > max)
		return json_error(v, err, "has more than %zu elements", max);
	*ret_count = count;
	return 0;
}

struct json json_at(const struct json *v, size_t i)
{
	return (struct json){
		.value = json_object_array_get_idx(v->value, i),
		.parent = v,
		.index = i,
	};
}

int json_opt_strv(
	const struct json *obj, const char *key, size_t max, char ***ret, struct error **err)
{
	cleanup_strv char **strv = NULL;
	struct json array;
	size_t count;

	if (!json_member(obj, key, &array))
		return 0;
	if (json_array(&array, max, &count, err) < 0)
		return -1;
	strv = xcalloc(count + 1, sizeof(*strv));
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(&array, i);
		const char *s;

		if (json_string(&item, &s, err) < 0)
			return -1;
		strv[i] = xstrdup(s);
	}
	strv_free(*ret);
	*ret = steal_ptr(&strv);
	return 0;
}

struct json_iter json_iter(const struct json *obj)
{
	struct json_iter it = {.object = obj};

	if (json_object_is_type(obj->value, json_type_object))
		it.entry = json_object_get_object(obj->value)->head;
	return it;
}

bool json_next(struct json_iter *it, struct json *ret)
{
	struct lh_entry *entry = it->entry;

	if (!entry)
		return false;
	*ret = (struct json){
		.value = (void *)entry->v,
		.parent = it->object,
		.key = entry->k,
	};
	it->entry = entry->next;
	return true;
}

char *json_text(const struct json *v)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	json_write_value(&w, v);
	return strbuf_detach(&out);
}

struct json_writer json_writer_init(struct strbuf *out, unsigned int indent)
{
	return (struct json_writer){.out = out, .indent = indent, .first = true};
}

static void write_newline(struct json_writer *w)
{
	if (!w->indent)
		return;
	strbuf_addch(w->out, '\n');
	strbuf_pad(w->out, ' ', (size_t)w->indent * w->depth);
}

static void before_value(struct json_writer *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (!w->first)
		strbuf_addch(w->out, ',');
	if (w->depth)
		write_newline(w);
	w->first = false;
}

static void write_begin(struct json_writer *w, char c)
{
	before_value(w);
	strbuf_addch(w->out, c);
	w->depth++;
	w->first = true;
}

static void write_end(struct json_writer *w, char c)
{
	w->depth--;
	if (!w->first)
		write_newline(w);
	strbuf_addch(w->out, c);
	w->first = false;
}

void json_write_object_begin(struct json_writer *w)
{
	write_begin(w, '{');
}

void json_write_object_end(struct json_writer *w)
{
	write_end(w, '}');
}

void json_write_array_begin(struct json_writer *w)
{
	write_begin(w, '[');
}

void json_write_array_end(struct json_writer *w)
{
	write_end(w, ']');
}

/* Length of the valid UTF-8 sequence at P (RFC 3629), 0 when there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	size_t n;
	uint32_t c;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2, c = p[0] & 0x1f;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3, c = p[0] & 0x0f;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4, c = p[0] & 0x07;
	else
		return 0;
	if (left < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) ||
		(c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

static void add_quoted(struct strbuf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	strbuf_addch(out, '"');
	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(p + i, len - i);

		if (n == 0) {
			strbuf_addstr(out, "\\ufffd");
			i++;
			continue;
		}
		if (n > 1) {
			strbuf_add(out, p + i, n);
		} else if (p[i] == '"' || p[i] == '\\') {
			strbuf_addch(out, '\\');
			strbuf_addch(out, (char)p[i]);
		} else if (p[i] == '\n') {
			strbuf_addstr(out, "\\n");
		} else if (p[i] == '\r') {
			strbuf_addstr(out, "\\r");
		} else if (p[i] == '\t') {
			strbuf_addstr(out, "\\t");
		} else if (p[i] < 0x20 || p[i] == 0x7f) {
			strbuf_addf(out, "\\u%04x", p[i]);
		} else {
			strbuf_addch(out, (char)p[i]);
		}
		i += n;
	}
	strbuf_addch(out, '"');
}

void json_write_key(struct json_writer *w, const char *key)
{
	before_value(w);
	add_quoted(w->out, key, strlen(key));
	strbuf_addstr(w->out, w->indent ? ": " : ":");
	w->after_key = true;
}

void json_write_string(struct json_writer *w, const char *s)
{
	if (s)
		json_write_string_n(w, s, strlen(s));
	else
		json_write_null(w);
}

void json_write_string_n(struct json_writer *w, const char *s, size_t len)
{
	before_value(w);
	add_quoted(w->out, s, len);
}

void json_write_int(struct json_writer *w, int64_t v)
{
	before_value(w);
	strbuf_addf(w->out, "%" PRId64, v);
}

void json_write_uint(struct json_writer *w, uint64_t v)
{
	before_value(w);
	strbuf_addf(w->out, "%" PRIu64, v);
}

void json_write_double(struct json_writer *w, double v)
{
	before_value(w);
	if (!isfinite(v))
		strbuf_addstr(w->out, "null"); /* JSON has no such number */
	else
		strbuf_addf(w->out, "%.17g", v);
}

void json_write_bool(struct json_writer *w, bool v)
{
	before_value(w);
	strbuf_addstr(w->out, v ? "true" : "false");
}

void json_write_null(struct json_writer *w)
{
	before_value(w);
	strbuf_addstr(w->out, "null");
}

void json_write_raw(struct json_writer *w, const char *text)
{
	before_value(w);
	strbuf_addstr(w->out, text);
}

void json_write_strv(struct json_writer *w, char *const *strv)
{
	json_write_array_begin(w);
	for (; strv && *strv; strv++)
		json_write_string(w, *strv);
	json_write_array_end(w);
}

void json_write_value(struct json_writer *w, const struct json *v)
{
	switch (json_kind(v)) {
	case JSON_KIND_NULL:
		json_write_null(w);
		break;
	case JSON_KIND_BOOL:
		json_write_bool(w, json_object_get_boolean(v->value));
		break;
	case JSON_KIND_INT:
		if (json_object_get_int64(v->value) < 0)
			json_write_int(w, json_object_get_int64(v->value));
		else
			json_write_uint(w, json_object_get_uint64(v->value));
		break;
	case JSON_KIND_DOUBLE:
		json_write_double(w, json_object_get_double(v->value));
		break;
	case JSON_KIND_STRING:
		json_write_string_n(w, json_object_get_string(v->value),
			(size_t)json_object_get_string_len(v->value));
		break;
	case JSON_KIND_ARRAY:
		json_write_array_begin(w);
		for (size_t i = 0, n = json_object_array_length(v->value); i < n; i++) {
			struct json item = json_at(v, i);

			json_write_value(w, &item);
		}
		json_write_array_end(w);
		break;
	case JSON_KIND_OBJECT: {
		struct json_iter it = json_iter(v);
		struct json member;

		json_write_object_begin(w);
		while (json_next(&it, &member)) {
			json_write_key(w, member.key);
			json_write_value(w, &member);
		}
		json_write_object_end(w);
		break;
	}
	}
}

void json_put_string(struct json_writer *w, const char *key, const char *s)
{
	json_write_key(w, key);
	json_write_string(w, s);
}

void json_put_int(struct json_writer *w, const char *key, int64_t v)
{
	json_write_key(w, key);
	json_write_int(w, v);
}

void json_put_uint(struct json_writer *w, const char *key, uint64_t v)
{
	json_write_key(w, key);
	json_write_uint(w, v);
}

void json_put_bool(struct json_writer *w, const char *key, bool v)
{
	json_write_key(w, key);
	json_write_bool(w, v);
}

void json_put_strv(struct json_writer *w, const char *key, char *const *strv)
{
	json_write_key(w, key);
	json_write_strv(w, strv);
}
