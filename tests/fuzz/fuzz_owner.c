#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "rootless/owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a container may write as the record of an owner. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[OWNER_TEXT_SIZE], again[OWNER_TEXT_SIZE];
	struct owner owner, same;
	int length;

	if (size > sizeof(text))
		return 0;
	memcpy(text, data, size);
	if (!owner_parse(text, (uint32_t)size, &owner))
		return 0;
	length = owner_text(&owner, NULL, again);
	assert(owner_parse(again, (uint32_t)length, &same));
	assert(same.uid == owner.uid && same.gid == owner.gid);
	return 0;
}
