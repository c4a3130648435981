#pragma once

#include <signal.h>

#include "runtime/runtime.h"

/* `run` and `exec` in the foreground. */

/** oci_hold_signals() - before the process is made: what comes from here on is passed on to it. */
void oci_hold_signals(sigset_t *ret_signals, sigset_t *ret_old);

/**
 * oci_wait() - until the instance's process ends
 * Signals are passed on, everything that ends is reaped, and with TERMINAL its terminal and our
 * stdio are one. Returns the exit status as a shell shows it, or -1; the instance has no pid then.
 */
int oci_wait(struct runtime_instance *instance, bool terminal, const sigset_t *signals,
	struct error **err);

/** oci_pid_file_write() - PATH may be NULL. */
int oci_pid_file_write(const char *path, pid_t pid, struct error **err);
