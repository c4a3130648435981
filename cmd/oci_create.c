#include "config.h"

#include "cmd/command.h"
#include "cmd/oci.h"
#include "oci/container.h"

extern const struct command command_oci_create, command_oci_run;

static const struct option_spec create_options[] = {
	OCI_CREATE_OPTIONS,
	OPTION_BOOL("no-subreaper", 0, struct oci_create_command, no_subreaper,
		"adopt no processes, which create never does"),
	OPTION_END,
};

static int create_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	struct oci_create_command opts = {0};
	char **notes = NULL;
	int first, result;

	if (options_parse(&command_oci_create, argc, argv, &opts, &first, err) < 0 ||
		oci_create_from(ctx, &opts, argv[first], &notes, err) < 0 ||
		oci_seal(&opts.create.late_fd, err) < 0 || oci_open_root(ctx, &root, err) < 0)
		return -1;
	result = oci_create(&root, &opts.create, err);
	oci_log_notes(ctx, notes);
	return result;
}

const struct command command_oci_create = {
	.name = "create",
	.summary = "make a container from a bundle, without starting its process",
	.operands = "ID",
	.examples = "pod oci create --bundle /containers/web web",
	.min_operands = 1,
	.max_operands = 1,
	.exit_status = OCI_EXIT_STATUS,
	.options = create_options,
	.run = create_run,
};

static const struct option_spec run_options[] = {
	OCI_CREATE_OPTIONS,
	OPTION_BOOL("detach", 'd', struct oci_create_command, detach,
		"return as soon as the process runs"),
	OPTION_BOOL("keep", 0, struct oci_create_command, keep,
		"do not delete the container when its process has ended"),
	OPTION_BOOL("no-subreaper", 0, struct oci_create_command, no_subreaper,
		"do not adopt processes that the container leaves behind"),
	OPTION_END,
};

static int run_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	struct oci_create_command opts = {0};
	struct oci_run_options run = {0};
	char **notes = NULL;
	int first, result;

	if (options_parse(&command_oci_run, argc, argv, &opts, &first, err) < 0 ||
		oci_create_from(ctx, &opts, argv[first], &notes, err) < 0 ||
		oci_seal(&opts.create.late_fd, err) < 0 || oci_open_root(ctx, &root, err) < 0)
		return -1;
	run.create = opts.create;
	run.detach = opts.detach;
	run.keep = opts.keep;
	run.no_subreaper = opts.no_subreaper;
	result = oci_run(&root, &run, err);
	oci_log_notes(ctx, notes);
	return result;
}

const struct command command_oci_run = {
	.name = "run",
	.summary = "make a container from a bundle, run its process and delete it",
	.operands = "ID",
	.examples = "pod oci run --bundle /containers/web web",
	.min_operands = 1,
	.max_operands = 1,
	.exit_status = OCI_EXIT_STATUS,
	.options = run_options,
	.run = run_run,
};
