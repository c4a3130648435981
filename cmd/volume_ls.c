#include "config.h"

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/volume_shared.h"
#include "util/mem.h"

struct volume_ls_options {
	bool quiet, no_heading;
	char **filters;
	const char *format;
};

static const struct option_spec volume_ls_options[] = {
	OPTION_LIST("filter", 'f', struct volume_ls_options, filters, NULL, "filter volume output"),
	OPTION_STRING("format", 0, struct volume_ls_options, format, NULL,
		"format volume output using JSON or a Go template"),
	OPTION_BOOL("noheading", 0, struct volume_ls_options, no_heading, "do not print headers"),
	OPTION_BOOL(
		"quiet", 'q', struct volume_ls_options, quiet, "print volume output in quiet mode"),
	OPTION_END,
};

static const char *const filter_keys[] = {
	"dangling", "driver", "label", "name", "scope", "since", "until", NULL};

static const struct table volume_table = {volume_fields, "table {{.Driver}}\t{{.Name}}"};

static const struct table docker_table = {docker_volume_fields, "table {{.Driver}}\t{{.Name}}"};

static int volume_ls_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_volume_set struct volume_set set = {0};
	cleanup_strv char **filters = NULL;
	struct volume_ls_options opts = {0};
	struct table_options table = {0};
	struct store *store;
	int first, status;

	status = options_parse(&command_volume_ls, argc, argv, &opts, &first, err);
	filters = opts.filters;
	if (status < 0)
		return -1;
	if (opts.quiet && opts.format && !docker_called())
		return error_set(err, ERR_USAGE, "quiet and format flags cannot be used together");
	if (command_store(ctx, &store, err) < 0 ||
		volume_set_load(store, filters, filter_keys, &set, err) < 0)
		return -1;
	table.format = opts.quiet ? "{{.Name}}" : opts.format;
	table.no_heading = opts.no_heading;
	/* podman prints no heading alone */
	if (!set.count && !opts.format && !docker_called())
		return 0;
	table.docker = docker_called();
	return table_print(docker_called() ? &docker_table : &volume_table,
		(const void *const *)set.chosen, set.count, &table, &ctx->out, err);
}

const struct command command_volume_ls = {
	.name = "ls",
	.summary = "list volumes",
	.description =
		"list all available volumes. The output of the volumes can be filtered\n"
		"and the output format can be changed to JSON or a user specified Go template.",
	.examples = "pod volume ls --filter dangling=true\npod volume ls --format '{{.Name}} "
		    "{{.Mountpoint}}'",
	.options = volume_ls_options,
	.run = volume_ls_run,
};
