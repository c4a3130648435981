#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "storage/image_store.h"
#include "storage/layer.h"
#include "storage/overlay.h"
#include "storage/store.h"
#include "util/fs.h"
#include "util/mem.h"

/*
 * Each case runs in a child with a user and a mount namespace of its own. Layer I has the files "I"
 * and "all" (whose content is I) and the directory "d" with a file "I".
 */

struct overlay_case {
	const char *name;
	size_t layers;
	bool without_mount_api; /* fsopen is ENOSYS: mount(2), as on kernels before 6.7 */
	bool volatile_upper, read_only;
	enum storage_driver driver;
};

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			dprintf(2, "%s: %s failed: %s\n", c->name, #condition,                     \
				err ? err->message : strerror(errno));                             \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

#define CANNOT 77 /* no user namespaces here */

static int write_text(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), result;

	if (fd < 0)
		return -1;
	result = write_all(fd, text, strlen(text));
	close(fd);
	return result;
}

static void enter_namespaces(const struct overlay_case *c)
{
	unsigned int uid = geteuid(), gid = getegid();
	struct error *err = NULL;
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		_exit(CANNOT);
	MUST(write_text(AT_FDCWD, "/proc/self/setgroups", "deny") == 0);
	snprintf(map, sizeof(map), "0 %u 1", uid);
	MUST(write_text(AT_FDCWD, "/proc/self/uid_map", map) == 0);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	MUST(write_text(AT_FDCWD, "/proc/self/gid_map", map) == 0);
	MUST(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0);
}

static void block_mount_api(const struct overlay_case *c)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	struct error *err = NULL;

	MUST(filter != NULL);
	MUST(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(fsopen), 0) == 0);
	MUST(seccomp_load(filter) == 0);
	seccomp_release(filter);
}

static char **make_layers(const struct overlay_case *c, struct store *store)
{
	struct error *err = NULL;
	char **diff_ids = NULL;

	for (size_t i = 0; i < c->layers; i++) {
		char *diff_id = xasprintf("sha256:%064zx", i), name[16];
		struct layer_record record = {.diff_id = diff_id};
		struct layer_writer *writer;
		int dir_fd;

		snprintf(name, sizeof(name), "%zu", i);
		MUST(layer_begin(store, diff_id, &writer, &err) == 0);
		MUST(write_text(writer->diff_fd, name, name) == 0);
		MUST(write_text(writer->diff_fd, "all", name) == 0);
		MUST((dir_fd = open_dir(writer->diff_fd, "d", 0755, &err)) >= 0);
		MUST(write_text(dir_fd, name, name) == 0);
		close(dir_fd);
		if (i + 1 == c->layers)
			MUST(fchmod(writer->diff_fd, 01711) == 0);
		MUST(layer_commit(store, writer, &record, &err) == 0);
		layer_writer_free(store, writer, -1);
		strv_append_take(&diff_ids, diff_id);
	}
	return diff_ids;
}

static void check_content(const struct overlay_case *c, int root_fd)
{
	cleanup_free char *text = NULL;
	struct error *err = NULL;
	char top[16], name[24];
	struct stat st;

	snprintf(top, sizeof(top), "%zu", c->layers - 1);
	MUST(read_file_limited(root_fd, "all", 100, &text, NULL, &err) == 0);
	MUST(strcmp(text, top) == 0);
	for (size_t i = 0; i < c->layers; i++) {
		snprintf(name, sizeof(name), "%zu", i);
		MUST(fstatat(root_fd, name, &st, 0) == 0);
		snprintf(name, sizeof(name), "d/%zu", i);
		MUST(fstatat(root_fd, name, &st, 0) == 0);
	}
	MUST(fstat(root_fd, &st) == 0);
	MUST((st.st_mode & 07777) == 01711);
}

static void check_writing(const struct overlay_case *c, int root_fd)
{
	struct error *err = NULL;
	struct stat st;

	if (c->read_only) {
		MUST(write_text(root_fd, "new", "x") < 0 && errno == EROFS);
		return;
	}
	MUST(write_text(root_fd, "new", "x") == 0);
	MUST(unlinkat(root_fd, "0", 0) == 0);
	MUST(fstatat(root_fd, "0", &st, 0) < 0);
	MUST(remove_tree(root_fd, "d", &err) == 0);
	MUST(mkdirat(root_fd, "d", 0700) == 0);
	MUST(fstatat(root_fd, "d/0", &st, 0) < 0);
}

static void run_case(const struct overlay_case *c, const char *path)
{
	cleanup_free char *root = path_join(path, "data"), *run = path_join(path, "run");
	struct error *err = NULL;
	struct store *store;
	struct overlay overlay;
	char **diff_ids;
	int container_fd, root_fd;

	enter_namespaces(c);
	if (c->without_mount_api)
		block_mount_api(c);
	MUST(store_open(root, run, &store, &err) == 0);
	diff_ids = make_layers(c, store);
	MUST((container_fd = open_dir(store->containers_fd, "c", 0700, &err)) >= 0);
	MUST(overlay_prepare(store, diff_ids, c->layers, c->read_only ? -1 : container_fd,
		     c->driver, &overlay, &err) == 0);
	overlay.volatile_upper = c->volatile_upper;
	MUST(overlay_start(&overlay, -1, &err) == 0);
	MUST((root_fd = overlay_mount(&overlay, &err)) >= 0);
	check_content(c, root_fd);
	check_writing(c, root_fd);
	/* The layers are as they were. */
	MUST(faccessat(store->layers_fd,
		     "0000000000000000000000000000000000000000000000000000000000000000/diff/0",
		     F_OK, 0) == 0);
	_exit(0);
}

static void test_overlay(void **state)
{
	static const struct overlay_case cases[] = {
		{"one layer", 1},
		{"two layers", 2},
		{"volatile", 2, .volatile_upper = true},
		{"127 layers", IMAGE_LAYERS_MAX},
		{"one layer, mount(2)", 1, .without_mount_api = true},
		{"127 layers, mount(2)", IMAGE_LAYERS_MAX, .without_mount_api = true},
		{"volatile, mount(2)", 2, .without_mount_api = true, .volatile_upper = true},
		{"one layer, read-only", 1, .read_only = true},
		{"three layers, read-only", 3, .read_only = true},
		{"three layers, read-only, mount(2)", 3, .without_mount_api = true,
			.read_only = true},
		{"one layer, vfs", 1, .driver = DRIVER_VFS},
		{"20 layers, vfs", 20, .driver = DRIVER_VFS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *tmp = getenv("TMPDIR");
		cleanup_free char *path = xasprintf("%s/overlay.XXXXXX", tmp ? tmp : "/tmp");
		struct error *err = NULL;
		int status;
		pid_t pid;

		assert_non_null(mkdtemp(path));
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			run_case(&cases[i], path);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (remove_tree(AT_FDCWD, path, &err) < 0)
			fail_msg("%s: %s", cases[i].name, err->message);
		if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT)
			skip(); /* the kernel refuses user namespaces */
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail_msg("%s: wait status %d", cases[i].name, status);
	}
}

static void test_missing_layer(void **state)
{
	const char *tmp = getenv("TMPDIR");
	cleanup_free char *path = xasprintf("%s/overlay.XXXXXX", tmp ? tmp : "/tmp");
	cleanup_free char *root = NULL, *run = NULL;
	char *diff_ids[] = {
		(char *)"sha256:0000000000000000000000000000000000000000000000000000000000000000",
		NULL};
	struct error *err = NULL;
	struct overlay overlay;
	struct store *store;

	(void)state;
	assert_non_null(mkdtemp(path));
	root = path_join(path, "data");
	run = path_join(path, "run");
	assert_int_equal(store_open(root, run, &store, &err), 0);
	assert_int_equal(
		overlay_prepare(store, diff_ids, 1, -1, DRIVER_OVERLAY, &overlay, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_non_null(strstr(err->message, "pull"));
	error_free(err);
	err = NULL;
	store_free(store);
	assert_int_equal(remove_tree(AT_FDCWD, path, &err), 0);
}

static void test_driver_names(void **state)
{
	enum storage_driver driver;
	struct error *err = NULL;

	(void)state;
	for (enum storage_driver d = DRIVER_AUTO; d <= DRIVER_VFS; d++) {
		assert_int_equal(storage_driver_parse(storage_driver_name(d), &driver, &err), 0);
		assert_int_equal(driver, d);
	}
	assert_int_equal(storage_driver_parse("zfs", &driver, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	error_free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_missing_layer),
		cmocka_unit_test(test_driver_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
