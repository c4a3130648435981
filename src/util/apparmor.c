#include "config.h"

#include <fcntl.h>

#include "util/apparmor.h"
#include "util/fs.h"
#include "util/mem.h"

bool apparmor_is_enabled(void)
{
	/* Readable by everybody; securityfs need not be mounted. */
	cleanup_close int fd =
		open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	char answer = 'N';

	return fd >= 0 && read_full(fd, &answer, 1) == 1 && answer == 'Y';
}
