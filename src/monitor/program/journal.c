#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "monitor/journal.h"
#include "monitor/program/state.h"

/* How long a journal that takes nothing is waited for, once: until it takes a message again, all
 * others are counted and dropped. The container is never held up for longer. */
#define JOURNAL_WAIT_MS 1000

/* In buffers->log: there from one message to the next, unless the loop was idle (all zeroes) or an
 * event was written (text). */
#define FIELDS_MAGIC 0xf1e1d5ffu
struct fields {
	uint32_t magic, len;
	uint8_t data[JOURNAL_FIELDS_MAX];
};

_Static_assert(sizeof(struct fields) <= sizeof(((struct buffers *)NULL)->log), "fields fit");

static const struct fields *fields_read(struct monitor *m)
{
	struct fields *fields = (struct fields *)(void *)m->buffers->log;
	ssize_t n;
	int fd, why;

	if (fields->magic == FIELDS_MAGIC)
		return fields;
	fd = openat(m->handover.container_dir_fd, CONTAINER_JOURNAL_FILE,
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	n = read(fd, fields->data, sizeof(fields->data));
	why = n < 0 ? errno : EINVAL;
	(void)close(fd);
	if (n <= 0) {
		errno = why;
		return NULL;
	}
	fields->magic = FIELDS_MAGIC;
	fields->len = (uint32_t)n;
	return fields;
}

/* The socket was made anew. */
static bool reconnect(struct monitor *m)
{
	int fd = journal_connect();

	if (fd < 0)
		return false;
	(void)close(m->log.fd);
	m->log.fd = fd;
	return true;
}

/* Returns: 0, or an errno; EAGAIN: the journal takes nothing at present. */
static int send_message(struct monitor *m, struct iovec *parts, size_t count)
{
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
	uint64_t end_ms = 0, now_ms;
	bool again = false;

	for (;;) {
		struct pollfd room = {.fd = m->log.fd, .events = POLLOUT};
		int why;

		if (sendmsg(m->log.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
			m->log.stalled = false;
			return 0;
		}
		why = errno;
		if (why == EINTR)
			continue;
		if ((why == ECONNREFUSED || why == ECONNRESET || why == ENOTCONN) && !again) {
			again = true;
			if (!reconnect(m))
				return why;
			continue;
		}
		if (why != EAGAIN && why != ENOBUFS)
			return why;
		if (m->log.stalled)
			return EAGAIN;
		now_ms = monotonic_ms();
		if (!end_ms)
			end_ms = now_ms + JOURNAL_WAIT_MS;
		if (now_ms >= end_ms || poll(&room, 1, (int)(end_ms - now_ms)) == 0) {
			m->log.stalled = true;
			return EAGAIN;
		}
	}
}

static struct iovec part(const void *data, size_t len)
{
	return (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = len};
}

/* A warning in between, which `pod logs` does not take for the container's. */
static int send_lost(struct monitor *m, const struct fields *fields)
{
	char data[96];
	struct text text = {.data = data, .capacity = sizeof(data)};
	struct iovec parts[2];

	text_add(&text, "PRIORITY=4\nMESSAGE=the journal was too busy: messages lost here: ");
	text_add_uint(&text, m->log.lost);
	text_add(&text, "\n");
	parts[0] = part(fields->data, fields->len);
	parts[1] = part(data, text.len);
	return send_message(m, parts, 2);
}

/* One line, or a part of one. */
static int send_line(struct monitor *m, int stream, const uint8_t *data, size_t len, bool partial)
{
	const struct fields *fields = fields_read(m);
	char head_data[80];
	struct text head = {.data = head_data, .capacity = sizeof(head_data)};
	struct iovec parts[4];
	int why = 0;

	if (!fields)
		return errno;
	if (m->log.lost)
		why = send_lost(m, fields);
	if (why == 0) {
		m->log.lost = 0;
		text_add(&head, stream == PROTOCOL_STREAM_STDERR ? "PRIORITY=3\n" : "PRIORITY=6\n");
		if (partial)
			text_add(&head, "CONTAINER_PARTIAL_MESSAGE=true\n");
		text_add(&head, "MESSAGE=");
		parts[0] = part(fields->data, fields->len);
		parts[1] = part(head_data, head.len);
		parts[2] = part(data, len);
		parts[3] = part("\n", 1);
		why = send_message(m, parts, 4);
	}
	if (why != EAGAIN)
		return why;
	m->log.lost++;
	return 0;
}

int monitor_journal_write(struct monitor *m, int stream, const uint8_t *data, size_t len)
{
	while (len) {
		size_t most = len < LOG_PART_MAX ? len : LOG_PART_MAX;
		const uint8_t *newline = memchr(data, '\n', most);
		size_t used = newline ? (size_t)(newline - data) : most;
		int why = send_line(m, stream, data, used, !newline);

		if (why)
			return why;
		used += newline != NULL;
		data += used;
		len -= used;
	}
	return 0;
}
