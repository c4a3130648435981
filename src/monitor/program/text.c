#include "config.h"

#include <string.h>

#include "monitor/program/state.h"

void text_add(struct text *t, const char *s)
{
	while (*s && t->len + 1 < t->capacity)
		t->data[t->len++] = *s++;
	t->data[t->len] = '\0';
}

void text_add_json(struct text *t, const void *data, size_t len)
{
	t->len += log_json_text(data, len, t->data + t->len, t->capacity - t->len - 1);
	t->data[t->len] = '\0';
}

void text_add_uint(struct text *t, uint64_t v)
{
	char digits[21];
	int i = sizeof(digits) - 1;

	digits[i] = '\0';
	do
		digits[--i] = (char)('0' + v % 10);
	while (v /= 10);
	text_add(t, digits + i);
}
