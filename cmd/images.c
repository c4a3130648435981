#include "config.h"

#include <fnmatch.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/image_users.h"
#include "container/container.h"
#include "image/image.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"
#include "util/table.h"
#include "util/timefmt.h"

struct images_command {
	bool all, digests, no_trunc, no_heading, quiet;
	char **filters;
	const char *format, *sort;
};

static const char *const sort_words[] = {"created", "id", "repository", "size", "tag", NULL};

static const struct option_spec options[] = {
	OPTION_BOOL("all", 'a', struct images_command, all,
		"show all images (there are no intermediate images to hide)"),
	OPTION_BOOL("digests", 0, struct images_command, digests, "show digests"),
	OPTION_LIST("filter", 'f', struct images_command, filters, "strings",
		"filter output based on conditions provided"),
	OPTION_STRING("format", 0, struct images_command, format, "string",
		"change the output format to JSON or a Go template"),
	OPTION_BOOL("no-trunc", 0, struct images_command, no_trunc, "do not truncate output"),
	OPTION_BOOL("noheading", 'n', struct images_command, no_heading,
		"do not print column headings"),
	OPTION_BOOL("quiet", 'q', struct images_command, quiet, "display only image IDs"),
	OPTION_STRING("sort", 0, struct images_command, sort, "string",
		"sort by created, id, repository, size, tag", .default_text = "\"created\"",
		.words = sort_words),
	OPTION_END,
};

extern const struct command command_images;

/* One reference of an image, or the image when it has none. */
struct row {
	const struct image_summary *image;
	const struct image_ref *ref;
	char *repository, *tag; /* NULL: <none> */
	bool no_trunc;
	uint64_t now_ns;
	size_t container_count;
};

static void text_id(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	strbuf_addf(out, row->no_trunc ? "sha256:%s" : "%.12s", row->image->id);
}

static void text_repository(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	strbuf_addstr(out, row->repository ? row->repository : "<none>");
}

static void text_tag(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	strbuf_addstr(out, row->tag ? row->tag : "<none>");
}

static void text_digest(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	strbuf_addstr(out, row->ref->manifest_digest);
}

static uint64_t created_ns(const struct row *row)
{
	return row->image->created_s > 0 ? (uint64_t)row->image->created_s * NS_PER_SECOND : 0;
}

static void text_created_since(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	time_human_ago(created_ns(row), row->now_ns, out);
}

static void text_created_at(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	time_go_string(created_ns(row), out);
}

static void text_size(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	size_human_spaced(row->image->size_bytes, out);
}

static void text_containers(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	strbuf_addf(out, "%zu", row->container_count);
}

static void text_dangling(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	strbuf_addstr(out, image_summary_is_dangling(row->image) ? "true" : "false");
}

static void text_false(const void *data, struct strbuf *out)
{
	(void)data;
	strbuf_addstr(out, "false");
}

static void text_empty(const void *data, struct strbuf *out)
{
	(void)data;
	(void)out;
}

static void add_map(char *const *labels, struct strbuf *out)
{
	strbuf_addstr(out, "map[");
	for (size_t i = 0; labels && labels[i]; i++) {
		const char *equals = strchr(labels[i], '=');

		strbuf_addf(out, "%s%.*s:%s", i ? " " : "", (int)(equals - labels[i]), labels[i],
			equals + 1);
	}
	strbuf_addch(out, ']');
}

static void text_labels(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	add_map(row->image->config->labels, out);
}

static void add_list(char *const *words, struct strbuf *out)
{
	cleanup_free char *joined = str_join(words, " ");

	strbuf_addf(out, "[%s]", joined);
}

static char **names_of(const struct image_summary *image)
{
	char **names = NULL;

	for (size_t i = 0; i < image->ref_count; i++)
		if (image->refs[i].reference && !strchr(image->refs[i].reference, '@'))
			strv_append(&names, image->refs[i].reference);
	return names;
}

static void text_names(const void *data, struct strbuf *out)
{
	const struct row *row = data;
	cleanup_strv char **names = names_of(row->image);

	add_list(names, out);
}

static void text_repo_digests(const void *data, struct strbuf *out)
{
	const struct row *row = data;
	cleanup_strv char **digests = image_repo_digests(row->image->refs, row->image->ref_count);

	add_list(digests, out);
}

static void json_id(const void *data, struct json_writer *w)
{
	const struct row *row = data;

	json_write_string(w, row->image->id);
}

static void json_empty(const void *data, struct json_writer *w)
{
	(void)data;
	json_write_string(w, "");
}

static void json_null(const void *data, struct json_writer *w)
{
	(void)data;
	json_write_null(w);
}

static void json_zero(const void *data, struct json_writer *w)
{
	(void)data;
	json_write_int(w, 0);
}

static void json_repo_digests(const void *data, struct json_writer *w)
{
	const struct row *row = data;
	cleanup_strv char **digests = image_repo_digests(row->image->refs, row->image->ref_count);

	json_write_strv(w, digests);
}

static void json_names(const void *data, struct json_writer *w)
{
	const struct row *row = data;
	cleanup_strv char **names = names_of(row->image);

	json_write_strv(w, names);
}

static bool absent_names(const void *data)
{
	const struct row *row = data;

	return image_summary_is_dangling(row->image);
}

static bool absent_dangling(const void *data)
{
	return !absent_names(data);
}

static void json_true(const void *data, struct json_writer *w)
{
	(void)data;
	json_write_bool(w, true);
}

static void json_size(const void *data, struct json_writer *w)
{
	const struct row *row = data;

	json_write_uint(w, row->image->size_bytes);
}

static void json_labels(const void *data, struct json_writer *w)
{
	const struct row *row = data;
	char *const *labels = row->image->config->labels;

	if (!labels || !*labels) {
		json_write_null(w);
		return;
	}
	json_write_object_begin(w);
	for (; *labels; labels++) {
		const char *equals = strchr(*labels, '=');
		cleanup_free char *key = xstrndup(*labels, (size_t)(equals - *labels));

		json_put_string(w, key, equals + 1);
	}
	json_write_object_end(w);
}

static void json_containers(const void *data, struct json_writer *w)
{
	const struct row *row = data;

	json_write_uint(w, row->container_count);
}

static void json_created(const void *data, struct json_writer *w)
{
	const struct row *row = data;

	json_write_int(w, row->image->created_s);
}

static void json_created_at(const void *data, struct json_writer *w)
{
	const struct row *row = data;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	time_rfc3339(created_ns(row), &text);
	json_write_string(w, strbuf_str(&text));
}

static int compare_created(const void *a, const void *b)
{
	int64_t x = ((const struct row *)a)->image->created_s;
	int64_t y = ((const struct row *)b)->image->created_s;

	return (x < y) - (x > y);
}

static int compare_size(const void *a, const void *b)
{
	uint64_t x = ((const struct row *)a)->image->size_bytes;
	uint64_t y = ((const struct row *)b)->image->size_bytes;

	return (x > y) - (x < y);
}

/* podman-images(1); the JSON names are in the order of podman's output. */
static const struct table_field fields[] = {
	{.name = "ID", .heading = "IMAGE ID", .text = text_id, .json_name = "Id", .json = json_id},
	{.name = "ParentId", .text = text_empty, .json_name = "ParentId", .json = json_empty},
	{.name = "RepoTags", .text = text_names, .json_name = "RepoTags", .json = json_null},
	{.name = "RepoDigests",
		.text = text_repo_digests,
		.json_name = "RepoDigests",
		.json = json_repo_digests,
		.typed = true},
	{.name = "Size",
		.text = text_size,
		.json_name = "Size",
		.json = json_size,
		.compare = compare_size},
	{.name = "SharedSize", .text = text_size, .json_name = "SharedSize", .json = json_zero},
	{.name = "VirtualSize", .text = text_size, .json_name = "VirtualSize", .json = json_size},
	{.name = "Labels",
		.text = text_labels,
		.json_name = "Labels",
		.json = json_labels,
		.typed = true},
	{.name = "Containers",
		.text = text_containers,
		.json_name = "Containers",
		.json = json_containers,
		.typed = true},
	{.name = "Names",
		.text = text_names,
		.json_name = "Names",
		.json = json_names,
		.typed = true,
		.absent = absent_names},
	{.name = "Digest", .text = text_digest, .json_name = "Digest"},
	{.name = "History",
		.text = text_names,
		.json_name = "History",
		.json = json_names,
		.absent = absent_names},
	{.name = "Dangling",
		.text = text_dangling,
		.json_name = "Dangling",
		.json = json_true,
		.absent = absent_dangling},
	{.name = "Created",
		.text = text_created_since,
		.json_name = "Created",
		.json = json_created,
		.compare = compare_created},
	{.name = "CreatedAt",
		.heading = "CREATED AT",
		.text = text_created_at,
		.json_name = "CreatedAt",
		.json = json_created_at},
	{.name = "CreatedSince", .heading = "CREATED", .text = text_created_since},
	{.name = "Repository", .text = text_repository},
	{.name = "Tag", .text = text_tag},
	{.name = "ReadOnly", .heading = "R/O", .text = text_false},
	{NULL},
};

static const struct table table = {
	.fields = fields,
	.default_format = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Created}}\t{{.Size}}",
};

static void text_size_docker(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	size_human(row->image->size_bytes, 3, out);
}

static void text_repository_docker(const void *data, struct strbuf *out)
{
	const struct row *row = data;

	strbuf_addstr(out, row->repository ? docker_familiar(row->repository) : "<none>");
}

static void text_not_available(const void *data, struct strbuf *out)
{
	(void)data;
	strbuf_addstr(out, "N/A");
}

/* docker-images(1), when called by that name. */
static const struct table_field docker_fields[] = {
	{.name = "Containers", .text = text_not_available, .json_name = "Containers"},
	{.name = "CreatedAt",
		.heading = "CREATED AT",
		.text = text_created_at,
		.json_name = "CreatedAt"},
	{.name = "CreatedSince",
		.heading = "CREATED",
		.text = text_created_since,
		.json_name = "CreatedSince",
		.compare = compare_created},
	{.name = "Digest", .text = text_digest, .json_name = "Digest"},
	{.name = "ID", .heading = "IMAGE ID", .text = text_id, .json_name = "ID"},
	{.name = "Repository", .text = text_repository_docker, .json_name = "Repository"},
	{.name = "SharedSize", .text = text_not_available, .json_name = "SharedSize"},
	{.name = "Size", .text = text_size_docker, .json_name = "Size", .compare = compare_size},
	{.name = "Tag", .text = text_tag, .json_name = "Tag"},
	{.name = "UniqueSize", .text = text_not_available, .json_name = "UniqueSize"},
	{.name = "VirtualSize", .text = text_size_docker, .json_name = "VirtualSize"},
	{.name = "Created", .text = text_created_since, .compare = compare_created},
	{NULL},
};

static const struct table docker_table = {
	.fields = docker_fields,
	.default_format = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
};

#define FORMAT_DIGESTS                                                                             \
	"table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

struct rows {
	struct row *rows;
	const void **pointers;
	size_t count;
	const char *pattern; /* only names that match; NULL all */
};

static void rows_clear(struct rows *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->rows[i].repository);
		free(r->rows[i].tag);
	}
	free(r->rows);
	free(r->pointers);
}

static void add_row(struct rows *r, const struct image_summary *image, const struct image_ref *ref,
	bool no_trunc)
{
	struct row *row = &r->rows[r->count++];
	const char *tag = NULL;

	*row = (struct row){
		.image = image, .ref = ref, .no_trunc = no_trunc, .now_ns = time_now_ns()};
	if (ref->reference) {
		row->repository = image_repository(ref->reference, &tag);
		row->tag = xstrdup_null(tag);
	}
}

/* By the repository or the whole name, familiar or in full; an id was looked up already. */
static bool name_matches(const char *pattern, const char *reference)
{
	const char *tag = NULL;
	cleanup_free char *repository = NULL;

	if (!pattern || !reference || !strpbrk(pattern, "/:*?["))
		return true;
	repository = image_repository(reference, &tag);
	return fnmatch(pattern, docker_familiar(repository), 0) == 0 ||
	       fnmatch(pattern, docker_familiar(reference), 0) == 0 ||
	       fnmatch(pattern, repository, 0) == 0 || fnmatch(pattern, reference, 0) == 0;
}

static void make_rows(
	struct rows *r, const struct image_summary *images, size_t count, bool no_trunc)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += images[i].ref_count;
	r->rows = xcalloc(total + 1, sizeof(*r->rows));
	r->pointers = xcalloc(total + 1, sizeof(*r->pointers));
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < images[i].ref_count; k++)
			/* The untagged entry of an image that has a tag is on its way out. */
			if ((images[i].refs[k].reference || images[i].ref_count == 1) &&
				name_matches(r->pattern, images[i].refs[k].reference))
				add_row(r, &images[i], &images[i].refs[k], no_trunc);
	for (size_t i = 0; i < r->count; i++)
		r->pointers[i] = &r->rows[i];
}

static int count_containers(struct store *store, struct rows *r, struct error **err)
{
	struct container **containers;
	size_t count;

	if (container_list(store, &containers, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; k < count; k++)
			r->rows[i].container_count +=
				str_equal(containers[k]->config->image_id, r->rows[i].image->id);
	container_list_free(containers, count);
	return 0;
}

static void print_ids(struct command_context *ctx, const struct rows *r)
{
	for (size_t i = 0; i < r->count; i++) {
		cleanup_strbuf struct strbuf id = STRBUF_INIT;
		bool shown = false;

		for (size_t k = 0; k < i && !shown; k++)
			shown = r->rows[k].image == r->rows[i].image;
		if (shown)
			continue;
		text_id(&r->rows[i], &id);
		command_print(ctx, "%s\n", strbuf_str(&id));
	}
}

static int print_rows(struct command_context *ctx, struct store *store, struct rows *r,
	const struct images_command *cmd, struct error **err)
{
	const bool docker = docker_called();
	const struct table_options opts = {
		.format = cmd->format    ? cmd->format
			  : cmd->digests ? FORMAT_DIGESTS
					 : NULL,
		.sort = cmd->sort,
		.no_heading = cmd->no_heading,
		.docker = docker,
	};

	if (cmd->quiet && !cmd->format) {
		print_ids(ctx, r);
		return 0;
	}
	if (cmd->format && (strstr(cmd->format, "json") || strstr(cmd->format, "ontainers")) &&
		count_containers(store, r, err) < 0)
		return -1;
	return table_print(
		docker ? &docker_table : &table, r->pointers, r->count, &opts, &ctx->out, err);
}

/* images NAME: what the reference filter finds, else the image that the name means. */
static int select_named(struct store *store, const char *name, struct image_summary *images,
	size_t *count, struct error **err)
{
	cleanup_free char *pattern = xasprintf("reference=%s", name);
	cleanup_free char *id = NULL;
	cleanup_image struct image *image = NULL;
	cleanup_error struct error *ignored = NULL; /* nothing is shown then */

	if (image_resolve(store, name, &image, &ignored) == 0 && !strpbrk(name, "*?[") &&
		!image->refs[0].reference)
		id = xasprintf("id=%s", image->id);
	if (image && !strchr(name, '/') && !strchr(name, ':') && str_starts_with(image->id, name))
		id = xasprintf("id=%s", image->id);
	return image_filter(store, (char *[]){id ? id : pattern, NULL}, NULL, images, count, err);
}

static int list(struct command_context *ctx, struct images_command *cmd, const char *name,
	struct error **err)
{
	struct image_summary *images;
	struct image_users users;
	struct rows rows = {0};
	struct store *store;
	size_t count;
	int status;

	if (command_store(ctx, &store, err) < 0 || image_summaries(store, &images, &count, err) < 0)
		return -1;
	image_users_init(store, &users);
	status = image_filter(store, cmd->filters, &users, images, &count, err);
	if (status == 0 && name)
		status = select_named(store, name, images, &count, err);
	if (status == 0) {
		/* docker lists the names asked for, podman all of the images that have one */
		rows.pattern = docker_called() && name ? name : NULL;
		make_rows(&rows, images, count, cmd->no_trunc);
		status = print_rows(ctx, store, &rows, cmd, err);
	}
	rows_clear(&rows);
	image_summaries_free(images, count);
	return status;
}

static int images_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct images_command cmd = {0};
	int first, status;

	if (options_parse(&command_images, argc, argv, &cmd, &first, err) < 0)
		return -1;
	status = list(ctx, &cmd, first < argc ? argv[first] : NULL, err);
	strv_free(cmd.filters);
	return status;
}

const struct command command_images = {
	.name = "images",
	.summary = "list images in local storage",
	.description = "lists images previously pulled to the system or created on the system",
	.operands = "[IMAGE]",
	.examples =
		"pod images --format json\n"
		"pod images --sort repository --format \"table {{.ID}} {{.Repository}} {{.Tag}}\"\n"
		"pod images --filter dangling=true",
	.max_operands = 1,
	.complete = COMPLETE_IMAGE,
	.options = options,
	.run = images_run,
};
