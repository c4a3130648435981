#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "storage/volume.h"
#include "util/fs.h"
#include "util/mem.h"

struct scratch {
	char path[64];
	int fd, root_fd;
	struct store *store;
};

static int setup(void **state)
{
	struct scratch *s = xcalloc(1, sizeof(*s));
	struct error *err = NULL;
	char data[80], run[80];

	strcpy(s->path, "/tmp/pod-test-volume.XXXXXX");
	assert_non_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
	snprintf(data, sizeof(data), "%s/data", s->path);
	snprintf(run, sizeof(run), "%s/run", s->path);
	assert_int_equal(store_open(data, run, &s->store, &err), 0);
	assert_int_equal(mkdirat(s->fd, "root", 0755), 0);
	s->root_fd = openat(s->fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;
	struct error *err = NULL;

	store_free(s->store);
	close(s->fd);
	close(s->root_fd);
	assert_int_equal(remove_tree(AT_FDCWD, s->path, &err), 0);
	free(s);
	return 0;
}

static void put(int dir_fd, const char *name, const char *text)
{
	struct error *err = NULL;

	assert_int_equal(write_file_atomic(dir_fd, name, text, strlen(text), 0640, 0, &err), 0);
}

static void expect(int dir_fd, const char *name, const char *text)
{
	cleanup_free char *got = NULL;
	struct error *err = NULL;
	size_t len;

	assert_int_equal(read_file_limited(dir_fd, name, 1 << 20, &got, &len, &err), 0);
	assert_string_equal(got, text);
}

static void test_life(void **state)
{
	struct scratch *s = *state;
	char *labels[] = {"a=b", "c", NULL};
	struct volume wanted = {.name = "v1", .labels = labels}, got, *list;
	struct error *err = NULL;
	struct stat st;
	size_t count;
	int fd;

	assert_int_equal(volume_create(s->store, &wanted, &err), 0);
	assert_int_equal(volume_load(s->store, "v1", &got, &err), 0);
	assert_string_equal(got.name, "v1");
	assert_string_equal(got.labels[1], "c");
	assert_true(got.created_ns > 0);
	assert_int_equal(stat(got.mountpoint, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	volume_clear(&got);

	assert_int_equal(volume_create(s->store, &wanted, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	error_free(err);
	err = NULL;

	/* made when it is not there */
	fd = volume_open(s->store, "v0", true, &err);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(volume_list(s->store, &list, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].name, "v0");
	assert_true(list[0].anonymous);
	volume_clear(&list[0]);
	volume_clear(&list[1]);
	free(list);

	assert_int_equal(volume_remove(s->store, "v1", &err), 0);
	assert_int_equal(volume_load(s->store, "v1", &got, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	error_free(err);
	err = NULL;
	assert_int_equal(volume_remove(s->store, "v1", &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	error_free(err);
	err = NULL;
	/* and nothing of it is left */
	assert_int_equal(unlinkat(s->store->data_fd, "tmp", AT_REMOVEDIR), 0);
}

static void test_names(void **state)
{
	static const char *const good[] = {"a", "0", "a.b_c-d", "A1"};
	static const char *const bad[] = {
		"", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct error *err = NULL;

		assert_int_equal(volume_name_check(good[i], &err), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup_error struct error *err = NULL;

		assert_int_equal(volume_name_check(bad[i], &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

/* A tree with everything in it that a copy can get wrong. */
static void make_tree(int root_fd)
{
	int fd;

	assert_int_equal(mkdirat(root_fd, "src", 0750), 0);
	assert_int_equal(mkdirat(root_fd, "src/dir", 0700), 0);
	put(root_fd, "src/file", "content");
	put(root_fd, "src/dir/inner", "inner");
	assert_int_equal(linkat(root_fd, "src/file", root_fd, "src/dir/link", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", root_fd, "src/symlink"), 0);
	assert_int_equal(symlinkat("dir", root_fd, "src/dirlink"), 0);
	assert_int_equal(mkfifoat(root_fd, "src/fifo", 0600), 0);
	fd = openat(root_fd, "src/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "end", 3, 8 << 20), 3);
	close(fd);
	fd = openat(root_fd, "src/dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* file systems without them are still copied */
	(void)fsetxattr(fd, "user.kept", "x", 1, 0);
	(void)fsetxattr(fd, "user.overlay.opaque", "y", 1, 0);
	close(fd);
	assert_int_equal(fchmodat(root_fd, "src/file", 04755, 0), 0);
}

static void check_tree(int data_fd, bool has_xattrs)
{
	cleanup_close int dir_fd = openat(data_fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st, other;
	char target[64] = "";

	expect(data_fd, "file", "content");
	expect(data_fd, "dir/inner", "inner");
	assert_int_equal(fstat(data_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fstatat(data_fd, "file", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(fstatat(data_fd, "dir/link", &other, 0), 0);
	assert_int_equal(st.st_ino, other.st_ino);
	assert_int_equal(readlinkat(data_fd, "symlink", target, sizeof(target) - 1), 11);
	assert_string_equal(target, "/etc/passwd");
	assert_int_equal(fstatat(data_fd, "dirlink", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(fstatat(data_fd, "fifo", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(fstatat(data_fd, "sparse", &st, 0), 0);
	assert_int_equal(st.st_size, (8 << 20) + 3);
	assert_true(st.st_blocks < 2048);
	if (has_xattrs)
		assert_int_equal(fgetxattr(dir_fd, "user.kept", target, sizeof(target)), 1);
	assert_int_equal(fgetxattr(dir_fd, "user.overlay.opaque", target, sizeof(target)), -1);
}

static void test_copy_up(void **state)
{
	struct scratch *s = *state;
	struct error *err = NULL;
	cleanup_close int dir_fd = -1, fd = volume_open(s->store, "v1", false, &err);
	char value[8];
	bool has_xattrs;

	make_tree(s->root_fd);
	dir_fd = openat(s->root_fd, "src/dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	has_xattrs = fgetxattr(dir_fd, "user.kept", value, sizeof(value)) == 1;
	assert_true(volume_wants_copy_up(fd));
	/* nothing there, or no directory: nothing happens */
	assert_int_equal(volume_copy_up(s->root_fd, "/absent", fd, &err), 0);
	assert_int_equal(volume_copy_up(s->root_fd, "/src/file", fd, &err), 0);
	assert_true(volume_wants_copy_up(fd));
	/* links lead nowhere outside */
	assert_int_equal(symlinkat("/../../src", s->root_fd, "way"), 0);
	assert_int_equal(volume_copy_up(s->root_fd, "/way", fd, &err), 0);
	check_tree(fd, has_xattrs);
	assert_false(volume_wants_copy_up(fd));
	/* content is never touched */
	put(fd, "file", "mine");
	assert_int_equal(volume_copy_up(s->root_fd, "/src", fd, &err), 0);
	expect(fd, "file", "mine");
}

static void test_copy_up_again(void **state)
{
	struct scratch *s = *state;
	struct error *err = NULL;
	cleanup_close int volume_fd = -1, fd = volume_open(s->store, "v1", false, &err);
	struct stat st;

	make_tree(s->root_fd);
	/* what a killed copy-up leaves */
	volume_fd = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(volume_fd, "copying", "");
	put(fd, "half", "ha");
	put(fd, "file", "con");
	assert_true(volume_wants_copy_up(fd));
	assert_int_equal(volume_copy_up(s->root_fd, "/src", fd, &err), 0);
	check_tree(fd, false);
	assert_int_equal(fstatat(fd, "half", &st, 0), -1);
	assert_false(volume_wants_copy_up(fd));
}

/* Where nothing is to be copied, what a killed copy-up left goes at once: later it would take along
 * what the container has written. */
static void test_copy_up_settled(void **state)
{
	static const char *const paths[] = {"/absent", "/src/file", NULL};
	struct scratch *s = *state;
	struct error *err = NULL;
	cleanup_close int volume_fd = -1, fd = volume_open(s->store, "v1", false, &err);
	struct stat st;

	make_tree(s->root_fd);
	volume_fd = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		put(volume_fd, "copying", "");
		put(fd, "half", "ha");
		assert_int_equal(volume_copy_up(s->root_fd, paths[i], fd, &err), 0);
		assert_int_equal(fstatat(fd, "half", &st, 0), -1);
		assert_int_equal(faccessat(volume_fd, "copying", F_OK, 0), -1);
		put(fd, "file", "mine");
		assert_int_equal(volume_copy_up(s->root_fd, "/src", fd, &err), 0);
		expect(fd, "file", "mine");
		assert_int_equal(unlinkat(fd, "file", 0), 0);
	}
}

/* A copy-up that fails leaves an empty volume. */
static void test_copy_up_fails(void **state)
{
	struct scratch *s = *state;
	struct error *err = NULL;
	cleanup_close int fd = volume_open(s->store, "v1", false, &err);
	int dir = dup(s->root_fd);

	for (int depth = 0; depth < 300; depth++) {
		int next;

		assert_int_equal(mkdirat(dir, "d", 0755), 0);
		next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	close(dir);
	assert_int_equal(volume_copy_up(s->root_fd, "/d", fd, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	error_free(err);
	assert_int_equal(faccessat(fd, "../copying", F_OK, 0), -1);
	assert_int_equal(faccessat(fd, "d", F_OK, 0), -1);
}

static void test_copy_up_empty(void **state)
{
	struct scratch *s = *state;
	struct error *err = NULL;
	cleanup_close int fd = volume_open(s->store, "v1", false, &err);
	struct stat st;

	assert_int_equal(mkdirat(s->root_fd, "empty", 0700), 0);
	assert_int_equal(fchmodat(s->root_fd, "empty", 01777, 0), 0);
	assert_int_equal(volume_copy_up(s->root_fd, "empty", fd, &err), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(faccessat(fd, "../copying", F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_up_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_up_settled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_up_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_up_empty, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
