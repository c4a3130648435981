#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "rootless/userns.h"
#include "runtime/idmap.h"
#include "runtime/mount.h"
#include "util/kernel.h"
#include "util/mem.h"

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

void idmap_free(const struct runtime_spec *spec, int *fds)
{
	for (size_t i = 0; fds && i < spec->mount_count; i++)
		close_keep_errno(fds[i]);
	free(fds);
}

int idmap_prepare(const struct runtime_spec *spec, const struct runtime_options *opts, int **ret,
	struct error **err)
{
	int *fds = NULL;

	for (size_t i = 0; i < spec->mount_count; i++) {
		if (!wants_map(&spec->mounts[i]))
			continue;
		if (!fds) {
			fds = xcalloc(spec->mount_count, sizeof(*fds));
			for (size_t j = 0; j < spec->mount_count; j++)
				fds[j] = -1;
		}
		fds[i] = map_mount(&spec->mounts[i], opts, i, err);
		if (fds[i] < 0) {
			idmap_free(spec, fds);
			return -1;
		}
	}
	*ret = fds;
	return 0;
}
