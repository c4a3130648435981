#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "registry/fetch_wire.h"
#include "util/mem.h"

void fetch_packet_clear(struct fetch_packet *packet)
{
	free(packet->text);
	for (size_t i = 0; i < packet->fd_count; i++)
		close_keep_errno(packet->fds[i]);
	*packet = (struct fetch_packet){0};
}

int fetch_send(int socket_fd, const struct fetch_message *head, const char *text, const int *fds,
	size_t fd_count, bool wait, struct error **err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FETCH_FDS_MAX * sizeof(int))];
	} control = {0};
	struct fetch_message message = *head;
	size_t len = text ? strlen(text) : 0;
	struct iovec parts[2] = {
		{&message, sizeof(message)}, {(char *)text, len}, /* only read from */
	};
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = len ? 2 : 1};

	if (len > FETCH_TEXT_MAX || fd_count > FETCH_FDS_MAX)
		return error_set(err, ERR_INVALID, "a message to or from the fetcher is too long");
	message.version = FETCH_VERSION;
	message.text_len = (uint32_t)len;
	if (fd_count) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, fd_count * sizeof(int));
	}
	while (sendmsg(socket_fd, &msg, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)) < 0) {
		if (errno == EINTR)
			continue;
		if (!wait && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		return error_errno(err, errno, "send to the other side of the fetcher's socket");
	}
	return 1;
}

/* Descriptors are taken over first, so that none is lost when the rest is malformed. */
static void take_descriptors(struct msghdr *msg, struct fetch_packet *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (ret->fd_count < FETCH_FDS_MAX)
				ret->fds[ret->fd_count++] = fd;
			else
				close_keep_errno(fd);
		}
	}
}

int fetch_receive(int socket_fd, bool wait, struct fetch_packet *ret, struct error **err)
{
	cleanup_fetch_packet struct fetch_packet packet = {0};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FETCH_FDS_MAX * sizeof(int))];
	} control;
	struct iovec parts[2];
	struct msghdr msg = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	packet.text = xmalloc(FETCH_TEXT_MAX + 1);
	parts[0] = (struct iovec){&packet.head, sizeof(packet.head)};
	parts[1] = (struct iovec){packet.text, FETCH_TEXT_MAX};
	do
		n = recvmsg(socket_fd, &msg, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	if (n < 0 && !wait && (errno == EAGAIN || errno == EWOULDBLOCK))
		return FETCH_RECEIVE_NOTHING;
	if (n < 0 && errno != ECONNRESET)
		return error_errno(err, errno, "receive from the fetcher's socket");
	if (n <= 0)
		return 0;
	take_descriptors(&msg, &packet);
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || (size_t)n < sizeof(packet.head) ||
		packet.head.version != FETCH_VERSION ||
		packet.head.text_len != (size_t)n - sizeof(packet.head))
		return error_set(err, ERR_INVALID,
			"malformed message on the fetcher's socket (is pod completely installed?)");
	packet.text[packet.head.text_len] = '\0';
	*ret = packet;
	packet = (struct fetch_packet){0};
	return 1;
}
