#include "config.h"

#include <stdint.h>
#include <string.h>

#include "util/memcpy.h"

#ifdef __x86_64__

typedef long long vector __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t word8 __attribute__((aligned(1), may_alias));
typedef uint32_t word4 __attribute__((aligned(1), may_alias));

/* What is below must not become a call of what it is. clang compiles it for the tests only. */
#ifdef __clang__
#define PLAIN
#else
#define PLAIN __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

/* Up to 64 bytes, which may overlap: all loads come before all stores. */
PLAIN static inline void copy_64(unsigned char *d, const unsigned char *s, size_t len)
{
	if (len > 32) {
		const vector a = *(const vector *)s, b = *(const vector *)(s + 16);
		const vector e = *(const vector *)(s + len - 32),
			     f = *(const vector *)(s + len - 16);

		*(vector *)d = a;
		*(vector *)(d + 16) = b;
		*(vector *)(d + len - 32) = e;
		*(vector *)(d + len - 16) = f;
	} else if (len > 16) {
		const vector a = *(const vector *)s, b = *(const vector *)(s + len - 16);

		*(vector *)d = a;
		*(vector *)(d + len - 16) = b;
	} else if (len >= 8) {
		const word8 a = *(const word8 *)s, b = *(const word8 *)(s + len - 8);

		*(word8 *)d = a;
		*(word8 *)(d + len - 8) = b;
	} else if (len >= 4) {
		const word4 a = *(const word4 *)s, b = *(const word4 *)(s + len - 4);

		*(word4 *)d = a;
		*(word4 *)(d + len - 4) = b;
	} else if (len) {
		const unsigned char a = s[0], b = s[len / 2], c = s[len - 1];

		d[0] = a;
		d[len / 2] = b;
		d[len - 1] = c;
	}
}

/* Also right for a move to a lower address. */
PLAIN void *memcpy_short(void *restrict to, const void *restrict from, size_t len)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if (len <= 64) {
		copy_64(d, s, len);
	} else if (len < 512) {
		const vector last[4] = {*(const vector *)(s + len - 64),
			*(const vector *)(s + len - 48), *(const vector *)(s + len - 32),
			*(const vector *)(s + len - 16)};
		unsigned char *end = d + len;

		for (; d < end - 64; d += 32, s += 32) {
			const vector a = *(const vector *)s, b = *(const vector *)(s + 16);

			*(vector *)d = a;
			*(vector *)(d + 16) = b;
		}
		for (int i = 0; i < 4; i++)
			*(vector *)(end - 64 + 16 * i) = last[i];
	} else {
		/* Fast since processors of 2013. */
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(len) : : "memory");
	}
	return to;
}

PLAIN void *memmove_short(void *to, const void *from, size_t len)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if ((uintptr_t)d - (uintptr_t)s >= len)
		return memcpy_short(to, from, len);
	/* To a higher address, over its own end: backwards. */
	for (; len > 64; len -= 16) {
		const vector a = *(const vector *)(s + len - 16);

		*(vector *)(d + len - 16) = a;
	}
	copy_64(d, s, len);
	return to;
}

#ifndef __GLIBC__
void *memcpy(void *restrict to, const void *restrict from, size_t len)
	__attribute__((alias("memcpy_short")));
void *memmove(void *to, const void *from, size_t len) __attribute__((alias("memmove_short")));
#endif

#endif
