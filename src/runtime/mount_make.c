#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/init.h"
#include "runtime/mount.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/str.h"

/* The source of a bind mount. A descriptor of the caller belongs to another mount namespace, from
 * which nothing can be copied: it is found again by its path, and must be the same file. */
int init_clone_source(const struct runtime_mount *mount, bool recursive, struct error **err)
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

bool init_mount_is_bind(const struct runtime_mount *mount, const struct mount_options *opts)
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

int init_make_mount(struct init_context *context, const struct runtime_mount *mount,
	const struct mount_options *opts, struct error **err)
{
	const char *type = mount->type ? mount->type : "bind";
	cleanup_strv char **labelled = NULL;
	struct mount_options with_label = *opts;
	cleanup_close int fd = -1;

	if (init_mount_is_bind(mount, opts)) {
		size_t number = (size_t)(mount - context->spec->mounts);

		if (opts->data && *opts->data)
			return error_set(err, ERR_INVALID,
				"option '%s' is for file systems, not for a bind mount",
				*opts->data);
		/* What is bound says nothing anyway. */
		if (opts->mount_flags & MS_I_VERSION)
			return error_set(err, ERR_INVALID,
				"option 'iversion' is for file systems, not for a bind mount");
		if (context->outside_fds && context->outside_fds[number] >= 0)
			fd = steal_fd(&context->outside_fds[number]);
		else
			fd = init_clone_source(
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
