#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/options.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

const struct option_spec *option_by_name(
	const struct option_spec *table, const char *name, size_t len)
{
	for (; table && table->type != OPTION_TYPE_END; table++)
		if (table->name && strncmp(table->name, name, len) == 0 && !table->name[len])
			return table;
	return NULL;
}

const struct option_spec *option_by_short(const struct option_spec *table, char c)
{
	for (; table && table->type != OPTION_TYPE_END; table++)
		if (c && table->short_name == c)
			return table;
	return NULL;
}

bool option_has_value(const struct option_spec *spec)
{
	return spec->type != OPTION_TYPE_BOOL &&
	       !(spec->type == OPTION_TYPE_CALLBACK && !spec->value);
}

static int value_error(
	const struct option_spec *spec, const char *value, struct error **err, const char *reason)
{
	if (spec->short_name && spec->name)
		return error_set(err, ERR_USAGE,
			"invalid argument \"%s\" for \"-%c, --%s\" flag: %s", value,
			spec->short_name, spec->name, reason);
	return error_set(err, ERR_USAGE, "invalid argument \"%s\" for \"--%s\" flag: %s", value,
		spec->name, reason);
}

/* The spellings that Go's strconv.ParseBool takes. */
static int parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(s, yes[i]) == 0) {
			*ret = true;
			return 0;
		}
		if (strcmp(s, no[i]) == 0) {
			*ret = false;
			return 0;
		}
	}
	return -1;
}

static int check_words(const struct option_spec *spec, const char *value, struct error **err)
{
	cleanup_free char *choices = NULL, *reason = NULL;

	if (!spec->words)
		return 0;
	for (size_t i = 0; spec->words[i]; i++) {
		/* "container:" stands for all that begin so */
		if (str_ends_with(spec->words[i], ":")
				? str_starts_with(value, spec->words[i]) != NULL
				: strcmp(spec->words[i], value) == 0)
			return 0;
	}
	choices = str_join((char *const *)spec->words, ", ");
	reason = xasprintf("\"%s\" is not a valid value.  Choose from: \"%s\"", value, choices);
	return value_error(spec, value, err, reason);
}

/* One line of CSV: commas separate, double quotes protect, "" is a quote inside them. */
static int append_list(
	const struct option_spec *spec, const char *value, char ***strv, struct error **err)
{
	const char *p = value;

	if (!*value)
		return 0;
	for (;;) {
		cleanup_strbuf struct strbuf part = STRBUF_INIT;

		if (*p == '"') {
			for (p++;; p++) {
				if (!*p)
					return value_error(
						spec, value, err, "a quote is not closed");
				if (*p == '"' && *++p != '"')
					break;
				strbuf_addch(&part, *p);
			}
			if (*p && *p != ',')
				return value_error(spec, value, err, "text after a closing quote");
		} else {
			size_t len = strcspn(p, ",");

			strbuf_add(&part, p, len);
			p += len;
		}
		strv_append_take(strv, strbuf_detach(&part));
		if (!*p)
			return 0;
		p++;
	}
}

/* VALUE is NULL for a flag without "=value". */
static int store(const struct option_spec *spec, const char *value, void *opts, struct error **err)
{
	char *at = opts ? (char *)opts + spec->offset : NULL;
	uint64_t number;
	int64_t integer;

	if (!opts)
		return 0;
	if (value && check_words(spec, value, err) < 0)
		return -1;
	switch (spec->type) {
	case OPTION_TYPE_BOOL: {
		bool flag = true;

		if (value && parse_bool(value, &flag) < 0)
			return value_error(spec, value, err, "must be true or false");
		*(bool *)at = flag;
		break;
	}
	case OPTION_TYPE_STRING:
		*(const char **)at = value;
		break;
	case OPTION_TYPE_STRV:
		strv_append((char ***)at, value);
		break;
	case OPTION_TYPE_LIST:
		if (append_list(spec, value, (char ***)at, err) < 0)
			return -1;
		break;
	case OPTION_TYPE_INT:
		if (str_to_int64(value, INT_MIN, INT_MAX, &integer) < 0)
			return value_error(spec, value, err, "must be a whole number");
		*(int *)at = (int)integer;
		break;
	case OPTION_TYPE_UINT32:
		if (str_to_uint64(value, UINT32_MAX, &number) < 0)
			return value_error(
				spec, value, err, "must be a whole number from 0 to 4294967295");
		*(uint32_t *)at = (uint32_t)number;
		break;
	case OPTION_TYPE_UINT64:
		if (str_to_uint64(value, UINT64_MAX, &number) < 0)
			return value_error(spec, value, err,
				"must be a whole number from 0 to 18446744073709551615");
		*(uint64_t *)at = number;
		break;
	case OPTION_TYPE_SIZE: {
		cleanup_error struct error *cause = NULL;

		if (str_to_size(value, &number, &cause) < 0)
			return value_error(spec, value, err, cause->message);
		*(uint64_t *)at = number;
		break;
	}
	case OPTION_TYPE_CALLBACK: {
		cleanup_error struct error *cause = NULL;

		if (spec->callback(spec, value, opts, &cause) < 0) {
			if (cause->kind == ERR_USAGE || cause->kind == ERR_INVALID)
				return value_error(spec, value ? value : "", err, cause->message);
			return error_move(err, &cause);
		}
		break;
	}
	case OPTION_TYPE_END:
		break;
	}
	if (spec->given_offset)
		*((bool *)((char *)opts + spec->given_offset)) = true;
	return 0;
}

static int take_long(const struct option_spec *table, int argc, char **argv, int *i, void *opts,
	struct error **err)
{
	const char *name = argv[*i] + 2;
	size_t len = strcspn(name, "=");
	const struct option_spec *spec;
	const char *value = name[len] ? name + len + 1 : NULL;

	if (len == 0 || name[0] == '-')
		return error_set(err, ERR_USAGE, "bad flag syntax: %s", argv[*i]);
	spec = option_by_name(table, name, len);
	if (!spec)
		return error_set(err, ERR_USAGE, "unknown flag: --%.*s", (int)len, name);
	++*i;
	if (!value && option_has_value(spec)) {
		if (*i >= argc)
			return error_set(
				err, ERR_USAGE, "flag needs an argument: --%s", spec->name);
		value = argv[(*i)++];
	}
	return store(spec, value, opts, err);
}

static int take_short(const struct option_spec *table, int argc, char **argv, int *i, void *opts,
	struct error **err)
{
	const char *word = argv[(*i)++];

	for (const char *p = word + 1; *p; p++) {
		const struct option_spec *spec = option_by_short(table, *p);
		const char *value = NULL;

		if (!spec)
			return error_set(
				err, ERR_USAGE, "unknown shorthand flag: '%c' in %s", *p, word);
		if (p[1] == '=' && p[2])
			value = p + 2;
		else if (option_has_value(spec) && p[1])
			value = p + 1;
		else if (option_has_value(spec) && *i < argc)
			value = argv[(*i)++];
		else if (option_has_value(spec))
			return error_set(
				err, ERR_USAGE, "flag needs an argument: '%c' in %s", *p, word);
		if (store(spec, value, opts, err) < 0)
			return -1;
		if (value)
			break;
	}
	return 0;
}

int options_take(const struct option_spec *table, int argc, char **argv, int *i, void *opts,
	struct error **err)
{
	if (argv[*i][1] == '-')
		return take_long(table, argc, argv, i, opts, err);
	return take_short(table, argc, argv, i, opts, err);
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

static int check_operands(
	const struct command *command, const char *path, int count, struct error **err)
{
	int min = command->min_operands, max = command->max_operands;

	if (count > 0 && max == 0)
		return error_set(err, ERR_USAGE, "`%s` takes no arguments", path);
	if (min == max && count != min)
		return error_set(err, ERR_USAGE, "accepts %d arg(s), received %d", min, count);
	if (count < min)
		return error_set(err, ERR_USAGE, "requires at least %d arg(s), only received %d",
			min, count);
	if (max >= 0 && count > max)
		return error_set(
			err, ERR_USAGE, "accepts at most %d arg(s), received %d", max, count);
	return 0;
}

int options_hint(const char *path, struct error **err)
{
	char *message = (*err)->message;

	if ((*err)->kind != ERR_USAGE)
		return -1;
	(*err)->message =
		xasprintf("%s\nSee '%s --help'%s", message, path, docker_called() ? "." : "");
	free(message);
	return -1;
}

int options_parse(const struct command *command, int argc, char **argv, void *opts, int *ret_first,
	struct error **err)
{
	cleanup_free char **operands = xcalloc((size_t)argc + 1, sizeof(*operands));
	int count = 0, kept = 1, i = 1;

	while (i < argc) {
		int start = i;

		if (strcmp(argv[i], "--") == 0) {
			argv[kept++] = argv[i++];
			while (i < argc)
				operands[count++] = argv[i++];
		} else if (is_option(argv[i])) {
			if (options_take(command->options, argc, argv, &i, opts, err) < 0)
				return options_hint(argv[0], err);
			while (start < i)
				argv[kept++] = argv[start++];
		} else if (command->stop_at_operand) {
			while (i < argc)
				operands[count++] = argv[i++];
		} else {
			operands[count++] = argv[i++];
		}
	}
	if (check_operands(command, argv[0], count, err) < 0)
		return -1;
	for (i = 0; i < count; i++)
		argv[kept + i] = operands[i];
	*ret_first = kept;
	return 0;
}

/* Is the option word (bundled flags: any of them) one that asks for help? */
static bool asks_for_help(const struct option_spec *table, const char *word)
{
	if (strcmp(word, "--help") == 0)
		return true;
	return strcmp(word, "-h") == 0 && !option_by_short(table, 'h');
}

int options_take_global(const struct command *command, const struct option_spec *globals,
	void *global_opts, int *argc, char **argv, bool *ret_help, struct error **err)
{
	int i = 1, kept = 1;

	*ret_help = false;
	while (i < *argc) {
		cleanup_error struct error *ignored = NULL;
		int start = i;

		if (strcmp(argv[i], "--") == 0 || (!is_option(argv[i]) && command->stop_at_operand))
			break;
		if (!is_option(argv[i])) {
			i++;
		} else if (asks_for_help(command->options, argv[i])) {
			*ret_help = true;
			return 0;
		} else if (argv[i][1] == '-' &&
			   !option_by_name(
				   command->options, argv[i] + 2, strcspn(argv[i] + 2, "=")) &&
			   option_by_name(globals, argv[i] + 2, strcspn(argv[i] + 2, "="))) {
			if (options_take(globals, *argc, argv, &i, global_opts, err) < 0)
				return -1;
			continue;
		} else if (options_take(command->options, *argc, argv, &i, NULL, &ignored) < 0) {
			i = start;
			break;
		}
		while (start < i)
			argv[kept++] = argv[start++];
	}
	while (i < *argc)
		argv[kept++] = argv[i++];
	argv[kept] = NULL;
	*argc = kept;
	return 0;
}
