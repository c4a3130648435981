#include "config.h"

#include "cmd/command.h"
#include "image/image.h"

static int tag_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	extern const struct command command_tag;
	struct store *store;
	int first;

	if (options_parse(&command_tag, argc, argv, NULL, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	for (int i = first + 1; i < argc; i++)
		if (image_tag(store, argv[first], argv[i], err) < 0)
			return -1;
	return 0;
}

const struct command command_tag = {
	.name = "tag",
	.summary = "add an additional name to a local image",
	.description = "adds one or more additional names to locally-stored image",
	.operands = "IMAGE TARGET_NAME [TARGET_NAME...]",
	.examples = "pod tag 0e3bbc2 fedora:latest\npod tag httpd registry:5000/fedora/httpd:v2",
	.min_operands = 2,
	.max_operands = -1,
	.complete = COMPLETE_IMAGE,
	.run = tag_run,
};
