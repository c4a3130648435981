#include "config.h"

#include <fcntl.h>
#include <string.h>

#include "cmd/docker.h"
#include "cmd/select.h"
#include "container/policy.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

void container_targets_clear(struct container_targets *targets)
{
	container_list_free(targets->items, targets->count);
	strv_free(targets->names);
	*targets = (struct container_targets){0};
}

static void add(struct container_targets *targets, struct container *container, const char *name)
{
	array_grow(targets->items, targets->count, targets->capacity);
	targets->items[targets->count++] = container;
	strv_append(&targets->names, name);
}

static void add_named(struct store *store, const struct command *command,
	const struct container_selection *opts, const char *name, struct container_targets *ret,
	int *status)
{
	cleanup_error struct error *one = NULL;
	struct container *container;

	if ((opts->damaged ? container_find_any : container_find)(store, name, &container, &one) ==
		0)
		add(ret, container, name);
	else if (!opts->ignore_missing || one->kind != ERR_NOT_FOUND)
		*status = command_report(command, one, *status);
	else if (docker_called()) /* rm --force: said, but no failure */
		command_print_error(one);
}

int container_select(struct store *store, const struct command *command,
	const struct container_selection *opts, int argc, char **argv,
	struct container_targets *ret, int *status, struct error **err)
{
	if (argc > 0 && (opts->all || opts->latest))
		return error_set(err, ERR_USAGE,
			"--all and --latest cannot be used together with container names");
	if (argc == 0 && !opts->all && !opts->latest && !opts->cid_files)
		return error_set(err, ERR_USAGE, "you must provide at least one name or id");
	if (opts->all) {
		struct container **list;
		size_t count;

		if ((opts->damaged ? container_list_any : container_list)(
			    store, &list, &count, err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++)
			add(ret, list[i], list[i]->config->id);
		free(list);
		return 0;
	}
	if (opts->latest) {
		struct container *latest;

		if (container_latest(store, &latest, err) < 0)
			return -1;
		add(ret, latest, latest->config->id);
		return 0;
	}
	for (size_t i = 0; opts->cid_files && opts->cid_files[i]; i++) {
		cleanup_error struct error *one = NULL;
		cleanup_free char *text = NULL;

		if (read_file_limited(AT_FDCWD, opts->cid_files[i], 4096, &text, NULL, &one) < 0) {
			if (!opts->ignore_missing || one->kind != ERR_NOT_FOUND)
				return error_move(err, &one);
			continue;
		}
		text[strcspn(text, " \t\r\n")] = '\0';
		add_named(store, command, opts, text, ret, status);
	}
	for (int i = 0; i < argc; i++)
		add_named(store, command, opts, argv[i], ret, status);
	return 0;
}

int container_filters_parse(char *const *args, struct filter_list *ret, struct error **err)
{
	static const char *const keys[] = {
		"label", "name", "restart-policy", "should-start-on-boot", NULL};
	const struct filter *filter = NULL;

	if (filters_parse(args, keys, ret, err) < 0)
		return -1;
	while ((filter = filters_find(ret, "should-start-on-boot", filter)))
		if (!str_equal(filter->value, "true") && !str_equal(filter->value, "false"))
			return error_set(err, ERR_USAGE,
				"filter 'should-start-on-boot=%s': use true or false",
				filter->value);
	return 0;
}

bool container_filter_matches(const struct filter *filter, const void *row, void *data)
{
	const struct container *container = row;
	const struct container_config *config = container->config;
	struct restart_policy policy = {.kind = RESTART_NO};
	cleanup_error struct error *ignored = NULL; /* checked at create */

	(void)data;
	if (str_equal(filter->key, "label"))
		return label_matches(config->labels, filter->value);
	if (str_equal(filter->key, "name"))
		return str_equal(config->name, filter->value);
	if (str_equal(filter->key, "should-start-on-boot"))
		return container_starts_at_boot(container) == str_equal(filter->value, "true");
	(void)restart_policy_parse(config->restart_policy, &policy, &ignored);
	return str_equal(restart_policy_name(policy.kind), filter->value);
}
