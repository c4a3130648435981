#include "config.h"

#include <ctype.h>
#include <string.h>

#include "image/changes.h"
#include "util/mem.h"
#include "util/str.h"

#define WORDS_MAX 1024

/* A JSON array of strings; NULL when TEXT is none (the shell form). */
static char **parse_array(const char *text)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_error struct error *ignored = NULL; /* then it is no array */
	cleanup_strv char **words = NULL;
	struct json root;
	size_t count;

	if (*text != '[' || json_parse(text, strlen(text), "change", &doc, &root, &ignored) < 0 ||
		json_array(&root, WORDS_MAX, &count, &ignored) < 0)
		return NULL;
	words = xcalloc(1, sizeof(*words));
	for (size_t i = 0; i < count; i++) {
		struct json element = json_at(&root, i);
		const char *word;

		if (json_string(&element, &word, &ignored) < 0)
			return NULL;
		strv_append(&words, word);
	}
	return steal_ptr(&words);
}

/* Words between blanks; double or single quotes keep blanks, and are dropped. */
static char **parse_words(const char *text)
{
	char **words = NULL;

	while (*(text += strspn(text, " \t"))) {
		struct strbuf word = STRBUF_INIT;
		char quote = '\0';

		for (; *text && (quote || !strchr(" \t", *text)); text++) {
			if (quote ? *text == quote : *text == '"' || *text == '\'')
				quote = quote ? '\0' : *text;
			else if (*text == '\\' && text[1] && quote != '\'')
				strbuf_addch(&word, *++text);
			else
				strbuf_addch(&word, *text);
		}
		strv_append_take(&words, strbuf_detach(&word));
	}
	return words;
}

static char **parse_command(const char *value)
{
	char **words = parse_array(value);

	if (!words) {
		strv_append(&words, "/bin/sh");
		strv_append(&words, "-c");
		strv_append(&words, value);
	}
	return words;
}

/* "k=v" into a list where k occurs once. */
static void set_pair(char ***list, const char *pair)
{
	size_t key_len = strcspn(pair, "=") + 1;

	for (char **p = *list; p && *p; p++)
		if (strncmp(*p, pair, key_len) == 0) {
			free(*p);
			*p = xstrdup(pair);
			return;
		}
	strv_append(list, pair);
}

/* ENV and LABEL: "k=v [k=v...]", or the old "k v with blanks". */
static int apply_pairs(char ***list, const char *value, const char *change, struct error **err)
{
	cleanup_strv char **words = parse_words(value);
	size_t key_len = strcspn(value, " \t=");

	if (key_len == 0 || !value[key_len])
		return error_set(
			err, ERR_INVALID, "invalid change \"%s\": must be KEY=VALUE", change);
	if (value[key_len] != '=') {
		cleanup_free char *pair = xasprintf("%.*s=%s", (int)key_len, value,
			value + key_len + strspn(value + key_len, " \t"));

		set_pair(list, pair);
		return 0;
	}
	for (char **word = words; word && *word; word++) {
		if (!strchr(*word, '=') || **word == '=')
			return error_set(err, ERR_INVALID,
				"invalid change \"%s\": must be KEY=VALUE", change);
		set_pair(list, *word);
	}
	return 0;
}

static void apply_set(char ***list, char **words, const char *suffix)
{
	for (char **word = words; word && *word; word++) {
		cleanup_free char *full =
			xasprintf("%s%s", *word, strchr(*word, '/') ? "" : suffix);

		if (!strv_contains(*list, full))
			strv_append(list, full);
	}
}

static void replace(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

static void replace_strv(char ***field, char **value)
{
	strv_free(*field);
	*field = value;
}

int change_apply(struct image_config *config, const char *change, struct error **err)
{
	size_t len = strcspn(change, " \t=");
	cleanup_free char *word = xstrndup(change, len);
	const char *value = change + len;
	cleanup_strv char **words = NULL;

	for (char *p = word; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	if (*value)
		value += 1 + strspn(value + 1, " \t");
	if (!*value)
		return error_set(err, ERR_INVALID,
			"invalid change \"%s\": must be INSTRUCTION VALUE", change);
	if (str_equal(word, "CMD"))
		replace_strv(&config->cmd, parse_command(value));
	else if (str_equal(word, "ENTRYPOINT"))
		replace_strv(&config->entrypoint, parse_command(value));
	else if (str_equal(word, "ENV"))
		return apply_pairs(&config->env, value, change, err);
	else if (str_equal(word, "LABEL"))
		return apply_pairs(&config->labels, value, change, err);
	else if (str_equal(word, "USER"))
		replace(&config->user, value);
	else if (str_equal(word, "WORKDIR"))
		replace(&config->working_dir, value);
	else if (str_equal(word, "STOPSIGNAL"))
		replace(&config->stop_signal, value);
	else if (str_equal(word, "EXPOSE"))
		apply_set(&config->exposed_ports, words = parse_words(value), "/tcp");
	else if (str_equal(word, "VOLUME"))
		apply_set(&config->volumes,
			words = *value == '[' ? parse_array(value) : parse_words(value), "");
	else
		return error_set(err, ERR_INVALID,
			"invalid change \"%s\": instruction %s is not supported", change, word);
	return 0;
}

static void put_optional(struct json_writer *w, const char *key, const char *value)
{
	if (value && *value)
		json_put_string(w, key, value);
}

static void put_optional_strv(struct json_writer *w, const char *key, char *const *value)
{
	if (value && *value)
		json_put_strv(w, key, value);
}

/* {"80/tcp": {}} */
static void put_set(struct json_writer *w, const char *key, char *const *value)
{
	if (!value || !*value)
		return;
	json_write_key(w, key);
	json_write_object_begin(w);
	for (; *value; value++) {
		json_write_key(w, *value);
		json_write_object_begin(w);
		json_write_object_end(w);
	}
	json_write_object_end(w);
}

static void put_labels(struct json_writer *w, char *const *labels)
{
	if (!labels || !*labels)
		return;
	json_write_key(w, "Labels");
	json_write_object_begin(w);
	for (; *labels; labels++) {
		const char *equals = strchr(*labels, '=');
		cleanup_free char *key = xstrndup(*labels, (size_t)(equals - *labels));

		json_put_string(w, key, equals + 1);
	}
	json_write_object_end(w);
}

char *image_config_compose(const struct image_config *config, const char *created,
	const char *created_by, const char *comment, size_t *ret_len)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	json_write_object_begin(&w);
	json_put_string(&w, "created", created);
	put_optional(&w, "author", config->author);
	json_put_string(&w, "architecture", config->architecture);
	put_optional(&w, "variant", config->variant);
	json_put_string(&w, "os", config->os);
	json_write_key(&w, "config");
	json_write_object_begin(&w);
	put_optional(&w, "User", config->user);
	put_set(&w, "ExposedPorts", config->exposed_ports);
	put_optional_strv(&w, "Env", config->env);
	put_optional_strv(&w, "Entrypoint", config->entrypoint);
	put_optional_strv(&w, "Cmd", config->cmd);
	put_set(&w, "Volumes", config->volumes);
	put_optional(&w, "WorkingDir", config->working_dir);
	put_labels(&w, config->labels);
	put_optional(&w, "StopSignal", config->stop_signal);
	json_write_object_end(&w);
	json_write_key(&w, "rootfs");
	json_write_object_begin(&w);
	json_put_string(&w, "type", "layers");
	json_write_key(&w, "diff_ids");
	json_write_array_begin(&w);
	for (size_t i = 0; i < config->diff_id_count; i++)
		json_write_string(&w, config->diff_ids[i]);
	json_write_array_end(&w);
	json_write_object_end(&w);
	json_write_key(&w, "history");
	json_write_array_begin(&w);
	for (size_t i = 0; i < config->diff_id_count; i++) {
		json_write_object_begin(&w);
		json_put_string(&w, "created", created);
		json_put_string(&w, "created_by", created_by);
		put_optional(&w, "comment", comment);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	json_write_object_end(&w);
	*ret_len = out.len;
	return strbuf_detach(&out);
}
