#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/hooks.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/signals.h"
#include "util/timefmt.h"

#define HOOKS_MAX        1024 /* of one point */
#define HOOK_STRINGS_MAX 4096 /* arguments, or variables */
#define HOOK_OUTPUT_MAX  2048 /* bytes of it in the error */

static const char *const point_names[HOOK_POINT_COUNT] = {
	[HOOK_PRESTART] = "prestart",
	[HOOK_CREATE_RUNTIME] = "createRuntime",
	[HOOK_CREATE_CONTAINER] = "createContainer",
	[HOOK_START_CONTAINER] = "startContainer",
	[HOOK_POSTSTART] = "poststart",
	[HOOK_POSTSTOP] = "poststop",
};

const char *hook_point_name(enum hook_point point)
{
	return point_names[point];
}

/* -------- config.json -------- */

static int hook_read(const struct json *v, struct runtime_hook *hook, struct error **err)
{
	struct json path;
	const char *text;
	uint64_t timeout = 0;

	if (json_require(v, "path", &path, err) < 0 || json_string(&path, &text, err) < 0)
		return -1;
	if (text[0] != '/')
		return json_error(&path, err, "must be an absolute path");
	hook->path = xstrdup(text);
	if (json_opt_strv(v, "args", HOOK_STRINGS_MAX, &hook->args, err) < 0 ||
		json_opt_strv(v, "env", HOOK_STRINGS_MAX, &hook->env, err) < 0)
		return -1;
	if (json_member(v, "timeout", &path)) {
		if (json_uint64(&path, UINT32_MAX / 1000, &timeout, err) < 0)
			return -1;
		if (!timeout)
			return json_error(&path, err, "must be greater than zero");
	}
	hook->timeout_s = (uint32_t)timeout;
	return 0;
}

int hooks_read(const struct json *root, struct runtime_hooks ret[], struct error **err)
{
	struct json hooks, member;

	if (!json_member(root, "hooks", &hooks))
		return 0;
	if (json_kind(&hooks) != JSON_KIND_OBJECT)
		return json_error(&hooks, err, "must be an object");
	for (struct json_iter it = json_iter(&hooks); json_next(&it, &member);) {
		size_t count, point = 0;

		while (point < HOOK_POINT_COUNT && strcmp(member.key, point_names[point]) != 0)
			point++;
		if (point == HOOK_POINT_COUNT)
			return json_error(&member, err, "is no hook point of the specification");
		if (json_kind(&member) == JSON_KIND_NULL)
			continue;
		if (json_array(&member, HOOKS_MAX, &count, err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++) {
			struct runtime_hooks *list = &ret[point];
			struct json hook = json_at(&member, i);

			array_grow(list->items, list->count, list->capacity);
			list->items[list->count] = (struct runtime_hook){0};
			if (hook_read(&hook, &list->items[list->count++], err) < 0)
				return -1;
		}
	}
	return 0;
}

void hooks_write(struct json_writer *w, const struct runtime_hooks hooks[])
{
	size_t total = 0;

	for (int point = 0; point < HOOK_POINT_COUNT; point++)
		total += hooks[point].count;
	if (!total)
		return;
	json_write_key(w, "hooks");
	json_write_object_begin(w);
	for (int point = 0; point < HOOK_POINT_COUNT; point++) {
		if (!hooks[point].count)
			continue;
		json_write_key(w, point_names[point]);
		json_write_array_begin(w);
		for (size_t i = 0; i < hooks[point].count; i++) {
			const struct runtime_hook *hook = &hooks[point].items[i];

			json_write_object_begin(w);
			json_put_string(w, "path", hook->path);
			if (hook->args)
				json_put_strv(w, "args", hook->args);
			if (hook->env)
				json_put_strv(w, "env", hook->env);
			if (hook->timeout_s)
				json_put_uint(w, "timeout", hook->timeout_s);
			json_write_object_end(w);
		}
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

void hooks_clear(struct runtime_hooks hooks[])
{
	for (int point = 0; point < HOOK_POINT_COUNT; point++) {
		for (size_t i = 0; i < hooks[point].count; i++) {
			free(hooks[point].items[i].path);
			strv_free(hooks[point].items[i].args);
			strv_free(hooks[point].items[i].env);
		}
		free(hooks[point].items);
		hooks[point] = (struct runtime_hooks){0};
	}
}

/* -------- state -------- */

void runtime_state_write(struct json_writer *w, const struct runtime_state *state)
{
	json_put_string(w, "ociVersion", OCI_VERSION);
	json_put_string(w, "id", state->id);
	json_put_string(w, "status", state->status);
	if (state->pid > 0)
		json_put_int(w, "pid", state->pid);
	json_put_string(w, "bundle", state->bundle);
	json_write_key(w, "annotations");
	json_write_object_begin(w);
	for (char *const *pair = state->annotations; pair && *pair; pair++) {
		const char *equals = strchrnul(*pair, '=');
		cleanup_free char *name = xstrndup(*pair, (size_t)(equals - *pair));

		json_put_string(w, name, *equals ? equals + 1 : "");
	}
	json_write_object_end(w);
}

char *runtime_state_text(const struct runtime_state *state)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	json_write_object_begin(&w);
	runtime_state_write(&w, state);
	json_write_object_end(&w);
	return strbuf_detach(&out);
}

/* -------- running -------- */

/* The hook's process. Entry: a fork of ours, all signals blocked. FAILURE_FD gets errno when it
 * cannot be executed. */
__attribute__((noreturn)) static void hook_exec(
	const struct runtime_hook *hook, int state_fd, int output_fd, int failure_fd)
{
	char *plain[] = {hook->path, NULL}, *empty[] = {NULL};
	int first = failure_fd + 1;
	sigset_t none;
	int why;

	(void)setpgid(0, 0); /* so that a timeout ends its children too */
	if (dup2(state_fd, 0) == 0 && dup2(output_fd, 1) == 1 && dup2(output_fd, 2) == 2) {
		(void)syscall(SYS_close_range, 3, failure_fd - 1, 0);
		(void)syscall(SYS_close_range, first, ~0U, 0);
		signals_reset();
		sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)execve(hook->path, hook->args && hook->args[0] ? hook->args : plain,
			hook->env ? hook->env : empty);
	}
	why = errno;
	(void)!write(failure_fd, &why, sizeof(why)); /* else: status 127 tells */
	_exit(127);
}

/* Until PID ends or the hook's time is over: then it is killed. */
static int hook_wait(pid_t pid, const struct runtime_hook *hook, bool *ret_timeout)
{
	int64_t end_ms =
		hook->timeout_s ? time_monotonic_ms() + hook->timeout_s * INT64_C(1000) : 0;
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd wait = {.fd = pidfd, .events = POLLIN};
	int status = 0;

	*ret_timeout = false;
	while (end_ms && pidfd >= 0) {
		int64_t now = time_monotonic_ms();
		int n = now < end_ms ? poll(&wait, 1, (int)MIN(end_ms - now, INT_MAX)) : 0;

		if (n > 0)
			break;
		if (n == 0 && now >= end_ms) {
			*ret_timeout = true;
			(void)kill(-pid, SIGKILL);
			(void)kill(pid, SIGKILL); /* it may not have made its group yet */
			break;
		}
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* The end of what the hook printed, one line. */
static char *hook_output(int fd)
{
	char text[HOOK_OUTPUT_MAX];
	off_t end = lseek(fd, 0, SEEK_END);
	off_t start = end > (off_t)sizeof(text) ? end - (off_t)sizeof(text) : 0;
	ssize_t n = pread(fd, text, sizeof(text), start);

	while (n > 0 && text[n - 1] == '\n')
		n--;
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			text[i] = ' ';
	return xstrndup(text, n > 0 ? (size_t)n : 0);
}

static int hook_run(const struct runtime_hook *hook, const char *state, struct error **err)
{
	cleanup_close int state_fd = memfd_create("state", MFD_CLOEXEC);
	cleanup_close int output_fd = memfd_create("hook-output", MFD_CLOEXEC);
	cleanup_close int read_fd = -1, failure_fd = -1;
	cleanup_free char *output = NULL;
	int fds[2], status, why = 0;
	bool timeout;
	sigset_t all, old;
	pid_t pid;

	if (state_fd < 0 || output_fd < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, errno, "prepare the hook");
	read_fd = fds[0];
	failure_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 10); /* above 0 to 2 */
	close_keep_errno(fds[1]);
	if (failure_fd < 0 || write_all(state_fd, state, strlen(state)) < 0 ||
		lseek(state_fd, 0, SEEK_SET) < 0)
		return error_errno(err, errno, "prepare the hook");
	signals_fill(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		hook_exec(hook, state_fd, output_fd, failure_fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return error_errno(err, errno, "fork");
	fd_replace(&failure_fd, -1);
	if (read_full(read_fd, &why, sizeof(why)) == (ssize_t)sizeof(why)) {
		(void)hook_wait(pid, hook, &timeout);
		return error_errno(err, why, "execute it");
	}
	status = hook_wait(pid, hook, &timeout);
	if (status == 0)
		return 0;
	output = hook_output(output_fd);
	if (timeout)
		error_set(err, ERR_SYSTEM, "not done after %u seconds", hook->timeout_s);
	else if (WIFSIGNALED(status))
		error_set(err, ERR_SYSTEM, "killed by signal %d", WTERMSIG(status));
	else
		error_set(err, ERR_SYSTEM, "exit status %d", WEXITSTATUS(status));
	if (*output) {
		cleanup_free char *how = xstrdup((*err)->message);

		error_free(steal_ptr(err));
		error_set(err, ERR_SYSTEM, "%s, output: %s", how, output);
	}
	return -1;
}

static int hook_run_named(const struct runtime_hooks *hooks, size_t i, enum hook_point point,
	const char *state, struct error **err)
{
	if (hook_run(&hooks->items[i], state, err) == 0)
		return 0;
	return error_wrap(err, "%s hook #%zu '%s'", point_names[point], i, hooks->items[i].path);
}

int hooks_run(const struct runtime_hooks *hooks, enum hook_point point, const char *state,
	struct error **err)
{
	for (size_t i = 0; i < hooks->count; i++)
		if (hook_run_named(hooks, i, point, state, err) < 0)
			return -1;
	return 0;
}

void hooks_run_all(const struct runtime_hooks *hooks, enum hook_point point, const char *state,
	char ***warnings)
{
	for (size_t i = 0; i < hooks->count; i++) {
		cleanup_error struct error *err = NULL;

		if (hook_run_named(hooks, i, point, state, &err) < 0)
			strv_append(warnings, err->message);
	}
}
