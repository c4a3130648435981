#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/file.h"
#include "util/mem.h"
#include "util/str.h"

int cgroup_file_write(int dir_fd, const char *name, const char *text)
{
	cleanup_close int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -1;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n != len)
		errno = EIO;
	return n == (ssize_t)len ? 0 : -1;
}

int cgroup_file_read(int dir_fd, const char *name, char *out, size_t size)
{
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t used = 0;

	if (fd < 0)
		return -1;
	while (used < size - 1) {
		ssize_t n = read(fd, out + used, size - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	if (used && out[used - 1] == '\n')
		used--;
	out[used] = '\0';
	return 0;
}

int cgroup_file_number(int dir_fd, const char *name, uint64_t *ret)
{
	char text[32];

	if (cgroup_file_read(dir_fd, name, text, sizeof(text)) < 0)
		return -1;
	if (strcmp(text, "max") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (str_to_uint64(text, UINT64_MAX, ret) < 0) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int cgroup_flat_value(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);

	for (const char *line = text; line && *line;) {
		const char *end = strchr(line, '\n');

		if (strncmp(line, key, len) == 0 && line[len] == ' ') {
			char number[24];
			size_t digits = strspn(line + len + 1, "0123456789");

			if (digits == 0 || digits >= sizeof(number))
				break;
			memcpy(number, line + len + 1, digits);
			number[digits] = '\0';
			return str_to_uint64(number, UINT64_MAX, ret);
		}
		line = end ? end + 1 : NULL;
	}
	errno = ENOENT;
	return -1;
}
