#include "config.h"

#include "storage/overlay.h"

int overlay_start(struct overlay *overlay, int userns_fd, struct error **err)
{
	(void)userns_fd;
	if (overlay->driver == DRIVER_AUTO || overlay->driver == DRIVER_OVERLAY)
		return 0;
	return error_set(err, ERR_UNSUPPORTED, "storage driver '%s' is not supported yet",
		storage_driver_name(overlay->driver));
}
