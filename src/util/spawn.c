#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/strbuf.h"

extern char **environ;

char *spawn_find(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	/* newuidmap and its like live in sbin on some systems, which users' PATH lacks. */
	for (int pass = 0; pass < 2; pass++) {
		const char *p = pass ? "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin" : path;

		while (p && *p) {
			size_t len = strcspn(p, ":");
			cleanup_free char *candidate = xasprintf("%.*s/%s", (int)len, p, name);

			if (len && access(candidate, X_OK) == 0)
				return steal_ptr(&candidate);
			p += len;
			p += *p == ':';
		}
	}
	return NULL;
}

#define VERSION_MAX 4096 /* bytes of what a program says of itself */

char *spawn_version(const char *name)
{
	const char *const argv[] = {name, "--version", NULL};
	cleanup_close int fd = memfd_create("version", MFD_CLOEXEC);
	const struct spawn_fd fds[] = {{fd, 1}};
	const struct spawn_options opts = {.argv = argv, .fds = fds, .fd_count = ARRAY_SIZE(fds)};
	cleanup_error struct error *ignored = NULL;
	char text[VERSION_MAX], *line, *rest = text;
	ssize_t n;
	pid_t pid;

	if (fd < 0 || spawn(&opts, &pid, &ignored) < 0 || spawn_wait(pid, &ignored) != 0)
		return NULL;
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return NULL;
	text[n] = '\0';
	/* fuse-overlayfs names the libraries' versions first. */
	while ((line = strsep(&rest, "\n")))
		if (strncmp(line, name, strlen(name)) == 0)
			return xstrdup(line);
	return xstrndup(text, strlen(text)); /* the first line: strsep() has cut it */
}

int spawn(const struct spawn_options *opts, pid_t *ret_pid, struct error **err)
{
	cleanup_free char *path = spawn_find(opts->argv[0]);
	cleanup_free int *moved = NULL;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	bool given[3] = {false};
	int highest = 3, why;

	if (!path)
		return error_set(
			err, ERR_NOT_FOUND, "program '%s' is not installed", opts->argv[0]);
	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	/* First move every source above all targets, so that no dup2 overwrites a later source. */
	for (size_t i = 0; i < opts->fd_count; i++)
		highest = MAX(highest, opts->fds[i].to + 1);
	/* Ours are close-on-exec already; this is for strangers we inherited. */
	(void)close_range((unsigned int)highest, ~0U, CLOSE_RANGE_CLOEXEC);
	moved = xcalloc(opts->fd_count, sizeof(*moved));
	why = 0;
	for (size_t i = 0; i < opts->fd_count; i++)
		moved[i] = -1;
	for (size_t i = 0; i < opts->fd_count && !why; i++) {
		moved[i] = fcntl(opts->fds[i].from, F_DUPFD_CLOEXEC, highest);
		if (moved[i] < 0)
			why = errno;
	}
	for (size_t i = 0; i < opts->fd_count && !why; i++) {
		if (opts->fds[i].to < 3)
			given[opts->fds[i].to] = true;
		why = posix_spawn_file_actions_adddup2(&actions, moved[i], opts->fds[i].to);
	}
	for (int fd = 0; fd < 3 && !why; fd++)
		if (!given[fd])
			why = posix_spawn_file_actions_addopen(
				&actions, fd, "/dev/null", fd ? O_WRONLY : O_RDONLY, 0);
	if (!why)
		why = posix_spawn(ret_pid, path, &actions, &attr, (char *const *)opts->argv,
			opts->envp ? (char *const *)opts->envp : environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	for (size_t i = 0; i < opts->fd_count; i++)
		close_keep_errno(moved[i]);
	if (why)
		return error_fork(err, why, "start '%s'", path);
	return 0;
}

int spawn_wait(pid_t pid, struct error **err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, errno, "wait for process %d", (int)pid);
	return status;
}

int spawn_capture(const char *const *argv, const char *input, size_t limit, char **ret_output,
	int *ret_status, struct error **err)
{
	cleanup_close int child_in = -1, our_in = -1, child_out = -1, our_out = -1;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	size_t sent = 0, total = input ? strlen(input) : 0;
	bool too_much = false;
	sigset_t pipe_set, old;
	pid_t pid;
	int in[2], outp[2], status;

	if (pipe2(in, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	child_in = in[0];
	our_in = in[1];
	if (pipe2(outp, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	our_out = outp[0];
	child_out = outp[1];
	{
		const struct spawn_fd fds[] = {{child_in, 0}, {child_out, 1}, {2, 2}};
		const struct spawn_options opts = {
			.argv = argv,
			.fds = fds,
			.fd_count = ARRAY_SIZE(fds),
		};

		if (spawn(&opts, &pid, err) < 0)
			return -1;
	}
	fd_replace(&child_in, -1);
	fd_replace(&child_out, -1);
	if (total == 0)
		fd_replace(&our_in, -1);
	else
		(void)fcntl(our_in, F_SETFL, O_NONBLOCK); /* else a full pipe could block us */
	/* A program that does not read its input must not kill us. */
	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe_set, &old);
	while (our_out >= 0) {
		struct pollfd fds[] = {
			{.fd = our_out, .events = POLLIN},
			{.fd = our_in, .events = POLLOUT},
		};
		char buf[4096];
		ssize_t n;

		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (fds[1].revents) {
			n = write(our_in, input + sent, total - sent);
			if (n > 0)
				sent += (size_t)n;
			if ((n < 0 && errno != EAGAIN && errno != EINTR) || sent == total)
				fd_replace(&our_in, -1);
		}
		if (!fds[0].revents)
			continue;
		n = read(our_out, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fd_replace(&our_out, -1);
		} else if (out.len + (size_t)n > limit) {
			too_much = true;
			kill(pid, SIGKILL);
			fd_replace(&our_out, -1);
		} else {
			strbuf_add(&out, buf, (size_t)n);
		}
	}
	/* It may wait for the end of its input, or for room in its output. */
	fd_replace(&our_in, -1);
	fd_replace(&our_out, -1);
	{
		struct timespec zero = {0};

		while (sigtimedwait(&pipe_set, NULL, &zero) > 0)
			; /* ours from the write above, if it came */
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
	status = spawn_wait(pid, err);
	if (status < 0)
		return -1;
	if (too_much)
		return error_set(
			err, ERR_INVALID, "'%s' printed more than %zu bytes", argv[0], limit);
	*ret_output = strbuf_detach(&out);
	*ret_status = status;
	return 0;
}
