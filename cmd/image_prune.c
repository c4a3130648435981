#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/image_users.h"
#include "cmd/usage.h"
#include "image/image.h"
#include "util/mem.h"

struct prune_command {
	bool all, force;
	char **filters;
};

static const struct option_spec options[] = {
	OPTION_BOOL("all", 'a', struct prune_command, all,
		"remove all images not in use by containers, not just dangling ones"),
	OPTION_STRV("filter", 0, struct prune_command, filters, "stringArray",
		"provide filter values (e.g. 'label=<key>=<value>')"),
	OPTION_BOOL("force", 'f', struct prune_command, force, "do not prompt for confirmation"),
	OPTION_END,
};

extern const struct command command_image_prune;

static bool confirmed(struct command_context *ctx, bool all, struct error **err)
{
	char answer[16];

	command_print(ctx,
		"WARNING! This %s all %s.\n"
		"Are you sure you want to continue? [y/N] ",
		docker_called() ? "will remove" : "command removes",
		all ? "images without at least one container associated with them"
		    : "dangling images");
	if (command_flush(ctx, err) < 0 || !fgets(answer, sizeof(answer), stdin))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

static int prune(struct command_context *ctx, const struct prune_command *cmd, struct error **err)
{
	struct image_removal removal = {0};
	struct image_users users;
	struct store *store;
	uint64_t had = 0;
	int status;

	if (!cmd->force && !confirmed(ctx, cmd->all, err))
		return *err ? -1 : 0;
	if (command_store(ctx, &store, err) < 0)
		return -1;
	if (docker_called() && usage_total(ctx, &had, err) < 0)
		return -1;
	image_users_init(store, &users);
	status = image_prune(store, cmd->all, cmd->filters, &users, &removal, err);
	if (docker_called()) {
		cleanup_strv char **lines = docker_removal_lines(&removal);

		image_removal_clear(&removal);
		image_users_collect(store, false);
		return status < 0 ? -1 : docker_print_pruned(ctx, "Images", lines, had, err);
	}
	for (char **id = removal.deleted; id && *id; id++)
		command_print(ctx, "%s\n", *id);
	image_removal_clear(&removal);
	image_users_collect(store, false);
	return status;
}

static int image_prune_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct prune_command cmd = {0};
	int first, status;

	if (options_parse(&command_image_prune, argc, argv, &cmd, &first, err) < 0)
		return -1;
	status = prune(ctx, &cmd, err);
	strv_free(cmd.filters);
	return status;
}

const struct command command_image_prune = {
	.name = "prune",
	.summary = "remove unused images",
	.description = "removes dangling or unused images from local storage",
	.examples = "pod image prune\npod image prune --all --force",
	.options = options,
	.run = image_prune_run,
};
