#pragma once

#include "util/check.h"

/**
 * network_check() - slirp4netns, /dev/net/tun, low ports, ping, name servers
 * The first name server is asked one question (for the root zone's servers) and given two seconds.
 */
void network_check(struct check_list *list);
