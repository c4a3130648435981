#pragma once

#include <stddef.h>

#include "util/error.h"

/*
 * Layers as a stream of tar bytes: gzip (RFC 1952, more than one member too) by ISA-L where it was
 * there at build time, else zlib; zstd (RFC 8878, more than one frame too); anything else is taken
 * as it is. Which one is told by the first bytes, not by a media type, as all engines do.
 */

struct inflate;

/* Gives the next piece of input, borrowed until the next call; length 0 at the end. The first piece
 * has at least four bytes unless the stream is shorter: they tell the format. */
struct inflate_source {
	int (*read)(void *ctx, const void **ret_data, size_t *ret_len, struct error **err);
	void *ctx;
};

/* Every piece but the last has this length: tar blocks never lie across two. */
#define INFLATE_PIECE_SIZE (256u << 10)

struct inflate *inflate_open(const struct inflate_source *source);

/**
 * inflate_read() - the next piece, borrowed until the next call; length 0 at the end
 * @err: ERR_INVALID (damaged or truncated stream, data after its end), or what the source gave
 */
int inflate_read(
	struct inflate *stream, const void **ret_data, size_t *ret_len, struct error **err);

void inflate_close(struct inflate *stream);
