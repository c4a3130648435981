#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "runtime/init.h"
#include "runtime/mount.h"
#include "runtime/rootfs.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/str.h"

static bool is_procfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Nothing but these may be put over a file of procfs: who controls what is read there, or where
 * labels are written, controls more than the container. */
static bool proc_place_is_allowed(const char *path)
{
	static const char *const allowed[] = {"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo",
		"/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg", "/proc/slabinfo",
		"/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled"};

	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (strcmp(path, allowed[i]) == 0)
			return true;
	return false;
}

static bool is_kernel_tree(const struct runtime_mount *mount)
{
	return mount->type &&
	       (strcmp(mount->type, "proc") == 0 || strcmp(mount->type, "sysfs") == 0);
}

static int open_target(struct init_context *context, const struct runtime_mount *mount,
	const char *path, int mount_fd, struct error **err)
{
	cleanup_close int fd = -1;
	struct stat source, target, root;
	struct stat link;

	if (mount->destination[0] != '/')
		return error_set(err, ERR_INVALID, "mount destination '%s' is not an absolute path",
			mount->destination);
	if (path_has_dotdot(path))
		return error_set(err, ERR_INVALID, "mount destination '%s' contains '..'", path);
	/* Files of the engine, procfs and sysfs are written through these places. */
	if (is_kernel_tree(mount)) {
		cleanup_close int place =
			open_in_root(context->root_fd, path, O_PATH | O_NOFOLLOW, 0);

		if (place >= 0 && fstat(place, &link) == 0 && S_ISLNK(link.st_mode))
			return error_set(err, ERR_INVALID,
				"the image has '%s' as a symbolic link, which must be a directory",
				path);
	}
	if (fstat(mount_fd, &source) < 0)
		return error_errno(err, errno, "stat what is to be mounted on '%s'", path);
	fd = S_ISDIR(source.st_mode) ? rootfs_ensure_dir(context->root_fd, path, 0755, err)
				     : rootfs_ensure_file(context->root_fd, path, 0644, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &target) < 0 || fstat(context->root_fd, &root) < 0)
		return error_errno(err, errno, "stat '%s'", path);
	if (target.st_dev == root.st_dev && target.st_ino == root.st_ino)
		return error_set(err, ERR_INVALID,
			"mount destination '%s' leads to the container's root itself", path);
	if (is_procfs(fd) && !proc_place_is_allowed(path))
		return error_set(
			err, ERR_INVALID, "mount destination '%s' lies inside of /proc", path);
	if (strcmp(path, "/proc") == 0 && !is_procfs(mount_fd))
		return error_set(
			err, ERR_INVALID, "only a proc file system may be mounted on /proc");
	return steal_fd(&fd);
}

/* --tmpfs: begin with what the image has in that directory, and with its mode and owner. */
static int copy_up(struct init_context *context, const char *path, const struct mount_options *opts,
	int mount_fd, struct error **err)
{
	cleanup_close int from = open_in_root(context->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	cleanup_close int to = -1;
	struct stat st;

	if (from < 0)
		return 0; /* nothing there yet */
	to = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0 || fstat(from, &st) < 0)
		return error_errno(err, errno, "copy '%s'", path);
	if (!opts->has_mode &&
		(fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0))
		return error_errno(err, errno, "copy '%s'", path);
	return rootfs_copy_tree(from, to, err);
}

/* "copy-symlink": the link itself, where the source is one. *RET_DONE: it was. */
static int copy_source_link(struct init_context *context, const struct runtime_mount *mount,
	const char *path, bool *ret_done, struct error **err)
{
	char target[4096], found[4096];
	cleanup_close int parent_fd = -1;
	const char *name;
	struct stat st;
	ssize_t n;

	*ret_done = false;
	if (!mount->source || lstat(mount->source, &st) < 0)
		return error_errno(err, errno, "bind '%s'", mount->source ? mount->source : "");
	if (!S_ISLNK(st.st_mode))
		return 0;
	n = readlink(mount->source, target, sizeof(target) - 1);
	if (n < 0)
		return error_errno(err, errno, "read link '%s'", mount->source);
	target[n] = '\0';
	parent_fd = rootfs_ensure_parent(context->root_fd, path, &name, err);
	if (parent_fd < 0)
		return -1;
	*ret_done = true;
	if (symlinkat(target, parent_fd, name) == 0)
		return 0;
	if (errno != EEXIST)
		return error_errno(err, errno, "make link '%s'", path);
	n = readlinkat(parent_fd, name, found, sizeof(found) - 1);
	found[n > 0 ? n : 0] = '\0';
	if (n < 0 || strcmp(found, target) != 0)
		return error_set(err, ERR_CONFLICT,
			"make link '%s' to '%s': something else is there", path, target);
	return 0;
}

/* Change the flags of what is mounted at PATH already. */
static int remount(struct init_context *context, const char *path, const struct mount_options *opts,
	struct error **err)
{
	cleanup_close int fd = open_in_root(context->root_fd, path, O_PATH, 0);

	if (opts->data && *opts->data)
		return error_set(err, ERR_UNSUPPORTED,
			"option '%s' cannot be changed by a remount; the mount's own flags can",
			*opts->data);
	if (opts->mount_flags & MS_I_VERSION)
		return error_set(
			err, ERR_UNSUPPORTED, "option 'iversion' cannot be changed by a remount");
	if (fd < 0)
		return error_errno(err, errno, "open '%s' in the container's root", path);
	if (mount_apply(fd, opts) < 0)
		return error_errno(err, errno, "remount '%s'%s", path,
			errno == EINVAL ? ": is it a mount?" : "");
	return 0;
}

static int mount_one(
	struct init_context *context, const struct runtime_mount *mount, struct error **err)
{
	cleanup_free char *path = path_clean(mount->destination);
	cleanup_close int fd = -1, target_fd = -1;
	struct mount_options opts;
	int result = -1;

	if (mount_options_parse(mount->options, &opts, err) < 0)
		return -1;
	if (opts.remount) {
		result = remount(context, path, &opts, err);
		goto out;
	}
	if (opts.copy_symlink && init_mount_is_bind(mount, &opts)) {
		bool done = false;

		if (copy_source_link(context, mount, path, &done, err) < 0)
			goto out;
		if (done) {
			result = 0;
			goto out;
		}
	}
	fd = init_make_mount(context, mount, &opts, err);
	if (fd < 0)
		goto out;
	if (opts.copy_up && copy_up(context, path, &opts, fd, err) < 0)
		goto out;
	target_fd = open_target(context, mount, path, fd, err);
	if (target_fd < 0)
		goto out;
	if (mount_attach(fd, target_fd) < 0) {
		error_errno(err, errno, "mount on '%s'", path);
		goto out;
	}
	if (strcmp(path, "/dev") == 0) {
		context->dev_is_mounted = true;
		context->dev_is_foreign = opts.bind;
	}
	result = 0;
out:
	mount_options_clear(&opts);
	return result;
}

int init_mount_all(struct init_context *context, struct error **err)
{
	const struct runtime_spec *spec = context->spec;

	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct runtime_mount *mount = &spec->mounts[i];
		cleanup_error struct error *why = NULL;

		if (mount_one(context, mount, &why) == 0)
			continue;
		/* What is only convenient must not keep a container from starting. */
		if (mount->type && why->kind == ERR_SYSTEM &&
			(str_starts_with(mount->type, "cgroup") ||
				strcmp(mount->type, "mqueue") == 0)) {
			init_note(context,
				"no %s in the container (%s); run as a user who may mount it",
				mount->destination, why->message);
			continue;
		}
		error_wrap(&why, "mount '%s'", mount->destination);
		if (!context->opts->root.mount)
			error_wrap(&why, "config.json: mounts[%zu]", i);
		return error_move(err, &why);
	}
	return 0;
}
