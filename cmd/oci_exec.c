#include "config.h"

#include "cmd/command.h"
#include "cmd/oci.h"
#include "oci/exec.h"
#include "util/mem.h"

extern const struct command command_oci_exec;

struct exec_options {
	const char *process, *cwd, *user, *apparmor, *process_label, *console_socket, *pid_file,
		*cgroup;
	char **env, **caps, **additional_gids;
	uint32_t preserve_fds;
	bool tty, detach, no_new_privs, ignore_paused;
};

static const struct option_spec exec_options[] = {
	OPTION_LIST("additional-gids", 'g', struct exec_options, additional_gids, "GID",
		"supplementary groups to add"),
	OPTION_STRING("apparmor", 0, struct exec_options, apparmor, "PROFILE",
		"AppArmor profile of the process"),
	OPTION_STRV("cap", 'c', struct exec_options, caps, "CAPABILITY",
		"add a capability to those of the process"),
	OPTION_STRING("cgroup", 0, struct exec_options, cgroup, "PATH",
		"control group below the container's to start in"),
	OPTION_STRING("console-socket", 0, struct exec_options, console_socket, "SOCKET",
		"socket to which the terminal's master is sent", .complete = COMPLETE_FILE),
	OPTION_STRING("cwd", 0, struct exec_options, cwd, "DIRECTORY",
		"working directory inside the container"),
	OPTION_BOOL(
		"detach", 'd', struct exec_options, detach, "return as soon as the process runs"),
	OPTION_STRV(
		"env", 'e', struct exec_options, env, "NAME=VALUE", "set an environment variable"),
	OPTION_BOOL("ignore-paused", 0, struct exec_options, ignore_paused,
		"also in a paused container, where the process waits until it is resumed"),
	OPTION_BOOL("no-new-privs", 0, struct exec_options, no_new_privs,
		"the process can gain no privileges"),
	OPTION_STRING("pid-file", 0, struct exec_options, pid_file, "FILE",
		"write the process's pid there", .complete = COMPLETE_FILE),
	OPTION_UINT32("preserve-fds", 0, struct exec_options, preserve_fds, "N",
		"pass descriptors 3 to 3+N-1 on", .default_text = "0"),
	OPTION_STRING("process", 'p', struct exec_options, process, "FILE",
		"read the process from this file, in config.json's form",
		.complete = COMPLETE_FILE),
	OPTION_STRING("process-label", 0, struct exec_options, process_label, "LABEL",
		"SELinux label of the process"),
	OPTION_BOOL("tty", 't', struct exec_options, tty, "allocate a terminal"),
	OPTION_STRING("user", 'u', struct exec_options, user, "UID[:GID]", "run as this user"),
	OPTION_END,
};

static int exec_in(struct command_context *ctx, const struct exec_options *opts, char **operands,
	struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	struct oci_exec_options exec = {
		.id = operands[0],
		.process_file = opts->process,
		.args = operands + 1,
		.env = opts->env,
		.cwd = opts->cwd,
		.user = opts->user,
		.capabilities = opts->caps,
		.apparmor = opts->apparmor,
		.process_label = opts->process_label,
		.additional_gids = opts->additional_gids,
		.no_new_privs = opts->no_new_privs,
		.terminal = opts->tty,
		.console_socket = opts->console_socket,
		.pid_file = opts->pid_file,
		.cgroup = opts->cgroup,
		.preserve_fds = opts->preserve_fds,
		.detach = opts->detach,
		.ignore_paused = opts->ignore_paused,
		.late_fd = -1,
	};
	bool changed = opts->env || opts->cwd || opts->user || opts->caps || opts->apparmor ||
		       opts->process_label || opts->additional_gids || opts->no_new_privs;

	if (opts->process && (changed || operands[1]))
		return error_set(err, ERR_USAGE,
			"--process describes the whole process: no arguments and no options about "
			"it may be given too");
	if (!opts->process && !operands[1])
		return error_set(err, ERR_USAGE, "exec needs a command, or --process");
	if (oci_check_preserved(&exec.preserve_fds, err) < 0 || oci_seal(&exec.late_fd, err) < 0 ||
		oci_open_root(ctx, &root, err) < 0)
		return -1;
	return oci_exec(&root, &exec, err);
}

static int exec_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct exec_options opts = {0};
	int first, result;

	result = options_parse(&command_oci_exec, argc, argv, &opts, &first, err);
	if (result == 0)
		result = exec_in(ctx, &opts, argv + first, err);
	strv_free(opts.env);
	strv_free(opts.caps);
	strv_free(opts.additional_gids);
	return result;
}

const struct command command_oci_exec = {
	.name = "exec",
	.summary = "run another process in a container",
	.operands = "ID [COMMAND [ARG...]]",
	.examples = "pod oci exec -t web sh\npod oci exec --process process.json --detach web",
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.exit_status = OCI_EXIT_STATUS,
	.options = exec_options,
	.run = exec_run,
};
