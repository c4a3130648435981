#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/error.h"

/** str_starts_with() - S begins with PREFIX; returns what follows it, or NULL. */
const char *str_starts_with(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);
static inline bool str_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/**
 * str_to_uint64() - strict decimal: digits only, no sign, space or rest
 * Returns: 0, or -1 when malformed or above MAX (no error object: the caller knows the name).
 */
int str_to_uint64(const char *s, uint64_t max, uint64_t *ret);
/** str_to_int64() - as above with an optional leading '-'. */
int str_to_int64(const char *s, int64_t min, int64_t max, int64_t *ret);

/** str_to_size() - docker/podman sizes: "64m", "1.5g", "512", "10KB", "1GiB"; bytes, base 1024. */
int str_to_size(const char *s, uint64_t *ret_bytes, struct error **err);

/** str_split() - NULL-terminated array of the parts between SEP; "" gives one empty part. Owned. */
char **str_split(const char *s, char sep);
/** str_join() - owned. */
char *str_join(char *const *strv, const char *sep);
char *str_to_lower(const char *s); /* ASCII; owned */

/** hex_encode() - 2 * len lower-case digits and NUL into OUT. */
void hex_encode(const void *data, size_t len, char *out);
/** object_name_is_valid() - [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 255 bytes: what docker lets
 * containers and volumes be called. */
bool object_name_is_valid(const char *name);
/** hex_is_valid() - exactly LEN characters 0-9a-f, then NUL. */
bool hex_is_valid(const char *s, size_t len);

/** random_hex() - LEN random lower-case hex digits (even LEN) and NUL, from getrandom(2). */
void random_hex(char *out, size_t len);

/** glob_matches() - fnmatch without locale: '*', '?' and '[...]'; '*' also crosses '/'. */
bool glob_matches(const char *pattern, const char *s);
