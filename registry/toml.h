#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * TOML 1.0 as registries.conf and containers.conf use it: tables, arrays of tables, dotted and
 * quoted keys, inline tables, all four kinds of strings, integers, booleans, arrays, comments.
 * Floats and dates are checked for their characters only and kept as text (TOML_OTHER). Bounded: 1
 * MiB of text, 32 levels deep, 8192 values.
 */

#define TOML_TEXT_MAX (1u << 20)

enum toml_kind { TOML_STRING, TOML_INTEGER, TOML_BOOLEAN, TOML_OTHER, TOML_ARRAY, TOML_TABLE };

struct toml {
	enum toml_kind kind;
	char *key;    /* in a table; else NULL */
	char *string; /* TOML_STRING (no NUL byte inside), TOML_OTHER */
	int64_t integer;
	bool boolean;
	struct toml **items; /* elements of an array, members of a table */
	size_t count, capacity;
	/* How it came to be, for the rules on what may be extended (TOML 1.0, "Table"). */
	bool defined;   /* by a [header], inline, or as a value: may not be defined again */
	bool implicit;  /* made by a dotted key: only dotted keys of the same table may add to it */
	bool of_tables; /* an array made by [[headers]] */
	unsigned int line;
};

/**
 * toml_parse() - TEXT into a tree
 * @name: what the text is, for errors: "registries.conf: line 3: ..."
 * @ret:  the root table, free with toml_free()
 * @err:  ERR_INVALID
 */
int toml_parse(
	const char *text, size_t len, const char *name, struct toml **ret, struct error **err);
void toml_free(struct toml *value);
static inline void toml_freep(struct toml **value)
{
	toml_free(*value);
}
#define cleanup_toml __attribute__((cleanup(toml_freep)))

/** toml_member() - borrowed; NULL when TABLE is no table or has no member KEY. */
const struct toml *toml_member(const struct toml *table, const char *key);

/* Optional members: *ret is left alone when absent. @name is the document's, for the error. */
int toml_opt_string(const struct toml *table, const char *key, const char *name, const char **ret,
	struct error **err);
int toml_opt_bool(
	const struct toml *table, const char *key, const char *name, bool *ret, struct error **err);
