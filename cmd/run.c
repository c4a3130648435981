#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/attach.h"
#include "cmd/commands.h"
#include "cmd/container_options.h"
#include "cmd/image_users.h"
#include "image/image.h"
#include "monitor/client.h"
#include "rootless/userns.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/sealed.h"
#include "util/str.h"

static int write_pid_file(struct container *container, struct error **err)
{
	cleanup_free char *text = NULL;
	cleanup_close int fd = -1;

	if (!container->config->pid_file)
		return 0;
	if (container_refresh(container, err) < 0)
		return -1;
	text = xasprintf("%d", (int)container->status.init_pid);
	fd = open(container->config->pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write_all(fd, text, strlen(text)) < 0)
		return error_errno(err, errno, "write '%s'", container->config->pid_file);
	return 0;
}

/* A --rm container that could not be started leaves nothing behind. */
static void remove_failed(struct store *store, struct container *container)
{
	const struct container_remove_options opts = {.force = true, .volumes = true};
	cleanup_error struct error *ignored = NULL;

	if (container->config->remove)
		(void)container_remove(
			store, container, &opts, &ignored); /* the first error counts */
}

static bool wants(const struct container_options *opts, const char *stream)
{
	return !opts->attach || strv_contains(opts->attach, stream);
}

/* --rmi: another container's image stays, and so does one that is gone already. */
static void remove_image(struct store *store, const struct container_config *config)
{
	cleanup_error struct error *why = NULL;
	struct image_removal removal = {0};
	struct image_users users;

	image_users_init(store, &users);
	if (config->image_name &&
		image_remove(store, config->image_name, false, &users, &removal, &why) < 0 &&
		why->kind != ERR_NOT_FOUND)
		log_warning("--rmi: %s", why->message);
	image_removal_clear(&removal);
	image_users_collect(store, false);
}

static int attach(
	const struct container_options *opts, int client_fd, int *ret_status, struct error **err)
{
	const struct attach_options attach_opts = {
		.stdin_fd = opts->interactive && wants(opts, "stdin") &&
					    !str_equal(opts->log_driver, "passthrough")
				    ? STDIN_FILENO
				    : -1,
		.stdout_fd = wants(opts, "stdout") ? STDOUT_FILENO : -1,
		.stderr_fd = wants(opts, "stderr") ? STDERR_FILENO : -1,
		.terminal = opts->terminal,
		.sig_proxy = opts->sig_proxy,
		.lossless = true,
		.detach_keys = opts->detach_keys,
	};
	enum attach_end end = ATTACH_LOST;
	int code = 0, result = attach_run(client_fd, &attach_opts, &end, &code, err);

	*ret_status = attach_status(result, end, code, err);
	return *ret_status < 0 ? -1 : 0;
}

static int run_container(struct command_context *ctx, struct container_options *opts, int argc,
	char **argv, char *const *create_command, struct error **err)
{
	cleanup_container struct container *container = NULL;
	struct container_start_options start = {
		.attach = !opts->detach,
		.lossless = true,
		.lock_fd = -1,
	};
	cleanup_close int client_fd = -1, late_fd = -1;
	struct store *store;
	int status = 0;

	if (command_store(ctx, &store, err) < 0 || sealed_begin(store->rootless, &late_fd, err) < 0)
		return -1;
	/* The map helpers, where they are needed, work while we look at the image. */
	if (store->rootless && userns_begin(store->runtime_fd, &start.userns, err) < 0)
		return -1;
	opts->hold_signals = true;
	if (container_options_make(ctx, store, opts, argc, argv, create_command, &container,
		    &start.lock_fd, err) < 0) {
		userns_cancel(start.userns);
		return -1;
	}
	if (!opts->detach)
		attach_hold_signals(opts->sig_proxy);
	if (!opts->detach && opts->terminal)
		attach_size(&start);
	if (container_start(store, container, &start, &client_fd, err) < 0) {
		remove_failed(store, container);
		return -1;
	}
	/* Those that nobody passes on are ours again; one that came meanwhile ends us now. */
	if (opts->detach || !opts->sig_proxy)
		(void)sigprocmask(SIG_SETMASK, &opts->old_mask, NULL);
	if (write_pid_file(container, err) < 0)
		return -1;
	if (opts->detach) {
		command_print(ctx, "%s\n", container->config->id);
		return 0;
	}
	if (attach(opts, client_fd, &status, err) < 0)
		return -1;
	if (opts->remove_image)
		remove_image(store, container->config);
	return status;
}

static int run_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	__attribute__((cleanup(container_options_clear))) struct container_options opts =
		CONTAINER_OPTIONS_INIT;
	int first;

	if (options_parse(&command_run, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (opts.detach && opts.remove && opts.replace && !opts.name)
		return error_set(err, ERR_USAGE, "--replace needs --name");
	if (opts.detach && opts.attach)
		return error_set(err, ERR_USAGE, "--attach and --detach exclude each other");
	if (opts.detach && opts.remove_image)
		return error_set(err, ERR_USAGE, "--rmi and --detach exclude each other");
	opts.remove = opts.remove || opts.remove_image;
	return run_container(ctx, &opts, argc - first, argv + first, ctx->command_line, err);
}

const struct command command_run = {
	.name = "run",
	.summary = "Run a command in a new container",
	.operands = "IMAGE [COMMAND [ARG...]]",
	.examples = "pod run alpine echo hello\n"
		    "pod run -it --rm alpine sh\n"
		    "pod run -d --name web -p 8080:80 nginx",
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.complete = COMPLETE_IMAGE,
	.options = container_options_run,
	.run = run_run,
};
