#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "runtime/mount.h"
#include "util/mem.h"
#include "util/str.h"

static void test_options(void **state)
{
	static const struct {
		const char *words;
		uint64_t set, rec_set, propagation, rec_propagation;
		bool bind, recursive, copy_up;
		unsigned long mount_flags;
		const char *data;
	} cases[] = {
		{.words = ""},
		{.words = "defaults"},
		{.words = "ro,nosuid", .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID},
		{.words = "ro,rw"}, /* the last word counts */
		{.words = "rw,ro", .set = MOUNT_ATTR_RDONLY},
		{.words = "rro", .rec_set = MOUNT_ATTR_RDONLY},
		{.words = "rbind,rslave",
			.rec_propagation = MS_SLAVE,
			.bind = true,
			.recursive = true},
		{.words = "bind,shared", .propagation = MS_SHARED, .bind = true},
		{.words = "noatime,strictatime", .set = MOUNT_ATTR_STRICTATIME},
		{.words = "relatime,noatime", .set = MOUNT_ATTR_NOATIME},
		{.words = "tmpcopyup,size=64m,mode=1777",
			.copy_up = true,
			.data = "size=64m,mode=1777"},
		{.words = "silent,iversion", .mount_flags = MS_SILENT | MS_I_VERSION},
		{.words = "silent,iversion,loud,noiversion"},
		{.words = "idmap,rbind", .bind = true, .recursive = true},
		{.words = "async,loud,nomand,noiversion,nolazytime"},
		{.words = "rnosuid,rrw,rnoexec", .rec_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
		{.words = "newinstance,nodev", .set = MOUNT_ATTR_NODEV, .data = "newinstance"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strv char **words = str_split(cases[i].words, ',');
		cleanup_error struct error *err = NULL;
		cleanup_free char *data = NULL;
		struct mount_options opts;

		assert_int_equal(mount_options_parse(words, &opts, &err), 0);
		data = opts.data ? str_join(opts.data, ",") : xstrdup("");
		if (opts.attr_set != cases[i].set || opts.rec_set != cases[i].rec_set ||
			opts.propagation != cases[i].propagation ||
			opts.rec_propagation != cases[i].rec_propagation ||
			opts.mount_flags != cases[i].mount_flags || opts.bind != cases[i].bind ||
			opts.recursive != cases[i].recursive || opts.copy_up != cases[i].copy_up ||
			strcmp(data, cases[i].data ? cases[i].data : "") != 0)
			fail_msg("'%s'", cases[i].words);
		mount_options_clear(&opts);
	}
}

static void test_unsupported(void **state)
{
	static const char *const cases[] = {"idmap=uids=0-1-1", "ro,ridmap=gids=0-1-1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strv char **words = str_split(cases[i], ',');
		cleanup_error struct error *err = NULL;
		struct mount_options opts;

		assert_int_equal(mount_options_parse(words, &opts, &err), -1);
		assert_int_equal(err->kind, ERR_UNSUPPORTED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_unsupported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
