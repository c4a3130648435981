#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "container/volume_uses.h"
#include "util/mem.h"
#include "util/timefmt.h"

#define SETTLE_NS 30000000 /* more than the coarsest clock tick (10 ms) */

struct volume_use {
	const char *name; /* of the index; ends at a newline or NUL */
	size_t len;
	const char *id;
};

static void forget(struct volume_uses *uses)
{
	container_index_clear(&uses->index);
	uses->count = 0;
	uses->stamp_ns = 0;
}

void volume_uses_clear(struct volume_uses *uses)
{
	forget(uses);
	free(uses->uses);
	*uses = (struct volume_uses){.store = uses->store};
}

static int compare(const void *a, const void *b)
{
	const struct volume_use *x = a, *y = b;
	int order = memcmp(x->name, y->name, MIN(x->len, y->len));

	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static int look(struct volume_uses *uses, struct error **err)
{
	uint64_t now_ns = time_now_ns(), changed_ns;
	struct stat st;

	/* Before the look: what comes later is another time, or too near to tell. */
	if (fstat(uses->store->containers_fd, &st) < 0)
		return error_errno(err, errno, "read the containers");
	changed_ns = (uint64_t)st.st_mtim.tv_sec * NS_PER_SECOND + (uint64_t)st.st_mtim.tv_nsec;
	if (uses->stamp_ns && uses->stamp_ns == changed_ns)
		return 0;
	forget(uses);
	if (container_index_load(uses->store, &uses->index, err) < 0)
		return -1;
	if (uses->index.damage)
		return error_move(err, &uses->index.damage);
	for (size_t i = 0; i < uses->index.count; i++) {
		const struct container_row *row = &uses->index.rows[i];

		for (const char *name = row->volumes; *name;) {
			size_t len = strcspn(name, "\n");

			array_grow(uses->uses, uses->count, uses->capacity);
			uses->uses[uses->count++] = (struct volume_use){name, len, row->id};
			name += len + (name[len] == '\n');
		}
	}
	if (uses->count)
		qsort(uses->uses, uses->count, sizeof(*uses->uses), compare);
	uses->stamp_ns = changed_ns + SETTLE_NS < now_ns ? changed_ns : 0;
	return 0;
}

int volume_uses_find(
	struct volume_uses *uses, const char *volume, const char **ret_id, struct error **err)
{
	const struct volume_use key = {volume, strlen(volume), NULL};
	const struct volume_use *use;

	if (look(uses, err) < 0)
		return -1;
	use = uses->count ? bsearch(&key, uses->uses, uses->count, sizeof(key), compare) : NULL;
	*ret_id = use ? use->id : NULL;
	return 0;
}
