#pragma once

#include "container/container.h"
#include "runtime/process.h"

/* A further command in a running container: its rights and surroundings are the container's. */

struct container_exec_options {
	char *const *args;
	char *const *env;        /* -e, as given */
	char *const *env_files;  /* --env-file */
	const char *user;        /* NULL: the container's */
	const char *working_dir; /* NULL: the container's */
	bool terminal, privileged;
	uint16_t console_height, console_width;
};

/**
 * container_exec_plan() - the flat plan of the command, for exec_run()
 * @ret: owned
 * @err: ERR_INVALID, ERR_USAGE
 */
int container_exec_plan(struct container *container, const struct container_exec_options *opts,
	struct process_plan **ret, struct error **err);
