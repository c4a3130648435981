#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "image/manifest.h"
#include "storage/image_store.h"
#include "util/mem.h"
#include "util/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken keeps its promises: kinds do not mix, digests are digests, counts are bounded. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_manifest struct manifest *m = NULL;
	cleanup_error struct error *err = NULL, *none = NULL;
	cleanup_free char *text = xstrndup((const char *)data, size);
	const struct descriptor *chosen;
	struct platform host;

	if (manifest_parse(text, strlen(text), NULL, "fuzz", &m, &err) < 0)
		return 0;
	if (m->layer_count > IMAGE_LAYERS_MAX || (m->is_index && m->layer_count) ||
		(!m->is_index && m->entry_count))
		abort();
	for (size_t i = 0; i < m->layer_count; i++)
		if (!digest_is_valid(m->layers[i].digest))
			abort();
	if (!m->is_index && !digest_is_valid(m->config.digest))
		abort();
	platform_host(&host);
	if (m->is_index && index_choose(m, &host, "fuzz", &chosen, &none) == 0 &&
		!digest_is_valid(chosen->digest))
		abort();
	platform_clear(&host);
	return 0;
}
