#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "registry/reference.h"
#include "util/mem.h"
#include "util/sha256.h"
#include "util/str.h"
#include "util/strbuf.h"

#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DOMAIN  "index.docker.io"
#define LIBRARY        "library/"
#define FILE_NAME_MAX  255
#define ESCAPE_CUT     180 /* bytes of the escaped text kept before "%h<hash>" */

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool is_hex_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool reference_digest_is_valid(const char *digest)
{
	const char *hex = str_starts_with(digest, "sha256:");

	return hex && hex_is_valid(hex, 64);
}

/* domain := host [":" port]; host := component *("." component) | "[" IPv6 "]" */
bool reference_domain_is_valid(const char *s)
{
	if (*s == '[') {
		size_t len = strspn(s + 1, "0123456789abcdefABCDEF:.");

		if (len < 2 || s[1 + len] != ']')
			return false;
		s += len + 2;
	} else {
		for (;;) {
			const char *start = s;

			while (is_alnum(*s) || *s == '-')
				s++;
			if (s == start || *start == '-' || s[-1] == '-')
				return false;
			if (*s != '.')
				break;
			s++;
		}
	}
	if (*s == ':') {
		uint64_t port;

		return str_to_uint64(s + 1, 65535, &port) == 0;
	}
	return *s == '\0';
}

/* One path component: alphanumeric runs joined by ".", "_", "__" or any number of "-". */
static bool path_component_is_valid(const char *s, size_t len)
{
	const char *end = s + len;

	for (;;) {
		const char *start = s;
		size_t run;

		while (s < end && is_lower_alnum(*s))
			s++;
		if (s == start)
			return false;
		if (s == end)
			return true;
		start = s;
		while (s < end && *s == *start)
			s++;
		run = (size_t)(s - start);
		if (!(*start == '.' && run == 1) && !(*start == '_' && run <= 2) && *start != '-')
			return false;
	}
}

static bool repository_is_valid(const char *s)
{
	for (;;) {
		size_t len = strcspn(s, "/");

		if (!path_component_is_valid(s, len))
			return false;
		if (!s[len])
			return true;
		s += len + 1;
	}
}

static bool tag_is_valid(const char *s)
{
	size_t len = 0;

	for (; s[len]; len++) {
		if (is_alnum(s[len]) || s[len] == '_')
			continue;
		if (len == 0 || (s[len] != '.' && s[len] != '-'))
			return false;
	}
	return len >= 1 && len <= REFERENCE_TAG_MAX;
}

/* Does the part before the first '/' name a registry? */
static bool looks_like_domain(const char *s, size_t len)
{
	bool dotted = false, upper = false;

	for (size_t i = 0; i < len; i++) {
		dotted |= s[i] == '.' || s[i] == ':';
		upper |= s[i] >= 'A' && s[i] <= 'Z';
	}
	return dotted || upper || (len == strlen("localhost") && strncmp(s, "localhost", len) == 0);
}

static int invalid(struct error **err, const char *text, const char *why)
{
	/* The text may hold anything: show it bounded and without control characters. */
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	for (size_t i = 0; text[i] && i < 100; i++)
		strbuf_addch(
			&shown, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i]);
	return error_set(
		err, ERR_INVALID, "invalid reference format: '%s': %s", strbuf_str(&shown), why);
}

int reference_parse(const char *text, struct reference **ret, struct error **err)
{
	cleanup_reference struct reference *ref = xcalloc(1, sizeof(*ref));
	cleanup_free char *copy = NULL;
	const char *stripped = str_starts_with(text, "docker://");
	char *rest, *slash, *at, *colon;

	if (!stripped)
		stripped = text;
	if (strlen(stripped) > REFERENCE_TEXT_MAX)
		return invalid(err, text, "it is too long");
	if (!*stripped)
		return invalid(err, text, "the name is empty");
	if (hex_is_valid(stripped, 64))
		return invalid(err, text, "a name may not be 64 hexadecimal digits (an image id?)");
	copy = xstrdup(stripped);
	at = strchr(copy, '@');
	if (at) {
		*at = '\0';
		if (str_starts_with(at + 1, "sha512:") || str_starts_with(at + 1, "sha384:"))
			return invalid(err, text, "only sha256 digests are supported");
		if (!reference_digest_is_valid(at + 1))
			return invalid(err, text,
				"the digest must be sha256: and 64 lower-case "
				"hexadecimal digits");
		ref->digest = xstrdup(at + 1);
	}
	/* A colon behind the last slash starts the tag; one before it belongs to a port. */
	slash = strrchr(copy, '/');
	colon = strchr(slash ? slash : copy, ':');
	if (colon) {
		*colon = '\0';
		if (!tag_is_valid(colon + 1))
			return invalid(
				err, text, "a tag is up to 128 letters, digits, '_', '.' and '-'");
		ref->tag = xstrdup(colon + 1);
	}
	rest = copy;
	slash = strchr(copy, '/');
	if (slash && looks_like_domain(copy, (size_t)(slash - copy))) {
		*slash = '\0';
		rest = slash + 1;
		if (!reference_domain_is_valid(copy))
			return invalid(err, text, "the registry's name is malformed");
		ref->domain = xstrdup(str_equal(copy, LEGACY_DOMAIN) ? DEFAULT_DOMAIN : copy);
		ref->qualified = true;
	} else {
		ref->domain = xstrdup(DEFAULT_DOMAIN);
	}
	for (const char *p = rest; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			return invalid(err, text, "a repository name must be lower case");
	if (!repository_is_valid(rest))
		return invalid(err, text,
			"a repository name is lower-case letters and digits, parted by '.', '_', "
			"'__', '-' or '/'");
	if (str_equal(ref->domain, DEFAULT_DOMAIN) && !strchr(rest, '/'))
		ref->repository = xasprintf(LIBRARY "%s", rest);
	else
		ref->repository = xstrdup(rest);
	if (strlen(ref->domain) + 1 + strlen(ref->repository) > REFERENCE_NAME_MAX)
		return invalid(err, text, "a name may not have more than 255 characters");
	if (!ref->tag && !ref->digest)
		ref->tag = xstrdup("latest");
	*ret = steal_ptr(&ref);
	return 0;
}

void reference_free(struct reference *ref)
{
	if (!ref)
		return;
	free(ref->domain);
	free(ref->repository);
	free(ref->tag);
	free(ref->digest);
	free(ref);
}

struct reference *reference_with_domain(const struct reference *ref, const char *domain)
{
	struct reference *copy = xcalloc(1, sizeof(*copy));
	const char *bare = NULL;

	copy->domain = xstrdup(domain);
	if (!str_equal(domain, DEFAULT_DOMAIN) && str_equal(ref->domain, DEFAULT_DOMAIN) &&
		!ref->qualified) {
		bare = str_starts_with(ref->repository, LIBRARY);
		if (bare && strchr(bare, '/'))
			bare = NULL;
	}
	copy->repository = xstrdup(bare ? bare : ref->repository);
	copy->tag = xstrdup_null(ref->tag);
	copy->digest = xstrdup_null(ref->digest);
	copy->qualified = true;
	return copy;
}

char *reference_name(const struct reference *ref)
{
	return xasprintf("%s/%s", ref->domain, ref->repository);
}

char *reference_string(const struct reference *ref)
{
	return xasprintf("%s/%s%c%s", ref->domain, ref->repository, ref->digest ? '@' : ':',
		ref->digest ? ref->digest : ref->tag);
}

char *reference_familiar(const struct reference *ref)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *repository = ref->repository, *bare;

	if (!str_equal(ref->domain, DEFAULT_DOMAIN)) {
		strbuf_addf(&out, "%s/", ref->domain);
	} else {
		bare = str_starts_with(repository, LIBRARY);
		if (bare && !strchr(bare, '/'))
			repository = bare;
	}
	strbuf_addstr(&out, repository);
	if (ref->tag)
		strbuf_addf(&out, ":%s", ref->tag);
	if (ref->digest)
		strbuf_addf(&out, "@%s", ref->digest);
	return strbuf_detach(&out);
}

int reference_normalise(const char *text, char **ret, struct error **err)
{
	cleanup_reference struct reference *ref = NULL;

	if (reference_parse(text, &ref, err) < 0)
		return -1;
	*ret = reference_string(ref);
	return 0;
}

char *reference_escape(const char *reference)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	char digest[SHA256_DIGEST_TEXT + 1];
	size_t cut = 0;

	for (const char *p = reference; *p; p++) {
		if (out.len <= ESCAPE_CUT)
			cut = out.len; /* never in the middle of an escape */
		if (*p == '%' || *p == '/' || (*p == '.' && p == reference))
			strbuf_addf(&out, "%%%02X", (unsigned char)*p);
		else
			strbuf_addch(&out, *p);
	}
	if (out.len > FILE_NAME_MAX) {
		out.len = cut;
		out.data[cut] = '\0';
		sha256_digest(reference, strlen(reference), digest);
		strbuf_addf(&out, "%%h%s", digest + strlen("sha256:"));
	}
	return strbuf_detach(&out);
}

char *reference_unescape(const char *name)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_free char *again = NULL;

	for (const char *p = name; *p; p++) {
		if (*p == '%') {
			char digits[3] = {0};

			if (!is_hex_digit(p[1]) || !is_hex_digit(p[2]))
				return NULL;
			memcpy(digits, p + 1, 2);
			strbuf_addch(&out, (char)strtoul(digits, NULL, 16));
			p += 2;
		} else {
			strbuf_addch(&out, *p);
		}
	}
	/* Only the one spelling that escaping gives is a name of ours ("%2f" and "%41" are not). */
	again = reference_escape(strbuf_str(&out));
	if (!str_equal(again, name))
		return NULL;
	return strbuf_detach(&out);
}
