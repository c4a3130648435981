#include "config.h"

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/select.h"
#include "util/log.h"
#include "util/mem.h"

struct rm_options {
	bool all, latest, force, ignore, volumes;
	uint32_t time_s;
	char **cid_files;
};

static const struct option_spec rm_options[] = {
	OPTION_BOOL("all", 'a', struct rm_options, all, "All containers"),
	OPTION_STRV("cidfile", 0, struct rm_options, cid_files, "FILE", "Read the id from FILE",
		.complete = COMPLETE_FILE),
	OPTION_BOOL("force", 'f', struct rm_options, force, "Stop a running container first"),
	OPTION_BOOL("ignore", 'i', struct rm_options, ignore, "Pass over what does not exist"),
	OPTION_BOOL("latest", 'l', struct rm_options, latest, "The last created container"),
	OPTION_UINT32("time", 't', struct rm_options, time_s, "SECONDS",
		"With --force: seconds from the stop signal to SIGKILL", .default_text = "10"),
	OPTION_BOOL("volumes", 'v', struct rm_options, volumes,
		"Remove the container's anonymous volumes, too"),
	OPTION_END,
};

static int rm_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct rm_options opts = {.time_s = docker_called() ? 0 : 10};
	cleanup_targets struct container_targets targets = {0};
	struct container_selection selection;
	struct container_remove_options remove;
	cleanup_error struct error *swept = NULL;
	struct store *store;
	int first, status = 0;

	if (options_parse(&command_rm, argc, argv, &opts, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	/* podman: with --force what does not exist is no error either */
	selection = (struct container_selection){.all = opts.all,
		.latest = opts.latest,
		.ignore_missing = opts.ignore || opts.force,
		.damaged = opts.force,
		.cid_files = opts.cid_files};
	remove = (struct container_remove_options){.force = opts.force,
		.volumes = opts.volumes,
		.killed = docker_called(),
		.timeout_s = opts.time_s};
	if (container_select(store, &command_rm, &selection, argc - first, argv + first, &targets,
		    &status, err) < 0)
		status = -1;
	for (size_t i = 0; i < targets.count && status >= 0; i++) {
		cleanup_error struct error *one = NULL;

		if (container_remove(store, targets.items[i], &remove, &one) < 0)
			status = command_report(&command_rm, one, status);
		else
			command_print(ctx, "%s\n", targets.names[i]);
	}
	/* What killed commands left goes, too; that it could not is no fault of this one. */
	if (status >= 0 && store_sweep(store, -1, &swept) < 0)
		log_debug("sweep: %s", swept->message);
	strv_free(opts.cid_files);
	return status;
}

const struct command command_rm = {
	.name = "rm",
	.summary = "Remove one or more containers",
	.operands = "[CONTAINER...]",
	.examples = "pod rm web\npod rm --force --all",
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = rm_options,
	.exit_status = {[ERR_NOT_FOUND] = 1, [ERR_CONFLICT] = 2}, /* podman-rm(1) */
	.run = rm_run,
};
