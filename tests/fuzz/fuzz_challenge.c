#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/challenge.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken goes into URLs and messages: no control characters, nothing without its scheme. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	struct challenge challenge = {0};
	const char *members[4];

	challenge_parse(text, &challenge);
	members[0] = challenge.realm;
	members[1] = challenge.service;
	members[2] = challenge.scope;
	members[3] = challenge.error;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (members[i] && !challenge.bearer)
			abort();
		for (const char *p = members[i]; p && *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				abort();
	}
	challenge_clear(&challenge);
	return 0;
}
