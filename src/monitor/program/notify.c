#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "monitor/notify.h"
#include "monitor/program/state.h"

/* So many messages of a container are taken at once; the others' turn comes in between. */
#define NOTIFY_BATCH 16

void notify_start(struct monitor *m)
{
	if (m->handover.notify_fd >= 0)
		(void)source_add(m, m->handover.notify_fd, EPOLLIN, SOURCE_NOTIFY, 0, 0);
}

void notify_event(struct monitor *m)
{
	char out[NOTIFY_MESSAGE_MAX + 1];
	char *message = (char *)m->buffers->message;

	for (int i = 0; i < NOTIFY_BATCH; i++) {
		/* Without room for control messages, descriptors in it are closed by the kernel. */
		ssize_t n = recv(m->handover.notify_fd, message, NOTIFY_MESSAGE_MAX, MSG_DONTWAIT);
		size_t len;

		if (n < 0)
			return;
		len = notify_filter(message, (size_t)n, out);
		if (len) /* a manager that is gone or stuck is nothing we can mend */
			(void)notify_send(m->handover.notify_socket, out, len);
	}
}

void notify_finish(struct monitor *m)
{
	if (m->handover.notify_fd < 0)
		return;
	notify_event(m);
	source_close(m, &m->handover.notify_fd);
}

void notify_healthy(struct monitor *m)
{
	static const char ready[] = "READY=1";

	if (m->handover.notify != NOTIFY_HEALTHY || m->told_ready)
		return;
	m->told_ready = true;
	(void)notify_send(m->handover.notify_socket, ready, sizeof(ready) - 1);
}
