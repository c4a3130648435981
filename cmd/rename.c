#include "config.h"

#include "cmd/commands.h"
#include "container/container.h"

static int rename_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct store *store;
	char id[65];
	int first;

	if (options_parse(&command_rename, argc, argv, NULL, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0 ||
		container_find_id(store, argv[first], id, err) < 0)
		return -1;
	return container_rename(store, id, argv[first + 1], err);
}

const struct command command_rename = {
	.name = "rename",
	.summary = "Give a container another name",
	.operands = "CONTAINER NAME",
	.examples = "pod rename web old-web",
	.min_operands = 2,
	.max_operands = 2,
	.complete = COMPLETE_CONTAINER,
	.run = rename_run,
};
