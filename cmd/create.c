#include "config.h"

#include "cmd/commands.h"
#include "cmd/container_options.h"
#include "util/mem.h"

static int create_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	__attribute__((cleanup(container_options_clear))) struct container_options opts =
		CONTAINER_OPTIONS_INIT;
	cleanup_container struct container *container = NULL;
	cleanup_close int lock_fd = -1;
	struct store *store;
	int first;

	if (options_parse(&command_create, argc, argv, &opts, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0 ||
		container_options_make(ctx, store, &opts, argc - first, argv + first,
			ctx->command_line, &container, &lock_fd, err) < 0 ||
		container_make_volumes(store, container, err) < 0 ||
		container_sync(store, container, err) < 0)
		return -1;
	command_print(ctx, "%s\n", container->config->id);
	return 0;
}

const struct command command_create = {
	.name = "create",
	.summary = "Create a container without starting it",
	.operands = "IMAGE [COMMAND [ARG...]]",
	.examples = "pod create --name web -p 8080:80 nginx\npod start web",
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.complete = COMPLETE_IMAGE,
	.options = container_options_create,
	.run = create_run,
};
