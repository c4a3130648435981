#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/notify.h"

static void test_filter(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"READY=1", "READY=1"},
		{"READY=1\n", "READY=1"},
		{"STATUS=up\nREADY=1\nMAINPID=1", "STATUS=up\nREADY=1"},
		{"MAINPID=1\nSTOPPING=1\nFDSTORE=1", "STOPPING=1"},
		{"MAINPID=1", ""},
		{"\n\n\nWATCHDOG=1\n\n", "WATCHDOG=1"},
		{"WATCHDOG_USEC=1", ""},
		{"X_READY=1", ""},
		{"READY", ""},
		{"", ""},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = notify_filter(cases[i].in, strlen(cases[i].in), out);

		assert_string_equal(out, cases[i].out);
		assert_int_equal(len, strlen(cases[i].out));
	}
	/* A NUL would end the line for one reader and not for another. */
	assert_int_equal(notify_filter("READY=1\0x\nERRNO=2", 17, out), 7);
	assert_string_equal(out, "ERRNO=2");
}

static void test_mode(void **state)
{
	enum notify_mode mode;

	(void)state;
	assert_int_equal(notify_mode_parse("healthy", &mode), 0);
	assert_int_equal(mode, NOTIFY_HEALTHY);
	assert_int_equal(notify_mode_parse("ignore", &mode), 0);
	assert_int_equal(mode, NOTIFY_IGNORE);
	assert_int_equal(notify_mode_parse("", &mode), -1);
	assert_int_equal(notify_mode_parse("Conmon", &mode), -1);
}

/* A manager that listens at NAME; what it is told. */
static void check_send(const char *name, const struct sockaddr_un *address, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char buffer[32] = "";

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)address, len), 0);
	assert_int_equal(notify_send(name, "READY=1", 7), 0);
	assert_int_equal(recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT), 7);
	assert_string_equal(buffer, "READY=1");
	close(fd);
}

static void test_send(void **state)
{
	char dir[] = "/tmp/pod-test-notify.XXXXXX", name[64], abstract[64], long_name[200];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int len;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/s", dir);
	strcpy(address.sun_path, name);
	check_send(name, &address, sizeof(address));
	unlink(name);
	rmdir(dir);
	len = snprintf(abstract, sizeof(abstract), "@pod-test-notify-%d", (int)getpid());
	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address.sun_path + 1, abstract + 1, (size_t)len - 1);
	check_send(abstract, &address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len));

	assert_int_equal(notify_send("", "READY=1", 7), 0);
	assert_int_equal(notify_send(name, "READY=1", 7), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(notify_send("relative", "READY=1", 7), -1);
	assert_int_equal(errno, EINVAL);
	memset(long_name, 'x', sizeof(long_name));
	long_name[0] = '/';
	long_name[sizeof(long_name) - 1] = '\0';
	assert_false(notify_socket_is_valid(long_name));
	assert_false(notify_socket_is_valid("/"));
	assert_true(notify_socket_is_valid("/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
