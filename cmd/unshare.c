#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "rootless/userns.h"
#include "util/mem.h"

static const struct option_spec unshare_options[] = {OPTION_END};

static int unshare_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_close int userns_fd = -1;
	char *shell[2] = {getenv("SHELL"), NULL};
	struct store *store;
	char **command;
	int first, parsed, why;

	parsed = options_parse(&command_unshare, argc, argv, NULL, &first, err);
	if (parsed)
		return parsed < 0 ? -1 : 0;
	if (command_store(ctx, &store, err) < 0)
		return -1;
	if (!store->rootless)
		return error_set(err, ERR_UNSUPPORTED,
			"unshare: this account needs no user namespace: it has the privileges "
			"already");
	if (!shell[0] || !*shell[0])
		shell[0] = (char *)"/bin/sh";
	command = first < argc ? argv + first : shell;
	userns_fd = userns_get(store->runtime_fd, err);
	if (userns_fd < 0 || userns_enter(userns_fd, true, err) < 0)
		return -1;
	/* podman's names, which scripts know */
	(void)setenv(
		"CONTAINERS_GRAPHROOT", store->data_path, 1); /* fails for want of memory only */
	(void)setenv("CONTAINERS_RUNROOT", store->runtime_path, 1);
	execvp(command[0], command);
	why = errno;
	error_errno(err, why, "exec '%s'", command[0]);
	(*err)->kind = why == ENOENT ? ERR_NO_SUCH_COMMAND : ERR_CANNOT_INVOKE;
	return -1;
}

const struct command command_unshare = {
	.name = "unshare",
	.summary = "Run a command in a modified user namespace",
	.description = "Runs a command (by default $SHELL) as root of the user namespace in which "
		       "containers "
		       "run, with a mount namespace of its own. CONTAINERS_GRAPHROOT and "
		       "CONTAINERS_RUNROOT name "
		       "the directories with containers' data.",
	.operands = "[COMMAND [ARG...]]",
	.examples = "pod unshare id\n"
		    "pod unshare cat /proc/self/uid_map\n"
		    "pod unshare chown -R 1000:1000 data",
	.max_operands = -1,
	.stop_at_operand = true,
	.options = unshare_options,
	.run = unshare_run,
};
