#include "config.h"

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/facts.h"
#include "image/image.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/template.h"

struct inspect_command {
	const char *format;
};

static const struct option_spec options[] = {
	OPTION_STRING("format", 'f', struct inspect_command, format, "string",
		"format the output to a Go template or json", .default_text = "\"json\""),
	OPTION_END,
};

extern const struct command command_image_inspect;

static int print_template(struct command_context *ctx, const struct template *template,
	const struct strbuf *text, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct json root;

	if (json_parse(strbuf_str(text), text->len, "image", &doc, &root, err) < 0 ||
		template_render(template, &root, NULL, &out, err) < 0)
		return -1;
	command_print(ctx, "%s\n", strbuf_str(&out));
	return 0;
}

static int image_inspect_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_template struct template *template = NULL;
	cleanup_strbuf struct strbuf all = STRBUF_INIT;
	struct inspect_command cmd = {.format = "json"};
	struct json_writer w = json_writer_init(&all, 5);
	struct store *store;
	int first, status = 0;

	if (options_parse(&command_image_inspect, argc, argv, &cmd, &first, err) < 0 ||
		command_store(ctx, &store, err) < 0)
		return -1;
	if (docker_called())
		return inspect_names(ctx, &command_image_inspect, "image", cmd.format, argc - first,
			argv + first, err);
	if (!str_equal(cmd.format, "json") && template_parse(cmd.format, &template, err) < 0)
		return -1;
	json_write_array_begin(&w);
	for (int i = first; i < argc; i++) {
		cleanup_strbuf struct strbuf one_text = STRBUF_INIT;
		cleanup_error struct error *one = NULL;
		struct json_writer own = json_writer_init(&one_text, 0);

		if (template) {
			if (image_inspect(store, argv[i], &own, &one) < 0 ||
				print_template(ctx, template, &one_text, &one) < 0)
				status = command_report(&command_image_inspect, one, status);
		} else if (image_inspect(store, argv[i], &w, &one) < 0) {
			(void)error_wrap(&one, "inspecting object");
			status = command_report(&command_image_inspect, one, status);
		}
	}
	json_write_array_end(&w);
	if (!template)
		command_print(ctx, "%s\n", strbuf_str(&all));
	return status;
}

const struct command command_image_inspect = {
	.name = "inspect",
	.summary = "display the configuration of an image",
	.description = "displays the low-level information of an image identified by name or ID",
	.operands = "IMAGE [IMAGE...]",
	.examples = "pod image inspect alpine\n"
		    "pod image inspect --format \"imageId: {{.Id}} size: {{.Size}}\" alpine",
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGE,
	.options = options,
	.run = image_inspect_run,
};
