#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/intel_rdt.h"
#include "util/fs.h"
#include "util/mem.h"

/* A directory with what the kernel would have made in a class of service "class" and in its group
 * "one". */
static int make_root(char *path)
{
	static const char *const dirs[] = {"class", "class/mon_groups", "class/mon_groups/one"};
	static const char *const files[][2] = {
		{"class/schemata", "    MB:0=100\n    L3:0=ff;1=3f\n"}, {"class/tasks", ""},
		{"class/mon_groups/one/tasks", ""}};
	int root_fd;

	assert_non_null(mkdtemp(path));
	root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		assert_int_equal(mkdirat(root_fd, dirs[i], 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = openat(root_fd, files[i][0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		assert_int_equal(write_all(fd, files[i][1], strlen(files[i][1])), 0);
		close(fd);
	}
	return root_fd;
}

static void assert_file(int root_fd, const char *name, const char *expected)
{
	cleanup_free char *text = NULL;
	cleanup_error struct error *err = NULL;
	size_t len;

	assert_int_equal(read_file_limited(root_fd, name, 4096, &text, &len, &err), 0);
	assert_string_equal(text, expected);
}

static void test_class(void **state)
{
	char path[] = "/tmp/test-rdt.XXXXXX";
	cleanup_close int root_fd = make_root(path);
	cleanup_error struct error *err = NULL;
	char *schemata[] = {(char[]){"L3:0=f"}, (char[]){"L2:0=3"}, NULL};
	struct runtime_intel_rdt rdt = {.set = true, .clos_id = (char[]){"class"}};

	(void)state;
	/* one that is there needs no schema */
	assert_int_equal(intel_rdt_apply(root_fd, &rdt, "one", 77, &err), 0);
	assert_file(root_fd, "class/tasks", "77");
	/* with one it must be the same */
	rdt.l3_cache_schema = (char[]){"L3:0=ff;1=3f\nMB:0=7"};
	rdt.mem_bw_schema = (char[]){"MB:0=100"};
	rdt.enable_monitoring = true;
	assert_int_equal(intel_rdt_apply(root_fd, &rdt, "one", 78, &err), 0);
	assert_file(root_fd, "class/tasks", "78");
	assert_file(root_fd, "class/mon_groups/one/tasks", "78");
	rdt.mem_bw_schema = (char[]){"MB:0=50"};
	assert_int_equal(intel_rdt_apply(root_fd, &rdt, "none", 79, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	assert_file(root_fd, "class/tasks", "78");
	error_free(err);
	err = NULL;
	/* the whole of it is written as it is */
	rdt.l3_cache_schema = rdt.mem_bw_schema = NULL;
	rdt.schemata = schemata;
	assert_int_equal(intel_rdt_apply(root_fd, &rdt, "one", 80, &err), 0);
	assert_file(root_fd, "class/schemata", "L3:0=f\nL2:0=3\n");
	/* one that is not there, without a schema */
	rdt.schemata = NULL;
	rdt.clos_id = (char[]){"other"};
	assert_int_equal(intel_rdt_apply(root_fd, &rdt, "one", 81, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_int_equal(faccessat(root_fd, "other", F_OK, 0), -1);
	error_free(err);
	err = NULL;
	assert_int_equal(remove_tree(AT_FDCWD, path, &err), 0);
}

static void test_update(void **state)
{
	char path[] = "/tmp/test-rdt.XXXXXX";
	cleanup_close int root_fd = make_root(path);
	cleanup_error struct error *err = NULL;
	struct runtime_intel_rdt rdt = {.clos_id = (char[]){"class"}};

	(void)state;
	/* nothing to change */
	assert_int_equal(intel_rdt_update(root_fd, &rdt, "one", &err), 0);
	assert_file(root_fd, "class/schemata", "    MB:0=100\n    L3:0=ff;1=3f\n");
	rdt.l3_cache_schema = (char[]){"L3:0=1"};
	rdt.mem_bw_schema = (char[]){"MB:0=50"};
	assert_int_equal(intel_rdt_update(root_fd, &rdt, "one", &err), 0);
	assert_file(root_fd, "class/schemata", "L3:0=1\nMB:0=50\n");
	/* one of its own, which is not there */
	rdt.clos_id = NULL;
	assert_int_equal(intel_rdt_update(root_fd, &rdt, "one", &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	error_free(err);
	err = NULL;
	assert_int_equal(remove_tree(AT_FDCWD, path, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
