#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/base64.h"
#include "util/mem.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len)
{
	const unsigned char *p = data;
	char *text = xmalloc((len + 2) / 3 * 4 + 1), *out = text;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = MIN(len - i, 3);
		uint32_t bits = (uint32_t)p[i] << 16;

		if (n > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (n > 2)
			bits |= p[i + 2];
		*out++ = alphabet[bits >> 18];
		*out++ = alphabet[bits >> 12 & 63];
		*out++ = n > 1 ? alphabet[bits >> 6 & 63] : '=';
		*out++ = n > 2 ? alphabet[bits & 63] : '=';
	}
	*out = '\0';
	return text;
}

char *base64_decode(const char *text, size_t *ret_len)
{
	size_t len = strlen(text), padding = 0, out_len = 0;
	cleanup_free char *out = NULL;
	uint32_t bits = 0;

	while (len && padding < 2 && text[len - 1] == '=') {
		len--;
		padding++;
	}
	if (len % 4 == 1 || (padding && (len + padding) % 4))
		return NULL;
	out = xmalloc(len / 4 * 3 + 4);
	for (size_t i = 0; i < len; i++) {
		const char *digit = memchr(alphabet, text[i], sizeof(alphabet) - 1);

		if (!digit)
			return NULL;
		bits = bits << 6 | (uint32_t)(digit - alphabet);
		if (i % 4)
			out[out_len++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	out[out_len] = '\0';
	*ret_len = out_len;
	return steal_ptr(&out);
}
