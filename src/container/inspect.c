#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/cgroup.h"
#include "container/health.h"
#include "container/inspect.h"
#include "container/parse_mount.h"
#include "container/parse_security.h"
#include "container/policy.h"
#include "network/network.h"
#include "runtime/capability.h"
#include "storage/image_store.h"
#include "storage/volume.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/signals.h"
#include "util/str.h"
#include "util/timefmt.h"

/*
 * Names, types and order are podman's; where podman 4 and docker differ (StopSignal, Entrypoint) it
 * is docker's form, which podman 5 has too. What pod has no notion of (Pod, Health, ...) is there
 * with its empty value, because scripts read it.
 */

static void put_time(struct json_writer *w, const char *key, uint64_t time_ns)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	time_rfc3339(time_ns, &text);
	json_put_string(w, key, strbuf_str(&text));
}

static void put_null(struct json_writer *w, const char *key)
{
	json_write_key(w, key);
	json_write_null(w);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* "k=v" strings as an object. */
static void put_map(struct json_writer *w, const char *key, char *const *pairs)
{
	json_write_key(w, key);
	json_write_object_begin(w);
	for (; pairs && *pairs; pairs++) {
		size_t len = strcspn(*pairs, "=");
		cleanup_free char *name = xstrndup(*pairs, len);

		json_put_string(w, name, (*pairs)[len] ? *pairs + len + 1 : "");
	}
	json_write_object_end(w);
}

static void put_file(struct json_writer *w, const char *key, const char *dir, const char *name)
{
	cleanup_free char *path = path_join(dir, name);

	json_put_string(w, key, path);
}

static void put_probes(struct json_writer *w, const struct container_health *health)
{
	json_write_key(w, "Log");
	json_write_array_begin(w);
	for (size_t i = 0; i < health->probe_count; i++) {
		const struct container_health_probe *probe = &health->probes[i];

		json_write_object_begin(w);
		put_time(w, "Start", probe->start_ns);
		put_time(w, "End", probe->end_ns);
		json_put_int(w, "ExitCode", probe->exit_code);
		json_put_string(w, "Output", or_empty(probe->output));
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static int put_state(struct json_writer *w, const struct container *container, struct error **err)
{
	cleanup_container_health struct container_health health = {0};
	const struct container_status *status = &container->status;
	bool running = container_is_running(container);

	if (container_health_read(container, &health, err) < 0)
		return -1;
	json_write_key(w, "State");
	json_write_object_begin(w);
	json_put_string(w, "OciVersion", "1.0.2");
	json_put_string(w, "Status", container_state_name(status->state));
	json_put_bool(w, "Running", running);
	json_put_bool(w, "Paused", status->state == CONTAINER_PAUSED);
	json_put_bool(w, "Restarting", status->state == CONTAINER_RESTARTING);
	json_put_bool(w, "OOMKilled", status->oom_killed);
	json_put_bool(w, "Dead", false);
	json_put_int(w, "Pid", running ? status->init_pid : 0);
	json_put_int(w, "ConmonPid",
		running && status->state != CONTAINER_UNSUPERVISED ? status->monitor_pid : 0);
	json_put_int(w, "ExitCode", status->exit_code);
	json_put_string(w, "Error", or_empty(status->error));
	put_time(w, "StartedAt", status->started_ns);
	put_time(w, "FinishedAt", status->finished_ns);
	json_put_string(w, "CgroupPath", or_empty(running ? status->cgroup : NULL));
	json_write_key(w, "Health");
	json_write_object_begin(w);
	json_put_string(w, "Status", or_empty(health.status));
	json_put_uint(w, "FailingStreak", health.failing_streak);
	if (health.probe_count)
		put_probes(w, &health);
	else
		put_null(w, "Log");
	json_write_object_end(w);
	json_write_object_end(w);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int put_capabilities(
	struct json_writer *w, const struct container_config *config, struct error **err)
{
	static const char *const keys[] = {"EffectiveCaps", "BoundingCaps"};
	const char *names[65] = {NULL};
	size_t count = 0;
	uint64_t set = 0;

	if (config->privileged)
		set = (UINT64_C(2) << capability_last()) - 1;
	else if (parse_capabilities(config->cap_add, config->cap_drop, &set, err) < 0)
		return -1;
	for (unsigned int n = 0; n < 64; n++)
		if ((set >> n & 1) && capability_name(n))
			names[count++] = capability_name(n);
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_put_strv(w, keys[i], (char *const *)names);
	return 0;
}

static void put_graph_driver(struct json_writer *w, const struct store *store,
	const struct container_config *config, const char *dir)
{
	cleanup_strbuf struct strbuf lower = STRBUF_INIT;

	json_write_key(w, "GraphDriver");
	json_write_object_begin(w);
	json_put_string(w, "Name", or_empty(config->storage_driver));
	if (!config->rootfs && !str_equal(config->storage_driver, "vfs")) {
		for (size_t i = strv_length(config->diff_ids); i > 0; i--)
			if (digest_is_valid(config->diff_ids[i - 1]))
				strbuf_addf(&lower, "%s%s/layers/%s/diff", lower.len ? ":" : "",
					store->data_path, digest_hex(config->diff_ids[i - 1]));
		json_write_key(w, "Data");
		json_write_object_begin(w);
		json_put_string(w, "LowerDir", strbuf_str(&lower));
		put_file(w, "UpperDir", dir, "upper");
		put_file(w, "WorkDir", dir, "work");
		json_write_object_end(w);
	} else {
		put_null(w, "Data");
	}
	json_write_object_end(w);
}

/* The mount's options without those that inspect has members of their own for. */
static char **other_options(const struct container_mount *mount, const char **ret_propagation)
{
	static const char *const propagations[] = {"private", "rprivate", "shared", "rshared",
		"slave", "rslave", "unbindable", "runbindable", NULL};
	char **list = NULL;

	*ret_propagation = "rprivate";
	for (char **option = mount->options; option && *option; option++) {
		if (strv_contains((char *const *)propagations, *option))
			*ret_propagation = *option;
		else if (strcmp(*option, "ro") != 0 && strcmp(*option, "rw") != 0)
			strv_append(&list, *option);
	}
	return list;
}

static void put_mount(struct json_writer *w, struct store *store,
	const struct container_mount *mount, char ***binds)
{
	bool is_volume = mount->kind == CONTAINER_MOUNT_VOLUME;
	cleanup_strv char **options = NULL;
	cleanup_free char *path = NULL, *joined = NULL;
	const char *propagation;

	if (is_volume)
		path = volume_path(store, or_empty(mount->source));
	options = other_options(mount, &propagation);
	joined = options ? str_join(options, ",") : xstrdup("");
	json_write_object_begin(w);
	json_put_string(w, "Type", is_volume ? "volume" : "bind");
	if (is_volume)
		json_put_string(w, "Name", mount->source);
	json_put_string(w, "Source", is_volume ? path : mount->source);
	json_put_string(w, "Destination", mount->destination);
	json_put_string(w, "Driver", is_volume ? "local" : "");
	json_put_string(w, "Mode", "");
	json_put_strv(w, "Options", options);
	json_put_bool(w, "RW", !mount->read_only);
	json_put_string(w, "Propagation", propagation);
	json_write_object_end(w);
	strv_append_take(binds,
		xasprintf("%s:%s:%s,%s%s%s", or_empty(mount->source), mount->destination,
			mount->read_only ? "ro" : "rw", propagation, *joined ? "," : "", joined));
}

/* BINDS and TMPFS (as "path=options") are for HostConfig. */
static int put_mounts(struct json_writer *w, struct store *store,
	const struct container_config *config, char ***binds, char ***tmpfs, struct error **err)
{
	json_write_key(w, "Mounts");
	json_write_array_begin(w);
	for (char **text = config->mounts; text && *text; text++) {
		cleanup_container_mount struct container_mount mount = {0};

		if (parse_mount(*text, &mount, err) < 0)
			return -1;
		if (mount.kind == CONTAINER_MOUNT_TMPFS) {
			cleanup_free char *options =
				mount.options ? str_join(mount.options, ",") : xstrdup("");

			strv_append_take(tmpfs, xasprintf("%s=%s", mount.destination, options));
		} else {
			put_mount(w, store, &mount, binds);
		}
	}
	json_write_array_end(w);
	return 0;
}

/* Does MAPPING publish PORT? */
static bool publishes(const struct port_mapping *mapping, unsigned int port, bool udp)
{
	return mapping->udp == udp && port >= mapping->container_port &&
	       port < (unsigned int)mapping->container_port + mapping->range;
}

static void put_binding(
	struct json_writer *w, const struct port_mapping *mapping, unsigned int port)
{
	unsigned int host = mapping->host_port + port - mapping->container_port;
	cleanup_free char *number = NULL;

	if (mapping->choices)
		number = xasprintf("%u-%u", host, host + mapping->choices - 1u);
	else
		number = mapping->host_port ? xasprintf("%u", host) : xstrdup("");
	json_write_object_begin(w);
	json_put_string(w, "HostIp", or_empty(mapping->host_ip));
	json_put_string(w, "HostPort", number);
	json_write_object_end(w);
}

/* {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}, ranges port by port. */
static int put_ports(struct json_writer *w, const char *key, char *const *texts, struct error **err)
{
	size_t count = strv_length(texts);
	struct port_mapping *ports = xcalloc(count + 1, sizeof(*ports));
	int status = 0;

	for (size_t i = 0; i < count && status == 0; i++)
		status = port_mapping_parse(texts[i], &ports[i], err);
	json_write_key(w, key);
	json_write_object_begin(w);
	for (size_t i = 0; i < count && status == 0; i++) {
		for (unsigned int n = 0; n < ports[i].range; n++) {
			unsigned int port = ports[i].container_port + n;
			cleanup_free char *name =
				xasprintf("%u/%s", port, ports[i].udp ? "udp" : "tcp");
			bool written = false;

			for (size_t j = 0; j < i; j++)
				written = written || publishes(&ports[j], port, ports[i].udp);
			if (written)
				continue;
			json_write_key(w, name);
			json_write_array_begin(w);
			for (size_t j = i; j < count; j++)
				if (publishes(&ports[j], port, ports[i].udp))
					put_binding(w, &ports[j], port);
			json_write_array_end(w);
		}
	}
	json_write_object_end(w);
	for (size_t i = 0; i < count; i++)
		port_mapping_clear(&ports[i]);
	free(ports);
	return status;
}

static int put_network(struct json_writer *w, const struct container *container, struct error **err)
{
	bool slirp = str_starts_with(container->config->network_mode, "slirp4netns") &&
		     container_is_running(container);
	char *const *ports =
		container->status.ports ? container->status.ports : container->config->ports;

	json_write_key(w, "NetworkSettings");
	json_write_object_begin(w);
	json_put_string(w, "EndpointID", "");
	json_put_string(w, "Gateway", slirp ? NETWORK_SLIRP_GATEWAY : "");
	json_put_string(w, "IPAddress", slirp ? NETWORK_SLIRP_ADDRESS : "");
	json_put_int(w, "IPPrefixLen", slirp ? 24 : 0);
	json_put_string(w, "IPv6Gateway", "");
	json_put_string(w, "GlobalIPv6Address", "");
	json_put_int(w, "GlobalIPv6PrefixLen", 0);
	json_put_string(w, "MacAddress", "");
	json_put_string(w, "Bridge", "");
	json_put_string(w, "SandboxID", "");
	json_put_bool(w, "HairpinMode", false);
	json_put_string(w, "LinkLocalIPv6Address", "");
	json_put_int(w, "LinkLocalIPv6PrefixLen", 0);
	if (put_ports(w, "Ports", ports, err) < 0)
		return -1;
	json_put_string(w, "SandboxKey", "");
	json_write_object_end(w);
	return 0;
}

/* docker's form: nanoseconds, and no member that is zero. */
static void put_healthcheck(struct json_writer *w, const struct container_config *config)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"StartPeriod", config->health_start_period_ns},
		{"Interval", config->health_interval_ns},
		{"Timeout", config->health_timeout_ns},
		{"StartInterval",
			config->health_start_period_ns ? config->health_start_interval_ns : 0},
		{"Retries", config->health_retries},
	};

	json_write_key(w, "Healthcheck");
	json_write_object_begin(w);
	json_put_strv(w, "Test", config->health_test);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i].value)
			json_put_uint(w, numbers[i].name, numbers[i].value);
	json_write_object_end(w);
}

/* podman's, in the same form. */
static void put_startup_healthcheck(struct json_writer *w, const struct container_config *config)
{
	json_write_key(w, "StartupHealthCheck");
	json_write_object_begin(w);
	json_put_strv(w, "Test", config->health_startup_test);
	json_put_uint(w, "Interval", config->health_startup_interval_ns);
	json_put_uint(w, "Timeout", config->health_startup_timeout_ns);
	if (config->health_startup_retries)
		json_put_uint(w, "Retries", config->health_startup_retries);
	if (config->health_startup_success)
		json_put_uint(w, "Successes", config->health_startup_success);
	json_write_object_end(w);
}

/* {"80/tcp": {}}; left out when there is none, as docker and podman 5 do. */
static void put_exposed(struct json_writer *w, char *const *ports)
{
	if (!ports)
		return;
	json_write_key(w, "ExposedPorts");
	json_write_object_begin(w);
	for (; *ports; ports++) {
		json_write_key(w, *ports);
		json_write_object_begin(w);
		json_write_object_end(w);
	}
	json_write_object_end(w);
}

static void put_config(struct json_writer *w, const struct container_config *config)
{
	cleanup_free char *hostname =
		config->hostname ? xstrdup(config->hostname) : xstrndup(config->id, 12);
	cleanup_free char *signal = NULL;
	const char *name = signal_name((int)config->stop_signal);

	signal = name ? xstrdup(name) : xasprintf("%u", config->stop_signal);
	json_write_key(w, "Config");
	json_write_object_begin(w);
	json_put_string(w, "Hostname", hostname);
	json_put_string(w, "Domainname", or_empty(config->domainname));
	json_put_string(w, "User", or_empty(config->user));
	json_put_bool(w, "AttachStdin", false);
	json_put_bool(w, "AttachStdout", false);
	json_put_bool(w, "AttachStderr", false);
	put_exposed(w, config->exposed_ports);
	json_put_bool(w, "Tty", config->terminal);
	json_put_bool(w, "OpenStdin", config->stdin_open);
	json_put_bool(w, "StdinOnce", false);
	json_put_strv(w, "Env", config->env);
	json_write_key(w, "Cmd");
	if (config->command)
		json_write_strv(w, config->command);
	else
		json_write_null(w);
	json_put_string(w, "Image", or_empty(config->image_name));
	put_null(w, "Volumes");
	json_put_string(w, "WorkingDir", or_empty(config->working_dir));
	json_write_key(w, "Entrypoint");
	if (config->entrypoint)
		json_write_strv(w, config->entrypoint);
	else
		json_write_null(w);
	put_null(w, "OnBuild");
	put_map(w, "Labels", config->labels);
	put_map(w, "Annotations", config->annotations);
	json_put_string(w, "StopSignal", signal);
	if (config->health_test)
		put_healthcheck(w, config);
	if (health_is_checked(config) && health_has_startup(config))
		put_startup_healthcheck(w, config);
	json_put_string(w, "HealthcheckOnFailureAction",
		config->health_on_failure ? config->health_on_failure : "none");
	json_put_strv(w, "CreateCommand", config->create_command);
	json_put_string(w, "Umask", config->umask ? config->umask : "0022");
	json_put_uint(w, "Timeout", config->timeout_s);
	json_put_uint(w, "StopTimeout", config->stop_timeout_s);
	json_write_object_end(w);
}

static int put_ulimits(struct json_writer *w, char *const *texts, struct error **err)
{
	json_write_key(w, "Ulimits");
	json_write_array_begin(w);
	for (; texts && *texts; texts++) {
		struct runtime_rlimit limit;
		cleanup_free char *name = xstrndup(*texts, strcspn(*texts, "="));
		cleanup_free char *full = NULL;

		if (parse_ulimit(*texts, &limit, err) < 0)
			return -1;
		for (char *p = name; *p; p++)
			if (*p >= 'a' && *p <= 'z')
				*p = (char)(*p - 'a' + 'A');
		full = xasprintf("RLIMIT_%s", name);
		json_write_object_begin(w);
		json_put_string(w, "Name", full);
		json_put_int(w, "Soft", (int64_t)limit.soft);
		json_put_int(w, "Hard", (int64_t)limit.hard);
		json_write_object_end(w);
	}
	json_write_array_end(w);
	return 0;
}

static int put_devices(struct json_writer *w, char *const *texts, struct error **err)
{
	json_write_key(w, "Devices");
	json_write_array_begin(w);
	for (; texts && *texts; texts++) {
		struct container_device device = {0};

		if (parse_device(*texts, &device, err) < 0)
			return -1;
		json_write_object_begin(w);
		json_put_string(w, "PathOnHost", device.source);
		json_put_string(w, "PathInContainer", device.destination);
		json_put_string(w, "CgroupPermissions", or_empty(device.permissions));
		json_write_object_end(w);
		container_device_clear(&device);
	}
	json_write_array_end(w);
	return 0;
}

/* "private" is podman's word for a namespace of the container's own. */
static void put_mode(struct json_writer *w, const char *key, const char *mode)
{
	json_put_string(w, key, mode && *mode ? mode : "private");
}

/* docker's names for what linux.resources has. */
static int put_limits(
	struct json_writer *w, const struct container_config *config, struct error **err)
{
	static const char *const zeroes[] = {"CpuRealtimePeriod", "CpuRealtimeRuntime", "DiskQuota",
		"KernelMemory", "MemorySwappiness", "CpuCount", "CpuPercent", "IOMaximumIOps",
		"IOMaximumBandwidth"};
	cleanup_cgroup_resources struct cgroup_resources *r = NULL;
	int64_t score = 0;

	if (config->resources && cgroup_resources_parse_text(config->resources,
					 strlen(config->resources), "resources", &r, err) < 0)
		return -1;
	if (!r)
		r = xcalloc(1, sizeof(*r));
	if (config->oom_score_adj)
		(void)str_to_int64(config->oom_score_adj, -1000, 1000, &score); /* was checked */
	json_put_uint(w, "CpuShares", r->cpu_shares);
	json_put_uint(w, "CpuPeriod", r->cpu_period);
	json_put_int(w, "CpuQuota", r->cpu_quota);
	json_put_int(w, "NanoCpus",
		r->cpu_period && r->cpu_quota > 0
			? r->cpu_quota * (1000000000 / (int64_t)r->cpu_period)
			: 0);
	json_put_string(w, "CpusetCpus", or_empty(r->cpuset_cpus));
	json_put_string(w, "CpusetMems", or_empty(r->cpuset_mems));
	json_put_int(w, "Memory", r->memory_limit);
	json_put_int(w, "MemoryReservation", r->memory_reservation);
	json_put_int(w, "MemorySwap", r->memory_swap);
	json_put_int(w, "PidsLimit", r->given & CGROUP_PIDS_LIMIT ? r->pids_limit : 2048);
	json_put_uint(w, "BlkioWeight", r->io_weight);
	json_put_int(w, "OomScoreAdj", score);
	for (size_t i = 0; i < ARRAY_SIZE(zeroes); i++)
		json_put_int(w, zeroes[i], 0);
	return 0;
}

static int put_host_config(struct json_writer *w, const struct container_config *config,
	const char *dir, char *const *binds, char *const *tmpfs, struct error **err)
{
	struct restart_policy restart;

	if (restart_policy_parse(config->restart_policy, &restart, err) < 0)
		return -1;
	json_write_key(w, "HostConfig");
	json_write_object_begin(w);
	json_put_strv(w, "Binds", binds);
	json_put_string(w, "CgroupManager",
		config->cgroup_manager
			? config->cgroup_manager
			: cgroup_manager_name(cgroup_manager_choose(CGROUP_MANAGER_AUTO)));
	put_mode(w, "CgroupMode", config->cgroupns_mode);
	json_put_string(w, "ContainerIDFile", or_empty(config->cid_file));
	json_write_key(w, "LogConfig");
	json_write_object_begin(w);
	json_put_string(w, "Type", or_empty(config->log_driver));
	put_map(w, "Config", config->log_options);
	put_file(w, "Path", dir, "log");
	json_put_string(w, "Tag", "");
	json_put_string(w, "Size", "0B");
	json_write_object_end(w);
	json_put_string(w, "NetworkMode", or_empty(config->network_mode));
	if (put_ports(w, "PortBindings", config->ports, err) < 0)
		return -1;
	json_write_key(w, "RestartPolicy");
	json_write_object_begin(w);
	json_put_string(w, "Name", config->restart_policy ? restart_policy_name(restart.kind) : "");
	json_put_uint(w, "MaximumRetryCount", restart.max_retries);
	json_write_object_end(w);
	json_put_bool(w, "AutoRemove", config->remove);
	json_put_string(w, "VolumeDriver", "");
	put_null(w, "VolumesFrom");
	json_put_strv(w, "CapAdd", config->cap_add);
	json_put_strv(w, "CapDrop", config->cap_drop);
	json_put_strv(w, "Dns", config->dns_servers);
	json_put_strv(w, "DnsOptions", config->dns_options);
	json_put_strv(w, "DnsSearch", config->dns_searches);
	json_put_strv(w, "ExtraHosts", config->add_hosts);
	json_put_strv(w, "GroupAdd", config->groups);
	put_mode(w, "IpcMode", config->ipc_mode);
	json_put_string(w, "Cgroup", "");
	json_put_string(w, "Cgroups", config->cgroups_mode ? config->cgroups_mode : "default");
	put_null(w, "Links");
	put_mode(w, "PidMode", config->pid_mode);
	json_put_bool(w, "Privileged", config->privileged);
	json_put_bool(w, "PublishAllPorts", false);
	json_put_bool(w, "ReadonlyRootfs", config->read_only);
	json_put_strv(w, "SecurityOpt", config->security_opts);
	put_map(w, "Tmpfs", tmpfs);
	if (config->sysctls)
		put_map(w, "Sysctls", config->sysctls);
	put_mode(w, "UTSMode", config->uts_mode);
	json_put_string(
		w, "UsernsMode", config->uid_map ? "private" : or_empty(config->userns_mode));
	if (config->uid_map) {
		json_write_key(w, "IDMappings");
		json_write_object_begin(w);
		json_put_strv(w, "UidMap", config->uid_map);
		json_put_strv(w, "GidMap", config->gid_map);
		json_write_object_end(w);
	}
	json_put_uint(w, "ShmSize", config->shm_size_bytes);
	json_put_string(w, "Runtime", "pod");
	json_put_bool(w, "Init", config->init);
	json_write_key(w, "ConsoleSize");
	json_write_array_begin(w);
	json_write_int(w, 0);
	json_write_int(w, 0);
	json_write_array_end(w);
	json_put_string(w, "Isolation", "");
	json_put_string(w, "CgroupParent", or_empty(config->cgroup_parent));
	json_put_bool(w, "OomKillDisable", false);
	if (put_devices(w, config->devices, err) < 0 || put_ulimits(w, config->ulimits, err) < 0)
		return -1;
	if (put_limits(w, config, err) < 0)
		return -1;
	json_write_object_end(w);
	return 0;
}

/* The manifest's digest, as long as the image is there. */
static void put_image_digest(
	struct json_writer *w, struct store *store, const struct container_config *config)
{
	cleanup_image struct image *image = NULL;
	cleanup_error struct error *ignored = NULL;
	const char *digest = "";

	if (config->image_id && image_lookup_id(store, config->image_id, &image, &ignored) == 0 &&
		image->ref_count)
		digest = image->refs[0].manifest_digest;
	json_put_string(w, "ImageDigest", or_empty(digest));
}

int container_inspect(struct store *store, const struct container *container, struct json_writer *w,
	struct error **err)
{
	const struct container_config *config = container->config;
	cleanup_free char *dir = xasprintf("%s/containers/%s", store->data_path, config->id);
	cleanup_strv char **binds = NULL, **tmpfs = NULL;

	json_write_object_begin(w);
	json_put_string(w, "Id", config->id);
	put_time(w, "Created", config->created_ns);
	json_put_string(w, "Path", config->args && config->args[0] ? config->args[0] : "");
	json_put_strv(w, "Args", config->args && config->args[0] ? config->args + 1 : NULL);
	if (put_state(w, container, err) < 0)
		return -1;
	json_put_string(w, "Image", or_empty(config->image_id));
	put_image_digest(w, store, config);
	json_put_string(w, "ImageName", or_empty(config->image_name));
	json_put_string(w, "Rootfs", or_empty(config->rootfs));
	json_put_string(w, "Pod", "");
	put_file(w, "ResolvConfPath", dir, "resolv.conf");
	put_file(w, "HostnamePath", dir, "hostname");
	put_file(w, "HostsPath", dir, "hosts");
	put_file(w, "LogPath", dir, "log");
	json_put_string(w, "StaticDir", dir);
	put_file(w, "OCIConfigPath", dir, "config.json");
	json_put_string(w, "OCIRuntime", "pod");
	json_put_string(w, "ConmonPidFile", or_empty(config->conmon_pidfile));
	json_put_string(w, "PidFile", or_empty(config->pid_file));
	json_put_string(w, "Name", config->name);
	json_put_uint(w, "RestartCount", container->status.restart_count);
	json_put_string(w, "Driver", or_empty(config->storage_driver));
	json_put_string(w, "Platform", "linux");
	json_put_string(w, "MountLabel", "");
	json_put_string(w, "ProcessLabel", "");
	json_put_string(
		w, "AppArmorProfile", or_empty(security_options_apparmor(config->security_opts)));
	if (put_capabilities(w, config, err) < 0)
		return -1;
	json_put_strv(w, "ExecIDs", NULL);
	put_graph_driver(w, store, config, dir);
	if (put_mounts(w, store, config, &binds, &tmpfs, err) < 0)
		return -1;
	json_put_strv(w, "Dependencies", NULL);
	if (put_network(w, container, err) < 0)
		return -1;
	json_put_string(w, "Namespace", "");
	json_put_bool(w, "IsInfra", false);
	json_put_bool(w, "IsService", false);
	put_config(w, config);
	if (put_host_config(w, config, dir, binds, tmpfs, err) < 0)
		return -1;
	json_write_object_end(w);
	return 0;
}
