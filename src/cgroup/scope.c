#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/scope.h"
#include "rootless/idmap.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/spawn.h"
#include "util/str.h"

static char *socket_below(const char *dir)
{
	char *path = xasprintf("%s/systemd/private", dir);
	struct stat st;

	/* Somebody else's runtime directory (su without -) is no use. */
	if (strlen(path) < 100 && stat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
		st.st_uid == geteuid() && access(path, W_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* Who we are outside of our user namespace. */
static uint32_t outer_uid(void)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free struct id_range *ranges = NULL;
	uint32_t uid = geteuid();
	size_t count;

	if (id_ranges_read("/proc/self/uid_map", &ranges, &count, &ignored) < 0)
		return uid;
	return id_to_host(ranges, count, uid);
}

char *scope_manager_socket(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	uint32_t uid = outer_uid();
	char usual[40], *found = NULL;

	/* Root of a user namespace is an ordinary user (an engine's, which had itself made root),
	 * or has a system of its own. */
	if (uid != 0 && dir && *dir == '/')
		found = socket_below(dir);
	if (uid != 0 && !found) {
		snprintf(usual, sizeof(usual), "/run/user/%u", uid);
		found = socket_below(usual);
	}
	return found || geteuid() != 0 ? found : socket_below("/run");
}

/* systemd's own rule for names of units, without templates. */
static bool is_unit_part(const char *text, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789:-_.\\";

	for (size_t i = 0; i < len; i++)
		if (!strchr(allowed, text[i]) || !text[i])
			return false;
	return len < 200 && text[0] != '.';
}

int scope_names(
	const char *path, const char *name, char **ret_unit, char **ret_slice, struct error **err)
{
	const char *slice = geteuid() == 0 ? "machine.slice" : "user.slice";
	size_t slice_len = strlen(slice), prefix_len = 0;
	const char *prefix = "", *colon = path ? strchr(path, ':') : NULL;

	if (path && !colon) {
		/* A slice; its full path is taken, too. */
		const char *last = strrchr(path, '/');

		slice = last ? last + 1 : path;
		slice_len = strlen(slice);
		if (!str_ends_with(slice, ".slice"))
			return error_set(err, ERR_INVALID,
				"control group '%s' is no slice: with the systemd manager it must "
				"end in .slice (or use the cgroupfs manager)",
				path);
	} else if (path) {
		const char *second = strchr(colon + 1, ':');

		if (!second)
			return error_set(err, ERR_INVALID,
				"control group '%s' is not slice:prefix:name", path);
		if (colon > path) {
			slice = path;
			slice_len = (size_t)(colon - path);
		}
		prefix = colon + 1;
		prefix_len = (size_t)(second - prefix);
		name = second + 1;
	}
	if (!name || !*name || !is_unit_part(name, strlen(name)) ||
		!is_unit_part(prefix, prefix_len) || !is_unit_part(slice, slice_len))
		return error_set(err, ERR_INVALID, "control group '%s' is no name for a scope",
			path   ? path
			: name ? name
			       : "");
	if (str_ends_with(name, ".slice"))
		return error_set(err, ERR_INVALID,
			"a container cannot be the slice '%s' itself; name a scope", name);
	*ret_unit = xasprintf("%.*s%s%s%s", (int)prefix_len, prefix, prefix_len ? "-" : "", name,
		str_ends_with(name, ".scope") ? "" : ".scope");
	*ret_slice = xstrndup(slice, slice_len);
	return 0;
}

/* Start the helper. WORDS: its arguments from the second on, NULL-terminated. */
static int helper_begin(const char *const words[], const char *unit, struct cgroup_pending **ret,
	struct error **err)
{
	cleanup_free char *program = program_path("pod-systemd", err);
	const char *argv[8] = {program};
	struct spawn_fd fd = {.to = 0};
	const struct spawn_options opts = {.argv = argv, .fds = &fd, .fd_count = 1};
	int pair[2], status;
	pid_t pid;

	if (!program)
		return -1;
	for (size_t i = 0; words[i] && i + 2 < ARRAY_SIZE(argv); i++)
		argv[i + 1] = words[i];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, errno, "make a socket pair");
	fd.from = pair[1];
	status = spawn(&opts, &pid, err);
	close_keep_errno(pair[1]);
	if (status < 0) {
		close_keep_errno(pair[0]);
		return -1;
	}
	*ret = xcalloc(1, sizeof(**ret));
	**ret = (struct cgroup_pending){pid, pair[0], xstrdup(unit)};
	return 0;
}

int scope_begin(const char *socket_path, const char *unit, const char *slice,
	struct cgroup_pending **ret, struct error **err)
{
	cleanup_free char *about = xasprintf("pod container %s", unit);
	const char *const words[] = {"scope", socket_path, unit, slice, about, NULL};

	return helper_begin(words, unit, ret, err);
}

int scope_finish(struct cgroup_pending *pending, pid_t pid, struct error **err)
{
	struct scope_request request = {.pid = (uint32_t)pid};
	struct scope_reply reply;
	ssize_t n;

	if (send(pending->fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
		return error_errno(err, errno, "speak to the pod-systemd helper");
	do
		n = recv(pending->fd, &reply, sizeof(reply), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, errno, "hear from the pod-systemd helper");
	if (n <= (ssize_t)offsetof(struct scope_reply, text))
		return error_set(err, ERR_SYSTEM,
			"the pod-systemd helper ended without an answer (is libsystemd0 there?)");
	((char *)&reply)[n - 1] = '\0';
	if (reply.errnum) {
		error_set(err, ERR_SYSTEM, "scope '%s': %s", pending->unit, reply.text);
		(*err)->errnum = reply.errnum;
		return -1;
	}
	return 0;
}

int scope_attach(const char *unit, const char *group, struct error **err)
{
	cleanup_free char *socket_path = scope_manager_socket();
	const char *const words[] = {"attach", socket_path, unit, group, NULL};
	struct cgroup_pending *pending;
	int status;

	if (!socket_path)
		return error_set(err, ERR_UNSUPPORTED,
			"the systemd manager that made scope '%s' cannot be reached", unit);
	if (helper_begin(words, unit, &pending, err) < 0)
		return -1;
	status = scope_finish(pending, getpid(), err);
	cgroup_pending_free(pending);
	return status;
}

void cgroup_pending_free(struct cgroup_pending *pending)
{
	if (!pending)
		return;
	close_keep_errno(pending->fd);
	/* It ends by itself now; if it has not yet, whoever inherits it reaps it. */
	if (pending->helper_pid > 0)
		(void)waitpid(pending->helper_pid, NULL, WNOHANG);
	free(pending->unit);
	free(pending);
}
