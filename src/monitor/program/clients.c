#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/program/state.h"

/*
 * Connections. A message to a client is sent without waiting. Output may fill only a part of a
 * socket's buffer (see output_room()), so that short answers always find room in it; a peer for
 * which even they do not fit reads nothing and is dropped.
 */

#define TAIL_MAX (8u << 20)

static void close_fds(int *fds)
{
	for (int i = 0; i < PROTOCOL_FDS_MAX; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]); /* received and not wanted */
}

int client_add(struct monitor *m, int fd, enum client_role role)
{
	unsigned int index = 0;
	struct client *client;

	while (index < CLIENT_MAX && client_at(m, index)->fd_plus_one)
		index++;
	if (index == CLIENT_MAX)
		return -1;
	client = client_at(m, index);
	*client = (struct client){
		.fd_plus_one = fd + 1,
		.generation = (uint16_t)(client->generation + 1),
		.role = (uint8_t)role,
	};
	if (source_add(m, fd, EPOLLIN, SOURCE_CLIENT, index, client->generation) < 0) {
		client->fd_plus_one = 0;
		return -1;
	}
	if (index >= m->client_high)
		m->client_high = index + 1;
	m->client_count++;
	return (int)index;
}

void client_drop(struct monitor *m, unsigned int index)
{
	struct client *client = client_at(m, index);
	int fd = client_fd(client);
	char byte;

	if (fd < 0)
		return;
	client->fd_plus_one = 0;
	m->client_count--;
	/* Closed with something unread (the HELLO of a client whose container ended at once), a
	 * unix socket throws away what the peer has yet to read and tells it ECONNRESET instead. */
	(void)shutdown(fd, SHUT_RD);
	while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
	source_close(m, &fd);
	if (m->stdin_client == (int)index + 1)
		m->stdin_client = 0;
	if (client->exec)
		exec_client_gone(m, client->exec - 1u);
	if (m->lossless == (int)index + 1) {
		m->lossless = 0;
		m->tail.len = 0;
		/* docker's StdinOnce: the stdin of a foreground run ends with its client. */
		if (!(client->flags & CLIENT_DETACHED) && !m->ended)
			stdin_close(m);
		output_resume(m);
	}
}

static int peer_is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return 0;
	return peer.uid == geteuid() || peer.uid == 0;
}

static void accept_one(struct monitor *m, int listen_fd, enum client_role role)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		/* Else the waiting connection would keep the loop spinning. */
		source_close(m, &m->null_fd);
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			(void)close(fd);
		m->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		return;
	}
	if (fd < 0)
		return;
	if (!peer_is_ours(fd) || client_add(m, fd, role) < 0)
		(void)close(fd); /* the peer sees end of file */
}

void clients_accept(struct monitor *m)
{
	accept_one(m, m->handover.listen_fd, CLIENT_NEW);
}

void clients_accept_userns(struct monitor *m)
{
	accept_one(m, m->handover.userns_listen_fd, CLIENT_USERNS);
}

static bool tail_add(struct tail *tail, const void *data, size_t len)
{
	if (tail->start + tail->len + len > tail->capacity) {
		size_t capacity = tail->capacity ? tail->capacity * 2 : 256u << 10;
		uint8_t *fresh;

		while (capacity < tail->start + tail->len + len)
			capacity *= 2;
		if (capacity > TAIL_MAX)
			return false;
		fresh = mmap(
			NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (fresh == MAP_FAILED)
			return false;
		if (tail->data) {
			memcpy(fresh, tail->data + tail->start, tail->len);
			(void)munmap(tail->data, tail->capacity);
		}
		tail->data = fresh;
		tail->start = 0;
		tail->capacity = capacity;
	}
	memcpy(tail->data + tail->start + tail->len, data, len);
	tail->len += len;
	return true;
}

void client_send(struct monitor *m, unsigned int index, enum protocol_type type, int value,
	int value2, const void *payload, size_t len, const int *fds, size_t fd_count)
{
	struct client *client = client_at(m, index);
	struct protocol_header header = {
		.type = type,
		.length = (uint32_t)len,
		.value = value,
		.value2 = value2,
	};
	bool to_tail = m->ended && m->lossless == (int)index + 1;

	if (!client->fd_plus_one)
		return;
	if (!(to_tail && m->tail.len) && protocol_send(client_fd(client), &header, payload, fds,
						 fd_count, MSG_DONTWAIT) == 0)
		return;
	if (to_tail && (m->tail.len || errno == EAGAIN) &&
		tail_add(&m->tail, &header, sizeof(header)) && tail_add(&m->tail, payload, len))
		return;
	client_drop(m, index);
}

bool clients_flush_tail(struct monitor *m)
{
	struct tail *tail = &m->tail;

	while (m->lossless && tail->len) {
		unsigned int index = (unsigned int)m->lossless - 1;
		struct protocol_header header;

		memcpy(&header, tail->data + tail->start, sizeof(header));
		if (protocol_send(client_fd(client_at(m, index)), &header,
			    tail->data + tail->start + sizeof(header), NULL, 0, MSG_DONTWAIT) < 0) {
			if (errno == EAGAIN)
				return false;
			client_drop(m, index);
			break;
		}
		tail->start += sizeof(header) + header.length;
		tail->len -= sizeof(header) + header.length;
	}
	return true;
}

/* Is there room for another chunk of output, so that short messages still find some afterwards? */
static bool output_room(struct monitor *m, unsigned int index)
{
	int fd = client_fd(client_at(m, index)), queued = 0, size = 0;
	socklen_t len = sizeof(size);

	if (ioctl(fd, SIOCOUTQ, &queued) < 0)
		return true;
	if (m->lossless != (int)index + 1)
		return queued < (int)PROTOCOL_BEHIND_MAX;
	/* EPOLLOUT comes when a quarter is left: half as the limit makes it an event to come. */
	return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0 || queued < size / 2;
}

static void cut_off(struct monitor *m, unsigned int index)
{
	static const char text[] = "the client is too far behind the container's output";

	client_send(m, index, PROTOCOL_NOTICE, PROTOCOL_NOTICE_CUT_OFF, 0, text, sizeof(text) - 1,
		NULL, 0);
	client_drop(m, index);
}

bool clients_output(struct monitor *m, int stream, const uint8_t *data, size_t len)
{
	bool taken = true;

	for (unsigned int i = 0; i < m->client_high; i++) {
		struct client *client = client_at(m, i);

		if (!client->fd_plus_one || !(client->streams & (1u << stream)))
			continue;
		if (m->ended || output_room(m, i)) {
			client_send(m, i, PROTOCOL_DATA, stream, 0, data, len, NULL, 0);
		} else if (m->lossless == (int)i + 1) {
			client->flags |= CLIENT_WRITABLE_WANTED;
			source_change(m, client_fd(client), EPOLLIN | EPOLLOUT, SOURCE_CLIENT, i,
				client->generation);
			taken = false;
		} else {
			cut_off(m, i);
		}
	}
	return taken;
}

void clients_notice(struct monitor *m, enum protocol_notice notice, const char *text)
{
	for (unsigned int i = 0; i < m->client_high; i++)
		if (client_at(m, i)->fd_plus_one && client_at(m, i)->streams)
			client_send(m, i, PROTOCOL_NOTICE, notice, 0, text, strlen(text), NULL, 0);
}

void clients_refuse_rest(struct monitor *m)
{
	static const char text[] = "the container has ended";

	for (unsigned int i = 0; i < m->client_high; i++)
		if (client_at(m, i)->fd_plus_one && !(client_at(m, i)->flags & CLIENT_TOLD) &&
			!client_at(m, i)->exec)
			client_send(
				m, i, PROTOCOL_ERROR, ESRCH, 0, text, sizeof(text) - 1, NULL, 0);
}

void clients_report_exit(struct monitor *m)
{
	for (unsigned int i = 0; i < m->client_high; i++) {
		struct client *client = client_at(m, i);

		if (!client->fd_plus_one || (client->flags & CLIENT_TOLD))
			continue;
		/* The command that started us is attached before its HELLO has come. */
		if (client->role != CLIENT_ATTACH && !(client->flags & CLIENT_WAITS) &&
			!(client->role == CLIENT_NEW && client->streams))
			continue;
		client->flags |= CLIENT_TOLD;
		client_send(m, i, PROTOCOL_EXITED, m->exit_code, m->exit_signal, NULL, 0, NULL, 0);
	}
}

static void answer(struct monitor *m, unsigned int index, int result)
{
	const char *text;
	int why = errno;

	/* Only a control client waits for answers. */
	if (client_at(m, index)->role != CLIENT_CONTROL)
		return;
	if (result >= 0) {
		client_send(m, index, PROTOCOL_OK, 0, 0, NULL, 0, NULL, 0);
		return;
	}
	text = strerror(why);
	client_send(m, index, PROTOCOL_ERROR, why, 0, text, strlen(text), NULL, 0);
}

static int signal_send(int pidfd, int number)
{
	if (number < 1 || number > 64) {
		errno = EINVAL;
		return -1;
	}
	if (pidfd < 0) {
		errno = ESRCH;
		return -1;
	}
	return (int)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
}

static int resize(int terminal_fd, int rows, int columns)
{
	struct winsize size = {.ws_row = (uint16_t)rows, .ws_col = (uint16_t)columns};

	if (rows < 0 || rows > UINT16_MAX || columns < 0 || columns > UINT16_MAX) {
		errno = EINVAL;
		return -1;
	}
	return ioctl(terminal_fd, TIOCSWINSZ, &size);
}

static int container_resize(struct monitor *m, int rows, int columns)
{
	if (!(m->handover.flags & MONITOR_TERMINAL)) {
		errno = ENOTTY;
		return -1;
	}
	return resize(m->stdin_fd, rows, columns);
}

static int container_pause(struct monitor *m, int value)
{
	ssize_t n;
	int fd;

	if (m->handover.cgroup_fd < 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	fd = openat(m->handover.cgroup_fd, "cgroup.freeze", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = write(fd, value ? "1" : "0", 1);
	(void)close(fd); /* cgroupfs writes at once */
	if (n < 0)
		return -1;
	m->paused = value;
	return 0;
}

static void container_signal(struct monitor *m, unsigned int index, int number)
{
	/* A foreground run's Ctrl-C or SIGTERM is meant to end it, restart policy or not. */
	if (client_at(m, index)->role == CLIENT_ATTACH &&
		(number == SIGINT || number == SIGTERM || number == SIGQUIT || number == SIGKILL ||
			number == (int)m->handover.stop_signal))
		m->stopping = true;
	answer(m, index, signal_send(m->handover.init_pidfd, number));
}

static void hello(struct monitor *m, unsigned int index, const struct protocol_hello *hello_)
{
	static const char text[] = "the container's monitor and this pod are different versions; "
				   "restart the container";
	struct client *client = client_at(m, index);
	struct protocol_welcome welcome = {
		.version = PROTOCOL_VERSION,
		.init_pid = m->handover.init_pid,
	};

	if (hello_->magic != PROTOCOL_MAGIC || hello_->version != PROTOCOL_VERSION ||
		hello_->role < PROTOCOL_ROLE_ATTACH || hello_->role > PROTOCOL_ROLE_CONTROL) {
		client_send(m, index, PROTOCOL_ERROR, EPROTO, 0, text, sizeof(text) - 1, NULL, 0);
		client_drop(m, index);
		return;
	}
	if (m->handover.flags & MONITOR_TERMINAL)
		welcome.flags |= PROTOCOL_HAS_TERMINAL;
	if (m->stdin_fd >= 0)
		welcome.flags |= PROTOCOL_HAS_STDIN;
	client->role = (uint8_t)hello_->role;
	client->streams = client->role == CLIENT_ATTACH ? (uint8_t)(hello_->streams & 7) : 0;
	if (client->role == CLIENT_ATTACH && m->lossless != (int)index + 1) {
		int size = PROTOCOL_BEHIND_MAX;

		/* The kernel doubles it, within its limit. */
		(void)setsockopt(client_fd(client), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	if (client->role == CLIENT_ATTACH && hello_->rows && hello_->columns)
		(void)container_resize(m, hello_->rows, hello_->columns);
	client_send(m, index, PROTOCOL_WELCOME, 0, 0, &welcome, sizeof(welcome), NULL, 0);
}

static void namespace_request(struct monitor *m, unsigned int index, int type)
{
	int fd = type >= 0 && type < NAMESPACE_COUNT ? m->handover.namespace_fds[type] : -1;

	if (fd < 0) {
		errno = ENOENT;
		answer(m, index, -1);
		return;
	}
	client_send(m, index, PROTOCOL_NAMESPACE, type, 0, NULL, 0, &fd, 1);
}

/* A new container's monitor runs from the same copy: see monitor_program_open(). */
static void program_request(struct monitor *m, unsigned int index)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		answer(m, index, -1);
		return;
	}
	client_send(m, index, PROTOCOL_PROGRAM, 0, 0, NULL, 0, &fd, 1);
	(void)close(fd);
}

static void status_request(struct monitor *m, unsigned int index)
{
	struct protocol_status status = {
		.init_pid = m->handover.init_pid,
		.flags = m->paused ? PROTOCOL_STATUS_PAUSED : 0,
		.clients = m->client_count,
		.log_errnum = m->log.errnum,
		.started_realtime_ns = m->handover.started_realtime_ns,
	};

	for (unsigned int i = 0; i < m->exec_high; i++)
		if (exec_at(m, i)->state == EXEC_STARTING || exec_at(m, i)->state == EXEC_RUNNING)
			status.execs++;
	client_send(m, index, PROTOCOL_STATUS, 0, 0, &status, sizeof(status), NULL, 0);
}

static void health_request(struct monitor *m, unsigned int index)
{
	if (!(m->handover.policy.flags & POLICY_HEALTH)) {
		errno = EOPNOTSUPP;
		answer(m, index, -1);
		return;
	}
	/* Answered by clients_report_health(). */
	client_at(m, index)->flags |= CLIENT_WAITS_HEALTH;
	health_probe(m);
}

static void update_request(struct monitor *m, unsigned int index, const void *payload)
{
	struct monitor_policy policy;

	memcpy(&policy, payload, sizeof(policy));
	if (policy.restart > MONITOR_RESTART_ALWAYS || policy.health_action > HEALTH_ACTION_STOP) {
		errno = EINVAL;
		answer(m, index, -1);
		return;
	}
	m->handover.policy = policy;
	if (policy.flags & POLICY_HEALTH_CHANGED)
		health_begin(m);
	answer(m, index, 0);
}

void clients_report_health(struct monitor *m, int exit_code)
{
	for (unsigned int i = 0; i < m->client_high; i++) {
		struct client *client = client_at(m, i);

		if (!client->fd_plus_one || !(client->flags & CLIENT_WAITS_HEALTH))
			continue;
		client->flags &= (uint8_t)~CLIENT_WAITS_HEALTH;
		client_send(m, i, PROTOCOL_HEALTHCHECK, exit_code, 0, NULL, 0, NULL, 0);
	}
}

/* Requests about an exec session; a session's own client names none. */
static void exec_message(struct monitor *m, unsigned int index, struct exec *exec,
	const struct protocol_header *header)
{
	struct protocol_exec_status status = {0};

	if (!exec) {
		errno = ESRCH;
		answer(m, index, -1);
		return;
	}
	switch (header->type) {
	case PROTOCOL_RESIZE:
	case PROTOCOL_EXEC_RESIZE:
		if (!(exec->flags & PROTOCOL_EXEC_TERMINAL) || exec->output_fd < 0) {
			errno = ENOTTY;
			answer(m, index, -1);
			return;
		}
		answer(m, index, resize(exec->output_fd, header->value, header->value2));
		return;
	case PROTOCOL_SIGNAL:
	case PROTOCOL_EXEC_SIGNAL:
		answer(m, index,
			signal_send(exec->state == EXEC_RUNNING ? exec->pidfd : -1, header->value));
		return;
	default:
		status.running = exec->state != EXEC_ENDED;
		status.pid = exec->pid;
		status.exit_code = exec->exit_code;
		client_send(m, index, PROTOCOL_EXEC_STATUS, 0, 0, &status, sizeof(status), NULL, 0);
	}
}

/* What each role may send, besides HELLO as the first. */
static const uint32_t allowed[] = {
	[CLIENT_NEW] = 1u << PROTOCOL_HELLO,
	[CLIENT_ATTACH] = 1u << PROTOCOL_STDIN | 1u << PROTOCOL_CLOSE_STDIN |
			  1u << PROTOCOL_DETACH | 1u << PROTOCOL_RESIZE | 1u << PROTOCOL_SIGNAL,
	[CLIENT_EXEC] = 1u << PROTOCOL_EXEC | 1u << PROTOCOL_RESIZE | 1u << PROTOCOL_SIGNAL,
	[CLIENT_CONTROL] =
		1u << PROTOCOL_HELLO | 1u << PROTOCOL_SIGNAL | 1u << PROTOCOL_RESIZE |
		1u << PROTOCOL_CLOSE_STDIN | 1u << PROTOCOL_PAUSE | 1u << PROTOCOL_REOPEN_LOG |
		1u << PROTOCOL_WAIT | 1u << PROTOCOL_HEALTHCHECK | 1u << PROTOCOL_NAMESPACE |
		1u << PROTOCOL_PROGRAM | 1u << PROTOCOL_STATUS | 1u << PROTOCOL_EXEC_STATUS |
		1u << PROTOCOL_EXEC_RESIZE | 1u << PROTOCOL_EXEC_SIGNAL | 1u << PROTOCOL_UPDATE,
};

static void client_message(struct monitor *m, unsigned int index, int *fds)
{
	struct client *client = client_at(m, index);
	const struct protocol_header *header = (const void *)m->buffers->message;
	const uint8_t *payload = m->buffers->message + sizeof(*header);

	if (!(allowed[client->role] & (1u << header->type))) {
		client_drop(m, index);
		return;
	}
	switch ((enum protocol_type)header->type) {
	case PROTOCOL_HELLO:
		hello(m, index, (const void *)payload);
		return;
	case PROTOCOL_STDIN:
		stdin_message(m, index, payload, header->length);
		return;
	case PROTOCOL_CLOSE_STDIN:
		/* docker: the stdin of a detached container stays open for the next client. */
		if (client->role == CLIENT_CONTROL || (m->handover.flags & MONITOR_LOSSLESS))
			stdin_close(m);
		answer(m, index, 0);
		return;
	case PROTOCOL_DETACH:
		client->flags |= CLIENT_DETACHED;
		return;
	case PROTOCOL_RESIZE:
		if (client->role == CLIENT_EXEC)
			exec_message(m, index, client->exec ? exec_at(m, client->exec - 1) : NULL,
				header);
		else
			answer(m, index, container_resize(m, header->value, header->value2));
		return;
	case PROTOCOL_SIGNAL:
		if (client->role == CLIENT_EXEC)
			exec_message(m, index, client->exec ? exec_at(m, client->exec - 1) : NULL,
				header);
		else
			container_signal(m, index, header->value);
		return;
	case PROTOCOL_EXEC:
		if (client->exec)
			client_drop(m, index);
		else
			exec_request(m, index, (const void *)payload, fds[0]);
		return;
	case PROTOCOL_EXEC_RESIZE:
	case PROTOCOL_EXEC_SIGNAL:
	case PROTOCOL_EXEC_STATUS:
		if (header->length == PROTOCOL_ID_LENGTH)
			exec_message(m, index, exec_find(m, payload), header);
		else
			client_drop(m, index);
		return;
	case PROTOCOL_WAIT:
		client->flags |= CLIENT_WAITS;
		return;
	case PROTOCOL_PAUSE:
		answer(m, index, container_pause(m, header->value));
		return;
	case PROTOCOL_REOPEN_LOG:
		answer(m, index, monitor_log_reopen(m));
		return;
	case PROTOCOL_STATUS:
		status_request(m, index);
		return;
	case PROTOCOL_HEALTHCHECK:
		health_request(m, index);
		return;
	case PROTOCOL_UPDATE:
		update_request(m, index, payload);
		return;
	case PROTOCOL_PROGRAM:
		program_request(m, index);
		return;
	case PROTOCOL_NAMESPACE:
		namespace_request(m, index, header->value);
		return;
	default: /* not in allowed[] */
		client_drop(m, index);
	}
}

/* The other socket: one byte 'U' is answered with one byte and the user namespace. */
static void userns_message(struct monitor *m, unsigned int index)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	int fd = client_fd(client_at(m, index));
	int userns_fd = m->handover.base_userns_fd >= 0 ? m->handover.base_userns_fd
							: m->handover.namespace_fds[NAMESPACE_USER];
	char byte = 0;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	if (recv(fd, &byte, 1, MSG_DONTWAIT) == 1 && byte == 'U' && userns_fd >= 0) {
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &userns_fd, sizeof(int));
		(void)sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL); /* else it makes its own */
	}
	client_drop(m, index);
}

void client_event(struct monitor *m, unsigned int index, uint32_t events)
{
	struct client *client = client_at(m, index);
	int fds[PROTOCOL_FDS_MAX];
	ssize_t n;

	if (client->role == CLIENT_USERNS) {
		userns_message(m, index);
		return;
	}
	if ((events & EPOLLOUT) && (client->flags & CLIENT_WRITABLE_WANTED)) {
		uint16_t generation = client->generation;

		client->flags &= (uint8_t)~CLIENT_WRITABLE_WANTED;
		source_change(m, client_fd(client), EPOLLIN, SOURCE_CLIENT, index, generation);
		client_send(m, index, PROTOCOL_DATA, m->output_pending_stream, 0,
			m->buffers->output, m->output_pending, NULL, 0);
		output_resume(m);
		if (!client->fd_plus_one || client->generation != generation)
			return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = protocol_receive(client_fd(client), m->buffers->message, sizeof(m->buffers->message),
		fds, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		client_drop(m, index);
		return;
	}
	client_message(m, index, fds);
	close_fds(fds);
}
