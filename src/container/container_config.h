#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * A container as created: what `create` was asked for, joined with what the image says. Immutable
 * in containers/<id>/container.json. Options whose meaning depends on the host at start (mount
 * sources, devices, ports) are kept in the words they were given in, checked at create and read
 * again at start.
 */
struct container_config {
	char *id;            /* 64 lower-case hex digits */
	char *name;          /* as created; settings.json may have a newer one */
	uint64_t created_ns; /* CLOCK_REALTIME */

	/* Root: layers of an image, or a directory given by --rootfs. */
	char *image_name;  /* as the user gave it, normalised; NULL with --rootfs */
	char *image_given; /* as the user gave it; NULL with --rootfs, or not recorded */
	char *image_id;    /* 64 hex digits */
	char **diff_ids;   /* bottom first; kept here so that start does not need the image's config
			    */
	char *rootfs;      /* absolute path; NULL with an image */
	char *storage_driver; /* as chosen at create: "overlay", "fuse-overlayfs", "vfs" */
	bool read_only;

	/* Process. args is what runs: entrypoint and command joined. */
	char **args;
	char **entrypoint, **command; /* for inspect */
	char **env;                   /* final, image's included */
	char *working_dir;
	bool no_passwd;                   /* --passwd=false: account files stay as they are */
	char *passwd_entry, *group_entry; /* templates for them; NULL: podman's */
	char **host_users;                /* lines for passwd */
	char *user;                       /* "", or as given: "name[:group]" */
	char **groups;                    /* --group-add */
	char *umask;                      /* octal; NULL: 0022 */
	bool terminal, stdin_open, init, privileged;
	char **cap_add, **cap_drop;
	char **security_opts; /* normalised by parse_security_opt */
	char **ulimits;       /* "nofile=1024:2048" */
	char **devices;       /* "/dev/x:/dev/y:rwm" */
	uint32_t stop_signal;
	uint32_t stop_timeout_s;

	/* Namespaces: "" is the default (a new one), "host", "container:<id>". */
	char *pid_mode, *ipc_mode, *uts_mode, *userns_mode;
	char **uid_map, **gid_map; /* container/idmaps.h; NULL: the base user namespace's */
	char *hostname;            /* NULL: the id's first 12 digits */
	char *domainname;          /* NULL: the host's */
	char **sysctls;            /* "name=value" */
	bool no_hosts;             /* /etc/hosts is the image's */
	uint64_t shm_size_bytes;

	/* Limits. */
	char *resources;      /* linux.resources as JSON text; NULL: none asked for */
	char *cgroup_parent;  /* path, or slice; NULL the manager's default */
	char *cgroup_manager; /* "systemd", "cgroupfs"; NULL: what can be reached */
	char *cgroups_mode;   /* "enabled" (NULL), "disabled", "split", "no-conmon" */
	char *cgroupns_mode;  /* "private" (NULL), "host" */
	char *oom_score_adj;  /* decimal; NULL: as the caller's */

	/* Network. */
	char *network_mode;      /* "slirp4netns[:options]", "none", "host", "container:<id>" */
	bool network_is_default; /* nobody asked for it: without /dev/net/tun it is "host" */
	char **ports;            /* docker's -p syntax, image's with -P included */
	char **exposed_ports;    /* "80/tcp": the image's and --expose's */
	char **dns_servers, **dns_searches, **dns_options, **add_hosts;

	/* Mounts: --mount syntax ("type=bind,source=...,destination=...,ro"), one per mount,
	 * resolved (absolute sources, volumes named). */
	char **mounts;
	char **anonymous_volumes; /* names to remove with the container */

	char **labels, **annotations; /* "k=v" */
	char *log_driver;
	char **log_options; /* "max-size=10m" */
	char *platform;     /* "linux/amd64"; NULL: the host's */
	char *conmon_pidfile, *cid_file, *pid_file;
	bool remove;          /* --rm */
	char *sdnotify;       /* monitor/notify.h; NULL: container */
	char *restart_policy; /* as given: container/policy.h; NULL: no */
	/* Health check, docker's form: {"CMD", words...}, {"CMD-SHELL", line} or {"NONE"}. */
	char **health_test;
	uint64_t health_interval_ns; /* 0: only when asked for */
	uint64_t health_timeout_ns, health_start_period_ns, health_start_interval_ns;
	uint32_t health_retries;
	char *health_on_failure; /* "none" "kill" "restart" "stop"; NULL: none */
	/* A check that must pass before that one counts, in the same form; NULL: none. */
	char **health_startup_test;
	uint64_t health_startup_interval_ns, health_startup_timeout_ns;
	uint32_t health_startup_retries, health_startup_success;
	uint32_t timeout_s;    /* --timeout: killed after so long; 0 never */
	char **create_command; /* argv, for inspect */
};

void container_config_free(struct container_config *config);
static inline void container_config_freep(struct container_config **config)
{
	container_config_free(*config);
}
#define cleanup_container_config __attribute__((cleanup(container_config_freep)))

#define CONTAINER_RECORD_MAX (4u << 20) /* bytes of container.json */

struct json_writer;
struct json;
/** container_config_put_settings(), container_config_apply_settings() - the members that may change
 * over a container's life, to and from an object; what is not there stays as it is.
 * @err: ERR_INVALID */
void container_config_put_settings(struct json_writer *w, const struct container_config *config);
int container_config_apply_settings(
	const struct json *root, struct container_config *config, struct error **err);

/** container_config_write() - the record's text; owned. */
char *container_config_write(const struct container_config *config);

/** container_config_parse() - NAME is for errors. @err: ERR_INVALID with the member's path,
 * ERR_UNSUPPORTED when a newer version wrote it. */
int container_config_parse(const char *text, size_t len, const char *name,
	struct container_config **ret, struct error **err);
