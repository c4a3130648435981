#include "config.h"

#include "cmd/command.h"
#include "image/image.h"

static int image_exists_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	extern const struct command command_image_exists;
	cleanup_error struct error *why = NULL;
	cleanup_image struct image *image = NULL;
	struct store *store;
	int first;

	if (options_parse(&command_image_exists, argc, argv, NULL, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	if (image_resolve(store, argv[first], &image, &why) == 0)
		return 0;
	return why->kind == ERR_NOT_FOUND ? 1 : error_move(err, &why);
}

const struct command command_image_exists = {
	.name = "exists",
	.summary = "check if an image exists in local storage",
	.description = "if the named image exists in local storage, exits with 0, otherwise with 1",
	.operands = "IMAGE",
	.examples = "pod image exists alpine || pod pull alpine",
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_IMAGE,
	.run = image_exists_run,
};
