#include "config.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/container_shared.h"
#include "cmd/docker.h"
#include "cmd/listing.h"
#include "cmd/prompt.h"
#include "cmd/usage.h"
#include "container/container.h"
#include "util/mem.h"
#include "util/timefmt.h"

const char *const container_prune_keys[] = {"label", "until", NULL};

bool container_row_matches(const struct filter *filter, const void *row, void *data)
{
	cleanup_error struct error *ignored = NULL;
	const struct container_row *c = row;
	const uint64_t *now_ns = data;
	uint64_t time_ns;

	if (strcmp(filter->key, "label") == 0) {
		cleanup_strv char **labels = listing_lines(c->labels);

		return label_matches(labels, filter->value);
	}
	return time_parse(filter->value, *now_ns, &time_ns, &ignored) == 0 &&
	       c->created_ns < time_ns;
}

int container_filters_check(const struct filter_list *filters, uint64_t now_ns, struct error **err)
{
	const struct filter *f = NULL;
	uint64_t time_ns;

	while ((f = filters_find(filters, "until", f)))
		if (time_parse(f->value, now_ns, &time_ns, err) < 0)
			return error_wrap(err, "filter 'until'");
	return 0;
}

int container_prune_stopped(struct store *store, const struct command *command,
	const struct filter_list *filters, char ***ret_ids, int *ret_status, struct error **err)
{
	const struct container_remove_options opts = {.volumes = true};
	cleanup_container_index struct container_index index = {0};
	uint64_t now_ns = time_now_ns();
	char **ids = NULL;
	int status = 0;

	if (container_filters_check(filters, now_ns, err) < 0 ||
		container_index_load(store, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++) {
		const struct container_row *c = &index.rows[i];
		cleanup_container struct container *container = NULL;
		cleanup_error struct error *one = NULL;

		/* Without force: one that was started meanwhile stays. */
		if ((c->state != CONTAINER_CREATED && c->state != CONTAINER_EXITED) ||
			!filters_match(filters, container_row_matches, c, &now_ns))
			continue;
		if (container_load(store, c->id, &container, &one) == 0 &&
			container_remove(store, container, &opts, &one) == 0)
			strv_append(&ids, c->id);
		else if (one->kind != ERR_NOT_FOUND && one->kind != ERR_CONFLICT)
			status = command_report(command, one, status);
	}
	*ret_ids = ids;
	*ret_status = status;
	return 0;
}

struct container_prune_options {
	bool force;
	char **filters;
};

static const struct option_spec container_prune_options[] = {
	OPTION_STRV("filter", 0, struct container_prune_options, filters, "stringArray",
		"provide filter values (e.g. 'label=<key>=<value>')"),
	OPTION_BOOL("force", 'f', struct container_prune_options, force,
		"do not prompt for confirmation.  The default is false"),
	OPTION_END,
};

static int container_prune_run(
	struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_strv char **filters = NULL, **ids = NULL;
	cleanup_filters struct filter_list list = {0};
	struct container_prune_options opts = {0};
	struct store *store;
	int first, status;
	uint64_t had = 0;
	bool yes = true;

	status = options_parse(&command_container_prune, argc, argv, &opts, &first, err);
	filters = opts.filters;
	if (status < 0 || filters_parse(filters, container_prune_keys, &list, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	if (!opts.force) {
		command_print(ctx, docker_called()
					   ? "WARNING! This will remove all stopped containers.\n"
					   : "WARNING! This will remove all non running "
					     "containers.\n");
		if (prompt_confirm(ctx, &yes, err) < 0)
			return -1;
	}
	if (!yes)
		return 0;
	if (docker_called() && usage_total(ctx, &had, err) < 0)
		return -1;
	if (container_prune_stopped(store, &command_container_prune, &list, &ids, &status, err) < 0)
		return -1;
	if (docker_called())
		return docker_print_pruned(ctx, "Containers", ids, had, err) < 0 ? -1 : status;
	for (char **id = ids; id && *id; id++)
		command_print(ctx, "%s\n", *id);
	return status;
}

const struct command command_container_prune = {
	.name = "prune",
	.summary = "remove all non running containers",
	.examples = "pod container prune",
	.options = container_prune_options,
	.run = container_prune_run,
};
