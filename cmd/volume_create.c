#include "config.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "container/events.h"
#include "storage/volume.h"
#include "util/mem.h"
#include "util/str.h"

struct volume_create_options {
	const char *driver;
	char **labels;
	bool ignore;
};

static const struct option_spec volume_create_options[] = {
	OPTION_STRING("driver", 'd', struct volume_create_options, driver, NULL,
		"specify volume driver name", .default_text = "\"local\""),
	OPTION_BOOL("ignore", 0, struct volume_create_options, ignore,
		"don't fail if volume already exists"),
	OPTION_STRV("label", 'l', struct volume_create_options, labels, "strings",
		"set metadata for a volume"),
	OPTION_END,
};

static int volume_create_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct volume_create_options opts = {.driver = "local"};
	cleanup_strv char **labels = NULL;
	cleanup_error struct error *one = NULL;
	struct volume volume = {0};
	struct store *store;
	char random[65];
	int first, status;

	status = options_parse(&command_volume_create, argc, argv, &opts, &first, err);
	labels = opts.labels;
	if (status < 0)
		return -1;
	if (strcmp(opts.driver, "local") != 0)
		return error_set(err, ERR_UNSUPPORTED,
			"no volume driver '%s': only 'local' is there", opts.driver);
	random_hex(random, 64);
	volume.name = first < argc ? argv[first] : random;
	volume.labels = labels;
	if (command_store(ctx, &store, err) < 0)
		return -1;
	if (volume_create(store, &volume, &one) == 0)
		event_volume(store, "create", volume.name);
	else if (!opts.ignore || one->kind != ERR_CONFLICT)
		return error_move(err, &one);
	command_print(ctx, "%s\n", volume.name);
	return 0;
}

const struct command command_volume_create = {
	.name = "create",
	.summary = "create a new volume",
	.description =
		"creates a named volume, or one with a random name, that containers can share\n"
		"and that outlives them.",
	.operands = "[NAME]",
	.examples = "pod volume create myvol\npod volume create\npod volume create --label foo=bar "
		    "myvol",
	.max_operands = 1,
	.options = volume_create_options,
	.run = volume_create_run,
};
