#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "container/copy_files.h"
#include "storage/tar_writer.h"
#include "util/fs.h"
#include "util/mem.h"

/* A directory of its own for each test, entered. */
static char top[] = "/tmp/pod-test-copy.XXXXXX";

static int setup(void **state)
{
	(void)state;
	strcpy(top + strlen(top) - 6, "XXXXXX");
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	return chdir("/") == 0 ? remove_tree(AT_FDCWD, top, &err) : -1;
}

static void put(const char *path, const char *text, mode_t mode)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void check(const char *path, const char *text)
{
	cleanup_free char *got = NULL;
	struct error *err = NULL;
	size_t len;

	if (read_file_limited(AT_FDCWD, path, 4096, &got, &len, &err) < 0)
		fail_msg("%s: %s", path, err->message);
	assert_string_equal(got, text);
}

/* Copy FROM to TO through a file. CONFINED: TO lies in the "container" below the directory root. */
static int copy(const char *from, const char *to, bool confined, bool overwrite, struct error **err)
{
	cleanup_close int root_fd = open("root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int stream_fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	const struct copy_root host = {.fd = AT_FDCWD},
			       container = {.fd = root_fd, .confined = true};
	const struct copy_unpack_options opts = {.overwrite = overwrite};

	if (copy_pack(&host, from, stream_fd, err) < 0)
		return -1;
	assert_int_equal(lseek(stream_fd, 0, SEEK_SET), 0);
	return copy_unpack(confined ? &container : &host, to, stream_fd, &opts, err);
}

/* docker's and podman's rules about what lands where. */
static void test_placement(void **state)
{
	static const struct {
		const char *from, *to, *result; /* result NULL: refused */
		enum error_kind kind;
	} cases[] = {
		{"src/file", "dst/new", "dst/new", 0}, {"src/file", "dst", "dst/file", 0},
		{"src/file", "dst/", "dst/file", 0}, {"src/file", "dst/old", "dst/old", 0},
		{"src/file", "dst/none/", NULL, ERR_NOT_FOUND},
		{"src/file", "dst/none/x", NULL, ERR_NOT_FOUND}, {"src", "dst", "dst/src/file", 0},
		{"src/", "dst", "dst/src/file", 0}, {"src/.", "dst", "dst/file", 0},
		{"src", "dst/new", "dst/new/file", 0}, {"src/.", "dst/new", "dst/new/file", 0},
		{"src", "dst/new/", "dst/new/file", 0}, {"src", "dst/old", NULL, ERR_CONFLICT},
		{"none", "dst", NULL, ERR_NOT_FOUND}, {"src/file/", "dst", NULL, ERR_NOT_FOUND},
		{"src/to-file", "dst", "dst/to-file", 0}, /* the target's content */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;

		assert_int_equal(remove_tree(AT_FDCWD, "dst", &err), 0);
		assert_int_equal(remove_tree(AT_FDCWD, "src", &err), 0);
		mkdir("src", 0755);
		mkdir("dst", 0755);
		put("src/file", "content", 0640);
		assert_int_equal(symlink("file", "src/to-file"), 0);
		put("dst/old", "old and longer", 0600);
		if (copy(cases[i].from, cases[i].to, false, false, &err) !=
			(cases[i].result ? 0 : -1))
			fail_msg("%s to %s: %s", cases[i].from, cases[i].to,
				err ? err->message : "was taken");
		if (err)
			assert_int_equal(err->kind, cases[i].kind);
		else
			check(cases[i].result, "content");
	}
}

static void test_tree(void **state)
{
	char target[64] = {0};
	cleanup_free char *deep = NULL;
	struct error *err = NULL;
	struct stat a, b;

	(void)state;
	mkdir("src", 0755);
	mkdir("src/ro", 0755);
	mkdir("src/ro/sub", 0755);
	assert_int_equal(chmod("src/ro", 0555), 0);
	mkdir("dst", 0755);
	put("src/file", "content", 04755);
	assert_int_equal(link("src/file", "src/other"), 0);
	assert_int_equal(symlink("/etc/passwd", "src/link"), 0);
	assert_int_equal(mkfifo("src/fifo", 0600), 0);
	deep = xasprintf("src/%0200d", 1);
	put(deep, "long name", 0600);
	assert_int_equal(copy("src", "dst", false, false, &err), 0);
	check("dst/src/file", "content");
	assert_int_equal(stat("dst/src/file", &a), 0);
	assert_int_equal(stat("dst/src/other", &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_mode & 07777, 0755); /* no set-user-id on the host */
	assert_int_equal(readlink("dst/src/link", target, sizeof(target) - 1), 11);
	assert_int_equal(lstat("dst/src/fifo", &a), 0);
	assert_true(S_ISFIFO(a.st_mode));
	assert_int_equal(stat("dst/src/ro", &a), 0);
	assert_int_equal(a.st_mode & 07777, 0555);
	free(deep);
	deep = xasprintf("dst/src/%0200d", 1);
	check(deep, "long name");
	/* once more over what is there, then with kinds exchanged */
	assert_int_equal(copy("src", "dst", false, false, &err), 0);
	assert_int_equal(remove_tree(AT_FDCWD, "dst/src/file", &err), 0);
	mkdir("dst/src/file", 0755);
	assert_int_equal(copy("src", "dst", false, false, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	error_free(steal_ptr(&err));
	assert_int_equal(copy("src", "dst", false, true, &err), 0);
	check("dst/src/file", "content");
}

/* A container's links lead around in the container only. */
static void test_confined(void **state)
{
	struct error *err = NULL;

	(void)state;
	mkdir("root", 0755);
	mkdir("root/real", 0755);
	mkdir("outside", 0755);
	put("file", "content", 0644);
	assert_int_equal(symlink("/real", "root/absolute"), 0);
	assert_int_equal(symlink("../../../../real", "root/dotdot"), 0);
	assert_int_equal(copy("file", "/absolute/", true, false, &err), 0);
	check("root/real/file", "content");
	assert_int_equal(copy("file", "/dotdot/two", true, false, &err), 0);
	check("root/real/two", "content");
	assert_int_equal(copy("file", "/../../../real/three", true, false, &err), 0);
	check("root/real/three", "content");
	/* the last component is a link out of the container */
	{
		cleanup_free char *out = xasprintf("%s/outside/victim", top);

		assert_int_equal(symlink(out, "root/evil"), 0);
	}
	(void)copy("file", "/evil", true, false, &err);
	error_free(steal_ptr(&err));
	assert_int_equal(access("outside/victim", F_OK), -1);
}

/* Streams that a hostile container could make of its files. */
static void test_hostile_stream(void **state)
{
	static const struct {
		struct tar_entry entries[3];
		size_t count;
	} cases[] = {
		{{{.type = TAR_REGULAR, .path = (char *)"../outside/f", .size_bytes = 1}}, 1},
		{{{.type = TAR_DIRECTORY, .path = (char *)"d", .mode = 0755},
			 {.type = TAR_REGULAR,
				 .path = (char *)"d/../../outside/f",
				 .size_bytes = 1}},
			2},
		{{{.type = TAR_DIRECTORY, .path = (char *)"d", .mode = 0755},
			 {.type = TAR_SYMLINK,
				 .path = (char *)"d/x",
				 .link = (char *)"../../outside"},
			 {.type = TAR_REGULAR, .path = (char *)"d/x/f", .size_bytes = 1}},
			3},
		{{{.type = TAR_DIRECTORY, .path = (char *)"d", .mode = 0755},
			 {.type = TAR_HARD_LINK,
				 .path = (char *)"d/x",
				 .link = (char *)"../outside/secret"}},
			2},
		{{{.type = TAR_DIRECTORY, .path = (char *)"d", .mode = 0755},
			 {.type = TAR_SYMLINK,
				 .path = (char *)"d/x",
				 .link = (char *)"../../outside"},
			 {.type = TAR_HARD_LINK,
				 .path = (char *)"d/y",
				 .link = (char *)"d/x/secret"}},
			3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tar_writer *writer = xmalloc(sizeof(*writer));
		cleanup_close int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		const struct copy_root host = {.fd = AT_FDCWD};
		const struct copy_unpack_options opts = {0};
		cleanup_error struct error *err = NULL;
		struct stat st;

		assert_int_equal(remove_tree(AT_FDCWD, "dst", &err), 0);
		assert_int_equal(remove_tree(AT_FDCWD, "outside", &err), 0);
		mkdir("dst", 0755);
		mkdir("outside", 0755);
		put("outside/secret", "s", 0600);
		tar_writer_init(writer, fd);
		for (size_t j = 0; j < cases[i].count; j++) {
			assert_int_equal(tar_writer_entry(writer, &cases[i].entries[j], &err), 0);
			if (cases[i].entries[j].size_bytes)
				assert_int_equal(tar_writer_data(writer, "x", 1, &err), 0);
		}
		assert_int_equal(tar_writer_finish(writer, &err), 0);
		free(writer);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(copy_unpack(&host, "dst", fd, &opts, &err), -1);
		assert_int_equal(access("outside/f", F_OK), -1);
		assert_int_equal(stat("outside/secret", &st), 0);
		assert_int_equal(st.st_nlink, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_placement, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_stream, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
