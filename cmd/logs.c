#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "container/container.h"
#include "monitor/journal_logs.h"
#include "monitor/logs.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

/* Text is handed on in pieces of about this size. */
#define WRITE_SIZE 65536u

struct logs_command_options {
	bool follow, latest, names, timestamps;
	const char *since, *until, *tail;
};

static const struct option_spec logs_options_table[] = {
	OPTION_BOOL("follow", 'f', struct logs_command_options, follow,
		"go on with what the container writes, until it ends"),
	OPTION_BOOL("latest", 'l', struct logs_command_options, latest,
		"act on the latest container pod is aware of"),
	OPTION_BOOL("names", 0, struct logs_command_options, names,
		"put the container's name before every line"),
	OPTION_STRING("since", 0, struct logs_command_options, since, "TIME",
		"begin at a time: RFC 3339, seconds since 1970, or how long ago (\"10m\")"),
	OPTION_STRING("tail", 'n', struct logs_command_options, tail, "LINES",
		"begin with the last LINES lines, or \"all\""),
	OPTION_BOOL("timestamps", 't', struct logs_command_options, timestamps,
		"put the time before every line"),
	OPTION_STRING("until", 0, struct logs_command_options, until, "TIME",
		"end at a time, given as for --since"),
	OPTION_END,
};

/* What was read and not yet written; of one stream at a time, so that their order stays. */
struct writer {
	struct strbuf held;
	int stream;
};

static int writer_flush(void *data, struct error **err)
{
	struct writer *w = data;
	size_t len = w->held.len;

	w->held.len = 0;
	if (!len || write_all(w->stream, w->held.data, len) == 0)
		return 0;
	/* The reader has seen enough: as command_flush(). */
	if (errno == EPIPE)
		_exit(128 + SIGPIPE);
	return error_errno(err, errno, "write the log");
}

static int writer_write(void *data, int stream, const char *text, size_t len, struct error **err)
{
	struct writer *w = data;

	if (stream != w->stream || w->held.len >= WRITE_SIZE)
		if (writer_flush(w, err) < 0)
			return -1;
	w->stream = stream;
	strbuf_add(&w->held, text, len);
	return 0;
}

static int logs_of(
	struct container *container, const struct logs_options *options, struct error **err)
{
	struct logs_options opts = *options;
	struct writer writer = {.stream = STDOUT_FILENO};
	struct logs_sink sink = {.write = writer_write, .idle = writer_flush, .data = &writer};
	int result;

	if (str_equal(container->config->log_driver, "none") ||
		str_equal(container->config->log_driver, "passthrough"))
		return error_set(err, ERR_CONFLICT,
			"this container is using the '%s' log driver, cannot read logs: this "
			"container is not logging output",
			container->config->log_driver);
	if (!container_is_running(container))
		opts.follow = false;
	result = str_equal(container->config->log_driver, "journald")
			 ? journal_logs_read(
				   container->dir_fd, container->config->id, &opts, &sink, err)
			 : logs_read(container->dir_fd, &opts, &sink, err);
	strbuf_clear(&writer.held);
	return result;
}

static int read_options(
	const struct logs_command_options *opts, struct logs_options *ret, struct error **err)
{
	uint64_t now = time_now_ns();

	*ret = (struct logs_options){
		.follow = opts->follow,
		.timestamps = opts->timestamps,
		.tail = -1,
	};
	/* podman: negative is all */
	if (opts->tail && strcmp(opts->tail, "all") != 0 &&
		str_to_int64(opts->tail, -1, INT64_MAX, &ret->tail) < 0)
		return error_set(err, ERR_USAGE,
			"invalid argument \"%s\" for \"-n, --tail\": a number of lines, or \"all\"",
			opts->tail);
	if (opts->since && time_parse(opts->since, now, &ret->since_ns, err) < 0)
		return error_wrap(err, "--since");
	if (opts->until && time_parse(opts->until, now, &ret->until_ns, err) < 0)
		return error_wrap(err, "--until");
	return 0;
}

static int logs_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct logs_command_options opts = {0};
	struct logs_options options;
	struct store *store;
	int first, parsed, count, status = 0;

	parsed = options_parse(&command_logs, argc, argv, &opts, &first, err);
	if (parsed)
		return parsed < 0 ? -1 : 0;
	count = argc - first;
	if (opts.latest ? count > 0 : count == 0)
		return error_set(err, ERR_USAGE,
			opts.latest ? "no container is named with --latest"
				    : "specify at least one container name or ID to log");
	if (opts.follow && count > 1)
		return error_set(err, ERR_USAGE, "--follow takes one container");
	if (read_options(&opts, &options, err) < 0 || command_store(ctx, &store, err) < 0)
		return -1;
	for (int i = 0; i < (opts.latest ? 1 : count); i++) {
		cleanup_container struct container *container = NULL;
		cleanup_error struct error *one = NULL;

		if ((opts.latest ? container_latest(store, &container, &one)
				 : container_find(store, argv[first + i], &container, &one)) == 0) {
			/* podman tells several containers apart by their ids */
			options.name = opts.names  ? container->config->name
				       : count > 1 ? container->config->id
						   : NULL;
			if (logs_of(container, &options, &one) == 0)
				continue;
		}
		status = command_report(&command_logs, one, status);
	}
	return status;
}

const struct command command_logs = {
	.name = "logs",
	.summary = "Fetch the logs of one or more containers",
	.description = "Prints what containers have written to standard output and error.",
	.operands = "CONTAINER [CONTAINER...]",
	.examples = "pod logs web\n"
		    "pod logs -f --tail 20 web\n"
		    "pod logs --since 10m -t web",
	.min_operands = 0,
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = logs_options_table,
	.run = logs_run,
};
