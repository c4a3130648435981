#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rootless/idmap.h"
#include "rootless/owner.h"
#include "util/mem.h"

static void test_ranges(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"", ""},
		{"me:100000:65536\n", "0 100000 65536\n"},
		{"other:1:2\nme:100000:65536", "0 100000 65536\n"},
		{"1000:200000:10\nme:300000:20\n", "0 200000 10\n0 300000 20\n"},
		/* what newuidmap skips, too */
		{"me:100000\nme:a:1\nme:1:b\nme::\nme:1:0\n:1:1\n", ""},
		{"me:4294967295:1\nme:4294967294:2\nme:0x10:1\nme:-1:1\n", ""},
		{"me:4294967294:1\n", "0 4294967294 1\n"},
		{"mee:1:1\nm:1:1\n", ""},
		{"me:100000:65536 \n", "0 100000 65536\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = xstrdup(cases[i].text), *out = NULL;
		cleanup_free struct id_range *ranges = NULL;
		size_t count;

		assert_int_equal(id_ranges_parse(text, "me", 1000, &ranges, &count), 0);
		out = id_ranges_text(ranges, count);
		assert_string_equal(out, cases[i].expected);
	}
}

static void test_many_ranges(void **state)
{
	cleanup_free char *text = xcalloc(1000, 20);
	cleanup_free struct id_range *ranges = NULL;
	size_t count;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strcat(text, "me:100000:1\n");
	assert_int_equal(id_ranges_parse(text, "me", 1000, &ranges, &count), 0);
	/* with the user's own line not more than the kernel takes */
	assert_int_equal(count, ID_RANGES_MAX - 1);
}

static void test_user_name(void **state)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
				     "broken\n"
				     "nouid:x\n"
				     ":x:5:5::/:\n"
				     "late:x:5:5::/:\n"
				     "last:x:7:7::/:/bin/sh";
	static const struct {
		uid_t uid;
		const char *name;
	} cases[] = {{0, "root"}, {5, "late"}, {7, "last"}, {8, NULL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = xstrdup(passwd);
		cleanup_free char *name = id_user_name_parse(text, cases[i].uid);

		if (!cases[i].name)
			assert_null(name);
		else
			assert_string_equal(name, cases[i].name);
	}
}

static void test_map(void **state)
{
	struct id_range ranges[] = {{0, 1000, 1}, {1, 100000, 65536}};
	struct id_range other[] = {{0, 1000, 1}, {1, 100000, 65535}};
	struct id_maps maps = {ranges, ranges, 2, 2}, swapped = {ranges, other, 2, 2};
	char hash[17], again[17], third[17];

	(void)state;
	assert_int_equal(id_to_host(ranges, 2, 0), 1000);
	assert_int_equal(id_to_host(ranges, 2, 1), 100000);
	assert_int_equal(id_to_host(ranges, 2, 65536), 165535);
	assert_int_equal(id_to_host(ranges, 2, 65537), UINT32_MAX);
	id_maps_hash(&maps, hash);
	id_maps_hash(&maps, again);
	id_maps_hash(&swapped, third);
	assert_int_equal(strlen(hash), 16);
	assert_string_equal(hash, again);
	assert_string_not_equal(hash, third);
}

static void test_clip(void **state)
{
	/* the user, then what /etc/subuid says, in a container that has 0 to 65535 */
	const struct id_range own[] = {{0, 1000, 1}, {1, 100000, 65535}};
	struct id_range inside[] = {{0, 1000, 1}, {1, 10000, 5000}};
	struct id_range outside[] = {{0, 1000, 1}, {1, 100000, 65536}};
	struct id_range across[] = {{0, 1000, 1}, {1, 100000, 10}, {11, 65000, 65536}};
	size_t count = 2;

	(void)state;
	id_ranges_clip(inside, &count, own, 2);
	assert_int_equal(count, 2);
	assert_int_equal(inside[1].host_id, 10000);
	assert_int_equal(inside[1].count, 5000);
	id_ranges_clip(outside, &count, own, 2);
	assert_int_equal(count, 1);
	assert_int_equal(outside[0].host_id, 1000);
	count = 3;
	id_ranges_clip(across, &count, own, 2);
	assert_int_equal(count, 2);
	assert_int_equal(across[1].container_id, 1);
	assert_int_equal(across[1].host_id, 65000);
	assert_int_equal(across[1].count, 536);
	assert_int_equal(id_ranges_total(across, count), 537);
}

static void test_owner(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint32_t uid, gid;
	} cases[] = {
		{"0:0", true, 0, 0},
		{"33:4294967294", true, 33, 4294967294u},
		{"33:33:char-5-1", true, 33, 33},
		{"", false, 0, 0},
		{"33", false, 0, 0},
		{"33:", false, 0, 0},
		{":33", false, 0, 0},
		{"-1:0", false, 0, 0},
		{"0:4294967295", false, 0, 0},
		{"0:99999999999", false, 0, 0},
		{"0:0x", false, 0, 0},
	};
	struct owner owner;
	char text[OWNER_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
			owner_parse(cases[i].text, (uint32_t)strlen(cases[i].text), &owner),
			cases[i].good);
		if (!cases[i].good)
			continue;
		assert_int_equal(owner.uid, cases[i].uid);
		assert_int_equal(owner.gid, cases[i].gid);
	}
	owner = (struct owner){4294967294u, 4294967294u};
	assert_true(owner_text(&owner, "block-4095-1048575", text) < OWNER_TEXT_SIZE);
	assert_string_equal(text, "4294967294:4294967294:block-4095-1048575");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_many_ranges),
		cmocka_unit_test(test_user_name),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_clip),
		cmocka_unit_test(test_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
