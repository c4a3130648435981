#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "network/ports.h"
#include "util/check.h"
#include "util/mem.h"
#include "util/str.h"

static int range_parse(const char *text, const char *whole, unsigned int *ret_first,
	unsigned int *ret_count, struct error **err)
{
	cleanup_free char *first = NULL;
	const char *dash = strchr(text, '-');
	uint64_t a, b;

	first = dash ? xstrndup(text, (size_t)(dash - text)) : xstrdup(text);
	if (str_to_uint64(first, 65535, &a) < 0 || a == 0)
		return error_set(err, ERR_INVALID,
			"publish '%s': '%s' is not a port: must be 1 to 65535", whole, first);
	b = a;
	if (dash && (str_to_uint64(dash + 1, 65535, &b) < 0 || b == 0))
		return error_set(err, ERR_INVALID,
			"publish '%s': '%s' is not a port: must be 1 to 65535", whole, dash + 1);
	if (b < a)
		return error_set(
			err, ERR_INVALID, "publish '%s': range '%s' runs backwards", whole, text);
	*ret_first = (unsigned int)a;
	*ret_count = (unsigned int)(b - a + 1);
	return 0;
}

/* Cut "/proto" off TEXT. */
static int protocol_parse(char *text, const char *whole, bool *ret_udp, struct error **err)
{
	char *slash = strchr(text, '/');

	*ret_udp = false;
	if (!slash)
		return 0;
	*slash = '\0';
	if (strcasecmp(slash + 1, "sctp") == 0)
		return error_set(err, ERR_UNSUPPORTED,
			"publish '%s': sctp cannot be published without privileges", whole);
	if (strcasecmp(slash + 1, "tcp") != 0 && strcasecmp(slash + 1, "udp") != 0)
		return error_set(err, ERR_INVALID,
			"publish '%s': unknown protocol '%s': must be tcp or udp", whole,
			slash + 1);
	*ret_udp = strcasecmp(slash + 1, "udp") == 0;
	return 0;
}

int port_spec_parse(const char *text, uint16_t *ret_port, uint16_t *ret_range, bool *ret_udp,
	struct error **err)
{
	cleanup_free char *copy = xstrdup(text);
	unsigned int first, count;
	bool udp;

	if (protocol_parse(copy, text, &udp, err) < 0 ||
		range_parse(copy, text, &first, &count, err) < 0)
		return -1;
	*ret_port = (uint16_t)first;
	*ret_range = (uint16_t)count;
	*ret_udp = udp;
	return 0;
}

/* Take "ip:" or "[ip]:" off the front of *REST when it holds more than "host:container". */
static int address_parse(char **rest, const char *whole, char **ret_ip, struct error **err)
{
	cleanup_free char *ip = NULL;
	unsigned char address[sizeof(struct in6_addr)];
	char *p = *rest, *end;

	if (*p == '[') {
		end = strchr(p, ']');
		if (!end || end[1] != ':')
			return error_set(err, ERR_INVALID,
				"publish '%s': an address in [] must be followed by ':'", whole);
		ip = xstrndup(p + 1, (size_t)(end - p - 1));
		if (inet_pton(AF_INET6, ip, address) != 1)
			return error_set(err, ERR_INVALID,
				"publish '%s': '%s' is not an IPv6 address", whole, ip);
		*rest = end + 2;
		*ret_ip = steal_ptr(&ip);
		return 0;
	}
	end = strchr(p, ':');
	if (!end || !strchr(end + 1, ':'))
		return 0; /* no address */
	if (strchr(strchr(end + 1, ':') + 1, ':'))
		return error_set(err, ERR_INVALID,
			"publish '%s': must be [[ip:][host-port]:]container-port[/protocol], an "
			"IPv6 address in []",
			whole);
	ip = xstrndup(p, (size_t)(end - p));
	*rest = end + 1;
	if (!*ip)
		return 0; /* "::80" as docker takes it: all addresses */
	if (inet_pton(AF_INET, ip, address) != 1)
		return error_set(
			err, ERR_INVALID, "publish '%s': '%s' is not an IP address", whole, ip);
	*ret_ip = steal_ptr(&ip);
	return 0;
}

int port_mapping_parse(const char *text, struct port_mapping *ret, struct error **err)
{
	cleanup_free char *copy = xstrdup(text), *ip = NULL;
	unsigned int host = 0, host_count = 0, container, count, choices = 0;
	char *rest = copy, *colon;
	bool udp;

	if (protocol_parse(copy, text, &udp, err) < 0 || address_parse(&rest, text, &ip, err) < 0)
		return -1;
	colon = strchr(rest, ':');
	if (colon) {
		*colon = '\0';
		if (*rest && range_parse(rest, text, &host, &host_count, err) < 0)
			return -1;
		rest = colon + 1;
	}
	if (!*rest)
		return error_set(err, ERR_INVALID, "publish '%s': no container port", text);
	if (range_parse(rest, text, &container, &count, err) < 0)
		return -1;
	if (host_count > 1 && count == 1) {
		choices = host_count;
		host_count = 1;
	}
	if (host_count && host_count != count)
		return error_set(err, ERR_INVALID,
			"publish '%s': %u host ports for %u container ports: ranges must be of one "
			"length",
			text, host_count, count);
	/* 0.0.0.0 is what no address means. */
	if (ip && strcmp(ip, "0.0.0.0") == 0)
		free(steal_ptr(&ip));
	*ret = (struct port_mapping){
		.host_ip = steal_ptr(&ip),
		.host_port = (uint16_t)host,
		.container_port = (uint16_t)container,
		.range = (uint16_t)count,
		.choices = (uint16_t)choices,
		.udp = udp,
	};
	return 0;
}

void port_mapping_clear(struct port_mapping *mapping)
{
	free(mapping->host_ip);
	*mapping = (struct port_mapping){0};
}

static const char *port_address(const struct port_mapping *mapping)
{
	return mapping->host_ip ? mapping->host_ip : "0.0.0.0";
}

/* Bind as MAPPING says. Returns the socket or -1 with errno; *RET_PORT is what the kernel gave. */
static int port_bind(const struct port_mapping *mapping, uint16_t host_port, uint16_t *ret_port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = {0};
	bool is_v6 = mapping->host_ip && strchr(mapping->host_ip, ':');
	socklen_t len = is_v6 ? sizeof(address.v6) : sizeof(address.v4);
	cleanup_close int fd = -1;
	int one = 1;

	if (is_v6) {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons(host_port);
		if (inet_pton(AF_INET6, mapping->host_ip, &address.v6.sin6_addr) != 1)
			return errno = EINVAL, -1;
	} else {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons(host_port);
		if (inet_pton(AF_INET, port_address(mapping), &address.v4.sin_addr) != 1)
			return errno = EINVAL, -1;
	}
	fd = socket(
		address.any.sa_family, (mapping->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (!mapping->udp) /* as the helper: a connection in TIME_WAIT is no conflict */
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &address.any, len) < 0 || (!mapping->udp && listen(fd, 1) < 0) ||
		getsockname(fd, &address.any, &len) < 0)
		return -1;
	*ret_port = ntohs(is_v6 ? address.v6.sin6_port : address.v4.sin_port);
	return steal_fd(&fd);
}

int port_error(const struct port_mapping *mapping, uint16_t port, int why, struct error **err)
{
	const char *ip = port_address(mapping), *protocol = mapping->udp ? "udp" : "tcp";
	const char *open = strchr(ip, ':') ? "[" : "", *close = *open ? "]" : "";

	if (why == EADDRINUSE) {
		error_set(err, ERR_CONFLICT, "listen on %s%s%s:%u/%s: address already in use", open,
			ip, close, port, protocol);
		return error_docker(err,
			"Error response from daemon: driver failed programming external "
			"connectivity: Bind for %s%s%s:%u failed: port is already allocated",
			open, ip, close, port);
	}
	if (why == EACCES)
		return error_set(err, ERR_UNSUPPORTED,
			"listen on %s%s%s:%u/%s: permission denied: use a port from "
			"net.ipv4.ip_unprivileged_port_start on, or lower that as root with "
			"'sysctl "
			"net.ipv4.ip_unprivileged_port_start=%u'" CHECK_SEE(CHECK_LOW_PORTS),
			open, ip, close, port, protocol, port);
	if (why == EADDRNOTAVAIL)
		return error_set(err, ERR_INVALID,
			"listen on %s%s%s:%u/%s: this host does not have the address", open, ip,
			close, port, protocol);
	return error_errno(err, why, "listen on %s%s%s:%u/%s", open, ip, close, port, protocol);
}

int port_try(const struct port_mapping *mapping, uint16_t host_port, uint16_t *ret_port,
	struct error **err)
{
	uint16_t port;
	cleanup_close int fd = port_bind(mapping, host_port, &port);

	if (fd < 0)
		return port_error(mapping, host_port, errno, err);
	if (ret_port)
		*ret_port = port;
	return 0;
}

/* Find RANGE consecutive free ports and leave the first in MAPPING. */
static int choose_one(struct port_mapping *mapping, const struct port_mapping *taken,
	size_t taken_count, struct error **err)
{
	for (int attempt = 0; attempt < 128; attempt++) {
		cleanup_close int fd = -1;
		uint16_t first, got;
		bool ok = true;

		/* The first stays bound while the rest is tried. */
		fd = port_bind(mapping, 0, &first);
		if (fd < 0)
			return port_error(mapping, 0, errno, err);
		if (first + mapping->range > 65536)
			continue;
		for (unsigned int i = 1; i < mapping->range && ok; i++) {
			cleanup_close int next = port_bind(mapping, (uint16_t)(first + i), &got);

			ok = next >= 0;
		}
		for (size_t i = 0; i < taken_count && ok; i++)
			ok = taken[i].udp != mapping->udp || taken[i].host_port == 0 ||
			     first >= taken[i].host_port + taken[i].range ||
			     taken[i].host_port >= first + mapping->range;
		if (!ok)
			continue;
		mapping->host_port = first;
		return 0;
	}
	return error_set(err, ERR_CONFLICT,
		"no %u consecutive free ports found for container port %u", mapping->range,
		mapping->container_port);
}

int network_ports_choose(struct port_mapping *ports, size_t count, struct error **err)
{
	for (size_t i = 0; i < count; i++)
		if (ports[i].host_ip && strchr(ports[i].host_ip, ':'))
			return error_set(err, ERR_UNSUPPORTED,
				"publish on '%s': slirp4netns publishes on IPv4 addresses only",
				ports[i].host_ip);
	for (size_t i = 0; i < count; i++)
		if (ports[i].host_port == 0 && choose_one(&ports[i], ports, count, err) < 0)
			return -1;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct port_mapping *a = &ports[i], *b = &ports[j];

			if (a->choices || b->choices || a->udp != b->udp ||
				a->host_port >= b->host_port + b->range ||
				b->host_port >= a->host_port + a->range)
				continue;
			if (a->host_ip && b->host_ip && strcmp(a->host_ip, b->host_ip) != 0)
				continue;
			return error_set(err, ERR_CONFLICT,
				"publish: host port %u/%s is named twice",
				MAX(a->host_port, b->host_port), a->udp ? "udp" : "tcp");
		}
	return 0;
}
