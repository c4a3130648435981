#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "rootless/userns.h"
#include "storage/store.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

#define STORE_VERSION     1
#define STORE_VERSION_MAX 32 /* bytes of the version file */

#define SYSTEM_DATA_PATH    "/var/lib/pod"
#define SYSTEM_RUNTIME_PATH "/run/pod"

/* Interrupted downloads are worth keeping for the next pull, not forever. */
#define PART_KEEP_S (7 * 24 * 3600)
/* Temporary files of write_file_atomic() have no lock; their writer needs milliseconds. */
#define TEMPORARY_KEEP_S 3600
/* Entries removed by one sweep: each holds a descriptor meanwhile. */
#define SWEEP_MAX 256

/* Root of the initial user namespace, as far as the id map can tell: an identity map of everything.
 */
static bool is_system_root(void)
{
	cleanup_free char *text = NULL;
	cleanup_error struct error *ignored = NULL; /* no /proc: believe the uid */
	unsigned long inside, outside, count;

	if (geteuid() != 0)
		return false;
	if (read_file_limited(AT_FDCWD, "/proc/self/uid_map", 65536, &text, NULL, &ignored) < 0)
		return true;
	return sscanf(text, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 &&
	       outside == 0 && count >= 4294967295ul;
}

static char *absolute_path(const char *path)
{
	cleanup_free char *cwd = NULL, *joined = NULL;

	if (path[0] == '/')
		return path_clean(path);
	cwd = getcwd(NULL, 0);
	joined = path_join(cwd ? cwd : "/", path);
	return path_clean(joined);
}

/* $HOME, else what /etc/passwd says (read directly: a name service would be loaded otherwise). */
static char *home_path(void)
{
	const char *home = getenv("HOME");
	char *found = NULL;
	FILE *file;

	if (home && home[0] == '/')
		return xstrdup(home);
	file = fopen("/etc/passwd", "re");
	if (!file)
		return NULL;
	for (struct passwd *entry; !found && (entry = fgetpwent(file));)
		if (entry->pw_uid == geteuid() && entry->pw_dir && entry->pw_dir[0] == '/')
			found = xstrdup(entry->pw_dir);
	(void)fclose(file); /* only read */
	return found;
}

/* Where it is to be. *RET_WHY: where it cannot be, although it should; owned, else NULL */
static char *data_path_choose(const char *root, char **ret_why)
{
	cleanup_free char *home = NULL;
	const char *env;

	if (!root)
		root = getenv("POD_ROOT");
	if (root && *root)
		return absolute_path(root);
	if (is_system_root())
		return xstrdup(SYSTEM_DATA_PATH);
	/* The base directory specification: a relative value is to be ignored. */
	env = getenv("XDG_DATA_HOME");
	if (env && env[0] == '/')
		return path_join(env, "pod");
	home = home_path();
	if (home)
		return path_join(home, ".local/share/pod");
	*ret_why = xasprintf(
		"HOME is not set and /etc/passwd has no entry for uid %u", (unsigned int)geteuid());
	return NULL;
}

/* Opens PATH, or makes it, as a directory that is ours alone. RET_MADE: it was not there; NULL */
static int open_private_dir(const char *what, const char *path, bool *ret_made, struct error **err)
{
	cleanup_close int fd = -1;
	struct stat st;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		bool made = mkdir(path, 0700) == 0;

		if (!made && errno != EEXIST)
			return error_errno(err, errno, "create %s '%s'", what, path);
		if (made && ret_made)
			*ret_made = true;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return error_set(err, ERR_INVALID,
			"%s '%s' is a file or a symbolic link; remove it, or set "
			"XDG_RUNTIME_DIR" CHECK_SEE(CHECK_RUNTIME_DIR),
			what, path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open %s '%s'", what, path);
	if (st.st_uid != geteuid())
		return error_set(err, ERR_INVALID,
			"%s '%s' belongs to uid %u; set XDG_RUNTIME_DIR or give "
			"--runroot" CHECK_SEE(CHECK_RUNTIME_DIR),
			what, path, (unsigned int)st.st_uid);
	if (st.st_mode & 077)
		return error_set(err, ERR_INVALID,
			"%s '%s' is open to others (mode %04o); chmod it to "
			"0700" CHECK_SEE(CHECK_RUNTIME_DIR),
			what, path, (unsigned int)(st.st_mode & 07777));
	return steal_fd(&fd);
}

static bool is_own_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static int runtime_open(struct store *store, const char *runroot, struct error **err)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	cleanup_error struct error *why = NULL;
	cleanup_free char *login = NULL;
	bool is_last_resort = false;

	if (!runroot)
		runroot = getenv("POD_RUNROOT");
	if (runroot && *runroot) {
		store->runtime_path = absolute_path(runroot);
		if (mkdir_p(store->runtime_path, 0700, err) < 0)
			return -1;
	} else if (is_system_root()) {
		store->runtime_path = xstrdup(SYSTEM_RUNTIME_PATH);
	} else if (xdg && xdg[0] == '/' && is_own_dir(xdg)) {
		store->runtime_path = path_join(xdg, "pod");
	} else {
		/* A shell without the variable (su, cron) still finds the login's directory. */
		login = xasprintf("/run/user/%u", (unsigned int)geteuid());
		is_last_resort = !is_own_dir(login);
		store->runtime_path = is_last_resort
					      ? xasprintf("/tmp/pod-%u", (unsigned int)geteuid())
					      : path_join(login, "pod");
	}
	store->runtime_fd =
		open_private_dir("runtime directory", store->runtime_path, &store->is_first, &why);
	if (store->runtime_fd < 0 && is_last_resort &&
		(why->errnum == EROFS || why->errnum == EACCES || why->errnum == ENOENT)) {
		/* No /tmp to write to: at the store, which others cannot enter either. */
		free(store->runtime_path);
		store->runtime_path = path_join(store->data_path, "run");
		store->runtime_fd =
			open_private_dir("runtime directory", store->runtime_path, NULL, err);
		return store->runtime_fd < 0 ? -1 : 0;
	}
	return store->runtime_fd < 0 ? error_move(err, &why) : 0;
}

/* The version file is written last when a store is made: a store that was killed half way is just
 * made again. */
static int version_check(struct store *store, struct error **err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
	cleanup_free char *text = NULL;
	cleanup_error struct error *why = NULL;
	cleanup_close int blobs_fd = -1, refs_fd = -1, sha256_fd = -1;
	char ours[16];
	uint64_t version;

	if (read_file_limited(store->data_fd, "version", STORE_VERSION_MAX, &text, NULL, &why) ==
		0) {
		text[strcspn(text, "\n")] = '\0';
		if (str_to_uint64(text, UINT32_MAX, &version) < 0 || version < 1)
			return error_set(
				err, ERR_INVALID, "'%s/version' is malformed", store->data_path);
		if (version > STORE_VERSION)
			return error_set(err, ERR_INVALID,
				"the store '%s' has version %s and this pod knows version %d; use "
				"a "
				"newer pod, or another --root",
				store->data_path, text, STORE_VERSION);
		return 0;
	}
	if (why->kind != ERR_NOT_FOUND)
		return error_move(err, &why);
	refs_fd = open_dir(store->images_fd, "refs", 0700, err);
	if (refs_fd < 0)
		return -1;
	blobs_fd = open_dir(store->images_fd, "blobs", 0700, err);
	if (blobs_fd < 0)
		return -1;
	sha256_fd = open_dir(blobs_fd, "sha256", 0700, err);
	if (sha256_fd < 0)
		return -1;
	if (write_file_atomic(
		    store->images_fd, "oci-layout", layout, sizeof(layout) - 1, 0600, 0, err) < 0)
		return -1;
	snprintf(ours, sizeof(ours), "%d\n", STORE_VERSION);
	return write_file_atomic(
		store->data_fd, "version", ours, strlen(ours), 0600, WRITE_SYNC, err);
}

/* The directory, made where it is not there yet. */
static int data_dir_open(struct store *store, struct error **err)
{
	cleanup_free char *parent = xstrdup(store->data_path);

	store->data_fd = open(store->data_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->data_fd < 0 && errno == ENOENT) {
		/* Parents as the base directory specification wants them: private as well. */
		*strrchr(parent, '/') = '\0';
		if ((*parent && mkdir_p(parent, 0700, err) < 0) ||
			mkdir_p(store->data_path, 0700, err) < 0)
			return -1;
		store->data_fd = open(store->data_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (store->data_fd < 0)
		return error_errno(err, errno, "open the store '%s'", store->data_path);
	return 0;
}

/* CI systems start us without a home, or with one that nobody may write to: a directory of our own
 * that a next command finds again. WHY: what is wrong with the home. */
static int data_dir_elsewhere(struct store *store, const char *why, struct error **err)
{
	static const char *const places[] = {"/var/tmp/pod-%u", "/tmp/pod-%u-store"};
	cleanup_error struct error *refused = NULL;
	bool is_new = false;

	for (size_t i = 0; i < ARRAY_SIZE(places) && store->data_fd < 0; i++) {
		error_free(steal_ptr(&refused));
		free(store->data_path);
		store->data_path = xasprintf(places[i], (unsigned int)geteuid());
		is_new = access(store->data_path, F_OK) < 0;
		/* Anybody may have made it first. */
		store->data_fd = open_private_dir("store", store->data_path, NULL, &refused);
	}
	if (store->data_fd < 0) {
		error_move(err, &refused);
		return error_wrap(err,
			"no place for the store: %s; set HOME, XDG_DATA_HOME or POD_ROOT, or give "
			"--root" CHECK_SEE(CHECK_STORE),
			why);
	}
	if (is_new)
		log_warning("the store is '%s', because %s; set HOME, XDG_DATA_HOME or POD_ROOT, "
			    "or give --root" CHECK_SEE(CHECK_STORE),
			store->data_path, why);
	return 0;
}

static bool is_chosen(const char *root)
{
	const char *env = getenv("POD_ROOT"), *data_home = getenv("XDG_DATA_HOME");

	return root || (env && *env) || (data_home && data_home[0] == '/') || is_system_root();
}

static int data_dir_choose(struct store *store, const char *root, struct error **err)
{
	cleanup_error struct error *refused = NULL;
	cleanup_free char *why = NULL;

	store->data_path = data_path_choose(root, &why);
	if (!store->data_path)
		return data_dir_elsewhere(store, why, err);
	if (data_dir_open(store, &refused) == 0)
		return 0;
	if (is_chosen(root) || (refused->errnum != EACCES && refused->errnum != EROFS &&
				       refused->errnum != ENOENT && refused->errnum != EPERM))
		return error_move(err, &refused);
	return data_dir_elsewhere(store, refused->message, err);
}

static int data_open(struct store *store, const char *root, struct error **err)
{
	struct {
		int *parent_fd, *fd;
		const char *name;
	} const dirs[] = {
		{&store->data_fd, &store->images_fd, "images"},
		{&store->data_fd, &store->layers_fd, "layers"},
		{&store->data_fd, &store->containers_fd, "containers"},
		{&store->containers_fd, &store->names_fd, "names"},
		{&store->data_fd, &store->volumes_fd, "volumes"},
		{&store->data_fd, &store->tmp_fd, "tmp"},
	};

	if (data_dir_choose(store, root, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		*dirs[i].fd = open_dir(*dirs[i].parent_fd, dirs[i].name, 0700, err);
		if (*dirs[i].fd < 0)
			return error_wrap(err, "the store '%s'", store->data_path);
	}
	return version_check(store, err);
}

int store_open(const char *root, const char *runroot, struct store **ret, struct error **err)
{
	cleanup_store struct store *store = xmalloc(sizeof(*store));

	*store = (struct store){
		.data_fd = -1,
		.runtime_fd = -1,
		.images_fd = -1,
		.layers_fd = -1,
		.containers_fd = -1,
		.names_fd = -1,
		.volumes_fd = -1,
		.tmp_fd = -1,
	};
	if (data_open(store, root, err) < 0 || runtime_open(store, runroot, err) < 0)
		return -1;
	store->rootless = userns_needed();
	*ret = steal_ptr(&store);
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	close_keep_errno(store->data_fd);
	close_keep_errno(store->runtime_fd);
	close_keep_errno(store->images_fd);
	close_keep_errno(store->layers_fd);
	close_keep_errno(store->containers_fd);
	close_keep_errno(store->names_fd);
	close_keep_errno(store->volumes_fd);
	close_keep_errno(store->tmp_fd);
	free(store->data_path);
	free(store->runtime_path);
	free(store);
}

int store_sync(const struct store *store, struct error **err)
{
	if (syncfs(store->data_fd) < 0)
		return error_errno(err, errno, "sync the store '%s'", store->data_path);
	return 0;
}

struct removal {
	int dir_fd;
	char **names;
};

static int removal_run(void *data, struct error **err)
{
	struct removal *removal = data;
	int result = 0;

	for (char **name = removal->names; name && *name; name++) {
		cleanup_error struct error *one = NULL;

		/* One tree that cannot go must not keep the others. */
		if (remove_tree(removal->dir_fd, *name, result == 0 ? err : &one) < 0)
			result = -1;
	}
	return result;
}

int store_remove_trees(
	struct store *store, int dir_fd, char *const *names, int userns_fd, struct error **err)
{
	struct removal removal = {.dir_fd = dir_fd, .names = (char **)names};

	if (!names || !names[0])
		return 0;
	if (userns_fd < 0 || !store->rootless)
		return removal_run(&removal, err);
	return userns_run(userns_fd, false, removal_run, &removal, err);
}

/* Remove what write_file_atomic() left in DIR_FD/NAME when it was killed. */
static void sweep_temporaries(int dir_fd, const char *name)
{
	cleanup_dir DIR *dir = dir_open_at(dir_fd, name);
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = dir_next(dir)))
		if (str_starts_with(entry->d_name, ".tmp-") &&
			fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_mtime + TEMPORARY_KEEP_S < time(NULL))
			(void)unlinkat(
				dirfd(dir), entry->d_name, 0); /* the next sweep tries again */
}

/* Take the lock of the tmp entry NAME, which then is ours to delete. -1: somebody's, or gone. */
static int garbage_lock(int tmp_fd, const char *name)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int dir_fd = -1;
	struct stat st;

	if (fstatat(tmp_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (S_ISREG(st.st_mode)) {
		if (str_ends_with(name, ".part") && st.st_mtime + PART_KEEP_S > time(NULL))
			return -1;
		return lock_open(tmp_fd, name, LOCK_EXCLUSIVE, LOCK_TRY, &ignored);
	}
	if (!S_ISDIR(st.st_mode))
		return open("/dev/null", O_RDONLY | O_CLOEXEC); /* nobody makes these: no owner */
	dir_fd = openat(tmp_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return -1;
	return lock_open(dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, &ignored);
}

void store_forget_sockets(struct store *store, const char *id)
{
	cleanup_dir DIR *dir = dir_open_at(store->runtime_fd, ".");
	struct dirent *entry;

	while (dir && (entry = dir_next(dir))) {
		const char *name = entry->d_name, *owner = strrchr(name, '.');
		bool control = str_ends_with(name, ".sock") && str_starts_with(name, id);
		bool userns = str_starts_with(name, "userns-") && owner && owner[1] &&
			      str_starts_with(id, owner + 1);

		if (control || userns)
			(void)unlinkat(
				store->runtime_fd, name, 0); /* only a name that nobody answers */
	}
}

int store_make_entry(struct store *store, const char *name, int *ret_dir_fd, int *ret_lock_fd,
	struct error **err)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int attempt = 0; attempt < 1000; attempt++) {
		cleanup_close int dir_fd = -1, lock_fd = -1;
		cleanup_error struct error *one = NULL;

		if (mkdirat(store->tmp_fd, name, 0700) < 0 && errno != EEXIST)
			return error_errno(err, errno, "create 'tmp/%s' in the store", name);
		dir_fd = openat(
			store->tmp_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir_fd < 0 && errno != ENOENT)
			return error_errno(err, errno, "open 'tmp/%s' in the store", name);
		if (dir_fd >= 0)
			lock_fd = lock_open(dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, &one);
		if (lock_fd >= 0) {
			*ret_dir_fd = steal_fd(&dir_fd);
			*ret_lock_fd = steal_fd(&lock_fd);
			return 0;
		}
		if (one && one->kind != ERR_CONFLICT && one->errnum != ENOENT)
			return error_move(err, &one);
		nanosleep(&pause, NULL);
	}
	return error_set(err, ERR_CONFLICT, "'tmp/%s' in the store is removed all the time", name);
}

int store_discard(struct store *store, const char *name, struct error **err)
{
	char *const names[] = {(char *)name, NULL};
	cleanup_error struct error *one = NULL;
	cleanup_close int userns_fd = -1;

	if (remove_tree(store->tmp_fd, name, &one) == 0)
		return 0;
	if (!store->rootless || (one->errnum != EACCES && one->errnum != EPERM))
		return error_move(err, &one);
	userns_fd = userns_get(store->runtime_fd, err);
	if (userns_fd < 0)
		return -1;
	return store_remove_trees(store, store->tmp_fd, names, userns_fd, err);
}

int store_sweep(struct store *store, int userns_fd, struct error **err)
{
	cleanup_dir DIR *dir = NULL;
	cleanup_strv char **garbage = NULL;
	cleanup_close int own_fd = -1;
	struct dirent *entry;
	int *locks = NULL, result;
	size_t count = 0, capacity = 0;

	sweep_temporaries(store->images_fd, "refs");
	sweep_temporaries(store->images_fd, "blobs/sha256");
	sweep_temporaries(store->images_fd, ".");
	sweep_temporaries(store->data_fd, ".");
	dir = dir_open_at(store->tmp_fd, ".");
	if (!dir)
		return error_errno(err, errno, "open '%s/tmp'", store->data_path);
	while ((errno = 0, count < SWEEP_MAX) && (entry = dir_next(dir))) {
		int lock = garbage_lock(store->tmp_fd, entry->d_name);

		if (lock < 0)
			continue;
		array_grow(locks, count, capacity);
		locks[count++] = lock;
		strv_append(&garbage, entry->d_name);
		/* A container whose monitor was killed while it deleted it. */
		if (str_starts_with(entry->d_name, "rm-"))
			store_forget_sockets(store, entry->d_name + strlen("rm-"));
	}
	result = errno ? error_errno(err, errno, "read '%s/tmp'", store->data_path) : 0;
	if (result == 0 && count > 0 && userns_fd < 0 && store->rootless)
		result = userns_fd = own_fd = userns_get(store->runtime_fd, err);
	if (result >= 0)
		result = store_remove_trees(store, store->tmp_fd, garbage, userns_fd, err);
	for (size_t i = 0; i < count; i++)
		close_keep_errno(locks[i]);
	free(locks);
	return result;
}
