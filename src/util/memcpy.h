#pragma once

#include <stddef.h>

/*
 * memcpy() and memmove() of a pod that is linked with musl on x86-64, in place of musl's own, whose
 * "rep movsq" for every length costs some thirty nanoseconds to begin with: `pod logs` takes twice
 * as long with it, `pod ps` with a thousand containers half as long again. By names of their own
 * for the tests, which run with another C library.
 */
#ifdef __x86_64__
void *memcpy_short(void *restrict to, const void *restrict from, size_t len);
void *memmove_short(void *to, const void *from, size_t len);
#endif
