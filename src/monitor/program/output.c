#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "monitor/program/state.h"

/* The most that is taken from one stream after the container's end: what a pipe can hold. More can
 * only come from a process that shares no pid namespace with the container. */
#define OUTPUT_FINISH_MAX (1u << 20)

static void output_watch(struct monitor *m, int stream)
{
	if (m->output_fd[stream] >= 0)
		(void)source_add(
			m, m->output_fd[stream], EPOLLIN, SOURCE_OUTPUT, (unsigned int)stream, 0);
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void output_start(struct monitor *m)
{
	bool terminal = m->handover.flags & MONITOR_TERMINAL;

	m->output_fd[0] = -1;
	m->output_fd[1] = terminal ? m->handover.terminal_fd : m->handover.stdout_fd;
	m->output_fd[2] = terminal ? -1 : m->handover.stderr_fd;
	m->stdin_fd = terminal ? -1 : m->handover.stdin_fd;
	/* A descriptor of its own, so that stdin's readiness is a source of its own. */
	if (terminal && m->handover.terminal_fd >= 0)
		m->stdin_fd = fcntl(m->handover.terminal_fd, F_DUPFD_CLOEXEC, 3);
	for (int i = 1; i <= 2; i++)
		if (m->output_fd[i] >= 0)
			(void)set_nonblocking(m->output_fd[i]); /* cannot fail on a pipe or pty */
	if (m->stdin_fd >= 0)
		(void)set_nonblocking(m->stdin_fd);
	output_watch(m, 1);
	output_watch(m, 2);
}

/* False: nothing more for now. */
static bool output_read(struct monitor *m, int stream)
{
	ssize_t n = read(m->output_fd[stream], m->buffers->output, sizeof(m->buffers->output));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		/* End of file; EIO: nobody in the container has the terminal open any more. */
		monitor_log_end(m, stream);
		source_close(m, &m->output_fd[stream]);
		return false;
	}
	monitor_log_write(m, stream, m->buffers->output, (size_t)n);
	if (!clients_output(m, stream, m->buffers->output, (size_t)n)) {
		m->output_pending = (size_t)n;
		m->output_pending_stream = stream;
	}
	return true;
}

void output_event(struct monitor *m, int stream)
{
	if (m->output_fd[stream] < 0 || m->output_paused)
		return;
	if (!output_read(m, stream) || !m->output_pending)
		return;
	/* Out of the loop altogether: a hang-up is reported whatever is asked for. */
	m->output_paused = true;
	for (int i = 1; i <= 2; i++)
		if (m->output_fd[i] >= 0)
			(void)epoll_ctl(m->epoll_fd, EPOLL_CTL_DEL, m->output_fd[i], NULL);
}

void output_resume(struct monitor *m)
{
	if (!m->output_paused)
		return;
	m->output_paused = false;
	m->output_pending = 0;
	output_watch(m, 1);
	output_watch(m, 2);
}

void output_finish(struct monitor *m)
{
	/* What is pending goes to the tail first: sending again with the container ended does that.
	 */
	if (m->output_pending) {
		size_t len = m->output_pending;

		m->output_pending = 0;
		if (m->lossless)
			client_send(m, (unsigned int)m->lossless - 1, PROTOCOL_DATA,
				m->output_pending_stream, 0, m->buffers->output, len, NULL, 0);
	}
	for (int i = 1; i <= 2; i++) {
		size_t left = OUTPUT_FINISH_MAX / sizeof(m->buffers->output) + 1;

		while (left-- && m->output_fd[i] >= 0 && output_read(m, i))
			;
		monitor_log_end(m, i);
		source_close(m, &m->output_fd[i]);
	}
}
