#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Allocation that ends the process when memory is out, and scope-bound ownership. Sizes that come
 * from input are bounded by the caller before they get here.
 */

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/** xreallocarray() - as reallocarray(3): the product is checked. */
void *xreallocarray(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, nonnull, returns_nonnull));
/** xstrdup_null() - as xstrdup, NULL gives NULL. */
char *xstrdup_null(const char *s);
char *xstrndup(const char *s, size_t n) __attribute__((malloc, nonnull, returns_nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((nonnull, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *xvasprintf(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0), returns_nonnull));

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

/** array_grow() - make room for one more element behind COUNT; capacity doubles. */
#define array_grow(ptr, count, capacity)                                                           \
	do {                                                                                       \
		if ((count) == (capacity)) {                                                       \
			(capacity) = (capacity) ? (capacity)*2 : 8;                                \
			(ptr) = xreallocarray((ptr), (capacity), sizeof(*(ptr)));                  \
		}                                                                                  \
	} while (0)

/** close_keep_errno() - close once (never retried), errno untouched; negative is ignored. */
static inline void close_keep_errno(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd); /* the descriptor is gone whatever the result */
	errno = saved;
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	close_keep_errno(*fd);
}

#define cleanup_free  __attribute__((cleanup(freep)))
#define cleanup_close __attribute__((cleanup(closep)))

static inline void *steal_ptr_(void *pp)
{
	void **p = pp, *v = *p;

	*p = NULL;
	return v;
}
#define steal_ptr(pp) ((__typeof__(*(pp)))steal_ptr_(pp))

static inline int steal_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

/** fd_replace() - close what *FD holds and set it to VALUE. */
static inline void fd_replace(int *fd, int value)
{
	close_keep_errno(*fd);
	*fd = value;
}

/** strv_free() - free a NULL-terminated array of strings and the strings. */
void strv_free(char **strv);
static inline void strv_freep(char ***strv)
{
	strv_free(*strv);
}
#define cleanup_strv __attribute__((cleanup(strv_freep)))
size_t strv_length(char *const *strv);         /* NULL gives 0 */
char **strv_copy(char *const *strv);           /* NULL gives NULL */
void strv_append(char ***strv, const char *s); /* *strv may be NULL; s is copied */
void strv_append_take(char ***strv, char *s);  /* s is owned by the array afterwards */
bool strv_contains(char *const *strv, const char *s);
