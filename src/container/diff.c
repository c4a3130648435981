#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "container/diff.h"
#include "container/parse_mount.h"
#include "rootless/userns.h"
#include "storage/image_store.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define CHANGES_MAX (64u << 20) /* bytes of the child's answer */
#define DEPTH_MAX   512
#define WHITEOUT    ".wh." /* how fuse-overlayfs may write one */

void container_changes_free(struct container_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(changes[i].path);
	free(changes);
}

struct diff {
	struct store *store;
	const struct container_config *config;
	char **mounted; /* destinations that are mounted, and what is made for them */
	int *layer_fds; /* the top layer first */
	size_t layer_count;
	int result_fd;     /* memory; kind, path and a NUL for each change */
	struct strbuf out; /* what goes there */
};

static void put(struct diff *diff, char kind, const char *path)
{
	strbuf_addch(&diff->out, kind);
	strbuf_addf(&diff->out, "/%s", path);
	strbuf_addch(&diff->out, '\0');
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static bool is_opaque(int fd)
{
	char value[2];

	return fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) == 1 && *value == 'y';
}

/* PATH in layer I; false when it is not there. */
static bool layer_stat(const struct diff *diff, size_t i, const char *path, struct stat *ret)
{
	cleanup_close int fd = open_beneath(diff->layer_fds[i], path, O_PATH | O_NOFOLLOW, 0);

	return fd >= 0 && fstat(fd, ret) == 0;
}

/* In the first LIMIT layers. */
static bool is_below(const struct diff *diff, const char *path, size_t limit)
{
	struct stat st;

	for (size_t i = 0; i < limit; i++)
		if (layer_stat(diff, i, path, &st))
			return !is_whiteout(&st);
	return false;
}

/* How many of the first LIMIT layers show through the directory PATH. */
static size_t limit_in(const struct diff *diff, const char *path, size_t limit)
{
	for (size_t i = 0; i < limit; i++) {
		cleanup_close int fd = -1;
		struct stat st;

		if (!layer_stat(diff, i, path, &st))
			continue;
		if (!S_ISDIR(st.st_mode))
			return i;
		fd = open_beneath(diff->layer_fds[i], path, O_RDONLY | O_DIRECTORY, 0);
		if (fd >= 0 && is_opaque(fd))
			return i + 1;
	}
	return limit;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a directory, sorted; owned. */
static int list_names(int dir_fd, const char *path, char ***ret, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(dir_fd, path);
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "read directory '%s'", path);
	for (errno = 0; (entry = dir_next(dir)); errno = 0)
		strv_append(ret, entry->d_name);
	if (errno)
		return error_errno(err, errno, "read directory '%s'", path);
	if (*ret)
		qsort(*ret, strv_length(*ret), sizeof(**ret), compare_names);
	return 0;
}

/* The directory PATH was replaced: what the layers have in it, and it has not, is gone. */
static int put_hidden(
	struct diff *diff, int upper_fd, const char *path, size_t limit, struct error **err)
{
	cleanup_strv char **gone = NULL;

	for (size_t i = 0; i < limit; i++) {
		cleanup_close int fd =
			open_beneath(diff->layer_fds[i], path, O_RDONLY | O_DIRECTORY, 0);
		cleanup_strv char **names = NULL;

		if (fd < 0)
			continue;
		if (list_names(fd, ".", &names, err) < 0)
			return -1;
		for (char **name = names; name && *name; name++) {
			cleanup_free char *whole = xasprintf("%s/%s", path, *name);
			struct stat st;

			if (fstatat(upper_fd, *name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
				(gone && strv_contains(gone, whole)) ||
				!is_below(diff, whole, limit))
				continue;
			strv_append(&gone, whole);
		}
	}
	if (gone)
		qsort(gone, strv_length(gone), sizeof(*gone), compare_names);
	for (char **whole = gone; whole && *whole; whole++)
		put(diff, 'D', *whole);
	return 0;
}

static int walk(struct diff *diff, int upper_fd, const char *path, size_t limit, unsigned int depth,
	bool *ret_left_out, struct error **err);

static int put_directory(struct diff *diff, int parent_fd, const char *name, const char *path,
	size_t limit, unsigned int depth, struct error **err)
{
	cleanup_close int fd =
		openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool below = is_below(diff, path, limit), left_out = false;
	size_t start = diff->out.len, after;

	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "open '/%s'", path);
	put(diff, below ? 'C' : 'A', path);
	after = diff->out.len;
	limit = limit_in(diff, path, limit);
	if (is_opaque(fd)) {
		if (below && put_hidden(diff, fd, path, limit, err) < 0)
			return -1;
		limit = 0;
	}
	if (walk(diff, fd, path, limit, depth + 1, &left_out, err) < 0)
		return -1;
	if (left_out && diff->out.len == after)
		diff->out.len = start; /* only a place for something mounted was made in it */
	return 0;
}

static int walk(struct diff *diff, int upper_fd, const char *path, size_t limit, unsigned int depth,
	bool *ret_left_out, struct error **err)
{
	cleanup_strv char **names = NULL;

	if (depth > DEPTH_MAX)
		return error_set(
			err, ERR_INVALID, "'/%.100s...': directories are nested too deep", path);
	if (list_names(upper_fd, ".", &names, err) < 0)
		return -1;
	for (char **name = names; name && *name; name++) {
		cleanup_free char *whole = xasprintf("%s%s%s", path, *path ? "/" : "", *name);
		const char *hidden = str_starts_with(*name, WHITEOUT);
		struct stat st;

		if (strv_contains(diff->mounted, whole)) {
			*ret_left_out = true;
		} else if (hidden) {
			cleanup_free char *gone =
				xasprintf("%s%s%s", path, *path ? "/" : "", hidden);

			if (*hidden != '.' && is_below(diff, gone, limit))
				put(diff, 'D', gone);
		} else if (fstatat(upper_fd, *name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			continue; /* gone meanwhile */
		} else if (is_whiteout(&st)) {
			if (is_below(diff, whole, limit))
				put(diff, 'D', whole);
		} else if (S_ISDIR(st.st_mode)) {
			if (put_directory(diff, upper_fd, *name, whole, limit, depth, err) < 0)
				return -1;
		} else {
			put(diff, is_below(diff, whole, limit) ? 'C' : 'A', whole);
		}
	}
	return 0;
}

/* In the user namespace, as its root. */
static int child(void *data, struct error **err)
{
	struct diff *diff = data;
	cleanup_free char *path = xasprintf("%s/upper", diff->config->id);
	cleanup_close int upper_fd =
		open_beneath(diff->store->containers_fd, path, O_RDONLY | O_DIRECTORY, 0);
	size_t count = strv_length(diff->config->diff_ids);
	bool left_out = false;

	if (upper_fd < 0) /* never started */
		return errno == ENOENT ? 0
				       : error_errno(err, errno, "open what the container wrote");
	diff->layer_fds = xcalloc(count + 1, sizeof(*diff->layer_fds));
	for (size_t i = count; i > 0; i--) {
		cleanup_free char *layer =
			xasprintf("%s/diff", digest_hex(diff->config->diff_ids[i - 1]));
		int fd = open_beneath(diff->store->layers_fd, layer, O_RDONLY | O_DIRECTORY, 0);

		if (fd < 0)
			return error_errno(err, errno, "open layer %.12s", layer);
		diff->layer_fds[diff->layer_count++] = fd;
	}
	if (walk(diff, upper_fd, "", diff->layer_count, 0, &left_out, err) < 0)
		return -1;
	if (write_all(diff->result_fd, strbuf_str(&diff->out), diff->out.len) < 0)
		return error_errno(err, errno, "hand on the changes");
	return 0;
}

/* Without the first slash, as paths are here. */
static int list_mounted(const struct container_config *config, char ***ret, struct error **err)
{
	static const char *const own[] = {"dev", "proc", "sys", "etc/hosts", "etc/hostname",
		"etc/resolv.conf", "run/.containerenv", ".dockerenv"};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		strv_append(ret, own[i]);
	for (char **text = config->mounts; text && *text; text++) {
		cleanup_container_mount struct container_mount mount = {0};

		if (parse_mount(*text, &mount, err) < 0)
			return error_wrap(err, "container.json");
		strv_append(ret, mount.destination + strspn(mount.destination, "/"));
	}
	return 0;
}

static int take_result(int fd, struct container_change **ret, size_t *ret_count, struct error **err)
{
	cleanup_free char *text = NULL;
	struct container_change *changes = NULL;
	size_t len, count = 0, capacity = 0;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, errno, "read the changes");
	if (read_fd_limited(fd, CHANGES_MAX, &text, &len, err) < 0)
		return error_wrap(err, "read the changes");
	for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
		array_grow(changes, count, capacity);
		changes[count++] = (struct container_change){text[at], xstrdup(text + at + 1)};
	}
	*ret = changes;
	*ret_count = count;
	return 0;
}

int container_changes(struct store *store, const struct container *container,
	struct container_change **ret, size_t *ret_count, struct error **err)
{
	const struct container_config *config = container->config;
	cleanup_close int userns_fd = -1, result_fd = -1;
	cleanup_strv char **mounted = NULL;
	struct diff diff = {.store = store, .config = config, .out = STRBUF_INIT};

	if (config->rootfs || str_equal(config->storage_driver, "vfs"))
		return error_set(err, ERR_UNSUPPORTED,
			"container '%s' has no layer of its own to compare: %s", config->name,
			config->rootfs ? "it was made with --rootfs"
				       : "its files are a copy (storage driver vfs)");
	for (char **id = config->diff_ids; id && *id; id++)
		if (!digest_is_valid(*id))
			return error_set(
				err, ERR_INVALID, "container.json: '%.100s' is no diff_id", *id);
	if (list_mounted(config, &mounted, err) < 0)
		return -1;
	result_fd = memfd_create("changes", MFD_CLOEXEC);
	if (result_fd < 0)
		return error_errno(err, errno, "make a place for the changes");
	if (store->rootless) {
		userns_fd = userns_get(store->runtime_fd, err);
		if (userns_fd < 0)
			return -1;
	}
	diff.mounted = mounted;
	diff.result_fd = result_fd;
	if (userns_run(userns_fd, false, child, &diff, err) < 0)
		return error_wrap(err, "container '%s'", config->name);
	return take_result(result_fd, ret, ret_count, err);
}
