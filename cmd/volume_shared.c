#include "config.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/listing.h"
#include "cmd/volume_shared.h"
#include "container/volume_uses.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

static const struct volume *volume_of(const void *row)
{
	return row;
}

static void name_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, volume_of(row)->name);
}

static void local_text(const void *row, struct strbuf *out)
{
	(void)row;
	strbuf_addstr(out, "local");
}

static void mountpoint_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, volume_of(row)->mountpoint);
}

static void created_text(const void *row, struct strbuf *out)
{
	time_go_string(volume_of(row)->created_ns, out);
}

static void created_json(const void *row, struct json_writer *w)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	time_rfc3339(volume_of(row)->created_ns, &text);
	json_write_string(w, strbuf_str(&text));
}

static int created_compare(const void *a, const void *b)
{
	uint64_t x = volume_of(a)->created_ns, y = volume_of(b)->created_ns;

	return (x > y) - (x < y);
}

static void labels_text(const void *row, struct strbuf *out)
{
	listing_labels_text(volume_of(row)->labels, out);
}

static void labels_json(const void *row, struct json_writer *w)
{
	listing_labels_json(volume_of(row)->labels, w);
}

static void options_text(const void *row, struct strbuf *out)
{
	listing_labels_text(volume_of(row)->options, out);
}

static void options_json(const void *row, struct json_writer *w)
{
	listing_labels_json(volume_of(row)->options, w);
}

static void anonymous_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, volume_of(row)->anonymous ? "true" : "false");
}

static void anonymous_json(const void *row, struct json_writer *w)
{
	json_write_bool(w, volume_of(row)->anonymous);
}

static bool not_anonymous(const void *row)
{
	return !volume_of(row)->anonymous;
}

const struct table_field volume_fields[] = {
	{"Name", "VOLUME NAME", name_text, "Name"},
	{"Driver", NULL, local_text, "Driver"},
	{"Mountpoint", NULL, mountpoint_text, "Mountpoint"},
	{"CreatedAt", NULL, created_text, "CreatedAt", created_json, created_compare},
	{"Labels", NULL, labels_text, "Labels", labels_json, .typed = true},
	{"Scope", NULL, local_text, "Scope"},
	{"Options", NULL, options_text, "Options", options_json, .typed = true},
	{"Anonymous", NULL, anonymous_text, "Anonymous", anonymous_json, .typed = true,
		.absent = not_anonymous},
	{NULL},
};

static void docker_labels_text(const void *row, struct strbuf *out)
{
	cleanup_free char *joined =
		volume_of(row)->labels ? str_join(volume_of(row)->labels, ",") : xstrdup("");

	strbuf_addstr(out, joined);
}

static void not_available_text(const void *row, struct strbuf *out)
{
	(void)row;
	strbuf_addstr(out, "N/A");
}

const struct table_field docker_volume_fields[] = {
	{"Driver", NULL, local_text, "Driver"},
	{"Labels", NULL, docker_labels_text, "Labels"},
	{"Links", NULL, not_available_text, "Links"},
	{"Mountpoint", NULL, mountpoint_text, "Mountpoint"},
	{"Name", "VOLUME NAME", name_text, "Name"},
	{"Scope", NULL, local_text, "Scope"},
	{"Size", NULL, not_available_text, "Size"},
	{"_labels", NULL, labels_text, NULL, labels_json, .typed = true}, /* {{.Label "x"}} */
	{NULL},
};

char *volume_resolve(struct store *store, const char *name, struct error **err)
{
	cleanup_volume_set struct volume_set set = {0};
	const char *found = NULL;

	if (volume_set_load(store, NULL, NULL, &set, err) < 0)
		return NULL;
	for (size_t i = 0; i < set.count; i++)
		if (strcmp(set.chosen[i]->name, name) == 0)
			return xstrdup(name);
	for (size_t i = 0; i < set.count; i++) {
		if (!*name || !str_starts_with(set.chosen[i]->name, name))
			continue;
		if (found) {
			error_set(err, ERR_CONFLICT,
				"more than one result for volume name %s: volume already exists",
				name);
			return NULL;
		}
		found = set.chosen[i]->name;
	}
	if (!found) {
		error_set(err, ERR_NOT_FOUND, "no volume with name \"%s\" found: no such volume",
			name);
		error_docker(err, "Error response from daemon: get %s: no such volume", name);
		return NULL;
	}
	return xstrdup(found);
}

struct matcher {
	struct volume_uses uses;
	uint64_t now_ns;
	struct error *error; /* the first one met while matching */
};

static bool name_matches(const struct filter *filter, const char *name, struct matcher *m)
{
	regex_t regex;
	bool result;

	if (regcomp(&regex, filter->value, REG_EXTENDED | REG_NOSUB) != 0) {
		if (!m->error)
			error_set(&m->error, ERR_USAGE,
				"filter 'name=%s': the pattern is malformed", filter->value);
		return false;
	}
	result = regexec(&regex, name, 0, NULL, 0) == 0;
	regfree(&regex);
	return result;
}

static bool dangling_matches(
	const struct filter *filter, const struct volume *volume, struct matcher *m)
{
	const char *user = NULL;
	bool wanted = str_equal(filter->value, "true") || str_equal(filter->value, "1");

	if (!wanted && !str_equal(filter->value, "false") && !str_equal(filter->value, "0")) {
		if (!m->error)
			error_set(&m->error, ERR_USAGE,
				"%s is not a valid value for the \"dangling\" filter - must be "
				"true or false",
				filter->value);
		return false;
	}
	if (m->error || volume_uses_find(&m->uses, volume->name, &user, &m->error) < 0)
		return false;
	return wanted == !user;
}

static bool match(const struct filter *filter, const void *row, void *data)
{
	const struct volume *volume = row;
	const char *key = filter->key, *value = filter->value;
	struct matcher *m = data;
	uint64_t time_ns = 0;

	if (strcmp(key, "name") == 0)
		return name_matches(filter, volume->name, m);
	if (strcmp(key, "label") == 0)
		return label_matches(volume->labels, value);
	if (strcmp(key, "dangling") == 0)
		return dangling_matches(filter, volume, m);
	if (strcmp(key, "driver") == 0 || strcmp(key, "scope") == 0)
		return strcmp(value, "local") == 0;
	/* since, until */
	if (m->error || time_parse(value, m->now_ns, &time_ns, &m->error) < 0)
		return false;
	return strcmp(key, "since") == 0 ? volume->created_ns > time_ns
					 : volume->created_ns < time_ns;
}

int volume_set_load(struct store *store, char *const *filters, const char *const *keys,
	struct volume_set *ret, struct error **err)
{
	cleanup_filters struct filter_list list = {0};
	cleanup_volume_set struct volume_set set = {0};
	struct matcher m = {.uses = volume_uses_init(store), .now_ns = time_now_ns()};

	if ((filters && filters_parse(filters, keys, &list, err) < 0) ||
		volume_list(store, &set.all, &set.all_count, err) < 0)
		return -1;
	set.chosen = xcalloc(set.all_count + 1, sizeof(*set.chosen));
	for (size_t i = 0; i < set.all_count; i++)
		if (filters_match(&list, match, &set.all[i], &m))
			set.chosen[set.count++] = &set.all[i];
	volume_uses_clear(&m.uses);
	if (m.error)
		return error_move(err, &m.error);
	*ret = set;
	set = (struct volume_set){0};
	return 0;
}

void volume_set_clear(struct volume_set *set)
{
	for (size_t i = 0; i < set->all_count; i++)
		volume_clear(&set->all[i]);
	free(set->all);
	free(set->chosen);
	*set = (struct volume_set){0};
}
