#include "config.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/docker_shapes.h"
#include "cmd/facts.h"
#include "cmd/volume_shared.h"
#include "container/inspect.h"
#include "image/image.h"
#include "rootless/userns.h"
#include "storage/usage.h"
#include "util/mem.h"
#include "util/str.h"

struct inspect_options {
	bool latest, size;
	const char *format, *type;
};

static const char *const types[] = {"all", "container", "image", "volume", NULL};

static const struct option_spec inspect_options[] = {
	OPTION_STRING("format", 'f', struct inspect_options, format, NULL,
		"format the output to a Go template or json", .default_text = "\"json\""),
	OPTION_BOOL("latest", 'l', struct inspect_options, latest,
		"act on the latest container pod is aware of"),
	OPTION_BOOL("size", 's', struct inspect_options, size,
		"display the total file sizes of containers"),
	OPTION_STRING("type", 't', struct inspect_options, type, NULL,
		"specify inspect-object type: all, container, image or volume",
		.default_text = "\"all\"", .complete = COMPLETE_WORDS),
	OPTION_END,
};

static const struct option_spec container_inspect_options[] = {
	OPTION_STRING("format", 'f', struct inspect_options, format, NULL,
		"format the output to a Go template or json", .default_text = "\"json\""),
	OPTION_BOOL("latest", 'l', struct inspect_options, latest,
		"act on the latest container pod is aware of"),
	OPTION_BOOL("size", 's', struct inspect_options, size, "display the total file size"),
	OPTION_END,
};

/* NAME NULL: the latest one. */
static int inspect_container(
	struct store *store, const char *name, struct json_writer *w, struct error **err)
{
	cleanup_container struct container *container = NULL;

	if ((name ? container_find(store, name, &container, err)
		  : container_latest(store, &container, err)) < 0)
		return -1;
	return container_inspect(store, container, w, err);
}

static int inspect_volume(
	struct store *store, const char *name, struct json_writer *w, struct error **err)
{
	static const struct table volume_table = {volume_fields, NULL};
	struct volume volume;

	if (volume_load(store, name, &volume, err) < 0)
		return -1;
	table_row_json(&volume_table, &volume, w);
	volume_clear(&volume);
	return 0;
}

typedef int inspect_one(
	struct store *store, const char *name, struct json_writer *w, struct error **err);

static const struct {
	const char *type;
	inspect_one *run;
} kinds[] = {
	{"container", inspect_container}, {"image", image_inspect}, {"volume", inspect_volume}};

/* What the container has written, and that with its image, into its object. */
static int add_sizes(struct store *store, const char *name, struct strbuf *text, struct error **err)
{
	cleanup_container struct container *container = NULL;
	cleanup_error struct error *removed = NULL, *no_userns = NULL;
	cleanup_image struct image *image = NULL;
	cleanup_close int userns_fd = -1;
	cleanup_free char *path = NULL;
	struct usage_item item = {.dir_fd = store->containers_fd};
	uint64_t below = 0;

	if (container_find(store, name, &container, err) < 0)
		return -1;
	item.path = path = xasprintf("%s/upper", container->config->id);
	if (store->rootless)
		userns_fd = userns_get(store->runtime_fd, &no_userns);
	if (store_usage(store, &item, 1, userns_fd, err) < 0)
		return -1;
	if (container->config->image_id &&
		image_lookup_id(store, container->config->image_id, &image, &removed) == 0)
		below = image_size(store, image->config);
	text->len--; /* the closing brace */
	strbuf_addf(text, ",\"SizeRw\":%llu,\"SizeRootFs\":%llu}", (unsigned long long)item.bytes,
		(unsigned long long)(item.bytes + below));
	return 0;
}

/* What docker's shape says besides: the image as it was typed. */
static int add_image_given(
	struct store *store, const char *name, struct strbuf *text, struct error **err)
{
	cleanup_container struct container *container = NULL;
	struct json_writer w;

	if (container_find(store, name, &container, err) < 0)
		return -1;
	if (!container->config->image_given)
		return 0;
	text->len--; /* the closing brace */
	strbuf_addstr(text, ",\"ImageGiven\":");
	w = json_writer_init(text, 0);
	json_write_string(&w, container->config->image_given);
	strbuf_addch(text, '}');
	return 0;
}

/* The first kind of object that has the name. FOR_TEMPLATE: docker's nil lists are empty ones. */
static int inspect_any(struct store *store, const struct inspect_options *opts, const char *name,
	bool for_template, struct strbuf *text, struct error **err)
{
	const char *type = opts->type;
	bool all = strcmp(type, "all") == 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct json_writer w = json_writer_init(text, 0);
		cleanup_error struct error *one = NULL;

		if (!all && strcmp(type, kinds[i].type) != 0)
			continue;
		strbuf_reset(text);
		if (kinds[i].run(store, name, &w, &one) == 0) {
			if (opts->size && kinds[i].run == inspect_container &&
				add_sizes(store, name, text, err) < 0)
				return -1;
			if (docker_called() && kinds[i].run == inspect_container &&
				add_image_given(store, name, text, err) < 0)
				return -1;
			return docker_called()
				       ? docker_shape(kinds[i].type, for_template, text, err)
				       : 0;
		}
		/* a name that is none of this kind, or two of its ids, may be one of another */
		if (!all || (one->kind != ERR_NOT_FOUND && one->kind != ERR_INVALID))
			return error_move(err, &one);
	}
	error_set(err, ERR_NOT_FOUND, "no such object: \"%s\"", name);
	return error_docker(err, "Error: No such object: %s", name);
}

static int bad_type(const char *type, struct error **err)
{
	error_set(err, ERR_USAGE,
		"invalid type \"%s\": must be \"image\", \"container\", \"volume\", or \"all\"",
		type);
	return error_docker(err, "\"%s\" is not a valid value for --type", type);
}

static int inspect_all(struct command_context *ctx, const struct command *command,
	const struct inspect_options *opts, int argc, char **argv, struct error **err)
{
	cleanup_strv char **rows = NULL;
	/* {{json .X}} is JSON again */
	bool for_template =
		opts->format && strcmp(opts->format, "json") != 0 && !strstr(opts->format, "json ");
	struct store *store;
	int status = 0;

	if (command_store(ctx, &store, err) < 0)
		return -1;
	for (int i = 0; i < MAX(argc, 1); i++) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		cleanup_error struct error *one = NULL;
		struct json_writer w = json_writer_init(&text, 0);
		int result = argc ? inspect_any(store, opts, argv[i], for_template, &text, &one)
				  : inspect_container(store, NULL, &w, &one);

		if (result == 0) {
			strv_append(&rows, strbuf_str(&text));
			continue;
		}
		error_wrap(&one, "inspecting object");
		status = command_report(command, one, status);
	}
	return facts_print_rows(ctx, rows, opts->format, err) < 0 ? -1 : status;
}

int inspect_names(struct command_context *ctx, const struct command *command, const char *type,
	const char *format, int argc, char **argv, struct error **err)
{
	const struct inspect_options opts = {.type = type, .format = format};

	return inspect_all(ctx, command, &opts, argc, argv, err);
}

static int inspect_run_common(struct command_context *ctx, const struct command *command,
	const char *type, int argc, char **argv, struct error **err)
{
	struct inspect_options opts = {.type = type};
	int first;

	if (options_parse(command, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (!strv_contains((char *const *)types, opts.type))
		return bad_type(opts.type, err);
	if (opts.latest == (first < argc))
		return error_set(err, ERR_USAGE,
			opts.latest ? "latest and arguments cannot be used together"
				    : "no names or ids specified");
	return inspect_all(ctx, command, &opts, argc - first, argv + first, err);
}

static int inspect_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	return inspect_run_common(ctx, &command_inspect, "all", argc, argv, err);
}

static int container_inspect_run(
	struct command_context *ctx, int argc, char **argv, struct error **err)
{
	return inspect_run_common(ctx, &command_container_inspect, "container", argc, argv, err);
}

const struct command command_inspect = {
	.name = "inspect",
	.summary = "display the configuration of object denoted by ID",
	.description = "displays the low-level information on an object identified by name or ID.\n"
		       "For more inspection options, see:\n\n"
		       "    pod container inspect\n    pod image inspect\n    pod volume inspect",
	.operands = "{CONTAINER|IMAGE|VOLUME} [...]",
	.examples = "pod inspect alpine\npod inspect --type image alpine\npod inspect CtrID ImgID\n"
		    "pod inspect --format \"imageId: {{.Id}} size: {{.Size}}\" alpine",
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = inspect_options,
	.run = inspect_run,
};

const struct command command_container_inspect = {
	.name = "inspect",
	.summary = "display the configuration of a container",
	.description =
		"displays the low-level information on a container identified by name or ID.",
	.operands = "CONTAINER [CONTAINER...]",
	.examples = "pod container inspect myCtr\n"
		    "pod container inspect -l --format '{{.Id}} {{.Config.Labels}}'",
	.max_operands = -1,
	.complete = COMPLETE_CONTAINER,
	.options = container_inspect_options,
	.run = container_inspect_run,
};
