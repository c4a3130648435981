#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/protocol.h"
#include "util/mem.h"

static const struct {
	const char *name;
	uint32_t type, length; /* as the header says */
	size_t sent;           /* bytes that follow it */
	bool good;
} cases[] = {
	{"empty payload", PROTOCOL_CLOSE_STDIN, 0, 0, true},
	{"payload where none belongs", PROTOCOL_CLOSE_STDIN, 4, 4, false},
	{"data", PROTOCOL_DATA, 1, 1, true},
	{"largest data", PROTOCOL_DATA, PROTOCOL_DATA_MAX, PROTOCOL_DATA_MAX, true},
	{"no data", PROTOCOL_DATA, 0, 0, false},
	{"short packet", PROTOCOL_DATA, 100, 99, false},
	{"long packet", PROTOCOL_DATA, 100, 101, false},
	{"length that wraps", PROTOCOL_DATA, UINT32_MAX, 15, false},
	{"hello", PROTOCOL_HELLO, sizeof(struct protocol_hello), sizeof(struct protocol_hello),
		true},
	{"longer hello of a newer version", PROTOCOL_HELLO, 100, 100, true},
	{"short hello", PROTOCOL_HELLO, 4, 4, false},
	{"exec", PROTOCOL_EXEC, sizeof(struct protocol_exec), sizeof(struct protocol_exec), true},
	{"short exec", PROTOCOL_EXEC, 4, 4, false},
	{"exec id", PROTOCOL_EXEC_RESIZE, 64, 64, true},
	{"short exec id", PROTOCOL_EXEC_RESIZE, 63, 63, false},
	{"type 0", 0, 0, 0, false},
	{"unknown type", PROTOCOL_TYPE_COUNT, 0, 0, false},
	{"huge type", UINT32_MAX, 0, 0, false},
};

static void test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct protocol_header header = {
			.type = cases[i].type,
			.length = cases[i].length,
		};
		/* at the end of an allocation: reading on is seen */
		uint8_t *message = xcalloc(1, sizeof(header) + cases[i].sent);

		memcpy(message, &header, sizeof(header));
		if (protocol_message_check(message, sizeof(header) + cases[i].sent) !=
			cases[i].good)
			fail_msg("%s", cases[i].name);
		free(message);
	}
	for (size_t len = 0; len < sizeof(struct protocol_header); len++) {
		uint8_t *message = xcalloc(1, len + 1);

		assert_false(protocol_message_check(message, len));
		free(message);
	}
}

static void send_many(int fd, size_t count, int descriptor)
{
	struct protocol_header header = {.type = PROTOCOL_OK};
	char control[CMSG_SPACE(sizeof(int) * 8)] __attribute__((aligned(8))) = {0};
	struct iovec iov = {.iov_base = &header, .iov_len = sizeof(header)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(sizeof(int) * count),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &descriptor, sizeof(int));
	assert_int_equal(sendmsg(fd, &msg, 0), sizeof(header));
}

static void test_descriptors(void **state)
{
	struct protocol_header header = {.type = PROTOCOL_OK, .value = 7, .value2 = -1};
	uint8_t buf[PROTOCOL_MESSAGE_MAX] __attribute__((aligned(8)));
	const struct protocol_header *got = (const void *)buf;
	int pair[2], fds[PROTOCOL_FDS_MAX], sent[PROTOCOL_FDS_MAX], highest;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	for (int i = 0; i < PROTOCOL_FDS_MAX; i++)
		sent[i] = open("/dev/null", O_RDONLY);
	assert_int_equal(protocol_send(pair[0], &header, NULL, sent, PROTOCOL_FDS_MAX, 0), 0);
	assert_int_equal(protocol_receive(pair[1], buf, sizeof(buf), fds, 0), sizeof(header));
	assert_int_equal(got->value, 7);
	assert_int_equal(got->value2, -1);
	for (int i = 0; i < PROTOCOL_FDS_MAX; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
	/* malformed: what came along is closed */
	header.length = 0;
	header.type = PROTOCOL_DATA;
	assert_int_equal(protocol_send(pair[0], &header, NULL, sent, 1, 0), 0);
	assert_int_equal(protocol_receive(pair[1], buf, sizeof(buf), fds, 0), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(fds[0], -1);
	assert_int_equal(protocol_send(pair[0], &header, NULL, sent, PROTOCOL_FDS_MAX + 1, 0), -1);
	/* one more than fits is closed with the others */
	send_many(pair[0], PROTOCOL_FDS_MAX + 1, sent[0]);
	highest = dup(sent[0]);
	close(highest);
	assert_int_equal(protocol_receive(pair[1], buf, sizeof(buf), fds, 0), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(dup(sent[0]), highest);
	close(highest);
	close(pair[0]);
	assert_int_equal(protocol_receive(pair[1], buf, sizeof(buf), fds, 0), 0);
	close(pair[1]);
	for (int i = 0; i < PROTOCOL_FDS_MAX; i++)
		close(sent[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
