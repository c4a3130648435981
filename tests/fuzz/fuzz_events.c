#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "container/events.h"
#include "container/health.h"

/* Lines of the store's events, and a container's health file: a killed writer may have left
 * anything. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *event_error = NULL, *health_error = NULL;
	cleanup_container_health struct container_health health = {0};
	cleanup_event struct event event = {0};

	(void)event_parse((const char *)data, size, &event, &event_error);
	(void)health_parse((const char *)data, size, &health, &health_error);
	return 0;
}
