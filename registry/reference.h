#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/*
 * Image references, normalised as docker and podman do: "alpine" is
 * docker.io/library/alpine:latest. Grammar: distribution's reference package (distribution-spec
 * "name", "reference"); the name (domain and repository) is at most 255 bytes, a tag 128, digests
 * are sha256 only.
 */
#define REFERENCE_NAME_MAX 255
#define REFERENCE_TAG_MAX  128
#define REFERENCE_TEXT_MAX 512 /* bytes taken from a user or a peer */

struct reference {
	char *domain;     /* "docker.io", "localhost:5000", "[::1]:5000" */
	char *repository; /* "library/alpine" */
	char *tag;        /* NULL only with a digest */
	char *digest;     /* "sha256:<64 hex>", or NULL */
	bool qualified;   /* the text named the domain itself */
};

/**
 * reference_parse() - parse and normalise
 * @text: untrusted; an optional "docker://" in front is dropped; no surrounding blanks
 * @ret:  free with reference_free()
 * @err:  ERR_INVALID, quoting the text and saying what is wrong
 *
 * The domain is docker.io unless the first component has a '.', a ':' or an upper-case letter, or
 * is "localhost". A repository on docker.io without '/' gets "library/". Without tag and digest the
 * tag is "latest". With both, both are kept: the digest decides what is pulled. A bare 64-digit hex
 * string is an image id and refused here.
 */
int reference_parse(const char *text, struct reference **ret, struct error **err);
void reference_free(struct reference *ref);
static inline void reference_freep(struct reference **ref)
{
	reference_free(*ref);
}
#define cleanup_reference __attribute__((cleanup(reference_freep)))

/** reference_with_domain() - a copy on another registry, as for unqualified-search-registries:
 * REPOSITORY is taken over without docker.io's "library/". Owned. */
struct reference *reference_with_domain(const struct reference *ref, const char *domain);

/** reference_name() - "docker.io/library/alpine": no tag, no digest; owned. */
char *reference_name(const struct reference *ref);

/** reference_string() - canonical, what images are recorded and shown as (podman's form):
 * "name@digest" when there is a digest (a tag beside it is dropped, as podman does), else
 * "name:tag". Owned. */
char *reference_string(const struct reference *ref);

/** reference_familiar() - docker's short form, "alpine:latest", for the docker face only; owned. */
char *reference_familiar(const struct reference *ref);

/** reference_normalise() - reference_parse() and reference_string() in one; owned. */
int reference_normalise(const char *text, char **ret, struct error **err);

/**
 * reference_escape() - a file name (1..255 bytes, no '/') for a canonical reference; owned
 * '%' becomes "%25", '/' "%2F", a leading '.' "%2E". Where that would exceed 255 bytes the name is
 * cut at 180 and "%h" with the SHA-256 of the whole reference (64 hex digits) follows: then only
 * the record in the file tells the reference. Different references never share a name.
 */
char *reference_escape(const char *reference);

/** reference_unescape() - back again; NULL when NAME is no result of reference_escape() or was
 * shortened ("%h"). Owned. */
char *reference_unescape(const char *name);

/** reference_digest_is_valid() - "sha256:" and 64 lower-case hex digits. */
bool reference_digest_is_valid(const char *digest);

/** reference_domain_is_valid() - "host", "host:port", "[IPv6]:port". */
bool reference_domain_is_valid(const char *domain);
