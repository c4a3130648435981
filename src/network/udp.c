#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "network/ports.h"
#include "network/udp.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/str.h"

#define SESSIONS_MAX   512 /* clients at once; the one that was silent longest makes room */
#define SESSION_IDLE_S 90
#define DATAGRAM_MAX   65536

struct listener {
	int fd;
	uint16_t container_port;
};

/* One client of one port, and the socket in the container's network that speaks for it. */
struct session {
	int fd; /* -1: free */
	size_t listener;
	struct sockaddr_in client;
	time_t last_s;
};

struct forwarder {
	struct listener *listeners;
	size_t listener_count, listener_capacity;
	int netns_fd, exit_read_fd, epoll_fd;
	int ready_fd; /* gets a byte when all is served */
	struct session sessions[SESSIONS_MAX];
	size_t session_count;
	char datagram[DATAGRAM_MAX];
};

/* What an event belongs to: a listener by its number, a session behind those, or the end. */
#define EVENT_EXIT UINT64_MAX

bool udp_only_loopback(const struct network_options *opts, const struct port_mapping *mapping)
{
	return udp_on_loopback(opts, mapping) && mapping->host_ip;
}

bool udp_on_loopback(const struct network_options *opts, const struct port_mapping *mapping)
{
	return mapping->udp && !opts->allow_host_loopback &&
	       (!mapping->host_ip || str_starts_with(mapping->host_ip, "127."));
}

static time_t now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int watch(const struct forwarder *f, int fd, uint64_t what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};

	return epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void session_end(struct forwarder *f, struct session *session)
{
	fd_replace(&session->fd, -1);
	f->session_count--;
}

/* The client's session, made when it is new; NULL when that fails: the datagram is lost, as they
 * are. */
static struct session *session_for(
	struct forwarder *f, size_t listener, const struct sockaddr_in *client)
{
	struct sockaddr_in server = {
		.sin_family = AF_INET, .sin_port = htons(f->listeners[listener].container_port)};
	struct session *place = &f->sessions[0];

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *s = &f->sessions[i];

		if (s->fd >= 0 && s->listener == listener &&
			s->client.sin_addr.s_addr == client->sin_addr.s_addr &&
			s->client.sin_port == client->sin_port)
			return s;
		if (place->fd >= 0 && (s->fd < 0 || s->last_s < place->last_s))
			place = s;
	}
	if (place->fd >= 0)
		session_end(f, place);
	(void)inet_pton(AF_INET, NETWORK_SLIRP_ADDRESS, &server.sin_addr); /* a constant */
	place->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (place->fd < 0)
		return NULL;
	f->session_count++;
	place->listener = listener;
	place->client = *client;
	if (connect(place->fd, (struct sockaddr *)&server, sizeof(server)) < 0 ||
		watch(f, place->fd, f->listener_count + (uint64_t)(place - f->sessions)) < 0) {
		session_end(f, place);
		return NULL;
	}
	return place;
}

static void from_client(struct forwarder *f, size_t listener)
{
	struct sockaddr_in client;
	socklen_t len = sizeof(client);
	struct session *session;
	ssize_t n = recvfrom(f->listeners[listener].fd, f->datagram, sizeof(f->datagram), 0,
		(struct sockaddr *)&client, &len);

	if (n < 0)
		return;
	session = session_for(f, listener, &client);
	if (!session)
		return;
	session->last_s = now_s();
	(void)send(session->fd, f->datagram, (size_t)n, 0); /* lost: it is UDP */
}

static void from_container(struct forwarder *f, struct session *session)
{
	ssize_t n;

	if (session->fd < 0)
		return; /* ended by an earlier event of the same round */
	n = recv(session->fd, f->datagram, sizeof(f->datagram), 0);
	if (n < 0)
		return; /* nobody listens inside: the error is consumed */
	session->last_s = now_s();
	(void)sendto(f->listeners[session->listener].fd, f->datagram, (size_t)n, 0,
		(struct sockaddr *)&session->client, sizeof(session->client));
}

static void end_idle(struct forwarder *f)
{
	time_t now = now_s();

	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (f->sessions[i].fd >= 0 && now - f->sessions[i].last_s >= SESSION_IDLE_S)
			session_end(f, &f->sessions[i]);
}

static void serve(struct forwarder *f)
{
	for (;;) {
		struct epoll_event events[32];
		int n = epoll_wait(f->epoll_fd, events, ARRAY_SIZE(events),
			f->session_count ? SESSION_IDLE_S * 1000 : -1);

		if (n < 0 && errno != EINTR)
			return;
		for (int i = 0; i < n; i++) {
			uint64_t what = events[i].data.u64;

			if (what == EVENT_EXIT)
				return;
			if (what < f->listener_count)
				from_client(f, (size_t)what);
			else
				from_container(f, &f->sessions[what - f->listener_count]);
		}
		end_idle(f);
	}
}

/* Move FD to TARGET, which is free or not needed any more. */
static int place_fd(int fd, int target, struct error **err)
{
	/* EBADF: the number is above the limit */
	if (dup3(fd, target, O_CLOEXEC) < 0)
		return error_errno(
			err, errno == EBADF ? EMFILE : errno, "serve all published UDP ports");
	return target;
}

/*
 * In the child: root of the container's user namespace, everything inherited. Keeps only what it
 * serves with (a lock held here would outlive its owner), joins the network namespace for the
 * sockets it makes from now on, and gives up all capabilities.
 */
static int forwarder_child(void *data, struct error **err)
{
	struct forwarder *f = data;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};
	struct rlimit limit;
	int null_fd, first = 1 << 16, next;

	if (setns(f->netns_fd, CLONE_NEWNET) < 0)
		return error_errno(err, errno, "join the container's network");
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); /* lowering nothing: cannot fail */
	}
	f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (f->epoll_fd < 0 || null_fd < 0)
		return error_errno(err, errno, "make an epoll descriptor");
	/* Gather what stays above everything else, then close all below and above. */
	first = fcntl(f->epoll_fd, F_DUPFD_CLOEXEC, 3);
	for (size_t i = 0; i < f->listener_count && first >= 0; i++)
		first = MAX(first, f->listeners[i].fd);
	first = MAX(first, MAX(f->exit_read_fd, MAX(f->epoll_fd, null_fd)));
	first = MAX(first, f->ready_fd) + 1;
	next = first;
	f->epoll_fd = place_fd(f->epoll_fd, next++, err);
	if (f->epoll_fd < 0)
		return -1;
	f->exit_read_fd = place_fd(f->exit_read_fd, next++, err);
	if (f->exit_read_fd < 0)
		return -1;
	f->ready_fd = place_fd(f->ready_fd, next++, err);
	if (f->ready_fd < 0)
		return -1;
	for (size_t i = 0; i < f->listener_count; i++) {
		f->listeners[i].fd = place_fd(f->listeners[i].fd, next++, err);
		if (f->listeners[i].fd < 0)
			return -1;
	}
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null_fd, fd); /* cannot fail for an open descriptor */
	(void)close_range(3, (unsigned int)first - 1, 0);
	(void)close_range((unsigned int)next, ~0U, 0);
	(void)prctl(PR_SET_NAME, "pod-udp");
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) < 0)
		_exit(1);
	for (size_t i = 0; i < f->listener_count; i++)
		if (watch(f, f->listeners[i].fd, i) < 0)
			_exit(1);
	if (watch(f, f->exit_read_fd, EVENT_EXIT) < 0)
		_exit(1);
	if (write_all(f->ready_fd, "1", 1) < 0)
		_exit(1); /* nobody waits any more */
	fd_replace(&f->ready_fd, -1);
	serve(f);
	_exit(0);
}

/* Bind 127.0.0.1 beside slirp4netns' wildcard address, which both sides allow at this moment only;
 * or the mapping's own loopback address, which nobody else has. */
static int listen_loopback(
	struct forwarder *f, const struct port_mapping *mapping, unsigned int i, struct error **err)
{
	const struct port_mapping loopback = {
		.host_ip = mapping->host_ip ? mapping->host_ip : (char *)"127.0.0.1", .udp = true};
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)(mapping->host_port + i))};
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int beside = !mapping->host_ip, off = 0;

	if (fd < 0)
		return error_errno(err, errno, "make a socket");
	if (inet_pton(AF_INET, loopback.host_ip, &address.sin_addr) != 1 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &beside, sizeof(beside)) < 0 ||
		bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)) < 0)
		return port_error(&loopback, (uint16_t)(mapping->host_port + i), errno, err);
	array_grow(f->listeners, f->listener_count, f->listener_capacity);
	f->listeners[f->listener_count++] =
		(struct listener){steal_fd(&fd), (uint16_t)(mapping->container_port + i)};
	return 0;
}

static int start_child(struct forwarder *f, int userns_fd, pid_t *ret_pid, struct error **err)
{
	cleanup_close int ready_fd = -1;
	struct userns_child child;
	int pair[2], result;
	char byte;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	ready_fd = pair[0];
	f->ready_fd = pair[1];
	result = userns_run_begin(userns_fd, false, forwarder_child, f, &child, err);
	fd_replace(&f->ready_fd, -1);
	if (result < 0)
		return -1;
	if (read_full(ready_fd, &byte, 1) != 1) {
		if (userns_run_finish(&child, err) == 0)
			return error_set(err, ERR_SYSTEM, "the UDP forwarder ended");
		return -1;
	}
	/* From now on it has nothing to say. */
	close_keep_errno(child.result_fd);
	*ret_pid = child.pid;
	return 0;
}

int udp_start(const struct network_options *opts, int netns_fd, int userns_fd, int exit_read_fd,
	pid_t *ret_pid, struct error **err)
{
	struct forwarder *f = xcalloc(1, sizeof(*f));
	int result = 0;

	*ret_pid = 0;
	f->netns_fd = netns_fd;
	f->exit_read_fd = exit_read_fd;
	f->epoll_fd = -1;
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		f->sessions[i].fd = -1;
	for (size_t p = 0; p < opts->port_count && result == 0; p++) {
		const struct port_mapping *port = &opts->ports[p];

		for (unsigned int i = 0;
			udp_on_loopback(opts, port) && i < port->range && result == 0; i++)
			result = listen_loopback(f, port, i, err);
	}
	if (result == 0 && f->listener_count)
		result = start_child(f, userns_fd, ret_pid, err);
	for (size_t i = 0; i < f->listener_count; i++)
		close_keep_errno(f->listeners[i].fd);
	free(f->listeners);
	free(f);
	return result;
}
