#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "container/container.h"
#include "container/events.h"
#include "util/filter.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/template.h"
#include "util/timefmt.h"

/*
 * What happened, in podman's words and form, or, called as docker, in docker's. Events are recorded
 * in podman's words (container/events.h).
 */

struct events_command {
	bool stream, no_stream, no_trunc;
	const char *since, *until, *format;
	char **filters;
};

static const struct option_spec events_table[] = {
	OPTION_STRV("filter", 'f', struct events_command, filters, "KEY=VALUE",
		"Only events with container=, event=, image=, label=, type= or volume=VALUE"),
	OPTION_STRING("format", 0, struct events_command, format, "FORMAT",
		"'json', or a Go template for each event"),
	OPTION_BOOL("no-stream", 0, struct events_command, no_stream,
		"Print what has happened and end", .hidden = true),
	OPTION_BOOL("no-trunc", 0, struct events_command, no_trunc, "Print whole IDs",
		.default_text = "true"),
	OPTION_STRING("since", 0, struct events_command, since, "TIME",
		"Begin at a time: RFC 3339, seconds since 1970, or how long ago (\"10m\")"),
	OPTION_BOOL("stream", 0, struct events_command, stream,
		"Go on with what happens; false: only what has happened", .default_text = "true"),
	OPTION_STRING("until", 0, struct events_command, until, "TIME",
		"End at a time, given as for --since"),
	OPTION_END,
};

static const char *const filter_keys[] = {
	"container", "event", "image", "label", "type", "volume", NULL};

struct printer {
	struct command_context *ctx;
	const struct filter_list *filters;
	struct template *template; /* NULL: the line */
	bool json, docker, no_trunc;
	bool created; /* of the two events that docker has for an exec, the first is meant */
};

/* docker's word for an action, where it is another one. */
static const struct {
	const char *type, *podman, *docker;
} words[] = {
	{"container", "died", "die"},
	{"container", "remove", "destroy"},
	{"container", "exec", "exec_start"},
	{"container", "exec_died", "exec_die"},
	{"image", "remove", "delete"},
	{"image", "loadfromarchive", "load"},
	{"volume", "remove", "destroy"},
};

/* Owned. */
static char *docker_action(const struct printer *p, const struct event *event)
{
	const char *action = event->action;

	if (p->created)
		action = "exec_create";
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].type, event->type) == 0 && strcmp(words[i].podman, action) == 0)
			action = words[i].docker;
	/* The state of health and the command are part of docker's word. */
	if (event->detail &&
		(strcmp(action, "health_status") == 0 || str_starts_with(action, "exec_create") ||
			strcmp(action, "exec_start") == 0))
		return xasprintf("%s: %s", action, event->detail);
	return xstrdup(action);
}

static bool action_matches(const struct printer *p, const struct event *event, const char *wanted)
{
	cleanup_free char *docker = docker_action(p, event);

	return strcmp(event->action, wanted) == 0 || strcmp(docker, wanted) == 0 ||
	       (str_starts_with(docker, wanted) && docker[strlen(wanted)] == ':');
}

/* In full, in short, in short without a tag. */
static bool is_image(const char *name, const char *wanted)
{
	const char *familiar = name ? docker_familiar(name) : "";
	size_t len = strlen(wanted);

	return str_equal(name, wanted) ||
	       (len && strncmp(familiar, wanted, len) == 0 &&
		       (!familiar[len] || (familiar[len] == ':' && !strchr(familiar + len, '/'))));
}

static bool match(const struct filter *filter, const void *row, void *data)
{
	const struct event *event = row;
	const char *key = filter->key, *value = filter->value;

	if (strcmp(key, "type") == 0)
		return strcmp(event->type, value) == 0;
	if (strcmp(key, "event") == 0)
		return action_matches(data, event, value);
	if (strcmp(key, "label") == 0)
		return label_matches(event->labels, value);
	if (strcmp(key, "image") == 0)
		return strcmp(event->type, "image") == 0
			       ? is_image(event->name, value) ||
					 (event->id && str_starts_with(event->id, value))
			       : is_image(event->image, value);
	/* container, volume: by name, or by the begin of an id */
	return strcmp(event->type, key) == 0 &&
	       (str_equal(event->name, value) ||
		       (event->id && *value && str_starts_with(event->id, value)));
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The container's image as docker names it, behind PREFIX; owned. */
static char *docker_image(const struct event *event, const char *prefix)
{
	struct strbuf name = STRBUF_INIT;

	strbuf_addstr(&name, prefix);
	docker_image_name(NULL, event->image, &name);
	return strbuf_detach(&name);
}

static bool is(const struct event *event, const char *type, const char *action)
{
	return strcmp(event->type, type) == 0 && (!action || strcmp(event->action, action) == 0);
}

/* Who it is about: a volume has no id but its name, a pulled image is called by it. Owned. */
static char *actor(const struct event *event)
{
	bool is_image = is(event, "image", NULL);

	if (is_image && (is(event, "image", "pull") || !event->id))
		return xstrdup(docker_familiar(or_empty(event->name)));
	return xasprintf(
		"%s%s", is_image ? "sha256:" : "", event->id ? event->id : or_empty(event->name));
}

/* What docker calls an image in the attributes: by its new name, without a tag, or by its id. */
static char *image_attribute(const struct event *event)
{
	const char *name = docker_familiar(or_empty(event->name)), *slash = strrchr(name, '/');

	if (is(event, "image", "pull"))
		return xasprintf("name=%.*s",
			(int)((slash ? slash - name : 0) + strcspn(slash ? slash : name, ":@")),
			name);
	if (is(event, "image", "tag") || !event->id)
		return xasprintf("name=%s", name);
	return xasprintf("name=sha256:%s", event->id);
}

/* "k=v" pairs, sorted, of what docker calls an event's attributes. */
static char **attributes(const struct event *event)
{
	char **list = NULL;

	for (char **label = event->labels; label && *label; label++)
		strv_append_take(
			&list, strchr(*label, '=') ? xstrdup(*label) : xasprintf("%s=", *label));
	if (event->has_exit_code &&
		(is(event, "container", "died") || is(event, "container", "exec_died")))
		strv_append_take(&list, xasprintf("exitCode=%d", event->exit_code));
	if (event->image)
		strv_append_take(&list, docker_image(event, "image="));
	if (is(event, "volume", NULL))
		strv_append(&list, "driver=local");
	else if (is(event, "image", NULL))
		strv_append_take(&list, image_attribute(event));
	else if (event->name)
		strv_append_take(&list, xasprintf("name=%s", event->name));
	if (event->detail && is(event, "container", "kill"))
		strv_append_take(&list, xasprintf("signal=%s", event->detail));
	if (event->detail && is(event, "container", "rename"))
		strv_append_take(&list, xasprintf("oldName=%s", event->detail));
	if (list)
		qsort(list, strv_length(list), sizeof(*list), compare_words);
	return list;
}

static void put_map(struct json_writer *w, const char *key, char *const *pairs)
{
	json_write_key(w, key);
	json_write_object_begin(w);
	for (; pairs && *pairs; pairs++) {
		cleanup_free char *name = xstrndup(*pairs, strcspn(*pairs, "="));

		json_put_string(w, name, strchr(*pairs, '=') ? strchr(*pairs, '=') + 1 : "");
	}
	json_write_object_end(w);
}

static void docker_json(const struct printer *p, const struct event *event, struct json_writer *w)
{
	cleanup_free char *action = docker_action(p, event), *id = actor(event);
	cleanup_free char *from = event->image ? docker_image(event, "") : NULL;
	cleanup_strv char **pairs = attributes(event);

	json_write_object_begin(w);
	if (!is(event, "volume", NULL)) {
		json_put_string(w, "status", action);
		json_put_string(w, "id", id);
		if (from)
			json_put_string(w, "from", from);
	}
	json_put_string(w, "Type", event->type);
	json_put_string(w, "Action", action);
	json_write_key(w, "Actor");
	json_write_object_begin(w);
	json_put_string(w, "ID", id);
	put_map(w, "Attributes", pairs);
	json_write_object_end(w);
	json_put_string(w, "scope", "local");
	json_put_uint(w, "time", event->time_ns / NS_PER_SECOND);
	json_put_uint(w, "timeNano", event->time_ns);
	json_write_object_end(w);
}

/* WHOLE: a template names members that this event does not have, too. */
static void podman_json(const struct event *event, bool whole, struct json_writer *w)
{
	cleanup_strbuf struct strbuf time = STRBUF_INIT;
	bool health = strcmp(event->action, "health_status") == 0;

	json_write_object_begin(w);
	if (event->has_exit_code || whole)
		json_put_int(w, "ContainerExitCode", event->exit_code);
	if (event->id || whole)
		json_put_string(w, "ID", or_empty(event->id));
	if (event->image || whole)
		json_put_string(w, "Image", or_empty(event->image));
	if (event->name || whole)
		json_put_string(w, "Name", or_empty(event->name));
	json_put_string(w, "Status", event->action);
	time_rfc3339(event->time_ns, &time);
	json_put_string(w, "Time", strbuf_str(&time));
	json_put_string(w, "Type", event->type);
	if (health || whole)
		json_put_string(w, "HealthStatus", health ? or_empty(event->detail) : "");
	if (event->labels || strcmp(event->type, "container") == 0) {
		put_map(w, "Attributes", event->labels);
	} else {
		json_write_key(w, "Attributes");
		json_write_null(w);
	}
	json_write_object_end(w);
}

static void add_short_id(const struct printer *p, const char *id, struct strbuf *out)
{
	strbuf_add(out, id, p->no_trunc ? strlen(id) : strnlen(id, 12));
}

/* What a label or a name brought must not steer the terminal. */
static void add_visible(const char *s, struct strbuf *out)
{
	for (; *s; s++)
		strbuf_addch(out, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
}

/* docker's time has always nine digits behind the point. */
static void docker_time(uint64_t time_ns, struct strbuf *out)
{
	cleanup_strbuf struct strbuf whole = STRBUF_INIT;
	size_t seconds = strlen("2006-01-02T15:04:05");

	time_rfc3339(time_ns / NS_PER_SECOND * NS_PER_SECOND, &whole);
	strbuf_add(out, strbuf_str(&whole), seconds);
	strbuf_addf(out, ".%09u%s", (unsigned int)(time_ns % NS_PER_SECOND),
		strbuf_str(&whole) + seconds);
}

static void docker_line(const struct printer *p, const struct event *event, struct strbuf *out)
{
	cleanup_free char *action = docker_action(p, event), *id = actor(event);
	cleanup_strv char **pairs = attributes(event);
	cleanup_free char *joined = pairs ? str_join(pairs, ", ") : xstrdup("");

	docker_time(event->time_ns, out);
	strbuf_addf(out, " %s ", event->type);
	add_visible(action, out);
	strbuf_addf(out, " %s (", id);
	add_visible(joined, out);
	strbuf_addstr(out, ")\n");
}

static void podman_line(const struct printer *p, const struct event *event, struct strbuf *out)
{
	time_go_string(event->time_ns, out);
	strbuf_addf(out, " %s %s ", event->type, event->action);
	if (strcmp(event->type, "volume") != 0) {
		add_short_id(p, or_empty(event->id), out);
		strbuf_addch(out, ' ');
	}
	if (strcmp(event->type, "container") != 0) {
		add_visible(or_empty(event->name), out);
		strbuf_addch(out, '\n');
		return;
	}
	strbuf_addf(out, "(image=%s, name=%s", or_empty(event->image), or_empty(event->name));
	if (strcmp(event->action, "health_status") == 0)
		strbuf_addf(out, ", health_status=%s", or_empty(event->detail));
	for (char **label = event->labels; label && *label; label++) {
		strbuf_addstr(out, ", ");
		add_visible(*label, out);
	}
	strbuf_addstr(out, ")\n");
}

static int print_one(const struct printer *p, const struct event *event, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);
	cleanup_json struct json_document *doc = NULL;
	struct strbuf *out = &p->ctx->out;
	struct json value;

	if (!p->template && !p->json) {
		if (p->docker)
			docker_line(p, event, out);
		else
			podman_line(p, event, out);
		return 0;
	}
	if (p->docker)
		docker_json(p, event, &w);
	else
		podman_json(event, p->template != NULL, &w);
	if (!p->template) {
		strbuf_add(out, text.data, text.len);
	} else if (json_parse(text.data, text.len, "event", &doc, &value, err) < 0 ||
		   template_render(p->template, &value, NULL, out, err) < 0) {
		return -1;
	}
	if (!out->len || out->data[out->len - 1] != '\n')
		strbuf_addch(out, '\n');
	return 0;
}

static int print_event(const struct event *event, void *data, struct error **err)
{
	struct printer *p = data;
	int status = 0;

	/* docker has no such steps. */
	if (p->docker && (is(event, "container", "init") || is(event, "container", "cleanup")))
		return 0;
	p->created = p->docker && is(event, "container", "exec");
	if (p->created && filters_match(p->filters, match, event, p))
		status = print_one(p, event, err);
	p->created = false;
	if (status == 0 && filters_match(p->filters, match, event, p))
		status = print_one(p, event, err);
	return status;
}

static int flush(void *data, struct error **err)
{
	return command_flush(((struct printer *)data)->ctx, err);
}

static int events(
	struct command_context *ctx, const struct events_command *opts, struct error **err)
{
	cleanup_filters struct filter_list filters = {0};
	cleanup_template struct template *template = NULL;
	struct printer printer = {
		.ctx = ctx,
		.filters = &filters,
		.docker = docker_called(),
		.no_trunc = opts->no_trunc,
		.json = str_equal(opts->format, "json"),
	};
	struct events_options read = {.stream = opts->stream && !opts->no_stream};
	uint64_t now = time_now_ns();
	struct store *store;

	if (filters_parse(opts->filters, filter_keys, &filters, err) < 0)
		return -1;
	if (opts->format && !printer.json && template_parse(opts->format, &template, err) < 0)
		return -1;
	printer.template = template;
	if ((opts->since && time_parse(opts->since, now, &read.since_ns, err) < 0) ||
		(opts->until && time_parse(opts->until, now, &read.until_ns, err) < 0))
		return -1;
	/* Who looks on without saying from when sees what happens from now on. */
	if (read.stream && !opts->since && !(read.until_ns && read.until_ns <= now))
		read.since_ns = now;
	if (command_store(ctx, &store, err) < 0)
		return -1;
	return events_read(store, &read, print_event, flush, &printer, err);
}

static int events_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct events_command opts = {.stream = true, .no_trunc = true};
	int first, status;

	status = options_parse(&command_events, argc, argv, &opts, &first, err);
	if (status == 0)
		status = events(ctx, &opts, err);
	strv_free(opts.filters);
	return status;
}

const struct command command_events = {
	.name = "events",
	.summary = "show what happens to containers, images and volumes",
	.description =
		"Prints what happens, as it happens, until it is interrupted. With --since also "
		"what happened before; with --stream=false only that.",
	.examples = "pod events\n"
		    "pod events --since 1h --stream=false --filter event=died\n"
		    "pod events --format '{{.Time}} {{.Status}} {{.Name}}' --filter container=web",
	.options = events_table,
	.run = events_run,
};
