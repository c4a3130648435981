#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/process.h"
#include "runtime/rlimit.h"
#include "util/apparmor.h"
#include "util/check.h"

/* Docker takes 126 and 127 from a runtime's message: Go's words, which are in small letters. */
static const char *small(int errnum, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s", strerror(errnum));
	buffer[0] = (char)tolower((unsigned char)buffer[0]);
	return buffer;
}

/* LABEL is what was written: "exec PROFILE". */
static int apparmor_error(const char *label, int why, struct error **err)
{
	const char *profile = label + strcspn(label, " ");

	profile += *profile == ' ';
	if (!apparmor_is_enabled())
		return error_set(err, ERR_UNSUPPORTED,
			"AppArmor profile '%s': this host has no AppArmor to apply it", profile);
	if (why == ENOENT)
		return error_set(err, ERR_CANNOT_INVOKE,
			"AppArmor profile '%s': not loaded on this host; load its file as root "
			"with 'apparmor_parser --replace FILE'",
			profile);
	if (why == EACCES || why == EPERM)
		return error_set(err, ERR_UNSUPPORTED,
			"AppArmor profile '%s': pod itself runs in a profile that does not allow "
			"to change to it; add 'change_profile -> %s,' to that one",
			profile, profile);
	return error_errno(err, why, "AppArmor profile '%s'", profile);
}

int process_failure_to_error(const struct process_failure *failure, struct error **err)
{
	char text[sizeof(failure->text)];
	char buffer[128];
	int why = failure->errnum;

	memcpy(text, failure->text, sizeof(text));
	text[sizeof(text) - 1] = '\0'; /* the sender may be another version */
	switch ((enum process_step)failure->step) {
	case PROCESS_STEP_SETUP:
		return error_set(err,
			failure->error_kind < ERR_KIND_COUNT ? (enum error_kind)failure->error_kind
							     : ERR_SYSTEM,
			"%s", text);
	case PROCESS_STEP_PLAN:
		return error_errno(err, why, "prepare the process: %s", text);
	case PROCESS_STEP_USER:
		if (why == ENOENT)
			return error_set(err, ERR_NOT_FOUND,
				"unable to find user %s: no matching entries in passwd file", text);
		if (why == ERANGE)
			return error_set(err, ERR_INVALID,
				"user '%s': uids and gids must be in range 0-2147483647", text);
		return error_errno(err, why, "look up user '%s'", text);
	case PROCESS_STEP_GROUPS:
		if (!*text)
			return error_errno(err, why,
				"set the supplementary groups (each must be mapped: see "
				"/etc/subgid)");
		if (why == ERANGE)
			return error_set(err, ERR_INVALID,
				"group '%s': gids must be in range 0-2147483647", text);
		return error_set(err, ERR_NOT_FOUND,
			"unable to find group %s: no matching entries in group file", text);
	case PROCESS_STEP_RLIMIT: {
		int resource = (text[0] - '0') * 10 + (text[1] - '0');

		if (why == EPERM)
			return error_set(err, ERR_UNSUPPORTED,
				"resource limit '%s': the hard limit is above this account's own; "
				"lower "
				"it, or raise the account's in /etc/security/limits.conf",
				rlimit_name(resource));
		return error_errno(err, why, "set resource limit '%s'", rlimit_name(resource));
	}
	case PROCESS_STEP_OOM:
		return error_errno(err, why, "set the OOM score");
	case PROCESS_STEP_IDS:
		if (why == EINVAL)
			return error_set(err, ERR_INVALID,
				"the process's user and group %s are not both among the ids that "
				"the container has; give the account more in '/etc/subuid' and "
				"'/etc/subgid', or choose lower ones" CHECK_SEE(CHECK_SUBIDS),
				*text ? text : "asked for");
		return error_errno(err, why, "become the process's user");
	case PROCESS_STEP_CAPABILITIES:
		if (why == EPERM)
			return error_set(err, ERR_UNSUPPORTED,
				"set the capabilities: pod itself lacks one that was asked for; "
				"leave it "
				"out of --cap-add, or start pod from a process that has it");
		return error_errno(err, why, "set the capabilities%s%s", *text ? ": " : "", text);
	case PROCESS_STEP_CWD:
		if (why == EXDEV)
			return error_set(err, ERR_INVALID,
				"working directory '%s' lies outside the container's root", text);
		return error_errno(err, why, "change to working directory '%s'", text);
	case PROCESS_STEP_SECCOMP:
		(void)error_set(err, ERR_SYSTEM,
			"load the seccomp filter: %s" CHECK_SEE(CHECK_SECCOMP), strerror(why));
		(*err)->errnum = why;
		return -1;
	case PROCESS_STEP_LABEL:
		return error_errno(err, why, "set the security label '%s'", text);
	case PROCESS_STEP_APPARMOR:
		return apparmor_error(text, why, err);
	case PROCESS_STEP_TERMINAL:
		return error_errno(err, why, "set up the terminal");
	case PROCESS_STEP_EXEC_LOOKUP:
		/* podman, docker and containerd look for these words in the message of a runtime.
		 */
		error_set(err, ERR_NO_SUCH_COMMAND,
			"exec '%s': executable file not found in $PATH: No such file or directory",
			text);
		return error_docker(err,
			"Error response from daemon: OCI runtime create failed: exec: \"%s\": "
			"executable file not found in $PATH: unknown",
			text);
	case PROCESS_STEP_EXEC:
		return error_set(err,
			why == ENOENT || why == ENOTDIR ? ERR_NO_SUCH_COMMAND : ERR_CANNOT_INVOKE,
			"exec '%s': %s", text, small(why, buffer, sizeof(buffer)));
	case PROCESS_STEP_EXEC_INTERPRETER:
		return error_set(err, ERR_CANNOT_INVOKE,
			"exec '%s': the file exists, but its interpreter or loader does not: %s",
			text, small(why, buffer, sizeof(buffer)));
	case PROCESS_STEP_ENTER:
		return error_errno(err, why, "enter the container: %s", text);
	case PROCESS_STEP_MEMORY_POLICY:
		return error_errno(err, why, "config.json: linux.memoryPolicy");
	case PROCESS_STEP_PERSONALITY:
		return error_errno(err, why, "config.json: linux.personality");
	case PROCESS_STEP_LISTENER:
		return error_errno(err, why, "hand over the seccomp filter's listener: %s", text);
	case PROCESS_STEP_NONE:
		break;
	}
	return error_set(err, ERR_SYSTEM, "start the process: unknown failure %u", failure->step);
}
