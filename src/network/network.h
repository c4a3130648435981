#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* A container's network: mode, published ports, and the files /etc/hosts and /etc/resolv.conf. */

enum network_mode { NETWORK_SLIRP4NETNS, NETWORK_NONE, NETWORK_HOST, NETWORK_CONTAINER };

struct port_mapping {
	char *host_ip;	     /* NULL: all addresses */
	uint16_t host_port;  /* 0: chosen at start */
	uint16_t container_port;
	uint16_t range;	     /* number of consecutive ports, at least 1 */
	bool udp;
};

/** port_mapping_parse() - docker's -p: [[ip:][host[-end]]:]container[-end][/tcp|udp]; IPv6 in []. */
int port_mapping_parse(const char *text, struct port_mapping *ret, struct error **err);
void port_mapping_clear(struct port_mapping *mapping);

struct network_options {
	enum network_mode mode;
	struct port_mapping *ports; /* host_port 0 is filled in by network_start() */
	size_t port_count;
	bool allow_host_loopback;
	uint32_t mtu; /* 0: 65520 */
};

/* What the monitor keeps of a started network; -1 where there is none. */
struct network {
	pid_t pid;
	int pidfd;
	int exit_fd; /* closing it ends the helper */
	int ready_fd; /* readable when up */
	int api_fd;
};

/** network_start() - start slirp4netns for a network namespace (descriptor NETNS_FD, owned by
 * USERNS_FD or -1); returns at once. @err: ERR_NOT_FOUND (not installed), ERR_UNSUPPORTED
 * (/dev/net/tun: object, cause, remedy) */
int network_start(const struct network_options *opts, int netns_fd, int userns_fd,
	struct network *ret, struct error **err);
/** network_ready() - wait until it is up, then add the port forwards. @err: ERR_CONFLICT "address
 * already in use" names the port. */
int network_ready(struct network *network, struct network_options *opts, struct error **err);
void network_stop(struct network *network);

struct hosts_options {
	const char *hostname, *name; /* container's */
	const char *ip;		     /* NULL: none of its own */
	char *const *add_hosts;	     /* "name:ip", "host-gateway" understood */
	bool slirp;		     /* host.containers.internal = 10.0.2.2 */
};
/** hosts_text(), resolv_conf_text() - file contents, owned. */
char *hosts_text(const struct hosts_options *opts);
struct resolv_options {
	char *const *servers, *const *searches, *const *options; /* --dns ...; NULL: the host's */
	bool slirp; /* 10.0.2.3 first when the host's are loopback resolvers */
};
char *resolv_conf_text(const struct resolv_options *opts);
