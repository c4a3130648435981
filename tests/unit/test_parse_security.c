#include "config.h"

#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "container/parse_security.h"
#include "util/apparmor.h"
#include "util/mem.h"
#include "util/str.h"

#define BIT(n) (UINT64_C(1) << (n))

static void test_capabilities(void **state)
{
	static const struct {
		const char *add, *drop;
		int result;
		uint64_t with, without;
	} cases[] = {
		{NULL, NULL, 0, BIT(CAP_CHOWN) | BIT(CAP_SYS_CHROOT), BIT(CAP_SYS_ADMIN)},
		{"NET_ADMIN", NULL, 0, BIT(CAP_NET_ADMIN) | BIT(CAP_CHOWN), 0},
		{"cap_net_raw", "CHOWN", 0, BIT(CAP_NET_RAW), BIT(CAP_CHOWN)},
		{"ALL", "SYS_ADMIN", 0, BIT(CAP_SYS_BOOT), BIT(CAP_SYS_ADMIN)},
		{"CHOWN", "all", 0, BIT(CAP_CHOWN), ~BIT(CAP_CHOWN)},
		{NULL, "ALL", 0, 0, UINT64_MAX},
		{"NOPE", NULL, -1, 0, 0},
		{NULL, "CAP_", -1, 0, 0},
		{"", NULL, -1, 0, 0},
		{"CHOWN", "CAP_CHOWN", -1, 0, 0},
		{"ALL", "ALL", -1, 0, 0},
	};

	(void)state;
	assert_int_equal(__builtin_popcountll(capabilities_default()), 11);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *add[] = {(char *)cases[i].add, NULL}, *drop[] = {(char *)cases[i].drop, NULL};
		cleanup_error struct error *err = NULL;
		uint64_t set = 0;

		assert_int_equal(parse_capabilities(cases[i].add ? add : NULL, drop, &set, &err),
			cases[i].result);
		if (err)
			assert_int_equal(err->kind, ERR_INVALID);
		assert_true((set & cases[i].with) == cases[i].with);
		assert_true((set & cases[i].without) == 0);
	}
}

static void test_security(void **state)
{
	static const struct {
		const char *text;
		int result;
		enum error_kind kind;
	} cases[] = {
		{"no-new-privileges", 0, 0},
		{"no-new-privileges:true", 0, 0},
		{"no-new-privileges=false", 0, 0},
		{"seccomp=unconfined", 0, 0},
		{"seccomp:/p.json", 0, 0},
		{"apparmor=unconfined", 0, 0},
		{"label=disable", 0, 0},
		{"mask=/a:/b", 0, 0},
		{"unmask=ALL", 0, 0},
		{"unmask=/proc/*", 0, 0},
		{"systempaths=unconfined", 0, 0},
		{"proc-opts=hidepid=2", -1, ERR_UNSUPPORTED},
		{"no-new-privileges=maybe", -1, ERR_INVALID},
		{"mask=a", -1, ERR_INVALID},
		{"mask=ALL", -1, ERR_INVALID},
		{"mask=/a/../b", -1, ERR_INVALID},
		{"seccomp=", -1, ERR_INVALID},
		{"seccomp", -1, ERR_INVALID},
		{"systempaths=x", -1, ERR_INVALID},
		{"nonsense=1", -1, ERR_INVALID},
		{"", -1, ERR_INVALID},
	};
	char *all[] = {(char *)"no-new-privileges", (char *)"seccomp=/x=y:z", (char *)"mask=/a:/b",
		(char *)"unmask=/proc/acpi", NULL};
	char *profile[] = {(char *)"apparmor=unconfined", (char *)"apparmor:b", NULL};
	struct security_options options;
	struct error *err = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *texts[] = {(char *)cases[i].text, NULL};
		cleanup_error struct error *why = NULL;

		options = (struct security_options){0};
		if (parse_security_options(texts, &options, &why) != cases[i].result)
			fail_msg("'%s'", cases[i].text);
		if (why)
			assert_int_equal(why->kind, cases[i].kind);
		security_options_clear(&options);
	}
	options = (struct security_options){0};
	if (apparmor_is_enabled()) {
		assert_int_equal(parse_security_options(profile, &options, &err), 0);
		assert_string_equal(options.apparmor, "b");
		security_options_clear(&options);
	} else {
		assert_int_equal(parse_security_options(profile, &options, &err), -1);
		assert_int_equal(err->kind, ERR_UNSUPPORTED);
		error_free(err);
		err = NULL;
	}
	assert_string_equal(security_options_apparmor(profile), "b");
	assert_null(security_options_apparmor(all));
	assert_int_equal(parse_security_options(all, &options, &err), 0);
	assert_true(options.no_new_privileges);
	assert_false(options.seccomp_unconfined);
	assert_string_equal(options.seccomp_profile, "/x=y:z");
	assert_int_equal(strv_length(options.mask), 2);
	assert_string_equal(options.unmask[0], "/proc/acpi");
	security_options_clear(&options);
}

static void test_ulimit(void **state)
{
	static const struct {
		const char *text;
		int result, resource;
		uint64_t soft, hard;
	} cases[] = {
		{"nofile=1024:2048", 0, RLIMIT_NOFILE, 1024, 2048},
		{"nofile=1024", 0, RLIMIT_NOFILE, 1024, 1024},
		{"core=0:-1", 0, RLIMIT_CORE, 0, UINT64_MAX},
		{"stack=-1", 0, RLIMIT_STACK, UINT64_MAX, UINT64_MAX},
		{"nofile", -1, 0, 0, 0},
		{"nofile=", -1, 0, 0, 0},
		{"nofile=2:1", -1, 0, 0, 0},
		{"nofile=-1:1", -1, 0, 0, 0},
		{"nofile=1:2:3", -1, 0, 0, 0},
		{"files=1", -1, 0, 0, 0},
		{"nofile=0x10", -1, 0, 0, 0},
		{"nofile=99999999999999999999", -1, 0, 0, 0},
		{"host", -1, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		struct runtime_rlimit limit = {0};

		assert_int_equal(parse_ulimit(cases[i].text, &limit, &err), cases[i].result);
		if (err)
			continue;
		assert_int_equal(limit.resource, cases[i].resource);
		assert_true(limit.soft == cases[i].soft && limit.hard == cases[i].hard);
	}
}

static void test_device(void **state)
{
	static const struct {
		const char *text, *source, *destination, *permissions;
	} cases[] = {
		{"/dev/fuse", "/dev/fuse", "/dev/fuse", "rwm"},
		{"/dev/fuse:/dev/x", "/dev/fuse", "/dev/x", "rwm"},
		{"/dev/fuse:r", "/dev/fuse", "/dev/fuse", "r"},
		{"/dev/fuse:/dev/x:rw", "/dev/fuse", "/dev/x", "rw"},
		{"/dev/fuse::rw", "/dev/fuse", "/dev/fuse", "rw"},
		{"dev/fuse", NULL, NULL, NULL},
		{"/dev/fuse:x", NULL, NULL, NULL},
		{"/dev/fuse:/dev/x:q", NULL, NULL, NULL},
		{"/dev/fuse:/dev/x:", NULL, NULL, NULL},
		{"/dev/fuse:/", NULL, NULL, NULL},
		{"/dev/fuse:/dev/../x", NULL, NULL, NULL},
		{"/dev/fuse:/a:r:w", NULL, NULL, NULL},
		{"", NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		struct container_device device = {0};

		if (parse_device(cases[i].text, &device, &err) != (cases[i].source ? 0 : -1))
			fail_msg("'%s'", cases[i].text);
		if (err)
			continue;
		assert_string_equal(device.source, cases[i].source);
		assert_string_equal(device.destination, cases[i].destination);
		assert_string_equal(device.permissions, cases[i].permissions);
		container_device_clear(&device);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_security),
		cmocka_unit_test(test_ulimit),
		cmocka_unit_test(test_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
