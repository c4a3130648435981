#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "cgroup/cgroup.h"
#include "cgroup/resources.h"
#include "util/error.h"

/*
 * Device access in cgroup v2 is decided by a BPF program of the group
 * (BPF_PROG_TYPE_CGROUP_DEVICE). Rules mean what config-linux.md says, for each kind of access by
 * itself: the last rule that speaks of the device and of this access decides; where none does,
 * access is denied. Without any rule all is allowed.
 */

/** cgroup_devices_add_default() - the rules that every container has behind its own: nodes may be
 * made, and the default devices (config-linux.md) used. */
void cgroup_devices_add_default(struct cgroup_resources *resources);

/** cgroup_devices_program() - the BPF program for RULES; owned. */
struct bpf_insn *cgroup_devices_program(
	const struct cgroup_device_rule *rules, size_t count, size_t *ret_length);

/** cgroup_devices_allow_all() - RULES forbid nothing: no program is needed. */
bool cgroup_devices_allow_all(const struct cgroup_device_rule *rules, size_t count);

/**
 * cgroup_devices_apply() - load and attach the program for RESOURCES' device rules, replacing one
 * that was attached by this function before
 * @err: ERR_UNSUPPORTED: the kernel or the lack of CAP_SYS_ADMIN (CAP_BPF) forbids it, with remedy
 */
int cgroup_devices_apply(
	const struct cgroup *cgroup, const struct cgroup_resources *resources, struct error **err);
