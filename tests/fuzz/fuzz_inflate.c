#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "storage/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static int input_read(void *ctx, const void **ret_data, size_t *ret_len, struct error **err)
{
	struct input *input = ctx;
	size_t n = input->size < 100 ? input->size : 100;

	(void)err;
	*ret_data = input->data;
	*ret_len = n;
	input->data += n;
	input->size -= n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct inflate *stream =
		inflate_open(&(struct inflate_source){.read = input_read, .ctx = &input});
	cleanup_error struct error *err = NULL;
	const void *piece;
	size_t len, total = 0;

	/* a bomb is the caller's to stop */
	while (inflate_read(stream, &piece, &len, &err) == 0 && len && (total += len) < (8u << 20))
		;
	inflate_close(stream);
	return 0;
}
