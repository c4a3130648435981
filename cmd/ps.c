#include "config.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/listing.h"
#include "container/container.h"
#include "container/index.h"
#include "container/parse_mount.h"
#include "image/image.h"
#include "rootless/userns.h"
#include "storage/usage.h"
#include "util/filter.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/table.h"
#include "util/timefmt.h"

/* What all rows of one listing share. */
struct ps_view {
	struct store *store;
	uint64_t now_ns;
	bool no_trunc;
	bool size; /* the sizes of rows were measured */
};

struct ps_row {
	const struct container_row *c;
	const struct ps_view *view;
	uint64_t written_bytes, image_bytes; /* with --size */
};

static const struct container_row *row_of(const void *row)
{
	return ((const struct ps_row *)row)->c;
}

static const struct ps_view *view_of(const void *row)
{
	return ((const struct ps_row *)row)->view;
}

static bool is_running(const struct container_row *c)
{
	return c->state == CONTAINER_RUNNING || c->state == CONTAINER_UNSUPERVISED ||
	       c->state == CONTAINER_RESTARTING || c->state == CONTAINER_PAUSED;
}

/* ---- fields ---- */

static void id_text(const void *row, struct strbuf *out)
{
	strbuf_add(out, row_of(row)->id, view_of(row)->no_trunc ? 64 : 12);
}

static void id_json(const void *row, struct json_writer *w)
{
	json_write_string(w, row_of(row)->id);
}

static void image_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, row_of(row)->image_name);
}

static void image_id_text(const void *row, struct strbuf *out)
{
	const char *id = row_of(row)->image_id;

	strbuf_add(out, id, view_of(row)->no_trunc ? strlen(id) : strnlen(id, 12));
}

static void image_id_json(const void *row, struct json_writer *w)
{
	json_write_string(w, row_of(row)->image_id);
}

static void command_text(const void *row, struct strbuf *out)
{
	if (view_of(row)->no_trunc)
		listing_visible(row_of(row)->command, out);
	else
		listing_truncated(row_of(row)->command, 17, out);
}

/* The index keeps the words joined; the array needs the record. */
static void command_json(const void *row, struct json_writer *w)
{
	cleanup_container struct container *container = NULL;
	cleanup_error struct error *ignored = NULL; /* removed meanwhile */

	if (container_load(view_of(row)->store, row_of(row)->id, &container, &ignored) == 0) {
		json_write_strv(w, container->config->args);
		return;
	}
	json_write_array_begin(w);
	json_write_string(w, row_of(row)->command);
	json_write_array_end(w);
}

static void created_human_text(const void *row, struct strbuf *out)
{
	time_human_ago(row_of(row)->created_ns, view_of(row)->now_ns, out);
}

static void created_at_text(const void *row, struct strbuf *out)
{
	time_go_string(row_of(row)->created_ns, out);
}

static void created_json(const void *row, struct json_writer *w)
{
	json_write_uint(w, row_of(row)->created_ns / NS_PER_SECOND);
}

static int created_compare(const void *a, const void *b)
{
	uint64_t x = row_of(a)->created_ns, y = row_of(b)->created_ns;

	return (x > y) - (x < y);
}

static int running_for_compare(const void *a, const void *b)
{
	return created_compare(b, a);
}

static void seconds_text(uint64_t time_ns, struct strbuf *out)
{
	strbuf_addf(out, "%lld", time_ns ? (long long)(time_ns / NS_PER_SECOND) : -62135596800);
}

static void started_text(const void *row, struct strbuf *out)
{
	seconds_text(row_of(row)->started_ns, out);
}

static void started_json(const void *row, struct json_writer *w)
{
	uint64_t ns = row_of(row)->started_ns;

	json_write_int(w, ns ? (int64_t)(ns / NS_PER_SECOND) : -62135596800);
}

static void exited_at_text(const void *row, struct strbuf *out)
{
	seconds_text(row_of(row)->finished_ns, out);
}

static void exited_at_json(const void *row, struct json_writer *w)
{
	uint64_t ns = row_of(row)->finished_ns;

	json_write_int(w, ns ? (int64_t)(ns / NS_PER_SECOND) : -62135596800);
}

static void exited_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, row_of(row)->state == CONTAINER_EXITED ? "true" : "false");
}

static void exited_json(const void *row, struct json_writer *w)
{
	json_write_bool(w, row_of(row)->state == CONTAINER_EXITED);
}

static void status_text(const void *row, struct strbuf *out)
{
	const struct container_row *c = row_of(row);
	uint64_t now_ns = view_of(row)->now_ns;

	if (c->state == CONTAINER_RESTARTING) {
		strbuf_addf(out, "Restarting (%d) ", c->exit_code);
		time_human_ago(c->finished_ns, now_ns, out);
	} else if (c->state == CONTAINER_PAUSED) {
		strbuf_addstr(out, "Paused");
	} else if (is_running(c)) {
		strbuf_addstr(out, "Up ");
		duration_human(now_ns > c->started_ns ? now_ns - c->started_ns : 0, out);
		if (*c->health)
			strbuf_addf(out, " (%s%s)",
				strcmp(c->health, "starting") == 0 ? "health: " : "", c->health);
	} else if (c->state == CONTAINER_EXITED) {
		strbuf_addf(out, "Exited (%d)", c->exit_code);
		if (c->finished_ns) {
			strbuf_addch(out, ' ');
			time_human_ago(c->finished_ns, now_ns, out);
		}
	} else {
		strbuf_addstr(out, "Created");
	}
}

static void state_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, container_state_name(row_of(row)->state));
}

static void ports_text(const void *row, struct strbuf *out)
{
	listing_ports_text(row_of(row)->ports, out);
}

static void ports_json(const void *row, struct json_writer *w)
{
	listing_ports_json(row_of(row)->ports, w);
}

static void names_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, row_of(row)->name);
}

static void names_json(const void *row, struct json_writer *w)
{
	listing_array(row_of(row)->name, w);
}

static void labels_text(const void *row, struct strbuf *out)
{
	cleanup_strv char **labels = listing_lines(row_of(row)->labels);

	listing_labels_text(labels, out);
}

static void labels_json(const void *row, struct json_writer *w)
{
	cleanup_strv char **labels = listing_lines(row_of(row)->labels);

	listing_labels_json(labels, w);
}

static void mounts_text(const void *row, struct strbuf *out)
{
	listing_joined(row_of(row)->mounts, ",", out);
}

static void mounts_json(const void *row, struct json_writer *w)
{
	listing_array(row_of(row)->mounts, w);
}

static void networks_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, row_of(row)->network);
}

static void networks_json(const void *row, struct json_writer *w)
{
	listing_array(row_of(row)->network, w);
}

static void pid_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%d", is_running(row_of(row)) ? (int)row_of(row)->init_pid : 0);
}

static void pid_json(const void *row, struct json_writer *w)
{
	json_write_int(w, is_running(row_of(row)) ? row_of(row)->init_pid : 0);
}

static void exit_code_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%d", row_of(row)->exit_code);
}

static void exit_code_json(const void *row, struct json_writer *w)
{
	json_write_int(w, row_of(row)->exit_code);
}

static void auto_remove_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, row_of(row)->remove ? "true" : "false");
}

static void auto_remove_json(const void *row, struct json_writer *w)
{
	json_write_bool(w, row_of(row)->remove);
}

static void size_text(const void *row, struct strbuf *out)
{
	const struct ps_row *r = row;

	if (!r->view->size)
		return;
	size_human(r->written_bytes, 3, out);
	strbuf_addstr(out, " (virtual ");
	size_human(r->written_bytes + r->image_bytes, 3, out);
	strbuf_addch(out, ')');
}

static void size_json(const void *row, struct json_writer *w)
{
	const struct ps_row *r = row;

	if (!r->view->size) {
		json_write_null(w);
		return;
	}
	json_write_object_begin(w);
	json_put_uint(w, "rootFsSize", r->written_bytes + r->image_bytes);
	json_put_uint(w, "rwSize", r->written_bytes);
	json_write_object_end(w);
}

static int size_compare(const void *a, const void *b)
{
	const struct ps_row *x = a, *y = b;

	return (x->written_bytes > y->written_bytes) - (x->written_bytes < y->written_bytes);
}

/* podman's names; the order of the JSON form is podman's too. */
static const struct table_field ps_fields[] = {
	{"AutoRemove", NULL, auto_remove_text, "AutoRemove", auto_remove_json, .typed = true},
	{"Command", NULL, command_text, "Command", command_json},
	{"CreatedAt", NULL, created_at_text, NULL},
	{"CreatedHuman", "CREATED", created_human_text, "CreatedAt"},
	{"Exited", NULL, exited_text, "Exited", exited_json, .typed = true},
	{"ExitedAt", NULL, exited_at_text, "ExitedAt", exited_at_json, .typed = true},
	{"ExitCode", NULL, exit_code_text, "ExitCode", exit_code_json, .typed = true},
	{"ID", "CONTAINER ID", id_text, "Id", id_json},
	{"Image", NULL, image_text, "Image"},
	{"ImageID", "IMAGE ID", image_id_text, "ImageID", image_id_json},
	{"Labels", NULL, labels_text, "Labels", labels_json},
	{"Mounts", NULL, mounts_text, "Mounts", mounts_json},
	{"Names", NULL, names_text, "Names", names_json},
	{"Networks", NULL, networks_text, "Networks", networks_json},
	{"Pid", NULL, pid_text, "Pid", pid_json, .typed = true},
	{"Ports", NULL, ports_text, "Ports", ports_json},
	{"RunningFor", "CREATED", created_human_text, NULL, .compare = running_for_compare},
	{"Size", NULL, size_text, "Size", size_json, size_compare},
	{"StartedAt", NULL, started_text, "StartedAt", started_json, .typed = true},
	{"State", NULL, state_text, "State"},
	{"Status", NULL, status_text, "Status"},
	{"Created", NULL, created_human_text, "Created", created_json, created_compare},
	{NULL},
};

static const struct table ps_table = {ps_fields,
	"table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t"
	"{{.Names}}"};

static const char size_format[] =
	"table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t"
	"{{.Names}}\t{{.Size}}";

/* ---- docker's fields: all of them texts, in the JSON form too ---- */

/* Does the name that the container was made by still mean its image? */
static bool has_its_image(const struct ps_view *view, const struct container_row *c)
{
	cleanup_error struct error *gone = NULL;
	struct image_ref ref = {0};
	bool same;

	if (image_ref_read(view->store, c->image_name, &ref, &gone) < 0)
		return false;
	same = str_equal(ref.image_id, c->image_id);
	image_ref_clear(&ref);
	return same;
}

/* As it was typed, without a digest; the id when that was typed or the name has gone to another
 * image. */
static void docker_image_text(const void *row, struct strbuf *out)
{
	static const char *const prefixes[] = {"docker.io/library/", "docker.io/"};
	const struct container_row *c = row_of(row);
	const struct ps_view *view = view_of(row);
	const char *given = str_starts_with(c->image_given, "sha256:");
	cleanup_strbuf struct strbuf name = STRBUF_INIT;
	const char *text;

	given = given ? given : c->image_given;
	if (!*c->image_id)
		return;
	if ((*given && str_starts_with(c->image_id, given)) || !has_its_image(view, c)) {
		strbuf_addf(out, view->no_trunc ? "sha256:%s" : "%.12s", c->image_id);
		return;
	}
	docker_image_name(c->image_given, c->image_name, &name);
	text = strbuf_str(&name);
	for (size_t i = 0; i < ARRAY_SIZE(prefixes) && !view->no_trunc; i++) {
		const char *rest = str_starts_with(text, prefixes[i]);

		text = rest ? rest : text;
	}
	strbuf_add(out, text, view->no_trunc ? strlen(text) : strcspn(text, "@"));
}

static void docker_command_text(const void *row, struct strbuf *out)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	docker_ellipsis(row_of(row)->command, view_of(row)->no_trunc ? SIZE_MAX : 20, &text);
	strbuf_addch(out, '"');
	for (const char *p = strbuf_str(&text); *p; p++) {
		if (*p == '"' || *p == '\\')
			strbuf_addch(out, '\\');
		if (*p == '\n' || *p == '\t')
			strbuf_addstr(out, *p == '\n' ? "\\n" : "\\t");
		else if ((unsigned char)*p < ' ' || *p == 0x7f)
			strbuf_addf(out, "\\x%02x", (unsigned char)*p);
		else
			strbuf_addch(out, *p);
	}
	strbuf_addch(out, '"');
}

static void docker_created_at_text(const void *row, struct strbuf *out)
{
	uint64_t ns = row_of(row)->created_ns;

	time_go_string(ns - ns % NS_PER_SECOND, out);
}

static void docker_labels_text(const void *row, struct strbuf *out)
{
	listing_joined(row_of(row)->labels, ",", out);
}

static void docker_volumes_text(const void *row, struct strbuf *out)
{
	const char *volumes = row_of(row)->volumes;
	size_t count = *volumes != '\0';

	for (; *volumes; volumes++)
		count += *volumes == '\n';
	strbuf_addf(out, "%zu", count);
}

/* Names of volumes and sources of binds; the index has the destinations. */
static void docker_mounts_text(const void *row, struct strbuf *out)
{
	cleanup_container struct container *container = NULL;
	cleanup_error struct error *ignored = NULL; /* removed meanwhile */
	bool first = true;

	if (container_load(view_of(row)->store, row_of(row)->id, &container, &ignored) < 0)
		return;
	for (char **text = container->config->mounts; text && *text; text++) {
		cleanup_container_mount struct container_mount mount = {0};
		cleanup_error struct error *bad = NULL;

		if (parse_mount(*text, &mount, &bad) < 0 || !mount.source)
			continue;
		if (!first)
			strbuf_addch(out, ',');
		docker_ellipsis(mount.source, view_of(row)->no_trunc ? SIZE_MAX : 15, out);
		first = false;
	}
}

/* Of what runs; with what could be published. */
static void docker_ports_text(const void *row, struct strbuf *out)
{
	size_t start = out->len;

	if (!is_running(row_of(row)))
		return;
	listing_ports_text(row_of(row)->ports, out);
	listing_exposed_text(row_of(row)->exposed, row_of(row)->ports, start, out);
}

/* The default network's name in docker is bridge. */
static const char *docker_network(const struct container_row *c)
{
	return strcmp(c->network, "slirp4netns") == 0 ? "bridge" : c->network;
}

static void docker_networks_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, docker_network(row_of(row)));
}

static void docker_size_text(const void *row, struct strbuf *out)
{
	if (view_of(row)->size)
		size_text(row, out);
	else
		strbuf_addstr(out, "0B");
}

static const struct table_field docker_fields[] = {
	{"Command", NULL, docker_command_text, "Command"},
	{"CreatedAt", "CREATED AT", docker_created_at_text, "CreatedAt"},
	{"ID", "CONTAINER ID", id_text, "ID"},
	{"Image", NULL, docker_image_text, "Image"},
	{"Labels", NULL, docker_labels_text, "Labels"},
	{"LocalVolumes", "LOCAL VOLUMES", docker_volumes_text, "LocalVolumes"},
	{"Mounts", NULL, docker_mounts_text, "Mounts"},
	{"Names", NULL, names_text, "Names"},
	{"Networks", NULL, docker_networks_text, "Networks"},
	{"Ports", NULL, docker_ports_text, "Ports"},
	{"RunningFor", "CREATED", created_human_text, "RunningFor"},
	{"Size", NULL, docker_size_text, "Size"},
	{"State", NULL, state_text, "State"},
	{"Status", NULL, status_text, "Status"},
	{"_labels", NULL, labels_text, NULL, labels_json, .typed = true}, /* {{.Label "x"}} */
	{NULL},
};

static const struct table docker_table = {docker_fields,
	"table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t"
	"{{.Names}}"};

static const char docker_size_format[] =
	"table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t"
	"{{.Names}}\t{{.Size}}";

/* ---- filters ---- */

static const char *const filter_keys[] = {"ancestor", "before", "exited", "health", "id", "label",
	"name", "network", "since", "status", "until", "volume", NULL};

static const char *const states[] = {"created", "running", "exited", "paused", "restarting",
	"removing", "dead", "stopped", "stopping", "initialized", "unknown", NULL};

static const char *const healths[] = {"starting", "healthy", "unhealthy", "none", NULL};

/* A filter's value, prepared once: parallel to the filter list. */
struct prepared {
	bool has_regex;
	regex_t regex;
	uint64_t time_ns;
	uint64_t number;
};

struct matcher {
	const struct filter_list *filters;
	struct prepared *prepared;
};

/* The image by id, by whole name, or by name without registry, path or tag. */
static bool image_matches(const struct container_row *c, const char *wanted)
{
	const char *slash = strrchr(wanted, '/');
	bool tagged = strchr(slash ? slash : wanted, ':') != NULL;
	size_t len = strlen(wanted), name_len = strlen(c->image_name);
	const char *id = str_starts_with(wanted, "sha256:");

	id = id ? id : wanted;
	if (strlen(id) >= 2 && str_starts_with(c->image_id, id))
		return true;
	if (!tagged) {
		const char *base = strrchr(c->image_name, '/');
		const char *colon = strchr(base ? base : c->image_name, ':');

		if (colon)
			name_len = (size_t)(colon - c->image_name);
	}
	return len && name_len >= len &&
	       strncmp(c->image_name + name_len - len, wanted, len) == 0 &&
	       (name_len == len || c->image_name[name_len - len - 1] == '/');
}

static bool match(const struct filter *filter, const void *row, void *data)
{
	const struct matcher *m = data;
	const struct prepared *p = &m->prepared[filter - m->filters->filters];
	const struct container_row *c = row;
	const char *key = filter->key, *value = filter->value;

	if (strcmp(key, "id") == 0)
		return str_starts_with(c->id, value) != NULL;
	if (strcmp(key, "name") == 0)
		return regexec(&p->regex, c->name, 0, NULL, 0) == 0;
	if (strcmp(key, "label") == 0) {
		cleanup_strv char **labels = listing_lines(c->labels);

		return label_matches(labels, value);
	}
	if (strcmp(key, "status") == 0)
		return strcmp(value, container_state_name(c->state)) == 0 ||
		       (strcmp(value, "stopped") == 0 && c->state == CONTAINER_EXITED);
	if (strcmp(key, "health") == 0)
		return strcmp(value, *c->health ? c->health : "none") == 0;
	if (strcmp(key, "exited") == 0)
		return c->state == CONTAINER_EXITED && (uint64_t)c->exit_code == p->number;
	if (strcmp(key, "ancestor") == 0)
		return image_matches(c, value);
	if (strcmp(key, "before") == 0 || strcmp(key, "until") == 0)
		return c->created_ns < p->time_ns;
	if (strcmp(key, "since") == 0)
		return c->created_ns > p->time_ns;
	if (strcmp(key, "volume") == 0)
		return listing_has_line(c->volumes, value) || listing_has_line(c->mounts, value);
	return strcmp(c->network, value) == 0 || /* network */
	       (docker_called() && strcmp(docker_network(c), value) == 0);
}

static int prepare_one(const struct filter *filter, struct store *store, uint64_t now_ns,
	struct prepared *ret, struct error **err)
{
	const char *key = filter->key, *value = filter->value;

	if (strcmp(key, "name") == 0) {
		cleanup_free char *pattern = NULL;
		const char *rest = str_starts_with(value, "^/");

		/* docker's names begin with a slash that nobody sees */
		pattern = rest ? xasprintf("^%s", rest) : xstrdup(value);
		if (regcomp(&ret->regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
			return error_set(err, ERR_USAGE,
				"filter 'name=%s': the pattern is malformed", value);
		ret->has_regex = true;
	} else if (strcmp(key, "status") == 0) {
		if (!strv_contains((char *const *)states, value))
			return error_set(err, ERR_USAGE,
				"unknown container state: %s: invalid argument", value);
	} else if (strcmp(key, "exited") == 0) {
		if (str_to_uint64(value, 255, &ret->number) < 0)
			return error_set(err, ERR_USAGE,
				"filter 'exited=%s': must be an exit status from 0 to 255", value);
	} else if (strcmp(key, "health") == 0) {
		if (!strv_contains((char *const *)healths, value))
			return error_set(err, ERR_USAGE,
				"filter 'health=%s': use starting, healthy, unhealthy or none",
				value);
	} else if (strcmp(key, "until") == 0) {
		return time_parse(value, now_ns, &ret->time_ns, err);
	} else if (strcmp(key, "before") == 0 || strcmp(key, "since") == 0) {
		cleanup_container struct container *container = NULL;

		if (container_find(store, value, &container, err) < 0)
			return -1;
		ret->time_ns = container->config->created_ns;
	}
	return 0;
}

/* ---- the command ---- */

struct ps_options {
	bool all, latest, no_trunc, quiet, no_heading, size;
	char **filters;
	const char *format, *sort;
	int last;
};

static const char *const sorts[] = {
	"command", "created", "id", "image", "names", "runningfor", "size", "status", NULL};

static const struct option_spec ps_options[] = {
	OPTION_BOOL("all", 'a', struct ps_options, all,
		"show all the containers, default is only running containers"),
	OPTION_LIST("filter", 'f', struct ps_options, filters, NULL,
		"filter output based on conditions given"),
	OPTION_STRING("format", 0, struct ps_options, format, NULL,
		"pretty-print containers to JSON or using a Go template"),
	OPTION_INT("last", 'n', struct ps_options, last, NULL,
		"print the n last created containers (all states)", .default_text = "-1"),
	OPTION_BOOL("latest", 'l', struct ps_options, latest,
		"act on the latest container pod is aware of"),
	OPTION_BOOL("no-trunc", 0, struct ps_options, no_trunc, "display the extended information"),
	OPTION_BOOL("noheading", 0, struct ps_options, no_heading, "do not print headers"),
	OPTION_BOOL("quiet", 'q', struct ps_options, quiet,
		"print the numeric IDs of the containers only"),
	OPTION_BOOL("size", 's', struct ps_options, size, "display the total file sizes"),
	OPTION_STRING("sort", 0, struct ps_options, sort, "choice",
		"sort output by: command, created, id, image, names, runningfor, size, status",
		.words = sorts, .complete = COMPLETE_WORDS),
	OPTION_END,
};

/* Rows that pass, oldest first. */
static size_t select_rows(const struct container_index *index, const struct ps_options *opts,
	struct matcher *matcher, const struct ps_view *view, struct ps_row *rows)
{
	bool all = opts->all || opts->last >= 0 || filters_find(matcher->filters, "status", NULL);
	size_t count = 0;

	for (size_t i = 0; i < index->count; i++) {
		const struct container_row *c = &index->rows[i];

		if (!all && !is_running(c))
			continue;
		if (filters_match(matcher->filters, match, c, matcher))
			rows[count++] = (struct ps_row){.c = c, .view = view};
	}
	return count;
}

/* What each container has written, and the size of what it was made from. */
static int measure_rows(struct store *store, struct ps_row *rows, size_t count, struct error **err)
{
	cleanup_error struct error *no_userns = NULL; /* then nothing is anybody else's */
	cleanup_close int userns_fd = -1;
	struct usage_item *items = xcalloc(count + 1, sizeof(*items));
	int status;

	for (size_t i = 0; i < count; i++) {
		cleanup_image struct image *image = NULL;
		cleanup_error struct error *removed = NULL;

		items[i].dir_fd = store->containers_fd;
		items[i].path = xasprintf("%s/upper", rows[i].c->id);
		if (*rows[i].c->image_id &&
			image_lookup_id(store, rows[i].c->image_id, &image, &removed) == 0)
			rows[i].image_bytes = image_size(store, image->config);
	}
	if (store->rootless)
		userns_fd = userns_get(store->runtime_fd, &no_userns);
	status = store_usage(store, items, count, userns_fd, err);
	for (size_t i = 0; i < count; i++) {
		rows[i].written_bytes = items[i].bytes;
		free(items[i].path);
	}
	free(items);
	return status;
}

static int ps_print(struct command_context *ctx, struct ps_options *opts,
	const struct filter_list *filters, struct prepared *prepared, struct store *store,
	struct error **err)
{
	cleanup_container_index struct container_index index = {0};
	struct ps_view view = {store, time_now_ns(), opts->no_trunc, opts->size};
	struct matcher matcher = {filters, prepared};
	struct table_options table = {
		.format = opts->format, .sort = opts->sort, .no_heading = opts->no_heading};
	cleanup_free struct ps_row *rows = NULL;
	cleanup_free const void **pointers = NULL;
	size_t count, from = 0;

	for (size_t i = 0; i < filters->count; i++)
		if (prepare_one(&filters->filters[i], store, view.now_ns, &prepared[i], err) < 0)
			return -1;
	if (container_index_load(store, &index, err) < 0)
		return -1;
	rows = xcalloc(index.count + 1, sizeof(*rows));
	pointers = xcalloc(index.count + 1, sizeof(*pointers));
	count = select_rows(&index, opts, &matcher, &view, rows);
	if (opts->last >= 0 && count > (size_t)opts->last)
		from = count - (size_t)opts->last;
	for (size_t i = from; i < count; i++) /* docker: the newest first */
		pointers[docker_called() ? count - 1 - i : i - from] = &rows[i];
	if (opts->size) {
		if (measure_rows(store, rows + from, count - from, err) < 0)
			return -1;
		if (!table.format)
			table.format = docker_called() ? docker_size_format : size_format;
	}
	if (opts->quiet && !opts->format)
		table.format = "{{.ID}}";
	table.docker = docker_called();
	return table_print(docker_called() ? &docker_table : &ps_table, pointers, count - from,
		&table, &ctx->out, err);
}

static int ps_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct ps_options opts = {.last = -1};
	cleanup_filters struct filter_list filters = {0};
	struct prepared *prepared;
	struct store *store;
	int first, status;

	status = options_parse(&command_ps, argc, argv, &opts, &first, err);
	if (status == 0 && opts.last >= 0 && opts.latest)
		status = error_set(err, ERR_USAGE, "last and latest are mutually exclusive");
	if (docker_called() && opts.format && strstr(opts.format, ".Size"))
		opts.size = true;
	if (status == 0 && opts.quiet && opts.format && !docker_called())
		status = error_set(err, ERR_USAGE, "quiet and format cannot be used together");
	if (opts.latest)
		opts.last = 1;
	opts.size = opts.size || str_equal(opts.sort, "size");
	if (status == 0)
		status = filters_parse(opts.filters, filter_keys, &filters, err);
	strv_free(opts.filters);
	if (status < 0 || command_store(ctx, &store, err) < 0)
		return -1;
	prepared = xcalloc(filters.count + 1, sizeof(*prepared));
	status = ps_print(ctx, &opts, &filters, prepared, store, err);
	for (size_t i = 0; i < filters.count; i++)
		if (prepared[i].has_regex)
			regfree(&prepared[i].regex);
	free(prepared);
	return status;
}

const struct command command_ps = {
	.name = "ps",
	.summary = "list containers",
	.description = "prints out information about the containers",
	.examples = "pod ps -a\n"
		    "pod ps -a --format \"{{.ID}}  {{.Image}}  {{.Labels}}  {{.Mounts}}\"\n"
		    "pod ps --filter status=exited --sort names",
	.options = ps_options,
	.run = ps_run,
};
