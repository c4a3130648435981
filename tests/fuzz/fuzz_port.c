#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "network/network.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken lies within the ports there are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, MIN(size, 1024));
	cleanup_free char *container = NULL;
	cleanup_error struct error *err = NULL, *other = NULL;
	struct network_options opts = {0};
	struct port_mapping port;

	if (port_mapping_parse(text, &port, &err) == 0) {
		if (port.range == 0 || port.container_port == 0 ||
			port.container_port + port.range > 65536 ||
			port.host_port + port.range > 65536)
			abort();
		port_mapping_clear(&port);
	}
	(void)network_parse(text, &opts, &container, &other);
	network_options_clear(&opts);
	return 0;
}
