#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/listing.h"
#include "cmd/usage.h"
#include "util/mem.h"
#include "util/table.h"
#include "util/timefmt.h"

struct system_df_options {
	const char *format;
	bool verbose;
};

static const struct option_spec system_df_options[] = {
	OPTION_STRING("format", 0, struct system_df_options, format, NULL,
		"pretty-print disk usage to JSON or using a Go template"),
	OPTION_BOOL("verbose", 'v', struct system_df_options, verbose,
		"show detailed information on disk usage"),
	OPTION_END,
};

static const struct usage_class *class_of(const void *row)
{
	return row;
}

static void type_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, class_of(row)->type);
}

static void total_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, class_of(row)->total);
}

static void total_json(const void *row, struct json_writer *w)
{
	json_write_uint(w, class_of(row)->total);
}

static void active_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, class_of(row)->active);
}

static void active_json(const void *row, struct json_writer *w)
{
	json_write_uint(w, class_of(row)->active);
}

static void size_text(const void *row, struct strbuf *out)
{
	size_human(class_of(row)->size_bytes, 4, out);
}

static void raw_size_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, class_of(row)->size_bytes);
}

static void raw_size_json(const void *row, struct json_writer *w)
{
	json_write_uint(w, class_of(row)->size_bytes);
}

static void reclaimable_text(const void *row, struct strbuf *out)
{
	const struct usage_class *c = class_of(row);
	uint64_t percent =
		c->size_bytes ? (c->reclaimable_bytes * 100 + c->size_bytes / 2) / c->size_bytes
			      : 0;

	size_human(c->reclaimable_bytes, 4, out);
	strbuf_addf(out, " (%" PRIu64 "%%)", percent);
}

static void raw_reclaimable_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, class_of(row)->reclaimable_bytes);
}

static void raw_reclaimable_json(const void *row, struct json_writer *w)
{
	json_write_uint(w, class_of(row)->reclaimable_bytes);
}

static const struct table_field df_fields[] = {
	{"Type", NULL, type_text, "Type"},
	{"Total", NULL, total_text, "Total", total_json, .typed = true},
	{"TotalCount", "TOTAL", total_text, NULL, total_json, .typed = true},
	{"Active", NULL, active_text, "Active", active_json, .typed = true},
	{"Size", NULL, size_text, "Size"},
	{"RawSize", NULL, raw_size_text, "RawSize", raw_size_json, .typed = true},
	{"Reclaimable", NULL, reclaimable_text, "Reclaimable"},
	{"RawReclaimable", NULL, raw_reclaimable_text, "RawReclaimable", raw_reclaimable_json,
		.typed = true},
	{NULL},
};

static const struct table df_table = {
	df_fields, "table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"};

static void docker_reclaimable_text(const void *row, struct strbuf *out)
{
	const struct usage_class *c = class_of(row);

	size_human(c->reclaimable_bytes, 4, out);
	if (c->size_bytes)
		strbuf_addf(out, " (%" PRIu64 "%%)", c->reclaimable_bytes * 100 / c->size_bytes);
}

static const struct table_field docker_fields[] = {
	{"Active", NULL, active_text, "Active"},
	{"Reclaimable", NULL, docker_reclaimable_text, "Reclaimable"},
	{"Size", NULL, size_text, "Size"},
	{"TotalCount", "TOTAL", total_text, "TotalCount"},
	{"Type", NULL, type_text, "Type"},
	{NULL},
};

static const struct table docker_table = {docker_fields,
	"table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"};

/* docker's fourth class; nothing is built here. */
static const struct usage_class build_cache = {.type = "Build Cache"};

/* ---- --verbose: one table a kind ---- */

struct df_row {
	const struct usage *usage;
	size_t i;
};

static const struct usage *usage_of(const void *row)
{
	return ((const struct df_row *)row)->usage;
}

static size_t index_of(const void *row)
{
	return ((const struct df_row *)row)->i;
}

static const struct image_summary *image_of(const void *row)
{
	return &usage_of(row)->images[index_of(row)];
}

static const struct container_row *container_of(const void *row)
{
	return &usage_of(row)->index.rows[index_of(row)];
}

/* The first name of an image, split; "<none>" where there is none. */
static void image_name_part(const void *row, bool want_tag, struct strbuf *out)
{
	const struct image_summary *image = image_of(row);
	const char *reference = image->ref_count ? image->refs[0].reference : NULL, *tag = NULL;
	cleanup_free char *repository = reference ? image_repository(reference, &tag) : NULL;

	if (want_tag)
		strbuf_addstr(out, tag ? tag : "<none>");
	else
		strbuf_addstr(out, !repository       ? "<none>"
				   : docker_called() ? docker_familiar(repository)
						     : repository);
}

static void repository_text(const void *row, struct strbuf *out)
{
	image_name_part(row, false, out);
}

static void tag_text(const void *row, struct strbuf *out)
{
	image_name_part(row, true, out);
}

static void image_id_text(const void *row, struct strbuf *out)
{
	strbuf_add(out, image_of(row)->id, 12);
}

static void image_created_text(const void *row, struct strbuf *out)
{
	int64_t s = image_of(row)->created_s;

	time_human_ago(s > 0 ? (uint64_t)s * NS_PER_SECOND : 0, time_now_ns(), out);
}

static void image_size_text(const void *row, struct strbuf *out)
{
	size_human(usage_of(row)->image[index_of(row)].size_bytes, 4, out);
}

static void image_shared_text(const void *row, struct strbuf *out)
{
	size_human(usage_of(row)->image[index_of(row)].shared_bytes, 4, out);
}

static void image_unique_text(const void *row, struct strbuf *out)
{
	const struct usage_image *image = &usage_of(row)->image[index_of(row)];

	size_human(image->size_bytes - image->shared_bytes, 4, out);
}

static void image_containers_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, usage_of(row)->image[index_of(row)].containers);
}

static const struct table images_table = {(const struct table_field[]){
						  {"Repository", NULL, repository_text},
						  {"Tag", NULL, tag_text},
						  {"ImageID", "IMAGE ID", image_id_text},
						  {"Created", NULL, image_created_text},
						  {"Size", NULL, image_size_text},
						  {"SharedSize", "SHARED SIZE", image_shared_text},
						  {"UniqueSize", "UNIQUE SIZE", image_unique_text},
						  {"Containers", NULL, image_containers_text},
						  {NULL},
					  },
	"table {{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.Created}}\t{{.Size}}\t{{.SharedSize}}\t"
	"{{.UniqueSize}}\t{{.Containers}}"};

static void container_id_text(const void *row, struct strbuf *out)
{
	strbuf_add(out, container_of(row)->id, 12);
}

static void container_image_text(const void *row, struct strbuf *out)
{
	const char *id = container_of(row)->image_id;

	strbuf_add(out, id, strnlen(id, 12));
}

static void container_command_text(const void *row, struct strbuf *out)
{
	listing_truncated(container_of(row)->command, 17, out);
}

static void container_volumes_text(const void *row, struct strbuf *out)
{
	const char *volumes = container_of(row)->volumes;
	size_t count = *volumes != '\0';

	for (; *volumes; volumes++)
		count += *volumes == '\n';
	strbuf_addf(out, "%zu", count);
}

static void container_size_text(const void *row, struct strbuf *out)
{
	size_human(usage_of(row)->container_bytes[index_of(row)], 4, out);
}

static void container_created_text(const void *row, struct strbuf *out)
{
	time_human_ago(container_of(row)->created_ns, time_now_ns(), out);
}

static void container_status_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, container_state_name(container_of(row)->state));
}

static void container_name_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, container_of(row)->name);
}

static const struct table containers_table = {
	(const struct table_field[]){
		{"ContainerID", "CONTAINER ID", container_id_text},
		{"Image", NULL, container_image_text},
		{"Command", NULL, container_command_text},
		{"LocalVolumes", "LOCAL VOLUMES", container_volumes_text},
		{"Size", NULL, container_size_text},
		{"Created", NULL, container_created_text},
		{"Status", NULL, container_status_text},
		{"Names", NULL, container_name_text},
		{NULL},
	},
	"table "
	"{{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.Created}}\t"
	"{{.Status}}\t{{.Names}}"};

static void volume_name_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, usage_of(row)->volumes.chosen[index_of(row)]->name);
}

static void volume_links_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, usage_of(row)->volume_links[index_of(row)]);
}

static void volume_size_text(const void *row, struct strbuf *out)
{
	size_human(usage_of(row)->volume_bytes[index_of(row)], 4, out);
}

static const struct table volumes_table = {(const struct table_field[]){
						   {"VolumeName", "VOLUME NAME", volume_name_text},
						   {"Links", NULL, volume_links_text},
						   {"Size", NULL, volume_size_text},
						   {NULL},
					   },
	"table {{.VolumeName}}\t{{.Links}}\t{{.Size}}"};

static int print_details(struct command_context *ctx, const struct usage *usage,
	const char *heading, const struct table *table, size_t count, struct error **err)
{
	const struct table_options opts = {.docker = docker_called()};
	cleanup_free struct df_row *rows = xcalloc(count + 1, sizeof(*rows));
	cleanup_free const void **pointers = xcalloc(count + 1, sizeof(*pointers));

	for (size_t i = 0; i < count; i++) {
		rows[i] = (struct df_row){usage, i};
		pointers[i] = &rows[i];
	}
	command_print(ctx, "%s space usage:\n\n", heading);
	return table_print(table, pointers, count, &opts, &ctx->out, err);
}

static int print_verbose(struct command_context *ctx, const struct usage *usage, struct error **err)
{
	if (print_details(ctx, usage, "Images", &images_table, usage->image_count, err) < 0)
		return -1;
	command_print(ctx, "\n");
	if (print_details(ctx, usage, "Containers", &containers_table, usage->index.count, err) < 0)
		return -1;
	command_print(ctx, "\n");
	return print_details(
		ctx, usage, "Local Volumes", &volumes_table, usage->volumes.count, err);
}

static int system_df_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_usage struct usage usage = {0};
	struct system_df_options opts = {0};
	const void *rows[USAGE_CLASSES + 1];
	struct table_options table = {0};
	int first;

	if (options_parse(&command_system_df, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (opts.verbose && opts.format)
		return error_set(err, ERR_USAGE, "cannot combine --format and --verbose flags");
	if (usage_gather(ctx, &usage, err) < 0)
		return -1;
	if (opts.verbose)
		return print_verbose(ctx, &usage, err);
	for (size_t i = 0; i < USAGE_CLASSES; i++)
		rows[i] = &usage.classes[i];
	table.format = opts.format;
	if (docker_called()) {
		rows[USAGE_CLASSES] = &build_cache;
		table.docker = true;
		return table_print(&docker_table, rows, USAGE_CLASSES + 1, &table, &ctx->out, err);
	}
	return table_print(&df_table, rows, USAGE_CLASSES, &table, &ctx->out, err);
}

const struct command command_system_df = {
	.name = "df",
	.summary = "show pod disk usage",
	.description = "shows how much of the disk images, containers and volumes take, each layer "
		       "counted "
		       "once,\nand how much of it pruning would give back.",
	.examples = "pod system df\npod system df --format '{{.Type}}\\t{{.Size}}'",
	.options = system_df_options,
	.run = system_df_run,
};
