#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/docker.h"
#include "cmd/facts.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/template.h"

int facts_print(
	struct command_context *ctx, const char *text, const char *format, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_template struct template *t = NULL;
	size_t start = ctx->out.len;
	struct json root;

	if (json_parse(text, strlen(text), "document", &doc, &root, err) < 0)
		return -1;
	if (strcmp(format, "json") == 0) {
		struct json_writer w = json_writer_init(&ctx->out, docker_called() ? 0 : 2);

		json_write_value(&w, &root);
		strbuf_addch(&ctx->out, '\n');
		return 0;
	}
	if (template_parse(format, &t, err) < 0)
		return -1;
	if (template_render(t, &root, NULL, &ctx->out, err) < 0) {
		ctx->out.len = start;
		return -1;
	}
	if (ctx->out.len == start || ctx->out.data[ctx->out.len - 1] != '\n')
		strbuf_addch(&ctx->out, '\n');
	return 0;
}

int facts_print_rows(
	struct command_context *ctx, char *const *rows, const char *format, struct error **err)
{
	struct json_writer w = json_writer_init(
		&ctx->out, docker_called() ? 4 : 5); /* as docker and podman indent */

	if (format && strcmp(format, "json") != 0) {
		for (; rows && *rows; rows++)
			if (facts_print(ctx, *rows, format, err) < 0)
				return -1;
		return 0;
	}
	json_write_array_begin(&w);
	for (; rows && *rows; rows++) {
		cleanup_json struct json_document *doc = NULL;
		struct json root;

		if (json_parse(*rows, strlen(*rows), "document", &doc, &root, err) < 0)
			return -1;
		json_write_value(&w, &root);
	}
	json_write_array_end(&w);
	strbuf_addch(&ctx->out, '\n');
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct json *)a)->key, ((const struct json *)b)->key);
}

/* Whether YAML would read the text as something other than this string. */
static bool needs_quotes(const char *s)
{
	static const char *const words[] = {
		"true", "false", "null", "yes", "no", "on", "off", "~", NULL};
	char *end;

	if (!*s || strchr("-?:,[]{}#&*!|>'\"%@` ", *s) || strstr(s, ": ") || strstr(s, " #") ||
		strchr(s, '\n') || s[strlen(s) - 1] == ':' || s[strlen(s) - 1] == ' ')
		return true;
	for (size_t i = 0; words[i]; i++)
		if (strcasecmp(s, words[i]) == 0)
			return true;
	(void)strtod(s, &end);
	return !*end;
}

static void yaml_scalar(const struct json *v, struct strbuf *out)
{
	struct error *ignored = NULL;
	cleanup_free char *text = NULL;
	const char *s = "";

	if (json_kind(v) != JSON_KIND_STRING) {
		text = json_text(v);
		strbuf_addstr(out, text);
		return;
	}
	if (json_string(v, &s, &ignored) < 0)
		error_free(ignored);
	if (!needs_quotes(s)) {
		strbuf_addstr(out, s);
	} else if (strchr(s, '\n') || strchr(s, '\\')) {
		text = json_text(v);
		strbuf_addstr(out, text);
	} else {
		strbuf_addch(out, '"');
		for (; *s; s++) {
			if (*s == '"')
				strbuf_addch(out, '\\');
			strbuf_addch(out, *s);
		}
		strbuf_addch(out, '"');
	}
}

static void yaml_value(const struct json *v, size_t indent, struct strbuf *out);

static void yaml_object(const struct json *v, size_t indent, bool first_inline, struct strbuf *out)
{
	struct json *members = NULL, member;
	size_t count = 0, capacity = 0;

	for (struct json_iter it = json_iter(v); json_next(&it, &member);) {
		array_grow(members, count, capacity);
		members[count++] = member;
	}
	if (count)
		qsort(members, count, sizeof(*members), compare_keys);
	for (size_t i = 0; i < count; i++) {
		if (i || !first_inline)
			strbuf_pad(out, ' ', indent);
		strbuf_addf(out, "%s:", members[i].key);
		yaml_value(&members[i], indent, out);
	}
	free(members);
}

/* What stands behind "key:", line end included. */
static void yaml_value(const struct json *v, size_t indent, struct strbuf *out)
{
	struct error *ignored = NULL;
	struct json_iter it;
	struct json member;
	size_t count = 0;

	switch (json_kind(v)) {
	case JSON_KIND_OBJECT:
		it = json_iter(v);
		if (!json_next(&it, &member)) {
			strbuf_addstr(out, " {}\n");
			break;
		}
		strbuf_addch(out, '\n');
		yaml_object(v, indent + 2, false, out);
		break;
	case JSON_KIND_ARRAY:
		if (json_array(v, SIZE_MAX, &count, &ignored) < 0)
			error_free(ignored);
		if (!count) {
			strbuf_addstr(out, " []\n");
			break;
		}
		strbuf_addch(out, '\n');
		for (size_t i = 0; i < count; i++) {
			struct json item = json_at(v, i);

			strbuf_pad(out, ' ', indent);
			strbuf_addstr(out, "- ");
			if (json_kind(&item) == JSON_KIND_OBJECT) {
				yaml_object(&item, indent + 2, true, out);
			} else {
				yaml_scalar(&item, out);
				strbuf_addch(out, '\n');
			}
		}
		break;
	default:
		strbuf_addch(out, ' ');
		yaml_scalar(v, out);
		strbuf_addch(out, '\n');
	}
}

int facts_print_yaml(struct command_context *ctx, const char *text, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	struct json root;

	if (json_parse(text, strlen(text), "document", &doc, &root, err) < 0)
		return -1;
	yaml_object(&root, 0, false, &ctx->out);
	return 0;
}
