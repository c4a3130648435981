#include "config.h"

#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "container/copy.h"
#include "util/mem.h"

struct cp_options {
	bool archive, overwrite;
};

static const struct option_spec cp_options[] = {
	OPTION_BOOL("archive", 'a', struct cp_options, archive,
		"files copied into a container belong to its user; with --archive=false owners are "
		"kept"),
	OPTION_BOOL("overwrite", 0, struct cp_options, overwrite,
		"replace directories by other files and the other way round"),
	OPTION_END,
};

/* "CONTAINER:PATH", "-" or a path of the host; one with a ':' must begin with '/' or '.'. */
static int end_parse(struct store *store, const char *text, int stream_fd, struct copy_end *ret,
	struct container **ret_container, struct error **err)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *name = NULL;

	*ret = (struct copy_end){.path = text, .stream_fd = -1};
	if (strcmp(text, "-") == 0) {
		*ret = (struct copy_end){.stream_fd = stream_fd};
		return 0;
	}
	if (*text == '/' || *text == '.' || !colon)
		return *text ? 0 : error_set(err, ERR_USAGE, "an empty path names no file");
	name = xstrndup(text, (size_t)(colon - text));
	if (container_find(store, name, ret_container, err) < 0)
		return -1;
	ret->container = *ret_container;
	ret->path = colon[1] ? colon + 1 : "/";
	return 0;
}

static int cp_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct cp_options opts = {.archive = true};
	cleanup_container struct container *from = NULL, *to = NULL;
	struct copy_end source, destination;
	struct store *store;
	int first, parsed;

	parsed = options_parse(&command_cp, argc, argv, &opts, &first, err);
	if (parsed)
		return parsed < 0 ? -1 : 0;
	if (command_store(ctx, &store, err) < 0 ||
		end_parse(store, argv[first], STDIN_FILENO, &source, &from, err) < 0 ||
		end_parse(store, argv[first + 1], STDOUT_FILENO, &destination, &to, err) < 0)
		return -1;
	if (!from && !to)
		return error_set(err, ERR_USAGE,
			"'%s' and '%s': one of them must be in a container (CONTAINER:PATH)",
			argv[first], argv[first + 1]);
	if (!destination.path && isatty(STDOUT_FILENO))
		return error_set(err, ERR_USAGE, "refusing to write an archive to a terminal");
	if (!source.path && isatty(STDIN_FILENO))
		return error_set(err, ERR_USAGE, "refusing to read an archive from a terminal");
	return container_copy(store, &source, &destination,
		&(struct copy_options){.keep_ids = !opts.archive, .overwrite = opts.overwrite},
		err);
}

const struct command command_cp = {
	.name = "cp",
	.summary = "Copy files/folders between a container and the local filesystem",
	.description =
		"Copies a file or a directory into, out of or between containers, running or not. "
		"'-' as source or destination is a tar archive on standard input or output.",
	.operands = "[CONTAINER:]SRC_PATH [CONTAINER:]DEST_PATH",
	.examples = "pod cp web:/var/log/nginx ./logs\n"
		    "pod cp index.html web:/srv/www/\n"
		    "pod cp web:/etc - | tar tf -",
	.min_operands = 2,
	.max_operands = 2,
	.complete = COMPLETE_CONTAINER,
	.options = cp_options,
	.run = cp_run,
};
