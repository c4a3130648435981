#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "rootless/userns.h"
#include "storage/overlay.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"

#define DRIVER_FILE     "driver"
#define CONTENT_FILE    "content"
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

/* The answer that FILE has for KEY; owned, NULL: none. */
static char *answer_recall(const struct store *store, const char *file, const char *key)
{
	cleanup_error struct error *ignored = NULL; /* nothing usable there: probe */
	cleanup_free char *text = NULL;
	char *rest;

	if (read_file_limited(store->data_fd, file, DRIVER_FILE_MAX, &text, NULL, &ignored) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	rest = strchr(text, ' ');
	if (!rest)
		return NULL;
	*rest = '\0';
	return strcmp(rest + 1, key) == 0 ? steal_ptr(&text) : NULL;
}

static void answer_remember(
	const struct store *store, const char *file, const char *answer, const char *key)
{
	cleanup_error struct error *ignored = NULL; /* then it is only probed again */
	cleanup_free char *line = xasprintf("%s %s\n", answer, key);

	(void)write_file_atomic(store->data_fd, file, line, strlen(line), 0600, 0, &ignored);
}

static bool driver_recall(const struct store *store, const char *key, enum storage_driver *ret)
{
	cleanup_error struct error *ignored = NULL; /* a word that is none: probe */
	cleanup_free char *word = answer_recall(store, DRIVER_FILE, key);

	return word && storage_driver_parse(word, ret, &ignored) == 0 && *ret != DRIVER_AUTO;
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

/* BUILD a scratch tree, and RUN in the user namespace. */
static int probe(struct store *store, int userns_fd,
	int (*build)(struct probe *probe, int dir_fd, struct error **err),
	int (*run)(void *data, struct error **err), struct error **err)
{
	cleanup_error struct error *ignored = NULL; /* the next sweep takes what is left */
	cleanup_close int dir_fd = -1, lock = -1;
	cleanup_free char *name = NULL;
	struct probe scratch = {.store = store};
	char random[17];
	int result = -1;

	random_hex(random, 16);
	name = xasprintf("probe.%s", random);
	scratch.name = name;
	dir_fd = open_dir(store->tmp_fd, name, 0700, err);
	if (dir_fd < 0)
		return -1;
	lock = lock_open(dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, err);
	if (lock >= 0 && build(&scratch, dir_fd, err) == 0)
		result = userns_run(userns_fd, true, run, &scratch, err);
	overlay_clear(&scratch.overlay);
	(void)store_remove_trees(
		store, store->tmp_fd, (char *const[]){name, NULL}, userns_fd, &ignored);
	return result;
}

int storage_overlay_probe(struct store *store, int userns_fd, struct error **err)
{
	return probe(store, userns_fd, probe_build, probe_run, err);
}

/* -------- content in another layer -------- */

#define CONTENT_TEXT "content"

/* Two plain files where probe_build() has layers: one has the content, one refers to it. */
static int content_build(struct probe *probe, int dir_fd, struct error **err)
{
	cleanup_close int content_fd = -1, empty_fd = -1;

	if (probe_build(probe, dir_fd, err) < 0)
		return -1;
	if (mkdirat(dir_fd, "content", 0700) < 0 || mkdirat(dir_fd, "content/dir", 0700) < 0)
		return error_errno(err, errno, "make a directory to try");
	content_fd =
		openat(dir_fd, "content/dir/real", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	empty_fd = openat(dir_fd, "top/shown", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (content_fd < 0 || empty_fd < 0 ||
		write_all(content_fd, CONTENT_TEXT, strlen(CONTENT_TEXT)) < 0 ||
		ftruncate(empty_fd, (off_t)strlen(CONTENT_TEXT)) < 0)
		return error_errno(err, errno, "make a file to try");
	if (fsetxattr(empty_fd, "user.overlay.redirect", "/dir/real", 9, 0) < 0 ||
		fsetxattr(empty_fd, "user.overlay.metacopy", "", 0, 0) < 0)
		return error_set(err, ERR_UNSUPPORTED,
			"the file system has no attributes of the user's (%s)", strerror(errno));
	/* As overlay_shift() does: one layer beside it. */
	free(probe->overlay.layers[1]);
	probe->overlay.layers[1] = NULL;
	probe->overlay.layer_count = 1;
	probe->overlay.content_path = xasprintf("tmp/%s/content", probe->name);
	return 0;
}

static int content_run(void *data, struct error **err)
{
	struct probe *probe = data;
	cleanup_close int root_fd = overlay_mount(&probe->overlay, err), fd = -1;
	char text[sizeof(CONTENT_TEXT)] = "";

	if (root_fd < 0)
		return -1;
	/* A copy up takes it along. */
	if (fchmodat(root_fd, "shown", 0640, 0) == 0)
		fd = openat(root_fd, "shown", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read_full(fd, text, sizeof(text)) != (ssize_t)strlen(CONTENT_TEXT) ||
		memcmp(text, CONTENT_TEXT, strlen(CONTENT_TEXT)) != 0)
		return error_set(err, ERR_UNSUPPORTED, "content is not found in another layer");
	return 0;
}

int storage_content_choose(struct store *store, int userns_fd, bool *ret, struct error **err)
{
	cleanup_error struct error *why = NULL;
	cleanup_free char *key = driver_key(store, err), *word = NULL;

	if (!key)
		return -1;
	word = answer_recall(store, CONTENT_FILE, key);
	if (word) {
		*ret = str_equal(word, "referred");
		return 0;
	}
	*ret = probe(store, userns_fd, content_build, content_run, &why) == 0;
	if (!*ret && why->kind != ERR_UNSUPPORTED)
		return error_move(err, &why);
	answer_remember(store, CONTENT_FILE, *ret ? "referred" : "copied", key);
	return 0;
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
	cleanup_error struct error *why = NULL;
	cleanup_free char *key = NULL;
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
	answer_remember(store, DRIVER_FILE, storage_driver_name(driver), key);
	*ret = driver;
	return 0;
}
