#include "config.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif
#include <zstd.h>

#include "storage/inflate.h"
#include "util/mem.h"

enum inflate_format { FORMAT_UNKNOWN, FORMAT_PLAIN, FORMAT_GZIP, FORMAT_ZSTD };

struct inflate {
	struct inflate_source source;
	enum inflate_format format;
	const unsigned char *in; /* borrowed from the source */
	size_t in_len;
	bool in_end;   /* the source said end */
	bool finished; /* the stream did */
#ifdef HAVE_ISAL
	struct inflate_state *gzip;
#else
	z_stream *gzip;
#endif
	ZSTD_DStream *zstd;
	size_t zstd_hint; /* 0: at the end of a frame */
	unsigned char out[INFLATE_PIECE_SIZE];
};

struct inflate *inflate_open(const struct inflate_source *source)
{
	struct inflate *stream = xmalloc(sizeof(*stream));

	/* Not the whole: the output buffer need not be cleared. */
	memset(stream, 0, offsetof(struct inflate, out));
	stream->source = *source;
	return stream;
}

void inflate_close(struct inflate *stream)
{
	if (!stream)
		return;
#ifndef HAVE_ISAL
	if (stream->gzip)
		(void)inflateEnd(stream->gzip); /* only frees */
#endif
	free(stream->gzip);
	(void)ZSTD_freeDStream(stream->zstd); /* cannot fail; NULL is fine */
	free(stream);
}

/* Make sure there is input, unless it is at its end. */
static int fill(struct inflate *stream, struct error **err)
{
	const void *data;

	if (stream->in_len || stream->in_end)
		return 0;
	if (stream->source.read(stream->source.ctx, &data, &stream->in_len, err) < 0)
		return -1;
	stream->in = data;
	stream->in_end = stream->in_len == 0;
	return 0;
}

static int truncated(const char *what, struct error **err)
{
	return error_set(err, ERR_INVALID, "the %s stream ends too early", what);
}

#ifdef HAVE_ISAL

static int gzip_begin(struct inflate *stream, struct error **err)
{
	(void)err;
	stream->gzip = xmalloc(sizeof(*stream->gzip));
	isal_inflate_init(stream->gzip);
	stream->gzip->crc_flag = ISAL_GZIP; /* header and trailer are its work */
	return 0;
}

static void gzip_again(struct inflate *stream)
{
	isal_inflate_reset(stream->gzip);
	stream->gzip->crc_flag = ISAL_GZIP;
}

/* One step; *RET_END at the end of a member. */
static int gzip_step(struct inflate *stream, unsigned char *out, size_t len, size_t *ret_done,
	bool *ret_end, struct error **err)
{
	struct inflate_state *state = stream->gzip;
	uint32_t in_len = (uint32_t)MIN(stream->in_len, (size_t)UINT32_MAX);
	int result;

	state->next_in = (uint8_t *)stream->in; /* not written to: the type is the library's */
	state->avail_in = in_len;
	state->next_out = out;
	state->avail_out = (uint32_t)len;
	result = isal_inflate(state);
	if (result < 0 || result == ISAL_NEED_DICT)
		return error_set(err, ERR_INVALID, "the gzip stream is damaged (%s)",
			result == ISAL_INCORRECT_CHECKSUM ? "wrong checksum" : "invalid data");
	stream->in += in_len - state->avail_in;
	stream->in_len -= in_len - state->avail_in;
	*ret_done = len - state->avail_out;
	*ret_end = state->block_state == ISAL_BLOCK_FINISH;
	return 0;
}

#else

static int gzip_begin(struct inflate *stream, struct error **err)
{
	stream->gzip = xcalloc(1, sizeof(*stream->gzip));
	if (inflateInit2(stream->gzip, 15 + 16) != Z_OK)
		return error_set(err, ERR_SYSTEM, "zlib cannot be set up");
	return 0;
}

static void gzip_again(struct inflate *stream)
{
	(void)inflateReset(stream->gzip); /* fails only on a broken state of our own */
}

static int gzip_step(struct inflate *stream, unsigned char *out, size_t len, size_t *ret_done,
	bool *ret_end, struct error **err)
{
	z_stream *state = stream->gzip;
	uInt in_len = (uInt)MIN(stream->in_len, (size_t)UINT_MAX);
	int result;

	state->next_in = (Bytef *)stream->in; /* not written to: the type is the library's */
	state->avail_in = in_len;
	state->next_out = out;
	state->avail_out = (uInt)len;
	result = inflate(state, Z_NO_FLUSH);
	if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
		return error_set(err, ERR_INVALID, "the gzip stream is damaged (%s)",
			state->msg ? state->msg : "invalid data");
	stream->in += in_len - state->avail_in;
	stream->in_len -= in_len - state->avail_in;
	*ret_done = len - state->avail_out;
	*ret_end = result == Z_STREAM_END;
	return 0;
}

#endif

/* After a member: another one, zero padding, or the end. */
static int gzip_member_end(struct inflate *stream, struct error **err)
{
	if (fill(stream, err) < 0)
		return -1;
	if (stream->in_len && stream->in[0] == 0x1f) {
		gzip_again(stream);
		return 0;
	}
	while (stream->in_len) {
		while (stream->in_len && stream->in[0] == 0) {
			stream->in++;
			stream->in_len--;
		}
		if (stream->in_len)
			return error_set(
				err, ERR_INVALID, "data follows the end of the gzip stream");
		if (fill(stream, err) < 0)
			return -1;
	}
	stream->finished = true;
	return 0;
}

static int gzip_read(struct inflate *stream, size_t *ret_len, struct error **err)
{
	size_t have = 0;

	while (have < sizeof(stream->out) && !stream->finished) {
		size_t done = 0, before;
		bool end = false;

		if (fill(stream, err) < 0)
			return -1;
		before = stream->in_len;
		if (gzip_step(stream, stream->out + have, sizeof(stream->out) - have, &done, &end,
			    err) < 0)
			return -1;
		have += done;
		if (end) {
			if (gzip_member_end(stream, err) < 0)
				return -1;
		} else if (!done && stream->in_len == before && have < sizeof(stream->out)) {
			/* no progress: with input left it never will be any */
			return truncated("gzip", err);
		}
	}
	*ret_len = have;
	return 0;
}

static int zstd_begin(struct inflate *stream, struct error **err)
{
	stream->zstd = ZSTD_createDStream();
	if (!stream->zstd)
		return error_set(err, ERR_SYSTEM, "zstd cannot be set up");
	stream->zstd_hint = 1;
	return 0;
}

static int zstd_read(struct inflate *stream, size_t *ret_len, struct error **err)
{
	ZSTD_outBuffer out = {.dst = stream->out, .size = sizeof(stream->out)};

	while (out.pos < out.size && !stream->finished) {
		ZSTD_inBuffer in;
		size_t before = out.pos;

		if (fill(stream, err) < 0)
			return -1;
		if (stream->in_end && stream->zstd_hint == 0) {
			stream->finished = true;
			break;
		}
		in = (ZSTD_inBuffer){.src = stream->in, .size = stream->in_len};
		/* Its default bounds the window, and so our memory, to 128 MiB. */
		stream->zstd_hint = ZSTD_decompressStream(stream->zstd, &out, &in);
		if (ZSTD_isError(stream->zstd_hint))
			return error_set(err, ERR_INVALID, "the zstd stream is damaged (%s)",
				ZSTD_getErrorName(stream->zstd_hint));
		stream->in += in.pos;
		stream->in_len -= in.pos;
		if (stream->in_end && out.pos == before && stream->zstd_hint != 0)
			return truncated("zstd", err);
	}
	*ret_len = out.pos;
	return 0;
}

static int plain_read(struct inflate *stream, size_t *ret_len, struct error **err)
{
	size_t have = 0;

	while (have < sizeof(stream->out)) {
		size_t n;

		if (fill(stream, err) < 0)
			return -1;
		if (stream->in_end)
			break;
		n = MIN(stream->in_len, sizeof(stream->out) - have);
		memcpy(stream->out + have, stream->in, n);
		stream->in += n;
		stream->in_len -= n;
		have += n;
	}
	stream->finished = have < sizeof(stream->out);
	*ret_len = have;
	return 0;
}

static int detect(struct inflate *stream, struct error **err)
{
	static const unsigned char gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};

	if (fill(stream, err) < 0)
		return -1;
	if (stream->in_len >= sizeof(zstd) && memcmp(stream->in, zstd, sizeof(zstd)) == 0)
		stream->format = FORMAT_ZSTD;
	else if (stream->in_len >= sizeof(gzip) && memcmp(stream->in, gzip, sizeof(gzip)) == 0)
		stream->format = FORMAT_GZIP;
	else
		stream->format = FORMAT_PLAIN;
	return 0;
}

int inflate_read(struct inflate *stream, const void **ret_data, size_t *ret_len, struct error **err)
{
	int result = 0;
	size_t len = 0;

	if (stream->format == FORMAT_UNKNOWN) {
		if (detect(stream, err) < 0)
			return -1;
		if (stream->format == FORMAT_GZIP && gzip_begin(stream, err) < 0)
			return -1;
		if (stream->format == FORMAT_ZSTD && zstd_begin(stream, err) < 0)
			return -1;
	}
	if (!stream->finished) {
		switch (stream->format) {
		case FORMAT_GZIP:
			result = gzip_read(stream, &len, err);
			break;
		case FORMAT_ZSTD:
			result = zstd_read(stream, &len, err);
			break;
		case FORMAT_UNKNOWN:
		case FORMAT_PLAIN:
			result = plain_read(stream, &len, err);
			break;
		}
	}
	if (result < 0)
		return -1;
	*ret_data = stream->out;
	*ret_len = len;
	return 0;
}
