#include "config.h"

#include "cmd/command.h"
#include "cmd/commands.h"
#include "storage/volume.h"

static int volume_exists_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_error struct error *why = NULL;
	struct volume volume;
	struct store *store;
	int first;

	if (options_parse(&command_volume_exists, argc, argv, NULL, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	if (volume_load(store, argv[first], &volume, &why) < 0)
		return why->kind == ERR_NOT_FOUND || why->kind == ERR_INVALID
			       ? 1
			       : error_move(err, &why);
	volume_clear(&volume);
	return 0;
}

const struct command command_volume_exists = {
	.name = "exists",
	.summary = "check if a volume exists",
	.description = "the exit status tells: 0 when the volume exists, 1 when it does not.",
	.operands = "VOLUME",
	.examples = "pod volume exists myvol",
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_VOLUME,
	.run = volume_exists_run,
};
