#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/journal.h"
#include "monitor/program/state.h"

#define LOG_FILES_MAX 1000

static const char *const stream_names[] = {"stdin", "stdout", "stderr"};

static void log_turn_off(struct monitor *m, int why)
{
	char data[128];
	struct text text = {.data = data, .capacity = sizeof(data)};

	(void)close(m->log.fd); /* nothing is lost that was not lost before */
	m->log.fd = -1;
	m->log.errnum = why;
	text_add(&text, "the container's log was turned off: ");
	text_add(&text, strerror(why));
	clients_notice(m, PROTOCOL_NOTICE_LOG_OFF, data);
}

void monitor_log_open(struct monitor *m)
{
	struct stat st;

	m->log.fd = m->handover.log_driver == LOG_DRIVER_NONE ? -1 : m->handover.log_fd;
	m->log.driver = (enum monitor_log_driver)m->handover.log_driver;
	if (m->log.fd >= 0 && fstat(m->log.fd, &st) == 0)
		m->log.size_bytes = (uint64_t)st.st_size;
}

static int log_create(struct monitor *m)
{
	return openat(m->handover.container_dir_fd, "log",
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

int monitor_log_reopen(struct monitor *m)
{
	struct stat st;
	int fd;

	if (m->log.driver == LOG_DRIVER_NONE)
		return 0;
	fd = m->log.driver == LOG_DRIVER_JOURNALD ? journal_connect() : log_create(m);
	if (fd < 0)
		return -1;
	if (m->log.fd >= 0)
		(void)close(m->log.fd); /* the new one is what counts */
	m->log.fd = fd;
	m->log.errnum = 0;
	m->log.size_bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

static char *numbered(char out[16], uint32_t number)
{
	struct text text = {.data = out, .capacity = 16};

	text_add(&text, "log.");
	text_add_uint(&text, number);
	return out;
}

/* log -> log.1 -> log.2 ..., the oldest goes. With one file, it starts again empty; the old one is
 * unlinked, not truncated, so that a reader finishes what it has open. */
static void log_rotate(struct monitor *m)
{
	int dir_fd = m->handover.container_dir_fd;
	uint32_t files = m->handover.log_max_files;
	char from[16], to[16];

	if (files > LOG_FILES_MAX)
		files = LOG_FILES_MAX;
	for (uint32_t i = files; i > 2; i--)
		(void)renameat(dir_fd, numbered(from, i - 2), dir_fd,
			numbered(to, i - 1)); /* most often there is none */
	if (files > 1 ? renameat(dir_fd, "log", dir_fd, "log.1") < 0
		      : unlinkat(dir_fd, "log", 0) < 0 && errno != ENOENT) {
		log_turn_off(m, errno);
		return;
	}
	if (monitor_log_reopen(m) < 0)
		log_turn_off(m, errno);
}

static void log_append(struct monitor *m, const uint8_t *data, size_t len)
{
	size_t done = 0;

	if (m->handover.log_max_size_bytes && m->log.size_bytes &&
		m->log.size_bytes + len > m->handover.log_max_size_bytes)
		log_rotate(m);
	while (m->log.fd >= 0 && done < len) {
		ssize_t n = write(m->log.fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int why = errno;

			/* no half record at the end */
			if (done)
				(void)ftruncate(m->log.fd, (off_t)m->log.size_bytes);
			log_turn_off(m, why);
			return;
		}
		done += (size_t)n;
	}
	m->log.size_bytes += len;
}

void monitor_log_write(struct monitor *m, int stream, const uint8_t *data, size_t len)
{
	struct timespec now;

	if (m->log.fd < 0)
		return;
	if (m->log.driver == LOG_DRIVER_JOURNALD) {
		int why = monitor_journal_write(m, stream, data, len);

		if (why)
			log_turn_off(m, why);
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
	while (len) {
		size_t used, n = log_format(m->log.driver, stream_names[stream], &now,
				     &m->log.carry[stream], data, len, (char *)m->buffers->log,
				     sizeof(m->buffers->log), &used);

		if (n)
			log_append(m, m->buffers->log, n);
		data += used;
		len -= used;
	}
}

void monitor_log_end(struct monitor *m, int stream)
{
	static const uint8_t broken[] = {0xff};

	/* The begin of a character whose rest never came: U+FFFD, as any byte that is no UTF-8. */
	if (!m->log.carry[stream].count)
		return;
	m->log.carry[stream].count = 0;
	monitor_log_write(m, stream, broken, sizeof(broken));
}
