#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "rootless/userns.h"
#include "runtime/init.h"
#include "runtime/mount.h"
#include "runtime/outside.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/str.h"

static bool has_word(const struct runtime_mount *mount, const char *word)
{
	return strv_contains(mount->options, word);
}

static bool wants_map(const struct runtime_mount *mount)
{
	return mount->uid_mapping_count || mount->gid_mapping_count || has_word(mount, "idmap") ||
	       has_word(mount, "ridmap");
}

static struct id_range *copy_ranges(const struct runtime_id_range *ranges, size_t count)
{
	struct id_range *copy = xcalloc(count, sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = (struct id_range){
			ranges[i].container_id, ranges[i].host_id, ranges[i].size};
	return copy;
}

/* The namespace whose map the mount gets: one of its own, or the container's. Owned. */
static int map_namespace(const struct runtime_mount *mount, const struct runtime_options *opts,
	size_t number, struct error **err)
{
	struct id_maps maps;
	int fd;

	if (!mount->uid_mapping_count && !mount->gid_mapping_count) {
		if (opts->userns_fd < 0)
			return error_set(err, ERR_INVALID,
				"config.json: mounts[%zu]: idmap needs uidMappings and "
				"gidMappings, or a user namespace",
				number);
		fd = fcntl(opts->userns_fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? error_errno(err, errno, "duplicate a descriptor") : fd;
	}
	if (!mount->uid_mapping_count || !mount->gid_mapping_count)
		return error_set(err, ERR_INVALID, "config.json: mounts[%zu].%s: is required",
			number, mount->uid_mapping_count ? "gidMappings" : "uidMappings");
	maps = (struct id_maps){
		.uids = copy_ranges(mount->uid_mappings, mount->uid_mapping_count),
		.gids = copy_ranges(mount->gid_mappings, mount->gid_mapping_count),
		.uid_count = mount->uid_mapping_count,
		.gid_count = mount->gid_mapping_count,
	};
	fd = userns_make(&maps, err);
	id_maps_clear(&maps);
	return fd < 0 ? error_wrap(err, "config.json: mounts[%zu].uidMappings", number) : fd;
}

static int map_mount(const struct runtime_mount *mount, const struct runtime_options *opts,
	size_t number, struct error **err)
{
	bool recursive =
		has_word(mount, "rbind") || (mount->type && strcmp(mount->type, "rbind") == 0);
	cleanup_close int userns_fd = -1, fd = -1;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};

	if (!recursive && !has_word(mount, "bind") && mount->type &&
		strcmp(mount->type, "bind") != 0)
		return error_set(err, ERR_UNSUPPORTED,
			"config.json: mounts[%zu]: only bind mounts can have ids of their own",
			number);
	if (!mount->source)
		return error_set(
			err, ERR_INVALID, "config.json: mounts[%zu].source: is required", number);
	userns_fd = map_namespace(mount, opts, number, err);
	if (userns_fd < 0)
		return -1;
	attr.userns_fd = (uint64_t)userns_fd;
	fd = mount_clone(AT_FDCWD, mount->source, recursive);
	if (fd < 0 || mount_setattr(fd, "",
			      (unsigned int)AT_EMPTY_PATH |
				      (has_word(mount, "ridmap") ? (unsigned int)AT_RECURSIVE : 0u),
			      &attr, sizeof(attr)) < 0)
		return error_errno(err, errno,
			"config.json: mounts[%zu].uidMappings: map the ids of '%s'%s", number,
			mount->source,
			errno == EPERM    ? " (only the host's root may, on most file systems)"
			: errno == EINVAL ? " (its file system, or this kernel, cannot)"
					  : "");
	return steal_fd(&fd);
}

void outside_mounts_free(const struct runtime_spec *spec, int *fds)
{
	for (size_t i = 0; fds && i < spec->mount_count; i++)
		close_keep_errno(fds[i]);
	free(fds);
}

/* For the child in the outer user namespace. */
struct cloning {
	const struct runtime_spec *spec;
	const bool *wanted; /* of each mount */
	int socket_fd;
};

/* Entry: root of the outer user namespace, in a mount namespace of its own. */
static int clone_all(void *data, struct error **err)
{
	const struct cloning *cloning = data;
	const struct runtime_spec *spec = cloning->spec;

	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct runtime_mount *mount = &spec->mounts[i];
		cleanup_close int fd = -1;

		if (!cloning->wanted[i])
			continue;
		fd = init_clone_source(
			mount, has_word(mount, "rbind") || str_equal(mount->type, "rbind"), err);
		if (fd < 0)
			return -1;
		if (fd_send(cloning->socket_fd, fd) < 0)
			return error_errno(err, errno, "hand over a mount");
	}
	return 0;
}

/* All those that are WANTED into FDS. The child sends them while it works; its word about what went
 * wrong comes afterwards. */
static int clone_outside(const struct runtime_spec *spec, const struct runtime_options *opts,
	const bool *wanted, int *fds, struct error **err)
{
	struct cloning cloning = {.spec = spec, .wanted = wanted};
	cleanup_close int our_fd = -1, child_fd = -1;
	struct userns_child child;
	int ends[2], why = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "make a socket pair");
	our_fd = ends[0];
	child_fd = cloning.socket_fd = ends[1];
	if (userns_run_begin(opts->outer_userns_fd, true, clone_all, &cloning, &child, err) < 0)
		return -1;
	fd_replace(&child_fd, -1); /* its end is the stream's */
	for (size_t i = 0; i < spec->mount_count && !why; i++) {
		if (!wanted[i])
			continue;
		fds[i] = fd_receive(our_fd);
		why = fds[i] < 0 ? errno : 0;
	}
	if (userns_run_finish(&child, err) < 0)
		return -1;
	return why ? error_errno(err, why, "take a mount") : 0;
}

/* Not what the kernel shows each process of its own: that is looked for by init. */
static bool is_hosts_file(const struct runtime_mount *mount)
{
	bool is_bind = !mount->type || str_equal(mount->type, "bind") ||
		       str_equal(mount->type, "rbind") || has_word(mount, "bind") ||
		       has_word(mount, "rbind");

	return is_bind && !has_word(mount, "remount") && !has_word(mount, "copy-symlink") &&
	       !(mount->source_fd < 0 && mount->source &&
		       (str_equal(mount->source, "/proc") || str_equal(mount->source, "/sys")));
}

int outside_mounts(const struct runtime_spec *spec, const struct runtime_options *opts, int **ret,
	struct error **err)
{
	size_t count = spec->mount_count;
	cleanup_free bool *wanted = xcalloc(count + 1, sizeof(*wanted));
	int *fds = xcalloc(count + 1, sizeof(*fds));
	bool any_mapped = false, any_wanted = false;

	for (size_t i = 0; i < count; i++) {
		fds[i] = -1;
		if (wants_map(&spec->mounts[i])) {
			any_mapped = true;
			fds[i] = map_mount(&spec->mounts[i], opts, i, err);
			if (fds[i] < 0)
				goto fail;
		} else if (opts->is_nested && is_hosts_file(&spec->mounts[i])) {
			wanted[i] = any_wanted = true;
		}
	}
	if (any_wanted && clone_outside(spec, opts, wanted, fds, err) < 0)
		goto fail;
	if (!any_mapped && !any_wanted) {
		free(fds);
		fds = NULL;
	}
	*ret = fds;
	return 0;
fail:
	outside_mounts_free(spec, fds);
	return -1;
}
