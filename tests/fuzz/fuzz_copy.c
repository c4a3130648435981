#include "config.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/copy_files.h"
#include "storage/tar.h"
#include "util/fs.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Right checksums: hardly any input would get past them otherwise. */
static void fix_checksums(uint8_t *data, size_t size)
{
	for (size_t i = 0; i + TAR_BLOCK_SIZE <= size; i += TAR_BLOCK_SIZE) {
		unsigned int sum = 0;
		char text[16];

		for (size_t j = 0; j < TAR_BLOCK_SIZE; j++)
			sum += j >= 148 && j < 156 ? ' ' : data[i + j];
		snprintf(text, sizeof(text), "%06o", sum);
		for (size_t j = 0; data[i] && j < 8; j++)
			data[i + 148 + j] = (uint8_t)text[j];
	}
}

static char top[] = "/dev/shm/pod-fuzz-copy.XXXXXX";

static void remove_top(void)
{
	(void)rmdir(top); /* empty unless something went wrong */
}

/* A stream from a hostile container never writes beside the destination, nor links to what is
 * there. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int top_fd = -1;
	const struct copy_unpack_options opts = {.overwrite = size & 1, .place_inside = size & 2};
	cleanup_close int fd = memfd_create("stream", MFD_CLOEXEC);
	cleanup_free uint8_t *copy = xmemdup(data, size);
	cleanup_error struct error *err = NULL, *other = NULL;
	struct copy_root root;
	struct stat st;

	if (top_fd < 0) {
		top_fd = mkdtemp(top) ? open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		(void)atexit(remove_top);
	}
	if (top_fd < 0 || mkdirat(top_fd, "dst", 0700) < 0 ||
		mkdirat(top_fd, "outside", 0700) < 0 ||
		mknodat(top_fd, "outside/f", S_IFREG, 0) < 0)
		abort();
	fix_checksums(copy, size);
	if (write_all(fd, copy, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	root = (struct copy_root){.fd = top_fd};
	(void)copy_unpack(&root, "dst", fd, &opts, &err);
	if (fstatat(top_fd, "outside/f", &st, 0) < 0 || st.st_nlink != 1 || st.st_size != 0 ||
		unlinkat(top_fd, "outside/f", 0) < 0 ||
		unlinkat(top_fd, "outside", AT_REMOVEDIR) < 0)
		abort();
	if (remove_tree(top_fd, "dst", &other) < 0)
		abort();
	return 0;
}
