#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "container/parse_mount.h"
#include "util/mem.h"
#include "util/str.h"

#define BIND   CONTAINER_MOUNT_BIND
#define VOLUME CONTAINER_MOUNT_VOLUME
#define TMPFS  CONTAINER_MOUNT_TMPFS

enum which { V, M, T };

static int parse(
	enum which which, const char *text, struct container_mount *ret, struct error **err)
{
	switch (which) {
	case V:
		return parse_volume(text, ret, err);
	case M:
		return parse_mount(text, ret, err);
	default:
		return parse_tmpfs(text, ret, err);
	}
}

static void test_valid(void **state)
{
	static const struct {
		enum which which;
		const char *text;
		enum container_mount_kind kind;
		const char *source, *destination, *options;
		bool read_only, no_copy;
	} cases[] = {
		{V, "/data", VOLUME, NULL, "/data", "nosuid,nodev,rprivate", false, false},
		{V, "/a:/b", BIND, "/a", "/b", "nosuid,nodev,rprivate", false, false},
		{V, "./a:/b/../c//d/", BIND, "./a", "/c/d", "nosuid,nodev,rprivate", false, false},
		{V, "vol:/b:ro", VOLUME, "vol", "/b", "ro,nosuid,nodev,rprivate", true, false},
		{V, "vol:/b:nocopy", VOLUME, "vol", "/b", "nosuid,nodev,rprivate", false, true},
		{V, "/a:/b:rw,rslave,dev,suid,noexec", BIND, "/a", "/b",
			"rw,rslave,dev,suid,noexec", false, false},
		{V, "/a:/b:cached", BIND, "/a", "/b", "nosuid,nodev,rprivate", false, false},
		{V, "/a:/b:bind,,ro", BIND, "/a", "/b", "bind,ro,nosuid,nodev,rprivate", true,
			false},
		{M, "type=bind,src=/a,dst=/b", BIND, "/a", "/b", "nosuid,nodev,rprivate", false,
			false},
		{M, "source=/a,target=/b,readonly,type=bind", BIND, "/a", "/b",
			"ro,nosuid,nodev,rprivate", true, false},
		{M, "type=bind,src=/a,dst=/b,ro=false", BIND, "/a", "/b",
			"rw,nosuid,nodev,rprivate", false, false},
		{M, "type=bind,src=/a,dst=/b,bind-propagation=shared,bind-nonrecursive", BIND, "/a",
			"/b", "shared,bind,nosuid,nodev", false, false},
		{M, "type=bind,\"src=/a,b\"\"c\",dst=/b", BIND, "/a,b\"c", "/b",
			"nosuid,nodev,rprivate", false, false},
		{M, "dst=/b", VOLUME, NULL, "/b", "nosuid,nodev,rprivate", false, false},
		{M, "type=volume,src=v,dst=/b,volume-nocopy", VOLUME, "v", "/b",
			"nosuid,nodev,rprivate", false, true},
		{M, "type=bind,src=/a,dst=/b,U=false", BIND, "/a", "/b", "nosuid,nodev,rprivate",
			false, false},
		{M, "type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1777", TMPFS, NULL, "/t",
			"size=64m,mode=1777,noexec,nosuid,nodev,rprivate", false, false},
		{T, "/t", TMPFS, NULL, "/t", "noexec,nosuid,nodev,rprivate", false, false},
		{T, "/t:rw,exec,size=10%,uid=0,notmpcopyup", TMPFS, NULL, "/t",
			"rw,exec,size=10%,uid=0,nosuid,nodev,rprivate", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_container_mount struct container_mount mount = {0}, again = {0};
		cleanup_free char *options = NULL, *text = NULL, *options_again = NULL;
		struct error *err = NULL;

		if (parse(cases[i].which, cases[i].text, &mount, &err) < 0)
			fail_msg("'%s': %s", cases[i].text, err->message);
		assert_int_equal(mount.kind, cases[i].kind);
		assert_true(str_equal(mount.source, cases[i].source));
		assert_string_equal(mount.destination, cases[i].destination);
		options = str_join(mount.options, ",");
		assert_string_equal(options, cases[i].options);
		assert_int_equal(mount.read_only, cases[i].read_only);
		assert_int_equal(mount.no_copy, cases[i].no_copy);
		/* what is written down reads back as the same */
		text = container_mount_text(&mount);
		if (parse_mount(text, &again, &err) < 0)
			fail_msg("'%s': %s", text, err->message);
		options_again = str_join(again.options, ",");
		assert_int_equal(again.kind, mount.kind);
		assert_true(str_equal(again.source, mount.source));
		assert_string_equal(again.destination, mount.destination);
		assert_string_equal(options_again, options);
		assert_int_equal(again.no_copy, mount.no_copy);
	}
}

static void test_refused(void **state)
{
	static const struct {
		enum which which;
		const char *text;
		enum error_kind kind;
	} cases[] = {
		{V, "", ERR_INVALID},
		{V, ":/b", ERR_INVALID},
		{V, "/a:", ERR_INVALID},
		{V, "/a:b", ERR_INVALID},
		{V, "data", ERR_INVALID},
		{V, "/a:/", ERR_INVALID},
		{V, "/a:/..", ERR_INVALID},
		{V, "/a:/b:ro:x", ERR_INVALID},
		{V, "a/b:/c", ERR_INVALID},
		{V, "_v:/c", ERR_INVALID},
		{V, "v\n:/c", ERR_INVALID},
		{V, "/a:/b:ro,rw", ERR_INVALID},
		{V, "/a:/b:shared,slave", ERR_INVALID},
		{V, "/a:/b:nocopy", ERR_INVALID},
		{V, "/a:/b:foo", ERR_INVALID},
		{V, "/a:/b:size=1m", ERR_INVALID},
		{V, "/a:/b:O", ERR_UNSUPPORTED},
		{V, "/a:/b:O,upperdir=/x", ERR_UNSUPPORTED},
		{V, "/a:/b:idmap", ERR_UNSUPPORTED},
		{M, "", ERR_INVALID},
		{M, "type=bind,dst=/b", ERR_INVALID},
		{M, "type=bind,src=/a", ERR_INVALID},
		{M, "type=bind,src=/a,dst=b", ERR_INVALID},
		{M, "type=bind,src=/a,src=/c,dst=/b", ERR_INVALID},
		{M, "type=bind,src=/a,dst=/b,dst=/c", ERR_INVALID},
		{M, "type=bind,src=/a,dst=/b,ro=maybe", ERR_INVALID},
		{M, "type=bind,src=/a,dst=/b,volume-nocopy", ERR_INVALID},
		{M, "type=bind,src=/a,dst=/b,bind-propagation=ro", ERR_INVALID},
		{M, "type=bind,src=/a,dst=/b,foo=1", ERR_INVALID},
		{M, "type=bind,\"src=/a,dst=/b", ERR_INVALID},
		{M, "type=bind,\"src=/a\"x,dst=/b", ERR_INVALID},
		{M, "type=bind,src=\"/a\",dst=/b", ERR_INVALID},
		{M, "type=tmpfs,src=/a,dst=/b", ERR_INVALID},
		{M, "type=tmpfs,dst=/b,tmpfs-mode=8", ERR_INVALID},
		{M, "type=tmpfs,dst=/b,tmpfs-size=lots", ERR_INVALID},
		{M, "type=tmpfs,dst=/b,tmpfs-size=1m\\,ro", ERR_INVALID},
		{M, "type=volume,src=../x,dst=/b", ERR_INVALID},
		{M, "type=volume,dst=/b,volume-opt=type=nfs", ERR_UNSUPPORTED},
		{M, "type=image,src=a,dst=/b", ERR_UNSUPPORTED},
		{M, "type=npipe,src=a,dst=/b", ERR_UNSUPPORTED},
		{T, "t", ERR_INVALID},
		{T, "/", ERR_INVALID},
		{T, "/t:bind", ERR_INVALID},
		{T, "/t:z", ERR_INVALID},
		{T, "/t:uid=-1", ERR_INVALID},
		{T, "/t:uid=4294967295", ERR_INVALID},
		{T, "/t:huge=always", ERR_INVALID},
		{T, "/t:tmpcopyup", ERR_UNSUPPORTED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_container_mount struct container_mount mount = {0};
		cleanup_error struct error *err = NULL;

		if (parse(cases[i].which, cases[i].text, &mount, &err) != -1)
			fail_msg("'%s' was taken", cases[i].text);
		if (err->kind != cases[i].kind)
			fail_msg("'%s': %s", cases[i].text, err->message);
	}
}

/* z and Z are harmless without SELinux and refused with it: never dropped. */
static void test_relabel(void **state)
{
	bool selinux = access("/sys/fs/selinux/status", F_OK) == 0;
	cleanup_container_mount struct container_mount mount = {0};
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(parse_volume("/a:/b:Z", &mount, &err), selinux ? -1 : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_relabel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
