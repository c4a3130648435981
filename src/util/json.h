#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/strbuf.h"

/*
 * Reading: json_parse() gives a document, struct json is a place in it that knows its path, so that
 * errors read "config.json: process.args[0]: must be a string". Places are small values on the
 * caller's stack; each must live as long as those made from it.
 * Parsing is strict (RFC 8259), at most 64 levels deep, duplicate member names are refused.
 *
 * Writing: struct json_writer appends text to a strbuf; strings are escaped as Go's encoder does
 * with SetEscapeHTML(false), invalid UTF-8 becomes U+FFFD.
 */

struct json_document;

struct json {
	void *value;               /* json-c's object; NULL is JSON null */
	const struct json *parent; /* for the path; NULL at the root */
	const char *key;           /* member name, or for the root the document's name; borrowed */
	size_t index;              /* when key is NULL */
};

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_INT,
	JSON_KIND_DOUBLE,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT,
};

/**
 * json_parse() - parse TEXT
 * @name:     what the text is, for errors ("config.json", "manifest of x"); borrowed, must outlive
 * @ret:      document, free with json_document_free()
 * @ret_root: its root place, valid while the document lives
 * @err:      ERR_INVALID
 */
int json_parse(const char *text, size_t len, const char *name, struct json_document **ret,
	struct json *ret_root, struct error **err);
void json_document_free(struct json_document *doc);
static inline void json_document_freep(struct json_document **doc)
{
	json_document_free(*doc);
}
#define cleanup_json __attribute__((cleanup(json_document_freep)))

enum json_kind json_kind(const struct json *v);

/** json_error() - ERR_INVALID "<document>: <path>: <text>". Returns -1. */
int json_error(const struct json *v, struct error **err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** json_member() - the member KEY of the object OBJ. False when absent, null, or OBJ is no object.
 */
bool json_member(const struct json *obj, const char *key, struct json *ret);
/** json_require() - as json_member(); ERR_INVALID "... is required" when absent. */
int json_require(const struct json *obj, const char *key, struct json *ret, struct error **err);

/* Typed reads: ERR_INVALID with the path when the type or range is wrong. Strings are borrowed from
 * the document and contain no NUL byte (refused). */
int json_string(const struct json *v, const char **ret, struct error **err);
int json_boolean(const struct json *v, bool *ret, struct error **err);
int json_int64(const struct json *v, int64_t min, int64_t max, int64_t *ret, struct error **err);
int json_uint64(const struct json *v, uint64_t max, uint64_t *ret, struct error **err);
int json_uint32(const struct json *v, uint32_t *ret, struct error **err);
int json_double(const struct json *v, double *ret, struct error **err);

/* The same for an optional member: *ret is left alone when absent or null. */
int json_opt_string(const struct json *obj, const char *key, const char **ret, struct error **err);
/** json_opt_dup() - the copy replaces and frees what *ret held. */
int json_opt_dup(const struct json *obj, const char *key, char **ret, struct error **err);
int json_opt_bool(const struct json *obj, const char *key, bool *ret, struct error **err);
int json_opt_int64(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct error **err);
int json_opt_uint64(
	const struct json *obj, const char *key, uint64_t max, uint64_t *ret, struct error **err);
int json_opt_uint32(const struct json *obj, const char *key, uint32_t *ret, struct error **err);

/** json_array() - check that V is an array of at most MAX elements. */
int json_array(const struct json *v, size_t max, size_t *ret_count, struct error **err);
/** json_at() - element I of the array V; I must be below its count. */
struct json json_at(const struct json *v, size_t i);
/** json_opt_strv() - optional member that is an array of strings; owned, NULL when absent. */
int json_opt_strv(
	const struct json *obj, const char *key, size_t max, char ***ret, struct error **err);

/* for (struct json_iter it = json_iter(&obj); json_next(&it, &member);) — member.key is the name,
 * borrowed; members keep the document's order. Nothing when OBJ is no object. */
struct json_iter {
	const struct json *object;
	void *entry;
};
struct json_iter json_iter(const struct json *obj);
bool json_next(struct json_iter *it, struct json *ret);

/** json_text() - the value re-serialised, compact; owned. */
char *json_text(const struct json *v);

struct json_writer {
	struct strbuf *out;
	unsigned int indent; /* spaces per level; 0 is compact */
	unsigned int depth;
	bool first; /* nothing yet at this level */
	bool after_key;
};

/** json_writer_init() - OUT is borrowed and appended to; INDENT spaces per level, 0 for compact. */
struct json_writer json_writer_init(struct strbuf *out, unsigned int indent);
void json_write_object_begin(struct json_writer *w);
void json_write_object_end(struct json_writer *w);
void json_write_array_begin(struct json_writer *w);
void json_write_array_end(struct json_writer *w);
void json_write_key(struct json_writer *w, const char *key);
void json_write_string(struct json_writer *w, const char *s); /* NULL writes null */
void json_write_string_n(struct json_writer *w, const char *s, size_t len);
void json_write_int(struct json_writer *w, int64_t v);
void json_write_uint(struct json_writer *w, uint64_t v);
void json_write_double(struct json_writer *w, double v);
void json_write_bool(struct json_writer *w, bool v);
void json_write_null(struct json_writer *w);
void json_write_strv(struct json_writer *w, char *const *strv); /* NULL writes [] */
/** json_write_raw() - TEXT is a JSON value already, written as it is. */
void json_write_raw(struct json_writer *w, const char *text);
/** json_write_value() - copy a parsed value, formatted as this writer formats. */
void json_write_value(struct json_writer *w, const struct json *v);

/* key and value in one call */
void json_put_string(struct json_writer *w, const char *key, const char *s);
void json_put_int(struct json_writer *w, const char *key, int64_t v);
void json_put_uint(struct json_writer *w, const char *key, uint64_t v);
void json_put_bool(struct json_writer *w, const char *key, bool v);
void json_put_strv(struct json_writer *w, const char *key, char *const *strv);
