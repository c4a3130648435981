#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/image_users.h"
#include "cmd/progress.h"
#include "image/image.h"
#include "util/mem.h"
#include "util/str.h"

struct load_command {
	const char *input;
	bool quiet;
};

static const struct option_spec options[] = {
	OPTION_STRING("input", 'i', struct load_command, input, "string",
		"read from specified archive file or directory (default: stdin)",
		.complete = COMPLETE_FILE),
	OPTION_BOOL("quiet", 'q', struct load_command, quiet, "suppress the output"),
	OPTION_END,
};

extern const struct command command_load;

static int open_input(const char *path, struct error **err)
{
	int fd;

	if (!path && isatty(STDIN_FILENO))
		return error_set(err, ERR_USAGE,
			"cannot read from terminal. Use command-line redirection or the --input "
			"flag");
	fd = path ? open(path, O_RDONLY | O_CLOEXEC) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? error_errno(err, errno, "open '%s'", path ? path : "stdin") : fd;
}

static int load_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_progress struct progress *progress = NULL;
	cleanup_strv char **names = NULL;
	cleanup_close int in_fd = -1;
	struct load_command cmd = {0};
	struct pull_events events;
	struct store *store;
	int first;

	if (options_parse(&command_load, argc, argv, &cmd, &first, err) < 0)
		return -1;
	in_fd = open_input(cmd.input, err);
	if (in_fd < 0 || command_store(ctx, &store, err) < 0)
		return -1;
	progress = progress_new(cmd.quiet || docker_called());
	events = progress_events(progress);
	if (image_load_archive(store, in_fd, &events, &names, err) < 0)
		return error_wrap(err, "load '%s'", cmd.input ? cmd.input : "stdin");
	for (char **name = names; name && *name; name++)
		if (docker_called() && str_starts_with(*name, "sha256:"))
			command_print(ctx, "Loaded image ID: %s\n", *name);
		else
			command_print(ctx, "Loaded image: %s\n",
				docker_called() ? docker_familiar(*name) : *name);
	image_users_collect(store, true);
	return 0;
}

const struct command command_load = {
	.name = "load",
	.summary = "load image(s) from a tar archive",
	.description = "loads images from a docker-archive or OCI archive, compressed or not, or "
		       "from an OCI layout directory",
	.examples = "pod load -i image.tar\ncurl -L URL | pod load",
	.options = options,
	.run = load_run,
};
