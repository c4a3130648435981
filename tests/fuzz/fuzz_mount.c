#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "container/parse_mount.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken has a place below the root, and reads back from its canonical text as it was. */
static void check(const struct container_mount *mount)
{
	cleanup_container_mount struct container_mount again = {0};
	cleanup_free char *once = container_mount_text(mount), *twice = NULL;
	cleanup_error struct error *err = NULL;

	if (mount->destination[0] != '/' || !mount->destination[1] ||
		path_has_dotdot(mount->destination))
		abort();
	if (parse_mount(once, &again, &err) < 0)
		abort();
	twice = container_mount_text(&again);
	if (!str_equal(once, twice))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const parsers[])(const char *, struct container_mount *, struct error **) = {
		parse_volume, parse_mount, parse_tmpfs};
	cleanup_free char *text = xstrndup((const char *)data, MIN(size, 4096));

	for (size_t i = 0; i < ARRAY_SIZE(parsers); i++) {
		cleanup_container_mount struct container_mount mount = {0};
		cleanup_error struct error *err = NULL;

		if (parsers[i](text, &mount, &err) == 0)
			check(&mount);
	}
	return 0;
}
