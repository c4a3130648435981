#pragma once

#include <signal.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/pull.h"
#include "container/container.h"
#include "container/health.h"
#include "container/parse_limits.h"
#include "image/image.h"

/* The options that run and create share, and what they make of them. */

struct container_options {
	bool interactive, terminal, remove, read_only, privileged, init, publish_all, replace,
		quiet;
	bool rootfs, env_host, http_proxy, no_hosts, unset_env_all;
	const char *name, *workdir, *user, *network, *entrypoint, *hostname, *pull, *userns, *pid,
		*ipc, *uts, *log_driver, *cid_file, *pid_file, *stop_signal, *restart_policy;
	const char *cgroup_parent, *cgroups, *cgroupns, *oom_score_adj, *sdnotify, *conmon_pidfile;
	const char *subuid_name, *subgid_name;
	const char *passwd_entry, *group_entry;
	bool passwd, read_only_tmpfs;
	char **host_users, **env_merge;
	const char *domainname, *umask, *time_zone, *image_volumes;
	struct limit_options limits;
	struct pull_flags pull_flags;
	struct health_request health;
	bool entrypoint_given;
	char **env, **env_files, **volumes, **mounts, **tmpfs, **ports, **cap_add, **cap_drop,
		**security_opts, **labels, **label_files, **annotations, **ulimits, **dns_servers,
		**dns_searches, **dns_options, **add_hosts, **devices, **groups, **log_options,
		**exposed_ports, **sysctls, **unset_env, **volumes_from, **uid_maps, **gid_maps;
	uint64_t shm_size_bytes;
	uint32_t stop_timeout_s, timeout_s;
	/* run alone */
	bool detach, sig_proxy, remove_image;
	char **attach; /* "stdin", "stdout", "stderr"; NULL: all */
	const char *detach_keys;
	/* Set by run: signals that would end us wait from the record's creation on, so that none
	 * leaves a record that nobody starts; the mask from before, for when it runs. */
	bool hold_signals;
	sigset_t old_mask;
};

#define CONTAINER_OPTIONS_INIT                                                                     \
	((struct container_options){                                                               \
		.pull = "missing",                                                                 \
		.log_driver = docker_called() ? "json-file" : "k8s-file",                          \
		.shm_size_bytes = 65536 * 1024,                                                    \
		.stop_timeout_s = 10,                                                              \
		.sig_proxy = true,                                                                 \
		.http_proxy = !docker_called(),                                                    \
		.passwd = !docker_called(),                                                        \
		.read_only_tmpfs = !docker_called(),                                               \
		.pull_flags.tls_verify = true,                                                     \
		.detach_keys = "ctrl-p,ctrl-q",                                                    \
	})

void container_options_clear(struct container_options *opts);

/* Rows for an option table over a struct whose member OPTS is struct container_options. */
extern const struct option_spec container_options_create[], container_options_run[];

/**
 * container_options_make() - pull where needed, complete the record, commit it
 * @argv: the image (or with --rootfs the directory) and the command behind it
 * @create_command: the whole command line, for inspect
 * @ret_lock_fd: the new container's lock, held
 */
int container_options_make(struct command_context *ctx, struct store *store,
	struct container_options *opts, int argc, char **argv, char *const *create_command,
	struct container **ret, int *ret_lock_fd, struct error **err);
