#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/progress.h"
#include "image/image.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

struct save_command {
	const char *format, *output;
	bool multi, quiet;
};

static const char *const formats[] = {
	"docker-archive", "oci-archive", "oci-dir", "docker-dir", NULL};

static const struct option_spec options[] = {
	OPTION_STRING("format", 0, struct save_command, format, "string",
		"save image to oci-archive, oci-dir (directory with oci manifest type), "
		"docker-archive, docker-dir (directory with v2s2 manifest type)",
		.default_text = "\"docker-archive\"", .words = formats),
	OPTION_BOOL("multi-image-archive", 'm', struct save_command, multi,
		"interpret additional arguments as images not tags and create a "
		"multi-image-archive (only for docker-archive)"),
	OPTION_STRING("output", 'o', struct save_command, output, "string",
		"write to a specified file (default: stdout, which must be redirected)",
		.complete = COMPLETE_FILE),
	OPTION_BOOL("quiet", 'q', struct save_command, quiet, "suppress the output"),
	OPTION_END,
};

extern const struct command command_save;

static bool is_directory(enum save_format format)
{
	return format == SAVE_OCI_DIR || format == SAVE_DOCKER_DIR;
}

/* An image is never mixed with what is there already. */
static int open_directory(const char *path, struct error **err)
{
	cleanup_close int fd = -1;
	cleanup_dir DIR *dir = NULL;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "create directory '%s'", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open directory '%s'", path);
	dir = dir_open_at(fd, ".");
	if (dir && dir_next(dir))
		return error_set(err, ERR_CONFLICT, "directory '%s' is not empty", path);
	return steal_fd(&fd);
}

static int open_output(const char *path, enum save_format format, struct error **err)
{
	int fd;

	if (is_directory(format)) {
		if (!path)
			return error_set(
				err, ERR_USAGE, "a directory format needs --output DIRECTORY");
		return open_directory(path, err);
	}
	if (!path) {
		if (isatty(STDOUT_FILENO))
			return error_set(err, ERR_USAGE,
				"refusing to save to terminal. Use -o flag or redirect");
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 ? error_errno(err, errno, "open '%s'", path) : fd;
}

/* What was begun and could not be finished is no archive. */
static void remove_output(const char *path, int fd, enum save_format format)
{
	cleanup_error struct error *ignored = NULL;
	struct stat st;

	if (!path || fstat(fd, &st) < 0)
		return;
	if (is_directory(format))
		(void)remove_tree(AT_FDCWD, path, &ignored);
	else if (S_ISREG(st.st_mode))
		(void)unlink(path);
}

static int save_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct save_command cmd = {.format = "docker-archive"};
	cleanup_progress struct progress *progress = NULL;
	struct save_options opts = {0};
	struct pull_events events;
	cleanup_close int out_fd = -1;
	struct store *store;
	int first;

	if (options_parse(&command_save, argc, argv, &cmd, &first, err) < 0 ||
		save_format_parse(cmd.format, &opts.format, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	/* docker save takes several images; podman's further operands are tags unless -m. */
	opts.multi = cmd.multi ||
		     (str_equal(ctx->program, "docker") && opts.format == SAVE_DOCKER_ARCHIVE);
	out_fd = open_output(cmd.output, opts.format, err);
	if (out_fd < 0)
		return -1;
	progress = progress_new(cmd.quiet || docker_called());
	events = progress_events(progress);
	opts.events = &events;
	if (image_save(store, argv + first, &opts, out_fd, err) < 0) {
		remove_output(cmd.output, out_fd, opts.format);
		return -1;
	}
	return 0;
}

const struct command command_save = {
	.name = "save",
	.summary = "save image(s) to an archive",
	.description = "saves an image to docker-archive or oci-archive on the local machine; the "
		       "default is docker-archive",
	.operands = "IMAGE [IMAGE...]",
	.examples = "pod save --quiet -o myimage.tar imageID\n"
		    "pod save --format oci-dir -o ubuntu-dir ubuntu\n"
		    "pod save alpine:latest > alpine-all.tar",
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGE,
	.options = options,
	.run = save_run,
};
