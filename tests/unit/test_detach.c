#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "monitor/detach.h"
#include "util/mem.h"

static const struct {
	const char *text;
	const char *keys; /* NULL: refused */
} syntax[] = {
	{"ctrl-p,ctrl-q", "\x10\x11"},
	{"a", "a"},
	{"a,B,ctrl-a", "aB\x01"},
	{"ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", "\x1b\x1c\x1d\x1e\x1f"},
	{"", ""},
	{"ctrl-", NULL},
	{"ctrl-A", NULL},
	{"ctrl-1", NULL},
	{"ab", NULL},
	{"\xc3", NULL},
	{"a,,b", NULL},
	{"a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", NULL},
};

static void test_syntax(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(syntax); i++) {
		cleanup_error struct error *err = NULL;
		struct detach_keys keys;
		int result = detach_keys_parse(syntax[i].text, &keys, &err);

		assert_int_equal(result, syntax[i].keys ? 0 : -1);
		if (!syntax[i].keys) {
			assert_int_equal(err->kind, ERR_USAGE);
			continue;
		}
		assert_int_equal(keys.count, strlen(syntax[i].keys));
		assert_memory_equal(keys.keys, syntax[i].keys, keys.count);
	}
}

static const struct {
	const char *keys, *input, *output;
	bool detaches;
} feeds[] = {
	{"ctrl-p,ctrl-q", "abc", "abc", false},
	{"ctrl-p,ctrl-q", "a\x10\x11", "a", true},
	{"ctrl-p,ctrl-q", "\x10z", "\x10z", false},
	{"ctrl-p,ctrl-q", "\x10\x10z", "\x10\x10z", false},
	{"ctrl-p,ctrl-q", "\x10\x10\x11", "\x10", true},
	{"ctrl-p,ctrl-q", "\x11\x10", "\x11", false}, /* the last one is held back */
	{"", "a\x10\x11", "a\x10\x11", false},
	{"a,a,b", "aaab", "a", true},
	{"a,b,a,c", "abababac", "abab", true},
	{"a,b,a,c", "abaabac", "aba", true},
	{"a", "xa", "x", true},
};

/* The same result in one piece and byte by byte. */
static void test_feed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(feeds); i++)
		for (size_t step = 1; step <= 16; step += 15) {
			cleanup_error struct error *err = NULL;
			struct detach_keys keys;
			uint8_t out[64];
			size_t done = 0, len = strlen(feeds[i].input);
			bool detached = false;

			assert_int_equal(detach_keys_parse(feeds[i].keys, &keys, &err), 0);
			for (size_t at = 0; at < len && !detached; at += step) {
				uint8_t piece[16 + DETACH_KEYS_MAX];
				size_t n;

				detached = detach_keys_feed(&keys,
					(const uint8_t *)feeds[i].input + at, MIN(step, len - at),
					piece, &n);
				memcpy(out + done, piece, n);
				done += n;
			}
			assert_int_equal(detached, feeds[i].detaches);
			assert_int_equal(done, strlen(feeds[i].output));
			assert_memory_equal(out, feeds[i].output, done);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_feed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
