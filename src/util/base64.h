#pragma once

#include <stddef.h>

/* Base64 (RFC 4648, section 4). */

/** base64_encode() - LEN bytes as padded text; owned. */
char *base64_encode(const void *data, size_t len);

/** base64_decode() - TEXT, padded or not, without white space. Returns the bytes, owned, with a NUL
 * behind them; NULL when TEXT is malformed. */
char *base64_decode(const char *text, size_t *ret_len);
