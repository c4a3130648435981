#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "container/container.h"
#include "container/events.h"
#include "container/names.h"
#include "container/state.h"
#include "monitor/monitor.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

void container_free(struct container *container)
{
	if (!container)
		return;
	container_config_free(container->config);
	container_status_clear(&container->status);
	close_keep_errno(container->dir_fd);
	free(container);
}

const char *container_state_name(enum container_state state)
{
	static const char *const names[] = {
		[CONTAINER_CREATED] = "created",
		[CONTAINER_RUNNING] = "running",
		[CONTAINER_UNSUPERVISED] = "running",
		[CONTAINER_EXITED] = "exited",
		[CONTAINER_RESTARTING] = "restarting",
		[CONTAINER_PAUSED] = "paused",
	};

	return names[state];
}

int container_name_check(const char *name, struct error **err)
{
	if (!object_name_is_valid(name))
		return error_set(err, ERR_INVALID,
			"invalid container name '%s': names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*",
			name);
	return 0;
}

static int apply_settings(struct container *container, struct error **err)
{
	cleanup_free char *text = NULL;
	cleanup_error struct error *one = NULL;
	cleanup_json struct json_document *doc = NULL;
	struct json root;
	size_t len;

	if (read_file_limited(container->dir_fd, "settings.json", CONTAINER_RECORD_MAX, &text, &len,
		    &one) < 0) {
		if (one->kind == ERR_NOT_FOUND)
			return 0;
		return error_move(err, &one);
	}
	if (json_parse(text, len, "settings.json", &doc, &root, err) < 0 ||
		container_config_apply_settings(&root, container->config, err) < 0)
		return -1;
	return 0;
}

static int open_container(
	struct store *store, const char *id, struct container *container, struct error **err)
{
	container->dir_fd = open_beneath(store->containers_fd, id, O_RDONLY | O_DIRECTORY, 0);
	if (container->dir_fd < 0 && errno == ENOENT) {
		error_set(err, ERR_NOT_FOUND, "no such container: '%s'", id);
		return error_docker(err, "Error response from daemon: No such container: %s", id);
	}
	if (container->dir_fd < 0)
		return error_errno(err, errno, "open container '%.12s'", id);
	return 0;
}

int container_load(struct store *store, const char *id, struct container **ret, struct error **err)
{
	cleanup_container struct container *container = xcalloc(1, sizeof(*container));
	cleanup_free char *text = NULL;
	size_t len;

	if (open_container(store, id, container, err) < 0)
		return -1;
	if (read_file_limited(container->dir_fd, "container.json", CONTAINER_RECORD_MAX, &text,
		    &len, err) < 0 ||
		container_config_parse(text, len, "container.json", &container->config, err) < 0 ||
		apply_settings(container, err) < 0 ||
		container_status_read(container->dir_fd, &container->status, err) < 0)
		return error_wrap(err,
			"container '%.12s' is damaged (pod rm --force %.12s removes it)", id, id);
	if (strcmp(container->config->id, id) != 0)
		return error_set(err, ERR_INVALID, "container '%.12s': the record is of '%.12s'",
			id, container->config->id);
	*ret = steal_ptr(&container);
	return 0;
}

/* What can be told without the record. */
static int load_remains(
	struct store *store, const char *id, struct container **ret, struct error **err)
{
	cleanup_container struct container *container = xcalloc(1, sizeof(*container));

	if (open_container(store, id, container, err) < 0)
		return -1;
	container->config = xcalloc(1, sizeof(*container->config));
	container->config->id = xstrdup(id);
	container->config->name = names_find(store->names_fd, id);
	if (!container->config->name)
		container->config->name = xstrdup(id);
	container->config->stop_signal = SIGTERM;
	if (container_status_read(container->dir_fd, &container->status, err) < 0)
		return error_wrap(err, "container '%.12s'", id);
	*ret = steal_ptr(&container);
	return 0;
}

int container_refresh(struct container *container, struct error **err)
{
	struct container_status status = {0};

	if (container_status_read(container->dir_fd, &status, err) < 0)
		return error_wrap(err, "container '%.12s'", container->config->id);
	container_status_clear(&container->status);
	container->status = status;
	return 0;
}

static int not_found(const char *name, struct error **err)
{
	error_set(err, ERR_NOT_FOUND,
		"no container with name or ID \"%s\" found: no such container", name);
	return error_docker(err, "Error response from daemon: No such container: %s", name);
}

/* The one id that begins with PREFIX. */
static int find_prefix(struct store *store, const char *prefix, char out[65], struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(store->containers_fd, ".");
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return error_errno(err, errno, "read the containers");
	while ((entry = dir_next(dir))) {
		if (!str_starts_with(entry->d_name, prefix) || !hex_is_valid(entry->d_name, 64))
			continue;
		if (found)
			return error_set(err, ERR_CONFLICT,
				"more than one result for container name or ID \"%s\"", prefix);
		memcpy(out, entry->d_name, 65);
		found = true;
	}
	return found ? 0 : not_found(prefix, err);
}

int container_find_id(struct store *store, const char *name, char out[65], struct error **err)
{
	cleanup_error struct error *ignored = NULL;

	/* A name wins over an id that looks like it, as with podman. */
	if (container_name_check(name, &ignored) == 0 &&
		names_lookup(store->names_fd, name, out) == 0 &&
		faccessat(store->containers_fd, out, F_OK, 0) == 0)
		return 0;
	if (hex_is_valid(name, 64)) {
		if (faccessat(store->containers_fd, name, F_OK, 0) < 0)
			return not_found(name, err);
		memcpy(out, name, 65);
		return 0;
	}
	if (strspn(name, "0123456789abcdef") != strlen(name) || !*name || strlen(name) > 64)
		return not_found(name, err);
	return find_prefix(store, name, out, err);
}

enum damaged { DAMAGED_FAILS, DAMAGED_LEFT_OUT, DAMAGED_AS_REMAINS };

static int load_or_remains(struct store *store, const char *id, enum damaged damaged,
	struct container **ret, struct error **err)
{
	cleanup_error struct error *one = NULL;

	if (container_load(store, id, ret, &one) == 0)
		return 0;
	if (damaged != DAMAGED_AS_REMAINS || one->kind == ERR_NOT_FOUND)
		return error_move(err, &one);
	return load_remains(store, id, ret, err);
}

static int find(struct store *store, const char *name, enum damaged damaged, struct container **ret,
	struct error **err)
{
	cleanup_error struct error *one = NULL;
	char id[65];

	if (container_find_id(store, name, id, err) < 0)
		return -1;
	if (load_or_remains(store, id, damaged, ret, &one) == 0)
		return 0;
	if (one->kind == ERR_NOT_FOUND) /* removed since */
		return not_found(name, err);
	return error_move(err, &one);
}

int container_find(
	struct store *store, const char *name, struct container **ret, struct error **err)
{
	return find(store, name, DAMAGED_FAILS, ret, err);
}

int container_find_any(
	struct store *store, const char *name, struct container **ret, struct error **err)
{
	return find(store, name, DAMAGED_AS_REMAINS, ret, err);
}

static int compare_created(const void *a, const void *b)
{
	const struct container *x = *(struct container *const *)a;
	const struct container *y = *(struct container *const *)b;

	if (x->config->created_ns != y->config->created_ns)
		return x->config->created_ns < y->config->created_ns ? -1 : 1;
	return strcmp(x->config->id, y->config->id);
}

static int list_all(struct store *store, enum damaged damaged, struct container ***ret,
	size_t *ret_count, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(store->containers_fd, ".");
	struct container **list = NULL;
	size_t count = 0, capacity = 0;
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "read the containers");
	while ((entry = dir_next(dir))) {
		cleanup_error struct error *one = NULL;
		struct container *container;

		if (!hex_is_valid(entry->d_name, 64))
			continue;
		if (load_or_remains(store, entry->d_name, damaged, &container, &one) < 0) {
			if (one->kind == ERR_NOT_FOUND)
				continue;
			if (damaged != DAMAGED_LEFT_OUT) {
				container_list_free(list, count);
				return error_move(err, &one);
			}
			log_warning("%s", one->message);
			continue;
		}
		array_grow(list, count, capacity);
		list[count++] = container;
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_created);
	*ret = list;
	*ret_count = count;
	return 0;
}

int container_list(
	struct store *store, struct container ***ret, size_t *ret_count, struct error **err)
{
	return list_all(store, DAMAGED_LEFT_OUT, ret, ret_count, err);
}

int container_list_any(
	struct store *store, struct container ***ret, size_t *ret_count, struct error **err)
{
	return list_all(store, DAMAGED_AS_REMAINS, ret, ret_count, err);
}

int container_list_whole(
	struct store *store, struct container ***ret, size_t *ret_count, struct error **err)
{
	return list_all(store, DAMAGED_FAILS, ret, ret_count, err);
}

void container_list_free(struct container **containers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		container_free(containers[i]);
	free(containers);
}

int container_latest(struct store *store, struct container **ret, struct error **err)
{
	struct container **list;
	size_t count;

	if (container_list(store, &list, &count, err) < 0)
		return -1;
	if (count == 0) {
		container_list_free(list, count);
		return error_set(err, ERR_NOT_FOUND, "no containers found: no such container");
	}
	*ret = list[count - 1];
	container_list_free(list, count - 1);
	return 0;
}

/* Undo of a half-made container: only small files of ours are in it. */
static void create_undo(struct store *store, const char *id, const char *name)
{
	cleanup_error struct error *ignored = NULL;
	char owner[65];

	if (name && names_lookup(store->names_fd, name, owner) == 0 && strcmp(owner, id) == 0)
		(void)unlinkat(store->names_fd, name, 0); /* the sweeper takes it otherwise */
	(void)remove_tree(store->tmp_fd, id, &ignored);   /* likewise */
}

int container_create(struct store *store, struct container_config *config, struct container **ret,
	int *ret_lock_fd, struct error **err)
{
	cleanup_container struct container *container = xcalloc(1, sizeof(*container));
	cleanup_close int lock_fd = -1;
	cleanup_free char *text = NULL;
	char id[65], image[13];
	struct timespec now;
	char *named = NULL;

	container->config = config;
	container->dir_fd = -1;
	if (config->name && container_name_check(config->name, err) < 0)
		return -1;
	random_hex(id, 64);
	free(config->id);
	config->id = xstrdup(id);
	snprintf(image, sizeof(image), "%.12s", id);
	if (!config->hostname)
		config->hostname = xstrdup(image);
	clock_gettime(CLOCK_REALTIME, &now);
	config->created_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;

	if (store_make_entry(store, id, &container->dir_fd, &lock_fd, err) < 0)
		return error_wrap(err, "create container");
	if (config->name) {
		if (names_claim(store, config->name, id, err) < 0)
			goto undo;
	} else if (names_claim_random(store, id, &config->name, err) < 0) {
		goto undo;
	}
	named = config->name;
	text = container_config_write(config);
	if (write_file_atomic(
		    container->dir_fd, "container.json", text, strlen(text), 0600, 0, err) < 0)
		goto undo;
	if (config->remove && config->anonymous_volumes) {
		cleanup_free char *names = str_join(config->anonymous_volumes, "\n");
		cleanup_free char *lines = xasprintf("%s\n", names);

		if (write_file_atomic(container->dir_fd, CONTAINER_ANONYMOUS_FILE, lines,
			    strlen(lines), 0600, 0, err) < 0)
			goto undo;
	}
	if (renameat(store->tmp_fd, id, store->containers_fd, id) < 0) {
		error_errno(err, errno, "create container '%.12s'", id);
		goto undo;
	}
	event_container(store, container, "create", NULL);
	*ret = steal_ptr(&container);
	*ret_lock_fd = steal_fd(&lock_fd);
	return 0;
undo:
	create_undo(store, id, named);
	return error_wrap(err, "create container");
}

int container_sync(struct store *store, const struct container *container, struct error **err)
{
	cleanup_close int fd =
		openat(container->dir_fd, "container.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fdatasync(fd) < 0 || fsync(store->containers_fd) < 0 ||
		fsync(store->names_fd) < 0)
		return error_errno(
			err, errno, "sync the record of container '%.12s'", container->config->id);
	return 0;
}

int container_uses_image(
	struct store *store, const char *image_id, char **ret_id, struct error **err)
{
	struct container **list;
	size_t count;

	if (container_list_whole(store, &list, &count, err) < 0)
		return -1;
	*ret_id = NULL;
	for (size_t i = 0; i < count && !*ret_id; i++)
		if (str_equal(list[i]->config->image_id, image_id))
			*ret_id = xstrdup(list[i]->config->id);
	container_list_free(list, count);
	return 0;
}
