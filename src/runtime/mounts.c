#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/init.h"
#include "runtime/mount.h"
#include "runtime/rootfs.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

static bool is_procfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* -------- making the detached mount -------- */

/* The source of a bind mount. A descriptor of the caller belongs to another mount namespace, from
 * which nothing can be copied: it is found again by its path, and must be the same file. */
static int clone_source(const struct runtime_mount *mount, bool recursive, struct error **err)
{
	char path[4096];
	const char *source = mount->source;
	struct stat wanted, found;
	int fd;

	if (mount->source_fd >= 0) {
		char link[32];
		ssize_t n = readlink(fd_path(mount->source_fd, link), path, sizeof(path) - 1);

		if (n < 0)
			return error_errno(err, errno, "find the source of the mount");
		path[n] = '\0';
		source = path;
	}
	if (!source)
		return error_set(err, ERR_INVALID, "a bind mount needs a source");
	fd = mount_clone(AT_FDCWD, source, recursive);
	if (fd < 0 && errno == EINVAL && !recursive)
		return error_set(err, ERR_UNSUPPORTED,
			"bind '%s': what is mounted below it may not be left out in a user "
			"namespace; "
			"use option 'rbind'",
			source);
	if (fd < 0)
		return error_errno(err, errno, "bind '%s'", source);
	if (mount->source_fd >= 0 &&
		(fstat(mount->source_fd, &wanted) < 0 || fstat(fd, &found) < 0 ||
			wanted.st_dev != found.st_dev || wanted.st_ino != found.st_ino)) {
		close_keep_errno(fd);
		return error_set(err, ERR_CONFLICT, "bind '%s': it was replaced meanwhile", source);
	}
	return fd;
}

/* The host's own tree at PATH in place of a file system that may not be mounted here. */
static int clone_host(const char *path, const struct mount_options *opts, struct error **err)
{
	struct mount_options all = *opts;
	cleanup_close int fd = mount_clone(AT_FDCWD, path, true);

	if (fd < 0)
		return error_errno(err, errno, "bind '%s'", path);
	all.rec_set |= all.attr_set;
	if (mount_apply(fd, &all) < 0)
		return error_errno(err, errno, "bind '%s'", path);
	return steal_fd(&fd);
}

static bool is_refusal(const struct error *err)
{
	return err->errnum == EPERM || err->errnum == EACCES || err->errnum == EBUSY;
}

static int make_proc(
	struct init_context *context, const struct mount_options *opts, struct error **err)
{
	cleanup_error struct error *why = NULL;
	int fd = context->early_proc_fd;

	context->early_proc_fd = -1;
	if (fd < 0)
		fd = mount_new("proc", "proc", opts, &why);
	if (fd >= 0) {
		context->proc_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return fd;
	}
	if (!is_refusal(why))
		return error_move(err, &why);
	fd = clone_host("/proc", opts, err);
	if (fd >= 0 && context->spec->namespaces[NAMESPACE_PID].mode == NAMESPACE_NEW)
		init_note(context,
			"the kernel refuses a new /proc because this one is partly masked: the "
			"container "
			"sees the outer one; run pod outside of the container, or unmask its /proc "
			"(--security-opt unmask=ALL)" CHECK_SEE(CHECK_PROC));
	return fd;
}

int init_try_proc(struct init_context *context, struct error **err)
{
	const struct runtime_spec *spec = context->spec;

	for (size_t i = 0; i < spec->mount_count; i++) {
		struct mount_options opts;

		if (!str_equal(spec->mounts[i].type, "proc"))
			continue;
		if (mount_options_parse(spec->mounts[i].options, &opts, err) < 0)
			return -1;
		context->early_proc_fd = mount_new("proc", "proc", &opts, err);
		mount_options_clear(&opts);
		if (context->early_proc_fd >= 0)
			return 0;
		if (is_refusal(*err))
			(*err)->kind = ERR_UNSUPPORTED;
		return -1;
	}
	return 0;
}

static int make_devpts(const struct mount_options *opts, struct error **err)
{
	cleanup_error struct error *why = NULL;
	struct mount_options without = *opts;
	cleanup_free char **data = NULL;
	size_t n = 0;
	int fd = mount_new("devpts", "devpts", opts, &why);

	if (fd >= 0)
		return fd;
	if (why->errnum != EINVAL)
		return error_move(err, &why);
	/* A namespace that maps a single group has no gid 5. */
	data = xcalloc(strv_length(opts->data) + 1, sizeof(*data));
	for (char **p = opts->data; p && *p; p++)
		if (!str_starts_with(*p, "gid="))
			data[n++] = *p;
	without.data = data;
	return mount_new("devpts", "devpts", &without, err);
}

/* A cgroup mount: the unified hierarchy as our cgroup namespace shows it (also on a hybrid host,
 * whose version 1 hierarchies nobody unprivileged may mount); else the host's tree, always
 * read-only. */
static int make_cgroup(
	struct init_context *context, const struct mount_options *opts, struct error **err)
{
	cleanup_error struct error *why = NULL, *ignored = NULL;
	struct mount_options plain = *opts;
	int fd = -1;

	plain.data = NULL;
	if (context->spec->namespaces[NAMESPACE_CGROUP].mode != NAMESPACE_INHERIT)
		fd = mount_new("cgroup2", "cgroup", &plain, &why);
	if (fd >= 0)
		return fd;
	plain.rec_set |= MOUNT_ATTR_RDONLY;
	fd = clone_host("/sys/fs/cgroup", &plain, &ignored);
	if (fd >= 0)
		return fd;
	return why ? error_move(err, &why) : error_move(err, &ignored);
}

static int make_with_fallback(const char *type, const char *host_path,
	const struct mount_options *opts, struct error **err)
{
	cleanup_error struct error *why = NULL;
	int fd = mount_new(type, type, opts, &why);

	if (fd >= 0)
		return fd;
	return is_refusal(why) ? clone_host(host_path, opts, err) : error_move(err, &why);
}

static bool is_bind(const struct runtime_mount *mount, const struct mount_options *opts)
{
	return opts->bind || !mount->type || strcmp(mount->type, "bind") == 0 ||
	       strcmp(mount->type, "rbind") == 0;
}

/* SELinux's label for what is in a new file system; owned, NULL: none to be set. */
static char **labelled_data(const struct init_context *context, const char *type, char *const *data)
{
	static const char *const labelled[] = {"tmpfs", "mqueue", "devpts", "overlay", "ramfs"};
	const char *label = context->spec->mount_label;
	char **copy;

	for (size_t i = 0; label && i < ARRAY_SIZE(labelled); i++) {
		if (strcmp(type, labelled[i]) != 0)
			continue;
		copy = strv_copy(data);
		strv_append_take(&copy, xasprintf("context=%s", label));
		return copy;
	}
	return NULL;
}

static int make_mount(struct init_context *context, const struct runtime_mount *mount,
	const struct mount_options *opts, struct error **err)
{
	const char *type = mount->type ? mount->type : "bind";
	cleanup_strv char **labelled = NULL;
	struct mount_options with_label = *opts;
	cleanup_close int fd = -1;

	if (is_bind(mount, opts)) {
		size_t number = (size_t)(mount - context->spec->mounts);

		if (opts->data && *opts->data)
			return error_set(err, ERR_INVALID,
				"option '%s' is for file systems, not for a bind mount",
				*opts->data);
		if (context->idmap_fds && context->idmap_fds[number] >= 0)
			fd = steal_fd(&context->idmap_fds[number]);
		else
			fd = clone_source(
				mount, opts->recursive || strcmp(type, "rbind") == 0, err);
		if (fd >= 0 && mount_apply(fd, opts) < 0)
			return error_errno(err, errno, "bind '%s': set its options",
				mount->source ? mount->source : "");
		return steal_fd(&fd);
	}
	if (context->spec->mount_label) {
		labelled = labelled_data(context, type, opts->data);
		if (labelled) {
			with_label.data = labelled;
			opts = &with_label;
		}
	}
	if (strcmp(type, "proc") == 0)
		return make_proc(context, opts, err);
	if (strcmp(type, "devpts") == 0)
		return make_devpts(opts, err);
	if (strcmp(type, "sysfs") == 0)
		/* Refused where the network namespace is not our own. */
		return make_with_fallback("sysfs", "/sys", opts, err);
	if (strcmp(type, "mqueue") == 0)
		return make_with_fallback("mqueue", "/dev/mqueue", opts, err);
	if (strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0)
		return make_cgroup(context, opts, err);
	fd = mount_new(type, mount->source ? mount->source : type, opts, err);
	/* fsmount knows neither propagation nor, before 5.14, nosymfollow. */
	if (fd >= 0 &&
		(opts->propagation || opts->rec_propagation ||
			((opts->attr_set | opts->rec_set) & MOUNT_ATTR_NOSYMFOLLOW)) &&
		mount_apply(fd, opts) < 0)
		return error_errno(err, errno, "mount '%s': set its options", type);
	return steal_fd(&fd);
}

/* -------- putting it in its place -------- */

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
	if (opts.copy_symlink && is_bind(mount, &opts)) {
		bool done = false;

		if (copy_source_link(context, mount, path, &done, err) < 0)
			goto out;
		if (done) {
			result = 0;
			goto out;
		}
	}
	fd = make_mount(context, mount, &opts, err);
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

/* -------- hiding and protecting -------- */

int init_mask_paths(struct init_context *context, struct error **err)
{
	cleanup_close int empty_fd = -1;

	for (char **path = context->spec->masked_paths; path && *path; path++) {
		cleanup_close int target_fd = open_in_root(context->root_fd, *path, O_PATH, 0);
		cleanup_close int fd = -1;
		struct stat st;

		if (target_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (target_fd < 0 || fstat(target_fd, &st) < 0)
			return error_errno(err, errno, "mask '%s'", *path);
		if (S_ISDIR(st.st_mode)) {
			/* One empty file system serves all directories. */
			if (empty_fd < 0) {
				const struct mount_options opts = {
					.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
				};

				empty_fd = mount_new("tmpfs", "tmpfs", &opts, err);
				if (empty_fd < 0)
					return error_wrap(err, "mask '%s'", *path);
				if (mount_attach(empty_fd, target_fd) < 0)
					return error_errno(err, errno, "mask '%s'", *path);
				continue;
			}
			fd = mount_clone(empty_fd, "", false);
		} else {
			/* The host's, never what the container calls /dev/null. */
			fd = mount_clone(AT_FDCWD, "/dev/null", false);
			if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) ||
					       st.st_rdev != makedev(1, 3)))
				return error_set(err, ERR_UNSUPPORTED,
					"mask '%s': the host's '/dev/null' is not the null device",
					*path);
		}
		if (fd < 0 || mount_attach(fd, target_fd) < 0)
			return error_errno(err, errno, "mask '%s'", *path);
	}
	return 0;
}

int init_readonly_paths(struct init_context *context, struct error **err)
{
	const struct mount_options opts = {.rec_set = MOUNT_ATTR_RDONLY};

	for (char **path = context->spec->readonly_paths; path && *path; path++) {
		cleanup_close int target_fd = open_in_root(context->root_fd, *path, O_PATH, 0);
		cleanup_close int fd = -1;

		if (target_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (target_fd < 0)
			return error_errno(err, errno, "protect '%s'", *path);
		fd = mount_clone(target_fd, "", true);
		if (fd < 0 || mount_apply(fd, &opts) < 0 || mount_attach(fd, target_fd) < 0)
			return error_errno(err, errno, "protect '%s'", *path);
	}
	return 0;
}

/* -------- sysctl -------- */

/* The namespace that a sysctl belongs to; NAMESPACE_COUNT: it is the whole host's. */
static enum namespace_type sysctl_namespace(const char *name)
{
	static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
		"kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
		"kernel.shm_rmid_forced"};

	if (str_starts_with(name, "net."))
		return NAMESPACE_NETWORK;
	if (str_starts_with(name, "fs.mqueue."))
		return NAMESPACE_IPC;
	for (size_t i = 0; i < ARRAY_SIZE(ipc); i++)
		if (strcmp(name, ipc[i]) == 0)
			return NAMESPACE_IPC;
	if (strcmp(name, "kernel.domainname") == 0 || strcmp(name, "kernel.hostname") == 0)
		return NAMESPACE_UTS;
	return NAMESPACE_COUNT;
}

static int write_sysctl(struct init_context *context, const char *setting, struct error **err)
{
	size_t len = strcspn(setting, "=");
	cleanup_free char *name = xstrndup(setting, len), *path = NULL;
	const char *value = setting + len + 1;
	enum namespace_type type = sysctl_namespace(name);
	cleanup_close int fd = -1;

	if (!setting[len] || !len || strchr(name, '/') || strstr(name, "..") || strchr(value, '\n'))
		return error_set(err, ERR_INVALID, "sysctl '%s' is malformed", setting);
	if (type == NAMESPACE_COUNT)
		return error_set(err, ERR_INVALID,
			"sysctl '%s' belongs to no namespace of the container: it would change the "
			"host",
			name);
	if (context->spec->namespaces[type].mode == NAMESPACE_INHERIT || context->is_callers[type])
		return error_set(err, ERR_INVALID,
			"sysctl '%s' is not the container's own: its namespace is shared", name);
	if (context->proc_fd < 0)
		return error_set(
			err, ERR_UNSUPPORTED, "sysctl '%s': there is no /proc of our own", name);
	path = xasprintf("sys/%s", name);
	for (char *p = path; *p; p++)
		if (*p == '.')
			*p = '/';
	fd = open_beneath(context->proc_fd, path, O_WRONLY, 0);
	if (fd < 0 || write_all(fd, value, strlen(value)) < 0)
		return error_errno(err, errno, "set sysctl '%s'", name);
	return 0;
}

int init_write_sysctls(struct init_context *context, struct error **err)
{
	for (char **setting = context->spec->sysctl; setting && *setting; setting++)
		if (write_sysctl(context, *setting, err) < 0)
			return -1;
	return 0;
}
