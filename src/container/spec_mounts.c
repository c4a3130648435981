#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "container/parse_mount.h"
#include "container/spec_mounts.h"
#include "storage/volume.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define SHARED_FILE_MAX (1u << 20) /* bytes; the other container may write to it */

struct container_files {
	struct store *store;
	struct container *container;
	struct container_spec *plan;
	char *const *taken; /* destinations of the user's mounts */
	bool run_is_bound;  /* /run is a directory of the host */
};

/* A file of ours in the container's directory, bound over PATH in the container; as little to be
 * written to as the root. */
static int add_file(struct container_files *files, const char *name, const char *path,
	const char *text, struct error **err)
{
	struct container_spec *plan = files->plan;
	cleanup_free char *source = NULL;
	struct runtime_mount *mount;
	int fd;

	if (strv_contains(files->taken, path))
		return 0;
	/* Of an earlier start it may belong to root of the container. */
	if (plan->is_nested)
		(void)unlinkat(files->container->dir_fd, name, 0);
	fd = openat(files->container->dir_fd, name,
		O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return error_errno(err, errno, "create '%s' for the container", name);
	container_spec_own(plan, container_spec_keep_fd(plan, fd));
	/* for all users of the container, whatever the umask */
	if (fchmod(fd, 0644) < 0 || write_all(fd, text, strlen(text)) < 0)
		return error_errno(err, errno, "write '%s' for the container", name);
	source = xasprintf(
		"%s/containers/%s/%s", files->store->data_path, files->container->config->id, name);
	mount = runtime_spec_add_mount(plan->spec, path, "bind", source,
		plan->spec->root_readonly ? "bind,rprivate,ro,nosuid,noexec,nodev"
					  : "bind,rprivate");
	mount->source_fd = fd;
	return 0;
}

/* The kernel's file systems, as podman mounts them. */
static void add_system_mounts(
	const struct container_config *config, struct container_spec *plan, char *const *taken)
{
	struct runtime_spec *spec = plan->spec;
	bool host_ipc = str_equal(config->ipc_mode, "host");
	cleanup_free char *shm =
		xasprintf("nosuid,noexec,nodev,mode=1777,size=%" PRIu64, config->shm_size_bytes);

	if (!strv_contains(taken, "/proc")) {
		if (str_equal(config->pid_mode, "host"))
			runtime_spec_add_mount(
				spec, "/proc", "bind", "/proc", "rbind,nosuid,noexec,nodev");
		else
			runtime_spec_add_mount(
				spec, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	}
	if (!strv_contains(taken, "/dev"))
		runtime_spec_add_mount(spec, "/dev", "tmpfs", "tmpfs",
			"nosuid,noexec,strictatime,mode=755,size=65536k");
	if (!strv_contains(taken, "/sys"))
		runtime_spec_add_mount(spec, "/sys", "sysfs", "sysfs",
			config->privileged ? "nosuid,noexec,nodev,rw" : "nosuid,noexec,nodev,ro");
	if (!strv_contains(taken, "/dev"))
		runtime_spec_add_mount(spec, "/dev/pts", "devpts", "devpts",
			"nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
	if (!strv_contains(taken, "/dev/mqueue")) {
		if (host_ipc && access("/dev/mqueue", F_OK) == 0)
			runtime_spec_add_mount(spec, "/dev/mqueue", "bind", "/dev/mqueue",
				"bind,nosuid,noexec,nodev");
		else if (!host_ipc) /* a host without one: the container has none either */
			runtime_spec_add_mount(
				spec, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
	}
	if (!strv_contains(taken, "/sys/fs/cgroup") && !strv_contains(taken, "/sys"))
		runtime_spec_add_mount(spec, "/sys/fs/cgroup", "cgroup", "cgroup",
			config->privileged ? "rprivate,nosuid,noexec,nodev,relatime,rw"
					   : "rprivate,nosuid,noexec,nodev,relatime,ro");
	if (!strv_contains(taken, "/dev/shm")) {
		if (host_ipc)
			/* with what lies below: a user namespace may not leave it out */
			runtime_spec_add_mount(
				spec, "/dev/shm", "bind", "/dev/shm", "rbind,nosuid,noexec,nodev");
		else
			runtime_spec_add_mount(spec, "/dev/shm", "tmpfs", "shm", shm);
	}
}

/* With another container's network come its names and servers; owned, NULL when there are none. */
static char *shared_file(struct container_files *files, const char *name)
{
	const char *id = str_starts_with(files->container->config->network_mode, "container:");
	cleanup_error struct error *ignored = NULL; /* then the file is made as for any other */
	cleanup_free char *path = NULL;
	char *text = NULL;
	size_t len;

	if (!id || !hex_is_valid(id, 64))
		return NULL;
	path = xasprintf("%s/%s", id, name);
	if (read_file_limited(
		    files->store->containers_fd, path, SHARED_FILE_MAX, &text, &len, &ignored) < 0)
		return NULL;
	return text;
}

static int add_network_files(struct container_files *files, struct error **err)
{
	const struct container_config *config = files->container->config;
	const struct container_spec *plan = files->plan;
	bool slirp = plan->network.mode == NETWORK_SLIRP4NETNS;
	const struct hosts_options hosts = {
		.hostname = plan->spec->hostname ? plan->spec->hostname : config->hostname,
		.name = config->name,
		.ip = slirp                                ? NETWORK_SLIRP_ADDRESS
		      : plan->network.mode == NETWORK_NONE ? "127.0.0.1"
							   : NULL,
		.add_hosts = config->add_hosts,
		.slirp = slirp,
		.allow_host_loopback = plan->network.allow_host_loopback,
		.isolated = plan->network.mode == NETWORK_NONE,
	};
	const struct resolv_options resolv = {
		.servers = config->dns_servers,
		.searches = config->dns_searches,
		.options = config->dns_options,
		.slirp = slirp,
	};
	cleanup_free char *shared_hosts = shared_file(files, "hosts");
	cleanup_free char *shared_resolv = shared_file(files, "resolv.conf");
	cleanup_free char *hosts_content =
		shared_hosts ? steal_ptr(&shared_hosts) : hosts_text(&hosts);
	cleanup_free char *resolv_content =
		shared_resolv ? steal_ptr(&shared_resolv) : resolv_conf_text(&resolv);
	cleanup_free char *hostname_content = xasprintf("%s\n", hosts.hostname);

	if ((!config->no_hosts && add_file(files, "hosts", "/etc/hosts", hosts_content, err) < 0) ||
		add_file(files, "resolv.conf", "/etc/resolv.conf", resolv_content, err) < 0 ||
		add_file(files, "hostname", "/etc/hostname", hostname_content, err) < 0)
		return -1;
	return 0;
}

static int add_containerenv(struct container_files *files, struct error **err)
{
	const struct container_config *config = files->container->config;
	cleanup_free char *text = NULL;

	if (files->run_is_bound)
		return 0; /* nothing of ours is left there */
	text = xasprintf("engine=\"pod-%s\"\nname=\"%s\"\nid=\"%s\"\nimage=\"%s\"\nimageid=\"%s\"\n"
			 "rootless=%d\n",
		PACKAGE_VERSION, config->name, config->id,
		config->image_name ? config->image_name : "",
		config->image_id ? config->image_id : "", files->store->rootless);
	return add_file(files, "containerenv", "/run/.containerenv", text, err);
}

static int open_bind_source(const struct container_mount *mount, struct error **err)
{
	int fd = open(mount->source, O_PATH | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERR_NOT_FOUND,
			"statfs %s: no such file or directory: the source of a bind mount must "
			"exist",
			mount->source);
	if (fd < 0)
		return error_errno(err, errno, "open mount source '%s'", mount->source);
	return fd;
}

/* Not the directories that the host's programs, or the user's, live in. */
static int check_chown(const struct container_mount *mount, struct error **err)
{
	static const char *const systems[] = {
		"/etc/", "/usr/", "/boot/", "/proc/", "/sys/", "/bin/", "/sbin/", "/lib"};
	const char *home = getenv("HOME");
	bool refused = strchr(mount->source + 1, '/') == NULL || str_equal(home, mount->source);

	for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
		refused = refused || str_starts_with(mount->source, systems[i]);
	if (!refused)
		return 0;
	return error_set(err, ERR_UNSUPPORTED,
		"mount option 'U' would give all of '%s', which the host needs, to the container's "
		"user; mount a directory below it",
		mount->source);
}

static int add_user_mount(struct store *store, const struct container_config *config,
	const struct container_mount *mount, struct container_spec *plan, struct error **err)
{
	cleanup_free char *words = str_join(mount->options, ",");
	cleanup_free char *options = NULL, *source = NULL;
	struct runtime_mount *added;
	int fd;

	switch (mount->kind) {
	case CONTAINER_MOUNT_TMPFS:
		runtime_spec_add_mount(plan->spec, mount->destination, "tmpfs", "tmpfs", words);
		return 0;
	case CONTAINER_MOUNT_BIND:
		source = xstrdup(mount->source);
		fd = open_bind_source(mount, err);
		break;
	case CONTAINER_MOUNT_VOLUME:
		source = volume_path(store, mount->source);
		fd = volume_open(store, mount->source,
			strv_contains(config->anonymous_volumes, mount->source), err);
		break;
	default:
		return error_set(err, ERR_INVALID, "unknown kind of mount");
	}
	if (fd < 0)
		return -1;
	container_spec_keep_fd(plan, fd);
	options = strv_contains(mount->options, "bind") || strv_contains(mount->options, "rbind")
			  ? xstrdup(words)
			  : xasprintf("rbind%s%s", *words ? "," : "", words);
	added = runtime_spec_add_mount(plan->spec, mount->destination, "bind", source, options);
	added->source_fd = fd;
	if (mount->chown) {
		if (mount->kind == CONTAINER_MOUNT_BIND && check_chown(mount, err) < 0)
			return -1;
		array_grow(plan->chowns, plan->chown_count, plan->chown_capacity);
		plan->chowns[plan->chown_count++] =
			(struct container_copy_up){xstrdup(mount->destination), fd};
	}
	if (mount->kind == CONTAINER_MOUNT_VOLUME && volume_wants_copy_up(fd)) {
		char *path = mount->no_copy ? NULL : xstrdup(mount->destination);

		array_grow(plan->copy_ups, plan->copy_up_count, plan->copy_up_capacity);
		plan->copy_ups[plan->copy_up_count++] = (struct container_copy_up){path, fd};
	}
	return 0;
}

/* Parents before children, so that no mount hides another: by the number of components. */
static int compare_depth(const void *a, const void *b)
{
	const struct container_mount *x = a, *y = b;
	size_t dx = 0, dy = 0;

	for (const char *p = x->destination; *p; p++)
		dx += *p == '/';
	for (const char *p = y->destination; *p; p++)
		dy += *p == '/';
	return dx < dy ? -1 : dx > dy;
}

struct mount_list {
	struct container_mount *items;
	size_t count;
	char **destinations;
};

static void mount_list_clear(struct mount_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		container_mount_clear(&list->items[i]);
	free(list->items);
	strv_free(list->destinations);
}

int container_spec_mounts(struct store *store, struct container *container,
	struct container_spec *plan, struct error **err)
{
	__attribute__((cleanup(mount_list_clear))) struct mount_list list = {0};
	struct container_files files = {.store = store, .container = container, .plan = plan};
	char **texts = container->config->mounts;
	size_t count = strv_length(texts);

	list.items = xcalloc(count, sizeof(*list.items));
	for (; list.count < count; list.count++) {
		struct container_mount *mount = &list.items[list.count];

		if (parse_mount(texts[list.count], mount, err) < 0)
			return error_wrap(err, "container.json");
		strv_append(&list.destinations, mount->destination);
		files.run_is_bound |= mount->kind == CONTAINER_MOUNT_BIND &&
				      strcmp(mount->destination, "/run") == 0;
	}
	if (count > 1)
		qsort(list.items, count, sizeof(*list.items), compare_depth);
	add_system_mounts(container->config, plan, list.destinations);
	for (size_t i = 0; i < count; i++)
		if (add_user_mount(store, container->config, &list.items[i], plan, err) < 0)
			return -1;
	/* Last: they are seen in what is mounted on the directories that they are in, too. */
	files.taken = list.destinations;
	return add_network_files(&files, err) < 0 ? -1 : add_containerenv(&files, err);
}
