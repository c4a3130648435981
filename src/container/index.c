#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "container/health.h"
#include "container/index.h"
#include "container/names.h"
#include "container/parse_mount.h"
#include "container/state.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/sort.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * File format, host byte order (the index never leaves the host):
 *   struct index_header, struct index_record[count] sorted by id, string bytes.
 * Strings are NUL-terminated; records hold their offsets into the string bytes.
 */
#define INDEX_MAGIC   0x78646e69646f7034ull
#define INDEX_MAX     (256u << 20)
#define SETTLE_NS     30000000 /* more than the coarsest clock tick (10 ms) */
#define RACY_MTIME_NS 0        /* in a record: read it again */

enum row_string {
	ROW_NAME,
	ROW_IMAGE_NAME,
	ROW_IMAGE_GIVEN,
	ROW_IMAGE_ID,
	ROW_COMMAND,
	ROW_PORTS,
	ROW_LABELS,
	ROW_MOUNTS,
	ROW_VOLUMES,
	ROW_NETWORK,
	ROW_HEALTH,
	ROW_EXPOSED,
	ROW_STRING_COUNT,
};

struct index_header {
	uint64_t magic;
	uint32_t count, record_size;
	uint64_t string_bytes;
};

struct index_record {
	char id[64];
	uint64_t mtime_ns, inode; /* of the container's directory */
	uint64_t created_ns, started_ns, finished_ns;
	uint32_t state, exit_code, remove, pad;
	uint32_t strings[ROW_STRING_COUNT];
};

static const char **row_string(struct container_row *row, enum row_string which)
{
	const char **const fields[ROW_STRING_COUNT] = {
		[ROW_NAME] = &row->name,
		[ROW_IMAGE_NAME] = &row->image_name,
		[ROW_IMAGE_GIVEN] = &row->image_given,
		[ROW_IMAGE_ID] = &row->image_id,
		[ROW_COMMAND] = &row->command,
		[ROW_PORTS] = &row->ports,
		[ROW_LABELS] = &row->labels,
		[ROW_MOUNTS] = &row->mounts,
		[ROW_VOLUMES] = &row->volumes,
		[ROW_NETWORK] = &row->network,
		[ROW_HEALTH] = &row->health,
		[ROW_EXPOSED] = &row->exposed,
	};

	return fields[which];
}

void container_index_clear(struct container_index *index)
{
	for (size_t i = 0; i < index->string_count; i++)
		free(index->strings[i]);
	free(index->strings);
	free(index->rows);
	error_free(index->damage);
	if (index->file)
		(void)munmap(index->file, index->file_size);
	*index = (struct container_index){0};
}

static const char *keep(struct container_index *index, char *string_take)
{
	array_grow(index->strings, index->string_count, index->string_capacity);
	return index->strings[index->string_count++] = string_take;
}

static uint64_t timespec_ns(struct timespec t)
{
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What the file says, where it can be believed. */
struct kept {
	const struct index_record *records;
	const char *strings;
	uint64_t string_bytes;
	uint32_t count;
};

static void read_kept(struct store *store, struct container_index *index, struct kept *ret)
{
	cleanup_close int fd =
		openat(store->data_fd, "index", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const struct index_header *header;
	size_t len, records;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		st.st_size < (off_t)sizeof(*header) || st.st_size > (off_t)INDEX_MAX)
		return;
	/* Mapped, not read: page faults are what a listing costs. Never written to or cut short by
	 * us once it has its name; private, should another program change it. */
	len = (size_t)st.st_size;
	index->file = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (index->file == MAP_FAILED) {
		index->file = NULL;
		return;
	}
	index->file_size = len;
	header = (const void *)index->file;
	if (header->magic != INDEX_MAGIC || header->record_size != sizeof(struct index_record))
		return;
	records = (size_t)header->count * sizeof(struct index_record);
	if (records > len - sizeof(*header) ||
		header->string_bytes != len - sizeof(*header) - records ||
		header->string_bytes == 0 || index->file[len - 1] != '\0')
		return;
	*ret = (struct kept){
		.records = (const void *)(index->file + sizeof(*header)),
		.strings = index->file + sizeof(*header) + records,
		.string_bytes = header->string_bytes,
		.count = header->count,
	};
}

static int compare_record(const void *key, const void *record)
{
	return memcmp(key, ((const struct index_record *)record)->id, 64);
}

static bool row_from_kept(
	const struct kept *kept, const struct index_record *record, struct container_row *row)
{
	*row = (struct container_row){
		.created_ns = record->created_ns,
		.started_ns = record->started_ns,
		.finished_ns = record->finished_ns,
		.state = record->state,
		.exit_code = (int)record->exit_code,
		.remove = record->remove,
	};
	memcpy(row->id, record->id, 64);
	for (int i = 0; i < ROW_STRING_COUNT; i++) {
		if (record->strings[i] >= kept->string_bytes)
			return false;
		*row_string(row, i) = kept->strings + record->strings[i];
	}
	return record->state == CONTAINER_CREATED || record->state == CONTAINER_EXITED;
}

static char *mount_words(char *const *mounts, bool volumes)
{
	cleanup_strv char **list = NULL;

	for (; mounts && *mounts; mounts++) {
		cleanup_error struct error *ignored = NULL;
		cleanup_container_mount struct container_mount mount = {0};

		if (parse_mount(*mounts, &mount, &ignored) < 0)
			continue;
		if (!volumes)
			strv_append(&list, mount.destination);
		else if (mount.kind == CONTAINER_MOUNT_VOLUME && mount.source)
			strv_append(&list, mount.source);
	}
	return str_join(list, "\n");
}

static void row_from_container(
	struct container_index *index, const struct container *container, struct container_row *row)
{
	const struct container_config *config = container->config;
	const struct container_status *status = &container->status;
	cleanup_container_health struct container_health health = {0};
	cleanup_error struct error *ignored = NULL; /* then nothing is known of it */

	(void)container_health_read(container, &health, &ignored);
	*row = (struct container_row){
		.name = keep(index, xstrdup(config->name)),
		.image_name = keep(index, xstrdup(config->image_name ? config->image_name : "")),
		.image_given = keep(index, xstrdup(config->image_given ? config->image_given : "")),
		.image_id = keep(index, xstrdup(config->image_id ? config->image_id : "")),
		.command = keep(index, str_join(config->args, " ")),
		.ports = keep(index, str_join(status->ports ? status->ports : config->ports, "\n")),
		.labels = keep(index, str_join(config->labels, "\n")),
		.mounts = keep(index, mount_words(config->mounts, false)),
		.volumes = keep(index, mount_words(config->mounts, true)),
		.exposed = keep(index, str_join(config->exposed_ports, "\n")),
		.health = keep(index, xstrdup(health.status ? health.status : "")),
		.network = keep(index, xstrdup(config->network_mode ? config->network_mode : "")),
		.created_ns = config->created_ns,
		.started_ns = status->started_ns,
		.finished_ns = status->finished_ns,
		.state = status->state,
		.exit_code = status->exit_code,
		.init_pid = container_is_running(container) ? status->init_pid : 0,
		.remove = config->remove,
	};
	memcpy(row->id, config->id, 65);
}

/* The directory's times that go with a row. */
struct stamp {
	uint64_t mtime_ns, inode;
};

static int compare_rows_by_id(const void *a, const void *b, void *rows)
{
	const struct container_row *list = rows;

	return strcmp(list[*(const size_t *)a].id, list[*(const size_t *)b].id);
}

/* A cache: whatever goes wrong here only makes the next listing slower. */
static void write_index(
	struct store *store, struct container_row *rows, const struct stamp *stamps, size_t count)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT, strings = STRBUF_INIT;
	cleanup_error struct error *ignored = NULL;
	cleanup_free size_t *order = xcalloc(count, sizeof(*order));
	struct index_header header = {.magic = INDEX_MAGIC,
		.count = (uint32_t)count,
		.record_size = sizeof(struct index_record)};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	strbuf_addch(&strings, '\0');
	strbuf_add(&out, &header, sizeof(header));
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof(*order), compare_rows_by_id, rows);
	for (size_t n = 0; n < count; n++) {
		struct container_row *row = &rows[order[n]];
		const struct stamp *stamp = &stamps[order[n]];
		struct index_record record = {
			.mtime_ns = stamp->mtime_ns + SETTLE_NS < timespec_ns(now) ? stamp->mtime_ns
										   : RACY_MTIME_NS,
			.inode = stamp->inode,
			.created_ns = row->created_ns,
			.started_ns = row->started_ns,
			.finished_ns = row->finished_ns,
			.state = row->state,
			.exit_code = (uint32_t)row->exit_code,
			.remove = row->remove,
		};

		memcpy(record.id, row->id, 64);
		for (int i = 0; i < ROW_STRING_COUNT; i++) {
			const char *s = *row_string(row, i);

			if (*s) {
				record.strings[i] = (uint32_t)strings.len;
				strbuf_add(&strings, s, strlen(s) + 1);
			}
		}
		strbuf_add(&out, &record, sizeof(record));
	}
	((struct index_header *)(void *)out.data)->string_bytes = strings.len;
	strbuf_add(&out, strings.data, strings.len);
	if (strings.len < UINT32_MAX)
		(void)write_file_atomic(
			store->data_fd, "index", out.data, out.len, 0600, 0, &ignored);
}

/* Are there more names than containers? Mostly a container is being made then. */
static bool has_more_names(struct store *store, size_t count)
{
	cleanup_dir DIR *dir = dir_open_at(store->names_fd, ".");
	size_t names = 0;

	while (dir && names <= count && dir_next(dir))
		names++;
	return names > count;
}

static int compare_created(const void *a, const void *b)
{
	const struct container_row *x = a, *y = b;

	if (x->created_ns != y->created_ns)
		return x->created_ns < y->created_ns ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* Oldest first: each row goes to its place once, along the cycles of the permutation. */
static void sort_rows(struct container_row *rows, size_t count)
{
	cleanup_free void **order = xcalloc(count + 1, sizeof(*order));

	for (size_t i = 0; i < count; i++)
		order[i] = &rows[i];
	sort_pointers(order, count, compare_created);
	for (size_t i = 0; i < count; i++) {
		struct container_row first = rows[i];
		size_t to = i;

		while (order[to] && order[to] != &rows[i]) {
			size_t from = (size_t)((struct container_row *)order[to] - rows);

			rows[to] = rows[from];
			order[to] = NULL;
			to = from;
		}
		if (order[to])
			rows[to] = first;
		order[to] = NULL;
	}
}

/* Returns true when the row came from the record and the index should be written anew. */
static bool load_row(struct store *store, struct container_index *index, const struct kept *kept,
	const char *id, struct container_row *row, struct stamp *stamp, bool *ret_found)
{
	const struct index_record *record = kept->count ? bsearch(id, kept->records, kept->count,
								  sizeof(*record), compare_record)
							: NULL;
	cleanup_container struct container *container = NULL;
	cleanup_error struct error *one = NULL;
	struct stat st;

	*ret_found = false;
	if (fstatat(store->containers_fd, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	stamp->mtime_ns = timespec_ns(st.st_mtim);
	stamp->inode = st.st_ino;
	*ret_found = true;
	if (record && record->mtime_ns != RACY_MTIME_NS && record->mtime_ns == stamp->mtime_ns &&
		record->inode == stamp->inode && row_from_kept(kept, record, row))
		return false;
	if (container_load(store, id, &container, &one) < 0) {
		*ret_found = false;
		if (one->kind == ERR_NOT_FOUND)
			return true;
		log_warning("%s", one->message);
		if (!index->damage)
			(void)error_move(&index->damage, &one);
		return true;
	}
	row_from_container(index, container, row);
	/* A running one is looked at each time: no reason to write the index for it. */
	return !container_is_running(container) || !record;
}

int container_index_load(struct store *store, struct container_index *ret, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(store->containers_fd, ".");
	cleanup_container_index struct container_index index = {0};
	cleanup_free struct stamp *stamps = NULL;
	struct kept kept = {0};
	size_t capacity = 0;
	struct dirent *entry;
	bool changed = false;

	if (!dir)
		return error_errno(err, errno, "read the containers");
	read_kept(store, &index, &kept);
	capacity = kept.count + 64;
	index.rows = xreallocarray(NULL, capacity, sizeof(*index.rows));
	stamps = xreallocarray(NULL, capacity, sizeof(*stamps));
	while ((entry = dir_next(dir))) {
		bool found;

		if (!hex_is_valid(entry->d_name, 64))
			continue;
		if (index.count == capacity) {
			capacity *= 2;
			index.rows = xreallocarray(index.rows, capacity, sizeof(*index.rows));
			stamps = xreallocarray(stamps, capacity, sizeof(*stamps));
		}
		changed |= load_row(store, &index, &kept, entry->d_name, &index.rows[index.count],
			&stamps[index.count], &found);
		index.count += found;
	}
	if (changed || index.count != kept.count) {
		write_index(store, index.rows, stamps, index.count);
		if (has_more_names(store, index.count))
			names_sweep(store);
	}
	sort_rows(index.rows, index.count);
	*ret = index;
	index = (struct container_index){0};
	return 0;
}
