#pragma once

#include <sys/types.h>

#include "container/container.h"
#include "container/spec.h"
#include "monitor/notify.h"

/*
 * A container as a service of systemd (or whatever speaks its protocols): what the environment
 * offers is passed on, sd_notify(3) and sd_listen_fds(3).
 *
 * The service's main process is the monitor: it is in the service's control group, ends with the
 * container's status, and its death is the container's. A container is told of a socket of its
 * own (--sdnotify=container): its processes are in another control group, so the manager would
 * not know whose messages they are; the monitor passes them on.
 */

struct service {
	enum notify_mode mode;
	char socket[NOTIFY_SOCKET_MAX]; /* "": nobody is to be told */
	int notify_fd;                  /* the container's socket; -1: none */
	unsigned int listen_fds;        /* descriptors from 3 on for the container */
};

#define SERVICE_INIT                                                                               \
	{                                                                                          \
		.notify_fd = -1                                                                    \
	}

/** service_listen_fds() - how many descriptors, from 3 on, were given to this process to pass on;
 * they are close-on-exec from now on. 0: none, or they are another process's. */
unsigned int service_listen_fds(void);

/** service_prepare() - look at the environment, make the container's socket, complete PLAN's
 * mounts and environment. The container's lock is held. Free with service_clear(). */
int service_prepare(struct service *service, struct store *store, struct container *container,
	struct container_spec *plan, struct error **err);

/** service_started() - tell the manager its main process, and that it runs where we say so; where
 * that fails a note is appended to NOTES. */
void service_started(const struct service *service, pid_t monitor_pid, char ***notes);

/** service_close_fds() - the container has them now: this process's copies are closed. */
void service_close_fds(struct service *service);

void service_clear(struct service *service);
