#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>
#include <zstd.h>

#include "storage/inflate.h"
#include "util/mem.h"
#include "util/strbuf.h"

static void add_gzip(struct strbuf *out, const char *text, size_t len)
{
	z_stream stream = {0};
	size_t bound;

	assert_int_equal(
		deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	bound = deflateBound(&stream, len);
	strbuf_reserve(out, bound);
	stream.next_in = (Bytef *)text;
	stream.avail_in = (uInt)len;
	stream.next_out = (Bytef *)out->data + out->len;
	stream.avail_out = (uInt)bound;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	out->len += bound - stream.avail_out;
	deflateEnd(&stream);
}

static void add_zstd(struct strbuf *out, const char *text, size_t len)
{
	size_t bound = ZSTD_compressBound(len);

	strbuf_reserve(out, bound);
	out->len += ZSTD_compress(out->data + out->len, bound, text, len, 3);
}

struct input {
	const char *data;
	size_t len, piece;
};

static int input_read(void *ctx, const void **ret_data, size_t *ret_len, struct error **err)
{
	struct input *input = ctx;

	(void)err;
	*ret_data = input->data;
	*ret_len = MIN(input->len, input->piece);
	input->data += *ret_len;
	input->len -= *ret_len;
	return 0;
}

static int inflate_all(
	const struct strbuf *text, size_t piece, struct strbuf *out, struct error **err)
{
	struct input input = {text->data, text->len, piece};
	struct inflate *stream =
		inflate_open(&(struct inflate_source){.read = input_read, .ctx = &input});
	const void *data;
	size_t len;
	bool last = false;
	int result;

	while ((result = inflate_read(stream, &data, &len, err)) == 0 && len) {
		/* all but the last are whole */
		assert_false(last);
		last = len != INFLATE_PIECE_SIZE;
		strbuf_add(out, data, len);
	}
	inflate_close(stream);
	return result;
}

enum shape { PLAIN, GZIP, GZIP_TWO, GZIP_PADDED, ZSTD, ZSTD_TWO };

static void build(struct strbuf *out, enum shape shape, const char *text, size_t len)
{
	size_t half = len / 2;

	switch (shape) {
	case PLAIN:
		strbuf_add(out, text, len);
		break;
	case GZIP:
	case GZIP_PADDED:
		add_gzip(out, text, len);
		if (shape == GZIP_PADDED)
			strbuf_pad(out, '\0', 1000);
		break;
	case GZIP_TWO:
		add_gzip(out, text, half);
		add_gzip(out, text + half, len - half);
		break;
	case ZSTD:
		add_zstd(out, text, len);
		break;
	case ZSTD_TWO:
		add_zstd(out, text, half);
		add_zstd(out, text + half, len - half);
		break;
	}
}

static void test_round_trip(void **state)
{
	static const size_t lengths[] = {0, 1, 5, 512, 300000, 1 << 20};
	static const size_t pieces[] = {4, 100, 65536, 1 << 22};
	cleanup_free char *text = xmalloc(1 << 20);
	uint32_t random = 1;

	(void)state;
	for (size_t i = 0; i < 1 << 20; i++) {
		random = random * 1103515245 + 12345;
		text[i] = (char)((random >> 16) % 20);
	}
	for (int shape = PLAIN; shape <= ZSTD_TWO; shape++)
		for (size_t l = 0; l < ARRAY_SIZE(lengths); l++)
			for (size_t p = 0; p < ARRAY_SIZE(pieces); p++) {
				cleanup_strbuf struct strbuf packed = STRBUF_INIT,
							     out = STRBUF_INIT;
				struct error *err = NULL;

				if (pieces[p] == 4 && lengths[l] > 300000)
					continue;
				build(&packed, (enum shape)shape, text, lengths[l]);
				if (inflate_all(&packed, pieces[p], &out, &err) < 0)
					fail_msg("shape %d, %zu bytes by %zu: %s", shape,
						lengths[l], pieces[p], err->message);
				if (out.len != lengths[l] ||
					memcmp(strbuf_str(&out), text, out.len) != 0)
					fail_msg("shape %d, %zu bytes by %zu: %zu bytes came out",
						shape, lengths[l], pieces[p], out.len);
			}
}

static void test_damage(void **state)
{
	static const char text[] = "some text to pack, some text to pack, some text to pack";

	(void)state;
	for (int shape = GZIP; shape <= ZSTD_TWO; shape++) {
		/* cut off anywhere, flipped at its end, followed by something else */
		for (int fault = 0; fault < 4; fault++) {
			cleanup_strbuf struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;
			cleanup_error struct error *err = NULL;

			if (shape == GZIP_PADDED)
				continue;
			build(&packed, (enum shape)shape, text, sizeof(text));
			switch (fault) {
			case 0:
				packed.len -= 1;
				break;
			case 1:
				packed.len = 12;
				break;
			case 2:
				packed.data[packed.len - 6] ^= 1;
				/* zstd as compressed here has no checksum: any bytes may be valid
				 */
				if (shape >= ZSTD)
					continue;
				break;
			default:
				strbuf_addstr(&packed, "trailing rubbish");
				break;
			}
			if (inflate_all(&packed, 1000, &out, &err) == 0)
				fail_msg("shape %d, fault %d: no error", shape, fault);
			assert_int_equal(err->kind, ERR_INVALID);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
