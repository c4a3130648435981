#include "config.h"

#include <stdio.h>

#include "cmd/commands.h"
#include "cmd/select.h"
#include "container/events.h"
#include "util/mem.h"
#include "util/signals.h"

struct kill_options {
	bool all, latest;
	const char *signal;
	char **cid_files;
};

static const struct option_spec kill_options[] = {
	OPTION_BOOL("all", 'a', struct kill_options, all, "All running containers"),
	OPTION_STRV("cidfile", 0, struct kill_options, cid_files, "FILE", "Read the id from FILE",
		.complete = COMPLETE_FILE),
	OPTION_BOOL("latest", 'l', struct kill_options, latest, "The last created container"),
	OPTION_STRING("signal", 's', struct kill_options, signal, "SIGNAL", "Signal to send",
		.default_text = "KILL"),
	OPTION_END,
};

static int kill_one(
	struct store *store, struct container *container, int number, struct error **err)
{
	char signal[12];

	/* Before the end that it may bring. */
	snprintf(signal, sizeof(signal), "%d", number);
	if (container_is_running(container))
		event_container(store, container, "kill", signal);
	return container_signal(store, container, number, err);
}

static int kill_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct kill_options opts = {.signal = "KILL"};
	cleanup_targets struct container_targets targets = {0};
	struct container_selection selection;
	struct store *store;
	int first, number, status = 0;

	if (options_parse(&command_kill, argc, argv, &opts, &first, err) < 0 ||
		signal_parse(opts.signal, &number, err) < 0 || command_store(ctx, &store, err) < 0)
		return -1;
	selection = (struct container_selection){
		.all = opts.all, .latest = opts.latest, .cid_files = opts.cid_files};
	if (container_select(store, &command_kill, &selection, argc - first, argv + first, &targets,
		    &status, err) < 0)
		status = -1;
	for (size_t i = 0; i < targets.count && status >= 0; i++) {
		cleanup_error struct error *one = NULL;

		if (opts.all && !container_is_running(targets.items[i]))
			continue;
		if (kill_one(store, targets.items[i], number, &one) < 0)
			status = command_report(&command_kill, one, status);
		else
			command_print(ctx, "%s\n", targets.names[i]);
	}
	strv_free(opts.cid_files);
	return status;
}

const struct command command_kill = {
	.name = "kill",
	.summary = "Send a signal to one or more containers",
	.operands = "[CONTAINER...]",
	.examples = "pod kill web\npod kill -s HUP web",
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.options = kill_options,
	.run = kill_run,
};
