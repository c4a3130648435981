#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "oci/record.h"
#include "util/mem.h"

/* state.json of `pod oci`: another program of the same user may have written it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL;
	struct oci_record record = {0};
	cleanup_free char *text = xstrndup((const char *)data, size);

	if (oci_record_parse(text, strlen(text), &record, &err) == 0)
		oci_record_clear(&record);
	return 0;
}
