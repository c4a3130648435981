#pragma once

#include "oci/record.h"

/** oci_signal_all() - to every process of the container; PIDFD: init's, -1 when it has ended. */
int oci_signal_all(
	const struct oci_container *container, int pidfd, int signal, struct error **err);

/** oci_processes() - pids on the host, ascending; owned. */
int oci_processes(
	const struct oci_container *container, pid_t **ret, size_t *ret_count, struct error **err);
