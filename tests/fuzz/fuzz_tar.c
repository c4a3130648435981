#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "storage/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static int input_read(void *ctx, const void **ret_data, size_t *ret_len, struct error **err)
{
	struct input *input = ctx;
	size_t n = input->size < 1024 ? input->size : 1024;

	(void)err;
	*ret_data = input->data;
	*ret_len = n;
	input->data += n;
	input->size -= n;
	return 0;
}

/* What entries promise has to hold: it is what writing relies on. */
static void check(const struct tar_entry *entry)
{
	uint64_t end = 0;

	if (!entry->path || !*entry->path || (entry->mode & ~07777u))
		abort();
	for (size_t i = 0; i < entry->extent_count; i++) {
		if (entry->extents[i].offset < end)
			abort();
		end = entry->extents[i].offset + entry->extents[i].length;
	}
	if (end > entry->size_bytes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct tar *tar = tar_open(&(struct tar_source){.read = input_read, .ctx = &input});
	cleanup_error struct error *err = NULL;
	const struct tar_entry *entry;
	const void *piece;
	size_t len;

	while (tar_next(tar, &entry, &err) == 0 && entry) {
		check(entry);
		/* every other file's data is left to be skipped */
		while (entry->mode & 1 && tar_data(tar, &piece, &len, &err) == 0 && len)
			;
		if (err)
			break;
	}
	tar_close(tar);
	return 0;
}
