#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/process_stage.h"

/* Can the file be executed by us? 0, or the errno that tells why not. */
static int candidate_check(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
		return 0;
	/* Before 5.8 there is no faccessat2; execve itself will tell then. */
	return errno == ENOSYS ? 0 : errno;
}

/* The file that NAME stands for, into OUT of PATH_MAX bytes. */
void process_find_command(const char *name, const char *path, char *out, int failure_fd)
{
	int why = ENOENT;

	if (strchr(name, '/')) {
		if (strlen(name) >= PATH_MAX)
			process_fail(failure_fd, PROCESS_STEP_EXEC, ENAMETOOLONG, name);
		strcpy(out, name);
		return;
	}
	while (*name && path && *path) {
		size_t len = strcspn(path, ":");

		if (len && len + 1 + strlen(name) < PATH_MAX) {
			int result;

			memcpy(out, path, len);
			out[len] = '/';
			strcpy(out + len + 1, name);
			result = candidate_check(out);
			if (result == 0)
				return;
			if (result != ENOENT && result != ENOTDIR && why == ENOENT)
				why = result;
		}
		path += len;
		path += *path == ':';
	}
	if (why == EACCES)
		process_fail(failure_fd, PROCESS_STEP_EXEC, EACCES, name);
	process_fail(failure_fd, PROCESS_STEP_EXEC_LOOKUP, ENOENT, name);
}

/* 0: there is such a file, or it cannot be told; else why nobody could execute it. */
static int definitely_lacks(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? errno : 0;
	return S_ISREG(st.st_mode) && (st.st_mode & 0111) ? 0 : EACCES;
}

static bool probe_fail(
	struct process_failure *failure, enum process_step step, int errnum, const char *name)
{
	*failure = (struct process_failure){.step = step, .errnum = errnum};
	strncpy(failure->text, name, sizeof(failure->text) - 1);
	return false;
}

bool process_probe(const struct process_plan *plan, struct process_failure *failure)
{
	const char *name = plan_string(plan, plan->args, 0), *path = NULL;
	char candidate[PATH_MAX];
	int why = ENOENT;

	if (name[0] == '/') {
		why = definitely_lacks(name);
		return !why || probe_fail(failure, PROCESS_STEP_EXEC, why, name);
	}
	if (strchr(name, '/'))
		return true;
	for (uint32_t i = 0; i < plan->env_count && !path; i++)
		if (strncmp(plan_string(plan, plan->env, i), "PATH=", 5) == 0)
			path = plan_string(plan, plan->env, i) + 5;
	for (path = path ?: PROCESS_DEFAULT_PATH; *name && *path; path += *path == ':') {
		size_t len = strcspn(path, ":");

		if (len && path[0] != '/')
			return true;
		if (len && len + 1 + strlen(name) < PATH_MAX) {
			int result;

			memcpy(candidate, path, len);
			candidate[len] = '/';
			strcpy(candidate + len + 1, name);
			result = definitely_lacks(candidate);
			if (!result)
				return true;
			if (result == EACCES)
				why = EACCES;
		}
		path += len;
	}
	return probe_fail(
		failure, why == EACCES ? PROCESS_STEP_EXEC : PROCESS_STEP_EXEC_LOOKUP, why, name);
}

__attribute__((noreturn)) void process_execute(
	const char *command, char *const *argv, char *const *env, int failure_fd)
{
	int why;

	(void)execve(command, argv, env);
	why = errno;
	/* ENOENT of a file that is there means its interpreter or loader. */
	if (why == ENOENT && access(command, F_OK) == 0)
		process_fail(failure_fd, PROCESS_STEP_EXEC_INTERPRETER, why, argv[0]);
	process_fail(failure_fd, PROCESS_STEP_EXEC, why, argv[0]);
}
