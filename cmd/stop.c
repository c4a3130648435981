#include "config.h"

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/select.h"
#include "util/mem.h"

struct stop_options {
	bool all, latest, ignore, time_given;
	uint32_t time_s;
	char **cid_files, **filters;
};

static const struct option_spec stop_options[] = {
	OPTION_BOOL("all", 'a', struct stop_options, all, "All running containers"),
	OPTION_STRV("cidfile", 0, struct stop_options, cid_files, "FILE", "Read the id from FILE",
		.complete = COMPLETE_FILE),
	OPTION_STRV("filter", 'f', struct stop_options, filters, "KEY=VALUE",
		"Only containers with restart-policy=, should-start-on-boot=, label= or "
		"name=VALUE"),
	OPTION_BOOL("ignore", 'i', struct stop_options, ignore, "Pass over what does not exist"),
	OPTION_BOOL("latest", 'l', struct stop_options, latest, "The last created container"),
	OPTION_UINT32("time", 't', struct stop_options, time_s, "SECONDS",
		"Seconds from the stop signal to SIGKILL (default: the container's stop timeout)",
		.given_offset = OPTION_GIVEN(struct stop_options, time_given)),
	OPTION_END,
};

static int stop_selected(struct command_context *ctx, struct stop_options *opts, int argc,
	char **argv, struct error **err)
{
	cleanup_targets struct container_targets targets = {0};
	cleanup_filters struct filter_list filters = {0};
	struct container_selection selection;
	struct store *store;
	bool for_boot;
	int status = 0;

	if (container_filters_parse(opts->filters, &filters, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	/* Filters choose among all, unless somebody was named. */
	opts->all = opts->all || (filters.count && argc == 0 && !opts->latest && !opts->cid_files);
	for_boot = filters_find(&filters, "should-start-on-boot", NULL) != NULL;
	selection = (struct container_selection){.all = opts->all,
		.latest = opts->latest,
		.ignore_missing = opts->ignore,
		.cid_files = opts->cid_files};
	if (container_select(store, &command_stop, &selection, argc, argv, &targets, &status, err) <
		0)
		return -1;
	for (size_t i = 0; i < targets.count; i++) {
		struct container *container = targets.items[i];
		cleanup_error struct error *one = NULL;
		const struct container_stop_options stop = {
			.timeout_s =
				opts->time_given ? opts->time_s : container->config->stop_timeout_s,
			.record_signals = docker_called(),
		};

		if ((opts->all && !container_is_running(container)) ||
			!filters_match(&filters, container_filter_matches, container, NULL))
			continue;
		if (container_stop(store, container, &stop, &one) < 0) {
			status = command_report(&command_stop, one, status);
			continue;
		}
		/* Chosen because the next boot starts it: the stop must not change that. */
		if (for_boot)
			container_stop_forget(container);
		command_print(ctx, "%s\n", targets.names[i]);
	}
	return status;
}

static int stop_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct stop_options opts = {0};
	int first, status;

	status = options_parse(&command_stop, argc, argv, &opts, &first, err);
	if (status == 0)
		status = stop_selected(ctx, &opts, argc - first, argv + first, err);
	strv_free(opts.cid_files);
	strv_free(opts.filters);
	return status;
}

const struct command command_stop = {
	.name = "stop",
	.summary = "Stop one or more containers",
	.operands = "[CONTAINER...]",
	.examples = "pod stop web\npod stop -t 0 --all",
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.options = stop_options,
	.run = stop_run,
};
