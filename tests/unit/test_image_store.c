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
#include <time.h>

#include "storage/image_store.h"
#include "storage/layer.h"
#include "storage/store.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/strbuf.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const char config_text[] =
	"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":["
	"\"PATH=/bin\",\"HOST_SECRET\",\"=x\"],\"Cmd\":[\"sh\"],"
	"\"Labels\":{\"a\":\"b=c\"},\"Volumes\":{\"/v\":{}},"
	"\"ExposedPorts\":{\"80/tcp\":{}}},\"rootfs\":{\"type\":\"layers\","
	"\"diff_ids\":[\"sha256:" ID_C "\"]}}";

struct fixture {
	char path[256];
	struct store *store;
};

static void fixture_make(struct fixture *fixture)
{
	const char *tmp = getenv("TMPDIR");
	cleanup_free char *root = NULL, *run = NULL;
	struct error *err = NULL;

	snprintf(fixture->path, sizeof(fixture->path), "%.200s/store.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(fixture->path));
	root = path_join(fixture->path, "deep/data");
	run = path_join(fixture->path, "run");
	if (store_open(root, run, &fixture->store, &err) < 0)
		fail_msg("%s", err->message);
}

static void fixture_remove(struct fixture *fixture)
{
	struct error *err = NULL;

	store_free(fixture->store);
	assert_int_equal(remove_tree(AT_FDCWD, fixture->path, &err), 0);
}

static void write_ref(struct fixture *fixture, const char *reference, const char *id)
{
	cleanup_free char *digest = xasprintf("sha256:%s", id);
	struct image_ref ref = {.reference = (char *)reference,
		.manifest_digest = digest,
		.media_type = (char *)"application/vnd.oci.image.manifest.v1+json",
		.image_id = (char *)id,
		.size_bytes = 123};
	struct error *err = NULL;

	if (blob_write(fixture->store, digest, config_text, strlen(config_text), &err) < 0 ||
		image_ref_write(fixture->store, &ref, &err) < 0)
		fail_msg("%s", err->message);
}

/* "reference=id[0..1],..." of all references, sorted. */
static char *list_refs(struct fixture *fixture)
{
	struct strbuf out = STRBUF_INIT;
	struct error *err = NULL;
	struct image_ref *refs;
	size_t count;

	assert_int_equal(image_list(fixture->store, &refs, &count, &err), 0);
	for (size_t i = 0; i < count; i++)
		strbuf_addf(&out, "%s%s=%.2s", i ? "," : "",
			refs[i].reference ? refs[i].reference : "@", refs[i].image_id);
	image_refs_free(refs, count);
	return strbuf_detach(&out);
}

static void check_refs(struct fixture *fixture, const char *expected)
{
	cleanup_free char *found = list_refs(fixture);

	assert_string_equal(found, expected);
}

static void test_refs(void **state)
{
	struct error *err = NULL;
	struct fixture fixture;
	struct stat st;

	(void)state;
	fixture_make(&fixture);
	check_refs(&fixture, "");
	write_ref(&fixture, "docker.io/library/x:latest", ID_A);
	assert_int_equal(
		fstatat(fixture.store->images_fd, "refs/docker.io%library%x:latest", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	write_ref(&fixture, "localhost:5000/y:1", ID_A);
	/* Loses one of two references: no untagged entry. */
	write_ref(&fixture, "localhost:5000/y:1", ID_B);
	check_refs(&fixture, "docker.io/library/x:latest=aa,localhost:5000/y:1=ab");
	/* Loses its last one. */
	write_ref(&fixture, "docker.io/library/x:latest", ID_B);
	check_refs(&fixture, "docker.io/library/x:latest=ab,localhost:5000/y:1=ab,@=aa");
	/* Gets one again. */
	write_ref(&fixture, "z:1", ID_A);
	check_refs(&fixture, "docker.io/library/x:latest=ab,localhost:5000/y:1=ab,z:1=aa");
	assert_int_equal(image_ref_remove(fixture.store, "z:1", &err), 0);
	check_refs(&fixture, "docker.io/library/x:latest=ab,localhost:5000/y:1=ab");
	assert_int_equal(image_ref_remove(fixture.store, "z:1", &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	error_free(err);
	fixture_remove(&fixture);
}

static void test_refs_hostile(void **state)
{
	static const char *const names[] = {
		"", "..", ".tmp-x", "/etc/passwd", "a b", "a%b", "a\nb", "a\x80"};
	struct fixture fixture;
	struct error *err = NULL;
	struct image_ref *refs;
	char *long_a, *long_b;
	size_t len;
	int refs_fd;

	(void)state;
	fixture_make(&fixture);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct image_ref ref;

		assert_int_equal(image_ref_read(fixture.store, names[i], &ref, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
		error_free(err);
		err = NULL;
	}
	/* Longer than a file name, alike in the part that fits one. */
	long_a = xmalloc(402);
	memset(long_a, 'a', 400);
	strcpy(long_a + 400, "1");
	long_b = xstrdup(long_a);
	long_b[400] = '2';
	write_ref(&fixture, long_a, ID_A);
	write_ref(&fixture, long_b, ID_B);
	for (int i = 0; i < 2; i++) {
		cleanup_image struct image *image = NULL;

		assert_int_equal(
			image_lookup_reference(fixture.store, i ? long_b : long_a, &image, &err),
			0);
		assert_string_equal(image->id, i ? ID_B : ID_A);
		assert_string_equal(image->refs[0].reference, i ? long_b : long_a);
	}
	free(long_a);
	free(long_b);
	/* What is only derived keeps nobody from removing (a full disk). */
	write_ref(&fixture, "gone:1", ID_A);
	assert_int_equal(unlinkat(fixture.store->images_fd, "index.json", 0), 0);
	assert_int_equal(mkdirat(fixture.store->images_fd, "index.json", 0700), 0);
	assert_int_equal(image_ref_remove(fixture.store, "gone:1", &err), 0);
	assert_int_equal(unlinkat(fixture.store->images_fd, "index.json", AT_REMOVEDIR), 0);
	/* A damaged file is skipped by listings and named by look-ups. */
	refs_fd = openat(fixture.store->images_fd, "refs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(write_file_atomic(refs_fd, "bad:1", "{", 1, 0600, 0, &err), 0);
	close(refs_fd);
	assert_int_equal(image_list(fixture.store, &refs, &len, &err), 0);
	assert_int_equal(len, 2);
	image_refs_free(refs, len);
	/* Not by who would delete what is on no list. */
	assert_int_equal(image_list_whole(fixture.store, &refs, &len, &err), -1);
	assert_non_null(strstr(err->message, "bad:1"));
	error_free(err);
	fixture_remove(&fixture);
}

static void test_lookup(void **state)
{
	struct fixture fixture;
	struct error *err = NULL;
	struct image *image = NULL;

	(void)state;
	fixture_make(&fixture);
	write_ref(&fixture, "x:1", ID_A);
	write_ref(&fixture, "x:2", ID_A);
	write_ref(&fixture, "y:1", ID_B);
	assert_int_equal(image_lookup(fixture.store, "x:2", &image, &err), 0);
	assert_string_equal(image->id, ID_A);
	assert_int_equal(image->ref_count, 1);
	/* The host's variable is not asked for. */
	assert_string_equal(image->config->env[0], "PATH=/bin");
	assert_null(image->config->env[1]);
	assert_string_equal(image->config->labels[0], "a=b=c");
	assert_string_equal(image->config->volumes[0], "/v");
	assert_string_equal(image->config->exposed_ports[0], "80/tcp");
	assert_int_equal(image->config->diff_id_count, 1);
	image_free(image);
	assert_int_equal(image_lookup(fixture.store, "sha256:aaa", &image, &err), 0);
	assert_int_equal(image->ref_count, 2);
	image_free(image);
	image = NULL;
	assert_int_equal(image_lookup(fixture.store, ID_B, &image, &err), 0);
	image_free(image);
	image = NULL;
	assert_int_equal(image_lookup(fixture.store, "a", &image, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	error_free(err);
	err = NULL;
	assert_int_equal(image_lookup(fixture.store, "ff", &image, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	error_free(err);
	err = NULL;
	assert_int_equal(image_lookup(fixture.store, "nothing:1", &image, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	error_free(err);
	fixture_remove(&fixture);
}

static void test_config(void **state)
{
#define HEAD "{\"architecture\":\"a\",\"os\":\"l\""
#define ROOT ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"
	static const struct {
		const char *text, *error; /* NULL: fine */
	} cases[] = {
		{HEAD ROOT, NULL},
		{HEAD ",\"config\":null" ROOT, NULL},
		{HEAD ",\"config\":{\"Env\":null,\"Cmd\":null,\"Labels\":null}" ROOT, NULL},
		{HEAD ",\"unknown\":[{}]" ROOT, NULL},
		{"{\"os\":\"l\"" ROOT, "architecture"},
		{"{\"architecture\":\"a\"" ROOT, "os"},
		{HEAD "}", "rootfs"},
		{HEAD ",\"rootfs\":{\"type\":\"tree\"}}", "unknown type"},
		{HEAD ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:x\"]}}",
			"diff_ids[0]"},
		{HEAD ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:../../../x\"]}}",
			"diff_ids[0]"},
		{HEAD ",\"config\":{\"Cmd\":\"sh\"}" ROOT, "Cmd"},
		{HEAD ",\"config\":{\"Cmd\":[1]}" ROOT, "Cmd[0]"},
		{HEAD ",\"config\":{\"Env\":[\"A=b\\u0000c\"]}" ROOT, "Env[0]"},
		{HEAD ",\"config\":{\"Labels\":[]}" ROOT, "Labels"},
		{HEAD ",\"config\":[]" ROOT, "config"},
		{"[]", "must be an object"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_config *config = NULL;
		cleanup_error struct error *err = NULL;
		int result = image_config_parse(
			cases[i].text, strlen(cases[i].text), "c.json", &config, &err);

		if (result == 0 && cases[i].error)
			fail_msg("%s: no error", cases[i].text);
		if (result < 0 && !cases[i].error)
			fail_msg("%s: %s", cases[i].text, err->message);
		if (result < 0) {
			assert_int_equal(err->kind, ERR_INVALID);
			if (!strstr(err->message, cases[i].error))
				fail_msg("%s: %s", cases[i].text, err->message);
		}
		image_config_free(config);
	}
}

static void test_digest(void **state)
{
	(void)state;
	assert_true(digest_is_valid("sha256:" ID_A));
	assert_false(digest_is_valid("sha256:" ID_A "a"));
	assert_false(digest_is_valid("sha256:aaa"));
	assert_false(digest_is_valid("sha256:../../x"));
	assert_false(digest_is_valid(ID_A));
	assert_string_equal(digest_hex("sha256:" ID_A), ID_A);
}

static void test_layer(void **state)
{
	struct layer_record record = {.diff_id = (char *)"sha256:" ID_A,
		.blob_digest = (char *)"sha256:" ID_B,
		.blob_size_bytes = 1,
		.tar_size_bytes = 2,
		.file_count = 3};
	struct layer_record found;
	struct layer_writer *first, *second;
	struct fixture fixture;
	struct error *err = NULL;
	struct stat st;

	(void)state;
	fixture_make(&fixture);
	assert_false(layer_exists(fixture.store, record.diff_id));
	assert_int_equal(layer_begin(fixture.store, record.diff_id, &first, &err), 0);
	assert_int_equal(layer_begin(fixture.store, record.diff_id, &second, &err), 0);
	/* Being made: a sweep leaves them alone. */
	assert_int_equal(store_sweep(fixture.store, -1, &err), 0);
	assert_int_equal(layer_commit(fixture.store, first, &record, &err), 0);
	assert_true(layer_exists(fixture.store, record.diff_id));
	assert_int_equal(layer_commit(fixture.store, second, &record, &err), 0);
	layer_writer_free(fixture.store, first, -1);
	layer_writer_free(fixture.store, second, -1);
	assert_true(layer_exists(fixture.store, record.diff_id));
	assert_int_equal(fstatat(fixture.store->layers_fd, ID_A "/lock", &st, 0), -1);
	assert_int_equal(layer_read(fixture.store, record.diff_id, &found, &err), 0);
	assert_string_equal(found.blob_digest, record.blob_digest);
	assert_int_equal(found.file_count, 3);
	layer_record_clear(&found);
	assert_int_equal(layer_begin(fixture.store, "sha256:../x", &first, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	error_free(err);
	fixture_remove(&fixture);
}

static void make(int dir_fd, const char *name, time_t age_s)
{
	const struct timespec when = {.tv_sec = time(NULL) - age_s};
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, (struct timespec[]){when, when}), 0);
	close(fd);
}

static bool exists(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_sweep(void **state)
{
	struct fixture fixture;
	struct error *err = NULL;
	int lock, tmp;

	(void)state;
	fixture_make(&fixture);
	tmp = fixture.store->tmp_fd;
	assert_int_equal(mkdirat(tmp, "dead", 0700), 0);
	make(tmp, "dead/x", 0);
	assert_int_equal(mkdirat(tmp, "alive", 0700), 0);
	lock = openat(tmp, "alive", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lock = lock_open(lock, "lock", LOCK_EXCLUSIVE, LOCK_TRY, &err);
	assert_true(lock >= 0);
	make(tmp, "new.part", 60);
	make(tmp, "old.part", 8 * 24 * 3600);
	make(tmp, "file", 0);
	make(fixture.store->images_fd, "refs/.tmp-new", 1);
	make(fixture.store->images_fd, "refs/.tmp-old", 7200);
	assert_int_equal(symlinkat("/etc", tmp, "link"), 0);
	assert_int_equal(store_sweep(fixture.store, -1, &err), 0);
	assert_false(exists(tmp, "dead"));
	assert_true(exists(tmp, "alive"));
	assert_true(exists(tmp, "new.part"));
	assert_false(exists(tmp, "old.part"));
	assert_false(exists(tmp, "file"));
	assert_false(exists(tmp, "link"));
	assert_true(exists(fixture.store->images_fd, "refs/.tmp-new"));
	assert_false(exists(fixture.store->images_fd, "refs/.tmp-old"));
	close(lock);
	assert_int_equal(store_sweep(fixture.store, -1, &err), 0);
	assert_false(exists(tmp, "alive"));
	fixture_remove(&fixture);
}

static void open_must_fail(const char *root, const char *run, enum error_kind kind)
{
	struct store *store = NULL;
	cleanup_error struct error *err = NULL;

	if (store_open(root, run, &store, &err) == 0)
		fail_msg("'%s' and '%s' were taken", root, run);
	assert_int_equal(err->kind, kind);
}

static void test_open(void **state)
{
	struct fixture fixture;
	cleanup_free char *root = NULL, *run = NULL, *link = NULL;
	struct error *err = NULL;
	struct stat st;
	int runtime;

	(void)state;
	fixture_make(&fixture);
	root = xstrdup(fixture.store->data_path);
	run = xstrdup(fixture.store->runtime_path);
	assert_int_equal(fstat(fixture.store->data_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstat(fixture.store->runtime_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_true(exists(fixture.store->images_fd, "oci-layout"));
	/* Runtime directory: open to others, or a link. */
	runtime = fixture.store->runtime_fd;
	assert_int_equal(fchmod(runtime, 0755), 0);
	open_must_fail(root, run, ERR_INVALID);
	assert_int_equal(fchmod(runtime, 0700), 0);
	link = path_join(fixture.path, "link");
	assert_int_equal(symlink(run, link), 0);
	open_must_fail(root, link, ERR_INVALID);
	/* A store from the future, and a damaged one. */
	assert_int_equal(
		write_file_atomic(fixture.store->data_fd, "version", "2\n", 2, 0600, 0, &err), 0);
	open_must_fail(root, run, ERR_INVALID);
	assert_int_equal(
		write_file_atomic(fixture.store->data_fd, "version", "x", 1, 0600, 0, &err), 0);
	open_must_fail(root, run, ERR_INVALID);
	fixture_remove(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_refs_hostile),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_layer),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
