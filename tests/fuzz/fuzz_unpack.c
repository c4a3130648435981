#include "config.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/unpack.h"
#include "util/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unpacks into /dev/shm: nothing may appear beside the directory. Checksums are made right first,
 * or hardly any input would get past them. */
struct input {
	uint8_t *data;
	size_t size;
};

static int input_read(void *ctx, const void **ret_data, size_t *ret_len, struct error **err)
{
	struct input *input = ctx;

	(void)err;
	*ret_data = input->data;
	*ret_len = input->size;
	input->size = 0;
	return 0;
}

static void fix_checksums(uint8_t *data, size_t size)
{
	for (size_t i = 0; i + TAR_BLOCK_SIZE <= size; i += TAR_BLOCK_SIZE) {
		unsigned int sum = 0;
		char text[9];

		if (!data[i])
			continue;
		for (size_t j = 0; j < TAR_BLOCK_SIZE; j++)
			sum += j >= 148 && j < 156 ? ' ' : data[i + j];
		snprintf(text, sizeof(text), "%06o", sum);
		for (size_t j = 0; j < 8; j++)
			data[i + 148 + j] = (uint8_t)text[j];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/dev/shm/fuzz_unpack.XXXXXX";
	struct input input = {malloc(size ? size : 1), size};
	struct tar *tar = tar_open(&(struct tar_source){.read = input_read, .ctx = &input});
	cleanup_error struct error *err = NULL, *removal = NULL;
	struct unpack_counts counts;
	int fd, diff_fd, entries = 0;
	uint8_t *copy = input.data;
	DIR *dir;

	for (size_t i = 0; i < size; i++)
		copy[i] = data[i];
	fix_checksums(copy, size);
	if (!mkdtemp(path))
		abort();
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(fd, "diff", 0755) < 0)
		abort();
	diff_fd = openat(fd, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)unpack_tar(
		tar, &(struct unpack_options){.diff_fd = diff_fd, .implied_fd = -1}, &counts, &err);
	dir = dir_open_at(fd, ".");
	while (dir_next(dir))
		entries++;
	if (entries != 1)
		abort();
	closedir(dir);
	close(diff_fd);
	close(fd);
	if (remove_tree(AT_FDCWD, path, &removal) < 0)
		abort();
	tar_close(tar);
	free(copy);
	return 0;
}
