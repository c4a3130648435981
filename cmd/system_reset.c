#include "config.h"

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/prompt.h"
#include "container/container.h"
#include "container/index.h"
#include "rootless/userns.h"
#include "storage/usage.h"
#include "util/mem.h"

struct system_reset_options {
	bool force;
};

static const struct option_spec system_reset_options[] = {
	OPTION_BOOL(
		"force", 'f', struct system_reset_options, force, "do not prompt for confirmation"),
	OPTION_END,
};

static int remove_containers(struct store *store, struct error **err)
{
	const struct container_remove_options opts = {.force = true};
	cleanup_container_index struct container_index index = {0};

	if (container_index_load(store, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++) {
		cleanup_container struct container *container = NULL;
		cleanup_error struct error *one = NULL;

		if ((container_load(store, index.rows[i].id, &container, &one) < 0 ||
			    container_remove(store, container, &opts, &one) < 0) &&
			one->kind != ERR_NOT_FOUND) {
			error_move(err, &one);
			return error_wrap(err, "remove container %.12s", index.rows[i].id);
		}
	}
	return 0;
}

static int reset(struct store *store, struct error **err)
{
	cleanup_error struct error *no_userns = NULL;
	cleanup_close int userns_fd = -1;

	if (remove_containers(store, err) < 0)
		return -1;
	/* A host that can make none has no files of other ids here either. */
	if (store->rootless)
		userns_fd = userns_get(store->runtime_fd, &no_userns);
	return store_reset(store, userns_fd, err);
}

static int system_reset_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct system_reset_options opts = {0};
	struct store *store;
	bool yes = true;
	int first;

	if (options_parse(&command_system_reset, argc, argv, &opts, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	if (!opts.force) {
		command_print(ctx,
			"WARNING! This will remove:\n"
			"        - all containers\n"
			"        - all images\n"
			"        - all volumes\n"
			"        - the graphRoot directory: \"%s\"\n"
			"        - the runRoot directory: \"%s\"\n",
			store->data_path, store->runtime_path);
		if (prompt_confirm(ctx, &yes, err) < 0)
			return -1;
	}
	return yes ? reset(store, err) : 0;
}

const struct command command_system_reset = {
	.name = "reset",
	.summary = "reset pod storage",
	.description =
		"reset pod storage back to default state\n\nAll containers will be stopped and "
		"removed, and all images, volumes and container content will be removed.",
	.options = system_reset_options,
	.run = system_reset_run,
};
