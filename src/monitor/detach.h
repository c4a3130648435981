#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * The key sequence that leaves a terminal session running behind. While the input follows the
 * sequence it is held back; where it leaves it, what was held back is passed on unchanged.
 */

#define DETACH_KEYS_MAX     16
#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

struct detach_keys {
	uint8_t keys[DETACH_KEYS_MAX];
	size_t count;   /* 0: never detaches */
	size_t matched; /* held back */
};

/**
 * detach_keys_parse() - docker's syntax: keys separated by ',', each a character or "ctrl-X" with X
 * one of a-z @ [ \ ] ^ _; "" disables
 * @err: ERR_USAGE
 */
int detach_keys_parse(const char *text, struct detach_keys *ret, struct error **err);

/**
 * detach_keys_feed() - pass input through
 * @out: room for LEN + DETACH_KEYS_MAX bytes; not DATA
 * Returns: true when the sequence is complete (what follows it in DATA is dropped); *RET_LEN bytes
 * are in OUT in either case.
 */
bool detach_keys_feed(
	struct detach_keys *keys, const uint8_t *data, size_t len, uint8_t *out, size_t *ret_len);
