#pragma once

#include "runtime/spec.h"
#include "util/error.h"

/**
 * net_devices_move() - linux.netDevices: interfaces of ours go into the container's network
 * namespace
 * @netns_fd: of the container; borrowed
 * @err:      ERR_NOT_FOUND, ERR_SYSTEM, with the member's path
 *
 * Spec: config-linux.md, "Network Devices": under their new names, with their permanent addresses
 * of global scope, and up. "%d" in a new name is filled in by the kernel. Needs CAP_NET_ADMIN in
 * both namespaces. What was moved is not moved back when a later step fails: the kernel does that
 * for physical interfaces when the namespace ends. Single-threaded callers only.
 */
int net_devices_move(const struct runtime_spec *spec, int netns_fd, struct error **err);
