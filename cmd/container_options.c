#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cmd/container_options.h"
#include "cmd/docker.h"
#include "cmd/health_rows.h"
#include "cmd/limit_rows.h"
#include "cmd/progress.h"
#include "container/build.h"
#include "container/idmaps.h"
#include "container/parse_env.h"
#include "container/parse_mount.h"
#include "network/network.h"
#include "storage/overlay.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/signals.h"
#include "util/str.h"

static const char *const cgroups_modes[] = {"disabled", "enabled", "no-conmon", "split", NULL};
static const char *const cgroupns_modes[] = {"host", "private", NULL};
static const char *const log_drivers[] = {
	"k8s-file", "json-file", "journald", "none", "passthrough", NULL};
static const char *const pull_policies[] = {"always", "missing", "never", "newer", NULL};
static const char *const restart_policies[] = {
	"no", "on-failure", "on-failure:", "always", "unless-stopped", NULL};
static const char *const sdnotify_modes[] = {"container", "conmon", "healthy", "ignore", NULL};
static const char *const image_volume_modes[] = {"anonymous", "bind", "ignore", "tmpfs", NULL};
static const char *const streams[] = {"stdin", "stdout", "stderr", NULL};
static const char *const namespace_modes[] = {"host", "private", "container:", NULL};

#define T struct container_options
/* Sorted by name, as the help shows them. */
#define SHARED_A                                                                                   \
	OPTION_STRV("add-host", 0, T, add_hosts, "HOST:IP",                                        \
		"Add a line to /etc/hosts; 'host-gateway' stands for the host's address"),         \
		OPTION_STRV("annotation", 0, T, annotations, "KEY=VALUE", "Add an annotation"),    \
		OPTION_STRING("arch", 0, T, pull_flags.architecture, "ARCH",                       \
			"Pull the image for this architecture"),                                   \
		OPTION_STRING("authfile", 0, T, pull_flags.authfile, "PATH",                       \
			"Credentials for a pull", .complete = COMPLETE_FILE),                      \
		LIMITS_BLKIO(T, limits),                                                           \
		OPTION_LIST("cap-add", 0, T, cap_add, "CAPABILITY", "Add a capability"),           \
		OPTION_LIST("cap-drop", 0, T, cap_drop, "CAPABILITY", "Drop a capability"),        \
		OPTION_STRV("cgroup-conf", 0, T, limits.cgroup_conf, "FILE=VALUE",                 \
			"Write VALUE to a file of the control group, as memory.high"),             \
		OPTION_STRING("cgroup-parent", 0, T, cgroup_parent, "PATH",                        \
			"Make the control group below this one, or in this slice"),                \
		OPTION_STRING("cgroupns", 0, T, cgroupns, "MODE", "Cgroup namespace",              \
			.default_text = "private", .words = cgroupns_modes),                       \
		OPTION_STRING("cgroups", 0, T, cgroups, "MODE",                                    \
			"Control group: enabled, disabled (none), split (below our own)",          \
			.default_text = "enabled", .words = cgroups_modes),                        \
		OPTION_STRING("cidfile", 0, T, cid_file, "FILE",                                   \
			"Write the container's id to FILE", .complete = COMPLETE_FILE),            \
		OPTION_STRING("conmon-pidfile", 0, T, conmon_pidfile, "FILE",                      \
			"Write the process id of the container's monitor to FILE",                 \
			.complete = COMPLETE_FILE),                                                \
		LIMITS_CPU(T, limits)
#define SHARED_B                                                                                   \
	OPTION_STRV("device", 0, T, devices, "HOST[:CONTAINER][:PERMISSIONS]",                     \
		"Give the container a device of the host"),                                        \
		LIMITS_DEVICE(T, limits),                                                          \
		OPTION_STRV("dns", 0, T, dns_servers, "ADDRESS", "Use this name server"),          \
		OPTION_STRV("dns-option", 0, T, dns_options, "OPTION", "Set a resolver option"),   \
		OPTION_STRV("dns-search", 0, T, dns_searches, "DOMAIN", "Set a search domain"),    \
		OPTION_STRING("domainname", 0, T, domainname, "NAME",                              \
			"Set the container's NIS domain name"),                                    \
		OPTION_STRING("entrypoint", 0, T, entrypoint, "COMMAND",                           \
			"Run COMMAND (a string, or a JSON array) instead of the image's "          \
			"entrypoint",                                                              \
			.given_offset = OPTION_GIVEN(T, entrypoint_given)),                        \
		OPTION_STRV("env", 'e', T, env, "NAME[=VALUE]", "Set an environment variable"),    \
		OPTION_STRV("env-file", 0, T, env_files, "FILE",                                   \
			"Read environment variables from FILE", .complete = COMPLETE_FILE),        \
		OPTION_BOOL("env-host", 0, T, env_host, "Hand on the whole environment of pod"),   \
		OPTION_STRV("env-merge", 0, T, env_merge, "NAME=VALUE",                            \
			"Set a variable from those of the image's: PATH=${PATH}:/opt/bin"),        \
		OPTION_STRV("expose", 0, T, exposed_ports, "PORT[-PORT][/PROTOCOL]",               \
			"Add a port to those that the image exposes"),                             \
		OPTION_STRV("gidmap", 0, T, gid_maps, "ID:FROM:COUNT",                             \
			"Ids of the container's groups; alone it counts for users too"),           \
		OPTION_STRV("group-add", 0, T, groups, "GROUP", "Add a supplementary group"),      \
		OPTION_STRING("group-entry", 0, T, group_entry, "ENTRY",                           \
			"Line for the process's group in /etc/group, where it has none"),          \
		HEALTH_ROWS(T, health),                                                            \
		OPTION_STRING(                                                                     \
			"hostname", 'h', T, hostname, "NAME", "Set the container's host name"),    \
		OPTION_STRV("hostuser", 0, T, host_users, "NAME",                                  \
			"Add a user of the host to /etc/passwd"),                                  \
		OPTION_BOOL("http-proxy", 0, T, http_proxy,                                        \
			"Hand on the variables that name proxies", .default_text = "true"),        \
		OPTION_STRING("image-volume", 0, T, image_volumes, "MODE",                         \
			"What the image's volumes become: anonymous volumes (also: bind), tmpfs, " \
			"or nothing (ignore)",                                                     \
			.default_text = "anonymous", .words = image_volume_modes),                 \
		OPTION_BOOL("init", 0, T, init,                                                    \
			"Run an init that forwards signals and reaps processes"),                  \
		OPTION_BOOL("interactive", 'i', T, interactive, "Keep standard input open"),       \
		OPTION_STRING(                                                                     \
			"ipc", 0, T, ipc, "MODE", "IPC namespace", .words = namespace_modes),      \
		OPTION_STRV("label", 'l', T, labels, "KEY=VALUE", "Set a label"),                  \
		OPTION_STRV("label-file", 0, T, label_files, "FILE", "Read labels from FILE",      \
			.complete = COMPLETE_FILE),                                                \
		OPTION_STRING("log-driver", 0, T, log_driver, "DRIVER", "Where output is kept",    \
			.default_text = "k8s-file", .words = log_drivers),                         \
		OPTION_STRV("log-opt", 0, T, log_options, "KEY=VALUE",                             \
			"Option of the log driver: max-size, max-file; of journald: tag"),         \
		LIMITS_MEMORY(T, limits),                                                          \
		OPTION_STRV("mount", 0, T, mounts, "SPEC",                                         \
			"Mount: type=bind|volume|tmpfs,source=...,destination=...[,option...]"),   \
		OPTION_STRING("name", 0, T, name, "NAME", "Name of the container"),                \
		OPTION_STRING("network", 0, T, network, "MODE", "Network of the container",        \
			.default_text = "slirp4netns"),                                            \
		OPTION_STRING(                                                                     \
			"net", 0, T, network, "MODE", "Network of the container", .hidden = true), \
		OPTION_BOOL("no-healthcheck", 0, T, health.none,                                   \
			"Do not check health, whatever the image says"),                           \
		OPTION_BOOL("no-hosts", 0, T, no_hosts, "Leave /etc/hosts as the image has it"),   \
		OPTION_BOOL("oom-kill-disable", 0, T, limits.oom_kill_disable,                     \
			"Not available: cgroup v2 has no such switch", .hidden = true),            \
		OPTION_STRING("oom-score-adj", 0, T, oom_score_adj, "NUMBER",                      \
			"How readily the kernel ends it when memory is out (-1000 to 1000)"),      \
		OPTION_BOOL("passwd", 0, T, passwd,                                                \
			"Add the process's user to /etc/passwd and /etc/group",                    \
			.default_text = "true"),                                                   \
		OPTION_STRING("passwd-entry", 0, T, passwd_entry, "ENTRY",                         \
			"Line for the process's user in /etc/passwd, where it has none"),          \
		OPTION_STRING(                                                                     \
			"pid", 0, T, pid, "MODE", "PID namespace", .words = namespace_modes),      \
		OPTION_STRING("pidfile", 0, T, pid_file, "FILE",                                   \
			"Write the init process's id to FILE", .complete = COMPLETE_FILE),         \
		LIMITS_PIDS(T, limits),                                                            \
		OPTION_STRING("os", 0, T, pull_flags.os, "OS", "Pull the image for this OS"),      \
		OPTION_STRING("platform", 0, T, pull_flags.platform, "OS/ARCH[/VARIANT]",          \
			"Pull the image for this platform"),                                       \
		OPTION_BOOL("privileged", 0, T, privileged,                                        \
			"Give the container all the rights you have"),                             \
		OPTION_STRV("publish", 'p', T, ports, "[[IP:][PORT]:]PORT[/PROTOCOL]",             \
			"Publish a port of the container on the host"),                            \
		OPTION_BOOL("publish-all", 'P', T, publish_all,                                    \
			"Publish the image's exposed ports on random ports"),                      \
		OPTION_STRING("pull", 0, T, pull, "POLICY", "When to pull the image",              \
			.default_text = "missing", .words = pull_policies),                        \
		OPTION_BOOL("quiet", 'q', T, quiet, "Show no progress while pulling"),             \
		OPTION_BOOL("read-only", 0, T, read_only, "Make the root file system read-only"),  \
		OPTION_BOOL("read-only-tmpfs", 0, T, read_only_tmpfs,                              \
			"With --read-only: mount a tmpfs on /run, /tmp and /var/tmp",              \
			.default_text = "true"),                                                   \
		OPTION_BOOL(                                                                       \
			"replace", 0, T, replace, "Remove a container of the same name first"),    \
		OPTION_STRING("restart", 0, T, restart_policy, "POLICY",                           \
			"Start the container again when it ends: on-failure[:N], always, "         \
			"unless-stopped",                                                          \
			.default_text = "no", .words = restart_policies),                          \
		OPTION_BOOL("rm", 0, T, remove, "Remove the container when it ends"),              \
		OPTION_BOOL("rootfs", 0, T, rootfs, "The operand is a directory, not an image"),   \
		OPTION_STRING("sdnotify", 0, T, sdnotify, "MODE",                                  \
			"Who tells the service manager that it is ready: container, conmon (at "   \
			"once), healthy, ignore",                                                  \
			.default_text = "container", .words = sdnotify_modes),                     \
		OPTION_STRV("security-opt", 0, T, security_opts, "OPTION",                         \
			"no-new-privileges, seccomp=unconfined|FILE, mask=, unmask= ..."),         \
		OPTION_SIZE("shm-size", 0, T, shm_size_bytes, "SIZE", "Size of /dev/shm",          \
			.default_text = "65536k")
#define SHARED_C                                                                                   \
	OPTION_STRING(                                                                             \
		"stop-signal", 0, T, stop_signal, "SIGNAL", "Signal that stops the container"),    \
		OPTION_UINT32("stop-timeout", 0, T, stop_timeout_s, "SECONDS",                     \
			"Seconds from the stop signal to SIGKILL", .default_text = "10"),          \
		OPTION_STRING("subgidname", 0, T, subgid_name, "NAME",                             \
			"Groups of the container are those of NAME in /etc/subgid"),               \
		OPTION_STRING("subuidname", 0, T, subuid_name, "NAME",                             \
			"Users of the container are those of NAME in /etc/subuid"),                \
		OPTION_STRV("sysctl", 0, T, sysctls, "NAME=VALUE",                                 \
			"Set a kernel parameter of the container's namespaces"),                   \
		OPTION_UINT32("timeout", 0, T, timeout_s, "SECONDS",                               \
			"Kill the container when it has run for so long; 0: never",                \
			.default_text = "0"),                                                      \
		OPTION_BOOL("tls-verify", 0, T, pull_flags.tls_verify,                             \
			"Require HTTPS with a valid certificate", .default_text = "true",          \
			.given_offset = OPTION_GIVEN(T, pull_flags.tls_verify_given)),             \
		OPTION_STRV("tmpfs", 0, T, tmpfs, "PATH[:OPTIONS]", "Mount a tmpfs"),              \
		OPTION_BOOL("tty", 't', T, terminal, "Give the container a terminal"),             \
		OPTION_STRING("tz", 0, T, time_zone, "ZONE",                                       \
			"Time zone of the container, as Europe/Berlin, or local"),                 \
		OPTION_STRV("uidmap", 0, T, uid_maps, "ID:FROM:COUNT",                             \
			"Ids of the container's users: FROM 0 is you, 1.. your subordinate ids"),  \
		OPTION_STRV("ulimit", 0, T, ulimits, "NAME=SOFT[:HARD]", "Set a resource limit"),  \
		OPTION_STRING("umask", 0, T, umask, "MODE", "Umask of the container's processes",  \
			.default_text = "0022"),                                                   \
		OPTION_STRV("unsetenv", 0, T, unset_env, "NAME",                                   \
			"Leave out a variable of the image's or a default one"),                   \
		OPTION_BOOL("unsetenv-all", 0, T, unset_env_all,                                   \
			"Leave out all variables of the image's and default ones"),                \
		OPTION_STRING("user", 'u', T, user, "USER[:GROUP]", "Run as this user"),           \
		OPTION_STRING("userns", 0, T, userns, "MODE",                                      \
			"User namespace: host, keep-id[:uid=N,gid=N], nomap, auto[:size=N]"),      \
		OPTION_STRING(                                                                     \
			"uts", 0, T, uts, "MODE", "UTS namespace", .words = namespace_modes),      \
		OPTION_STRING("variant", 0, T, pull_flags.variant, "VARIANT",                      \
			"Pull the image for this variant of the architecture"),                    \
		OPTION_STRV("volume", 'v', T, volumes, "[SOURCE:]PATH[:OPTIONS]",                  \
			"Mount a directory of the host or a volume"),                              \
		OPTION_STRV("volumes-from", 0, T, volumes_from, "CONTAINER[:ro|rw]",               \
			"Mount what another container has mounted"),                               \
		OPTION_STRING(                                                                     \
			"workdir", 'w', T, workdir, "PATH", "Working directory in the container"), \
		OPTION_END

const struct option_spec container_options_create[] = {SHARED_A, SHARED_B, SHARED_C};

const struct option_spec container_options_run[] = {SHARED_A,
	OPTION_STRV("attach", 'a', T, attach, "STREAM", "Attach to this stream alone",
		.words = streams),
	OPTION_BOOL("detach", 'd', T, detach, "Run in the background and print the id"),
	OPTION_STRING("detach-keys", 0, T, detach_keys, "KEYS",
		"Keys that detach from the container", .default_text = "ctrl-p,ctrl-q"),
	SHARED_B,
	OPTION_BOOL("rmi", 0, T, remove_image,
		"Remove the image when the container has ended, unless another uses it; implies "
		"--rm"),
	OPTION_BOOL("sig-proxy", 0, T, sig_proxy, "Pass signals on to the container",
		.default_text = "true"),
	SHARED_C};
#undef T

void container_options_clear(struct container_options *opts)
{
	char **const *const strvs[] = {&opts->env, &opts->env_files, &opts->volumes, &opts->mounts,
		&opts->tmpfs, &opts->ports, &opts->cap_add, &opts->cap_drop, &opts->security_opts,
		&opts->labels, &opts->label_files, &opts->annotations, &opts->ulimits,
		&opts->dns_servers, &opts->dns_searches, &opts->dns_options, &opts->add_hosts,
		&opts->host_users, &opts->env_merge, &opts->devices, &opts->groups,
		&opts->log_options, &opts->exposed_ports, &opts->sysctls, &opts->unset_env,
		&opts->volumes_from, &opts->attach, &opts->uid_maps, &opts->gid_maps};

	for (size_t i = 0; i < ARRAY_SIZE(strvs); i++)
		strv_free(*strvs[i]);
	pull_flags_clear(&opts->pull_flags);
	limit_options_clear(&opts->limits);
}

/* What of OPTS is about the container's control group. */
static int fill_limits(const struct command_context *ctx, const struct container_options *opts,
	struct container_config *config, struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *limits = NULL;
	enum cgroup_manager manager;
	int64_t score;

	if (ctx->cgroup_manager && cgroup_manager_parse(ctx->cgroup_manager, &manager, err) < 0)
		return -1;
	if (parse_limits(&opts->limits, &limits, err) < 0)
		return -1;
	if (opts->oom_score_adj && str_to_int64(opts->oom_score_adj, -1000, 1000, &score) < 0)
		return error_set(err, ERR_USAGE,
			"invalid argument \"%s\" for \"--oom-score-adj\" flag: must be between "
			"-1000 and 1000",
			opts->oom_score_adj);
	if (str_equal(opts->cgroups, "disabled") && limits)
		return error_set(err, ERR_USAGE,
			"--cgroups=disabled leaves nothing to limit: leave out one or the other");
	if (str_equal(opts->cgroups, "split") && opts->cgroup_parent)
		return error_set(
			err, ERR_USAGE, "--cgroups=split and --cgroup-parent exclude each other");
	if (limits)
		config->resources = cgroup_resources_text(limits);
	config->cgroup_manager = xstrdup_null(ctx->cgroup_manager);
	config->cgroup_parent = xstrdup_null(opts->cgroup_parent);
	if (opts->cgroups && !str_equal(opts->cgroups, "enabled"))
		config->cgroups_mode = xstrdup(opts->cgroups);
	config->cgroupns_mode = str_equal(opts->cgroupns, "host") ? xstrdup(opts->cgroupns) : NULL;
	config->oom_score_adj = xstrdup_null(opts->oom_score_adj);
	return 0;
}

/* "host", "private", "" or "container:NAME" with the name looked up. */
static int namespace_mode(
	struct store *store, const char *option, const char *text, char **ret, struct error **err)
{
	const char *name;
	char id[65];

	if (!text || !*text || str_equal(text, "private")) {
		*ret = NULL;
	} else if (str_equal(text, "host")) {
		*ret = xstrdup(text);
	} else if ((name = str_starts_with(text, "container:"))) {
		if (container_find_id(store, name, id, err) < 0)
			return error_wrap(err, "--%s", option);
		*ret = xasprintf("container:%s", id);
	} else {
		return error_set(err, ERR_USAGE,
			"unsupported value '%s' for --%s: use host, private or container:NAME",
			text, option);
	}
	return 0;
}

static int entrypoint_parse(const char *text, char ***ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	struct json root, list = {0};
	size_t count;

	if (text[0] != '[') {
		if (*text)
			strv_append(ret, text);
		return 0;
	}
	if (json_parse(text, strlen(text), "--entrypoint", &doc, &root, err) < 0 ||
		json_array(&root, 4096, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const char *word;

		list = json_at(&root, i);
		if (json_string(&list, &word, err) < 0)
			return -1;
		strv_append(ret, word);
	}
	return 0;
}

/* NAME=VALUE, an octal mode, a zone of the host's. */
static int fill_details(
	struct container_options *opts, struct container_config *config, struct error **err)
{
	char *end;

	for (size_t i = 0; opts->sysctls && opts->sysctls[i]; i++)
		if (!strchr(opts->sysctls[i], '=') || opts->sysctls[i][0] == '=')
			return error_set(err, ERR_USAGE,
				"invalid argument \"%s\" for \"--sysctl\" flag: must be NAME=VALUE",
				opts->sysctls[i]);
	config->sysctls = strv_copy(opts->sysctls);
	if (opts->umask &&
		(!*opts->umask || strlen(opts->umask) > 4 || (strtoul(opts->umask, &end, 8), *end)))
		return error_set(err, ERR_USAGE,
			"invalid argument \"%s\" for \"--umask\" flag: must be an octal number",
			opts->umask);
	config->umask = opts->umask ? xasprintf("%04lo", strtoul(opts->umask, NULL, 8)) : NULL;
	config->domainname = xstrdup_null(opts->domainname);
	config->no_hosts = opts->no_hosts;
	if (opts->no_hosts && opts->add_hosts)
		return error_set(err, ERR_USAGE, "--no-hosts and --add-host exclude each other");
	if (opts->time_zone) {
		bool local = strcmp(opts->time_zone, "local") == 0;
		cleanup_free char *file =
			local ? xstrdup("/etc/localtime")
			      : xasprintf("/usr/share/zoneinfo/%s", opts->time_zone);

		if (path_has_dotdot(file) || access(file, R_OK) < 0)
			return error_set(err, ERR_NOT_FOUND,
				"--tz %s: the host has no such time zone: '%s' cannot be read",
				opts->time_zone, file);
		strv_append_take(&opts->mounts,
			xasprintf("type=bind,source=%s,destination=/etc/localtime,ro", file));
		if (!local)
			strv_append_take(&opts->env, xasprintf("TZ=%s", opts->time_zone));
	}
	return 0;
}

static int fill_config(struct store *store, const struct container_options *opts,
	struct container_config *config, struct error **err)
{
	/* docker's names for what one gets without asking */
	bool is_default =
		!opts->network || (docker_called() && (str_equal(opts->network, "default") ||
							      str_equal(opts->network, "bridge")));
	const char *network_mode = is_default ? "slirp4netns" : opts->network;
	cleanup_free char *other = NULL;
	struct network_options network = {0};
	int number;

	config->name = xstrdup_null(opts->name);
	config->read_only = opts->read_only;
	config->terminal = opts->terminal;
	config->stdin_open = opts->interactive;
	config->init = opts->init;
	config->privileged = opts->privileged;
	config->remove = opts->remove;
	config->user = xstrdup_null(opts->user);
	config->groups = strv_copy(opts->groups);
	config->no_passwd = !opts->passwd;
	config->passwd_entry = xstrdup_null(opts->passwd_entry);
	config->group_entry = xstrdup_null(opts->group_entry);
	for (size_t i = 0; opts->host_users && opts->host_users[i]; i++)
		if (parse_host_user(&config->host_users, opts->host_users[i], err) < 0)
			return -1;
	config->working_dir = xstrdup_null(opts->workdir);
	config->cap_add = strv_copy(opts->cap_add);
	config->cap_drop = strv_copy(opts->cap_drop);
	config->security_opts = strv_copy(opts->security_opts);
	config->ulimits = strv_copy(opts->ulimits);
	config->devices = strv_copy(opts->devices);
	config->hostname = xstrdup_null(opts->hostname);
	config->shm_size_bytes = opts->shm_size_bytes;
	config->dns_servers = strv_copy(opts->dns_servers);
	config->dns_searches = strv_copy(opts->dns_searches);
	config->dns_options = strv_copy(opts->dns_options);
	config->add_hosts = strv_copy(opts->add_hosts);
	config->ports = strv_copy(opts->ports);
	config->annotations = strv_copy(opts->annotations);
	config->log_driver = xstrdup(opts->log_driver);
	config->log_options = strv_copy(opts->log_options);
	config->platform = xstrdup_null(opts->pull_flags.platform);
	config->cid_file = xstrdup_null(opts->cid_file);
	config->pid_file = xstrdup_null(opts->pid_file);
	config->conmon_pidfile = xstrdup_null(opts->conmon_pidfile);
	config->sdnotify = xstrdup_null(opts->sdnotify);
	config->stop_timeout_s = opts->stop_timeout_s;
	config->restart_policy = xstrdup_null(opts->restart_policy);
	config->timeout_s = opts->timeout_s;
	if (opts->stop_signal) {
		if (signal_parse(opts->stop_signal, &number, err) < 0)
			return error_wrap(err, "--stop-signal");
		config->stop_signal = (uint32_t)number;
	}
	for (size_t i = 0; opts->label_files && opts->label_files[i]; i++)
		if (parse_label_file(&config->labels, opts->label_files[i], err) < 0)
			return -1;
	for (size_t i = 0; opts->labels && opts->labels[i]; i++)
		if (parse_label(&config->labels, opts->labels[i], err) < 0)
			return -1;
	if (opts->entrypoint_given &&
		entrypoint_parse(opts->entrypoint, &config->entrypoint, err) < 0)
		return -1;
	if (namespace_mode(store, "pid", opts->pid, &config->pid_mode, err) < 0 ||
		namespace_mode(store, "ipc", opts->ipc, &config->ipc_mode, err) < 0 ||
		namespace_mode(store, "uts", opts->uts, &config->uts_mode, err) < 0)
		return -1;
	if (network_parse(network_mode, &network, &other, err) < 0)
		return error_wrap(err, "--network");
	network_options_clear(&network);
	if (other)
		return namespace_mode(store, "network", network_mode, &config->network_mode, err);
	config->network_mode = xstrdup(network_mode);
	config->network_is_default = is_default;
	return 0;
}

static bool is_not_found(const struct error *e)
{
	return e && e->kind == ERR_NOT_FOUND;
}

static int get_image(struct store *store, struct container_options *opts, const char *name,
	struct image **ret, struct error **err)
{
	const struct pull_flags *flags = &opts->pull_flags;
	cleanup_progress struct progress *progress = NULL;
	cleanup_error struct error *absent = NULL;
	struct pull_options pull = {0};

	if (pull_policy_parse(opts->pull, &pull.policy, err) < 0)
		return -1;
	if (pull.policy == PULL_MISSING && !flags->platform && !flags->architecture && !flags->os) {
		if (image_resolve(store, name, ret, &absent) == 0)
			return 0;
		if (!is_not_found(absent))
			return error_move(err, &absent);
	}
	if (pull_flags_apply(&opts->pull_flags, &pull, err) < 0)
		return -1;
	if (docker_called()) {
		cleanup_free char *tagged = docker_tagged(name);

		if (absent && !opts->quiet)
			fprintf(stderr, "Unable to find image '%s' locally\n", tagged);
		return pull_docker(store, name, opts->quiet, STDERR_FILENO, &pull, ret, err);
	}
	progress = progress_new(opts->quiet);
	pull.events = progress_events(progress);
	return image_pull(store, name, &pull, ret, err);
}

static int write_id_file(const char *path, const char *id, struct error **err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 && errno == EEXIST)
		return error_set(err, ERR_CONFLICT,
			"container id file exists. Ensure another container is "
			"not using it or delete '%s'",
			path);
	if (fd < 0 || write_all(fd, id, strlen(id)) < 0)
		return error_errno(err, errno, "write '%s'", path);
	return 0;
}

static int replace_container(struct store *store, const char *name, struct error **err)
{
	const struct container_remove_options opts = {.force = true, .timeout_s = 10};
	cleanup_container struct container *old = NULL;
	cleanup_error struct error *one = NULL;

	if (container_find(store, name, &old, &one) < 0)
		return is_not_found(one) ? 0 : error_move(err, &one);
	return container_remove(store, old, &opts, err);
}

static void hold_signals(sigset_t *ret_old)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)sigaddset(&set, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &set, ret_old); /* cannot fail with these arguments */
}

/* TEXT, a mount of another container's, to be read only here; owned, NULL with ERR. */
static char *read_only_mount(const char *text, struct error **err)
{
	cleanup_container_mount struct container_mount mount = {0};
	size_t kept = 0;

	if (parse_mount(text, &mount, err) < 0)
		return NULL;
	for (size_t i = 0; mount.options && mount.options[i]; i++) {
		if (strcmp(mount.options[i], "ro") == 0 || strcmp(mount.options[i], "rw") == 0)
			free(mount.options[i]);
		else
			mount.options[kept++] = mount.options[i];
	}
	if (mount.options)
		mount.options[kept] = NULL;
	strv_append(&mount.options, "ro");
	return container_mount_text(&mount);
}

/* The mounts of each "CONTAINER[:ro|rw]". */
static int gather_mounts_from(
	struct store *store, char *const *names, char ***ret, struct error **err)
{
	for (; names && *names; names++) {
		const char *colon = strrchr(*names, ':');
		cleanup_free char *name =
			xstrndup(*names, colon ? (size_t)(colon - *names) : strlen(*names));
		cleanup_container struct container *other = NULL;
		bool read_only = colon && strcmp(colon, ":ro") == 0;

		if (colon && !read_only && strcmp(colon, ":rw") != 0 && strcmp(colon, ":z") != 0)
			return error_set(err, ERR_USAGE,
				"invalid argument \"%s\" for \"--volumes-from\" flag: only ro and "
				"rw may follow the container",
				*names);
		if (container_find(store, name, &other, err) < 0)
			return error_wrap(err, "--volumes-from");
		for (char **text = other->config->mounts; text && *text; text++) {
			char *taken;

			if (str_starts_with(*text, "type=tmpfs"))
				continue;
			taken = read_only ? read_only_mount(*text, err) : xstrdup(*text);
			if (!taken)
				return error_wrap(err, "--volumes-from");
			strv_append_take(ret, taken);
		}
	}
	return 0;
}

int container_options_make(struct command_context *ctx, struct store *store,
	struct container_options *opts, int argc, char **argv, char *const *create_command,
	struct container **ret, int *ret_lock_fd, struct error **err)
{
	cleanup_container_config struct container_config *config = xcalloc(1, sizeof(*config));
	cleanup_image struct image *image = NULL;
	cleanup_close int image_lock_fd = -1, ids_lock_fd = -1;
	struct container_request request = {
		.config = config,
		.command = argc > 1 ? argv + 1 : NULL,
		.entrypoint_given = opts->entrypoint_given,
		.env = opts->env,
		.env_files = opts->env_files,
		.volumes = opts->volumes,
		.mounts = opts->mounts,
		.tmpfs = opts->tmpfs,
		.publish_all = opts->publish_all,
		.env_host = opts->env_host,
		.http_proxy = opts->http_proxy,
		.read_only_tmpfs = opts->read_only_tmpfs,
		.env_merge = opts->env_merge,
		.unset_env = opts->unset_env,
		.unset_env_all = opts->unset_env_all,
		.image_volumes = opts->image_volumes,
		.make_sources = docker_called(),
		.exposed_ports = opts->exposed_ports,
		.health = opts->health,
	};
	const struct idmaps_request idmaps = {
		.userns = opts->userns,
		.uid_maps = opts->uid_maps,
		.gid_maps = opts->gid_maps,
		.subuid_name = opts->subuid_name,
		.subgid_name = opts->subgid_name,
	};
	enum storage_driver driver, wanted = DRIVER_AUTO;
	cleanup_strv char **notes = NULL, **mounts_from = NULL;

	if (opts->replace && !opts->name)
		return error_set(
			err, ERR_USAGE, "cannot replace container without --name being set");
	if (opts->cid_file && access(opts->cid_file, F_OK) == 0)
		return error_set(err, ERR_CONFLICT,
			"container id file exists. Ensure another container is "
			"not using it or delete '%s'",
			opts->cid_file);
	if (fill_details(opts, config, err) < 0)
		return -1;
	request.env = opts->env;
	request.mounts = opts->mounts;
	if (fill_config(store, opts, config, err) < 0 || fill_limits(ctx, opts, config, err) < 0)
		return -1;
	config->create_command = strv_copy(create_command);
	if (opts->rootfs) {
		config->rootfs = realpath(argv[0], NULL);
		if (!config->rootfs)
			return error_errno(err, errno, "root file system '%s'", argv[0]);
	} else {
		/* Held until the record is there: no garbage collection in between. */
		image_lock_fd = image_lock(store, err);
		if (image_lock_fd < 0 || get_image(store, opts, argv[0], &image, err) < 0)
			return -1;
		config->image_given = xstrdup(argv[0]);
		if (ctx->storage_driver &&
			storage_driver_parse(ctx->storage_driver, &wanted, err) < 0)
			return -1;
		if (storage_driver_choose(store, wanted, &driver, &notes, err) < 0)
			return -1;
		for (size_t i = 0; notes && notes[i]; i++)
			log_warning("%s", notes[i]);
		config->storage_driver = xstrdup(storage_driver_name(driver));
	}
	if (gather_mounts_from(store, opts->volumes_from, &mounts_from, err) < 0)
		return -1;
	request.mounts_from = mounts_from;
	if (container_config_build(&request, image, err) < 0 ||
		idmaps_choose(store, &idmaps, config, &ids_lock_fd, err) < 0)
		return -1;
	idmaps_default_user(config);
	if (opts->replace && replace_container(store, opts->name, err) < 0)
		return -1;
	if (opts->hold_signals)
		hold_signals(&opts->old_mask);
	if (container_create(store, steal_ptr(&config), ret, ret_lock_fd, err) < 0)
		return -1;
	if (opts->cid_file && write_id_file(opts->cid_file, (*ret)->config->id, err) < 0)
		return -1;
	return 0;
}
