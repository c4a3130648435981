#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/*
 * --filter as the listings share it: "key=value" or "key!=value". A row passes when for each key
 * given one of its values matches; for "label" all of them must, as docker and podman do.
 */
struct filter {
	char *key, *value;
	bool negated; /* "!=" */
};

struct filter_list {
	struct filter *filters;
	size_t count;
};

/**
 * filters_parse() - ARGS (NULL: none), KEYS: what this listing knows, NULL-terminated
 * @ret: filled; filters_clear() when done
 * @err: ERR_USAGE: no "=", or a key that is not among KEYS
 */
int filters_parse(
	char *const *args, const char *const *keys, struct filter_list *ret, struct error **err);
void filters_clear(struct filter_list *list);
#define cleanup_filters __attribute__((cleanup(filters_clear)))

/** filters_find() - the next filter with KEY behind AFTER (NULL: the first); NULL when none. */
const struct filter *filters_find(
	const struct filter_list *list, const char *key, const struct filter *after);

/** filters_match() - MATCH answers for one filter, without regard to negation. */
bool filters_match(const struct filter_list *list,
	bool (*match)(const struct filter *filter, const void *row, void *data), const void *row,
	void *data);

/** label_matches() - LABELS ("k=v" strings, NULL none) have WANTED: "key" or "key=value". */
bool label_matches(char *const *labels, const char *wanted);
