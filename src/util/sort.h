#pragma once

#include <stddef.h>

/** sort_pointers() - stable, by merging; COMPARE gets the pointers themselves, as strcmp(3) would
 * For lists that may be long: musl's qsort(3) moves each element by a memcpy() of variable length,
 * which takes three times as long. */
void sort_pointers(void **items, size_t count, int (*compare)(const void *a, const void *b));
