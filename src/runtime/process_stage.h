#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/process.h"
#include "runtime/process_user.h"
#include "runtime/spec.h"

/*
 * What process_exec() is made of. All of it is compiled into both programs and follows the rules of
 * process.h: async-signal-safe calls and the stack only. Functions that are handed a FAILURE_FD
 * return on success only; otherwise they send one struct process_failure there and end the process.
 */

#define PROCESS_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** plan_at() - what the checked PLAN has at OFFSET. */
static inline const char *plan_at(const struct process_plan *plan, uint32_t offset)
{
	return (const char *)plan + offset;
}

/** plan_string() - string I of the plan's ARRAY of strings. */
static inline const char *plan_string(const struct process_plan *plan, uint32_t array, uint32_t i)
{
	return plan_at(plan, ((const uint32_t *)(const void *)plan_at(plan, array))[i]);
}

/* process_limits.c */
void process_set_rlimits(const struct process_plan *plan, int failure_fd);
void process_set_memory_policy(const struct process_plan *plan, int failure_fd);

/* process_credentials.c */
/** process_set_groups() - 0 or -1 with errno. GROUPS from FIRST_OPTIONAL on, which nobody asked
 * for, are left out where the user namespace does not map them; GROUPS is changed then. */
int process_set_groups(uint32_t *groups, size_t count, size_t first_optional);
/** process_set_capabilities() - capset(2) with masks of 1 << CAP_*; 0 or -1 with errno. */
int process_set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable);
/** process_held_capabilities() - our permitted set. */
uint64_t process_held_capabilities(void);
/** process_drop_bounding() - drop what BOUNDING lacks; CAP_SETPCAP is held. 0 or -1 with errno. */
int process_drop_bounding(uint64_t bounding);
/** process_become_answered() - in a namespace of a single id: from here on ids are what is answered
 * (runtime/single_id.h), beginning with USER's and GROUPS. */
void process_become_answered(const struct process_user *user, const uint32_t *groups,
	size_t group_count, int failure_fd);
/** process_set_labels() - AppArmor's profile and SELinux's label from the next execve on. */
void process_set_labels(const struct process_plan *plan, int failure_fd);

/* process_seccomp.c */
/** process_load_seccomp() - the plan's filter; with PROCESS_SECCOMP_NOTIFY its listener is sent. */
void process_load_seccomp(const struct process_plan *plan, int failure_fd);

/* process_command.c */
/** process_find_command() - the file that NAME stands for by PATH, into OUT of PATH_MAX bytes. */
void process_find_command(const char *name, const char *path, char *out, int failure_fd);
/** process_execute() - execve COMMAND, or tell why not: absent, not executable, no interpreter. */
__attribute__((noreturn)) void process_execute(
	const char *command, char *const *argv, char *const *env, int failure_fd);
