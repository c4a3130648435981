#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "rootless/owner.h"
#include "rootless/userns.h"
#include "storage/owners.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/str.h"

#define SQUASHED         "squashed"
#define CAPABILITY_XATTR "security.capability"
#define OPEN_READ        (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* Descriptors that are open at a time: each level has two. */
#define DEPTH_MAX 400

int owners_squashed(struct store *store, int layer_dir_fd, struct error **err)
{
	cleanup_close int store_mark =
		openat(store->data_fd, SQUASHED, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	cleanup_close int layer_mark =
		openat(layer_dir_fd, SQUASHED, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (store_mark < 0 || layer_mark < 0)
		return error_errno(err, errno, "note that owners are to be restored");
	return 0;
}

/* Give FD the owner of its record. What chown(2) takes away is given back. */
static int restore_one(int fd, const char *name, struct error **err)
{
	char capability[64];
	struct owner owner;
	struct stat st;
	ssize_t n;

	if (!owner_recorded(fd, &owner))
		return 0;
	n = fgetxattr(fd, CAPABILITY_XATTR, capability, sizeof(capability));
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "look at '%s'", name);
	if (fchown(fd, owner.uid, owner.gid) < 0) {
		if (errno == EINVAL)
			return 0; /* still no id for it: it keeps its record */
		return error_errno(err, errno, "set the owner of '%s'", name);
	}
	if (((st.st_mode & 07000) && fchmod(fd, st.st_mode & 07777) < 0) ||
		(n > 0 && fsetxattr(fd, CAPABILITY_XATTR, capability, (size_t)n, 0) < 0) ||
		fremovexattr(fd, OWNER_XATTR) < 0)
		return error_errno(err, errno, "restore '%s'", name);
	return 0;
}

static int restore_tree(int dir_fd, unsigned int depth, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(dir_fd, ".");
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "read a directory");
	if (depth > DEPTH_MAX)
		return 0; /* root's, as it was */
	for (errno = 0; (entry = dir_next(dir)); errno = 0) {
		cleanup_close int fd = -1;
		struct stat st;

		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_errno(err, errno, "look at '%s'", entry->d_name);
		if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			continue;
		fd = openat(dirfd(dir), entry->d_name, OPEN_READ);
		if (fd < 0)
			return error_errno(err, errno, "open '%s'", entry->d_name);
		if (restore_one(fd, entry->d_name, err) < 0 ||
			(S_ISDIR(st.st_mode) && restore_tree(fd, depth + 1, err) < 0))
			return -1;
	}
	return errno ? error_errno(err, errno, "read a directory") : 0;
}

/* PATH below the store, a layer's diff/ or a container's upper/; none is fine. */
static int restore_at(struct store *store, const char *path, struct error **err)
{
	cleanup_close int fd = openat(store->data_fd, path, OPEN_READ | O_DIRECTORY);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_errno(err, errno, "open '%s'", path);
	if (restore_one(fd, path, err) < 0 || restore_tree(fd, 0, err) < 0)
		return error_wrap(err, "owners of files in '%s'", path);
	return 0;
}

struct restoration {
	struct store *store;
	char **layers;     /* their names */
	char **containers; /* that do not run */
};

/* In the user namespace. */
static int restoration_run(void *data, struct error **err)
{
	struct restoration *r = data;

	for (char **name = r->layers; name && *name; name++) {
		cleanup_free char *path = xasprintf("layers/%s/diff", *name);
		cleanup_free char *mark = xasprintf("layers/%s/" SQUASHED, *name);

		if (restore_at(r->store, path, err) < 0)
			return -1;
		if (unlinkat(r->store->data_fd, mark, 0) < 0 && errno != ENOENT)
			return error_errno(err, errno, "remove '%s'", mark);
	}
	for (char **name = r->containers; name && *name; name++) {
		cleanup_free char *path = xasprintf("containers/%s/upper", *name);

		if (restore_at(r->store, path, err) < 0)
			return -1;
	}
	return 0;
}

int owners_restore(struct store *store, const char *own_id, int userns_fd, struct error **err)
{
	struct restoration r = {.store = store};
	cleanup_close int lock = -1;
	bool all = true;
	cleanup_strv char **layers = NULL, **containers = NULL;
	cleanup_dir DIR *dir = NULL, *containers_dir = NULL;
	struct dirent *entry;

	if (faccessat(store->data_fd, SQUASHED, F_OK, 0) < 0)
		return 0;
	lock = lock_open(store->data_fd, SQUASHED, LOCK_EXCLUSIVE, LOCK_WAIT, err);
	if (lock < 0)
		return -1;
	dir = dir_open_at(store->layers_fd, ".");
	while (dir && (entry = dir_next(dir))) {
		char mark[300];

		snprintf(mark, sizeof(mark), "%s/" SQUASHED, entry->d_name);
		if (faccessat(store->layers_fd, mark, F_OK, 0) == 0)
			strv_append(&layers, entry->d_name);
	}
	containers_dir = dir_open_at(store->containers_fd, ".");
	while (containers_dir && (entry = dir_next(containers_dir))) {
		cleanup_close int fd = -1;

		if (!hex_is_valid(entry->d_name, 64))
			continue;
		fd = openat(store->containers_fd, entry->d_name, O_PATH_DIR | O_NOFOLLOW);
		if (fd >= 0 &&
			(strcmp(entry->d_name, own_id) == 0 || lock_is_held(fd, "lock") == 0))
			strv_append(&containers, entry->d_name);
		else if (fd >= 0)
			all = false;
	}
	r.layers = layers;
	r.containers = containers;
	if (userns_run(userns_fd, false, restoration_run, &r, err) < 0)
		return -1;
	if (all)
		(void)unlinkat(store->data_fd, SQUASHED, 0); /* else it is done again */
	return 0;
}
