#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/hooks.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define STATE "{\"id\":\"one\"}"

static char *directory; /* of one test */

static int begin(void **state)
{
	(void)state;
	directory = xstrdup("/tmp/test-hooks.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state)
{
	cleanup_error struct error *err = NULL;
	int result = remove_tree(AT_FDCWD, directory, &err);

	(void)state;
	free(directory);
	return result;
}

/* A shell that runs SCRIPT in a directory of the test's, $D. */
static void add(struct runtime_hooks *hooks, const char *script, uint32_t timeout_s)
{
	struct runtime_hook *hook;

	array_grow(hooks->items, hooks->count, hooks->capacity);
	hook = &hooks->items[hooks->count++];
	*hook = (struct runtime_hook){.path = xstrdup("/bin/sh"), .timeout_s = timeout_s};
	strv_append(&hook->args, "hook");
	strv_append(&hook->args, "-c");
	strv_append(&hook->args, script);
	strv_append_take(&hook->env, xasprintf("D=%s", directory));
}

static void clear(struct runtime_hooks *hooks)
{
	struct runtime_hooks all[HOOK_POINT_COUNT] = {*hooks};

	hooks_clear(all);
}

static char *read_back(const char *name)
{
	cleanup_free char *path = path_join(directory, name);
	cleanup_error struct error *err = NULL;
	char *text = NULL;
	size_t len;

	if (read_file_limited(AT_FDCWD, path, 4096, &text, &len, &err) < 0)
		fail_msg("%s", err->message);
	return text;
}

/* One after the other; the state on stdin, its own environment and nothing else, no descriptor. */
static void test_order_and_input(void **state)
{
	cleanup_free char *order = NULL, *input = NULL, *env = NULL, *name = NULL, *fds = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_close int leak = open("/dev/null", O_RDONLY); /* NOLINT: meant to be inherited */
	struct runtime_hooks hooks = {0};

	(void)state;
	add(&hooks, "echo 1 >>$D/order; cat >$D/input; echo \"$0\" >$D/name", 0);
	add(&hooks, "echo 2 >>$D/order; /usr/bin/env >$D/env", 9);
	add(&hooks, "echo 3 >>$D/order; cd /proc/self/fd; echo * >$D/fds", 0);
	assert_int_equal(hooks_run(&hooks, HOOK_PRESTART, STATE, &err), 0);
	order = read_back("order");
	assert_string_equal(order, "1\n2\n3\n");
	input = read_back("input");
	assert_string_equal(input, STATE);
	name = read_back("name");
	assert_string_equal(name, "hook\n");
	env = read_back("env");
	assert_non_null(strstr(env, "D=/tmp/"));
	assert_null(strstr(env, "HOME="));
	assert_null(strstr(env, "PATH="));
	/* the shell may use one for the directory or its redirections, at 10 and above, and 3 */
	fds = read_back("fds");
	assert_non_null(str_starts_with(fds, "0 1 2"));
	if (leak > 3 && leak < 10) {
		char number[8];

		snprintf(number, sizeof(number), " %d", leak);
		assert_null(strstr(fds, number));
	}
	clear(&hooks);
}

static void test_failures(void **state)
{
	static const struct {
		const char *script, *expected; /* of the message, in order after the hook's place */
	} cases[] = {
		{"exit 3", "exit status 3"},
		{"echo to stdout; exit 1", "exit status 1, output: to stdout"},
		{"echo to stderr >&2; exit 1", "exit status 1, output: to stderr"},
		{"printf 'a\\nb\\033c\\n\\n'; exit 2", "exit status 2, output: a b c"},
		{"kill -9 $$", "killed by signal 9"},
		{"exit 127", "exit status 127"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *wanted =
			xasprintf("createRuntime hook #1 '/bin/sh': %s", cases[i].expected);
		cleanup_free char *after = path_join(directory, "after");
		cleanup_error struct error *err = NULL;
		struct runtime_hooks hooks = {0};

		add(&hooks, "exit 0", 0);
		add(&hooks, cases[i].script, 0);
		add(&hooks, "touch $D/after", 0);
		assert_int_equal(hooks_run(&hooks, HOOK_CREATE_RUNTIME, STATE, &err), -1);
		assert_int_equal(err->kind, ERR_SYSTEM);
		assert_string_equal(err->message, wanted);
		/* those behind it are not run */
		assert_int_equal(access(after, F_OK), -1);
		clear(&hooks);
	}
}

static void test_not_executable(void **state)
{
	static const struct {
		const char *path, *expected;
	} cases[] = {
		{"/nonexistent/hook", "poststart hook #0 '/nonexistent/hook': execute it: No such"},
		{"/etc/passwd", "poststart hook #0 '/etc/passwd': execute it: Permission denied"},
		{"/", "poststart hook #0 '/': execute it: Permission denied"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		struct runtime_hook hook = {.path = (char *)(uintptr_t)cases[i].path};
		const struct runtime_hooks hooks = {.items = &hook, .count = 1};

		assert_int_equal(hooks_run(&hooks, HOOK_POSTSTART, STATE, &err), -1);
		if (!str_starts_with(err->message, cases[i].expected))
			fail_msg("%s", err->message);
	}
}

/* Path alone: it is its own name, and the environment is empty. */
static void test_without_args(void **state)
{
	struct runtime_hook hook = {.path = xasprintf("%s/hook", directory)};
	const struct runtime_hooks hooks = {.items = &hook, .count = 1};
	cleanup_free char *script = xasprintf("#!/bin/sh\necho \"$0 $#\" >%s/out\n"
					      "/usr/bin/env | /usr/bin/wc -l >%s/count\n",
		directory, directory);
	cleanup_free char *out = NULL, *wanted = xasprintf("%s/hook 0\n", directory);
	cleanup_error struct error *err = NULL;
	cleanup_close int fd = open(hook.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	(void)state;
	assert_int_equal(write_all(fd, script, strlen(script)), 0);
	close(steal_fd(&fd));
	if (hooks_run(&hooks, HOOK_POSTSTOP, STATE, &err) < 0)
		fail_msg("%s", err->message);
	out = read_back("out");
	assert_string_equal(out, wanted);
	free(hook.path);
}

/* With what it has started: a named pipe tells that nobody holds its other end any more. */
static void test_timeout(void **state)
{
	cleanup_free char *fifo = path_join(directory, "fifo");
	cleanup_error struct error *err = NULL;
	struct runtime_hooks hooks = {0};
	struct pollfd held = {.events = POLLIN};
	char text[8] = "";

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	held.fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	add(&hooks, "exec 7>$D/fifo; echo up >&7; /bin/sleep 1000 & echo waits; wait", 1);
	add(&hooks, "touch $D/after", 0);
	assert_int_equal(hooks_run(&hooks, HOOK_START_CONTAINER, STATE, &err), -1);
	assert_string_equal(err->message,
		"startContainer hook #0 '/bin/sh': not done after 1 seconds, output: waits");
	assert_int_equal(read(held.fd, text, sizeof(text)), 3);
	held.events = 0;
	assert_int_equal(poll(&held, 1, 60000), 1);
	assert_true(held.revents & POLLHUP);
	close(held.fd);
	clear(&hooks);
}

/* One that is quicker than its timeout is not waited for. */
static void test_in_time(void **state)
{
	cleanup_error struct error *err = NULL;
	struct runtime_hooks hooks = {0};

	(void)state;
	add(&hooks, "exit 0", 4000000);
	add(&hooks, "exit 5", 4000000);
	assert_int_equal(hooks_run(&hooks, HOOK_POSTSTART, STATE, &err), -1);
	assert_string_equal(err->message, "poststart hook #1 '/bin/sh': exit status 5");
	clear(&hooks);
}

/* poststop: all of them, each failure a warning. */
static void test_run_all(void **state)
{
	cleanup_free char *order = NULL;
	cleanup_strv char **warnings = NULL;
	struct runtime_hooks hooks = {0};

	(void)state;
	add(&hooks, "echo 0 >>$D/order; exit 4", 0);
	add(&hooks, "echo 1 >>$D/order", 0);
	add(&hooks, "echo 2 >>$D/order; echo why; exit 1", 0);
	hooks_run_all(&hooks, HOOK_POSTSTOP, STATE, &warnings);
	order = read_back("order");
	assert_string_equal(order, "0\n1\n2\n");
	assert_int_equal(strv_length(warnings), 2);
	assert_string_equal(warnings[0], "poststop hook #0 '/bin/sh': exit status 4");
	assert_string_equal(warnings[1], "poststop hook #2 '/bin/sh': exit status 1, output: why");
	clear(&hooks);
}

static void test_state(void **state)
{
	char *annotations[] = {
		(char[]){"a=b=c"}, (char[]){"empty="}, (char[]){"quote=\"\\\n"}, NULL};
	static const struct {
		const char *status;
		pid_t pid;
		bool annotated;
		const char *expected;
	} cases[] = {
		{"creating", 7, true,
			"{\"ociVersion\":\"" OCI_VERSION
			"\",\"id\":\"x\",\"status\":\"creating\",\"pid\":7,\"bundle\":\"/b\","
			"\"annotations\":{\"a\":\"b=c\",\"empty\":\"\",\"quote\":\"\\\"\\\\\\n\"}"
			"}"},
		{"stopped", 0, false,
			"{\"ociVersion\":\"" OCI_VERSION
			"\",\"id\":\"x\",\"status\":\"stopped\",\"bundle\":\"/b\","
			"\"annotations\":{}}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct runtime_state value = {
			.id = "x",
			.status = cases[i].status,
			.pid = cases[i].pid,
			.bundle = "/b",
			.annotations = cases[i].annotated ? annotations : NULL,
		};
		cleanup_free char *text = runtime_state_text(&value);

		assert_string_equal(text, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_input, begin, end),
		cmocka_unit_test_setup_teardown(test_failures, begin, end),
		cmocka_unit_test(test_not_executable),
		cmocka_unit_test_setup_teardown(test_without_args, begin, end),
		cmocka_unit_test_setup_teardown(test_timeout, begin, end),
		cmocka_unit_test_setup_teardown(test_in_time, begin, end),
		cmocka_unit_test_setup_teardown(test_run_all, begin, end),
		cmocka_unit_test(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
