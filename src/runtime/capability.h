#pragma once

/* Capabilities by name (capabilities(7); bit N of a set is capability N). */

/** capability_name() - "CAP_CHOWN" ...; NULL for a number this version does not know. */
const char *capability_name(unsigned int number);
/** capability_parse() - with or without "CAP_", in any case; -1 when there is none. */
int capability_parse(const char *name);
/** capability_last() - the highest number the running kernel knows (cap_last_cap), at most 63. */
unsigned int capability_last(void);
