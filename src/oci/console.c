#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "oci/console.h"
#include "util/fs.h"
#include "util/mem.h"

#define RELAY_BUFFER 65536 /* bytes */

int oci_console_send(const char *path, int master_fd, struct error **err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cleanup_close int path_fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[] = "/dev/ptmx";
	struct iovec iov = {.iov_base = name, .iov_len = sizeof(name) - 1};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	if (fd < 0)
		return error_errno(err, errno, "make a socket");
	if (strlen(path) < sizeof(address.sun_path)) {
		strcpy(address.sun_path, path);
	} else {
		/* Longer than an address: through a descriptor. */
		path_fd = open(path, O_PATH | O_CLOEXEC);
		if (path_fd < 0)
			return error_errno(err, errno, "console socket '%s'", path);
		fd_path(path_fd, address.sun_path);
	}
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_errno(err, errno, "connect to console socket '%s'", path);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &master_fd, sizeof(int));
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, errno, "send the terminal to console socket '%s'", path);
	return 0;
}

/* -------- the relay -------- */

struct relay_buffer {
	char data[RELAY_BUFFER];
	size_t start, len;
};

struct oci_relay {
	int master_fd;
	bool is_terminal; /* our stdin */
	struct termios old;
	bool input_ended, output_ended;
	struct relay_buffer input, output;
};

static void relay_raw(struct oci_relay *relay)
{
	struct termios raw = relay->old;

	cfmakeraw(&raw);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw); /* it answered tcgetattr */
}

struct oci_relay *oci_relay_begin(int master_fd)
{
	struct oci_relay *relay = xcalloc(1, sizeof(*relay));

	relay->master_fd = master_fd;
	relay->is_terminal = tcgetattr(STDIN_FILENO, &relay->old) == 0;
	(void)fcntl(master_fd, F_SETFL, O_NONBLOCK);
	oci_relay_resize(relay);
	return relay;
}

void oci_relay_resize(struct oci_relay *relay)
{
	struct winsize size;

	if (!relay->is_terminal)
		return;
	relay_raw(relay);
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(relay->master_fd, TIOCSWINSZ, &size); /* it may have ended */
}

size_t oci_relay_poll(struct oci_relay *relay, struct pollfd *fds)
{
	bool room = relay->output.len == 0;

	fds[0] = (struct pollfd){
		.fd = relay->output_ended ? -1 : relay->master_fd,
		.events = (short)((room ? POLLIN : 0) | (relay->input.len ? POLLOUT : 0)),
	};
	fds[1] = (struct pollfd){
		.fd = relay->input_ended || relay->input.len ? -1 : STDIN_FILENO,
		.events = POLLIN,
	};
	fds[2] = (struct pollfd){
		.fd = relay->output.len ? STDOUT_FILENO : -1,
		.events = POLLOUT,
	};
	return 3;
}

static void buffer_fill(struct relay_buffer *buffer, int fd, bool *ended)
{
	ssize_t n = read(fd, buffer->data, sizeof(buffer->data));

	buffer->start = 0;
	if (n > 0)
		buffer->len = (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		*ended = true; /* EIO: the other end of the terminal is closed */
}

static void buffer_drain(struct relay_buffer *buffer, int fd)
{
	ssize_t n = write(fd, buffer->data + buffer->start, buffer->len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Nobody reads any more: what is left is dropped, the container goes on. */
	if (n < 0)
		n = (ssize_t)buffer->len;
	buffer->start += (size_t)n;
	buffer->len -= (size_t)n;
}

void oci_relay_step(struct oci_relay *relay, const struct pollfd *fds)
{
	if (fds[0].revents & (POLLIN | POLLHUP | POLLERR) && relay->output.len == 0)
		buffer_fill(&relay->output, relay->master_fd, &relay->output_ended);
	if (fds[1].revents) {
		buffer_fill(&relay->input, STDIN_FILENO, &relay->input_ended);
		/* A terminal knows no end of file but the character. */
		if (relay->input_ended && relay->input.len == 0) {
			relay->input.data[0] = 4;
			relay->input.start = 0;
			relay->input.len = 1;
		}
	}
	if (relay->input.len && !relay->output_ended)
		buffer_drain(&relay->input, relay->master_fd);
	if (relay->output.len)
		buffer_drain(&relay->output, STDOUT_FILENO);
}

void oci_relay_end(struct oci_relay *relay)
{
	if (!relay)
		return;
	/* What it wrote last is still in the terminal. */
	while (!relay->output_ended) {
		if (relay->output.len == 0) {
			size_t before = relay->output.len;

			buffer_fill(&relay->output, relay->master_fd, &relay->output_ended);
			if (relay->output.len == before)
				break;
		}
		while (relay->output.len)
			buffer_drain(&relay->output, STDOUT_FILENO);
	}
	if (relay->is_terminal)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &relay->old); /* may be hung up */
	free(relay);
}
