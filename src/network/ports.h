#pragma once

#include "network/network.h"

/**
 * port_try() - can HOST_PORT (0: any) be bound as MAPPING says? Nothing stays bound.
 * @ret_port: the port that was bound; NULL: not wanted
 * @err: ERR_CONFLICT "... address already in use"; ERR_UNSUPPORTED (port below
 *       net.ipv4.ip_unprivileged_port_start, with the remedy); ERR_INVALID (not an address of the
 *       host); ERR_SYSTEM
 */
int port_try(const struct port_mapping *mapping, uint16_t host_port, uint16_t *ret_port,
	struct error **err);
/** port_error() - the error for a port that could not be bound, of errno WHY. Returns -1. */
int port_error(const struct port_mapping *mapping, uint16_t port, int why, struct error **err);
