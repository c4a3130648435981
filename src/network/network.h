#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* A container's network: mode, published ports, and the files /etc/hosts and /etc/resolv.conf. */

enum network_mode { NETWORK_SLIRP4NETNS, NETWORK_NONE, NETWORK_HOST, NETWORK_CONTAINER };

/* Addresses inside a slirp4netns network; always these. */
#define NETWORK_SLIRP_ADDRESS    "10.0.2.100" /* the container's own */
#define NETWORK_SLIRP_GATEWAY    "10.0.2.2"   /* the host's loopback, where allowed */
#define NETWORK_SLIRP_NAMESERVER "10.0.2.3"
#define NETWORK_SLIRP_DEVICE     "tap0"

struct port_mapping {
	char *host_ip;      /* NULL: all addresses; else a numeric address without brackets */
	uint16_t host_port; /* 0: chosen by network_ports_choose(), at the latest by network_ready()
			     */
	uint16_t container_port;
	uint16_t range; /* number of consecutive ports, at least 1 */
	/* Not 0: this many host ports from HOST_PORT on may be taken, RANGE is 1; network_ready()
	 * takes the first free one. */
	uint16_t choices;
	bool udp;
};

/**
 * port_mapping_parse() - docker's and podman's -p
 * @text: [[ip:][host[-end]]:]container[-end][/tcp|udp]; an IPv6 address stands in []. Without a
 * host port, or with an empty one, one is chosen when the container is made. Of a host range for
 * one container port one is chosen at every start.
 * @ret:  clear with port_mapping_clear()
 * @err:  ERR_INVALID; ERR_UNSUPPORTED for sctp
 */
int port_mapping_parse(const char *text, struct port_mapping *ret, struct error **err);
void port_mapping_clear(struct port_mapping *mapping);

/** port_spec_parse() - a port as images and --expose name it: port[-end][/tcp|udp]. */
int port_spec_parse(const char *text, uint16_t *ret_port, uint16_t *ret_range, bool *ret_udp,
	struct error **err);

struct network_options {
	enum network_mode mode;
	struct port_mapping *ports;
	size_t port_count;
	bool allow_host_loopback;
	bool no_ipv6;
	uint32_t mtu;        /* 0: 65520 */
	char *outbound_addr; /* IPv4 address of the host to send from; NULL: the kernel chooses */
	/* Where the helper's control socket lies while ports are added (a private directory), and
	 * the container's id, which names it. Needed only with ports. */
	int runtime_dir_fd;
	const char *id;
};

/**
 * network_parse() - a --network value
 * @text: "slirp4netns[:option,...]", "private" (= slirp4netns), "none", "host", "container:NAME"
 * (the name is not looked up here). Options: allow_host_loopback=BOOL mtu=N enable_ipv6=BOOL
 *        outbound_addr=IPv4 port_handler=slirp4netns
 * @ret:  mode, allow_host_loopback, no_ipv6, mtu and outbound_addr are set, the rest is left alone
 * @ret_container: owned: NAME for container:NAME, else NULL
 * @err:  ERR_INVALID; ERR_UNSUPPORTED for bridge, default, pasta, ns: and networks by name
 */
int network_parse(
	const char *text, struct network_options *ret, char **ret_container, struct error **err);
/** network_lacks() - why slirp4netns cannot make a network here: "device '/dev/net/tun' ...;
 * remedy", owned; NULL: nothing is known to be missing. */
char *network_lacks(void);
/** network_options_clear() - free ports and strings. */
void network_options_clear(struct network_options *opts);

/**
 * network_ports_choose() - give every mapping without a host port one that is free now, but for
 * those with choices
 * Done when a container is made, it keeps its ports over restarts; else network_ready() does it. A
 * range gets consecutive ports. Somebody else may take one before the container starts:
 * network_ready() then says so.
 * @err: ERR_CONFLICT also when mappings overlap each other; ERR_UNSUPPORTED for IPv6 host addresses
 */
int network_ports_choose(struct port_mapping *ports, size_t count, struct error **err);

/* What the monitor keeps of a started network; pid 0 and -1 where there is none. Owned. */
struct network {
	pid_t pid; /* a child of the caller, who reaps it */
	int pidfd;
	int exit_fd;  /* closing it (all duplicates) ends the helper */
	int ready_fd; /* readable when up; closed by network_ready() */
	int log_fd;   /* the helper's stderr, a memfd of at most 8 KiB; closed by network_ready() */
	/* For network_ready(), which closes them; with published UDP ports only. */
	int netns_fd, userns_fd, exit_read_fd;
	/* A second child, which serves UDP ports on 127.0.0.1 (udp.h); 0: none. Ends with exit_fd
	 * too. */
	pid_t udp_pid;
};
#define NETWORK_INIT                                                                               \
	((struct network){.pidfd = -1,                                                             \
		.exit_fd = -1,                                                                     \
		.ready_fd = -1,                                                                    \
		.log_fd = -1,                                                                      \
		.netns_fd = -1,                                                                    \
		.userns_fd = -1,                                                                   \
		.exit_read_fd = -1})

/**
 * network_start() - start slirp4netns for a network namespace; returns at once
 * @netns_fd, @userns_fd: borrowed; the user namespace that owns the network namespace, -1 when that
 *                        is the caller's. The helper runs as its root, in a mount namespace of its
 *                        own that holds /etc and /run read-only, and under its seccomp filter.
 * @ret: set also, to NETWORK_INIT, when the mode needs no helper
 * @err: ERR_NOT_FOUND: slirp4netns is not installed, with the remedy; ERR_SYSTEM
 * Single-threaded callers only (rootless/spawn.h).
 */
int network_start(const struct network_options *opts, int netns_fd, int userns_fd,
	struct network *ret, struct error **err);
/**
 * network_ready() - wait until the network is up, then add the port forwards
 * @opts: host ports that are 0 or a choice are filled in
 * On failure the helper has been stopped and reaped.
 * @err: ERR_CONFLICT "... address already in use" names the port; ERR_UNSUPPORTED: /dev/net/tun, an
 *       IPv6 host address; ERR_SYSTEM with the helper's own last words
 */
int network_ready(struct network *network, struct network_options *opts, struct error **err);
/** network_stop() - end and reap the helper, close all descriptors. For starts that failed: the
 * monitor just closes exit_fd, the helper needs 13 to 31 ms to end. */
void network_stop(struct network *network);

struct hosts_options {
	const char *hostname, *name; /* container's */
	const char *ip;              /* NULL: none of its own */
	char *const *add_hosts; /* "name:ip", checked by add_host_check(); "host-gateway" too */
	/* Address of the host for host.containers.internal and host-gateway: with SLIRP and
	 * ALLOW_HOST_LOOPBACK 10.0.2.2, else the first address of the host's own that is not
	 * loopback; left out where there is none. */
	bool slirp;
	bool allow_host_loopback;
	bool isolated; /* no network: the host has no name, unless --add-host asks for its address
			*/
};
/** add_host_check() - is TEXT "name[;name]:ip" as --add-host takes it? ERR_INVALID */
int add_host_check(const char *text, struct error **err);
/** hosts_text() - /etc/hosts: --add-host entries, the host's own file without comments, the
 * container's names, host.containers.internal; a name is never given twice. Owned. */
char *hosts_text(const struct hosts_options *opts);
struct resolv_options {
	char *const *servers, *const *searches, *const *options; /* --dns ...; NULL: the host's */
	bool slirp; /* 10.0.2.3 first; the host's loopback resolvers are left out */
};
/** resolv_conf_text() - /etc/resolv.conf. With --dns only those servers; "--dns-search ." means
 * none. The host's is systemd-resolved's own file where /etc/resolv.conf names just its stub.
 * Owned. */
char *resolv_conf_text(const struct resolv_options *opts);
/* The same from given files, for tests; HOST and RESOLVED may be NULL. */
char *hosts_text_from(const struct hosts_options *opts, const char *host_file, const char *gateway);
char *resolv_conf_text_from(
	const struct resolv_options *opts, const char *host_file, const char *resolved_file);
