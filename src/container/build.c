#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/build.h"
#include "container/parse_env.h"
#include "container/parse_mount.h"
#include "container/parse_security.h"
#include "container/ports.h"
#include "container/supervision.h"
#include "network/network.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/signals.h"
#include "util/str.h"

static const char default_path[] =
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* What tells programs of a proxy: podman hands it on. */
static int add_proxies(char ***env, struct error **err)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (parse_env(env, names[i], err) < 0)
			return -1;
	return 0;
}

static void unset(char **env, const char *name)
{
	size_t len = strlen(name), kept = 0;

	for (size_t i = 0; env && env[i]; i++) {
		if (strncmp(env[i], name, len) == 0 && env[i][len] == '=')
			free(env[i]);
		else
			env[kept++] = env[i];
	}
	if (env)
		env[kept] = NULL;
}

/* Lowest to highest: the host's where asked for, defaults, the image's, --env-file, -e. */
static int build_env(
	struct container_request *request, const struct image_config *image, struct error **err)
{
	struct container_config *config = request->config;
	cleanup_strv char **env = NULL;
	cleanup_free char *hostname = NULL;

	if (request->env_host && parse_env(&env, "*", err) < 0)
		return -1;
	if (request->http_proxy && add_proxies(&env, err) < 0)
		return -1;
	env_set(&env, default_path);
	env_set(&env, "container=pod");
	if (config->terminal)
		env_set(&env, "TERM=xterm");
	for (size_t i = 0; image && image->env && image->env[i]; i++)
		/* "FOO" or "=x" from an image is no assignment: left out, never the host's value */
		if (strchr(image->env[i], '=') && image->env[i][0] != '=')
			env_set(&env, image->env[i]);
	if (request->unset_env_all)
		strv_free(steal_ptr(&env));
	for (size_t i = 0; request->env_merge && request->env_merge[i]; i++)
		if (parse_env_merge(&env, request->env_merge[i], err) < 0)
			return -1;
	for (size_t i = 0; request->unset_env && request->unset_env[i]; i++)
		unset(env, request->unset_env[i]);
	for (size_t i = 0; request->env_files && request->env_files[i]; i++)
		if (parse_env_file(&env, request->env_files[i], err) < 0)
			return -1;
	for (size_t i = 0; request->env && request->env[i]; i++)
		if (parse_env(&env, request->env[i], err) < 0)
			return -1;
	config->env = steal_ptr(&env);
	return 0;
}

static int build_args(struct container_request *request, const struct image_config *image,
	const char *name, struct error **err)
{
	struct container_config *config = request->config;
	bool has_command = request->command && request->command[0];

	if (!request->entrypoint_given && image)
		config->entrypoint = strv_copy(image->entrypoint);
	if (has_command)
		config->command = strv_copy(request->command);
	else if (image && !request->entrypoint_given)
		config->command = strv_copy(image->cmd);
	for (size_t i = 0; config->entrypoint && config->entrypoint[i]; i++)
		strv_append(&config->args, config->entrypoint[i]);
	for (size_t i = 0; config->command && config->command[i]; i++)
		strv_append(&config->args, config->command[i]);
	if (!config->args)
		return error_set(err, ERR_USAGE,
			"no command or entrypoint provided, and no CMD or ENTRYPOINT from image %s",
			name);
	return 0;
}

static void build_labels(struct container_config *config, const struct image_config *image)
{
	cleanup_strv char **own = steal_ptr(&config->labels);

	for (size_t i = 0; image && image->labels && image->labels[i]; i++)
		env_set(&config->labels, image->labels[i]);
	for (size_t i = 0; own && own[i]; i++)
		env_set(&config->labels, own[i]);
}

struct mount_set {
	struct container_mount *items;
	size_t count, capacity;
};

static void mount_set_clear(struct mount_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		container_mount_clear(&set->items[i]);
	free(set->items);
}

static bool mount_set_has(const struct mount_set *set, const char *destination)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->items[i].destination, destination) == 0)
			return true;
	return false;
}

static int add_mounts(struct mount_set *set, char *const *texts,
	int (*parse)(const char *, struct container_mount *, struct error **), const char *option,
	struct error **err)
{
	for (; texts && *texts; texts++) {
		struct container_mount mount = {0};

		if (parse(*texts, &mount, err) < 0)
			return error_wrap(err, "invalid argument '%s' for '%s'", *texts, option);
		if (mount_set_has(set, mount.destination)) {
			error_set(err, ERR_INVALID, "%s: duplicate mount destination",
				mount.destination);
			container_mount_clear(&mount);
			return -1;
		}
		array_grow(set->items, set->count, set->capacity);
		set->items[set->count++] = mount;
	}
	return 0;
}

static int resolve_mount(
	struct container_config *config, struct container_mount *mount, struct error **err)
{
	if (mount->kind == CONTAINER_MOUNT_VOLUME && !mount->source) {
		char name[65];

		random_hex(name, 64);
		mount->source = xstrdup(name);
		strv_append(&config->anonymous_volumes, name);
	} else if (mount->kind == CONTAINER_MOUNT_BIND) {
		char *real = realpath(mount->source, NULL);

		if (!real && errno == ENOENT) {
			error_set(err, ERR_NOT_FOUND,
				"statfs %s: no such file or directory: the source of a bind mount "
				"must "
				"exist",
				mount->source);
			return error_docker(err,
				"Error response from daemon: invalid mount config for type "
				"\"bind\": bind source path does not exist: %s",
				mount->source);
		}
		if (!real)
			return error_errno(err, errno, "mount source '%s'", mount->source);
		free(mount->source);
		mount->source = real;
	}
	strv_append_take(&config->mounts, container_mount_text(mount));
	return 0;
}

/* As docker does for -v, and for -v alone; a file that is there is left to be mounted. */
static int make_source(const struct container_mount *mount, struct error **err)
{
	if (mount->kind != CONTAINER_MOUNT_BIND ||
		faccessat(AT_FDCWD, mount->source, F_OK, 0) == 0 || errno != ENOENT)
		return 0;
	if (mkdir_p(mount->source, 0755, err) < 0)
		return error_wrap(err, "make the source of a mount");
	return 0;
}

/* What a program without a writable root needs all the same: podman's. */
static void add_read_only_tmpfs(const struct container_request *request, struct mount_set *set)
{
	static const char *const places[] = {"/run", "/tmp", "/var/tmp"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct container_mount mount = {.kind = CONTAINER_MOUNT_TMPFS};

		if (!request->config->read_only || !request->read_only_tmpfs ||
			mount_set_has(set, places[i]))
			continue;
		mount.destination = xstrdup(places[i]);
		strv_append(&mount.options, "rw");
		strv_append(&mount.options, "exec");
		strv_append(&mount.options, "nosuid");
		strv_append(&mount.options, "nodev");
		array_grow(set->items, set->count, set->capacity);
		set->items[set->count++] = mount;
	}
}

static int build_mounts(
	struct container_request *request, const struct image_config *image, struct error **err)
{
	__attribute__((cleanup(mount_set_clear))) struct mount_set set = {0};

	if (add_mounts(&set, request->volumes, parse_volume, "--volume", err) < 0)
		return -1;
	for (size_t i = 0; request->make_sources && i < set.count; i++)
		if (make_source(&set.items[i], err) < 0)
			return -1;
	if (add_mounts(&set, request->mounts, parse_mount, "--mount", err) < 0 ||
		add_mounts(&set, request->tmpfs, parse_tmpfs, "--tmpfs", err) < 0)
		return -1;
	/* Another container's go where nothing of one's own is. */
	for (size_t i = 0; request->mounts_from && request->mounts_from[i]; i++) {
		struct container_mount mount = {0};

		if (parse_mount(request->mounts_from[i], &mount, err) < 0)
			return error_wrap(err, "--volumes-from");
		if (mount_set_has(&set, mount.destination)) {
			container_mount_clear(&mount);
			continue;
		}
		array_grow(set.items, set.count, set.capacity);
		set.items[set.count++] = mount;
	}
	if (str_equal(request->image_volumes, "ignore"))
		image = NULL;
	/* The image's VOLUMEs become anonymous ones where nothing else is mounted. */
	for (size_t i = 0; image && image->volumes && image->volumes[i]; i++) {
		struct container_mount mount = {.kind = str_equal(request->image_volumes, "tmpfs")
								? CONTAINER_MOUNT_TMPFS
								: CONTAINER_MOUNT_VOLUME};

		if (image->volumes[i][0] != '/' || path_has_dotdot(image->volumes[i]))
			return error_set(err, ERR_INVALID,
				"the image's volume '%s' is not an absolute path",
				image->volumes[i]);
		mount.destination = path_clean(image->volumes[i]);
		if (strcmp(mount.destination, "/") == 0 || mount_set_has(&set, mount.destination)) {
			container_mount_clear(&mount);
			continue;
		}
		array_grow(set.items, set.count, set.capacity);
		set.items[set.count++] = mount;
	}
	add_read_only_tmpfs(request, &set);
	for (size_t i = 0; i < set.count; i++)
		if (resolve_mount(request->config, &set.items[i], err) < 0)
			return -1;
	return 0;
}

/* "80", "80/udp", "8000-8010/tcp" */
static int expose(struct container_config *config, const char *text, struct error **err)
{
	const char *slash = strchr(text, '/');
	cleanup_free char *range = xstrndup(text, slash ? (size_t)(slash - text) : strlen(text));
	char *dash = strchr(range, '-');
	uint64_t from, to;

	if (dash)
		*dash++ = '\0';
	if (str_to_uint64(range, 65535, &from) < 0 || from == 0 ||
		(slash && strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0) ||
		str_to_uint64(dash ? dash : range, 65535, &to) < 0 || to < from)
		return error_set(err, ERR_USAGE,
			"invalid argument \"%s\" for \"--expose\" flag: must be a port or a range "
			"of ports, with /tcp or /udp",
			text);
	for (uint64_t port = from; port <= to; port++) {
		cleanup_free char *one =
			xasprintf("%u%s", (unsigned int)port, slash ? slash : "/tcp");

		if (!config->exposed_ports || !strv_contains(config->exposed_ports, one))
			strv_append(&config->exposed_ports, one);
	}
	return 0;
}

/* The image's are passed over where they are malformed: whoever made it was not asked. */
static int build_exposed(
	struct container_request *request, const struct image_config *image, struct error **err)
{
	struct container_config *config = request->config;

	for (size_t i = 0; image && image->exposed_ports && image->exposed_ports[i]; i++) {
		cleanup_error struct error *ignored = NULL;

		(void)expose(config, image->exposed_ports[i], &ignored);
	}
	for (size_t i = 0; request->exposed_ports && request->exposed_ports[i]; i++)
		if (expose(config, request->exposed_ports[i], err) < 0)
			return -1;
	for (size_t i = 0;
		request->publish_all && config->exposed_ports && config->exposed_ports[i]; i++)
		strv_append(&config->ports, config->exposed_ports[i]);
	return 0;
}

/* Gives every port a host port now, so that it stays the same over restarts. */
static int build_ports(struct container_config *config, struct error **err)
{
	size_t count = strv_length(config->ports);
	struct network_options network = {0};
	cleanup_free char *other = NULL;
	int status = -1;

	if (network_parse(config->network_mode, &network, &other, err) < 0)
		return error_wrap(err, "--network");
	network.ports = xcalloc(count, sizeof(*network.ports));
	for (; network.port_count < count; network.port_count++)
		if (port_mapping_parse(config->ports[network.port_count],
			    &network.ports[network.port_count], err) < 0)
			goto out;
	if (count && network.mode != NETWORK_SLIRP4NETNS) {
		/* podman discards them, too */
		log_warning("Port mappings have been discarded because of network mode '%s'",
			config->network_mode);
		strv_free(steal_ptr(&config->ports));
		count = 0;
	}
	if (count == 0) {
		status = 0;
		goto out;
	}
	if (network_ports_choose(network.ports, count, err) < 0)
		goto out;
	strv_free(steal_ptr(&config->ports));
	config->ports = port_mappings_text(network.ports, count);
	status = 0;
out:
	network_options_clear(&network);
	return status;
}

static int check_words(const struct container_config *config, struct error **err)
{
	struct security_options security = {0};
	uint64_t capabilities;

	if (supervision_check(config, err) < 0)
		return -1;
	if (parse_security_options(config->security_opts, &security, err) < 0)
		return -1;
	security_options_clear(&security);
	if (parse_capabilities(config->cap_add, config->cap_drop, &capabilities, err) < 0)
		return -1;
	for (size_t i = 0; config->ulimits && config->ulimits[i]; i++) {
		struct runtime_rlimit limit;

		if (parse_ulimit(config->ulimits[i], &limit, err) < 0)
			return -1;
	}
	for (size_t i = 0; config->devices && config->devices[i]; i++) {
		struct container_device device = {0};

		if (parse_device(config->devices[i], &device, err) < 0)
			return -1;
		container_device_clear(&device);
	}
	for (size_t i = 0; config->add_hosts && config->add_hosts[i]; i++)
		if (add_host_check(config->add_hosts[i], err) < 0)
			return -1;
	if (str_equal(config->log_driver, "passthrough") && config->terminal)
		return error_set(err, ERR_USAGE,
			"the log driver 'passthrough' cannot be used with a terminal (-t)");
	for (size_t i = 0; config->log_options && config->log_options[i]; i++)
		if (parse_log_option(config->log_driver, config->log_options[i], err) < 0)
			return -1;
	if (config->working_dir && config->working_dir[0] && config->working_dir[0] != '/')
		return error_set(err, ERR_INVALID,
			"the working directory '%s' is invalid, it needs to be "
			"an absolute path",
			config->working_dir);
	return 0;
}

int container_config_build(
	struct container_request *request, const struct image *image, struct error **err)
{
	const struct image_config *from = image ? image->config : NULL;
	struct container_config *config = request->config;

	if (image) {
		config->image_id = xstrdup(image->id);
		if (image->ref_count && image->refs[0].reference)
			config->image_name = xstrdup(image->refs[0].reference);
		else
			config->image_name = xstrdup(image->id);
		config->diff_ids = strv_copy(from->diff_ids);
	}
	if (!config->user)
		config->user = xstrdup(from && from->user ? from->user : "");
	if (!config->working_dir)
		config->working_dir = xstrdup(
			from && from->working_dir && *from->working_dir ? from->working_dir : "/");
	if (!config->stop_signal) {
		int number = SIGTERM;

		if (from && from->stop_signal && *from->stop_signal &&
			signal_parse(from->stop_signal, &number, err) < 0)
			return error_wrap(err, "the image's stop signal");
		config->stop_signal = (uint32_t)number;
	}
	build_labels(config, from);
	if (build_exposed(request, from, err) < 0)
		return -1;
	if (health_config_build(&request->health, from, config, err) < 0 ||
		check_words(config, err) < 0 ||
		build_args(request, from, config->image_name ? config->image_name : "", err) < 0 ||
		build_env(request, from, err) < 0 || build_mounts(request, from, err) < 0 ||
		build_ports(config, err) < 0)
		return -1;
	return 0;
}
