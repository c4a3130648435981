#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "util/fs.h"
#include "util/mem.h"

/* A chain of directories, each with a file and a second directory beside. */
static void make_deep(int dir_fd, unsigned int depth)
{
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);

	for (unsigned int i = 0; i < depth; i++) {
		struct error *err = NULL;
		int next;

		assert_int_equal(write_file_atomic(fd, "file", "x", 1, 0400, 0, &err), 0);
		assert_int_equal(mkdirat(fd, "beside", 0500), 0);
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
}

/* A container may make directories as deep as it likes; they must go with it. */
static void test_remove_deep(void **state)
{
	static const struct {
		unsigned int depth;
		rlim_t descriptors;
	} cases[] = {{10, 1024}, {1100, 1024}, {200, 64}, {60, 64}};
	char path[] = "/tmp/pod-test-fs.XXXXXX";
	struct rlimit before;
	int dir_fd;

	(void)state;
	assert_non_null(mkdtemp(path));
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rlimit limit = {cases[i].descriptors, before.rlim_max};
		struct error *err = NULL;
		struct stat st;
		int tree_fd;

		assert_int_equal(mkdirat(dir_fd, "tree", 0700), 0);
		tree_fd = openat(dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		make_deep(tree_fd, cases[i].depth);
		close(tree_fd);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		if (remove_tree(dir_fd, "tree", &err) < 0)
			fail_msg("%zu: %s", i, err->message);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(fstatat(dir_fd, "tree", &st, AT_SYMLINK_NOFOLLOW), -1);
	}
	close(dir_fd);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remove_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
