#include "config.h"

#include "cmd/commands.h"
#include "rootless/userns.h"

/* `pod __userns UIDS GIDS`: not for people. Root of the base user namespace makes one below it
 * (userns_nest()). */

static int userns_command_run(
	struct command_context *ctx, int argc, char **argv, struct error **err)
{
	int first;

	(void)ctx;
	if (options_parse(&command_userns, argc, argv, NULL, &first, err) < 0)
		return -1;
	userns_nest_main(argv[first], argv[first + 1]);
	return 0;
}

const struct command command_userns = {
	.name = "__userns",
	.summary = "make a user namespace below the one around",
	.operands = "UIDS GIDS",
	.min_operands = 2,
	.max_operands = 2,
	.run = userns_command_run,
};
