#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/sort.h"

/* The halves of ITEMS are sorted; SPARE has room for the first. */
static void merge(void **items, size_t half, size_t count, void **spare,
	int (*compare)(const void *, const void *))
{
	size_t left = 0, right = half, to = 0;

	memcpy(spare, items, half * sizeof(*items));
	while (left < half)
		items[to++] = right < count && compare(items[right], spare[left]) < 0
				      ? items[right++]
				      : spare[left++];
}

static void sort(
	void **items, size_t count, void **spare, int (*compare)(const void *, const void *))
{
	size_t half = count / 2;

	if (count < 2)
		return;
	sort(items, half, spare, compare);
	sort(items + half, count - half, spare, compare);
	if (compare(items[half], items[half - 1]) < 0)
		merge(items, half, count, spare, compare);
}

void sort_pointers(void **items, size_t count, int (*compare)(const void *a, const void *b))
{
	cleanup_free void **spare = xcalloc(count / 2 + 1, sizeof(*spare));

	sort(items, count, spare, compare);
}
