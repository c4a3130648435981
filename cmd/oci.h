#pragma once

#include "cmd/command.h"
#include "oci/container.h"

/* What the commands of `pod oci` share. */

/* Options before the command's name. */
struct oci_globals {
	const char *root, *log, *log_format, *cgroup_manager, *rootless;
	bool debug, systemd_cgroup, version;
};

/* Every fault of ours is status 1, as runc and crun have it; 126 and 127 of the command itself are
 * for `exec` and `run`, whose status is otherwise the command's. */
#define OCI_EXIT_STATUS                                                                            \
	{                                                                                          \
		[0 ... ERR_KIND_COUNT - 1] = 1                                                     \
	}

/** oci_open_root() - the state directory that --root names. */
int oci_open_root(struct command_context *ctx, struct oci_root *ret, struct error **err);
/** oci_fill_create() - what of the options for all commands concerns a create. */
int oci_fill_create(
	struct command_context *ctx, struct oci_create_options *opts, struct error **err);
/** oci_log_notes() - fall-backs taken, into the log; on stderr with --debug. Frees them. */
void oci_log_notes(struct command_context *ctx, char **notes);
/** oci_log_warnings() - into the log and on stderr. Frees them. Not for create, whose stderr is the
 * container's. */
void oci_log_warnings(struct command_context *ctx, char **warnings);
/**
 * oci_check_preserved() - descriptors to be passed on are open, before we open any ourselves
 * @count: 3..3+COUNT-1; those of LISTEN_FDS (sd_listen_fds(3)) are added
 */
int oci_check_preserved(unsigned int *count, struct error **err);

/* Shared by create and run. */
struct oci_create_command {
	struct oci_create_options create;
	bool detach, keep, no_subreaper;
	uint32_t preserve_fds;
	const char *bundle, *config, *console_socket, *pid_file;
	bool no_pivot, no_new_keyring;
};
#define OCI_CREATE_OPTIONS                                                                         \
	OPTION_STRING("bundle", 'b', struct oci_create_command, bundle, "DIRECTORY",               \
		"directory with config.json", .default_text = "the current one",                   \
		.complete = COMPLETE_DIRECTORY),                                                   \
		OPTION_STRING("config", 'f', struct oci_create_command, config, "FILE",            \
			"read this file in place of config.json", .complete = COMPLETE_FILE),      \
		OPTION_STRING("console-socket", 0, struct oci_create_command, console_socket,      \
			"SOCKET", "socket to which the terminal's master is sent",                 \
			.complete = COMPLETE_FILE),                                                \
		OPTION_BOOL("no-new-keyring", 0, struct oci_create_command, no_new_keyring,        \
			"keep the caller's session keyring"),                                      \
		OPTION_BOOL("no-pivot", 0, struct oci_create_command, no_pivot,                    \
			"change the root with chroot, for a host that runs from a RAM disk"),      \
		OPTION_STRING("pid-file", 0, struct oci_create_command, pid_file, "FILE",          \
			"write the process's pid there", .complete = COMPLETE_FILE),               \
		OPTION_UINT32("preserve-fds", 0, struct oci_create_command, preserve_fds, "N",     \
			"pass descriptors 3 to 3+N-1 on", .default_text = "0")
/** oci_create_from() - the options as the engine takes them; ID is the operand. */
int oci_create_from(struct command_context *ctx, struct oci_create_command *opts, const char *id,
	char ***notes, struct error **err);
