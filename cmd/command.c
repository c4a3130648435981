#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "container/container.h"
#include "util/fs.h"
#include "util/mem.h"

static const char *const log_levels[] = {
	"trace", "debug", "info", "warn", "warning", "error", "fatal", "panic", NULL};

static const char *const cgroup_managers[] = {"cgroupfs", "systemd", NULL};

const struct option_spec global_options[] = {
	OPTION_STRING("cgroup-manager", 0, struct global_options, cgroup_manager, "string",
		"who makes control groups (cgroupfs, systemd); systemd where it can be reached",
		.words = cgroup_managers),
	OPTION_STRING("log-level", 0, struct global_options, log_level, "string",
		"log messages above specified level (trace, debug, info, warn, warning, error, "
		"fatal, panic)",
		.default_text = "\"warn\"", .words = log_levels),
	OPTION_STRING("root", 0, struct global_options, root, "string",
		"path to the root directory in which data, including images, is stored",
		.complete = COMPLETE_DIRECTORY),
	OPTION_STRING("runroot", 0, struct global_options, runroot, "string",
		"path to the runtime directory with the sockets of running containers",
		.complete = COMPLETE_DIRECTORY),
	OPTION_STRING("storage-driver", 0, struct global_options, storage_driver, "string",
		"select which storage driver is used (overlay, fuse-overlayfs, vfs)"),
	OPTION_BOOL("version", 'v', struct global_options, version, "version for pod"),
	OPTION_END,
};

const struct command_entry *command_find(const struct command *group, const char *name)
{
	for (const struct command_entry *e = group->subcommands; e && e->name; e++)
		if (strcmp(e->name, name) == 0)
			return e;
	return NULL;
}

int command_store(struct command_context *ctx, struct store **ret, struct error **err)
{
	if (!ctx->store) {
		if (store_open(ctx->root, ctx->runroot, &ctx->store, err) < 0)
			return -1;
		if (ctx->store->is_first)
			container_sweep(ctx->store);
	}
	*ret = ctx->store;
	return 0;
}

void command_print(struct command_context *ctx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&ctx->out, fmt, ap);
	va_end(ap);
}

int command_flush(struct command_context *ctx, struct error **err)
{
	size_t len = ctx->out.len;

	if (!len)
		return 0;
	ctx->out.len = 0;
	if (write_all(STDOUT_FILENO, ctx->out.data, len) == 0)
		return 0;
	/* The reader has seen enough; this is what SIGPIPE's default action looks like to a shell.
	 */
	if (errno == EPIPE)
		_exit(128 + SIGPIPE);
	return error_errno(err, errno, "write to standard output");
}

int command_exit_status(const struct command *command, const struct error *e)
{
	int status = command ? command->exit_status[e->kind] : 0;

	if (docker_called())
		return docker_exit_status(command, e);
	if (status)
		return status;
	if (e->kind == ERR_CANNOT_INVOKE)
		return 126;
	return e->kind == ERR_NO_SUCH_COMMAND ? 127 : 125;
}

void command_print_error(const struct error *e)
{
	if (docker_called())
		docker_print_error(NULL, e);
	else
		fprintf(stderr, "Error: %s\n", e->message);
}

int command_report(const struct command *command, const struct error *one, int status)
{
	if (docker_called())
		docker_print_error(command, one);
	else
		command_print_error(one);
	return status ? status : command_exit_status(command, one);
}
