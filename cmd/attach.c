#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/attach.h"
#include "cmd/commands.h"
#include "container/container.h"
#include "container/events.h"
#include "util/log.h"
#include "util/mem.h"

struct attach_command_options {
	const char *detach_keys;
	bool no_stdin, sig_proxy, latest;
};

static const struct option_spec attach_options_table[] = {
	{.type = OPTION_TYPE_STRING,
		.name = "detach-keys",
		.offset = OPTION_CHECK_(const char *, struct attach_command_options, detach_keys),
		.value = "KEYS",
		.help = "keys that leave the container running behind, separated by commas: a-Z or "
			"ctrl-X; \"\" for none",
		.default_text = "ctrl-p,ctrl-q"},
	OPTION_BOOL("latest", 'l', struct attach_command_options, latest,
		"act on the latest container pod is aware of"),
	OPTION_BOOL("no-stdin", 0, struct attach_command_options, no_stdin,
		"do not attach standard input"),
	{.type = OPTION_TYPE_BOOL,
		.name = "sig-proxy",
		.offset = OPTION_CHECK_(bool, struct attach_command_options, sig_proxy),
		.help = "pass received signals on to the container",
		.default_text = "true"},
	OPTION_END,
};

int attach_status(int result, enum attach_end end, int exit_code, struct error **err)
{
	/* What SIGPIPE's default action looks like to a shell. */
	if (result < 0 && (*err)->errnum == EPIPE)
		_exit(128 + SIGPIPE);
	if (result < 0)
		return -1;
	switch (end) {
	case ATTACH_EXITED:
		return exit_code;
	case ATTACH_DETACHED:
		return 0;
	case ATTACH_LOST:
		break;
	}
	return error_set(
		err, ERR_REMOTE, "the container's monitor was killed, and the container with it");
}

void attach_terminal_warning(bool terminal, bool interactive)
{
	if (terminal && interactive && !isatty(STDIN_FILENO))
		log_warning("the input device is not a TTY; -t and -i may not work as expected");
}

void attach_hold_signals(bool sig_proxy)
{
	sigset_t set;

	attach_signals(&set);
	if (sig_proxy)
		(void)sigprocmask(SIG_BLOCK, &set, NULL); /* cannot fail with these arguments */
}

static int not_running(struct error **err)
{
	error_set(err, ERR_CONFLICT, "you can only attach to running containers");
	return error_docker(err, "You cannot attach to a stopped container, start it first");
}

static int attach_command_run(
	struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct attach_command_options opts = {.sig_proxy = true};
	struct attach_options attach = {.stdin_fd = -1};
	cleanup_container struct container *container = NULL;
	cleanup_close int monitor_fd = -1;
	enum attach_end end = ATTACH_LOST;
	struct store *store;
	int first, parsed, result, exit_code = 0;

	parsed = options_parse(&command_attach, argc, argv, &opts, &first, err);
	if (parsed)
		return parsed < 0 ? -1 : 0;
	if (opts.latest == (first < argc))
		return error_set(
			err, ERR_USAGE, "attach takes one container: a name, an ID, or --latest");
	if (command_store(ctx, &store, err) < 0)
		return -1;
	if ((opts.latest ? container_latest(store, &container, err)
			 : container_find(store, argv[first], &container, err)) < 0)
		return -1;
	if (!container_is_running(container))
		return not_running(err);
	monitor_fd = container_connect(store, container, err);
	if (monitor_fd < 0)
		return -1;
	attach.stdout_fd = STDOUT_FILENO;
	attach.stderr_fd = STDERR_FILENO;
	attach.terminal = container->config->terminal;
	attach.sig_proxy = opts.sig_proxy;
	attach.detach_keys = opts.detach_keys;
	if (container->config->stdin_open && !opts.no_stdin)
		attach.stdin_fd = STDIN_FILENO;
	event_container(store, container, "attach", NULL);
	result = attach_run(monitor_fd, &attach, &end, &exit_code, err);
	return attach_status(result, end, exit_code, err);
}

const struct command command_attach = {
	.name = "attach",
	.summary = "Attach to a running container",
	.description = "Connects standard input, output and error to those of a running container.",
	.operands = "CONTAINER",
	.examples = "pod attach web\n"
		    "pod attach --no-stdin --sig-proxy=false 1234",
	.min_operands = 0,
	.max_operands = 1,
	.complete = COMPLETE_RUNNING,
	.options = attach_options_table,
	.run = attach_command_run,
};

void attach_size(struct container_start_options *start)
{
	struct winsize size;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
			continue;
		start->rows = size.ws_row;
		start->columns = size.ws_col;
		return;
	}
}
