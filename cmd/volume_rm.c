#include "config.h"

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/volume_shared.h"
#include "container/container.h"
#include "container/events.h"
#include "container/volume_uses.h"
#include "util/mem.h"

struct volume_rm_options {
	bool all, force;
	uint32_t time_s;
};

static const struct option_spec volume_rm_options[] = {
	OPTION_BOOL("all", 'a', struct volume_rm_options, all, "remove all volumes"),
	OPTION_BOOL("force", 'f', struct volume_rm_options, force,
		"remove a volume by force, even if it is being used by a container"),
	OPTION_UINT32("time", 't', struct volume_rm_options, time_s, "SECONDS",
		"seconds to wait for running containers to stop before killing the container",
		.default_text = "10"),
	OPTION_END,
};

/* The containers that use the volume go first. */
static int remove_users(
	struct volume_uses *uses, const char *name, uint32_t time_s, struct error **err)
{
	struct container_remove_options opts = {
		.force = true, .volumes = true, .timeout_s = time_s};

	for (;;) {
		cleanup_container struct container *container = NULL;
		cleanup_error struct error *one = NULL;
		const char *user;

		if (volume_uses_find(uses, name, &user, err) < 0)
			return -1;
		if (!user)
			return 0;
		if (container_load(uses->store, user, &container, &one) < 0 ||
			container_remove(uses->store, container, &opts, &one) < 0) {
			if (one->kind == ERR_NOT_FOUND)
				continue; /* somebody else removed it */
			return error_move(err, &one);
		}
	}
}

static int remove_one(struct volume_uses *uses, const char *name,
	const struct volume_rm_options *opts, struct error **err)
{
	cleanup_free char *whole = volume_resolve(uses->store, name, err);
	const char *user;

	if (!whole)
		return -1;
	if (opts->force) {
		if (remove_users(uses, whole, opts->time_s, err) < 0)
			return -1;
	} else {
		if (volume_uses_find(uses, whole, &user, err) < 0)
			return -1;
		if (user) {
			error_set(err, ERR_CONFLICT,
				"volume %s is being used by the following container(s): %s: volume "
				"is being used",
				whole, user);
			return error_docker(err,
				"Error response from daemon: remove %s: volume is in use - [%s]",
				whole, user);
		}
	}
	if (volume_remove(uses->store, whole, err) < 0)
		return -1;
	event_volume(uses->store, "remove", whole);
	return 0;
}

static int volume_rm_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_volume_uses struct volume_uses uses = {0};
	cleanup_volume_set struct volume_set set = {0};
	struct volume_rm_options opts = {.time_s = 10};
	struct store *store;
	int first, status = 0;

	if (options_parse(&command_volume_rm, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (opts.all == (first < argc))
		return error_set(err, ERR_USAGE, "choose either one or more volumes or all");
	if (command_store(ctx, &store, err) < 0)
		return -1;
	uses = volume_uses_init(store);
	if (opts.all && volume_set_load(store, NULL, NULL, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < (opts.all ? set.count : (size_t)(argc - first)); i++) {
		const char *name = opts.all ? set.chosen[i]->name : argv[first + (int)i];
		cleanup_error struct error *one = NULL;

		if (remove_one(&uses, name, &opts, &one) == 0)
			command_print(ctx, "%s\n", name);
		else if (!(opts.force && one->kind == ERR_NOT_FOUND))
			status = command_report(&command_volume_rm, one, status);
	}
	return status;
}

const struct command command_volume_rm = {
	.name = "rm",
	.summary = "remove one or more volumes",
	.description =
		"remove one or more existing volumes.\n\nBy default only volumes that are not "
		"being "
		"used by any containers will be removed.\nTo remove the volumes anyways, use "
		"the --force flag.",
	.operands = "VOLUME [VOLUME...]",
	.examples = "pod volume rm myvol1 myvol2\npod volume rm --all\npod volume rm --force myvol",
	.max_operands = -1,
	.complete = COMPLETE_VOLUME,
	.options = volume_rm_options,
	.exit_status = {[ERR_NOT_FOUND] = 1, [ERR_CONFLICT] = 2},
	.run = volume_rm_run,
};
