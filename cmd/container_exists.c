#include "config.h"

#include "cmd/command.h"
#include "cmd/commands.h"
#include "container/container.h"

static int container_exists_run(
	struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_error struct error *why = NULL;
	struct store *store;
	char id[65];
	int first;

	if (options_parse(&command_container_exists, argc, argv, NULL, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	if (container_find_id(store, argv[first], id, &why) < 0)
		return why->kind == ERR_NOT_FOUND ? 1 : error_move(err, &why);
	return 0;
}

const struct command command_container_exists = {
	.name = "exists",
	.summary = "check if a container exists in local storage",
	.description =
		"if the named container exists in local storage, exits with 0, otherwise with 1.",
	.operands = "CONTAINER",
	.examples = "pod container exists myctr || pod run --name myctr alpine",
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_CONTAINER,
	.run = container_exists_run,
};
