#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "registry/auth.h"
#include "util/base64.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

static char *home; /* scratch, and the only place that is searched */

static int set_up(void **state)
{
	char template[] = "/tmp/test_auth.XXXXXX";
	cleanup_free char *run = NULL;

	(void)state;
	home = xstrdup(mkdtemp(template));
	run = path_join(home, "run");
	assert_int_equal(mkdir(run, 0700), 0);
	setenv("HOME", home, 1);
	setenv("XDG_RUNTIME_DIR", run, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("REGISTRY_AUTH_FILE");
	unsetenv("DOCKER_CONFIG");
	setenv("PATH", home, 1);
	return 0;
}

static int tear_down(void **state)
{
	struct error *err = NULL;

	(void)state;
	assert_int_equal(remove_tree(AT_FDCWD, home, &err), 0);
	free(home);
	return 0;
}

static void put_file(const char *name, const char *text, mode_t mode)
{
	cleanup_free char *path = path_join(home, name), *dir = xstrdup(path);
	cleanup_close int dir_fd = -1;
	struct error *err = NULL;

	*strrchr(dir, '/') = '\0';
	assert_int_equal(mkdir_p(dir, 0700, &err), 0);
	dir_fd = open_dir(AT_FDCWD, dir, 0, &err);
	assert_true(dir_fd >= 0);
	assert_int_equal(
		write_file_atomic(dir_fd, path_basename(path), text, strlen(text), mode, 0, &err),
		0);
}

static char *get_file(const char *name)
{
	cleanup_free char *path = path_join(home, name);
	struct error *err = NULL;
	char *text = NULL;
	size_t len;

	assert_int_equal(read_file_limited(AT_FDCWD, path, 1 << 20, &text, &len, &err), 0);
	return text;
}

static void assert_found(const char *registry, const char *repository, const char *wanted)
{
	struct credentials got = {0};
	cleanup_free char *text = NULL;
	struct error *err = NULL;

	if (auth_find(NULL, registry, repository, &got, NULL, &err) < 0)
		fail_msg("%s: %s", registry, err->message);
	text = got.identity_token ? xasprintf("token %s", got.identity_token)
	       : got.username     ? xasprintf("%s:%s", got.username, got.password)
				  : xstrdup("none");
	assert_string_equal(text, wanted);
	credentials_clear(&got);
}

static void test_find(void **state)
{
	(void)state;
	assert_found("quay.io", "x", "none");
	put_file("run/containers/auth.json",
		"{\"auths\":{\"quay.io\":{\"auth\":\"YTpi\"},\"quay.io/"
		"ns\":{\"auth\":\"YzpkOmU=\"},"
		"\"quay.io/ns/img\":{\"identitytoken\":\"idt\"},\"empty.io\":{}}}",
		0600);
	put_file(".config/containers/auth.json", "{\"auths\":{\"config.io\":{\"auth\":\"YTpi\"}}}",
		0600);
	put_file(".docker/config.json",
		"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnB3\"},"
		"\"quay.io\":{\"auth\":\"bm86bm8=\"}},\"credsStore\":\"store\","
		"\"credHelpers\":{\"helped.io\":\"one\"}}",
		0600);
	put_file("docker-credential-one",
		"#!/bin/sh\nread -r server || :\n[ \"$1 $server\" = 'get helped.io' ] || exit 1\n"
		"echo '{\"Username\":\"h\",\"Secret\":\"s\"}'\n",
		0700);
	put_file("docker-credential-store",
		"#!/bin/sh\nread -r server || :\n[ \"$server\" = stored.io ] && "
		"echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}' && exit\n"
		"echo credentials not found in native keychain\nexit 1\n",
		0700);
	assert_found("quay.io", "x/y", "a:b");
	assert_found("quay.io", NULL, "a:b");
	assert_found("quay.io", "ns/other", "c:d:e");
	assert_found("quay.io", "nsx/other", "a:b");
	assert_found("quay.io", "ns/img", "token idt");
	assert_found("quay.io:443", "x", "none");
	assert_found("empty.io", "x", "none");
	assert_found("config.io", "x", "a:b");
	assert_found("docker.io", "library/alpine", "hub:pw");
	assert_found("helped.io", "x", "h:s");
	assert_found("stored.io", "x", "token t");
}

static void test_find_faults(void **state)
{
	static const struct {
		const char *text;
		enum error_kind kind;
	} cases[] = {
		{"{", ERR_INVALID},
		{"[]", ERR_INVALID},
		{"{\"auths\":{\"x.io\":{\"auth\":\"!!\"}}}", ERR_INVALID},
		{"{\"auths\":{\"x.io\":{\"auth\":\"YWI=\"}}}", ERR_INVALID}, /* no colon */
		{"{\"auths\":{\"x.io\":{\"auth\":5}}}", ERR_INVALID},
		{"{\"credHelpers\":{\"x.io\":\"../../bin/sh\"}}", ERR_INVALID},
		{"{\"credHelpers\":{\"x.io\":\"absent\"}}", ERR_NOT_FOUND},
		{"{\"credHelpers\":{\"x.io\":\"bad\"}}", ERR_REMOTE},
	};

	(void)state;
	put_file("docker-credential-bad", "#!/bin/sh\necho locked\nexit 1\n", 0700);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct credentials got;
		cleanup_error struct error *err = NULL;

		put_file("run/containers/auth.json", cases[i].text, 0600);
		if (auth_find(NULL, "x.io", "y", &got, NULL, &err) == 0)
			fail_msg("'%s' was taken", cases[i].text);
		assert_int_equal(err->kind, cases[i].kind);
	}
}

static void test_store(void **state)
{
	cleanup_free char *path = NULL, *file = path_join(home, "run/containers/auth.json");
	cleanup_free char *text = NULL, *after = NULL;
	cleanup_error struct error *err = NULL;
	struct stat st;

	(void)state;
	put_file("run/containers/auth.json",
		"{\"auths\":{\"other.io\":{\"auth\":\"YTpi\",\"extra\":1}},\"credHelpers\":{\"h."
		"io\":\"rec\"},"
		"\"HttpHeaders\":{\"X\":\"y\"}}",
		0644);
	assert_int_equal(auth_store(NULL, "quay.io/ns", "me", "p:w", &path, &err), 0);
	assert_string_equal(path, file);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_found("quay.io", "ns/x", "me:p:w");
	assert_found("other.io", "x", "a:b");
	text = get_file("run/containers/auth.json");
	assert_non_null(strstr(text, "HttpHeaders"));
	assert_non_null(strstr(text, "extra"));

	/* Again with another password; then away with it. */
	free(steal_ptr(&path));
	assert_int_equal(auth_store(NULL, "quay.io/ns", "me", "new", &path, &err), 0);
	assert_found("quay.io", "ns/x", "me:new");
	assert_int_equal(auth_remove(NULL, "quay.io/ns", &err), 0);
	assert_found("quay.io", "ns/x", "none");
	assert_int_equal(auth_remove(NULL, "quay.io/ns", &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	error_free(steal_ptr(&err));

	/* A helper gets them where one is named. */
	put_file("docker-credential-rec",
		"#!/bin/sh\nread -r line || :\necho \"$1 $line\" >>\"$HOME/record\"\n", 0700);
	free(steal_ptr(&path));
	assert_int_equal(auth_store(NULL, "h.io", "me", "pw", &path, &err), 0);
	assert_string_equal(path, "docker-credential-rec");
	assert_int_equal(auth_remove(NULL, "h.io", &err), 0);
	assert_int_equal(auth_remove_all(NULL, &err), 0);
	after = get_file("record");
	assert_string_equal(after,
		"store {\"ServerURL\":\"h.io\",\"Username\":\"me\",\"Secret\":\"pw\"}\n"
		"erase h.io\nerase h.io\n");
	assert_found("other.io", "x", "none");
	assert_int_equal(access(file, F_OK), 0);
	free(file);
	file = path_join(home, "run/containers/.auth.json.lock");
	assert_int_equal(access(file, F_OK), -1);
}

static void test_keys(void **state)
{
	static const struct {
		const char *text, *key;
	} cases[] = {
		{"quay.io", "quay.io"},
		{"https://quay.io/", "quay.io"},
		{"https://index.docker.io/v1/", "docker.io"},
		{"localhost:5000/ns/", "localhost:5000/ns"},
		{"http://[::1]:5000", "[::1]:5000"},
		{"", NULL},
		{"a b", NULL},
		{"x/../y", NULL},
		{"u:p@host", NULL},
		{"host?q", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *key = NULL;
		cleanup_error struct error *err = NULL;
		int result = auth_key_parse(cases[i].text, &key, &err);

		if ((result == 0) != !!cases[i].key)
			fail_msg("'%s': %d", cases[i].text, result);
		if (cases[i].key)
			assert_string_equal(key, cases[i].key);
	}
}

static void test_base64(void **state)
{
	static const struct {
		const char *text, *encoded;
	} cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
		{"\xff\xfe\xfd", "//79"}};
	static const char *const bad[] = {"A", "====", "Zg=", "Z g=", "Zm9v=", "Zm-v"};
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *encoded = base64_encode(cases[i].text, strlen(cases[i].text));
		cleanup_free char *decoded = base64_decode(cases[i].encoded, &len);

		assert_string_equal(encoded, cases[i].encoded);
		assert_string_equal(decoded, cases[i].text);
		assert_int_equal(len, strlen(cases[i].text));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(base64_decode(bad[i], &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_find_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_store, set_up, tear_down),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
