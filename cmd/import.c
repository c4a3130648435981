#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "image/image.h"
#include "util/mem.h"
#include "util/str.h"

struct import_command {
	char **changes;
	const char *message, *os, *architecture, *variant, *platform;
	bool quiet;
};

static const struct option_spec options[] = {
	OPTION_STRING("arch", 0, struct import_command, architecture, "string",
		"set the architecture of the imported image"),
	OPTION_STRV("change", 'c', struct import_command, changes, "stringArray",
		"apply an instruction to the image: CMD | ENTRYPOINT | ENV | EXPOSE | LABEL | "
		"STOPSIGNAL | USER | VOLUME | WORKDIR"),
	OPTION_STRING("message", 'm', struct import_command, message, "string",
		"set commit message for imported image"),
	OPTION_STRING(
		"os", 0, struct import_command, os, "string", "set the OS of the imported image"),
	OPTION_STRING("platform", 0, struct import_command, platform, "string",
		"set OS, architecture and variant at once: linux/arm64/v8"),
	OPTION_BOOL("quiet", 'q', struct import_command, quiet, "suppress output"),
	OPTION_STRING("variant", 0, struct import_command, variant, "string",
		"set the variant of the imported image"),
	OPTION_END,
};

extern const struct command command_import;

static int open_input(const char *path, struct error **err)
{
	int fd;

	if (strcmp(path, "-") == 0) {
		if (isatty(STDIN_FILENO))
			return error_set(err, ERR_USAGE,
				"cannot read an archive from a terminal: use a file or a pipe");
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	}
	if (str_starts_with(path, "http://") || str_starts_with(path, "https://"))
		return error_set(err, ERR_UNSUPPORTED,
			"cannot import '%s': fetch it first, as in curl -L URL | pod import -",
			path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_errno(err, errno, "open '%s'", path) : fd;
}

static int import_image(struct command_context *ctx, const struct import_command *cmd,
	const char *path, const char *reference, struct error **err)
{
	const struct import_options opts = {
		.changes = cmd->changes,
		.message = cmd->message,
		.os = cmd->os,
		.architecture = cmd->architecture,
		.variant = cmd->variant,
	};
	cleanup_close int in_fd = open_input(path, err);
	cleanup_free char *id = NULL;
	struct store *store;

	if (in_fd < 0 || command_store(ctx, &store, err) < 0)
		return -1;
	if (image_import(store, in_fd, reference, &opts, &id, err) < 0)
		return error_wrap(err, "import '%s'", path);
	command_print(ctx, "sha256:%s\n", id);
	return 0;
}

static int import_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct import_command cmd = {0};
	struct platform platform = {0};
	int first, status;

	if (options_parse(&command_import, argc, argv, &cmd, &first, err) < 0)
		return -1;
	if (cmd.platform) {
		if (cmd.os || cmd.architecture || cmd.variant)
			return error_set(err, ERR_USAGE,
				"--platform can not be specified with --arch, --os or --variant");
		if (platform_parse(cmd.platform, &platform, err) < 0)
			return -1;
		cmd.os = platform.os;
		cmd.architecture = platform.architecture;
		cmd.variant = platform.variant;
	}
	status = import_image(
		ctx, &cmd, argv[first], first + 1 < argc ? argv[first + 1] : NULL, err);
	platform_clear(&platform);
	strv_free(cmd.changes);
	return status;
}

const struct command command_import = {
	.name = "import",
	.summary = "import a tarball to create a filesystem image",
	.description =
		"creates an image from the contents of a tarball: .tar, .tar.gz, .tar.bz2, "
		".tar.xz, "
		".tar.zst\n\nThe result can be tagged, and instructions given with --change.",
	.operands = "PATH [REFERENCE]",
	.examples = "pod import ctr.tar image-imported\ncat ctr.tar | pod import -c CMD=/bin/sh -",
	.min_operands = 1,
	.max_operands = 2,
	.complete = COMPLETE_FILE,
	.options = options,
	.run = import_run,
};
