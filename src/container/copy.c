#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/copy.h"
#include "container/copy_files.h"
#include "container/idmaps.h"
#include "container/parse_mount.h"
#include "monitor/client.h"
#include "rootless/idmap.h"
#include "rootless/userns.h"
#include "runtime/process_user.h"
#include "runtime/rootfs.h"
#include "runtime/spec.h"
#include "storage/overlay.h"
#include "storage/volume.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/proc.h"
#include "util/str.h"

/* A container's files, made reachable: by joining its mount namespace, or by mounting its root. */
struct copy_files {
	struct container *container; /* NULL: the host */
	int userns_fd;               /* the base user namespace; -1: none needed */
	int nested_fd;               /* the container's own below it, -1: the same */
	int mount_ns_fd;             /* of a running container, else -1 */
	int lock_fd;                 /* of a stopped one, held until the copy has ended */
	bool has_overlay;
	struct overlay overlay;
	struct container_mount *mounts; /* volumes and binds of a stopped container */
	int *mount_fds;
	size_t mount_count;
	char *place; /* a directory to mount its root on, in the child's mount namespace */
};

static void copy_files_clear(struct copy_files *files)
{
	close_keep_errno(files->userns_fd);
	close_keep_errno(files->nested_fd);
	close_keep_errno(files->mount_ns_fd);
	if (files->has_overlay)
		overlay_clear(&files->overlay);
	for (size_t i = 0; i < files->mount_count; i++) {
		container_mount_clear(&files->mounts[i]);
		close_keep_errno(files->mount_fds[i]);
	}
	free(files->mounts);
	free(files->mount_fds);
	free(files->place);
	close_keep_errno(files->lock_fd);
}
#define COPY_FILES_INIT                                                                            \
	((struct copy_files){.userns_fd = -1, .nested_fd = -1, .mount_ns_fd = -1, .lock_fd = -1})

/* -------- before the children -------- */

/* One of init's namespaces by its number; it counts when init still is who the record says. */
static int open_namespace(struct container *container, const char *name, struct error **err)
{
	const struct container_status *status = &container->status;
	cleanup_close int fd = -1, pidfd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)status->init_pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(
			err, errno, "open the %s namespace of '%s'", name, container->config->name);
	pidfd = proc_pidfd(status->init_pid, status->init_start_ticks);
	if (pidfd < 0)
		return error_set(
			err, ERR_CONFLICT, "container '%s' has ended", container->config->name);
	return steal_fd(&fd);
}

static int prepare_running(struct store *store, struct copy_files *files, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int monitor_fd = container_connect(store, files->container, &ignored);
	bool is_nested;
	int *own_fd;

	/* Without the runtime directory, or without a monitor, there is still init itself. */
	files->mount_ns_fd = monitor_fd >= 0 ? monitor_namespace(monitor_fd, NAMESPACE_MOUNT, err)
					     : open_namespace(files->container, "mnt", err);
	if (files->mount_ns_fd < 0)
		return -1;
	is_nested = idmaps_is_nested(files->container->config);
	own_fd = is_nested ? &files->nested_fd : &files->userns_fd;
	if (is_nested && store->rootless) {
		files->userns_fd = userns_get(store->runtime_fd, err);
		if (files->userns_fd < 0)
			return -1;
	}
	if (!is_nested && !store->rootless)
		return 0;
	*own_fd = monitor_fd >= 0 ? monitor_namespace(monitor_fd, NAMESPACE_USER, err)
				  : open_namespace(files->container, "user", err);
	return *own_fd < 0 ? -1 : 0;
}

static int prepare_mounts(struct store *store, struct copy_files *files, struct error **err)
{
	char **texts = files->container->config->mounts;
	size_t count = strv_length(texts);

	files->mounts = xcalloc(count, sizeof(*files->mounts));
	files->mount_fds = xcalloc(count, sizeof(*files->mount_fds));
	for (size_t i = 0; i < count; i++) {
		struct container_mount *mount = &files->mounts[files->mount_count];
		int fd;

		if (parse_mount(texts[i], mount, err) < 0)
			return error_wrap(err, "container.json");
		if (mount->kind == CONTAINER_MOUNT_TMPFS) {
			container_mount_clear(mount); /* empty while the container does not run */
			continue;
		}
		files->mount_fds[files->mount_count++] = -1;
		fd = mount->kind == CONTAINER_MOUNT_VOLUME
			     ? volume_open(store, mount->source, false, err)
			     : open(mount->source, O_PATH | O_CLOEXEC);
		if (fd < 0)
			return *err ? -1
				    : error_errno(
					      err, errno, "open mount source '%s'", mount->source);
		files->mount_fds[files->mount_count - 1] = fd;
		if (mount->kind == CONTAINER_MOUNT_VOLUME) {
			char *path = volume_path(store, mount->source);

			free(mount->source);
			mount->source = path;
		}
	}
	return 0;
}

static int prepare_stopped(struct store *store, struct copy_files *files, struct error **err)
{
	const struct container_config *config = files->container->config;
	enum storage_driver driver;

	files->lock_fd = container_lock(files->container, true, err);
	if (files->lock_fd < 0)
		return -1;
	files->place = xasprintf("%s/containers/%s", store->data_path, config->id);
	if (store->rootless) {
		files->userns_fd = userns_get(store->runtime_fd, err);
		if (files->userns_fd < 0)
			return -1;
	}
	files->nested_fd = idmaps_nest(config, files->userns_fd, err);
	if (files->nested_fd < 0 && *err)
		return -1;
	if (!config->rootfs) {
		if (storage_driver_parse(config->storage_driver, &driver, err) < 0 ||
			overlay_prepare(store, config->diff_ids, strv_length(config->diff_ids),
				files->container->dir_fd, driver, &files->overlay, err) < 0)
			return -1;
		files->has_overlay = true;
		if (idmaps_shift(store, config, &files->overlay, files->userns_fd, err) < 0)
			return -1;
		if (overlay_start(&files->overlay, files->userns_fd, err) < 0)
			return -1;
	}
	return prepare_mounts(store, files, err);
}

static int prepare(struct store *store, struct container *container, struct copy_files *files,
	struct error **err)
{
	cleanup_error struct error *started = NULL;

	files->container = container;
	if (container_refresh(container, err) < 0)
		return -1;
	if (container_is_running(container))
		return prepare_running(store, files, err);
	if (prepare_stopped(store, files, &started) == 0)
		return 0;
	/* Somebody started it while we waited for its lock. */
	if (started->kind == ERR_CONFLICT && container_is_running(container))
		return prepare_running(store, files, err);
	return error_move(err, &started);
}

/* -------- in a child, as root of the user namespace -------- */

/* Attach MOUNT's source on top of its destination below ROOT_FD. Only what a mount namespace holds
 * itself can be cloned in it, so the source is opened again by its path: it must be what SOURCE_FD,
 * which the caller could open with its own rights, is. */
static int attach(
	int root_fd, const struct container_mount *mount, int source_fd, struct error **err)
{
	const char *destination = mount->destination;
	cleanup_close int tree_fd = -1, target_fd = -1;
	struct stat st, again;

	if (mount->kind == CONTAINER_MOUNT_VOLUME && volume_copy_up(-1, NULL, source_fd, err) < 0)
		return error_wrap(err, "'%s'", mount->source);
	if (fstat(source_fd, &st) < 0)
		return error_errno(err, errno, "stat '%s'", mount->source);
	target_fd = S_ISDIR(st.st_mode) ? rootfs_ensure_dir(root_fd, destination, 0755, err)
					: rootfs_ensure_file(root_fd, destination, 0644, err);
	if (target_fd < 0)
		return -1;
	tree_fd = open_tree(
		AT_FDCWD, mount->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree_fd < 0 || fstat(tree_fd, &again) < 0)
		return error_errno(err, errno, "open mount source '%s'", mount->source);
	if (again.st_dev != st.st_dev || again.st_ino != st.st_ino)
		return error_set(
			err, ERR_CONFLICT, "mount source '%s' is being exchanged", mount->source);
	if (move_mount(tree_fd, "", target_fd, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_errno(err, errno, "mount on '%s'", destination);
	return 0;
}

/* Mount a stopped container's root and volumes; this mount namespace dies with us. */
static int mount_stopped(struct copy_files *files, struct error **err)
{
	cleanup_close int root_fd = -1;

	root_fd = files->has_overlay ? overlay_mount(&files->overlay, err)
				     : open_tree(AT_FDCWD, files->container->config->rootfs,
					       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (root_fd < 0)
		return *err ? -1
			    : error_errno(err, errno, "use '%s' as root file system",
				      files->container->config->rootfs);
	if (files->mount_count == 0)
		return steal_fd(&root_fd);
	/* Nothing can be mounted on a detached mount before Linux 6.15: it gets a place. One that
	 * overlay_mount() had to attach has one already (EINVAL). */
	if (move_mount(root_fd, "", AT_FDCWD, files->place, MOVE_MOUNT_F_EMPTY_PATH) < 0 &&
		errno != EINVAL)
		return error_errno(err, errno, "mount the root file system");
	for (size_t i = 0; i < files->mount_count; i++)
		if (attach(root_fd, &files->mounts[i], files->mount_fds[i], err) < 0)
			return -1;
	return steal_fd(&root_fd);
}

/* From here on this process sees what the container sees; it is not in its pid namespace, not
 * dumpable, and runs no code but ours. */
static int enter(struct copy_files *files, struct copy_root *ret, struct error **err)
{
	int fd;

	if (!files->container) {
		*ret = (struct copy_root){.fd = AT_FDCWD};
		return 0;
	}
	if (files->mount_ns_fd < 0) {
		fd = mount_stopped(files, err);
		/* Its ids, and its root's rights over them. */
		if (fd >= 0 && files->nested_fd >= 0 &&
			userns_enter(files->nested_fd, false, err) < 0)
			return -1;
	} else {
		if (setns(files->mount_ns_fd, CLONE_NEWNS) < 0)
			return error_errno(err, errno, "join the container's mount namespace");
		fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			error_errno(err, errno, "open the container's root");
	}
	if (fd < 0)
		return -1;
	*ret = (struct copy_root){.fd = fd, .confined = true};
	return 0;
}

/* In the user namespace, with the host's /proc. */
static bool has_single_id(const struct copy_files *files)
{
	return files->container && files->userns_fd >= 0 && id_map_is_single("/proc/self/uid_map");
}

struct half {
	struct copy_files *files;
	const struct copy_end *end;
	const struct copy_options *opts;
	int stream_fd, other_fd; /* other_fd: the peer's end, closed here; -1 none */
	bool from_stream;
};

static int pack_half(void *data, struct error **err)
{
	struct half *half = data;
	bool single_id = has_single_id(half->files);
	struct copy_root root;

	fd_replace(&half->other_fd, -1);
	/* A reader that goes away is an error with words, not a death without. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (enter(half->files, &root, err) < 0)
		return -1;
	root.one_mount = half->opts->one_mount;
	root.single_id = single_id;
	return copy_pack(&root, half->end->path, half->stream_fd, err);
}

static int unpack_half(void *data, struct error **err)
{
	struct half *half = data;
	struct copy_unpack_options opts = {
		.place_inside = half->from_stream,
		.overwrite = half->opts->overwrite,
	};
	struct container *container = half->files->container;
	bool single_id = has_single_id(half->files);
	struct copy_root root;
	int why;

	fd_replace(&half->other_fd, -1);
	if (enter(half->files, &root, err) < 0)
		return -1;
	root.single_id = single_id;
	if (container && half->opts->keep_ids) {
		opts.keep_ids = true;
	} else if (container) {
		struct process_user *user = xcalloc(1, sizeof(*user));
		const char *name = container->config->user ? container->config->user : "";

		why = process_user_look_up(root.fd, name, user);
		opts.chown = true;
		opts.uid = user->uid;
		opts.gid = user->gid;
		free(user);
		if (why)
			return error_errno(err, why, "look up the container's user '%s'", name);
	}
	return copy_unpack(&root, half->end->path, half->stream_fd, &opts, err);
}

/* -------- the two together -------- */

/* Where a half begins: in a running container at once in its own user namespace, from where alone
 * its mount namespace can be joined. */
static int first_userns(const struct copy_files *files)
{
	return files->mount_ns_fd >= 0 && files->nested_fd >= 0 ? files->nested_fd
								: files->userns_fd;
}

/* One child and the caller's own stream. */
static int run_one(struct half *half, int (*fn)(void *, struct error **), struct error **err)
{
	return userns_run(first_userns(half->files),
		half->files->mount_ns_fd < 0 && half->files->container, fn, half, err);
}

static int run_two(struct half *source, struct half *destination, struct error **err)
{
	cleanup_error struct error *pack_error = NULL, *unpack_error = NULL;
	cleanup_close int pack_fd = -1, unpack_fd = -1;
	struct userns_child packer, unpacker;
	int pair[2];
	bool broken;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, errno, "make a socket pair");
	pack_fd = source->stream_fd = destination->other_fd = pair[0];
	unpack_fd = destination->stream_fd = source->other_fd = pair[1];
	if (userns_run_begin(first_userns(source->files),
		    source->files->container && source->files->mount_ns_fd < 0, pack_half, source,
		    &packer, err) < 0)
		return -1;
	if (userns_run_begin(first_userns(destination->files),
		    destination->files->container && destination->files->mount_ns_fd < 0,
		    unpack_half, destination, &unpacker, &unpack_error) < 0)
		unpacker.pid = 0;
	/* Each child must be the only holder of its end: the end of one is the end of the other. */
	fd_replace(&pack_fd, -1);
	fd_replace(&unpack_fd, -1);
	if (unpacker.pid)
		(void)userns_run_finish(&unpacker, &unpack_error);
	(void)userns_run_finish(&packer, &pack_error);
	/* The packer notices a failed unpacker as a broken stream: then the unpacker's word counts.
	 * An unpacker that got half a stream: the packer's. */
	broken = pack_error && (pack_error->errnum == EPIPE || pack_error->errnum == ECONNRESET);
	if (pack_error && !(unpack_error && broken))
		return error_move(err, &pack_error);
	if (unpack_error)
		return error_move(err, &unpack_error);
	return 0;
}

int container_copy(struct store *store, const struct copy_end *source,
	const struct copy_end *destination, const struct copy_options *opts, struct error **err)
{
	__attribute__((cleanup(copy_files_clear))) struct copy_files from = COPY_FILES_INIT;
	__attribute__((cleanup(copy_files_clear))) struct copy_files to = COPY_FILES_INIT;
	struct half pack = {&from, source, opts, source->stream_fd, -1, false};
	struct half unpack = {&to, destination, opts, destination->stream_fd, -1, !source->path};
	bool same = source->container && destination->container &&
		    str_equal(source->container->config->id, destination->container->config->id);

	if (source->container && prepare(store, source->container, &from, err) < 0)
		return -1;
	/* A stopped container's root must not be mounted twice. */
	if (same && from.mount_ns_fd < 0)
		return error_set(err, ERR_UNSUPPORTED,
			"'%s' is not running: it cannot be both source and destination",
			source->container->config->name);
	if (destination->container && prepare(store, destination->container, &to, err) < 0)
		return -1;
	/* The host's files are seen from the same user namespace: the caller is its root. */
	if (!from.container && source->path)
		from.userns_fd = to.userns_fd < 0 ? -1 : fcntl(to.userns_fd, F_DUPFD_CLOEXEC, 3);
	if (!to.container && destination->path)
		to.userns_fd = from.userns_fd < 0 ? -1 : fcntl(from.userns_fd, F_DUPFD_CLOEXEC, 3);
	if (!source->path) {
		unpack.stream_fd = source->stream_fd;
		return run_one(&unpack, unpack_half, err);
	}
	if (!destination->path) {
		pack.stream_fd = destination->stream_fd;
		return run_one(&pack, pack_half, err);
	}
	return run_two(&pack, &unpack, err);
}
