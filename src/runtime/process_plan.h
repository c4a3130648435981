#pragma once

#include <stddef.h>

#include "runtime/process.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "util/error.h"

/**
 * process_plan_build() - the flat plan of a process (pod only)
 * @process: checked for what execve could not carry; borrowed
 * @seccomp: its filter, NULL: none
 * @flags:   enum process_plan_flags to add to those that PROCESS implies
 * @ret:     the block, owned by the caller; @ret_len its bytes. It passes process_plan_check().
 * @err:     ERR_INVALID
 */
int process_plan_build(const struct runtime_process *process, const struct seccomp_program *seccomp,
	unsigned int flags, struct process_plan **ret, size_t *ret_len, struct error **err);
