#include "config.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rootless/idmap.h"
#include "runtime/process_user.h"
#include "util/fs.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line is --user; the rest is both /etc/passwd and /etc/group, and a subuid file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int root_fd = -1;
	const uint8_t *newline = memchr(data, '\n', size);
	size_t len = newline ? (size_t)(newline - data) : size;
	cleanup_free char *text = xstrndup((const char *)data, MIN(len, 256));
	cleanup_free char *rest = xstrndup((const char *)data + len, size - len);
	cleanup_free struct id_range *ranges = NULL;
	struct process_user user;
	size_t count;

	if (root_fd < 0) {
		char path[] = "/tmp/pod-fuzz-XXXXXX";

		if (!mkdtemp(path))
			abort();
		root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root_fd < 0 || mkdirat(root_fd, "etc", 0755) < 0)
			abort();
	}
	for (int i = 0; i < 2; i++) {
		cleanup_close int fd = openat(root_fd, i ? "etc/group" : "etc/passwd",
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		if (fd < 0 || write_all(fd, data + len, size - len) < 0)
			abort();
	}
	if (process_user_look_up(root_fd, text, &user) == 0 &&
		(user.uid > INT32_MAX || user.gid > INT32_MAX || user.group_count > 256 ||
			strlen(user.home) >= sizeof(user.home)))
		abort();
	(void)id_ranges_parse(rest, text, 1000, &ranges, &count);
	return 0;
}
