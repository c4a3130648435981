#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/prompt_secret.h"
#include "util/mem.h"
#include "util/strbuf.h"

#define LINE_MAX_BYTES (64u << 10)

/* One byte from stdin. Returns 1, 0 at end of file, -1 with errno. */
static int read_byte(char *ret)
{
	ssize_t n;

	do
		n = read(STDIN_FILENO, ret, 1);
	while (n < 0 && errno == EINTR);
	return (int)n;
}

/* As read_byte() on a terminal without echo: the blocked signals, which SIGNAL_FD tells of, are let
 * through with the terminal as it was. */
static int read_byte_guarded(char *ret, int signal_fd, const sigset_t *ours, const sigset_t *before,
	const struct termios *silent, const struct termios *normal)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = signal_fd, .events = POLLIN},
		};

		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (fds[1].revents) {
			(void)tcsetattr(STDIN_FILENO, TCSANOW, normal);
			sigprocmask(SIG_SETMASK, before, NULL); /* ends or stops us here */
			sigprocmask(SIG_BLOCK, ours, NULL);
			(void)tcsetattr(STDIN_FILENO, TCSANOW, silent);
			continue;
		}
		if (fds[0].revents)
			return read_byte(ret);
	}
}

static int finish_line(int n, struct strbuf *line, char **ret, struct error **err)
{
	if (n < 0)
		return error_errno(err, errno, "read standard input");
	if (n == 0 && !line->len)
		return error_set(err, ERR_USAGE, "standard input ended where an answer is needed");
	if (line->len && line->data[line->len - 1] == '\r')
		line->data[--line->len] = '\0';
	if (line->len && memchr(line->data, '\0', line->len))
		return error_set(err, ERR_INVALID, "a NUL byte on standard input");
	*ret = strbuf_detach(line);
	return 0;
}

int prompt_line(struct command_context *ctx, const char *prompt, char **ret, struct error **err)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	char c;
	int n;

	command_print(ctx, "%s", prompt);
	if (command_flush(ctx, err) < 0)
		return -1;
	while ((n = read_byte(&c)) > 0 && c != '\n') {
		if (line.len == LINE_MAX_BYTES)
			return error_set(err, ERR_INVALID, "the line is too long");
		strbuf_addch(&line, c);
	}
	return finish_line(n, &line, ret, err);
}

int prompt_secret(struct command_context *ctx, const char *prompt, char **ret, struct error **err)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	cleanup_close int signal_fd = -1;
	struct termios normal, silent;
	sigset_t ours, before;
	bool too_long = false;
	char c;
	int n;

	if (tcgetattr(STDIN_FILENO, &normal) < 0)
		return prompt_line(ctx, prompt, ret, err);
	sigemptyset(&ours);
	for (const char *s = "\1\2\3\17\24"; *s; s++) /* HUP INT QUIT TERM TSTP */
		sigaddset(&ours, *s);
	signal_fd = signalfd(-1, &ours, SFD_CLOEXEC);
	if (signal_fd < 0)
		return error_errno(err, errno, "make a signalfd");
	silent = normal;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ICANON | ISIG;
	sigprocmask(SIG_BLOCK, &ours, &before);
	/* Before the prompt: who answers it at once must neither be shown nor thrown away. */
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	command_print(ctx, "%s", prompt);
	n = 0;
	(void)command_flush(ctx, err); /* looked at through *err, when the terminal is as it was */
	while (!*err &&
		(n = read_byte_guarded(&c, signal_fd, &ours, &before, &silent, &normal)) > 0 &&
		c != '\n') {
		too_long = line.len == LINE_MAX_BYTES;
		if (too_long)
			break;
		strbuf_addch(&line, c);
	}
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &normal);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (*err)
		return -1;
	command_print(ctx, "\n");
	if (command_flush(ctx, err) < 0)
		return -1;
	if (too_long)
		return error_set(err, ERR_INVALID, "the line is too long");
	return finish_line(n, &line, ret, err);
}
