#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "network/network.h"
#include "util/mem.h"

static char **list(const char *a, const char *b)
{
	static char *storage[3];

	storage[0] = (char *)a;
	storage[1] = (char *)b;
	return storage;
}

static void test_hosts(void **state)
{
	static const char host_file[] =
		"# comment\n127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # x\n"
		"bad line\n10.1.1.1 db db.example\n10.1.1.2 db\n\n192.0.2.9";
	const struct hosts_options opts = {.hostname = "h1",
		.name = "web",
		.ip = "10.0.2.100",
		.add_hosts = list("db;cache:10.9.9.9", "gw:host-gateway")};
	cleanup_free char *text = hosts_text_from(&opts, host_file, "192.0.2.2");

	(void)state;
	assert_string_equal(text, "10.9.9.9\tdb cache\n"
				  "192.0.2.2\tgw\n"
				  "127.0.0.1\tlocalhost\n"
				  "::1\tlocalhost ip6-localhost\n"
				  "10.1.1.1\tdb.example\n"
				  "192.0.2.2\thost.containers.internal\n"
				  "10.0.2.100\th1 web\n");
}

static void test_hosts_bare(void **state)
{
	const struct hosts_options opts = {.hostname = "same", .name = "same", .ip = "127.0.0.1"};
	const struct hosts_options none = {.hostname = "h", .name = "n"};
	cleanup_free char *text = hosts_text_from(&opts, NULL, NULL);
	cleanup_free char *empty = hosts_text_from(&none, NULL, NULL);

	(void)state;
	assert_string_equal(text, "127.0.0.1\tsame\n");
	assert_string_equal(empty, "");
}

static void test_add_host(void **state)
{
	static const char *const good[] = {
		"a:1.2.3.4", "a;b:1.2.3.4", "a:::1", "a:[::1]", "a:host-gateway", "a-b.c:1.2.3.4"};
	static const char *const bad[] = {"a", "a:", ":1.2.3.4", "a:1.2.3", "a b:1.2.3.4",
		"a\n:1.2.3.4", "a:1.2.3.4\n", "a;:1.2.3.4", "a:gateway", "#:1.2.3.4"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct error *err = NULL;

		assert_int_equal(add_host_check(good[i], &err), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup_error struct error *err = NULL;

		if (add_host_check(bad[i], &err) != -1)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

static void test_resolv(void **state)
{
	static const struct {
		const char *host, *resolved;
		bool slirp;
		const char *server, *search, *option; /* --dns ...; NULL: not given */
		const char *expected;
	} cases[] = {
		{"nameserver 192.0.2.53\nsearch a.example b.example\noptions edns0\n", NULL, true,
			NULL, NULL, NULL,
			"search a.example b.example\nnameserver 10.0.2.3\nnameserver 192.0.2.53\n"
			"options edns0\n"},
		{"nameserver 127.0.0.1\nnameserver ::1\nnameserver fe80::1%eth0\n", NULL, true,
			NULL, NULL, NULL, "nameserver 10.0.2.3\n"},
		{"nameserver 127.0.0.53\noptions edns0\nsearch stub\n",
			"nameserver 192.0.2.1\nsearch real\n", true, NULL, NULL, NULL,
			"search real\nnameserver 10.0.2.3\nnameserver 192.0.2.1\n"},
		{"nameserver 127.0.0.53\n", NULL, true, NULL, NULL, NULL, "nameserver 10.0.2.3\n"},
		{"nameserver 127.0.0.53\n", "nameserver 192.0.2.1\n", false, NULL, NULL, NULL,
			"nameserver 127.0.0.53\n"},
		{"nameserver 192.0.2.53\nsearch a\n", NULL, true, "9.9.9.9", NULL, NULL,
			"search a\nnameserver 9.9.9.9\n"},
		{"nameserver 192.0.2.53\nsearch a\n", NULL, true, NULL, ".", "ndots:2",
			"nameserver 10.0.2.3\nnameserver 192.0.2.53\noptions ndots:2\n"},
		{"domain d # c\nsearch e\n; x\nnameserver 192.0.2.1 # y", NULL, false, NULL, NULL,
			NULL, "search e\nnameserver 192.0.2.1\n"},
		{NULL, NULL, true, NULL, NULL, NULL, "nameserver 10.0.2.3\n"},
		{"", NULL, false, NULL, NULL, NULL, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *servers[] = {(char *)cases[i].server, NULL};
		char *searches[] = {(char *)cases[i].search, NULL};
		char *options[] = {(char *)cases[i].option, NULL};
		const struct resolv_options opts = {
			.servers = cases[i].server ? servers : NULL,
			.searches = cases[i].search ? searches : NULL,
			.options = cases[i].option ? options : NULL,
			.slirp = cases[i].slirp,
		};
		cleanup_free char *text =
			resolv_conf_text_from(&opts, cases[i].host, cases[i].resolved);

		assert_string_equal(text, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_hosts_bare),
		cmocka_unit_test(test_add_host),
		cmocka_unit_test(test_resolv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
