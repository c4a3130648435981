#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* Who a process is, across reboots: a pid on disk counts only with boot id and start time. */

#define BOOT_ID_LENGTH 36

/** boot_id_get() - /proc/sys/kernel/random/boot_id into OUT (37 bytes). Returns 0 or -1. */
int boot_id_get(char out[BOOT_ID_LENGTH + 1], struct error **err);

/** proc_start_time() - field 22 of /proc/PID/stat, clock ticks since boot. -1: no such process, or
 * one that has ended (a zombie). */
int proc_start_time(pid_t pid, uint64_t *ret_ticks);

/** proc_pidfd() - a pidfd for PID if its start time is START; -1 with errno (ESRCH) otherwise. */
int proc_pidfd(pid_t pid, uint64_t start_ticks);

/** wait_status_to_exit() - 0..255 as a shell shows it: 128 + n after signal n. */
int wait_status_to_exit(int wait_status);
