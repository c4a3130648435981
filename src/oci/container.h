#pragma once

#include <stdbool.h>

#include "oci/record.h"
#include "runtime/spec.h"
#include "util/error.h"

/*
 * The life of a container of `pod oci` (runtime-spec runtime.md, "Lifecycle"):
 *
 *   create   directory, lock → init on its way → record and config.json written aside → init ready
 *            (hooks ran) → terminal handed over → state.json renamed into place → init detached
 *   start    lock → connect to init → execve → socket removed → poststart hooks
 *   delete   lock → init killed where that may be → group removed → state.json removed → poststop
 *            hooks → rest removed
 *
 * Killed before the rename a create takes its init along, which waits with PDEATHSIG or on a socket
 * of the creator's; after it the container exists.
 */

enum oci_cgroup_manager {
	OCI_CGROUPFS,
	OCI_SYSTEMD,
	OCI_CGROUP_DISABLED,
};

/* A control group that cannot be made for want of rights or of the unified hierarchy. */
enum oci_cgroup_errors {
	OCI_CGROUP_ERRORS_AUTO, /* an error where limits are asked for */
	OCI_CGROUP_ERRORS_IGNORED,
	OCI_CGROUP_ERRORS_FATAL,
};

struct oci_create_options {
	const char *id;
	const char *bundle;         /* NULL: the current directory */
	const char *config;         /* file name in place of BUNDLE/config.json; NULL */
	const char *console_socket; /* NULL: none */
	const char *pid_file;       /* NULL: none */
	unsigned int preserve_fds;
	bool no_pivot, no_new_keyring;
	int late_fd; /* of oci_seal(); -1: none */
	enum oci_cgroup_manager cgroup_manager;
	enum oci_cgroup_errors cgroup_errors;
	char ***notes; /* fall-backs and warnings are appended */
};

/** oci_create() - the process's stdio becomes the container's. Changes the current directory.
 * On failure nothing is left. */
int oci_create(
	const struct oci_root *root, const struct oci_create_options *opts, struct error **err);

struct oci_run_options {
	struct oci_create_options create;
	bool detach;       /* return when it runs */
	bool keep;         /* do not delete it at its end */
	bool no_subreaper; /* do not adopt what its processes leave behind */
};
/** oci_run() - create, start, wait for the end and delete. Returns the exit status (0 when
 * detached), or -1. */
int oci_run(const struct oci_root *root, const struct oci_run_options *opts, struct error **err);

int oci_start(const struct oci_root *root, const char *id, struct error **err);

/** oci_kill() - SIGNAL to init, or to all processes. @err: ERR_CONFLICT when it has ended */
int oci_kill(const struct oci_root *root, const char *id, int signal, bool all, struct error **err);

/** oci_delete() - FORCE: kill it when it runs; one that does not exist is fine. Failures of
 * poststop hooks are appended to WARNINGS. */
int oci_delete(const struct oci_root *root, const char *id, bool force, char ***warnings,
	struct error **err);

/** oci_config_read() - the configuration in DIR_FD/NAME. Returns it, owned, or NULL. */
struct runtime_spec *oci_config_read(
	int dir_fd, const char *name, char **ret_text, size_t *ret_len, struct error **err);
