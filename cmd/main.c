#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/docker.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/relro.h"
#include "util/str.h"

/*
 * Command line to command: global options, the walk down the command tree, --help at every level;
 * and the one place that prints errors and picks the exit status.
 */

/* A descriptor 0, 1 or 2 that the caller closed would be given to the next file we open, and what
 * is printed would then go there. */
static void occupy_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(125); /* without even /dev/null nothing can be said anywhere */
}

/* What a careless parent can leave us: a umask that keeps us from our own files; a SIGCHLD that is
 * ignored, so that children cannot be waited for; a limit of file sizes that ends us silently (as
 * an error, it is told). */
static void undo_inheritance(void)
{
	(void)umask(umask(0) & 0077);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_IGN);
}

static void apply_log_level(const char *level)
{
	if (!level || str_equal(level, "warn") || str_equal(level, "warning") ||
		str_equal(level, "info"))
		log_set_level(LOG_LEVEL_WARNING);
	else if (str_equal(level, "debug") || str_equal(level, "trace"))
		log_set_level(LOG_LEVEL_DEBUG);
	else
		log_set_level(LOG_LEVEL_ERROR);
}

static void apply_globals(struct command_context *ctx, const struct global_options *globals)
{
	ctx->root = globals->root;
	ctx->runroot = globals->runroot;
	ctx->storage_driver = globals->storage_driver;
	ctx->cgroup_manager = globals->cgroup_manager;
	ctx->log_level = globals->log_level;
	apply_log_level(globals->log_level);
}

static int run_leaf(struct command_context *ctx, const struct command *command, const char *path,
	int argc, char **argv, struct global_options *globals, struct error **err)
{
	cleanup_free char *name = xstrdup(path);
	const struct option_spec *table = ctx->group ? ctx->in_group->options : global_options;
	void *values = ctx->group ? ctx->group : globals;
	bool help;

	argv[0] = name;
	if (options_take_global(command, table, values, &argc, argv, &help, err) < 0)
		return options_hint(path, err);
	if (help) {
		command_help(ctx, command, path);
		return 0;
	}
	if (!ctx->group)
		apply_globals(ctx, globals);
	return command->run(ctx, argc, argv, err);
}

/* Down the tree. *ret_command and PATH tell how far the walk came, for the error message. */
static int dispatch(struct command_context *ctx, int argc, char **argv, struct strbuf *path,
	const struct command **ret_command, struct error **err)
{
	struct global_options globals = {0};
	const struct command *command = *ret_command;
	int i = 1, result;

	strbuf_addstr(path, ctx->program);
	for (;;) {
		const struct command_entry *entry;

		*ret_command = command;
		if (command->run)
			return run_leaf(ctx, command, strbuf_str(path), argc - i + 1, argv + i - 1,
				&globals, err);
		if (command->group_size && !ctx->group) {
			ctx->in_group = command;
			ctx->group = xcalloc(1, command->group_size);
		}
		while (i < argc && argv[i][0] == '-' && argv[i][1] && strcmp(argv[i], "--") != 0) {
			if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
				command_help(ctx, command, strbuf_str(path));
				return 0;
			}
			if (options_take(ctx->group ? ctx->in_group->options : global_options, argc,
				    argv, &i, ctx->group ? ctx->group : &globals, err) < 0)
				return options_hint(strbuf_str(path), err);
			if (globals.version) {
				command_print(
					ctx, "%s version %s\n", ctx->program, PACKAGE_VERSION);
				return 0;
			}
		}
		if (i < argc && strcmp(argv[i], "--") == 0)
			i++;
		if (command->group_begin) {
			result = command->group_begin(ctx, strbuf_str(path), err);
			if (result <= 0)
				return result;
		}
		if (i == argc) {
			command_help(ctx, command, strbuf_str(path));
			return error_set(
				err, ERR_USAGE, "missing command '%s COMMAND'", strbuf_str(path));
		}
		entry = command_find(command, argv[i]);
		if (!entry)
			return error_set(err, ERR_USAGE,
				"unrecognized command `%s %s`\nTry '%s --help' for more "
				"information",
				strbuf_str(path), argv[i], strbuf_str(path));
		if (!entry->command)
			return error_set(err, ERR_UNSUPPORTED,
				"'%s %s' is not available in this version%s%s", strbuf_str(path),
				argv[i], entry->instead ? "; " : "",
				entry->instead ? entry->instead : "");
		command = entry->command;
		strbuf_addf(path, " %s", argv[i]);
		i++;
	}
}

/* A full disk shows in many places, all below these commands; elsewhere it may be another disk. */
static void explain_full_disk(const struct command *command, struct error **err)
{
	static const struct command *const starting[] = {&command_create, &command_import,
		&command_load, &command_pull, &command_restart, &command_run, &command_start};
	cleanup_error struct error *bare = NULL;

	if (((*err)->errnum != ENOSPC && (*err)->errnum != EDQUOT) ||
		strstr((*err)->message, "pod doctor"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(starting); i++) {
		if (command != starting[i])
			continue;
		bare = steal_ptr(err);
		(void)error_set(err, bare->kind, "%s" CHECK_SEE(CHECK_SPACE), bare->message);
		return;
	}
}

/* The limits of the process that called us show anywhere. */
static void explain_limit(struct error **err)
{
	static const struct {
		int errnum;
		const char *remedy;
	} limits[] = {
		{EMFILE, "raise the limit of open files: ulimit -n"},
		{EFBIG, "raise the limit of file sizes: ulimit -f"},
	};
	cleanup_error struct error *bare = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if ((*err)->errnum != limits[i].errnum || (*err)->docker ||
			strstr((*err)->message, "ulimit"))
			continue;
		bare = steal_ptr(err);
		(void)error_set(err, bare->kind, "%s; %s", bare->message, limits[i].remedy);
		return;
	}
}

static int run(struct command_context *ctx, int argc, char **argv, struct strbuf *path,
	const struct command **ret_command, struct error **err)
{
	char **words;

	if (!str_equal(ctx->program, "docker"))
		return dispatch(ctx, argc, argv, path, ret_command, err);
	docker_set_called();
	if (docker_command_line(ctx, argc, argv, &words, err) < 0)
		return -1;
	if (!words)
		return 0;
	/* Never freed: options point into it until the end. */
	return dispatch(ctx, (int)strv_length(words), words, path, ret_command, err);
}

int main(int argc, char **argv)
{
	cleanup_error struct error *error = NULL, *flush_error = NULL;
	cleanup_strbuf struct strbuf path = STRBUF_INIT;
	/* Copies: before somebody who could read it joins us, the command line is overwritten; and
	 * parsing changes the order of the words and takes some out. */
	cleanup_strv char **command_line = strv_copy(argv);
	cleanup_free char **words = xmemdup(argv, ((size_t)argc + 1) * sizeof(*words));
	struct command_context ctx = {.program = "pod", .command_line = command_line};
	const struct command *command = &command_root;
	int status;

	program_remember_area(argv);
	relro_protect();
	occupy_standard_descriptors();
	undo_inheritance();
	memcpy(words, command_line, (size_t)argc * sizeof(*words));
	if (argc > 0 && str_equal(path_basename(argv[0]), "docker"))
		ctx.program = "docker";
	if (argc > 0 && str_equal(path_basename(argv[0]), "pod-oci")) {
		ctx.program = "pod-oci";
		command = &command_oci;
	}
	status = run(&ctx, argc, words, &path, &command, &error);
	if (command_flush(&ctx, &flush_error) < 0 && status == 0) {
		command_print_error(flush_error);
		status = 125;
	}
	if (status < 0) {
		explain_full_disk(command, &error);
		explain_limit(&error);
		status = command_exit_status(command, error);
		if (docker_called())
			docker_print_error(command, error);
		else
			command_print_error(error);
		if (ctx.group && ctx.in_group->group_report)
			ctx.in_group->group_report(&ctx, error);
	}
	strbuf_clear(&ctx.out);
	free(ctx.group);
	store_free(ctx.store);
	return status;
}
