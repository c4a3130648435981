#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "rootless/userns.h"
#include "storage/volume.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/kernel.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

#define VOLUME_RECORD_MAX (1u << 20) /* bytes */

void volume_clear(struct volume *volume)
{
	free(volume->name);
	free(volume->mountpoint);
	strv_free(volume->labels);
	strv_free(volume->options);
	*volume = (struct volume){0};
}

int volume_name_check(const char *name, struct error **err)
{
	if (!object_name_is_valid(name))
		return error_set(err, ERR_INVALID,
			"invalid volume name \"%s\": names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: "
			"invalid argument",
			name);
	return 0;
}

char *volume_path(const struct store *store, const char *name)
{
	return xasprintf("%s/volumes/%s/_data", store->data_path, name);
}

static char *record_text(const struct volume *volume)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_write_object_begin(&w);
	json_put_int(&w, "version", 1);
	json_put_string(&w, "name", volume->name);
	json_put_uint(&w, "created", (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	json_put_strv(&w, "labels", volume->labels);
	json_put_strv(&w, "options", volume->options);
	json_put_bool(&w, "anonymous", volume->anonymous);
	json_write_object_end(&w);
	return strbuf_detach(&out);
}

int volume_create(struct store *store, const struct volume *volume, struct error **err)
{
	cleanup_close int dir_fd = -1, lock_fd = -1;
	cleanup_free char *text = NULL;
	cleanup_error struct error *ignored = NULL;
	char tmp[40] = "volume-";

	if (volume_name_check(volume->name, err) < 0)
		return -1;
	random_hex(tmp + strlen(tmp), 32);
	if (store_make_entry(store, tmp, &dir_fd, &lock_fd, err) < 0)
		return error_wrap(err, "create volume '%s'", volume->name);
	if (mkdirat(dir_fd, "_data", 0755) < 0) {
		error_errno(err, errno, "create volume '%s'", volume->name);
		goto undo;
	}
	/* What containers see has this mode, whatever the umask. */
	if (fchmodat(dir_fd, "_data", 0755, 0) < 0) {
		error_errno(err, errno, "create volume '%s'", volume->name);
		goto undo;
	}
	text = record_text(volume);
	if (write_file_atomic(dir_fd, "volume.json", text, strlen(text), 0600, WRITE_SYNC, err) < 0)
		goto undo;
	/* Both names in it, before it has one. */
	if (fsync(dir_fd) < 0) {
		error_errno(err, errno, "sync volume '%s'", volume->name);
		goto undo;
	}
	if (renameat2(store->tmp_fd, tmp, store->volumes_fd, volume->name, RENAME_NOREPLACE) < 0) {
		if (errno == EEXIST)
			error_set(err, ERR_CONFLICT,
				"volume with name %s already exists: volume already exists",
				volume->name);
		else
			error_errno(err, errno, "create volume '%s'", volume->name);
		goto undo;
	}
	if (fsync(store->volumes_fd) < 0)
		return error_errno(err, errno, "sync the name of volume '%s'", volume->name);
	return 0;
undo:
	(void)remove_tree(store->tmp_fd, tmp, &ignored); /* the sweeper takes it otherwise */
	return -1;
}

int volume_open(struct store *store, const char *name, bool anonymous, struct error **err)
{
	cleanup_free char *path = xasprintf("%s/_data", name);

	if (volume_name_check(name, err) < 0)
		return -1;
	for (int attempt = 0; attempt < 2; attempt++) {
		struct volume volume = {.name = (char *)name, .anonymous = anonymous};
		cleanup_error struct error *one = NULL;
		int fd = open_beneath(
			store->volumes_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

		if (fd >= 0)
			return fd;
		if (errno != ENOENT)
			return error_errno(err, errno, "open volume '%s'", name);
		if (volume_create(store, &volume, &one) < 0 && one->kind != ERR_CONFLICT)
			return error_move(err, &one);
	}
	return error_set(err, ERR_CONFLICT, "volume '%s' was removed meanwhile", name);
}

static int no_such_volume(const char *name, struct error **err)
{
	error_set(err, ERR_NOT_FOUND, "no volume with name \"%s\" found: no such volume", name);
	return error_docker(err, "Error response from daemon: get %s: no such volume", name);
}

int volume_load(struct store *store, const char *name, struct volume *ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_close int dir_fd = -1;
	cleanup_free char *text = NULL;
	struct volume volume = {0};
	struct json root;
	size_t len;

	if (volume_name_check(name, err) < 0)
		return -1;
	dir_fd = openat(store->volumes_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0 && errno == ENOENT)
		return no_such_volume(name, err);
	if (dir_fd < 0)
		return error_errno(err, errno, "open volume '%s'", name);
	if (read_file_limited(dir_fd, "volume.json", VOLUME_RECORD_MAX, &text, &len, err) < 0 ||
		json_parse(text, len, "volume.json", &doc, &root, err) < 0 ||
		json_opt_uint64(&root, "created", UINT64_MAX, &volume.created_ns, err) < 0 ||
		json_opt_strv(&root, "labels", 65536, &volume.labels, err) < 0 ||
		json_opt_strv(&root, "options", 65536, &volume.options, err) < 0 ||
		json_opt_bool(&root, "anonymous", &volume.anonymous, err) < 0) {
		volume_clear(&volume);
		return error_wrap(err, "volume '%s'", name);
	}
	volume.name = xstrdup(name);
	volume.mountpoint = volume_path(store, name);
	*ret = volume;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct volume *)a)->name, ((const struct volume *)b)->name);
}

int volume_list(struct store *store, struct volume **ret, size_t *ret_count, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(store->volumes_fd, ".");
	struct volume *list = NULL;
	size_t count = 0, capacity = 0;
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "read the volumes");
	while ((entry = dir_next(dir))) {
		cleanup_error struct error *one = NULL;
		struct volume volume;

		if (volume_load(store, entry->d_name, &volume, &one) < 0) {
			if (one->kind != ERR_NOT_FOUND)
				log_warning("%s", one->message);
			continue;
		}
		array_grow(list, count, capacity);
		list[count++] = volume;
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_names);
	*ret = list;
	*ret_count = count;
	return 0;
}

int volume_remove(struct store *store, const char *name, struct error **err)
{
	cleanup_error struct error *one = NULL;
	cleanup_close int dir_fd = -1, lock_fd = -1;
	char tmp[40] = "volume-";

	if (volume_name_check(name, err) < 0)
		return -1;
	random_hex(tmp + strlen(tmp), 32);
	dir_fd = openat(store->volumes_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd >= 0)
		lock_fd = lock_open(dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, &one);
	if (dir_fd >= 0 && lock_fd < 0)
		return error_move(err, &one);
	if (renameat(store->volumes_fd, name, store->tmp_fd, tmp) < 0) {
		if (errno == ENOENT)
			return no_such_volume(name, err);
		return error_errno(err, errno, "remove volume '%s'", name);
	}
	return store_discard(store, tmp, err);
}
