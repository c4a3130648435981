#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "util/filter.h"
#include "util/mem.h"
#include "util/str.h"

static bool is_known(const char *const *keys, const char *key)
{
	for (; *keys; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

int filters_parse(
	char *const *args, const char *const *keys, struct filter_list *ret, struct error **err)
{
	cleanup_filters struct filter_list list = {0};
	size_t capacity = 0;

	for (; args && *args; args++) {
		const char *equals = strchr(*args, '=');
		struct filter filter = {0};
		size_t len;

		if (!equals || equals == *args)
			return error_set(err, ERR_USAGE,
				"invalid filter '%s': must be of the form key=value", *args);
		filter.negated = equals[-1] == '!';
		len = (size_t)(equals - *args) - filter.negated;
		filter.key = xstrndup(*args, len);
		filter.value = xstrdup(equals + 1);
		array_grow(list.filters, list.count, capacity);
		list.filters[list.count++] = filter;
		if (!is_known(keys, filter.key))
			return error_set(err, ERR_USAGE, "'%s' is an invalid filter", filter.key);
	}
	*ret = list;
	list = (struct filter_list){0};
	return 0;
}

void filters_clear(struct filter_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->filters[i].key);
		free(list->filters[i].value);
	}
	free(list->filters);
	*list = (struct filter_list){0};
}

const struct filter *filters_find(
	const struct filter_list *list, const char *key, const struct filter *after)
{
	for (size_t i = after ? (size_t)(after - list->filters) + 1 : 0; i < list->count; i++)
		if (strcmp(list->filters[i].key, key) == 0)
			return &list->filters[i];
	return NULL;
}

bool filters_match(const struct filter_list *list,
	bool (*match)(const struct filter *filter, const void *row, void *data), const void *row,
	void *data)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct filter *first = &list->filters[i];
		bool any = false, all = true, conjunctive;

		/* A key's filters are judged together, where the first of them stands. */
		if (filters_find(list, first->key, NULL) != first)
			continue;
		conjunctive = strcmp(first->key, "label") == 0;
		for (const struct filter *f = first; f; f = filters_find(list, first->key, f)) {
			bool one = match(f, row, data) != f->negated;

			any = any || one;
			all = all && one;
			/* "not this" is never outweighed by another value's match. */
			if (f->negated && !one)
				return false;
		}
		if (conjunctive ? !all : !any)
			return false;
	}
	return true;
}

bool label_matches(char *const *labels, const char *wanted)
{
	size_t key_len = strcspn(wanted, "=");

	for (; labels && *labels; labels++) {
		if (strncmp(*labels, wanted, key_len) != 0 ||
			((*labels)[key_len] && (*labels)[key_len] != '='))
			continue;
		if (!wanted[key_len])
			return true;
		if ((*labels)[key_len] && strcmp(*labels + key_len, wanted + key_len) == 0)
			return true;
		/* "key=" also finds a label without a value */
		if (!(*labels)[key_len] && !wanted[key_len + 1])
			return true;
	}
	return false;
}
