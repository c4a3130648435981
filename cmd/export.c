#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "container/copy.h"
#include "util/fs.h"
#include "util/mem.h"

struct export_options {
	const char *output;
};

static const struct option_spec export_options[] = {
	OPTION_STRING("output", 'o', struct export_options, output, "FILE",
		"Write to FILE instead of standard output", .complete = COMPLETE_FILE),
	OPTION_END,
};

static int export_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct export_options opts = {0};
	cleanup_container struct container *container = NULL;
	cleanup_close int file_fd = -1;
	struct copy_end from = {.path = "/", .stream_fd = -1}, to = {.stream_fd = STDOUT_FILENO};
	struct store *store;
	int first;

	if (options_parse(&command_export, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (!opts.output && isatty(STDOUT_FILENO))
		return error_set(err, ERR_USAGE,
			"refusing to write an archive to a terminal: use --output or redirect");
	if (command_store(ctx, &store, err) < 0 ||
		container_find(store, argv[first], &container, err) < 0)
		return -1;
	if (opts.output) {
		file_fd = open(opts.output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (file_fd < 0)
			return error_errno(err, errno, "open '%s'", opts.output);
		to.stream_fd = file_fd;
	}
	from.container = container;
	if (container_copy(store, &from, &to,
		    &(struct copy_options){.keep_ids = true, .one_mount = true}, err) < 0)
		return error_wrap(err, "export '%s'", container->config->name);
	return 0;
}

const struct command command_export = {
	.name = "export",
	.summary = "Write a container's files as a tar archive",
	.description = "Writes the files of a container, running or not, as a tar archive: its "
		       "image's and its own, without what is mounted on them. 'pod import' makes "
		       "an image of it.",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_CONTAINER,
	.options = export_options,
	.run = export_run,
};
