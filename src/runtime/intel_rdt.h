#pragma once

#include <sys/types.h>

#include "runtime/spec.h"
#include "util/error.h"

/*
 * linux.intelRdt: shares of the processor's cache and memory bandwidth, by the resctrl file system
 * (kernel: Documentation/arch/x86/resctrl.rst). A class of service is a directory of it, named by
 * closID, or by the container, whose own it is then.
 */

/** intel_rdt_root() - the resctrl file system, wherever it is mounted. Returns a descriptor, or -1:
 * ERR_UNSUPPORTED, there is none. */
int intel_rdt_root(struct error **err);

/**
 * intel_rdt_apply() - put process PID into its class of service, made when it is not there
 * @root_fd: of the resctrl file system; borrowed
 * @id:      the container's
 * @err:     ERR_CONFLICT: the class is there with another schema; ERR_NOT_FOUND: it is not there
 * and no schema says how to make it Spec: config-linux.md, "IntelRdt". Processes that PID starts
 * later follow it.
 */
int intel_rdt_apply(int root_fd, const struct runtime_intel_rdt *rdt, const char *id, pid_t pid,
	struct error **err);

/** intel_rdt_update() - other schemata for the class of service that the container ID is in; RDT
 * has its closID and what is to change. @err: ERR_NOT_FOUND */
int intel_rdt_update(
	int root_fd, const struct runtime_intel_rdt *rdt, const char *id, struct error **err);

/** intel_rdt_remove() - the container's own directories; one that closID names stays. */
void intel_rdt_remove(int root_fd, const struct runtime_intel_rdt *rdt, const char *id);
