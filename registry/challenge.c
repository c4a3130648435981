#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "registry/challenge.h"
#include "util/mem.h"
#include "util/strbuf.h"

/* RFC 9110, 5.6.2 */
static size_t token_length(const char *s)
{
	size_t len = 0;

	while ((s[len] >= '0' && s[len] <= '9') || (s[len] >= 'A' && s[len] <= 'Z') ||
		(s[len] >= 'a' && s[len] <= 'z') || (s[len] && strchr("!#$%&'*+-.^_`|~", s[len])))
		len++;
	return len;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static bool is_word(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(s, word, len) == 0;
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

/* A token or a quoted string at P; NULL when neither. */
static const char *parse_value(const char *p, char **ret)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (*p != '"') {
		size_t len = token_length(p);

		/* Slashes, colons and commas do not belong into a token, but unquoted URLs are
		 * seen; take them up to what can only be a separator. */
		len += strcspn(p + len, " \t,\"");
		for (size_t i = 0; i < len; i++)
			if (is_control(p[i]))
				return NULL;
		*ret = xstrndup(p, len);
		return p + len;
	}
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		if (is_control(*p))
			return NULL; /* nothing of that may get into a URL or a message */
		strbuf_addch(&out, *p);
	}
	if (*p != '"')
		return NULL;
	*ret = strbuf_detach(&out);
	return p + 1;
}

static void set_once(char **member, char **value)
{
	if (!*member)
		*member = steal_ptr(value);
}

void challenge_parse(const char *value, struct challenge *ret)
{
	enum { NONE, OTHER, BEARER } scheme = NONE;
	const char *p = value;

	if (strlen(value) > CHALLENGE_HEADER_MAX)
		return;
	for (;;) {
		cleanup_free char *text = NULL;
		const char *word, *after;
		size_t len;

		p += strspn(p, " \t,");
		if (!*p)
			return;
		word = p;
		len = token_length(word);
		if (!len)
			return;
		after = skip_blanks(word + len);
		if (*after != '=' || scheme == NONE) {
			/* A scheme: a token that no '=' follows. Only the first Bearer counts. */
			scheme = OTHER;
			if (is_word(word, len, "Basic")) {
				ret->basic = true;
			} else if (is_word(word, len, "Bearer") && !ret->bearer) {
				ret->bearer = true;
				scheme = BEARER;
			}
			p = word + len;
			if (*p && *p != ' ' && *p != '\t' && *p != ',')
				return;
			continue;
		}
		p = parse_value(skip_blanks(after + 1), &text);
		if (!p)
			return;
		if (scheme != BEARER)
			continue;
		if (is_word(word, len, "realm"))
			set_once(&ret->realm, &text);
		else if (is_word(word, len, "service"))
			set_once(&ret->service, &text);
		else if (is_word(word, len, "scope"))
			set_once(&ret->scope, &text);
		else if (is_word(word, len, "error"))
			set_once(&ret->error, &text);
	}
}

void challenge_clear(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	free(challenge->error);
	*challenge = (struct challenge){0};
}
