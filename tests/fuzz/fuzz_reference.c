#include "config.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/reference.h"
#include "util/mem.h"
#include "util/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is taken must normalise to itself and survive the way to a file name and back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, MIN(size, 1024));
	cleanup_free char *once = NULL, *twice = NULL, *name = NULL, *back = NULL;
	cleanup_error struct error *err = NULL;

	if (reference_normalise(text, &once, &err) < 0)
		return 0;
	if (reference_normalise(once, &twice, &err) < 0 || !str_equal(once, twice))
		abort();
	name = reference_escape(once);
	back = reference_unescape(name);
	if (strlen(name) > 255 || strchr(name, '/') || (back && !str_equal(back, once)))
		abort();
	return 0;
}
