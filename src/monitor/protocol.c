#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "monitor/monitor.h"
#include "monitor/protocol.h"
#include "runtime/process.h"

/* Compiled into pod and into the monitor program: no heap, no util/. */

/* Smallest and largest payload of each type. */
static const struct {
	uint32_t min, max;
} payload_size[PROTOCOL_TYPE_COUNT] = {
	[PROTOCOL_HELLO] = {sizeof(struct protocol_hello), PROTOCOL_DATA_MAX},
	[PROTOCOL_WELCOME] = {sizeof(struct protocol_welcome), PROTOCOL_DATA_MAX},
	[PROTOCOL_ERROR] = {0, 512},
	[PROTOCOL_DATA] = {1, PROTOCOL_DATA_MAX},
	[PROTOCOL_STDIN] = {1, PROTOCOL_DATA_MAX},
	[PROTOCOL_NOTICE] = {0, 512},
	[PROTOCOL_EXEC] = {sizeof(struct protocol_exec), sizeof(struct protocol_exec)},
	[PROTOCOL_EXEC_STARTED] = {PROTOCOL_ID_LENGTH, PROTOCOL_ID_LENGTH},
	[PROTOCOL_EXEC_FAILED] = {sizeof(struct process_failure), sizeof(struct process_failure)},
	[PROTOCOL_EXEC_RESIZE] = {PROTOCOL_ID_LENGTH, PROTOCOL_ID_LENGTH},
	[PROTOCOL_EXEC_SIGNAL] = {PROTOCOL_ID_LENGTH, PROTOCOL_ID_LENGTH},
	/* the id one way, struct protocol_exec_status the other */
	[PROTOCOL_EXEC_STATUS] = {sizeof(struct protocol_exec_status), PROTOCOL_ID_LENGTH},
	[PROTOCOL_STATUS] = {0, sizeof(struct protocol_status)},
	[PROTOCOL_UPDATE] = {sizeof(struct monitor_policy), sizeof(struct monitor_policy)},
};

bool protocol_message_check(const void *message, size_t len)
{
	struct protocol_header header;

	if (len < sizeof(header) || len > PROTOCOL_MESSAGE_MAX)
		return false;
	memcpy(&header, message, sizeof(header));
	if (header.type == 0 || header.type >= PROTOCOL_TYPE_COUNT)
		return false;
	if (header.length != len - sizeof(header))
		return false;
	return header.length >= payload_size[header.type].min &&
	       header.length <= payload_size[header.type].max;
}

int protocol_send(int fd, const struct protocol_header *header, const void *payload, const int *fds,
	size_t fd_count, int flags)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * PROTOCOL_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov[2];
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = header->length ? 2 : 1};
	ssize_t n;

	iov[0].iov_base = (void *)(uintptr_t)header;
	iov[0].iov_len = sizeof(*header);
	iov[1].iov_base = (void *)(uintptr_t)payload;
	iov[1].iov_len = header->length;
	if (fd_count > PROTOCOL_FDS_MAX || header->length > PROTOCOL_DATA_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (fd_count) {
		struct cmsghdr *cmsg;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * fd_count);
	}
	do
		n = sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

ssize_t protocol_receive(int fd, void *buf, size_t capacity, int fds[PROTOCOL_FDS_MAX], int flags)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * PROTOCOL_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = capacity};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		/* Not CMSG_SPACE: its padding would let one descriptor more in. */
		.msg_controllen = CMSG_LEN(sizeof(int) * PROTOCOL_FDS_MAX),
	};
	size_t count = 0;
	ssize_t n;

	for (int i = 0; i < PROTOCOL_FDS_MAX; i++)
		fds[i] = -1;
	do
		n = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		size_t received;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		received = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < received; i++) {
			int received_fd;

			memcpy(&received_fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (count < PROTOCOL_FDS_MAX)
				fds[count++] = received_fd;
			else
				(void)close(received_fd); /* the padding has room for one more */
		}
	}
	if (n == 0 && !count)
		return 0;
	/* MSG_CTRUNC: the kernel dropped descriptors that did not fit. */
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !protocol_message_check(buf, (size_t)n)) {
		for (int i = 0; i < PROTOCOL_FDS_MAX; i++) {
			if (fds[i] >= 0)
				(void)close(fds[i]); /* nobody else knows it */
			fds[i] = -1;
		}
		errno = EBADMSG;
		return -1;
	}
	return n;
}
