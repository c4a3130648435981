#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/memcpy.h"

#ifdef __x86_64__

#define ROOM 2400

static unsigned char area[ROOM], expected[ROOM];

static void fill(void)
{
	for (size_t i = 0; i < ROOM; i++)
		area[i] = expected[i] = (unsigned char)(i * 7 + i / 251);
}

/* By single bytes, from the end that is not overwritten first. */
static void slow_move(size_t to, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t at = to < from ? i : len - 1 - i;

		expected[to + at] = expected[from + at];
	}
}

static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65,
	79, 80, 95, 96, 97, 127, 128, 129, 160, 191, 255, 256, 300, 511, 512, 513, 700, 1023, 1024};

static void test_copy(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (size_t shift = 0; shift < 33; shift++) {
			fill();
			slow_move(1100 + shift, 3, lengths[i]);
			assert_ptr_equal(memcpy_short(area + 1100 + shift, area + 3, lengths[i]),
				area + 1100 + shift);
			assert_memory_equal(area, expected, ROOM);
		}
	}
}

/* Up and down by every distance that can matter. */
static void test_move(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (size_t distance = 0; distance < 140; distance++) {
			fill();
			slow_move(200 + distance, 200, lengths[i]);
			assert_ptr_equal(
				memmove_short(area + 200 + distance, area + 200, lengths[i]),
				area + 200 + distance);
			assert_memory_equal(area, expected, ROOM);
			fill();
			slow_move(200, 200 + distance, lengths[i]);
			memmove_short(area + 200, area + 200 + distance, lengths[i]);
			assert_memory_equal(area, expected, ROOM);
		}
	}
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __x86_64__
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_move),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
