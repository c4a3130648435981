#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor/notify.h"

static const char *const modes[] = {
	[NOTIFY_IGNORE] = "ignore",
	[NOTIFY_CONMON] = "conmon",
	[NOTIFY_CONTAINER] = "container",
	[NOTIFY_HEALTHY] = "healthy",
};

int notify_mode_parse(const char *text, enum notify_mode *ret)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(text, modes[i]) == 0) {
			*ret = (enum notify_mode)i;
			return 0;
		}
	return -1;
}

bool notify_socket_is_valid(const char *name)
{
	return (name[0] == '/' || name[0] == '@') && name[1] && strlen(name) < NOTIFY_SOCKET_MAX;
}

int notify_send(const char *name, const char *text, size_t len)
{
	const struct timeval timeout = {.tv_usec = 500000};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t name_len = strlen(name);
	ssize_t n;
	int fd, saved;

	if (!name_len)
		return 0;
	if (!notify_socket_is_valid(name)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(address.sun_path, name, name_len);
	if (name[0] == '@')
		address.sun_path[0] = '\0'; /* not terminated: its length counts */
	else
		name_len++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)); /* else for ever
										   */
	do
		n = sendto(fd, text, len, MSG_NOSIGNAL, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len));
	while (n < 0 && errno == EINTR);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return n < 0 ? -1 : 0;
}

static bool line_is_allowed(const char *line, size_t len)
{
	static const char *const names[] = {"READY=", "RELOADING=", "STOPPING=", "STATUS=",
		"ERRNO=", "BUSERROR=", "WATCHDOG=", "EXTEND_TIMEOUT_USEC=", "MONOTONIC_USEC="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t name_len = strlen(names[i]);

		if (len >= name_len && memcmp(line, names[i], name_len) == 0)
			return memchr(line, '\0', len) == NULL;
	}
	return false;
}

size_t notify_filter(const char *text, size_t len, char *out)
{
	const char *end = text + len;
	size_t used = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((newline ? newline : end) - text);

		if (line_is_allowed(text, line_len)) {
			if (used)
				out[used++] = '\n';
			memcpy(out + used, text, line_len);
			used += line_len;
		}
		text += line_len + 1;
	}
	out[used] = '\0';
	return used;
}
