#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "storage/unpack.h"
#include "storage/unpack_protocol.h"
#include "tests/unit/tarball.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

/* A scratch directory: diff/ to unpack into, and beside it what must stay as it is. */
struct scratch {
	char path[256];
	int fd, diff_fd, implied_fd;
};

static void scratch_make(struct scratch *scratch)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(scratch->path, sizeof(scratch->path), "%.200s/unpack.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(scratch->path));
	scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(scratch->fd >= 0);
	assert_int_equal(mkdirat(scratch->fd, "diff", 0755), 0);
	assert_int_equal(mkdirat(scratch->fd, "outside", 0755), 0);
	fd = openat(scratch->fd, "outside/canary", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "alive", 5), 5);
	close(fd);
	scratch->diff_fd = openat(scratch->fd, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scratch->implied_fd = openat(scratch->fd, "implied", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(scratch->diff_fd >= 0 && scratch->implied_fd >= 0);
}

static size_t count_entries(int fd)
{
	cleanup_dir DIR *dir = dir_open_at(fd, ".");
	size_t count = 0;

	assert_non_null(dir);
	while (dir_next(dir))
		count++;
	return count;
}

static void scratch_check_and_remove(struct scratch *scratch)
{
	struct error *err = NULL;
	cleanup_free char *text = NULL;
	struct stat st;

	/* nothing but what we made, and unchanged */
	assert_int_equal(count_entries(scratch->fd), 3);
	assert_int_equal(fstatat(scratch->fd, "outside/canary", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(
		read_file_limited(scratch->fd, "outside/canary", 100, &text, NULL, &err), 0);
	assert_string_equal(text, "alive");
	close(scratch->diff_fd);
	close(scratch->implied_fd);
	close(scratch->fd);
	assert_int_equal(remove_tree(AT_FDCWD, scratch->path, &err), 0);
}

struct bytes {
	const struct strbuf *text;
	size_t done;
};

/* Small pieces: every boundary is met. */
static int bytes_read(void *ctx, const void **ret_data, size_t *ret_len, struct error **err)
{
	struct bytes *bytes = ctx;

	(void)err;
	*ret_data = bytes->text->data + bytes->done;
	*ret_len = MIN(bytes->text->len - bytes->done, (size_t)TAR_BLOCK_SIZE);
	bytes->done += *ret_len;
	return 0;
}

static int unpack(struct scratch *scratch, const struct strbuf *text, unsigned int flags,
	struct unpack_counts *counts, struct error **err)
{
	struct bytes bytes = {.text = text};
	struct tar *tar = tar_open(&(struct tar_source){.read = bytes_read, .ctx = &bytes});
	struct unpack_options opts = {
		.diff_fd = scratch->diff_fd, .implied_fd = scratch->implied_fd, .flags = flags};
	int result = unpack_tar(tar, &opts, counts, err);

	tar_close(tar);
	return result;
}

/* What is there afterwards: path and type as in find -printf %y ('w' a whiteout, '-' nothing, 'o'
 * an opaque directory), for files the content. */
struct expected {
	const char *path;
	char type;
	const char *content;
};

static void check_tree(const char *name, int diff_fd, const struct expected *expected)
{
	for (; expected->path; expected++) {
		struct error *err = NULL;
		cleanup_free char *text = NULL;
		char found = '?', value;
		struct stat st;

		if (fstatat(diff_fd, expected->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			found = '-';
		else if (S_ISDIR(st.st_mode))
			found = 'd';
		else if (S_ISREG(st.st_mode))
			found = 'f';
		else if (S_ISLNK(st.st_mode))
			found = 'l';
		else if (S_ISFIFO(st.st_mode))
			found = 'p';
		else if (S_ISCHR(st.st_mode) && st.st_rdev == 0)
			found = 'w';
		if (found == 'd') {
			cleanup_close int fd = openat(diff_fd, expected->path, O_RDONLY);

			if (fgetxattr(fd, "user.overlay.opaque", &value, 1) == 1 && value == 'y')
				found = 'o';
		}
		if (found != expected->type)
			fail_msg("%s: '%s' is '%c', not '%c'", name, expected->path, found,
				expected->type);
		if (!expected->content)
			continue;
		assert_int_equal(
			read_file_limited(diff_fd, expected->path, 4096, &text, NULL, &err), 0);
		if (strcmp(text, expected->content) != 0)
			fail_msg("%s: '%s' has '%s'", name, expected->path, text);
	}
}

#define MEMBERS(...)                                                                               \
	(const struct tar_member[])                                                                \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define EXPECTED(...)                                                                              \
	(const struct expected[])                                                                  \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

#define NAME_255                                                                                   \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

static const struct unpack_case {
	const char *name;
	const struct tar_member *members;
	const char *error; /* part of the message of an ERR_INVALID; NULL: success */
	const struct expected *expected;
	unsigned int flags;
	uint64_t skipped_xattrs, skipped_devices;
} unpack_cases[] = {
	{"plain",
		MEMBERS({'5', "./"}, {'5', "d/"}, {'0', "d/f", .data = "x"}, {'2', "l", "d/f"},
			{'1', "h", "d/f"}, {'6', "p"}),
		NULL,
		EXPECTED({"d", 'd'}, {"d/f", 'f', "x"}, {"l", 'l'}, {"h", 'f', "x"}, {"p", 'p'})},
	{"unknown type", MEMBERS({'\1', "x"}), "unknown type", EXPECTED({"x", '-'})},
	{"absolute path", MEMBERS({'0', "/etc/x", .data = "x"}), NULL,
		EXPECTED({"etc", 'd'}, {"etc/x", 'f', "x"})},
	{"up and out", MEMBERS({'0', "../escape"}), "'..'", EXPECTED({"escape", '-'})},
	{"up and out later", MEMBERS({'0', "a/b/../../../outside/canary"}), "'..'", NULL},
	{"up and in", MEMBERS({'0', "a/../b", .data = "x"}), NULL,
		EXPECTED({"b", 'f', "x"}, {"a", '-'})},
	{"link out, file below it",
		MEMBERS({'2', "o", "../outside"}, {'0', "o/canary", .data = "X"}),
		"below a symbolic link", NULL},
	{"absolute link, file below it",
		MEMBERS({'2', "o", "/outside"}, {'0', "o/new", .data = "X"}),
		"below a symbolic link", NULL},
	{"absolute link into the layer",
		MEMBERS({'5', "d"}, {'2', "o", "/d"}, {'0', "o/f", .data = "x"}), NULL,
		EXPECTED({"d/f", 'f', "x"}, {"o", 'l'})},
	{"links in a chain",
		MEMBERS({'5', "a/b"}, {'2', "c", "a"}, {'2', "a/d", "../a/b"},
			{'0', "c/d/f", .data = "x"}),
		NULL, EXPECTED({"a/b/f", 'f', "x"})},
	{"links in a circle", MEMBERS({'2', "a", "b"}, {'2', "b", "a"}, {'0', "a/f"}),
		"below a symbolic link", NULL},
	{"file through a link to a file is not followed",
		MEMBERS({'2', "l", "../outside/canary"}, {'0', "l", .data = "X"}), NULL,
		EXPECTED({"l", 'f', "X"})},
	{"directory over a link out is not followed",
		MEMBERS({'2', "l", "../outside"}, {'5', "l", .mode = 0777},
			{'0', "l/canary", .data = "X"}),
		NULL, EXPECTED({"l", 'd'}, {"l/canary", 'f', "X"})},
	{"hard link out", MEMBERS({'1', "h", "../outside/canary"}), "'..'", EXPECTED({"h", '-'})},
	{"hard link out through a link", MEMBERS({'2', "o", "../outside"}, {'1', "h", "o/canary"}),
		"not in the layer", EXPECTED({"h", '-'})},
	{"hard link to a link, then written through",
		MEMBERS({'2', "o", "../outside/canary"}, {'1', "h", "o"}, {'0', "h", .data = "X"}),
		NULL, EXPECTED({"h", 'f', "X"}, {"o", 'l'})},
	{"hard link to what is not there", MEMBERS({'1', "h", "nothing"}), "not in the layer",
		NULL},
	{"hard link to a directory", MEMBERS({'5', "d"}, {'1', "h", "d"}), "to a directory", NULL},
	{"hard link to the root", MEMBERS({'1', "h", "/"}), "to a directory", NULL},
	{"hard link to itself", MEMBERS({'0', "f", .data = "x"}, {'1', "f", "f"}), NULL,
		EXPECTED({"f", 'f', "x"})},
	{"hard link to a whiteout", MEMBERS({'0', ".wh.x"}, {'1', "h", "x"}), "not in the layer",
		NULL},
	{"whiteout", MEMBERS({'0', "d/.wh.x"}), NULL, EXPECTED({"d/x", 'w'}, {"d/.wh.x", '-'})},
	{"whiteout of a directory upwards", MEMBERS({'0', "d/.wh..."}), "whiteout of nothing",
		NULL},
	{"whiteout of the directory", MEMBERS({'0', "d/.wh.."}), "whiteout of nothing", NULL},
	{"whiteout of no name", MEMBERS({'0', ".wh."}), "whiteout of nothing", NULL},
	{"whiteout marks of aufs", MEMBERS({'0', ".wh..wh.aufs"}), NULL,
		EXPECTED({".wh..wh.aufs", '-'}, {".wh.aufs", '-'})},
	{"whiteout after the file", MEMBERS({'0', "x", .data = "1"}, {'0', ".wh.x"}), NULL,
		EXPECTED({"x", 'f', "1"})},
	{"whiteout before the file", MEMBERS({'0', ".wh.x"}, {'0', "x", .data = "1"}), NULL,
		EXPECTED({"x", 'f', "1"})},
	{"whiteout before the directory", MEMBERS({'0', ".wh.x"}, {'5', "x"}, {'0', "x/f"}), NULL,
		EXPECTED({"x", 'o'}, {"x/f", 'f'})},
	{"whiteout before an implied directory", MEMBERS({'0', ".wh.x"}, {'0', "x/f"}), NULL,
		EXPECTED({"x", 'o'}, {"x/f", 'f'})},
	{"whiteout after the directory", MEMBERS({'5', "x"}, {'0', "x/f"}, {'0', ".wh.x"}), NULL,
		EXPECTED({"x", 'o'}, {"x/f", 'f'})},
	{"opaque", MEMBERS({'5', "d"}, {'0', "d/.wh..wh..opq"}, {'0', "d/f"}), NULL,
		EXPECTED({"d", 'o'}, {"d/f", 'f'})},
	{"plain archive with such names", MEMBERS({'0', ".wh.x", .data = "x"}), NULL,
		EXPECTED({".wh.x", 'f', "x"}), UNPACK_PLAIN},
	{"file twice", MEMBERS({'0', "f", .data = "1"}, {'0', "f", .data = "2"}), NULL,
		EXPECTED({"f", 'f', "2"})},
	{"file twice, linked meanwhile",
		MEMBERS({'0', "f", .data = "1"}, {'1', "h", "f"}, {'0', "f", .data = "2"}), NULL,
		EXPECTED({"f", 'f', "2"}, {"h", 'f', "1"})},
	{"file over a directory", MEMBERS({'5', "d"}, {'0', "d/f"}, {'0', "d", .data = "x"}), NULL,
		EXPECTED({"d", 'f', "x"})},
	{"directory over a file", MEMBERS({'0', "d"}, {'5', "d"}, {'0', "d/f"}), NULL,
		EXPECTED({"d", 'd'}, {"d/f", 'f'})},
	{"directory twice keeps its content", MEMBERS({'5', "d"}, {'0', "d/f"}, {'5', "d"}), NULL,
		EXPECTED({"d/f", 'f'})},
	{"link over a directory that is the current parent",
		MEMBERS({'5', "d"}, {'0', "d/f"}, {'2', "d", "../outside"}, {'0', "d/canary"}),
		"below a symbolic link", EXPECTED({"d", 'l'})},
	{"entry below a file", MEMBERS({'0', "f"}, {'0', "f/g"}), "not a directory",
		EXPECTED({"f", 'f'})},
	{"a file as the root", MEMBERS({'0', "./"}), "layer's root", NULL},
	{"a link as the root", MEMBERS({'2', "/", "../outside"}), "layer's root", NULL},
	{"a link that leads nowhere", MEMBERS({'2', "l", ""}), "leads nowhere", NULL},
	{"devices", MEMBERS({'3', "null", .device_major = 1, .device_minor = 3}, {'4', "sda"}),
		NULL, EXPECTED({"null", '-'}, {"sda", '-'}), .skipped_devices = 2},
	{"a device that would be a whiteout", MEMBERS({'0', "x", .data = "1"}, {'3', "x"}), NULL,
		EXPECTED({"x", 'f', "1"}), .skipped_devices = 1},
	{"attributes of overlay",
		MEMBERS({'5', "d", .xattr = "user.overlay.opaque=y"},
			{'5', "e", .xattr = "user.containers.override_stat=0:0:0755"},
			{'5', "g", .xattr = "trusted.overlay.opaque=y"},
			{'0', "f", .xattr = "user.overlay.metacopy="}),
		NULL, EXPECTED({"d", 'd'}, {"f", 'f'}), .skipped_xattrs = 4},
	{"long name", MEMBERS({'0', "d/" NAME_255}), NULL, EXPECTED({"d", 'd'})},
};

static bool can_make_devices(void)
{
	struct error *err = NULL;
	cleanup_free char *text = NULL;

	/* root of the initial user namespace really makes them */
	if (geteuid() != 0 ||
		read_file_limited(AT_FDCWD, "/proc/self/uid_map", 4096, &text, NULL, &err) < 0)
		return false;
	return strstr(text, "4294967295") != NULL;
}

static void test_unpack_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unpack_cases); i++) {
		const struct unpack_case *c = &unpack_cases[i];
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		cleanup_error struct error *err = NULL;
		struct unpack_counts counts = {0};
		struct scratch scratch;
		int result;

		if (c->skipped_devices > 1 && can_make_devices())
			continue;
		scratch_make(&scratch);
		for (const struct tar_member *m = c->members; m->type; m++)
			tarball_member(&text, m, geteuid());
		tarball_end(&text);
		result = unpack(&scratch, &text, c->flags, &counts, &err);
		if (c->error) {
			if (result == 0)
				fail_msg("%s: no error", c->name);
			if (err->kind != ERR_INVALID || !strstr(err->message, c->error))
				fail_msg("%s: kind %d, '%s'", c->name, err->kind, err->message);
		} else {
			if (result < 0)
				fail_msg("%s: '%s'", c->name, err->message);
			if (counts.skipped_devices != c->skipped_devices ||
				counts.skipped_xattrs != c->skipped_xattrs)
				fail_msg("%s: %llu devices and %llu attributes left out", c->name,
					(unsigned long long)counts.skipped_devices,
					(unsigned long long)counts.skipped_xattrs);
		}
		if (c->expected)
			check_tree(c->name, scratch.diff_fd, c->expected);
		scratch_check_and_remove(&scratch);
	}
}

/* Archives that are no lists of members. */
static void build_checksum(struct strbuf *out)
{
	tarball_member(out, &(struct tar_member){'0', "f"}, 0);
	out->data[0] = 'g';
}

static void build_half_header(struct strbuf *out)
{
	tarball_member(out, &(struct tar_member){'0', "f"}, 0);
	out->len = 100;
}

static void build_half_file(struct strbuf *out)
{
	tarball_header(out, &(struct tar_member){'0', "f"}, 5000, geteuid());
	strbuf_pad(out, 'x', 1024);
}

static void build_negative_size(struct strbuf *out)
{
	tarball_header(out, &(struct tar_member){'0', "f"}, 0, 0);
	memset(out->data + 124, 0xff, 12);
	tarball_checksum(out, 0);
}

static void build_huge_size(struct strbuf *out)
{
	tarball_header(out, &(struct tar_member){'0', "f"}, 0, 0);
	memset(out->data + 124, 0xff, 12);
	out->data[124] = (char)0x80;
	tarball_checksum(out, 0);
}

static void build_bad_octal(struct strbuf *out)
{
	tarball_header(out, &(struct tar_member){'0', "f"}, 0, 0);
	memcpy(out->data + 124, "12x", 4);
	tarball_checksum(out, 0);
}

static void build_huge_uid(struct strbuf *out)
{
	tarball_pax(out, "uid", "4294967295", 10);
	tarball_member(out, &(struct tar_member){'0', "f"}, 0);
}

static void build_pax_size(struct strbuf *out)
{
	tarball_header(out, &(struct tar_member){'x', "pax"}, (1u << 20) + 1, 0);
}

static void build_pax_many(struct strbuf *out)
{
	for (int i = 0; i < 2100; i++)
		tarball_pax(out, "comment", "x", 1);
	tarball_member(out, &(struct tar_member){'0', "f"}, 0);
}

static void build_pax_record(struct strbuf *out)
{
	tarball_raw(out, 'x', "pax", "9 path=x", 8); /* one short */
}

static void build_pax_zero(struct strbuf *out)
{
	tarball_raw(out, 'x', "pax", "0 path=x\n", 9);
}

static void build_pax_overflow(struct strbuf *out)
{
	tarball_raw(out, 'x', "pax", "99999999999999999999999 path=x\n", 31);
}

static void build_pax_key(struct strbuf *out)
{
	tarball_raw(out, 'x', "pax", "5 =x\n", 5);
}

static void build_pax_nul(struct strbuf *out)
{
	tarball_pax(out, "path", "good\0/../../outside/canary", 26);
	tarball_member(out, &(struct tar_member){'0', "f"}, 0);
}

static void build_pax_out(struct strbuf *out)
{
	tarball_pax(out, "path", "x/../../outside/canary", 22);
	tarball_member(out, &(struct tar_member){'0', "f", .data = "X"}, 0);
}

static void build_gnu_out(struct strbuf *out)
{
	tarball_raw(out, 'L', "././@LongLink", "../outside/canary", 18);
	tarball_member(out, &(struct tar_member){'0', "f", .data = "X"}, 0);
}

static void build_xattr_long(struct strbuf *out)
{
	cleanup_free char *value = xcalloc(1, 70000);

	tarball_pax(out, "SCHILY.xattr.user.x", value, 70000);
	tarball_member(out, &(struct tar_member){'0', "f"}, 0);
}

static void build_name_long(struct strbuf *out)
{
	tarball_pax(out, "path", NAME_255 "n", 256);
	tarball_member(out, &(struct tar_member){'0', "f"}, 0);
}

static void build_deep(struct strbuf *out)
{
	cleanup_strbuf struct strbuf path = STRBUF_INIT;

	for (int i = 0; i <= UNPACK_DEPTH_MAX; i++)
		strbuf_addstr(&path, "d/");
	tarball_pax(out, "path", path.data, path.len);
	tarball_member(out, &(struct tar_member){'5', "d"}, 0);
}

static void build_sparse(struct strbuf *out, const char *map, const char *data)
{
	tarball_pax(out, "GNU.sparse.major", "0", 1);
	tarball_pax(out, "GNU.sparse.size", "100000", 6);
	tarball_pax(out, "GNU.sparse.map", map, strlen(map));
	tarball_member(out, &(struct tar_member){'0', "f", .data = data}, geteuid());
}

static void build_sparse_order(struct strbuf *out)
{
	build_sparse(out, "100,1,50,1", "xx");
}

static void build_sparse_overlap(struct strbuf *out)
{
	build_sparse(out, "100,10,105,10", "xxxxxxxxxxxxxxxxxxxx");
}

static void build_sparse_outside(struct strbuf *out)
{
	build_sparse(out, "99999,2", "xx");
}

static void build_sparse_short(struct strbuf *out)
{
	build_sparse(out, "0,3", "xx");
}

static void build_sparse_overflow(struct strbuf *out)
{
	build_sparse(out, "9223372036854775807,9223372036854775807", "xx");
}

static void build_sparse_no_size(struct strbuf *out)
{
	tarball_pax(out, "GNU.sparse.map", "0,2", 3);
	tarball_member(out, &(struct tar_member){'0', "f", .data = "xx"}, geteuid());
}

static void build_sparse_one(struct strbuf *out)
{
	tarball_pax(out, "GNU.sparse.major", "1", 1);
	tarball_pax(out, "GNU.sparse.realsize", "100000", 6);
	tarball_member(out, &(struct tar_member){'0', "f", .data = "99999999\n1\n"}, geteuid());
}

static void build_rest(struct strbuf *out)
{
	tarball_member(out, &(struct tar_member){'0', "f"}, geteuid());
	strbuf_pad(out, '\0', 512);
	strbuf_pad(out, 'x', 512);
}

static void test_unpack_malformed(void **state)
{
	static const struct {
		const char *name;
		void (*build)(struct strbuf *out);
		const char *error;
	} cases[] = {
		{"checksum", build_checksum, "checksum"},
		{"half a header", build_half_header, "within a header"},
		{"half a file", build_half_file, "within a file"},
		{"negative size", build_negative_size, "size is malformed"},
		{"huge size", build_huge_size, "size is malformed"},
		{"octal", build_bad_octal, "size is malformed"},
		{"huge uid", build_huge_uid, "id is too large"},
		{"long pax header", build_pax_size, "too long"},
		{"many pax headers", build_pax_many, "too long"},
		{"pax record", build_pax_record, "malformed"},
		{"pax record of no length", build_pax_zero, "malformed"},
		{"pax record of all lengths", build_pax_overflow, "malformed"},
		{"pax record without a key", build_pax_key, "malformed"},
		{"NUL in a path", build_pax_nul, "malformed"},
		{"pax path out", build_pax_out, "'..'"},
		{"GNU path out", build_gnu_out, "'..'"},
		{"long attribute", build_xattr_long, "attribute is too long"},
		{"long name", build_name_long, "255 bytes"},
		{"too deep", build_deep, "too deep"},
		{"sparse map not ascending", build_sparse_order, "sparse map"},
		{"sparse map overlapping", build_sparse_overlap, "sparse map"},
		{"sparse map outside", build_sparse_outside, "sparse map"},
		{"sparse map and data differ", build_sparse_short, "sparse map"},
		{"sparse map overflows", build_sparse_overflow, "sparse map"},
		{"sparse without a size", build_sparse_no_size, "no size"},
		{"sparse map in data too long", build_sparse_one, "sparse map"},
		{"half an end", build_rest, "malformed"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		cleanup_error struct error *err = NULL;
		struct unpack_counts counts;
		struct scratch scratch;

		scratch_make(&scratch);
		cases[i].build(&text);
		if (unpack(&scratch, &text, 0, &counts, &err) == 0)
			fail_msg("%s: no error", cases[i].name);
		if (err->kind != ERR_INVALID || !strstr(err->message, cases[i].error))
			fail_msg("%s: kind %d, '%s'", cases[i].name, err->kind, err->message);
		scratch_check_and_remove(&scratch);
	}
}

/* A file of more than 4 GiB, nearly all of it a hole, in each of the four ways to say so. */
static void test_unpack_sparse(void **state)
{
	(void)state;
	for (int way = 0; way < 4; way++) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		struct unpack_counts counts;
		struct error *err = NULL;
		struct scratch scratch;
		struct stat st;
		char byte[4];
		int fd;

		scratch_make(&scratch);
		switch (way) {
		case 0:
			tarball_pax(&text, "GNU.sparse.size", "5000000000", 10);
			tarball_pax(&text, "GNU.sparse.map", "0,1,4999999999,1", 16);
			tarball_member(
				&text, &(struct tar_member){'0', "f", .data = "ab"}, geteuid());
			break;
		case 1:
			tarball_pax(&text, "GNU.sparse.size", "5000000000", 10);
			tarball_pax(&text, "GNU.sparse.offset", "0", 1);
			tarball_pax(&text, "GNU.sparse.numbytes", "1", 1);
			tarball_pax(&text, "GNU.sparse.offset", "4999999999", 10);
			tarball_pax(&text, "GNU.sparse.numbytes", "1", 1);
			tarball_member(
				&text, &(struct tar_member){'0', "f", .data = "ab"}, geteuid());
			break;
		case 2:
			tarball_pax(&text, "GNU.sparse.major", "1", 1);
			tarball_pax(&text, "GNU.sparse.minor", "0", 1);
			tarball_pax(&text, "GNU.sparse.name", "f", 1);
			tarball_pax(&text, "GNU.sparse.realsize", "5000000000", 10);
			tarball_header(&text, &(struct tar_member){'0', "GNUSparseFile.0/f"}, 514,
				geteuid());
			strbuf_addstr(&text, "2\n0\n1\n4999999999\n1\n");
			while (text.len % 512)
				strbuf_addch(&text, '\0');
			strbuf_addstr(&text, "ab");
			while (text.len % 512)
				strbuf_addch(&text, '\0');
			break;
		default:
			tarball_header(&text, &(struct tar_member){'S', "f"}, 2, geteuid());
			memcpy(text.data + text.len - 512 + 257, "ustar  ", 8);
			memcpy(text.data + text.len - 512 + 386,
				"00000000000\0"
				"00000000001\0"
				"45201370777\0"
				"00000000001",
				48);
			memcpy(text.data + text.len - 512 + 483, "45201371000", 12);
			tarball_checksum(&text, text.len - 512);
			strbuf_addstr(&text, "ab");
			while (text.len % 512)
				strbuf_addch(&text, '\0');
			break;
		}
		tarball_end(&text);
		if (unpack(&scratch, &text, 0, &counts, &err) < 0)
			fail_msg("way %d: %s", way, err->message);
		fd = openat(scratch.diff_fd, "f", O_RDONLY);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, 5000000000);
		assert_true(st.st_blocks < 1000);
		assert_int_equal(pread(fd, byte, 2, 0), 2);
		assert_memory_equal(byte, "a\0", 2);
		assert_int_equal(pread(fd, byte, 2, 4999999998), 2);
		assert_memory_equal(byte, "\0b", 2);
		close(fd);
		scratch_check_and_remove(&scratch);
	}
}

static void test_unpack_metadata(void **state)
{
	static const struct tar_member members[] = {
		{'5', "./", .mode = 0750},
		{'5', "d", .mode = 01777, .xattr = "user.pod=1"},
		{'0', "d/f", .data = "x", .mode = 04711, .xattr = "user.pod=2"},
		{'0', "a/b/f"},
		{'5', "a", .mode = 0700},
		{0},
	};
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *implied = NULL;
	struct unpack_counts counts;
	struct error *err = NULL;
	struct scratch scratch;
	struct stat st;
	size_t len;

	(void)state;
	scratch_make(&scratch);
	for (const struct tar_member *m = members; m->type; m++)
		tarball_member(&text, m, geteuid());
	tarball_pax(&text, "mtime", "-1.5", 4);
	tarball_member(&text, &(struct tar_member){'0', "old"}, geteuid());
	tarball_end(&text);
	if (unpack(&scratch, &text, 0, &counts, &err) < 0)
		fail_msg("%s", err->message);
	assert_int_equal(fstat(scratch.diff_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000); /* though entries were made in it later */
	assert_int_equal(fstatat(scratch.diff_fd, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(fstatat(scratch.diff_fd, "d/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04711);
	assert_int_equal(fstatat(scratch.diff_fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(scratch.diff_fd, "old", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, -2);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	/* "a" had an entry of its own after all, "a/b" did not */
	assert_int_equal(counts.implied_directories, 2);
	assert_int_equal(lseek(scratch.implied_fd, 0, SEEK_SET), 0);
	assert_int_equal(read_fd_limited(scratch.implied_fd, 4096, &implied, &len, &err), 0);
	assert_int_equal(len, sizeof("+a\0+a/b\0-a"));
	assert_memory_equal(implied, "+a\0+a/b\0-a", len);
	scratch_check_and_remove(&scratch);
}

/* Paths longer than PATH_MAX are walked, not passed on. */
static void test_unpack_long_path(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT, path = STRBUF_INIT;
	struct unpack_counts counts;
	struct error *err = NULL;
	struct scratch scratch;

	(void)state;
	for (int i = 0; i < 40; i++)
		strbuf_addstr(&path, NAME_255 "/");
	strbuf_addstr(&path, "f");
	scratch_make(&scratch);
	tarball_pax(&text, "path", path.data, path.len);
	tarball_member(&text, &(struct tar_member){'0', "f", .data = "x"}, geteuid());
	tarball_end(&text);
	if (unpack(&scratch, &text, 0, &counts, &err) < 0)
		fail_msg("%s", err->message);
	assert_int_equal(counts.implied_directories, 40);
	scratch_check_and_remove(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unpack_cases),
		cmocka_unit_test(test_unpack_malformed),
		cmocka_unit_test(test_unpack_sparse),
		cmocka_unit_test(test_unpack_metadata),
		cmocka_unit_test(test_unpack_long_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
