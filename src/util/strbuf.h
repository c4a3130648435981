#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A growing, always NUL-terminated byte buffer. STRBUF_INIT or all zeroes is empty and valid. */
struct strbuf {
	char *data; /* NULL while empty and untouched: use strbuf_str() */
	size_t len; /* bytes without the final NUL */
	size_t capacity;
};

#define STRBUF_INIT ((struct strbuf){0})

void strbuf_clear(struct strbuf *sb); /* frees; empty again afterwards */
void strbuf_reset(struct strbuf *sb); /* len 0, keeps the memory */
void strbuf_reserve(struct strbuf *sb, size_t extra);
void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_addstr(struct strbuf *sb, const char *s);
void strbuf_addch(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
void strbuf_pad(struct strbuf *sb, char c, size_t count);
/** strbuf_str() - borrowed, NUL-terminated, never NULL; valid until the next change. */
const char *strbuf_str(const struct strbuf *sb);
/** strbuf_detach() - the text, owned by the caller, never NULL; SB is empty afterwards. */
char *strbuf_detach(struct strbuf *sb);

#define cleanup_strbuf __attribute__((cleanup(strbuf_clear)))
