#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/sort.h"

struct item {
	int key;
	size_t place;
};

static int compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* Every length to 100, with few keys so that many are equal: ordered, and the equal ones as they
 * came. */
static void test_order(void **state)
{
	struct item items[100];
	void *order[ARRAY_SIZE(items)];

	(void)state;
	srand(1);
	for (size_t count = 0; count <= ARRAY_SIZE(items); count++) {
		for (int keys = 1; keys < 200; keys += 33) {
			for (size_t i = 0; i < count; i++) {
				items[i] = (struct item){rand() % keys, i};
				order[i] = &items[i];
			}
			sort_pointers(order, count, compare);
			for (size_t i = 1; i < count; i++) {
				const struct item *before = order[i - 1], *after = order[i];

				assert_true(before->key < after->key ||
					    (before->key == after->key &&
						    before->place < after->place));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
