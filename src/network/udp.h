#pragma once

#include "network/network.h"
#include "rootless/userns.h"

/*
 * Published UDP ports for clients on the host's own loopback. slirp4netns forwards from them, but
 * with
 * --disable-host-loopback it drops every answer to 127.0.0.1 (TCP has no such problem). So where a
 * mapping is for all addresses, a small process binds 127.0.0.1 beside slirp4netns, which keeps all
 * others and with them the true source addresses; a loopback address is bound by that process
 * alone. Inside, such a client is seen as coming from the container's own address.
 */

/**
 * udp_start() - bind and serve the loopback side of OPTS' UDP ports
 * @netns_fd:      the container's network namespace
 * @exit_read_fd:  the process ends when all writers of this pipe are gone
 * @ret_pid:       0 when nothing is to be served; a child of the caller
 * @err:           as port_try()
 * All descriptors are borrowed. slirp4netns must have bound its own ports before.
 */
int udp_start(const struct network_options *opts, int netns_fd, int userns_fd, int exit_read_fd,
	pid_t *ret_pid, struct error **err);
/** udp_on_loopback() - is MAPPING served here, at least for clients on 127.0.0.1? */
bool udp_on_loopback(const struct network_options *opts, const struct port_mapping *mapping);
/** udp_only_loopback() - and by nobody else: its host address is a loopback address? */
bool udp_only_loopback(const struct network_options *opts, const struct port_mapping *mapping);
