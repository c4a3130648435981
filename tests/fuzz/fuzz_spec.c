#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/spec.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken can be written, and what is written is taken again and means the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_runtime_spec struct runtime_spec *spec = NULL, *copy = NULL;
	cleanup_free char *first = NULL, *second = NULL;
	cleanup_error struct error *err = NULL;

	if (runtime_spec_read((const char *)data, size, &spec, &err) < 0)
		return 0;
	first = runtime_spec_write(spec);
	if (runtime_spec_read(first, strlen(first), &copy, &err) < 0)
		abort();
	second = runtime_spec_write(copy);
	if (strcmp(first, second) != 0)
		abort();
	return 0;
}
