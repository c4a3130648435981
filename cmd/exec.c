#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "cmd/attach.h"
#include "cmd/commands.h"
#include "container/container.h"
#include "container/events.h"
#include "container/exec.h"
#include "util/mem.h"
#include "util/str.h"

struct exec_command_options {
	bool detach, interactive, latest, privileged, terminal;
	const char *detach_keys, *user, *working_dir;
	char **env, **env_files;
};

static const struct option_spec exec_options_table[] = {
	OPTION_BOOL("detach", 'd', struct exec_command_options, detach,
		"run the command in the background and print its session's ID"),
	{.type = OPTION_TYPE_STRING,
		.name = "detach-keys",
		.offset = OPTION_CHECK_(const char *, struct exec_command_options, detach_keys),
		.value = "KEYS",
		.help = "keys that leave the command running behind, separated by commas: a-Z or "
			"ctrl-X; \"\" for none",
		.default_text = "ctrl-p,ctrl-q"},
	OPTION_STRV("env", 'e', struct exec_command_options, env, "NAME[=VALUE]",
		"set an environment variable"),
	OPTION_STRV("env-file", 0, struct exec_command_options, env_files, "FILE",
		"read environment variables from a file"),
	OPTION_BOOL("interactive", 'i', struct exec_command_options, interactive,
		"attach standard input"),
	OPTION_BOOL("latest", 'l', struct exec_command_options, latest,
		"act on the latest container pod is aware of"),
	OPTION_BOOL("privileged", 0, struct exec_command_options, privileged,
		"give the command all capabilities that the container's user namespace has"),
	OPTION_BOOL("tty", 't', struct exec_command_options, terminal, "allocate a terminal"),
	OPTION_STRING("user", 'u', struct exec_command_options, user, "USER[:GROUP]",
		"run as this user (a name or a number)"),
	OPTION_STRING("workdir", 'w', struct exec_command_options, working_dir, "DIRECTORY",
		"working directory inside the container"),
	OPTION_END,
};

static int exec_in(struct command_context *ctx, struct store *store, struct container *container,
	const struct exec_command_options *opts, char **args, struct error **err)
{
	cleanup_free struct process_plan *plan = NULL;
	cleanup_close int monitor_fd = -1;
	cleanup_free char *command = NULL;
	const struct container_exec_options plan_options = {
		.args = args,
		.env = opts->env,
		.env_files = opts->env_files,
		.user = opts->user,
		.working_dir = opts->working_dir,
		.terminal = opts->terminal,
		.privileged = opts->privileged,
	};
	const struct exec_options exec = {
		.stdio =
			{
				.stdin_fd = opts->interactive && !opts->detach ? STDIN_FILENO : -1,
				.stdout_fd = STDOUT_FILENO,
				.stderr_fd = STDERR_FILENO,
				.terminal = opts->terminal,
				.detach_keys = opts->detach_keys,
			},
		.detach = opts->detach,
	};
	enum attach_end end = ATTACH_LOST;
	int exit_code = 0, result;
	char id[65];

	if (!container_is_running(container)) {
		error_set(err, ERR_CONFLICT,
			"can only create exec sessions on running containers: container state "
			"improper");
		return error_docker(err, "Error response from daemon: Container %s is not running",
			container->config->id);
	}
	if (!opts->detach)
		attach_terminal_warning(opts->terminal, opts->interactive);
	if (container_exec_plan(container, &plan_options, &plan, err) < 0)
		return -1;
	monitor_fd = container_connect(store, container, err);
	if (monitor_fd < 0)
		return -1;
	command = str_join(args, " ");
	event_container(store, container, "exec", command);
	result = exec_run(monitor_fd, plan, &exec, id, &end, &exit_code, err);
	if (result == 0 && end == ATTACH_EXITED)
		event_exec_died(store, container, command, exit_code);
	if (result == 0 && opts->detach)
		command_print(ctx, "%s\n", id);
	return attach_status(result, end, exit_code, err);
}

static int exec_command_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct exec_command_options opts = {0};
	cleanup_container struct container *container = NULL;
	struct store *store;
	int first, result;

	result = options_parse(&command_exec, argc, argv, &opts, &first, err);
	if (result > 0)
		return 0;
	if (result == 0 && argc - first < (opts.latest ? 1 : 2))
		result = error_set(err, ERR_USAGE,
			"exec needs a container and a command: exec [options] CONTAINER COMMAND "
			"[ARG...]");
	if (result == 0)
		result = command_store(ctx, &store, err);
	if (result == 0)
		result = opts.latest ? container_latest(store, &container, err)
				     : container_find(store, argv[first], &container, err);
	if (result == 0)
		result = exec_in(
			ctx, store, container, &opts, argv + first + (opts.latest ? 0 : 1), err);
	strv_free(opts.env);
	strv_free(opts.env_files);
	return result;
}

const struct command command_exec = {
	.name = "exec",
	.summary = "Run a process in a running container",
	.description = "Runs a command in a running container, with the container's namespaces, "
		       "capabilities and environment.",
	.operands = "CONTAINER COMMAND [ARG...]",
	.examples = "pod exec -it web sh\n"
		    "pod exec -u www-data -w /srv web ls\n"
		    "pod exec -d web sh -c 'sleep 100'",
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.complete = COMPLETE_RUNNING,
	.options = exec_options_table,
	.run = exec_command_run,
};
