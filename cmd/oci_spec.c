#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/oci.h"
#include "oci/features.h"
#include "oci/processes.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"

/* spec, features, ps */

extern const struct command command_oci_spec, command_oci_features, command_oci_ps;

struct spec_options {
	const char *bundle, *config;
	bool rootless;
};

static const struct option_spec spec_options[] = {
	OPTION_STRING("bundle", 'b', struct spec_options, bundle, "DIRECTORY",
		"where config.json is written", .default_text = "the current directory",
		.complete = COMPLETE_DIRECTORY),
	OPTION_STRING("config", 'f', struct spec_options, config, "FILE",
		"write this file in place of config.json", .complete = COMPLETE_FILE),
	OPTION_STRING("file", 0, struct spec_options, config, "FILE", "the same as --config",
		.complete = COMPLETE_FILE),
	OPTION_BOOL("rootless", 0, struct spec_options, rootless,
		"for a container of an ordinary user"),
	OPTION_END,
};

static int spec_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct spec_options opts = {.bundle = ".", .config = "config.json"};
	cleanup_free char *text = NULL;
	cleanup_close int dir_fd = -1, fd = -1;
	int first;

	(void)ctx;
	if (options_parse(&command_oci_spec, argc, argv, &opts, &first, err) < 0)
		return -1;
	dir_fd = open(opts.bundle, O_PATH_DIR);
	if (dir_fd < 0)
		return error_errno(err, errno, "bundle '%s'", opts.bundle);
	text = oci_default_spec_text(opts.rootless);
	/* What somebody has written is not to be lost. */
	fd = openat(dir_fd, opts.config, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, ERR_CONFLICT, "file '%s' exists already; remove it first",
			opts.config);
	if (fd < 0 || write_all(fd, text, strlen(text)) < 0)
		return error_errno(err, errno, "write '%s'", opts.config);
	return 0;
}

const struct command command_oci_spec = {
	.name = "spec",
	.summary = "write a config.json to begin with",
	.max_operands = 0,
	.exit_status = OCI_EXIT_STATUS,
	.options = spec_options,
	.run = spec_run,
};

static int features_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_free char *text = NULL;
	int first;

	if (options_parse(&command_oci_features, argc, argv, NULL, &first, err) < 0)
		return -1;
	text = oci_features_text();
	command_print(ctx, "%s", text);
	return 0;
}

const struct command command_oci_features = {
	.name = "features",
	.summary = "show what this runtime implements, as JSON",
	.max_operands = 0,
	.exit_status = OCI_EXIT_STATUS,
	.run = features_run,
};

/* -------- ps -------- */

#define PS_OUTPUT_MAX (64u << 20) /* bytes */

struct ps_options {
	const char *format;
};

static const char *const ps_formats[] = {"table", "json", NULL};

static const struct option_spec ps_options[] = {
	OPTION_STRING("format", 'f', struct ps_options, format, "FORMAT", "table or json",
		.default_text = "table", .words = ps_formats),
	OPTION_END,
};

static bool contains(const pid_t *pids, size_t count, uint64_t pid)
{
	for (size_t i = 0; i < count; i++)
		if ((uint64_t)pids[i] == pid)
			return true;
	return false;
}

/* The word in column COLUMN (from 0) of LINE, borrowed; *RET_LEN 0: there is none. */
static const char *column_of(const char *line, size_t column, size_t *ret_len)
{
	for (;; column--) {
		line += strspn(line, " \t");
		*ret_len = strcspn(line, " \t\n");
		if (column == 0 || *ret_len == 0)
			return line;
		line += *ret_len;
	}
}

/* Of what ps(1) prints the heading and the lines of PIDS. */
static int filter_ps(struct command_context *ctx, char *output, const pid_t *pids, size_t count,
	struct error **err)
{
	size_t column = 0, len;
	char *line = output, *end = strchrnul(output, '\n');
	const char *word;
	char *rest = *end ? end + 1 : end;

	*end = '\0';
	for (;; column++) {
		word = column_of(line, column, &len);
		if (!len)
			return error_set(
				err, ERR_USAGE, "the options for ps leave out its column 'PID'");
		if (len == 3 && strncmp(word, "PID", 3) == 0)
			break;
	}
	command_print(ctx, "%s\n", line);
	for (line = rest; *line; line = rest) {
		cleanup_free char *text = NULL;
		uint64_t pid;

		end = strchrnul(line, '\n');
		rest = *end ? end + 1 : end;
		*end = '\0';
		word = column_of(line, column, &len);
		text = xstrndup(word, len);
		if (str_to_uint64(text, INT32_MAX, &pid) == 0 && contains(pids, count, pid))
			command_print(ctx, "%s\n", line);
	}
	return 0;
}

static int print_table(struct command_context *ctx, char *const *ps_args, const pid_t *pids,
	size_t count, struct error **err)
{
	cleanup_strv char **argv = NULL;
	cleanup_free char *output = NULL;
	int status;

	strv_append(&argv, "ps");
	if (!ps_args || !*ps_args)
		strv_append(&argv, "-ef");
	for (; ps_args && *ps_args; ps_args++)
		strv_append(&argv, *ps_args);
	if (spawn_capture((const char *const *)argv, NULL, PS_OUTPUT_MAX, &output, &status, err) <
		0) {
		if ((*err)->kind == ERR_NOT_FOUND)
			return error_wrap(err,
				"install it with: sudo apt-get install procps, or use --format "
				"json");
		return -1;
	}
	if (status != 0)
		return error_set(err, ERR_USAGE, "ps failed: see its message above");
	return filter_ps(ctx, output, pids, count, err);
}

static int ps_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	struct ps_options opts = {.format = "table"};
	struct json_writer w = json_writer_init(&ctx->out, 0);
	cleanup_free pid_t *pids = NULL;
	size_t count = 0;
	int first;

	if (options_parse(&command_oci_ps, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (oci_open_root(ctx, &root, err) < 0 ||
		oci_container_open(&root, argv[first], &container, err) < 0 ||
		oci_processes(&container, &pids, &count, err) < 0)
		return -1;
	if (str_equal(opts.format, "table"))
		return print_table(ctx, argv + first + 1, pids, count, err);
	json_write_array_begin(&w);
	for (size_t i = 0; i < count; i++)
		json_write_int(&w, pids[i]);
	json_write_array_end(&w);
	command_print(ctx, "\n");
	return 0;
}

const struct command command_oci_ps = {
	.name = "ps",
	.summary = "show the processes of a container",
	.operands = "ID [PS-OPTION...]",
	.examples = "pod oci ps --format json web\npod oci ps web -o pid,comm",
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.exit_status = OCI_EXIT_STATUS,
	.options = ps_options,
	.run = ps_run,
};
