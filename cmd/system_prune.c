#include "config.h"

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/container_shared.h"
#include "cmd/docker.h"
#include "cmd/image_users.h"
#include "cmd/prompt.h"
#include "cmd/usage.h"
#include "cmd/volume_shared.h"
#include "container/events.h"
#include "container/volume_uses.h"
#include "image/image.h"
#include "rootless/userns.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/timefmt.h"

struct system_prune_options {
	bool all, force, volumes;
	char **filters;
};

static const struct option_spec system_prune_options[] = {
	OPTION_BOOL("all", 'a', struct system_prune_options, all, "remove all unused data"),
	OPTION_STRV("filter", 0, struct system_prune_options, filters, "stringArray",
		"provide filter values (e.g. 'label=<key>=<value>')"),
	OPTION_BOOL("force", 'f', struct system_prune_options, force,
		"do not prompt for confirmation.  The default is false"),
	OPTION_BOOL("volumes", 0, struct system_prune_options, volumes, "prune volumes"),
	OPTION_END,
};

static void print_list(struct command_context *ctx, const char *heading, char *const *list)
{
	if (!list || !*list)
		return;
	command_print(ctx, docker_called() ? "%s:\n" : "%s\n", heading);
	for (; *list; list++)
		command_print(ctx, "%s\n", *list);
	if (docker_called())
		command_print(ctx, "\n");
}

static int prune_images(struct command_context *ctx, struct store *store,
	const struct system_prune_options *opts, struct error **err)
{
	cleanup_error struct error *why = NULL;
	struct image_removal removal = {0};
	struct image_users users;
	int status;

	image_users_init(store, &users);
	status = image_prune(store, opts->all, opts->filters, &users, &removal, err);
	if (docker_called()) {
		cleanup_strv char **lines = docker_removal_lines(&removal);

		print_list(ctx, "Deleted Images", lines);
	} else {
		print_list(ctx, "Deleted Images", removal.deleted);
	}
	image_removal_clear(&removal);
	if (image_collect(store, &users, &why) < 0)
		log_warning("%s", why->message);
	return status;
}

static int prune_volumes(struct command_context *ctx, struct store *store,
	const struct system_prune_options *opts, int *status, struct error **err)
{
	cleanup_volume_uses struct volume_uses uses = volume_uses_init(store);
	cleanup_volume_set struct volume_set set = {0};
	cleanup_strv char **removed = NULL;

	if (volume_set_load(store, opts->filters, container_prune_keys, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < set.count; i++) {
		cleanup_error struct error *one = NULL;
		const char *user, *name = set.chosen[i]->name;

		if (volume_uses_find(&uses, name, &user, err) < 0)
			return -1;
		if (user)
			continue;
		if (volume_remove(store, name, &one) == 0) {
			event_volume(store, "remove", name);
			strv_append(&removed, name);
		} else if (one->kind != ERR_NOT_FOUND)
			*status = command_report(&command_system_prune, one, *status);
	}
	print_list(ctx, "Deleted Volumes", removed);
	return 0;
}

/* What killed commands left behind, too. A host without subordinate ids has no files of theirs. */
static void sweep(struct store *store)
{
	cleanup_error struct error *ignored = NULL, *why = NULL;
	cleanup_close int userns_fd = -1;

	if (store->rootless)
		userns_fd = userns_get(store->runtime_fd, &ignored);
	if (store_sweep(store, userns_fd, &why) < 0)
		log_warning("%s", why->message);
}

static int prune(struct command_context *ctx, struct store *store,
	const struct system_prune_options *opts, const struct filter_list *filters,
	struct error **err)
{
	cleanup_strbuf struct strbuf size = STRBUF_INIT;
	cleanup_strv char **ids = NULL;
	uint64_t had, has;
	int status = 0;

	if (usage_total(ctx, &had, err) < 0 || container_prune_stopped(store, &command_system_prune,
						       filters, &ids, &status, err) < 0)
		return -1;
	print_list(ctx, "Deleted Containers", ids);
	if (prune_images(ctx, store, opts, err) < 0)
		return -1;
	if (opts->volumes && prune_volumes(ctx, store, opts, &status, err) < 0)
		return -1;
	sweep(store);
	if (usage_total(ctx, &has, err) < 0)
		return -1;
	size_human(had > has ? had - has : 0, 4, &size);
	command_print(ctx, "Total reclaimed space: %s\n", strbuf_str(&size));
	return status;
}

static int system_prune_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_filters struct filter_list list = {0};
	struct system_prune_options opts = {0};
	cleanup_strv char **filters = NULL;
	struct store *store;
	bool yes = true;
	int first, status;

	status = options_parse(&command_system_prune, argc, argv, &opts, &first, err);
	filters = opts.filters;
	if (status < 0 || filters_parse(filters, container_prune_keys, &list, err) < 0 ||
		container_filters_check(&list, time_now_ns(), err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	if (!opts.force) {
		const char *item = docker_called() ? "  - " : "\t- ";

		command_print(ctx, "WARNING! This %s:\n%sall stopped containers\n%s%s%sall %s\n\n",
			docker_called() ? "will remove" : "command removes", item,
			opts.volumes ? item : "",
			opts.volumes ? "all volumes not used by at least one container\n" : "",
			item,
			opts.all ? "images without at least one container associated with them"
				 : "dangling images");
		if (prompt_confirm(ctx, &yes, err) < 0)
			return -1;
	}
	return yes ? prune(ctx, store, &opts, &list, err) : 0;
}

const struct command command_system_prune = {
	.name = "prune",
	.summary = "remove unused data",
	.description =
		"removes stopped containers, dangling images (--all: all that no container uses), "
		"and "
		"with\n--volumes unused volumes; also what interrupted commands left behind.",
	.examples = "pod system prune\npod system prune --all --volumes --force",
	.options = system_prune_options,
	.run = system_prune_run,
};
