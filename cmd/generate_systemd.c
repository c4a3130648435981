#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/container_options.h"
#include "container/container.h"
#include "container/policy.h"
#include "systemd/unit.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/str.h"

struct generate_options {
	const char *format, *restart_policy, *prefix, *separator;
	uint32_t restart_s, start_timeout_s, stop_timeout_s;
	bool restart_given, start_timeout_given, stop_timeout_given;
	bool files, name, new_container, no_header, is_template;
	char **after, **requires, **wants, **env;
};

#define T struct generate_options
static const struct option_spec generate_options[] = {
	OPTION_STRV("after", 0, T, after, "UNIT", "Start after UNIT"),
	OPTION_STRING("container-prefix", 0, T, prefix, "TEXT", "First part of the unit's name",
		.default_text = "container"),
	OPTION_STRV("env", 'e', T, env, "NAME[=VALUE]", "Set a variable in the unit's environment"),
	OPTION_BOOL("files", 'f', T, files,
		"Write NAME.service into the current directory and print its path"),
	OPTION_STRING("format", 0, T, format, "FORMAT", "\"json\": an object with unit and text"),
	OPTION_BOOL("name", 'n', T, name, "Use the container's name, not its id"),
	OPTION_BOOL("new", 0, T, new_container, "Make a new container at each start"),
	OPTION_BOOL("no-header", 0, T, no_header, "Leave version and date out"),
	OPTION_STRV("requires", 0, T, requires, "UNIT", "Fail without UNIT"),
	OPTION_STRING("restart-policy", 0, T, restart_policy, "POLICY",
		"systemd's Restart=: no, always, on-failure, on-success, on-abnormal, on-watchdog, "
		"on-abort (default: the container's, else on-failure)"),
	OPTION_UINT32("restart-sec", 0, T, restart_s, "SECONDS", "Pause before a restart",
		.given_offset = OPTION_GIVEN(T, restart_given)),
	OPTION_STRING("separator", 0, T, separator, "TEXT", "Between prefix and name or id",
		.default_text = "-"),
	OPTION_UINT32("start-timeout", 0, T, start_timeout_s, "SECONDS",
		"How long a start may take", .given_offset = OPTION_GIVEN(T, start_timeout_given)),
	OPTION_UINT32("stop-timeout", 0, T, stop_timeout_s, "SECONDS",
		"Seconds from the stop signal to SIGKILL (default: the container's)",
		.given_offset = OPTION_GIVEN(T, stop_timeout_given)),
	OPTION_UINT32("time", 't', T, stop_timeout_s, "SECONDS", "As --stop-timeout",
		.given_offset = OPTION_GIVEN(T, stop_timeout_given), .hidden = true),
	OPTION_BOOL(
		"template", 0, T, is_template, "Make a template for several instances; as --new"),
	OPTION_STRV("wants", 0, T, wants, "UNIT", "Start UNIT, too"),
	OPTION_END,
};
#undef T

static void generate_options_clear(struct generate_options *opts)
{
	strv_free(opts->after);
	strv_free(opts->requires);
	strv_free(opts->wants);
	strv_free(opts->env);
}

/*
 * The command line that made the container becomes that of the unit: what systemd is to decide
 * itself is taken out.
 */
struct translation {
	char **globals; /* quoted */
	char **words;   /* quoted: options of the user, image, command */
	bool has_name;
	const char *sdnotify; /* borrowed; NULL not given */
	bool is_template;
};

static void translation_clear(struct translation *t)
{
	strv_free(t->globals);
	strv_free(t->words);
}

static int add_quoted(char ***words, const char *word, const char *suffix, struct error **err)
{
	cleanup_free char *text = unit_quote(word, err);

	if (!text)
		return -1;
	strv_append_take(words, xasprintf("%s%s", text, suffix));
	return 0;
}

/* Options that the unit has values of its own for. */
static bool is_dropped(const struct option_spec *spec)
{
	static const char *const names[] = {
		"cgroups", "cidfile", "detach", "replace", "restart", "rm"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_equal(spec->name, names[i]))
			return true;
	return false;
}

/* ARGV[0] is "--name", "--name=value", or "--name" with its value behind it. */
static int take_long(struct translation *t, const struct option_spec *spec, int count,
	char *const *argv, struct error **err)
{
	const char *equals = strchr(argv[0], '='), *value = equals ? equals + 1 : argv[count - 1];
	bool is_name = str_equal(spec->name, "name");

	if (is_dropped(spec))
		return 0;
	if (str_equal(spec->name, "sdnotify")) {
		t->sdnotify = value;
		/* That it runs is told by us in the other cases. */
		if (!str_equal(value, "container") && !str_equal(value, "healthy"))
			return 0;
	}
	t->has_name |= is_name;
	for (int i = 0; i < count; i++) {
		const char *suffix = is_name && t->is_template && i == count - 1 ? "-%i" : "";

		if (add_quoted(&t->words, argv[i], suffix, err) < 0)
			return -1;
	}
	return 0;
}

/* "-dit", "-p 80:80", "-p80:80" */
static int take_short(struct translation *t, int count, char *const *argv, struct error **err)
{
	cleanup_free char *kept = xcalloc(strlen(argv[0]) + 1, 1);
	size_t len = 1;

	kept[0] = '-';
	for (const char *p = argv[0] + 1; *p; p++) {
		const struct option_spec *spec = option_by_short(container_options_run, *p);

		if (spec && is_dropped(spec)) {
			if (p[1] == '=')
				break; /* -d=true */
			continue;
		}
		if (!spec || option_has_value(spec) || p[1] == '=') {
			strcpy(kept + len, p);
			len += strlen(p);
			break;
		}
		kept[len++] = *p;
	}
	if (len == 1)
		return 0;
	if (add_quoted(&t->words, kept, "", err) < 0)
		return -1;
	for (int i = 1; i < count; i++)
		if (add_quoted(&t->words, argv[i], "", err) < 0)
			return -1;
	return 0;
}

/* The option at argv[*i], of run or a global one. */
static int take_option(
	struct translation *t, int argc, char **argv, int *i, bool in_run, struct error **err)
{
	const char *word = argv[*i];
	bool is_long = word[1] == '-';
	size_t len = is_long ? strcspn(word + 2, "=") : 0;
	const struct option_spec *spec =
		in_run && is_long ? option_by_name(container_options_run, word + 2, len) : NULL;
	bool own = in_run && (spec || !is_long);
	int start = *i;

	if (options_take(own ? container_options_run : global_options, argc, argv, i, NULL, err) <
		0)
		return -1;
	if (own)
		return is_long ? take_long(t, spec, *i - start, argv + start, err)
			       : take_short(t, *i - start, argv + start, err);
	for (; start < *i; start++)
		if (add_quoted(&t->globals, argv[start], "", err) < 0)
			return -1;
	return 0;
}

static int translate(
	struct translation *t, const struct container_config *config, struct error **err)
{
	char **argv = config->create_command;
	int argc = (int)strv_length(argv), i = 1;
	bool in_run = false;

	while (i < argc) {
		if (argv[i][0] == '-' && argv[i][1] && !str_equal(argv[i], "--")) {
			if (take_option(t, argc, argv, &i, in_run, err) < 0)
				return error_wrap(err, "the command that made '%s'", config->name);
		} else if (in_run) {
			break;
		} else {
			in_run = str_equal(argv[i], "run") || str_equal(argv[i], "create");
			i++;
		}
	}
	if (!in_run)
		return error_set(err, ERR_UNSUPPORTED,
			"the command that made container '%s' is not known: leave --new out",
			config->name);
	for (; i < argc; i++)
		if (add_quoted(&t->words, argv[i], "", err) < 0)
			return -1;
	return 0;
}

static int set_run_words(struct unit *unit, const struct generate_options *opts,
	const struct container_config *config, struct error **err)
{
	__attribute__((cleanup(translation_clear))) struct translation t = {
		.is_template = opts->is_template};

	if (translate(&t, config, err) < 0)
		return -1;
	if (opts->is_template && !t.has_name)
		strv_append_take(&unit->run_words, xasprintf("--name=%s-%%i", unit->name));
	strv_append(&unit->run_words, "--cidfile=%t/%n.ctr-id");
	strv_append(&unit->run_words, "--cgroups=no-conmon");
	strv_append(&unit->run_words, "--rm");
	if (!t.sdnotify ||
		(!str_equal(t.sdnotify, "container") && !str_equal(t.sdnotify, "healthy")))
		strv_append(&unit->run_words, "--sdnotify=conmon");
	strv_append(&unit->run_words, "-d");
	if (t.has_name)
		strv_append(&unit->run_words, "--replace");
	for (size_t i = 0; t.words && t.words[i]; i++)
		strv_append(&unit->run_words, t.words[i]);
	unit->globals = steal_ptr(&t.globals);
	return 0;
}

/* Two would start it again: systemd, and its own policy in the other's stop. */
static void warn_of_policy(const struct container_config *config, bool is_new)
{
	const char *policy = config->restart_policy;

	if (!is_new && policy && *policy && !str_equal(policy, "no"))
		log_warning("container %s has restart policy \"%s\" which can lead to issues on "
			    "shutdown: consider recreating the container without a restart policy "
			    "and use systemd's restart mechanism instead",
			config->id, policy);
}

static int set_restart(struct unit *unit, const struct generate_options *opts,
	const struct container_config *config, struct error **err)
{
	struct restart_policy policy;

	warn_of_policy(config, unit->is_new);
	unit->restart_given = opts->restart_given;
	unit->restart_s = opts->restart_s;
	if (opts->restart_policy) {
		if (unit_restart_check(opts->restart_policy, err) < 0)
			return -1;
		unit->restart = xstrdup(opts->restart_policy);
		return 0;
	}
	/* A container that is there keeps its own policy: systemd's is on top of it. */
	if (!unit->is_new || !config->restart_policy) {
		unit->restart = xstrdup("on-failure");
		return 0;
	}
	if (restart_policy_parse(config->restart_policy, &policy, err) < 0)
		return -1;
	unit->restart = xstrdup(policy.kind == RESTART_NO           ? "no"
				: policy.kind == RESTART_ON_FAILURE ? "on-failure"
								    : "always");
	unit->start_limit_burst = policy.max_retries;
	return 0;
}

static int set_env(struct unit *unit, const struct generate_options *opts, struct error **err)
{
	for (size_t i = 0; opts->env && opts->env[i]; i++) {
		const char *assignment = opts->env[i], *value;

		if (*assignment == '=' || !*assignment)
			return error_set(err, ERR_USAGE, "invalid variable '%s'", assignment);
		if (strchr(assignment, '=')) {
			strv_append(&unit->env, assignment);
			continue;
		}
		value = getenv(assignment);
		if (value)
			strv_append_take(&unit->env, xasprintf("%s=%s", assignment, value));
	}
	return 0;
}

static char **header(void)
{
	char **lines = NULL;
	char date[64];
	time_t now = time(NULL);
	struct tm tm;

	strv_append(&lines, "autogenerated by pod " PACKAGE_VERSION);
	if (localtime_r(&now, &tm) && strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Z %Y", &tm))
		strv_append(&lines, date);
	return lines;
}

static int make_unit(struct store *store, const struct generate_options *opts,
	const struct container *container, struct unit *unit, struct error **err)
{
	const struct container_config *config = container->config;
	const char *name = opts->name ? config->name : config->id;

	unit->is_template = opts->is_template;
	unit->is_new = opts->new_container || opts->is_template;
	unit->name = xasprintf("%s%s%s", opts->prefix, *opts->prefix ? opts->separator : "", name);
	if (unit_name_check(unit->name, err) < 0)
		return -1;
	unit->program = program_self(err);
	if (!unit->program)
		return -1;
	unit->runtime_path = unit->is_new ? xstrdup("%t/pod") : xstrdup(store->runtime_path);
	unit->container = xstrdup(name);
	unit->pid_file = xasprintf("%s/%s.pid", store->runtime_path, config->id);
	unit->start_timeout_given = opts->start_timeout_given;
	unit->start_timeout_s = opts->start_timeout_s;
	unit->stop_timeout_s =
		opts->stop_timeout_given ? opts->stop_timeout_s : config->stop_timeout_s;
	unit->after = strv_copy(opts->after);
	unit->requires = strv_copy(opts->requires);
	unit->wants = strv_copy(opts->wants);
	if (!opts->no_header)
		unit->header = header();
	if (set_env(unit, opts, err) < 0 || set_restart(unit, opts, config, err) < 0)
		return -1;
	return unit->is_new ? set_run_words(unit, opts, config, err) : 0;
}

/* The globals that this command was called with count for the unit, too. */
static int set_globals(struct command_context *ctx, struct unit *unit, struct error **err)
{
	const struct {
		const char *option, *value;
	} globals[] = {
		{"--root", ctx->root},
		{"--runroot", ctx->runroot},
		{"--storage-driver", ctx->storage_driver},
	};

	if (unit->globals)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++) {
		if (!globals[i].value)
			continue;
		strv_append(&unit->globals, globals[i].option);
		if (add_quoted(&unit->globals, globals[i].value, "", err) < 0)
			return -1;
	}
	return 0;
}

static int write_unit(
	const struct unit *unit, const char *text, char **ret_path, struct error **err)
{
	cleanup_close int dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *file =
		xasprintf("%s%s.service", unit->name, unit->is_template ? "@" : "");
	cleanup_free char *dir = getcwd(NULL, 0);

	if (dir_fd < 0 || !dir)
		return error_errno(err, errno, "open the current directory");
	if (write_file_atomic(dir_fd, file, text, strlen(text), 0644, 0, err) < 0)
		return error_wrap(err, "write the unit");
	*ret_path = xasprintf("%s/%s", str_equal(dir, "/") ? "" : dir, file);
	return 0;
}

static int generate_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	__attribute__((cleanup(generate_options_clear))) struct generate_options opts = {
		.prefix = "container", .separator = "-"};
	cleanup_container struct container *container = NULL;
	cleanup_unit struct unit *unit = xcalloc(1, sizeof(*unit));
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_free char *text = NULL, *path = NULL;
	struct json_writer w;
	struct store *store;
	int first;

	if (options_parse(&command_generate_systemd, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (opts.format && !str_equal(opts.format, "json"))
		return error_set(err, ERR_USAGE, "unknown --format argument: %s", opts.format);
	if (command_store(ctx, &store, err) < 0 ||
		container_find(store, argv[first], &container, err) < 0 ||
		make_unit(store, &opts, container, unit, err) < 0 ||
		set_globals(ctx, unit, err) < 0)
		return -1;
	text = unit_text(unit, err);
	if (!text || (opts.files && write_unit(unit, text, &path, err) < 0))
		return -1;
	if (!opts.format) {
		command_print(ctx, "%s%s", opts.files ? path : text, opts.files ? "\n" : "");
		return 0;
	}
	w = json_writer_init(&out, 1);
	json_write_object_begin(&w);
	json_put_string(&w, unit->name, opts.files ? path : text);
	json_write_object_end(&w);
	command_print(ctx, "%s\n", strbuf_str(&out));
	return 0;
}

const struct command command_generate_systemd = {
	.name = "systemd",
	.summary = "Generate a systemd unit for a container",
	.description = "Generate a systemd unit that runs a container",
	.operands = "CONTAINER",
	.examples = "pod generate systemd --new --name --files web\n"
		    "pod generate systemd --restart-policy always --after db.service web",
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_CONTAINER,
	.options = generate_options,
	.run = generate_run,
};
