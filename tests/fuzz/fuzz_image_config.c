#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "storage/image_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL;
	struct image_config *config = NULL;

	if (image_config_parse((const char *)data, size, "fuzz", &config, &err) == 0)
		image_config_free(config);
	return 0;
}
