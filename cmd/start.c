#include "config.h"

#include <unistd.h>

#include "cmd/attach.h"
#include "cmd/commands.h"
#include "cmd/select.h"
#include "monitor/client.h"
#include "util/filter.h"
#include "util/mem.h"
#include "util/sealed.h"
#include "util/str.h"

struct start_options {
	bool attach, interactive, latest, all, sig_proxy;
	char **filters;
	const char *detach_keys, *conmon_pidfile;
};

static const struct option_spec start_options[] = {
	OPTION_BOOL("all", 0, struct start_options, all, "Start all containers that do not run"),
	OPTION_BOOL(
		"attach", 'a', struct start_options, attach, "Attach standard output and error"),
	OPTION_STRING("conmon-pidfile", 0, struct start_options, conmon_pidfile, "FILE",
		"Write the process id of the container's monitor to FILE",
		.complete = COMPLETE_FILE),
	OPTION_STRING("detach-keys", 0, struct start_options, detach_keys, "KEYS",
		"Keys that detach from the container", .default_text = "ctrl-p,ctrl-q"),
	OPTION_STRV("filter", 'f', struct start_options, filters, "KEY=VALUE",
		"Only containers with restart-policy=, should-start-on-boot=, label= or "
		"name=VALUE"),
	OPTION_BOOL("interactive", 'i', struct start_options, interactive, "Attach standard input"),
	OPTION_BOOL("latest", 'l', struct start_options, latest, "The last created container"),
	OPTION_BOOL("sig-proxy", 0, struct start_options, sig_proxy,
		"Pass signals on to the container (default: with --attach)"),
	OPTION_END,
};

static int start_attached(struct store *store, struct container *container,
	const struct start_options *opts, struct error **err)
{
	struct container_start_options start = {.attach = true,
		.lossless = true,
		.lock_fd = -1,
		.conmon_pidfile = opts->conmon_pidfile};
	const struct attach_options attach = {
		.stdin_fd = opts->interactive && container->config->stdin_open &&
					    !str_equal(container->config->log_driver, "passthrough")
				    ? STDIN_FILENO
				    : -1,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
		.terminal = container->config->terminal,
		.sig_proxy = opts->sig_proxy,
		.lossless = true,
		.detach_keys = opts->detach_keys,
	};
	cleanup_close int client_fd = -1;
	enum attach_end end = ATTACH_LOST;
	int code = 0, result;

	attach_hold_signals(opts->sig_proxy);
	if (container->config->terminal)
		attach_size(&start);
	if (container_is_running(container)) {
		client_fd = container_connect(store, container, err);
		if (client_fd < 0)
			return -1;
	} else if (container_start(store, container, &start, &client_fd, err) < 0) {
		return -1;
	}
	result = attach_run(client_fd, &attach, &end, &code, err);
	return attach_status(result, end, code, err);
}

static int start_detached(struct store *store, struct container *container,
	const struct start_options *opts, struct error **err)
{
	const struct container_start_options start = {
		.lock_fd = -1, .conmon_pidfile = opts->conmon_pidfile};
	cleanup_error struct error *one = NULL;
	int client_fd = -1;

	if (container->status.state == CONTAINER_UNSUPERVISED)
		return error_set(err, ERR_CONFLICT,
			"container '%s' still runs, unsupervised: its monitor was killed; end it "
			"with stop "
			"or rm -f first",
			container->config->name);
	if (container->status.state == CONTAINER_PAUSED)
		return error_set(err, ERR_CONFLICT,
			"cannot start paused container '%s', try unpause instead",
			container->config->name);
	/* Starting what runs is no error, as with docker and podman. */
	if (container->status.state == CONTAINER_RUNNING ||
		container->status.state == CONTAINER_RESTARTING)
		return 0;
	if (container_start(store, container, &start, &client_fd, &one) == 0)
		return 0;
	if (one->kind == ERR_CONFLICT && container_refresh(container, err) == 0 &&
		(container->status.state == CONTAINER_RUNNING ||
			container->status.state == CONTAINER_RESTARTING))
		return 0; /* somebody else was faster */
	return *err ? -1 : error_move(err, &one);
}

static int start_all(struct command_context *ctx, const struct start_options *options, int argc,
	char **argv, struct error **err)
{
	cleanup_targets struct container_targets targets = {0};
	cleanup_filters struct filter_list filters = {0};
	struct container_selection selection;
	struct start_options opts = *options;
	cleanup_close int late_fd = -1;
	struct store *store;
	int status = 0;

	if (container_filters_parse(opts.filters, &filters, err) < 0 ||
		command_store(ctx, &store, err) < 0 ||
		sealed_begin(store->rootless, &late_fd, err) < 0)
		return -1;
	/* Filters choose among all, unless somebody was named. */
	opts.all = opts.all || (filters.count && argc == 0 && !opts.latest);
	selection = (struct container_selection){.all = opts.all, .latest = opts.latest};
	if (container_select(
		    store, &command_start, &selection, argc, argv, &targets, &status, err) < 0)
		return -1;
	if (opts.conmon_pidfile && targets.count > 1)
		return error_set(
			err, ERR_USAGE, "--conmon-pidfile is for the start of one container");
	if (opts.attach || opts.interactive) {
		if (targets.count + (status != 0) > 1)
			return error_set(err, ERR_USAGE,
				"you cannot start and attach multiple containers "
				"at once");
		return targets.count ? start_attached(store, targets.items[0], &opts, err) : status;
	}
	for (size_t i = 0; i < targets.count; i++) {
		cleanup_error struct error *one = NULL;

		if ((opts.all && container_is_running(targets.items[i])) ||
			!filters_match(&filters, container_filter_matches, targets.items[i], NULL))
			continue;
		if (start_detached(store, targets.items[i], &opts, &one) < 0)
			status = command_report(&command_start, one, status);
		else
			command_print(ctx, "%s\n", targets.names[i]);
	}
	return status;
}

static int start_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct start_options opts = {.sig_proxy = true, .detach_keys = "ctrl-p,ctrl-q"};
	int first, status;

	status = options_parse(&command_start, argc, argv, &opts, &first, err);
	if (status == 0)
		status = start_all(ctx, &opts, argc - first, argv + first, err);
	strv_free(opts.filters);
	return status;
}

const struct command command_start = {
	.name = "start",
	.summary = "Start one or more containers",
	.operands = "[CONTAINER...]",
	.examples = "pod start web\npod start -ai shell",
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = start_options,
	.run = start_run,
};
