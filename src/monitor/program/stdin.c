#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "monitor/program/state.h"

/*
 * The container's stdin. A client sends one message and waits for the answer. What the pipe or
 * terminal does not take at once stays in buffers->stdin_, which belongs to one client at a time;
 * others are told BUSY and, when it is free, READY.
 */

static void reply(struct monitor *m, unsigned int index, enum protocol_stdin what)
{
	client_send(m, index, PROTOCOL_STDIN_REPLY, what, 0, NULL, 0, NULL, 0);
}

static void stdin_close_now(struct monitor *m)
{
	m->stdin_start = m->stdin_len = 0;
	m->stdin_close_wanted = false;
	source_close(m, &m->stdin_fd);
}

/* Bytes written; less than LEN: no room, or the stdin was closed. */
static size_t stdin_write(struct monitor *m, const uint8_t *data, size_t len)
{
	size_t done = 0;

	while (m->stdin_fd >= 0 && done < len) {
		ssize_t n = write(m->stdin_fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			/* EPIPE, EIO: nobody will read it any more. A terminal may be opened again.
			 */
			if (!(m->handover.flags & MONITOR_TERMINAL))
				stdin_close_now(m);
			return len;
		}
		done += (size_t)n;
	}
	return done;
}

void stdin_message(struct monitor *m, unsigned int index, const uint8_t *data, size_t len)
{
	size_t done;

	if (m->stdin_fd < 0 || m->stdin_close_wanted) {
		reply(m, index, PROTOCOL_STDIN_CLOSED);
		return;
	}
	if (m->stdin_len) {
		client_at(m, index)->flags |= CLIENT_STDIN_REFUSED;
		reply(m, index, PROTOCOL_STDIN_BUSY);
		return;
	}
	done = stdin_write(m, data, len);
	if (m->stdin_fd < 0) {
		reply(m, index, PROTOCOL_STDIN_CLOSED);
		return;
	}
	if (done == len) {
		reply(m, index, PROTOCOL_STDIN_ACCEPTED);
		return;
	}
	m->stdin_start = 0;
	m->stdin_len = len - done;
	m->stdin_client = (int)index + 1;
	memcpy(m->buffers->stdin_, data + done, len - done);
	(void)source_add(m, m->stdin_fd, EPOLLOUT, SOURCE_STDIN, 0, 0);
}

void stdin_event(struct monitor *m)
{
	int sender = m->stdin_client;
	size_t done;

	if (m->stdin_fd < 0 || !m->stdin_len)
		return;
	done = stdin_write(m, m->buffers->stdin_ + m->stdin_start, m->stdin_len);
	if (m->stdin_fd >= 0 && done < m->stdin_len) {
		m->stdin_start += done;
		m->stdin_len -= done;
		return;
	}
	m->stdin_len = 0;
	m->stdin_client = 0;
	if (m->stdin_fd >= 0)
		(void)epoll_ctl(m->epoll_fd, EPOLL_CTL_DEL, m->stdin_fd, NULL);
	if (m->stdin_fd >= 0 && m->stdin_close_wanted)
		stdin_close_now(m);
	if (sender)
		reply(m, (unsigned int)sender - 1,
			m->stdin_fd >= 0 ? PROTOCOL_STDIN_ACCEPTED : PROTOCOL_STDIN_CLOSED);
	for (unsigned int i = 0; i < m->client_high; i++)
		if (client_at(m, i)->fd_plus_one &&
			(client_at(m, i)->flags & CLIENT_STDIN_REFUSED)) {
			client_at(m, i)->flags &= (uint8_t)~CLIENT_STDIN_REFUSED;
			reply(m, i, PROTOCOL_STDIN_READY);
		}
}

void stdin_close(struct monitor *m)
{
	/* A terminal has no end of file; its client types one. */
	if (m->handover.flags & MONITOR_TERMINAL)
		return;
	if (m->stdin_len)
		m->stdin_close_wanted = true;
	else
		stdin_close_now(m);
}
