#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "registry/registries_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_registries_conf struct registries_conf *conf = registries_conf_new();
	cleanup_error struct error *err = NULL;

	(void)registries_conf_parse(conf, (const char *)data, size, "fuzz", &err);
	return 0;
}
