#include "config.h"

#include "cmd/commands.h"
#include "cmd/select.h"
#include "container/watch.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

struct wait_options {
	bool latest, ignore;
	char **conditions;
	const char *interval;
};

static const struct option_spec wait_options[] = {
	OPTION_LIST("condition", 0, struct wait_options, conditions, "STATE",
		"Wait for a state: running, paused, exited, healthy, unhealthy ... (default: its "
		"end)"),
	OPTION_BOOL("ignore", 0, struct wait_options, ignore,
		"Print -1 for what does not exist instead of failing"),
	OPTION_STRING("interval", 'i', struct wait_options, interval, "DURATION",
		"Time between two looks, where nothing tells: milliseconds, or with a unit",
		.default_text = "250ms"),
	OPTION_BOOL("latest", 'l', struct wait_options, latest, "The last created container"),
	OPTION_END,
};

static int parse_interval(const char *text, uint32_t *ret_ms, struct error **err)
{
	int64_t ns = 250 * 1000000;
	uint64_t ms;

	if (text && str_to_uint64(text, UINT32_MAX, &ms) == 0)
		ns = (int64_t)ms * 1000000;
	else if (text && duration_parse(text, &ns, err) < 0)
		return error_wrap(err, "--interval");
	if (ns < 1000000 || ns > (int64_t)INT32_MAX * 1000000)
		return error_set(
			err, ERR_USAGE, "--interval '%s': must be from 1ms to 24 days", text);
	*ret_ms = (uint32_t)(ns / 1000000);
	return 0;
}

static int wait_all(struct command_context *ctx, const struct wait_options *opts, int argc,
	char **argv, struct error **err)
{
	cleanup_targets struct container_targets targets = {0};
	const struct container_selection selection = {
		.latest = opts->latest, .ignore_missing = opts->ignore};
	uint32_t interval_ms = 0;
	struct store *store;
	int status = 0;

	if (parse_interval(opts->interval, &interval_ms, err) < 0)
		return -1;
	for (char **condition = opts->conditions; condition && *condition; condition++)
		if (container_condition_check(*condition, err) < 0)
			return -1;
	if (command_store(ctx, &store, err) < 0 ||
		container_select(
			store, &command_wait, &selection, argc, argv, &targets, &status, err) < 0)
		return -1;
	if (opts->ignore && targets.count == 0)
		command_print(ctx, "-1\n");
	for (size_t i = 0; i < targets.count; i++) {
		cleanup_error struct error *one = NULL;
		struct container *container = targets.items[i];
		int code, result;

		if (opts->conditions)
			result = container_wait_condition(
				container, opts->conditions, interval_ms, &code, &one);
		else
			result = container_wait(store, container, &code, &one);
		if (result < 0)
			status = command_report(&command_wait, one, status);
		else
			command_print(ctx, "%d\n", code);
		if (command_flush(ctx, err) < 0)
			return -1;
	}
	return status;
}

static int wait_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct wait_options opts = {0};
	int first, status;

	status = options_parse(&command_wait, argc, argv, &opts, &first, err);
	if (status == 0)
		status = wait_all(ctx, &opts, argc - first, argv + first, err);
	strv_free(opts.conditions);
	return status;
}

const struct command command_wait = {
	.name = "wait",
	.summary = "Wait until containers have ended and print their exit codes",
	.operands = "[CONTAINER...]",
	.examples = "pod wait job\n"
		    "pod wait --condition healthy web",
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = wait_options,
	.run = wait_run,
};
