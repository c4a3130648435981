#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * WWW-Authenticate (RFC 9110, section 11.6.1): a list of challenges, each a scheme with parameters.
 * What a registry uses: Basic and Bearer with realm, service, scope, error (distribution's token
 * authentication specification).
 */
#define CHALLENGE_HEADER_MAX 8192 /* bytes of one header's value */

struct challenge {
	bool basic, bearer; /* offered */
	/* of Bearer; NULL absent */
	char *realm, *service, *scope, *error;
};

/** challenge_parse() - add the challenges of one header VALUE (untrusted) to *RET; the first Bearer
 * counts, unknown schemes and parameters are skipped, so are malformed rests. */
void challenge_parse(const char *value, struct challenge *ret);
void challenge_clear(struct challenge *challenge);
