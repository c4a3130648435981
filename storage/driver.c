#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "rootless/userns.h"
#include "storage/overlay.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"

#define DRIVER_FILE     "driver"
#define DRIVER_FILE_MAX 512

/* What the remembered answer depends on: kernel, file system, and whether we are its root. */
static char *driver_key(const struct store *store, struct error **err)
{
	struct utsname host;
	struct statfs fs;

	if (uname(&host) < 0 || fstatfs(store->data_fd, &fs) < 0) {
		error_errno(err, errno, "statfs '%s'", store->data_path);
		return NULL;
	}
	return xasprintf("%s %lx %s", host.release, (unsigned long)fs.f_type,
		store->rootless ? "userns" : "root");
}

static bool driver_recall(const struct store *store, const char *key, enum storage_driver *ret)
{
	cleanup_error struct error *ignored = NULL; /* nothing usable there: probe */
	cleanup_free char *text = NULL;
	char *rest;

	if (read_file_limited(store->data_fd, DRIVER_FILE, DRIVER_FILE_MAX, &text, NULL, &ignored) <
		0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	rest = strchr(text, ' ');
	if (!rest)
		return false;
	*rest = '\0';
	return strcmp(rest + 1, key) == 0 && storage_driver_parse(text, ret, &ignored) == 0 &&
	       *ret != DRIVER_AUTO;
}

/* A scratch tree in tmp/ with two layers and a container, on which overlay_mount() is tried. */
struct probe {
	struct store *store;
	const char *name;
	struct overlay overlay;
};

static int make_file(int dir_fd, const char *name, struct error **err)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, errno, "create '%s'", name);
	(void)close(fd); /* nothing was written */
	return 0;
}

/* The three things that file systems refuse: a whiteout, an opaque directory, a copy up. */
static int probe_use(int root_fd, struct error **err)
{
	struct stat st;

	if (unlinkat(root_fd, "file", 0) < 0 || unlinkat(root_fd, "dir/file", 0) < 0 ||
		unlinkat(root_fd, "dir", AT_REMOVEDIR) < 0 || mkdirat(root_fd, "dir", 0700) < 0 ||
		fchmodat(root_fd, "kept", 0640, 0) < 0)
		return error_set(err, ERR_UNSUPPORTED, "the file system cannot hold an overlay: %s",
			strerror(errno));
	if (fstatat(root_fd, "file", &st, 0) == 0 || fstatat(root_fd, "dir/file", &st, 0) == 0)
		return error_set(err, ERR_UNSUPPORTED, "removed files show through the overlay");
	return 0;
}

static int probe_run(void *data, struct error **err)
{
	struct probe *probe = data;
	cleanup_close int root_fd = -1;

	root_fd = overlay_mount(&probe->overlay, err);
	return root_fd < 0 ? -1 : probe_use(root_fd, err);
}

static int probe_build(struct probe *probe, int dir_fd, struct error **err)
{
	cleanup_close int bottom_fd = -1, top_fd = -1, lower_dir_fd = -1, container_fd = -1;
	const struct store *store = probe->store;
	struct stat st, container;

	bottom_fd = open_dir(dir_fd, "bottom", 0700, err);
	if (bottom_fd < 0)
		return -1;
	top_fd = open_dir(dir_fd, "top", 0700, err);
	if (top_fd < 0)
		return -1;
	lower_dir_fd = open_dir(bottom_fd, "dir", 0700, err);
	if (lower_dir_fd < 0)
		return -1;
	container_fd = open_dir(dir_fd, "container", 0700, err);
	if (container_fd < 0)
		return -1;
	if (make_file(bottom_fd, "file", err) < 0 || make_file(lower_dir_fd, "file", err) < 0 ||
		make_file(top_fd, "kept", err) < 0)
		return -1;
	if (fstat(store->data_fd, &st) < 0 || fstat(container_fd, &container) < 0)
		return error_errno(err, errno, "stat '%s'", store->data_path);
	probe->overlay = (struct overlay){
		.driver = DRIVER_OVERLAY,
		.mount_fd = -1,
		.store_path = xstrdup(store->data_path),
		.store_dev = st.st_dev,
		.store_ino = st.st_ino,
		.layer_count = 2,
		.container_path = xasprintf("%s/tmp/%s/container", store->data_path, probe->name),
		.container_dev = container.st_dev,
		.container_ino = container.st_ino,
		.volatile_upper = true,
	};
	strv_append_take(&probe->overlay.layers, xasprintf("tmp/%s/top", probe->name));
	strv_append_take(&probe->overlay.layers, xasprintf("tmp/%s/bottom", probe->name));
	return 0;
}

int storage_overlay_probe(struct store *store, int userns_fd, struct error **err)
{
	cleanup_error struct error *ignored = NULL; /* the next sweep takes what is left */
	cleanup_close int dir_fd = -1, lock = -1;
	cleanup_free char *name = NULL;
	struct probe probe = {.store = store};
	char random[17];
	int result = -1;

	random_hex(random, 16);
	name = xasprintf("probe.%s", random);
	probe.name = name;
	dir_fd = open_dir(store->tmp_fd, name, 0700, err);
	if (dir_fd < 0)
		return -1;
	lock = lock_open(dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, err);
	if (lock >= 0 && probe_build(&probe, dir_fd, err) == 0)
		result = userns_run(userns_fd, true, probe_run, &probe, err);
	overlay_clear(&probe.overlay);
	(void)store_remove_trees(
		store, store->tmp_fd, (char *const[]){name, NULL}, userns_fd, &ignored);
	return result;
}

static bool fuse_is_there(void)
{
	cleanup_free char *program = spawn_find("fuse-overlayfs");

	return program && access("/dev/fuse", R_OK | W_OK) == 0;
}

int storage_driver_choose(struct store *store, enum storage_driver wanted, enum storage_driver *ret,
	char ***notes, struct error **err)
{
	cleanup_close int userns_fd = -1;
	const char *env = getenv("POD_STORAGE_DRIVER");
	cleanup_error struct error *why = NULL, *ignored = NULL;
	cleanup_free char *key = NULL, *line = NULL;
	enum storage_driver driver;

	if (wanted == DRIVER_AUTO && env && *env && storage_driver_parse(env, &wanted, err) < 0)
		return error_wrap(err, "POD_STORAGE_DRIVER");
	if (wanted != DRIVER_AUTO) {
		*ret = wanted;
		return 0;
	}
	key = driver_key(store, err);
	if (!key)
		return -1;
	if (driver_recall(store, key, ret))
		return 0;
	if (store->rootless) {
		userns_fd = userns_get(store->runtime_fd, err);
		if (userns_fd < 0)
			return -1;
	}
	if (storage_overlay_probe(store, userns_fd, &why) == 0) {
		driver = DRIVER_OVERLAY;
	} else {
		/* A full disk or the like says nothing about the driver. */
		if (why->kind != ERR_UNSUPPORTED)
			return error_move(err, &why);
		driver = fuse_is_there() ? DRIVER_FUSE_OVERLAYFS : DRIVER_VFS;
		if (notes)
			strv_append_take(notes,
				xasprintf("storage driver %s instead of native overlay for '%s' "
					  "(%s); "
					  "%s, or put the store elsewhere with --root" CHECK_SEE(
						  CHECK_OVERLAY),
					storage_driver_name(driver), store->data_path, why->message,
					driver == DRIVER_VFS
						? "install fuse-overlayfs, which saves the copies"
						: "a kernel of 5.13 or newer and a local file "
						  "system "
						  "make it faster"));
	}
	line = xasprintf("%s %s\n", storage_driver_name(driver), key);
	/* Not remembered, it is only probed again. */
	(void)write_file_atomic(store->data_fd, DRIVER_FILE, line, strlen(line), 0600, 0, &ignored);
	*ret = driver;
	return 0;
}
