#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "container/parse_env.h"
#include "network/network.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/template.h"

#define FILE_MAX_BYTES (1u << 20)

extern char **environ;

void env_set(char ***env, const char *assignment)
{
	size_t name_len = strcspn(assignment, "=");

	/* Not an assignment, or one without a name (images may hold anything): never looked up. */
	if (!assignment[name_len] || name_len == 0)
		return;
	for (char **e = *env; e && *e; e++)
		if (strncmp(*e, assignment, name_len + 1) == 0) {
			free(*e);
			*e = xstrdup(assignment);
			return;
		}
	strv_append(env, assignment);
}

const char *env_get(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

int parse_env(char ***env, const char *text, struct error **err)
{
	size_t len = strlen(text);

	if (!*text || *text == '=')
		return error_set(
			err, ERR_INVALID, "invalid environment variable: '%s' has no name", text);
	if (strchr(text, '=')) {
		env_set(env, text);
		return 0;
	}
	if (text[len - 1] == '*') {
		for (char **e = environ; *e; e++)
			if (strncmp(*e, text, len - 1) == 0)
				env_set(env, *e);
		return 0;
	}
	for (char **e = environ; *e; e++)
		if (strncmp(*e, text, len) == 0 && (*e)[len] == '=')
			env_set(env, *e);
	return 0;
}

/* The lines of a file that are not blank or comments, without leading white space. */
static int read_lines(const char *path, char ***ret, struct error **err)
{
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	cleanup_strv char **lines = NULL;
	char *p, *next;
	size_t len;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_errno(err, errno, "open '%s'", path);
	if (read_fd_limited(fd, FILE_MAX_BYTES, &text, &len, err) < 0)
		return error_wrap(err, "'%s'", path);
	if (memchr(text, '\0', len))
		return error_set(err, ERR_INVALID, "'%s' holds a NUL byte", path);
	p = text;
	if (str_starts_with(p, "\xef\xbb\xbf")) /* byte-order mark */
		p += 3;
	for (; p && *p; p = next) {
		next = strchr(p, '\n');
		if (next)
			*next++ = '\0';
		len = strlen(p);
		if (len && p[len - 1] == '\r')
			p[len - 1] = '\0';
		p += strspn(p, " \t\v\f");
		if (*p && *p != '#')
			strv_append(&lines, p);
	}
	*ret = steal_ptr(&lines);
	return 0;
}

int parse_env_file(char ***env, const char *path, struct error **err)
{
	cleanup_strv char **lines = NULL;

	if (read_lines(path, &lines, err) < 0)
		return error_wrap(err, "env-file");
	for (char **line = lines; line && *line; line++) {
		size_t name_len = strcspn(*line, "=");

		if (strcspn(*line, " \t") < name_len)
			return error_set(err, ERR_INVALID,
				"env-file '%s': variable '%.*s' contains white space", path,
				(int)MIN(name_len, 200u), *line);
		if (strcmp(*line, "*") == 0)
			return error_set(
				err, ERR_INVALID, "env-file '%s': '*' names no variable", path);
		if (parse_env(env, *line, err) < 0)
			return error_wrap(err, "env-file '%s'", path);
	}
	return 0;
}

int parse_label(char ***labels, const char *text, struct error **err)
{
	cleanup_free char *bare = NULL;

	if (!*text || *text == '=')
		return error_set(err, ERR_INVALID, "invalid label '%s': it has no name", text);
	if (!strchr(text, '='))
		bare = xasprintf("%s=", text);
	env_set(labels, bare ? bare : text);
	return 0;
}

int parse_label_file(char ***labels, const char *path, struct error **err)
{
	cleanup_strv char **lines = NULL;

	if (read_lines(path, &lines, err) < 0)
		return error_wrap(err, "label-file");
	for (char **line = lines; line && *line; line++)
		if (parse_label(labels, *line, err) < 0)
			return error_wrap(err, "label-file '%s'", path);
	return 0;
}

int parse_add_host(const char *text, struct error **err)
{
	return add_host_check(text, err);
}

int parse_log_option(const char *driver, const char *text, struct error **err)
{
	const char *value = strchr(text, '=');
	cleanup_free char *name = NULL;
	uint64_t number;

	if (!value || value == text)
		return error_set(err, ERR_INVALID, "log-opt '%s': must be NAME=VALUE", text);
	name = xstrndup(text, (size_t)(value - text));
	value++;
	if (str_equal(driver, "journald")) {
		cleanup_template struct template *template = NULL;

		/* How much it keeps is the journal's own affair (journald.conf). */
		if (strcmp(name, "tag") != 0)
			return error_set(err, ERR_UNSUPPORTED,
				"log-opt '%s' is not available with log driver 'journald': tag is",
				name);
		if (template_parse(value, &template, err) < 0)
			return error_wrap(err, "log-opt 'tag'");
		return 0;
	}
	if (strcmp(name, "max-size") != 0 && strcmp(name, "max-file") != 0)
		return error_set(err, ERR_UNSUPPORTED,
			"log-opt '%s' is not available: max-size and max-file are", name);
	if (str_equal(driver, "none") || str_equal(driver, "passthrough"))
		return error_set(err, ERR_INVALID, "log-opt '%s': log driver '%s' takes no options",
			name, driver);
	if (strcmp(name, "max-file") == 0) {
		if (str_to_uint64(value, 1000, &number) < 0 || number == 0)
			return error_set(err, ERR_INVALID,
				"log-opt 'max-file' must be 1 to 1000, not '%s'", value);
		return 0;
	}
	if (str_to_size(value, &number, err) < 0)
		return error_wrap(err, "log-opt 'max-size'");
	return 0;
}

int parse_host_user(char ***lines, const char *name, struct error **err)
{
	cleanup_free char *text = NULL;
	size_t len, name_len = strlen(name);
	char *rest, *line;

	if (read_file_limited(AT_FDCWD, "/etc/passwd", 4u << 20, &text, &len, err) < 0)
		return error_wrap(err, "--hostuser");
	for (rest = text; (line = strsep(&rest, "\n"));) {
		cleanup_strv char **fields = NULL;

		if (!name_len || strncmp(line, name, name_len) != 0 || line[name_len] != ':')
			continue;
		fields = str_split(line, ':');
		if (strv_length(fields) != 7)
			continue;
		strv_append_take(lines, xasprintf("%s:*:%s:%s:%s:%s:/bin/sh", fields[0], fields[2],
						fields[3], fields[4], fields[5]));
		return 0;
	}
	return error_set(
		err, ERR_NOT_FOUND, "--hostuser %s: the host's /etc/passwd has no such user", name);
}

/* The name behind a '$', with braces or without; *LEN is all of it. 0 bytes: not a name. */
static size_t variable_name(const char *text, const char **ret_name, size_t *ret_len)
{
	bool braces = text[1] == '{';
	const char *name = text + 1 + braces, *end = name;

	while (*end == '_' || (*end >= 'a' && *end <= 'z') || (*end >= 'A' && *end <= 'Z') ||
		(end > name && *end >= '0' && *end <= '9'))
		end++;
	if (end == name || (braces && *end != '}'))
		return 0;
	*ret_name = name;
	*ret_len = (size_t)(end - text) + braces;
	return (size_t)(end - name);
}

int parse_env_merge(char ***env, const char *text, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (!strchr(text, '=') || text[0] == '=')
		return error_set(err, ERR_INVALID,
			"--env-merge '%s': must be NAME=VALUE, where VALUE may name a variable as "
			"${NAME}",
			text);
	while (*text) {
		const char *name;
		size_t len, name_len = *text == '$' ? variable_name(text, &name, &len) : 0;

		if (name_len) {
			cleanup_free char *variable = xstrndup(name, name_len);
			const char *value = env_get(*env, variable);

			strbuf_addstr(&out, value ? value : "");
			text += len;
		} else {
			strbuf_addch(&out, *text++);
		}
	}
	env_set(env, strbuf_str(&out));
	return 0;
}
