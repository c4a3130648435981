#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/sha256.h"

/* FIPS 180-4 examples and NIST CAVP short messages. */
static const struct {
	const char *input;
	size_t repeat;
	const char *digest;
} vectors[] = {
	{"", 1, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", 1, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		"sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
	 "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		1, "sha256:cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	{"a", 1000000, "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		size_t len = strlen(vectors[i].input), total = len * vectors[i].repeat;
		cleanup_free char *data = xmalloc(total + 1);
		char digest[SHA256_DIGEST_TEXT + 1];

		for (size_t n = 0; n < vectors[i].repeat; n++)
			memcpy(data + n * len, vectors[i].input, len);
		sha256_digest(data, total, digest);
		assert_string_equal(digest, vectors[i].digest);
	}
}

/* Any split of the input gives the same hash: block borders are where mistakes hide. */
static void test_splits(void **state)
{
	unsigned char data[200], whole[32], parts[32];
	struct sha256 ctx;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7);
	for (size_t len = 0; len <= sizeof(data); len++) {
		sha256_init(&ctx);
		sha256_update(&ctx, data, len);
		sha256_final(&ctx, whole);
		for (size_t cut = 0; cut <= len; cut += 13) {
			sha256_init(&ctx);
			sha256_update(&ctx, data, cut);
			sha256_update(&ctx, data + cut, len - cut);
			sha256_final(&ctx, parts);
			assert_memory_equal(whole, parts, 32);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_splits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
