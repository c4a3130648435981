#include "config.h"

#include "cmd/command.h"
#include "image/image.h"

static int untag_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	extern const struct command command_untag;
	struct store *store;
	int first;

	if (options_parse(&command_untag, argc, argv, NULL, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	return image_untag(store, argv[first], argv + first + 1, err);
}

const struct command command_untag = {
	.name = "untag",
	.summary = "remove a name from a local image",
	.description =
		"removes one or more names from a locally-stored image; all of them when none "
		"is given",
	.operands = "IMAGE [NAME...]",
	.examples = "pod untag 0e3bbc2\npod untag httpd registry:5000/fedora/httpd:v2",
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGE,
	.run = untag_run,
};
