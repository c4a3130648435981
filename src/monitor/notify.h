#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Telling a service manager how a container is (sd_notify(3)): datagrams of "NAME=VALUE" lines to
 * the socket that $NOTIFY_SOCKET names, a path or, after '@', an abstract name. Used by `pod` at
 * the start and by the monitor program afterwards; no allocation.
 */

#define NOTIFY_SOCKET_MAX  108  /* bytes, as sockaddr_un's path */
#define NOTIFY_MESSAGE_MAX 4096 /* bytes; systemd reads no more */

/* What the container's own end of it is called: bound into the container by directory. */
#define NOTIFY_DIRECTORY           "notify" /* in the container's directory */
#define NOTIFY_FILE                "notify.sock"
#define NOTIFY_CONTAINER_DIRECTORY "/run/notify"

/* --sdnotify: who says READY=1 */
enum notify_mode {
	NOTIFY_IGNORE,    /* nobody; the service manager is told nothing */
	NOTIFY_CONMON,    /* we do, as soon as the container runs */
	NOTIFY_CONTAINER, /* the container, through a socket whose messages are passed on */
	NOTIFY_HEALTHY,   /* the monitor, when the container's health check succeeds */
};

/** notify_mode_parse() - "container", "conmon", "healthy", "ignore". Returns 0 or -1. */
int notify_mode_parse(const char *text, enum notify_mode *ret);

/** notify_socket_is_valid() - an absolute path or an abstract name, not too long. */
bool notify_socket_is_valid(const char *name);

/**
 * notify_send() - one datagram to NAME
 * @name: "" : nothing is sent
 * Waits at most half a second for room. Returns: 0, or -1 with errno.
 */
int notify_send(const char *name, const char *text, size_t len);

/**
 * notify_filter() - what of a container's message may be passed on
 * @text: LEN bytes from the container; hostile
 * @out: room for LEN + 1 bytes
 *
 * Its states are: readiness, reloading, stopping, status text, error numbers, watchdog, more time.
 * Process numbers (those of its own namespace, or anybody's), descriptors and control of the
 * watchdog's period are not. Returns: bytes in OUT, NUL-terminated; 0: nothing is left.
 */
size_t notify_filter(const char *text, size_t len, char *out);
