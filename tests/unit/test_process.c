#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/process_plan.h"
#include "runtime/process_user.h"
#include "util/fs.h"
#include "util/mem.h"

/* -------- users -------- */

struct root {
	char path[64];
	int fd;
};

static void put(struct root *root, const char *name, const char *text)
{
	int fd = openat(root->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static int root_setup(void **state)
{
	struct root *root = xcalloc(1, sizeof(*root));

	strcpy(root->path, "/tmp/pod-test-XXXXXX");
	assert_non_null(mkdtemp(root->path));
	root->fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root->fd, "etc", 0755), 0);
	put(root, "etc/passwd",
		"root:x:0:0:root:/root:/bin/sh\n"
		"garbage\n"
		"bad:x:-5:1::/:\n"
		"app:x:1000:1001:An App:/home/app:/bin/sh\n"
		"homeless:x:1002:1002:::\n"
		"4000:x:1003:1003::/n:\n"
		"app:x:6:6::/second:\n");
	put(root, "etc/group",
		"root:x:0:root\n"
		"wheel:x:10:root,app\n"
		"apps:x:1001:\n"
		"bad:x:99999999999:app\n"
		"appendix:x:11:application,xapp,app2\n"
		"last:x:12:other,app");
	*state = root;
	return 0;
}

static int root_teardown(void **state)
{
	cleanup_error struct error *err = NULL;
	struct root *root = *state;

	close(root->fd);
	(void)remove_tree(AT_FDCWD, root->path, &err);
	free(root);
	return 0;
}

static void test_user(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint32_t uid, gid;
		const char *home, *groups;
	} cases[] = {
		{"", 0, 0, 0, "/root", "0 10 "},
		{"0", 0, 0, 0, "/root", "0 10 "},
		{"root", 0, 0, 0, "/root", "0 10 "},
		{"app", 0, 1000, 1001, "/home/app", "10 12 "},
		{"1000", 0, 1000, 1001, "/home/app", "10 12 "},
		{"1000:", 0, 1000, 1001, "/home/app", "10 12 "},
		{"app:wheel", 0, 1000, 10, "/home/app", ""},
		{"app:77", 0, 1000, 77, "/home/app", ""},
		{"77", 0, 77, 0, "/", ""},
		{"77:wheel", 0, 77, 10, "/", ""},
		{"77:78", 0, 77, 78, "/", ""},
		{":wheel", 0, 0, 10, "/root", ""},
		{"homeless", 0, 1002, 1002, "/", ""},
		{"2147483647", 0, 2147483647, 0, "/", ""},
		/* a name of digits is a number */
		{"4000", 0, 4000, 0, "/", ""},
		{"nobody", ENOENT, 0, 0, NULL, NULL},
		{"bad", ENOENT, 0, 0, NULL, NULL},
		{"0x0", ENOENT, 0, 0, NULL, NULL},
		{"+5", ENOENT, 0, 0, NULL, NULL},
		{" 0", ENOENT, 0, 0, NULL, NULL},
		{"1e3", ENOENT, 0, 0, NULL, NULL},
		{"app:nogroup", ENOENT, 0, 0, NULL, NULL},
		{"app:bad", ENOENT, 0, 0, NULL, NULL},
		{"app:10:10", ENOENT, 0, 0, NULL, NULL},
		{"app\n", ENOENT, 0, 0, NULL, NULL},
		{"-1", ERANGE, 0, 0, NULL, NULL},
		{"2147483648", ERANGE, 0, 0, NULL, NULL},
		{"4294967295", ERANGE, 0, 0, NULL, NULL},
		{"4294967296", ERANGE, 0, 0, NULL, NULL},
		{"18446744073709551616", ERANGE, 0, 0, NULL, NULL},
		{"0:-1", ERANGE, 0, 0, NULL, NULL},
		{"0:4294967296", ERANGE, 0, 0, NULL, NULL},
	};
	struct root *root = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct process_user user;
		char groups[256] = "";
		int result = process_user_look_up(root->fd, cases[i].text, &user);

		if (result != cases[i].result)
			fail_msg("'%s': %d", cases[i].text, result);
		if (result)
			continue;
		for (size_t j = 0; j < user.group_count; j++)
			snprintf(groups + strlen(groups), sizeof(groups) - strlen(groups), "%u ",
				user.groups[j]);
		if (user.uid != cases[i].uid || user.gid != cases[i].gid ||
			strcmp(user.home, cases[i].home) != 0 ||
			strcmp(groups, cases[i].groups) != 0)
			fail_msg("'%s': %u %u %s [%s]", cases[i].text, user.uid, user.gid,
				user.home, groups);
	}
}

static void test_group(void **state)
{
	struct root *root = *state;
	uint32_t gid = 1;

	assert_int_equal(process_group_look_up(root->fd, "last", &gid), 0);
	assert_int_equal(gid, 12);
	assert_int_equal(process_group_look_up(root->fd, "55", &gid), 0);
	assert_int_equal(gid, 55);
	assert_int_equal(process_group_look_up(root->fd, "", &gid), EINVAL);
	assert_int_equal(process_group_look_up(root->fd, "nogroup", &gid), ENOENT);
	assert_int_equal(process_group_look_up(root->fd, "-1", &gid), ERANGE);
}

/* What an image may have put in the place of /etc/passwd. */
static void test_hostile_passwd(void **state)
{
	struct root *root = *state;
	struct process_user user;
	cleanup_free char *long_line = xmalloc(100001);

	/* a link that points out of the root is resolved inside of it */
	put(root, "outside", "app:x:5:5::/inside:\n");
	unlinkat(root->fd, "etc/passwd", 0);
	assert_int_equal(symlinkat("../../../../outside", root->fd, "etc/passwd"), 0);
	assert_int_equal(process_user_look_up(root->fd, "app", &user), 0);
	assert_string_equal(user.home, "/inside");
	unlinkat(root->fd, "etc/passwd", 0);
	assert_int_equal(symlinkat("/etc/passwd", root->fd, "etc/passwd"), 0); /* itself */
	assert_int_equal(process_user_look_up(root->fd, "root", &user), ENOENT);

	unlinkat(root->fd, "etc/passwd", 0);
	assert_int_equal(mkfifoat(root->fd, "etc/passwd", 0644), 0);
	assert_int_equal(process_user_look_up(root->fd, "app", &user), ENOENT);
	assert_int_equal(process_user_look_up(root->fd, "1000", &user), 0);

	unlinkat(root->fd, "etc/passwd", 0);
	assert_int_equal(mkdirat(root->fd, "etc/passwd", 0755), 0);
	assert_int_equal(process_user_look_up(root->fd, "app", &user), ENOENT);
	unlinkat(root->fd, "etc/passwd", AT_REMOVEDIR);

	/* 10 GB of nothing, then an entry: beyond what is read */
	put(root, "etc/passwd", "");
	{
		int fd = openat(root->fd, "etc/passwd", O_WRONLY | O_CLOEXEC);
		static const char entry[] = "\napp:x:7:7::/:\n";

		assert_int_equal(ftruncate(fd, (off_t)10 << 30), 0);
		assert_true(pwrite(fd, entry, sizeof(entry) - 1, (off_t)10 << 30) > 0);
		close(fd);
	}
	assert_int_equal(process_user_look_up(root->fd, "app", &user), ENOENT);

	/* a line that does not fit is skipped as a whole, the next one counts */
	memset(long_line, 'a', 100000);
	strcpy(long_line + 50000, ":app:x:0:0::/:\napp:x:8:8::/eight:");
	put(root, "etc/passwd", long_line);
	assert_int_equal(process_user_look_up(root->fd, "app", &user), 0);
	assert_int_equal(user.uid, 8);
}

/* -------- plans -------- */

static void process_fill(struct runtime_process *process)
{
	static char sh[] = "sh", c[] = "-c", command[] = "true", path[] = "PATH=/bin",
		    wheel[] = "wheel";
	static char *args[] = {sh, c, command, NULL};
	static char *env[] = {path, NULL};
	static char *groups[] = {wheel, NULL};
	static uint32_t gids[] = {5, 6, 7};
	static struct runtime_rlimit limits[] = {{7, 1024, 2048}};

	*process = (struct runtime_process){
		.user = xstrdup("app:wheel"),
		.umask = -1,
		.args = args,
		.env = env,
		.cwd = xstrdup("/work"),
		.additional_gids = gids,
		.additional_gid_count = 3,
		.additional_groups = groups,
		.rlimits = limits,
		.rlimit_count = 1,
	};
}

static void process_drop(struct runtime_process *process)
{
	free(process->user);
	free(process->cwd);
}

static void test_plan(void **state)
{
	struct sock_filter filter[] = {{0x06, 0, 0, 0x7fff0000}};
	struct seccomp_program seccomp = {.filter = filter, .count = 1, .borrowed = true};
	cleanup_error struct error *err = NULL;
	cleanup_free struct process_plan *plan = NULL;
	struct runtime_process process;
	const uint32_t *offsets;
	size_t len;

	(void)state;
	process_fill(&process);
	assert_int_equal(
		process_plan_build(&process, &seccomp, PROCESS_PDEATHSIG, &plan, &len, &err), 0);
	assert_true(process_plan_check(plan, len));
	assert_int_equal(plan->arg_count, 3);
	assert_int_equal(plan->umask, 0022);
	assert_int_equal(plan->flags, PROCESS_PDEATHSIG);
	offsets = (const void *)((const char *)plan + plan->args);
	assert_string_equal((const char *)plan + offsets[2], "true");
	assert_string_equal((const char *)plan + plan->cwd, "/work");
	assert_int_equal(plan->seccomp % 8, 0);
	process_drop(&process);
}

/* What few containers have: labels, priorities, personality, memory. */
static void test_plan_rare(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free struct process_plan *plan = NULL;
	struct runtime_process process;
	const uint64_t *nodes;
	size_t len;

	(void)state;
	process_fill(&process);
	process.apparmor_profile = (char[]){"some"};
	process.selinux_label = (char[]){"a:b:c"};
	process.has_io_priority = true;
	process.io_priority = 2 << 13 | 4;
	process.scheduler = (struct runtime_scheduler){.set = true, .policy = 3, .nice = -2};
	process.has_personality = true;
	process.personality = 8;
	process.memory_policy = (struct runtime_memory_policy){
		.set = true, .mode = 2, .nodes = (char[]){"0-1,64,130-131"}};
	assert_int_equal(process_plan_build(&process, NULL, 0, &plan, &len, &err), 0);
	assert_true(process_plan_check(plan, len));
	assert_int_equal(plan->flags, PROCESS_IO_PRIORITY | PROCESS_SCHEDULER |
					      PROCESS_PERSONALITY | PROCESS_MEMORY_POLICY);
	assert_string_equal((const char *)plan + plan->apparmor, "exec some");
	assert_string_equal((const char *)plan + plan->selinux, "a:b:c");
	assert_int_equal(plan->scheduler.nice, -2);
	assert_int_equal(plan->memory_node_words, 3);
	nodes = (const void *)((const char *)plan + plan->memory_nodes);
	assert_int_equal(nodes[0], 3);
	assert_int_equal(nodes[1], 1);
	assert_int_equal(nodes[2], 12);
	process_drop(&process);
}

static void test_plan_invalid(void **state)
{
	struct runtime_process process;
	struct process_plan *plan;
	char *no_args[] = {NULL}, *empty[] = {(char[]){""}, NULL};
	size_t len;

	(void)state;
	for (int i = 0; i < 6; i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *huge = NULL;
		char *huge_args[2] = {NULL, NULL};

		process_fill(&process);
		switch (i) {
		case 0:
			process.args = no_args;
			break;
		case 1:
			process.args = empty;
			break;
		case 2:
			process.cwd[0] = 'x';
			break;
		case 3:
			huge = xmalloc(3u << 20);
			memset(huge, 'x', (3u << 20) - 1);
			huge[(3u << 20) - 1] = '\0';
			huge_args[0] = huge;
			process.args = huge_args;
			break;
		case 4:
			process.additional_gid_count = PROCESS_GROUPS_MAX + 1;
			break;
		case 5:
			process.rlimit_count = PROCESS_RLIMITS_MAX + 1;
			break;
		}
		assert_int_equal(process_plan_build(&process, NULL, 0, &plan, &len, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
		process_drop(&process);
	}
}

/* Every single damaged word of a plan is either harmless or found: nothing is read outside. */
static void test_plan_damaged(void **state)
{
	static const uint32_t values[] = {0, 1, 7, 8, 4095, 0x7fffffff, 0xfffffff8, 0xffffffff};
	cleanup_error struct error *err = NULL;
	cleanup_free struct process_plan *plan = NULL;
	cleanup_free char *copy = NULL;
	struct runtime_process process;
	size_t len;

	(void)state;
	process_fill(&process);
	assert_int_equal(process_plan_build(&process, NULL, 0, &plan, &len, &err), 0);
	process_drop(&process);
	assert_false(process_plan_check(plan, len - 1));
	assert_false(process_plan_check(plan, sizeof(*plan) - 1));
	for (size_t word = 0; word < sizeof(*plan) / 4; word++)
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			free(copy);
			copy = xmemdup(plan, len);
			memcpy(copy + word * 4, &values[i], 4);
			(void)process_plan_check(copy, len); /* the sanitizers judge */
		}
	((uint32_t *)(void *)copy)[0] = 0;
	assert_false(process_plan_check(copy, len));
}

static void test_failures(void **state)
{
	static const struct {
		enum process_step step;
		int errnum;
		enum error_kind kind;
	} cases[] = {
		{PROCESS_STEP_EXEC_LOOKUP, ENOENT, ERR_NO_SUCH_COMMAND},
		{PROCESS_STEP_EXEC, ENOENT, ERR_NO_SUCH_COMMAND},
		{PROCESS_STEP_EXEC, EACCES, ERR_CANNOT_INVOKE},
		{PROCESS_STEP_EXEC, ENOEXEC, ERR_CANNOT_INVOKE},
		{PROCESS_STEP_EXEC_INTERPRETER, ENOENT, ERR_CANNOT_INVOKE},
		{PROCESS_STEP_USER, ENOENT, ERR_NOT_FOUND},
		{PROCESS_STEP_USER, ERANGE, ERR_INVALID},
		{PROCESS_STEP_CWD, EXDEV, ERR_INVALID},
		{PROCESS_STEP_CWD, ENOENT, ERR_SYSTEM},
		{PROCESS_STEP_SECCOMP, EINVAL, ERR_SYSTEM},
		{(enum process_step)99, 0, ERR_SYSTEM},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		struct process_failure failure = {cases[i].step, cases[i].errnum};

		memset(failure.text, 'x', sizeof(failure.text)); /* no NUL */
		assert_int_equal(process_failure_to_error(&failure, &err), -1);
		assert_int_equal(err->kind, cases[i].kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_user, root_setup, root_teardown),
		cmocka_unit_test_setup_teardown(test_group, root_setup, root_teardown),
		cmocka_unit_test_setup_teardown(test_hostile_passwd, root_setup, root_teardown),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_plan_rare),
		cmocka_unit_test(test_plan_invalid),
		cmocka_unit_test(test_plan_damaged),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
