#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cgroup/file.h"
#include "container/idmaps.h"
#include "container/parse_env.h"
#include "container/spec.h"
#include "container/spec_devices.h"
#include "container/spec_mounts.h"
#include "container/spec_security.h"
#include "runtime/process_user.h"
#include "storage/volume.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

void container_spec_free(struct container_spec *plan)
{
	if (!plan)
		return;
	runtime_spec_free(plan->spec);
	overlay_clear(&plan->overlay);
	network_options_clear(&plan->network);
	for (size_t i = 0; i < plan->copy_up_count; i++)
		free(plan->copy_ups[i].path);
	free(plan->copy_ups);
	for (size_t i = 0; i < plan->chown_count; i++)
		free(plan->chowns[i].path);
	free(plan->chowns);
	for (size_t i = 0; i < plan->fd_count; i++)
		close_keep_errno(plan->fds[i]);
	free(plan->fds);
	free(plan->own_fds);
	id_maps_clear(&plan->maps);
	close_keep_errno(plan->outside_root_fd);
	free(plan->rootfs);
	free(plan);
}

int container_spec_keep_fd(struct container_spec *plan, int fd)
{
	array_grow(plan->fds, plan->fd_count, plan->fd_capacity);
	plan->fds[plan->fd_count++] = fd;
	return fd;
}

void container_spec_own(struct container_spec *plan, int fd)
{
	if (!plan->is_nested || fd < 0)
		return;
	array_grow(plan->own_fds, plan->own_count, plan->own_capacity);
	plan->own_fds[plan->own_count++] = fd;
}

/* ":U": as the files of the image name the container's user. */
static int give_mounts(struct container_spec *plan, int root_fd, struct error **err)
{
	cleanup_free struct process_user *user = xcalloc(1, sizeof(*user));
	const char *name = plan->config->user ? plan->config->user : "";
	int why;

	if (!plan->chown_count)
		return 0;
	why = process_user_look_up(root_fd, name, user);
	if (why)
		return error_errno(err, why, "look up the container's user '%s'", name);
	if (plan->is_nested) {
		user->uid = id_to_host(plan->maps.uids, plan->maps.uid_count, user->uid);
		user->gid = id_to_host(plan->maps.gids, plan->maps.gid_count, user->gid);
		if (user->uid == UINT32_MAX || user->gid == UINT32_MAX)
			return error_set(err, ERR_UNSUPPORTED,
				"mount option 'U': the container's user namespace has no id for "
				"user '%s'",
				name);
	}
	for (size_t i = 0; i < plan->chown_count; i++)
		if (chown_tree(plan->chowns[i].volume_fd, user->uid, user->gid, err) < 0)
			return error_wrap(err,
				"give what is mounted on '%s' to the container's user",
				plan->chowns[i].path);
	return 0;
}

/* In init, inside its mount namespace: the root, from layers or (--rootfs) an existing directory,
 * and the first content of empty volumes, which only now can be read. */
static int mount_root(void *data, struct error **err)
{
	struct container_spec *plan = data;
	cleanup_close int fd = -1;

	if (!plan->rootfs) {
		fd = overlay_mount(&plan->overlay, err);
	} else {
		fd = open_tree(
			AT_FDCWD, plan->rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (fd < 0)
			error_errno(err, errno, "use '%s' as root file system", plan->rootfs);
	}
	if (fd < 0)
		return -1;
	for (size_t i = 0; i < plan->copy_up_count; i++)
		if (volume_copy_up(fd, plan->copy_ups[i].path, plan->copy_ups[i].volume_fd, err) <
			0)
			return error_wrap(err, "copy the image's '%s' into its volume",
				plan->copy_ups[i].path ? plan->copy_ups[i].path : "content");
	if (give_mounts(plan, fd, err) < 0)
		return -1;
	return steal_fd(&fd);
}

/* The same for a container with ids of its own: as root of the base user namespace, where files of
 * ids that the container has not can be read, before init exists. */
static int mount_root_outside(void *data, struct error **err)
{
	struct container_spec *plan = data;
	uint32_t uid = id_to_host(plan->maps.uids, plan->maps.uid_count, 0);
	uint32_t gid = id_to_host(plan->maps.gids, plan->maps.gid_count, 0);

	/* Without a root of its own the container has no owner for them. */
	for (size_t i = 0; uid != UINT32_MAX && gid != UINT32_MAX && i < plan->own_count; i++)
		if (fchown(plan->own_fds[i], uid, gid) < 0)
			return error_errno(err, errno, "give the container its own files");
	return mount_root(plan, err);
}

/* In init: what was mounted outside. */
static int take_root(void *data, struct error **err)
{
	const struct container_spec *plan = data;
	int fd = fcntl(plan->outside_root_fd, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? error_errno(err, errno, "take the container's root") : fd;
}

static int prepare_root(struct store *store, struct container *container,
	struct container_spec *plan, struct error **err)
{
	const struct container_config *config = container->config;
	enum storage_driver driver;

	plan->root = (struct root_mounter){plan->is_nested ? take_root : mount_root, plan};
	if (config->rootfs) {
		plan->rootfs = xstrdup(config->rootfs);
		return 0;
	}
	if (storage_driver_parse(config->storage_driver, &driver, err) < 0 ||
		overlay_prepare(store, config->diff_ids, strv_length(config->diff_ids),
			container->dir_fd, driver, &plan->overlay, err) < 0)
		return -1;
	plan->overlay.volatile_upper = config->remove;
	return 0;
}

static void set_namespace(struct runtime_spec *spec, enum namespace_type type)
{
	spec->namespaces[type].mode = NAMESPACE_NEW;
}

/* "container:<id>": the namespace of a running container, from its monitor. */
static int join_namespace(struct store *store, struct container_spec *plan,
	enum namespace_type type, const char *mode, struct error **err)
{
	struct runtime_namespace *ns = &plan->spec->namespaces[type];
	cleanup_container struct container *other = NULL;
	cleanup_close int monitor_fd = -1;
	int fd;

	if (container_find(store, str_starts_with(mode, "container:"), &other, err) < 0)
		return -1;
	monitor_fd = container_connect(store, other, err);
	if (monitor_fd < 0)
		return -1;
	fd = monitor_namespace(monitor_fd, (int)type, err);
	if (fd < 0)
		return error_wrap(err, "namespace of container '%s'", other->config->name);
	ns->mode = NAMESPACE_JOIN;
	ns->fd = container_spec_keep_fd(plan, fd);
	return 0;
}

static int choose_namespace(struct store *store, struct container_spec *plan,
	enum namespace_type type, const char *mode, struct error **err)
{
	if (mode && str_starts_with(mode, "container:"))
		return join_namespace(store, plan, type, mode, err);
	if (!str_equal(mode, "host"))
		set_namespace(plan->spec, type);
	return 0;
}

static int prepare_network(struct store *store, const struct container_config *config,
	struct container_spec *plan, struct error **err)
{
	struct network_options *network = &plan->network;
	cleanup_free char *other = NULL;
	const char *mode = config->network_mode;
	size_t count = strv_length(config->ports);

	if (network_parse(mode, network, &other, err) < 0)
		return -1;
	if (config->network_is_default && network->mode == NETWORK_SLIRP4NETNS) {
		cleanup_free char *lacks = network_lacks();

		if (lacks) {
			log_warning("the container shares the network around it%s: %s",
				count ? ", its ports are not mapped" : "", lacks);
			network->mode = NETWORK_HOST;
			mode = "host";
			count = 0;
		}
	}
	if (choose_namespace(store, plan, NAMESPACE_NETWORK, mode, err) < 0)
		return -1;
	network->runtime_dir_fd = store->runtime_fd;
	network->id = config->id;
	network->ports = xcalloc(count, sizeof(*network->ports));
	for (; network->port_count < count; network->port_count++)
		if (port_mapping_parse(config->ports[network->port_count],
			    &network->ports[network->port_count], err) < 0)
			return -1;
	return 0;
}

/* HOSTNAME, as docker and podman set it, unless the image or the user does. */
static void add_hostname(const struct container_config *config, char ***env)
{
	cleanup_free char *assignment = NULL;
	struct utsname host;

	if (env_get(*env, "HOSTNAME"))
		return;
	if (str_equal(config->uts_mode, "host") && uname(&host) == 0)
		assignment = xasprintf("HOSTNAME=%s", host.nodename);
	else if (config->hostname)
		assignment = xasprintf("HOSTNAME=%s", config->hostname);
	else
		assignment = xasprintf("HOSTNAME=%.12s", config->id);
	env_set(env, assignment);
}

void container_spec_process(const struct container_config *config, struct runtime_process *process)
{
	process->terminal = config->terminal;
	process->user = xstrdup_null(config->user);
	process->additional_groups = strv_copy(config->groups);
	process->umask = config->umask ? (int)strtoul(config->umask, NULL, 8) : -1;
	process->args = strv_copy(config->args);
	process->env = strv_copy(config->env);
	process->cwd =
		xstrdup(config->working_dir && *config->working_dir ? config->working_dir : "/");
	add_hostname(config, &process->env);
}

static void set_oom_score(const struct container_config *config, struct runtime_process *process)
{
	int64_t score, own = 0;
	char text[16];

	if (!config->oom_score_adj || str_to_int64(config->oom_score_adj, -1000, 1000, &score) < 0)
		return;
	/* Without privileges it can only go up. */
	if (geteuid() != 0 &&
		cgroup_file_read(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text)) == 0 &&
		str_to_int64(text, -1000, 1000, &own) == 0 && score < own) {
		log_warning(
			"--oom-score-adj %d is below this session's own, which only root can go "
			"under: %d is used",
			(int)score, (int)own);
		score = own;
	}
	process->oom_score_adj = (int)score;
	process->has_oom_score_adj = true;
}

static int prepare_log(
	const struct container_config *config, struct container_spec *plan, struct error **err)
{
	/* What passes it by, the monitor does not see. */
	if (str_equal(config->log_driver, "none") || str_equal(config->log_driver, "passthrough"))
		plan->log_driver = LOG_DRIVER_NONE;
	else if (str_equal(config->log_driver, "json-file"))
		plan->log_driver = LOG_DRIVER_JSON_FILE;
	else if (str_equal(config->log_driver, "journald"))
		plan->log_driver = LOG_DRIVER_JOURNALD;
	else
		plan->log_driver = LOG_DRIVER_K8S_FILE;
	plan->log_max_files = 1;
	for (size_t i = 0; config->log_options && config->log_options[i]; i++) {
		const char *option = config->log_options[i], *value;
		uint64_t number;

		if ((value = str_starts_with(option, "max-size="))) {
			if (str_to_size(value, &plan->log_max_size_bytes, err) < 0)
				return error_wrap(err, "log option max-size");
		} else if ((value = str_starts_with(option, "max-file="))) {
			if (str_to_uint64(value, 1000, &number) < 0 || number == 0)
				return error_set(
					err, ERR_INVALID, "invalid log option '%s'", option);
			plan->log_max_files = (uint32_t)number;
		}
	}
	return 0;
}

/* "k=v" annotations: the user's, and what other tools look for. */
static void prepare_annotations(const struct container_config *config, struct runtime_spec *spec)
{
	spec->annotations = strv_copy(config->annotations);
	if (config->stdin_open)
		strv_append(&spec->annotations, "io.container.interactive=true");
	strv_append_take(&spec->annotations,
		xasprintf("org.opencontainers.image.stopSignal=%u", config->stop_signal));
}

static struct runtime_id_range *copy_ranges(const struct id_range *ranges, size_t count)
{
	struct runtime_id_range *copy = xcalloc(count, sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = (struct runtime_id_range){
			ranges[i].container_id, ranges[i].host_id, ranges[i].count};
	return copy;
}

static void set_user_namespace(struct runtime_spec *spec, const struct id_maps *maps)
{
	if (!maps)
		return;
	spec->namespaces[NAMESPACE_USER].mode = NAMESPACE_JOIN;
	spec->uid_mappings = copy_ranges(maps->uids, maps->uid_count);
	spec->uid_mapping_count = maps->uid_count;
	spec->gid_mappings = copy_ranges(maps->gids, maps->gid_count);
	spec->gid_mapping_count = maps->gid_count;
}

int container_spec_prepare(struct store *store, struct container *container,
	const struct id_maps *maps, struct container_spec **ret, struct error **err)
{
	__attribute__((cleanup(container_spec_freep))) struct container_spec *plan =
		xcalloc(1, sizeof(*plan));
	const struct container_config *config = container->config;
	struct runtime_spec *spec;

	plan->spec = spec = runtime_spec_new();
	spec->root_readonly = config->read_only;
	spec->privileged = config->privileged;
	plan->config = config;
	plan->outside_root_fd = -1;
	plan->is_nested = idmaps_is_nested(config);
	if (plan->is_nested) {
		struct id_maps all;

		if (idmaps_read(config, &plan->maps, err) < 0)
			return -1;
		idmaps_to_host(&plan->maps, maps, &all);
		set_user_namespace(spec, &all);
		id_maps_clear(&all);
	} else {
		set_user_namespace(spec, maps);
	}
	set_namespace(spec, NAMESPACE_MOUNT);
	if (!str_equal(config->cgroupns_mode, "host"))
		set_namespace(spec, NAMESPACE_CGROUP);
	if (choose_namespace(store, plan, NAMESPACE_PID, config->pid_mode, err) < 0 ||
		choose_namespace(store, plan, NAMESPACE_IPC, config->ipc_mode, err) < 0 ||
		choose_namespace(store, plan, NAMESPACE_UTS, config->uts_mode, err) < 0 ||
		prepare_network(store, config, plan, err) < 0)
		return -1;
	if (spec->namespaces[NAMESPACE_UTS].mode == NAMESPACE_NEW)
		spec->hostname = xstrdup(config->hostname);
	if (spec->namespaces[NAMESPACE_UTS].mode == NAMESPACE_NEW)
		spec->domainname = xstrdup_null(config->domainname);
	spec->sysctl = strv_copy(config->sysctls);
	container_spec_process(config, &spec->process);
	set_oom_score(config, &spec->process);
	prepare_annotations(config, spec);
	if (prepare_root(store, container, plan, err) < 0 ||
		container_spec_mounts(store, container, plan, err) < 0 ||
		container_spec_devices(config, spec, err) < 0 ||
		container_spec_security(config, spec, err) < 0 ||
		prepare_log(config, plan, err) < 0)
		return -1;
	*ret = steal_ptr(&plan);
	return 0;
}

int container_spec_finish(
	struct store *store, struct container_spec *plan, int userns_fd, struct error **err)
{
	if (plan->is_nested && !plan->rootfs &&
		overlay_shift(store, &plan->overlay, &plan->maps, userns_fd, err) < 0)
		return -1;
	if (!plan->rootfs && overlay_start(&plan->overlay, userns_fd, err) < 0)
		return -1;
	if (!plan->is_nested)
		return 0;
	plan->outside_root_fd = overlay_mount_outside(userns_fd, mount_root_outside, plan, err);
	return plan->outside_root_fd < 0 ? -1 : 0;
}

int container_spec_write(
	struct container *container, const struct container_spec *plan, struct error **err)
{
	cleanup_free char *text = runtime_spec_write(plan->spec);

	return write_file_atomic(
		container->dir_fd, "config.json", text, strlen(text), 0600, 0, err);
}
