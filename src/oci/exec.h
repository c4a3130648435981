#pragma once

#include "oci/record.h"

struct oci_exec_options {
	const char *id;
	const char *process_file; /* a process object; NULL: the container's own, changed by: */
	char *const *args;
	char *const *env;          /* "NAME=value", added */
	const char *cwd;           /* NULL: as it is */
	const char *user;          /* "uid[:gid]" or names of the container; NULL: as it is */
	char *const *capabilities; /* added to all sets */
	const char *apparmor, *process_label;
	char *const *additional_gids;
	bool no_new_privs;
	/* in both cases */
	bool terminal;
	const char *console_socket, *pid_file;
	const char *cgroup; /* below the container's; NULL: the container's */
	unsigned int preserve_fds;
	bool detach, ignore_paused;
	int late_fd; /* of oci_seal(); -1: none */
};

/** oci_exec() - run another process in a container. Returns its exit status (0 when detached). */
int oci_exec(const struct oci_root *root, const struct oci_exec_options *opts, struct error **err);
