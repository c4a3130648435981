#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "network/api.h"
#include "network/ports.h"
#include "network/udp.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define ANSWER_MAX_BYTES 4096

static int api_connect(int dir_fd, const char *name, struct error **err)
{
	cleanup_close int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = 10};

	/* Through the directory's descriptor: its whole path may not fit. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "make a socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_errno(err, errno, "connect to slirp4netns");
	return steal_fd(&fd);
}

/* One port. The helper's answer gives no reason, so the same address is tried here to learn it. */
static int add_port(int dir_fd, const char *name, const struct port_mapping *port, unsigned int i,
	struct error **err)
{
	cleanup_close int fd = -1;
	cleanup_free char *answer = NULL;
	cleanup_json struct json_document *doc = NULL;
	cleanup_strbuf struct strbuf request = STRBUF_INIT;
	struct json_writer w = json_writer_init(&request, 0);
	unsigned int host_port = port->host_port + i, container_port = port->container_port + i;
	struct json root, member;
	size_t len;

	json_write_object_begin(&w);
	json_put_string(&w, "execute", "add_hostfwd");
	json_write_key(&w, "arguments");
	json_write_object_begin(&w);
	json_put_string(&w, "proto", port->udp ? "udp" : "tcp");
	json_put_string(&w, "host_addr", port->host_ip ? port->host_ip : "0.0.0.0");
	json_put_uint(&w, "host_port", host_port);
	json_put_uint(&w, "guest_port", container_port);
	json_write_object_end(&w);
	json_write_object_end(&w);

	fd = api_connect(dir_fd, name, err);
	if (fd < 0)
		return -1;
	if (send(fd, request.data, request.len, MSG_NOSIGNAL) != (ssize_t)request.len)
		return error_errno(err, errno, "write to slirp4netns");
	if (read_fd_limited(fd, ANSWER_MAX_BYTES, &answer, &len, err) < 0 ||
		json_parse(answer, len, "answer of slirp4netns", &doc, &root, err) < 0)
		return -1;
	if (json_member(&root, "return", &member))
		return 0;
	if (port_try(port, (uint16_t)host_port, NULL, err) < 0)
		return -1;
	return error_set(err, ERR_SYSTEM,
		"publish port %u/%s: slirp4netns refuses: it may have reached its limit of open "
		"files (ulimit -n)",
		host_port, port->udp ? "udp" : "tcp");
}

static bool is_named(const struct network_options *opts, const struct port_mapping *port)
{
	for (size_t i = 0; i < opts->port_count; i++) {
		const struct port_mapping *other = &opts->ports[i];

		if (other != port && !other->choices && other->udp == port->udp &&
			port->host_port >= other->host_port &&
			port->host_port < other->host_port + other->range)
			return true;
	}
	return false;
}

/* The first host port of the choice that can be had. Others may be taking ports at the same time:
 * what was free when it was tried may be gone. */
static int add_choice(const struct network_options *opts, const char *name,
	struct port_mapping *port, struct error **err)
{
	struct port_mapping one = *port;

	one.choices = 0;
	for (unsigned int i = 0; i < port->choices; i++) {
		cleanup_error struct error *taken = NULL;

		one.host_port = (uint16_t)(port->host_port + i);
		if (is_named(opts, &one) || port_try(&one, one.host_port, NULL, &taken) < 0 ||
			(!udp_only_loopback(opts, &one) &&
				add_port(opts->runtime_dir_fd, name, &one, 0, &taken) < 0)) {
			if (taken && taken->kind != ERR_CONFLICT && taken->kind != ERR_UNSUPPORTED)
				return error_move(err, &taken);
			continue;
		}
		port->host_port = one.host_port;
		port->choices = 0;
		return 0;
	}
	error_set(err, ERR_CONFLICT, "publish port %u/%s: no port from %u to %u is free on %s",
		port->container_port, port->udp ? "udp" : "tcp", port->host_port,
		port->host_port + port->choices - 1u, port->host_ip ? port->host_ip : "0.0.0.0");
	return error_docker(err,
		"Error response from daemon: driver failed programming external connectivity: Bind "
		"for %s:%u failed: port is already allocated",
		port->host_ip ? port->host_ip : "0.0.0.0", port->host_port);
}

int api_add_ports(const struct network_options *opts, struct error **err)
{
	char name[64];
	int result = 0;

	snprintf(name, sizeof(name), API_SOCKET_FORMAT, opts->id);
	for (size_t p = 0; p < opts->port_count && result == 0; p++) {
		struct port_mapping *port = &opts->ports[p];

		if (port->choices) {
			result = add_choice(opts, name, port, err);
			continue;
		}
		for (unsigned int i = 0;
			!udp_only_loopback(opts, port) && i < port->range && result == 0; i++)
			result = add_port(opts->runtime_dir_fd, name, port, i, err);
	}
	/* One connection a request: with the name gone nobody can add any later. */
	(void)unlinkat(opts->runtime_dir_fd, name, 0); /* a left-over harms nobody */
	return result;
}
