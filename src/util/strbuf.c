#include "config.h"

#include <stdio.h>
#include <string.h>

#include "util/mem.h"
#include "util/strbuf.h"

void strbuf_clear(struct strbuf *sb)
{
	free(sb->data);
	*sb = STRBUF_INIT;
}

void strbuf_reset(struct strbuf *sb)
{
	sb->len = 0;
	if (sb->data)
		sb->data[0] = '\0';
}

void strbuf_reserve(struct strbuf *sb, size_t extra)
{
	size_t need = sb->len + extra + 1;

	if (need <= sb->capacity)
		return;
	sb->capacity = MAX(need, sb->capacity + sb->capacity / 2 + 64);
	sb->data = xreallocarray(sb->data, sb->capacity, 1);
}

void strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	strbuf_reserve(sb, len);
	if (len)
		memcpy(sb->data + sb->len, data, len);
	sb->len += len;
	sb->data[sb->len] = '\0';
}

void strbuf_addstr(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}

void strbuf_addch(struct strbuf *sb, char c)
{
	strbuf_add(sb, &c, 1);
}

void strbuf_pad(struct strbuf *sb, char c, size_t count)
{
	strbuf_reserve(sb, count);
	memset(sb->data + sb->len, c, count);
	sb->len += count;
	sb->data[sb->len] = '\0';
}

void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	strbuf_reserve(sb, 64);
	len = vsnprintf(sb->data + sb->len, sb->capacity - sb->len, fmt, ap);
	if (len >= 0 && (size_t)len >= sb->capacity - sb->len) {
		strbuf_reserve(sb, (size_t)len);
		len = vsnprintf(sb->data + sb->len, sb->capacity - sb->len, fmt, again);
	}
	va_end(again);
	if (len > 0)
		sb->len += (size_t)len;
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(sb, fmt, ap);
	va_end(ap);
}

const char *strbuf_str(const struct strbuf *sb)
{
	return sb->data ? sb->data : "";
}

char *strbuf_detach(struct strbuf *sb)
{
	char *data = sb->data ? sb->data : xstrdup("");

	*sb = STRBUF_INIT;
	return data;
}
