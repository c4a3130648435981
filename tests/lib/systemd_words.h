#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * What systemd reads in a unit file, written after systemd.syntax(7) and systemd.service(5),
 * "Command lines", for the tests of src/systemd/unit.c. It is strict: whatever means something else
 * than itself there (a specifier, a variable, a lone ";", an unknown escape) makes it answer NULL,
 * as an open quote does.
 */

static inline int systemd_hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* The character behind the backslash at *AT; *AT is then its last. -1: none that there is */
static inline int systemd_escape(const char **at)
{
	static const char from[] = "abfnrtv\\\"'s", to[] = "\a\b\f\n\r\t\v\\\"' ";
	const char *p = ++*at, *found = *p ? strchr(from, *p) : NULL;

	if (found)
		return to[found - from];
	if (*p == 'x' && systemd_hex(p[1]) >= 0 && systemd_hex(p[2]) >= 0) {
		*at += 2;
		return systemd_hex(p[1]) * 16 + systemd_hex(p[2]);
	}
	return -1;
}

/* The words of a value that is one logical line; DOLLAR: variables are expanded in it. Owned. */
static inline char **systemd_words(const char *text, bool dollar)
{
	char **words = xcalloc(1, sizeof(*words)); /* {NULL} */
	cleanup_strbuf struct strbuf word = STRBUF_INIT;
	bool in_word = false, quoted_word = false;
	char quote = '\0';

	for (const char *p = text;; p++) {
		int c = *p;

		if (!quote && (!c || c == ' ' || c == '\t')) {
			if (in_word && !quoted_word && str_equal(strbuf_str(&word), ";"))
				goto bad;
			if (in_word)
				strv_append(&words, strbuf_str(&word));
			strbuf_reset(&word);
			in_word = quoted_word = false;
			if (!c)
				return words;
			continue;
		}
		if (!c || c == '\n')
			goto bad;
		in_word = true;
		if (c == quote || (!quote && (c == '"' || c == '\''))) {
			quote = quote ? '\0' : (char)c;
			quoted_word = true;
			continue;
		}
		if (c == '\\' && (c = systemd_escape(&p)) <= 0)
			goto bad;
		/* Both are looked at after the escapes are gone. */
		if (c == '%' || (c == '$' && dollar)) {
			if (p[1] != c)
				goto bad;
			p++;
		}
		strbuf_addch(&word, (char)c);
	}
bad:
	strv_free(words);
	return NULL;
}

/* The value of the first line "KEY=..." of a unit's text, with its continuations joined; NULL:
 * none. Owned. */
static inline char *systemd_value(const char *unit, const char *key)
{
	size_t key_len = strlen(key);

	while (*unit) {
		cleanup_strbuf struct strbuf line = STRBUF_INIT;

		for (;;) {
			size_t len = strcspn(unit, "\n");
			bool more = len && unit[len - 1] == '\\';

			strbuf_add(&line, unit, more ? len - 1 : len);
			unit += unit[len] ? len + 1 : len;
			if (!more || !*unit)
				break;
			strbuf_addch(&line, ' ');
		}
		if (strncmp(strbuf_str(&line), key, key_len) == 0 && line.data[key_len] == '=')
			return xstrdup(line.data + key_len + 1);
	}
	return NULL;
}
