#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "monitor/client.h"
#include "monitor/detach.h"
#include "monitor/protocol.h"
#include "runtime/spec.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/signals.h"

/* Most that a pipe takes without blocking once poll(2) says that it is writable. */
#define WRITE_STEP 4096

/* A chunk on its way somewhere. */
struct chunk {
	uint8_t *data;
	size_t start, len;
};

/* One run of attach_run() or exec_run(): everything that is put back at its end. */
struct copier {
	const struct attach_options *opts;
	int monitor_fd, signal_fd;
	int in_fd;         /* exec: the session's stdin or terminal */
	int source_fds[2]; /* exec: the session's stdout or terminal, its stderr */
	bool exec;
	sigset_t old_mask;
	struct sigaction old_pipe;
	struct termios old_terminal;
	int terminal_fd; /* whose mode was changed, -1 */
	struct detach_keys keys;

	struct chunk output; /* for output_fd; nothing is read while it is not empty */
	int output_fd;
	struct chunk input;
	bool input_waiting; /* attach: sent, answer to come */
	bool input_busy;    /* attach: to be sent again after READY */
	bool input_end;     /* nothing more from the user */
	bool exited, lost, detached;
	int exit_code;
	uint8_t *message; /* PROTOCOL_MESSAGE_MAX */
};

static int send_message(
	int fd, enum protocol_type type, int value, int value2, const void *payload, size_t len)
{
	struct protocol_header header = {
		.type = type,
		.length = (uint32_t)len,
		.value = value,
		.value2 = value2,
	};

	return protocol_send(fd, &header, payload, NULL, 0, 0);
}

static int send_hello(int fd, enum protocol_role role, uint32_t streams, const struct winsize *size)
{
	struct protocol_hello hello = {
		.magic = PROTOCOL_MAGIC,
		.version = PROTOCOL_VERSION,
		.role = role,
		.streams = streams,
		.rows = size ? size->ws_row : 0,
		.columns = size ? size->ws_col : 0,
	};

	return send_message(fd, PROTOCOL_HELLO, 0, 0, &hello, sizeof(hello));
}

/* The payload of an ERROR, whose value is an errno. */
static int monitor_error(const struct protocol_header *header, struct error **err)
{
	const char *text = (const char *)(header + 1);

	if (header->value == EPROTO)
		return error_set(err, ERR_REMOTE, "%.*s", (int)header->length, text);
	if (header->value == EOPNOTSUPP)
		return error_set(err, ERR_UNSUPPORTED, "%.*s", (int)header->length, text);
	if (header->value == ENOENT)
		return error_set(err, ERR_NOT_FOUND, "%.*s", (int)header->length, text);
	error_set(err, ERR_SYSTEM, "%.*s", (int)header->length, text);
	(*err)->errnum = header->value;
	return -1;
}

static int monitor_lost(struct error **err)
{
	return error_set(err, ERR_REMOTE, "the container's monitor has gone");
}

static int monitor_odd(struct error **err)
{
	return error_set(err, ERR_REMOTE, "the container's monitor sent something unexpected");
}

void attach_signals(sigset_t *ret)
{
	/* What is no message to a program, what the terminal's driver means for us, and faults. */
	static const int excepted[] = {SIGCHLD, SIGPIPE, SIGURG, SIGKILL, SIGSTOP, SIGTTIN, SIGTTOU,
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

	signals_fill(ret);
	for (size_t i = 0; i < ARRAY_SIZE(excepted); i++)
		sigdelset(ret, excepted[i]);
}

static bool terminal_size(const struct attach_options *opts, struct winsize *ret)
{
	const int fds[] = {opts->stdin_fd, opts->stdout_fd, opts->stderr_fd};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0 && ioctl(fds[i], TIOCGWINSZ, ret) == 0 && ret->ws_row &&
			ret->ws_col)
			return true;
	return false;
}

static void terminal_raw(struct copier *c)
{
	struct termios raw = c->old_terminal;

	cfmakeraw(&raw);
	(void)tcsetattr(c->terminal_fd, TCSANOW, &raw); /* it answered tcgetattr */
}

static int copier_begin(struct copier *c, struct error **err)
{
	const struct attach_options *opts = c->opts;
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	c->signal_fd = c->in_fd = c->source_fds[0] = c->source_fds[1] = c->terminal_fd = -1;
	if (detach_keys_parse(
		    opts->detach_keys ? opts->detach_keys : DETACH_KEYS_DEFAULT, &c->keys, err) < 0)
		return -1;
	if (opts->sig_proxy) {
		attach_signals(&set);
	} else {
		/* Those that would end us with the terminal in raw mode. */
		sigemptyset(&set);
		sigaddset(&set, SIGINT);
		sigaddset(&set, SIGTERM);
		sigaddset(&set, SIGHUP);
		sigaddset(&set, SIGQUIT);
	}
	if (opts->terminal) {
		sigaddset(&set, SIGWINCH);
		sigaddset(&set, SIGCONT);
	}
	c->message = xmalloc(PROTOCOL_MESSAGE_MAX);
	c->input.data = xmalloc(PROTOCOL_DATA_MAX);
	c->output.data = xmalloc(PROTOCOL_DATA_MAX);
	(void)sigprocmask(SIG_BLOCK, &set, &c->old_mask);
	(void)sigaction(SIGPIPE, &ignore, &c->old_pipe);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (c->signal_fd < 0)
		return error_errno(err, errno, "make a signal descriptor");
	if (opts->terminal && opts->stdin_fd >= 0 &&
		tcgetattr(opts->stdin_fd, &c->old_terminal) == 0) {
		c->terminal_fd = opts->stdin_fd;
		terminal_raw(c);
	}
	c->input_end = opts->stdin_fd < 0;
	return 0;
}

static void copier_end(struct copier *c)
{
	int saved = errno;

	if (c->terminal_fd >= 0)
		(void)tcsetattr(c->terminal_fd, TCSANOW, &c->old_terminal); /* may be hung up */
	if (c->signal_fd >= 0) {
		(void)sigaction(SIGPIPE, &c->old_pipe, NULL);
		(void)sigprocmask(SIG_SETMASK, &c->old_mask, NULL);
	}
	close_keep_errno(c->signal_fd);
	close_keep_errno(c->in_fd);
	close_keep_errno(c->source_fds[0]);
	close_keep_errno(c->source_fds[1]);
	free(c->message);
	free(c->input.data);
	free(c->output.data);
	errno = saved;
}

static void send_size(struct copier *c)
{
	struct winsize size;

	if (!terminal_size(c->opts, &size))
		return;
	if (c->exec)
		(void)ioctl(c->in_fd >= 0 ? c->in_fd : c->source_fds[0], TIOCSWINSZ, &size);
	else
		(void)send_message(c->monitor_fd, PROTOCOL_RESIZE, size.ws_row, size.ws_col, NULL,
			0); /* a lost monitor is noticed by reading */
}

static void on_signal(struct copier *c)
{
	struct signalfd_siginfo info;
	int number;

	while (read(c->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		number = (int)info.ssi_signo;
		if (c->opts->terminal && number == SIGWINCH) {
			send_size(c);
			continue;
		}
		/* Stopped and continued: the shell has set its own mode meanwhile. */
		if (c->opts->terminal && number == SIGCONT) {
			if (c->terminal_fd >= 0)
				terminal_raw(c);
			send_size(c);
			continue;
		}
		if (c->opts->sig_proxy) {
			(void)send_message(c->monitor_fd, PROTOCOL_SIGNAL, number, 0, NULL, 0);
			continue;
		}
		/* As without us in between: the terminal first, then the signal's own effect. */
		if (c->terminal_fd >= 0)
			(void)tcsetattr(c->terminal_fd, TCSANOW, &c->old_terminal);
		(void)sigprocmask(SIG_SETMASK, &c->old_mask, NULL);
		(void)raise(number);
		/* ignored or handled by the caller: go on */
		if (c->terminal_fd >= 0)
			terminal_raw(c);
	}
}

/* Writes what can be written without waiting. */
static int output_step(struct copier *c, struct error **err)
{
	struct pollfd writable = {.fd = c->output_fd, .events = POLLOUT};
	struct stat st;
	size_t step = WRITE_STEP;

	if (fstat(c->output_fd, &st) == 0 && S_ISREG(st.st_mode))
		step = PROTOCOL_DATA_MAX;
	while (c->output.len && poll(&writable, 1, 0) > 0) {
		ssize_t n = write(
			c->output_fd, c->output.data + c->output.start, MIN(c->output.len, step));

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return 0;
		if (n < 0)
			return error_errno(err, errno, "write to %s",
				c->output_fd == c->opts->stderr_fd ? "stderr" : "stdout");
		c->output.start += (size_t)n;
		c->output.len -= (size_t)n;
	}
	return 0;
}

static void output_take(struct copier *c, int fd, size_t len)
{
	c->output_fd = fd;
	c->output.start = 0;
	c->output.len = fd >= 0 ? len : 0;
}

static void on_stdin_reply(struct copier *c, int what)
{
	switch (what) {
	case PROTOCOL_STDIN_ACCEPTED:
		c->input.len = 0;
		c->input_waiting = false;
		break;
	case PROTOCOL_STDIN_BUSY:
		c->input_busy = true;
		break;
	case PROTOCOL_STDIN_READY:
		if (c->input_busy && c->input.len)
			(void)send_message(
				c->monitor_fd, PROTOCOL_STDIN, 0, 0, c->input.data, c->input.len);
		c->input_busy = false;
		break;
	default:
		c->input.len = 0;
		c->input_waiting = false;
		c->input_end = true;
	}
}

/* @ret_fds: EXEC_STARTED's */
static int on_message(struct copier *c, struct error **err)
{
	const struct protocol_header *header = (const void *)c->message;
	int fds[PROTOCOL_FDS_MAX];
	ssize_t n = protocol_receive(
		c->monitor_fd, c->message, PROTOCOL_MESSAGE_MAX, fds, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0 && errno == EBADMSG)
		return monitor_odd(err);
	if (n <= 0) {
		c->lost = !c->exited;
		return 0;
	}
	for (int i = 0; i < PROTOCOL_FDS_MAX; i++)
		close_keep_errno(fds[i]); /* none is expected here */
	switch ((enum protocol_type)header->type) {
	case PROTOCOL_DATA:
		memcpy(c->output.data, header + 1, header->length);
		output_take(c,
			header->value == PROTOCOL_STREAM_STDERR ? c->opts->stderr_fd
								: c->opts->stdout_fd,
			header->length);
		return 0;
	case PROTOCOL_STDIN_REPLY:
		on_stdin_reply(c, header->value);
		return 0;
	case PROTOCOL_EXITED:
		c->exited = true;
		c->exit_code = header->value & 0xff;
		return 0;
	case PROTOCOL_NOTICE:
		if (header->value == PROTOCOL_NOTICE_CUT_OFF)
			return error_set(err, ERR_REMOTE, "%.*s", (int)header->length,
				(const char *)(header + 1));
		log_warning("%.*s", (int)header->length, (const char *)(header + 1));
		return 0;
	case PROTOCOL_ERROR:
		return monitor_error(header, err);
	default: /* WELCOME; what a newer monitor adds */
		return 0;
	}
}

/* Something, or the end, from the user's stdin. */
static void on_stdin(struct copier *c)
{
	/* What was held back for the detach keys has to fit in the same message. */
	uint8_t raw[PROTOCOL_DATA_MAX - DETACH_KEYS_MAX];
	ssize_t n = read(c->opts->stdin_fd, raw, sizeof(raw));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		/* what began like the detach keys was input after all */
		memcpy(c->input.data, c->keys.keys, c->keys.matched);
		c->input.len = c->keys.matched;
		c->keys.matched = 0;
		c->input_end = true;
	} else if (c->opts->terminal) {
		c->detached =
			detach_keys_feed(&c->keys, raw, (size_t)n, c->input.data, &c->input.len);
	} else {
		memcpy(c->input.data, raw, (size_t)n);
		c->input.len = (size_t)n;
	}
	c->input.start = 0;
	if (!c->exec && c->input.len) {
		c->input_waiting = send_message(c->monitor_fd, PROTOCOL_STDIN, 0, 0, c->input.data,
					   c->input.len) == 0;
		if (!c->input_waiting)
			c->input.len = 0;
	}
}

/* Exec: the session's stdin takes something. */
static void on_input_writable(struct copier *c)
{
	ssize_t n = write(c->in_fd, c->input.data + c->input.start, c->input.len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		c->input.len = 0;
		c->input_end = true;
		return;
	}
	c->input.start += (size_t)n;
	c->input.len -= (size_t)n;
}

/* Exec: read from one of the session's streams. False: nothing there now. */
static bool on_source(struct copier *c, int i)
{
	ssize_t n = read(c->source_fds[i], c->output.data, PROTOCOL_DATA_MAX);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		fd_replace(&c->source_fds[i], -1);
		return false;
	}
	output_take(c, i ? c->opts->stderr_fd : c->opts->stdout_fd, (size_t)n);
	return true;
}

/* The user's input has ended and all of it is on its way. */
static void input_finish(struct copier *c)
{
	if (c->exec) {
		/* A terminal's end is typed. Its descriptor may be the one that is read, too. */
		if (!c->opts->terminal)
			fd_replace(&c->in_fd, -1);
	} else {
		(void)send_message(c->monitor_fd, PROTOCOL_CLOSE_STDIN, 0, 0, NULL, 0);
	}
}

enum {
	POLL_MONITOR,
	POLL_SIGNAL,
	POLL_STDIN,
	POLL_OUTPUT,
	POLL_INPUT,
	POLL_SOURCE,
	POLL_COUNT = 7
};

static int copier_loop(struct copier *c, struct error **err)
{
	bool input_open = c->opts->stdin_fd >= 0;

	for (;;) {
		struct pollfd fds[POLL_COUNT];

		if (c->output.len && output_step(c, err) < 0)
			return -1;
		if (c->exited && !c->output.len) {
			/* What the command wrote before its end is there already. */
			bool more = (c->source_fds[0] >= 0 && on_source(c, 0)) ||
				    (c->source_fds[1] >= 0 && on_source(c, 1));

			if (!more)
				return 0;
			continue;
		}
		if (c->detached || (c->lost && !c->output.len))
			return 0;
		if (input_open && c->input_end && !c->input.len) {
			input_finish(c);
			input_open = false;
		}
		for (int i = 0; i < POLL_COUNT; i++)
			fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
		fds[POLL_SIGNAL].fd = c->signal_fd;
		if (c->output.len) {
			fds[POLL_OUTPUT].fd = c->output_fd;
			fds[POLL_OUTPUT].events = POLLOUT;
		} else {
			fds[POLL_SOURCE].fd = c->source_fds[0];
			fds[POLL_SOURCE + 1].fd = c->source_fds[1];
		}
		if (!c->output.len || c->exec)
			fds[POLL_MONITOR].fd = c->exited ? -1 : c->monitor_fd;
		if (!c->input_end && !c->input.len)
			fds[POLL_STDIN].fd = c->opts->stdin_fd;
		if (c->exec && c->input.len) {
			fds[POLL_INPUT].fd = c->in_fd;
			fds[POLL_INPUT].events = POLLOUT;
		}
		if (poll(fds, POLL_COUNT, -1) < 0) {
			if (errno == EINTR)
				continue;
			return error_errno(err, errno, "wait for the container");
		}
		if (fds[POLL_SIGNAL].revents)
			on_signal(c);
		if (fds[POLL_STDIN].revents)
			on_stdin(c);
		if (fds[POLL_INPUT].revents)
			on_input_writable(c);
		if (fds[POLL_MONITOR].revents && on_message(c, err) < 0)
			return -1;
		for (int i = 0; i < 2 && !c->output.len && !c->exited; i++)
			if (fds[POLL_SOURCE + i].revents)
				(void)on_source(c, i);
	}
}

static void copier_result(struct copier *c, enum attach_end *ret_end, int *ret_exit)
{
	*ret_end = c->detached ? ATTACH_DETACHED : c->exited ? ATTACH_EXITED : ATTACH_LOST;
	if (*ret_end == ATTACH_EXITED)
		*ret_exit = c->exit_code;
}

static uint32_t streams_of(const struct attach_options *opts)
{
	return (opts->stdin_fd >= 0 ? 1u << PROTOCOL_STREAM_STDIN : 0) |
	       (opts->stdout_fd >= 0 ? 1u << PROTOCOL_STREAM_STDOUT : 0) |
	       (opts->stderr_fd >= 0 ? 1u << PROTOCOL_STREAM_STDERR : 0);
}

int attach_run(int monitor_fd, const struct attach_options *opts, enum attach_end *ret_end,
	int *ret_exit, struct error **err)
{
	struct copier c = {.opts = opts, .monitor_fd = monitor_fd};
	struct winsize size = {0};
	int result = copier_begin(&c, err);

	if (result == 0) {
		if (opts->terminal && terminal_size(opts, &size) && !opts->lossless) {
			struct winsize odd = size;

			/* Any change makes a full-screen program draw itself again. */
			odd.ws_col++;
			(void)send_hello(monitor_fd, PROTOCOL_ROLE_ATTACH, streams_of(opts), &odd);
			send_size(&c);
		} else {
			(void)send_hello(monitor_fd, PROTOCOL_ROLE_ATTACH, streams_of(opts), &size);
		}
		/* A monitor that is gone is noticed by reading, after what it sent. */
		result = copier_loop(&c, err);
	}
	if (result == 0 && c.detached)
		(void)send_message(monitor_fd, PROTOCOL_DETACH, 0, 0, NULL, 0);
	copier_end(&c);
	if (result == 0)
		copier_result(&c, ret_end, ret_exit);
	return result;
}

/* The plan in a sealed memory file. */
static int plan_fd_make(const struct process_plan *plan, struct error **err)
{
	cleanup_close int fd = memfd_create("pod-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write_all(fd, plan, plan->size) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
			0)
		return error_errno(err, errno, "write the process plan");
	return steal_fd(&fd);
}

/* Wait for one message that is not WELCOME; descriptors in FDS. */
static int receive_answer(
	int monitor_fd, uint8_t *message, int fds[PROTOCOL_FDS_MAX], struct error **err)
{
	const struct protocol_header *header = (const void *)message;

	for (;;) {
		ssize_t n = protocol_receive(monitor_fd, message, PROTOCOL_MESSAGE_MAX, fds, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return monitor_lost(err);
		if (n < 0 && errno == EBADMSG)
			return monitor_odd(err);
		if (n < 0)
			return error_errno(err, errno, "hear from the container's monitor");
		if (header->type == PROTOCOL_ERROR)
			return monitor_error(header, err);
		if (header->type != PROTOCOL_WELCOME)
			return 0;
	}
}

static int exec_send(int monitor_fd, const struct process_plan *plan,
	const struct exec_options *opts, struct error **err)
{
	cleanup_close int plan_fd = plan_fd_make(plan, err);
	struct protocol_exec exec = {0};
	struct protocol_header header = {.type = PROTOCOL_EXEC, .length = sizeof(exec)};
	struct winsize size;

	if (plan_fd < 0)
		return -1;
	if (opts->detach)
		exec.flags |= PROTOCOL_EXEC_DETACH;
	if (opts->stdio.terminal)
		exec.flags |= PROTOCOL_EXEC_TERMINAL;
	if (opts->stdio.stdin_fd >= 0)
		exec.flags |= PROTOCOL_EXEC_STDIN;
	if (opts->stdio.terminal && terminal_size(&opts->stdio, &size)) {
		exec.rows = size.ws_row;
		exec.columns = size.ws_col;
	}
	if (send_hello(monitor_fd, PROTOCOL_ROLE_EXEC, 0, NULL) < 0 ||
		protocol_send(monitor_fd, &header, &exec, &plan_fd, 1, 0) < 0)
		return monitor_lost(err);
	return 0;
}

/* EXEC_STARTED's descriptors into the copier, in the order that protocol.h gives. */
static int exec_take_fds(struct copier *c, bool terminal, int *fds, struct error **err)
{
	int next = 0;

	if (terminal) {
		c->source_fds[0] = fds[0];
		if (c->opts->stdin_fd >= 0)
			c->in_fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
	} else {
		if (c->opts->stdin_fd >= 0)
			c->in_fd = fds[next++];
		c->source_fds[0] = fds[next++];
		c->source_fds[1] = fds[next];
	}
	if (c->source_fds[0] < 0 || (!terminal && c->source_fds[1] < 0))
		return error_set(err, ERR_REMOTE, "the container's monitor sent no descriptors");
	for (int i = 0; i < 2; i++)
		if (c->source_fds[i] >= 0)
			(void)fcntl(c->source_fds[i], F_SETFL, O_NONBLOCK);
	if (c->in_fd >= 0)
		(void)fcntl(c->in_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

/* EXEC_STARTED's id and, in FDS, its descriptors; or the error that the answer is. */
static int exec_answer(const struct protocol_header *header, char ret_id[65], struct error **err)
{
	struct process_failure failure;

	switch ((enum protocol_type)header->type) {
	case PROTOCOL_EXEC_STARTED:
		memcpy(ret_id, header + 1, PROTOCOL_ID_LENGTH);
		ret_id[PROTOCOL_ID_LENGTH] = '\0';
		return 0;
	case PROTOCOL_EXEC_FAILED:
		memcpy(&failure, header + 1, sizeof(failure));
		failure.text[sizeof(failure.text) - 1] = '\0';
		return process_failure_to_error(&failure, err);
	case PROTOCOL_EXITED:
		return error_set(err, ERR_CONFLICT, "the container has ended");
	default:
		return monitor_odd(err);
	}
}

int exec_run(int monitor_fd, const struct process_plan *plan, const struct exec_options *opts,
	char ret_id[65], enum attach_end *ret_end, int *ret_exit, struct error **err)
{
	struct copier c = {.opts = &opts->stdio, .monitor_fd = monitor_fd, .exec = true};
	cleanup_free uint8_t *message = xmalloc(PROTOCOL_MESSAGE_MAX);
	int fds[PROTOCOL_FDS_MAX], result;

	/* Until the command runs, signals end us as usual: nothing has to be put back. */
	if (exec_send(monitor_fd, plan, opts, err) < 0 ||
		receive_answer(monitor_fd, message, fds, err) < 0 ||
		exec_answer((const void *)message, ret_id, err) < 0)
		return -1;
	if (opts->detach) {
		*ret_end = ATTACH_DETACHED;
		return 0;
	}
	result = copier_begin(&c, err);
	if (result == 0)
		result = exec_take_fds(&c, opts->stdio.terminal, fds, err);
	if (result == 0)
		result = copier_loop(&c, err);
	copier_end(&c);
	if (result == 0)
		copier_result(&c, ret_end, ret_exit);
	return result;
}

/* A small request: HELLO and the message; the answer in MESSAGE. */
static int request(int monitor_fd, enum protocol_type type, int value, int value2, uint8_t *message,
	int fds[PROTOCOL_FDS_MAX], struct error **err)
{
	if (send_hello(monitor_fd, PROTOCOL_ROLE_CONTROL, 0, NULL) < 0 ||
		send_message(monitor_fd, type, value, value2, NULL, 0) < 0)
		return monitor_lost(err);
	return receive_answer(monitor_fd, message, fds, err);
}

/* The same where OK is all that is expected. */
static int request_ok(
	int monitor_fd, enum protocol_type type, int value, int value2, struct error **err)
{
	cleanup_free uint8_t *message = xmalloc(PROTOCOL_MESSAGE_MAX);
	int fds[PROTOCOL_FDS_MAX];

	return request(monitor_fd, type, value, value2, message, fds, err);
}

int monitor_signal(int monitor_fd, int signal, struct error **err)
{
	return request_ok(monitor_fd, PROTOCOL_SIGNAL, signal, 0, err);
}

int monitor_resize(int monitor_fd, uint16_t height, uint16_t width, struct error **err)
{
	return request_ok(monitor_fd, PROTOCOL_RESIZE, height, width, err);
}

int monitor_pause(int monitor_fd, bool pause, struct error **err)
{
	return request_ok(monitor_fd, PROTOCOL_PAUSE, pause, 0, err);
}

int monitor_reopen_log(int monitor_fd, struct error **err)
{
	return request_ok(monitor_fd, PROTOCOL_REOPEN_LOG, 0, 0, err);
}

int monitor_update(int monitor_fd, const struct monitor_policy *policy, struct error **err)
{
	cleanup_free uint8_t *message = xmalloc(PROTOCOL_MESSAGE_MAX);
	int fds[PROTOCOL_FDS_MAX];

	if (send_hello(monitor_fd, PROTOCOL_ROLE_CONTROL, 0, NULL) < 0 ||
		send_message(monitor_fd, PROTOCOL_UPDATE, 0, 0, policy, sizeof(*policy)) < 0)
		return monitor_lost(err);
	return receive_answer(monitor_fd, message, fds, err);
}

int monitor_wait(int monitor_fd, int *ret_exit, struct error **err)
{
	cleanup_free uint8_t *message = xmalloc(PROTOCOL_MESSAGE_MAX);
	const struct protocol_header *header = (const void *)message;
	int fds[PROTOCOL_FDS_MAX];

	if (request(monitor_fd, PROTOCOL_WAIT, 0, 0, message, fds, err) < 0)
		return -1;
	if (header->type != PROTOCOL_EXITED)
		return monitor_odd(err);
	*ret_exit = header->value & 0xff;
	return 0;
}

int monitor_healthcheck(int monitor_fd, int *ret_exit, struct error **err)
{
	cleanup_free uint8_t *message = xmalloc(PROTOCOL_MESSAGE_MAX);
	const struct protocol_header *header = (const void *)message;
	int fds[PROTOCOL_FDS_MAX];

	if (request(monitor_fd, PROTOCOL_HEALTHCHECK, 0, 0, message, fds, err) < 0)
		return -1;
	if (header->type != PROTOCOL_HEALTHCHECK)
		return monitor_odd(err);
	*ret_exit = header->value;
	return 0;
}

/* The same where a descriptor is. */
static int request_fd(int monitor_fd, enum protocol_type type, int value, struct error **err)
{
	cleanup_free uint8_t *message = xmalloc(PROTOCOL_MESSAGE_MAX);
	const struct protocol_header *header = (const void *)message;
	int fds[PROTOCOL_FDS_MAX];

	if (request(monitor_fd, type, value, 0, message, fds, err) < 0)
		return -1;
	if (header->type != type || fds[0] < 0)
		return monitor_odd(err);
	return fds[0];
}

int monitor_namespace(int monitor_fd, int type, struct error **err)
{
	return request_fd(monitor_fd, PROTOCOL_NAMESPACE, type, err);
}

int monitor_program(int monitor_fd, struct error **err)
{
	return request_fd(monitor_fd, PROTOCOL_PROGRAM, 0, err);
}
