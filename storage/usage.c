#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "rootless/userns.h"
#include "storage/usage.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define DEPTH_MAX 4096 /* each level holds a descriptor */

/* Set of inodes with several names, so that each counts once. */
struct inode {
	dev_t dev;
	ino_t ino;
};

struct walk {
	struct inode *seen;
	size_t count, capacity; /* capacity a power of two; ino 0 is empty */
	uint64_t bytes;
};

static bool seen_before(struct walk *w, const struct stat *st)
{
	size_t i;

	if (w->count * 2 >= w->capacity) {
		size_t capacity = w->capacity ? w->capacity * 2 : 256;
		struct inode *old = w->seen;
		size_t old_capacity = w->capacity;

		w->seen = xcalloc(capacity, sizeof(*w->seen));
		w->capacity = capacity;
		for (size_t j = 0; j < old_capacity; j++) {
			if (!old[j].ino)
				continue;
			for (i = old[j].ino & (capacity - 1); w->seen[i].ino;
				i = (i + 1) & (capacity - 1))
				;
			w->seen[i] = old[j];
		}
		free(old);
	}
	for (i = st->st_ino & (w->capacity - 1); w->seen[i].ino; i = (i + 1) & (w->capacity - 1))
		if (w->seen[i].ino == st->st_ino && w->seen[i].dev == st->st_dev)
			return true;
	w->seen[i] = (struct inode){st->st_dev, st->st_ino};
	w->count++;
	return false;
}

static void walk_dir(struct walk *w, int dir_fd, const char *name, unsigned int depth)
{
	cleanup_dir DIR *dir = dir_open_at(dir_fd, name);
	struct dirent *entry;
	struct stat st;

	/* Gone, not ours to read, or absurdly deep: what can be seen is counted. */
	while (dir && depth < DEPTH_MAX && (entry = dir_next(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			walk_dir(w, dirfd(dir), entry->d_name, depth + 1);
		else if (st.st_nlink < 2 || !seen_before(w, &st))
			w->bytes += (uint64_t)st.st_size;
	}
}

struct measurement {
	struct usage_item *items;
	size_t count;
	uint64_t *results; /* shared with the child that measures */
};

static int measure(void *data, struct error **err)
{
	struct measurement *m = data;

	(void)err;
	for (size_t i = 0; i < m->count; i++) {
		struct walk w = {0};

		walk_dir(&w, m->items[i].dir_fd, m->items[i].path, 0);
		free(w.seen);
		m->results[i] = w.bytes;
	}
	return 0;
}

int store_usage(struct store *store, struct usage_item *items, size_t count, int userns_fd,
	struct error **err)
{
	struct measurement m = {items, count, NULL};
	size_t size = (count + 1) * sizeof(*m.results);
	int status;

	m.results = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m.results == MAP_FAILED)
		return error_errno(err, errno, "map memory for the results");
	if (userns_fd < 0 || !store->rootless)
		status = measure(&m, err);
	else
		status = userns_run(userns_fd, false, measure, &m, err);
	for (size_t i = 0; i < count && status == 0; i++)
		items[i].bytes = m.results[i];
	(void)munmap(m.results, size); /* nothing depends on it */
	return status;
}

int store_reset(struct store *store, int userns_fd, struct error **err)
{
	static const char *const ours[] = {"containers", "images", "index", "layers", "tmp",
		"volumes", "events", "driver", "names.lock", "version", NULL};
	cleanup_dir DIR *dir = dir_open_at(store->runtime_fd, ".");
	struct dirent *entry;

	if (store_remove_trees(store, store->data_fd, (char *const *)ours, userns_fd, err) < 0)
		return error_wrap(err, "empty the store '%s'", store->data_path);
	while (dir && (entry = dir_next(dir)))
		if (str_ends_with(entry->d_name, ".sock") ||
			str_starts_with(entry->d_name, "userns-"))
			(void)unlinkat(store->runtime_fd, entry->d_name, 0); /* lost sockets */
	(void)rmdir(store->runtime_path); /* not empty: somebody else's files stay */
	(void)rmdir(store->data_path);
	return 0;
}
