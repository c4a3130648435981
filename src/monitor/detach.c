#include "config.h"

#include <string.h>

#include "monitor/detach.h"
#include "util/str.h"

static int key_parse(const char *key, size_t len, uint8_t *ret)
{
	if (len == 1 && (unsigned char)key[0] < 0x80) {
		*ret = (uint8_t)key[0];
		return 0;
	}
	if (len != 6 || strncmp(key, "ctrl-", 5) != 0)
		return -1;
	if (key[5] >= 'a' && key[5] <= 'z')
		*ret = (uint8_t)(key[5] - 'a' + 1);
	else if (key[5] == '@' || (key[5] >= '[' && key[5] <= '_'))
		*ret = (uint8_t)(key[5] - '@');
	else
		return -1;
	return 0;
}

int detach_keys_parse(const char *text, struct detach_keys *ret, struct error **err)
{
	struct detach_keys keys = {.count = 0};

	for (const char *p = text; *text;) {
		size_t len = strcspn(p, ",");

		/* a comma itself is a key when nothing else is there: ",,": not worth the rule */
		if (keys.count == DETACH_KEYS_MAX)
			return error_set(err, ERR_USAGE, "detach keys '%s': more than %d keys",
				text, DETACH_KEYS_MAX);
		if (key_parse(p, len, &keys.keys[keys.count++]) < 0)
			return error_set(err, ERR_USAGE, "detach keys '%s': unknown key '%.*s'",
				text, (int)len, p);
		p += len;
		if (!*p)
			break;
		p++;
	}
	*ret = keys;
	return 0;
}

bool detach_keys_feed(
	struct detach_keys *keys, const uint8_t *data, size_t len, uint8_t *out, size_t *ret_len)
{
	size_t done = 0;

	for (size_t i = 0; i < len; i++) {
		size_t keep;

		if (keys->count && data[i] == keys->keys[keys->matched]) {
			if (++keys->matched == keys->count) {
				keys->matched = 0;
				*ret_len = done;
				return true;
			}
			continue;
		}
		/* The longest end of (held back + this byte) that begins the sequence stays held.
		 */
		for (keep = keys->matched; keep > 0; keep--)
			if (memcmp(keys->keys + keys->matched - keep + 1, keys->keys, keep - 1) ==
					0 &&
				data[i] == keys->keys[keep - 1])
				break;
		memcpy(out + done, keys->keys, keys->matched + 1 - keep);
		if (keep == 0)
			out[done + keys->matched] = data[i];
		done += keys->matched + 1 - keep;
		keys->matched = keep;
	}
	*ret_len = done;
	return false;
}
