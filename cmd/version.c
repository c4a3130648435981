#include "config.h"

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/docker_shapes.h"
#include "cmd/facts.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/template.h"

struct version_options {
	const char *format;
};

static const struct option_spec version_options[] = {
	OPTION_STRING("format", 'f', struct version_options, format, NULL,
		"change the output format to JSON or a Go template"),
	OPTION_END,
};

static void write_json(struct json_writer *w)
{
	json_write_object_begin(w);
	json_write_key(w, "Client");
	json_write_object_begin(w);
	json_put_string(w, "APIVersion", PACKAGE_VERSION);
	json_put_string(w, "Version", PACKAGE_VERSION);
	json_put_string(w, "Compiler", __VERSION__);
	json_put_string(w, "OsArch", "linux/" FACTS_ARCH);
	json_put_string(w, "Os", "linux");
	json_write_object_end(w);
	json_write_object_end(w);
}

static int version_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);
	struct version_options opts = {0};
	int first;

	if (options_parse(&command_version, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (docker_called())
		return docker_print_version(ctx, opts.format, err);
	write_json(&w);
	if (opts.format)
		return facts_print(ctx, strbuf_str(&text), opts.format, err);
	command_print(ctx,
		"Client:       Pod Engine\n"
		"Version:      %s\n"
		"API Version:  %s\n"
		"Compiler:     %s\n"
		"OS/Arch:      linux/" FACTS_ARCH "\n",
		PACKAGE_VERSION, PACKAGE_VERSION, __VERSION__);
	return 0;
}

const struct command command_version = {
	.name = "version",
	.summary = "display the pod version information",
	.options = version_options,
	.run = version_run,
};
