#pragma once

#include "network/network.h"

/* slirp4netns' control socket: one JSON request and one answer per connection, slirp4netns(1). */

#define API_SOCKET_FORMAT "%.12s.slirp" /* of the container's id; below the runtime directory */

/**
 * api_add_ports() - publish all ports of OPTS, then remove the socket's name
 * @opts: port_count > 0; the helper is ready, so that its socket listens
 * @err:  as port_try() for the port that could not be published; ERR_SYSTEM
 */
int api_add_ports(const struct network_options *opts, struct error **err);
