#include "config.h"

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/prompt.h"
#include "cmd/usage.h"
#include "cmd/volume_shared.h"
#include "container/events.h"
#include "container/volume_uses.h"
#include "util/mem.h"

struct volume_prune_options {
	bool force;
	char **filters;
};

static const struct option_spec volume_prune_options[] = {
	OPTION_STRV("filter", 0, struct volume_prune_options, filters, "stringArray",
		"provide filter values (e.g. 'label=<key>=<value>')"),
	OPTION_BOOL(
		"force", 'f', struct volume_prune_options, force, "do not prompt for confirmation"),
	OPTION_END,
};

static const char *const filter_keys[] = {"label", "name", "since", "until", NULL};

/* The names of those that nobody uses. */
static int find_unused(
	struct volume_uses *uses, char *const *filters, char ***ret, struct error **err)
{
	cleanup_volume_set struct volume_set set = {0};
	cleanup_strv char **names = NULL;

	if (volume_set_load(uses->store, filters, filter_keys, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < set.count; i++) {
		const char *user;

		if (volume_uses_find(uses, set.chosen[i]->name, &user, err) < 0)
			return -1;
		if (!user)
			strv_append(&names, set.chosen[i]->name);
	}
	*ret = steal_ptr(&names);
	return 0;
}

static int volume_prune_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_volume_uses struct volume_uses uses = {0};
	cleanup_strv char **filters = NULL, **names = NULL, **removed = NULL;
	struct volume_prune_options opts = {0};
	struct store *store;
	int first, status;
	uint64_t had = 0;
	bool yes = true;

	status = options_parse(&command_volume_prune, argc, argv, &opts, &first, err);
	filters = opts.filters;
	if (status < 0 || command_store(ctx, &store, err) < 0)
		return -1;
	uses = volume_uses_init(store);
	if (find_unused(&uses, filters, &names, err) < 0)
		return -1;
	if (!opts.force && docker_called()) {
		command_print(ctx, "WARNING! This will remove all local volumes not used by at "
				   "least one container.\n");
		if (prompt_confirm(ctx, &yes, err) < 0)
			return -1;
	} else if (!opts.force) {
		command_print(ctx, "WARNING! This will remove all volumes not used by at least one "
				   "container. The following volumes will be removed:\n");
		for (char **name = names; name && *name; name++)
			command_print(ctx, "%s\n", *name);
		if (prompt_confirm(ctx, &yes, err) < 0)
			return -1;
	}
	if (!yes)
		return 0;
	if (docker_called() && usage_total(ctx, &had, err) < 0)
		return -1;
	for (char **name = names; name && *name; name++) {
		cleanup_error struct error *one = NULL;
		const char *user = NULL;

		/* Asked again: the answer to the prompt may have taken its time. */
		if (volume_uses_find(&uses, *name, &user, err) < 0)
			return -1;
		if (user)
			continue;
		if (volume_remove(store, *name, &one) == 0) {
			event_volume(store, "remove", *name);
			strv_append(&removed, *name);
		} else if (one->kind != ERR_NOT_FOUND)
			status = command_report(&command_volume_prune, one, status);
	}
	if (docker_called())
		return docker_print_pruned(ctx, "Volumes", removed, had, err) < 0 ? -1 : status;
	for (char **name = removed; name && *name; name++)
		command_print(ctx, "%s\n", *name);
	return status;
}

const struct command command_volume_prune = {
	.name = "prune",
	.summary = "remove all unused volumes",
	.description =
		"volumes that are not currently owned by a container will be removed.\n\n"
		"The command prompts for confirmation which can be overridden with the --force "
		"flag.\nNote all data will be destroyed.",
	.options = volume_prune_options,
	.run = volume_prune_run,
};
