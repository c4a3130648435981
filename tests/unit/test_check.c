#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/check.h"
#include "util/mem.h"

static void test_install(void **state)
{
	static const struct {
		const char *os_release, *package, *expected;
	} cases[] = {
		{"ID=debian\nVERSION_ID=\"12\"\n", "uidmap", "sudo apt-get install uidmap"},
		{"NAME=x\nID=ubuntu\nID_LIKE=debian\n", "kernel",
			"sudo apt-get install linux-generic"},
		{"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "slirp4netns",
			"sudo apt-get install slirp4netns"},
		{"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"", "uidmap",
			"sudo dnf install shadow-utils"},
		{"ID=fedora", "kernel", "sudo dnf install kernel"},
		{"ID='alpine'", "uidmap", "sudo apk add shadow-uidmap"},
		{"ID=manjaro\nID_LIKE=arch\n", "fuse-overlayfs", "sudo pacman -S fuse-overlayfs"},
		{"ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n", "uidmap",
			"sudo zypper install shadow"},
		/* neither a beginning of a word nor another key counts */
		{"ID=debianoid\nVARIANT_ID=fedora\n", "uidmap",
			"install the package uidmap, or what has it here"},
		{"ID=\nID_LIKE", "uidmap", "install the package uidmap, or what has it here"},
		{"ID=\"\n\"", "uidmap", "install the package uidmap, or what has it here"},
		{"", "uidmap", "install the package uidmap, or what has it here"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = check_install_on(cases[i].os_release, cases[i].package);

		assert_string_equal(text, cases[i].expected);
	}
}

static void test_list(void **state)
{
	struct check_list list = {0};

	(void)state;
	assert_null(check_failed(&list, NULL));
	check_add(&list, CHECK_TUN, CHECK_OK, "%s", "there");
	check_fault(&list, CHECK_FUSE, CHECK_WARNING, "cost", "remedy", "not %d", 1);
	assert_null(check_failed(&list, NULL));
	check_fault(&list, CHECK_STORE, CHECK_FAILED, "cost", NULL, "full");
	assert_ptr_equal(check_failed(&list, NULL), &list.checks[2]);
	assert_null(check_failed(&list, CHECK_FUSE));
	assert_ptr_equal(check_failed(&list, CHECK_STORE), &list.checks[2]);
	assert_string_equal(list.checks[1].found, "not 1");
	assert_string_equal(list.checks[1].remedy, "remedy");
	assert_null(list.checks[0].cost);
	assert_string_equal(check_state_name(CHECK_UNKNOWN), "unknown");
	check_list_clear(&list);
	assert_int_equal(list.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_install),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
