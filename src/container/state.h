#pragma once

#include "container/container.h"

/* run.json and exit: what was started last, and how it ended (format in container.h). */

/* In the directory of a container that was paused in this run. */
#define CONTAINER_PAUSED_FILE "paused"

void container_status_clear(struct container_status *status);

/** container_status_read() - the state as the files and the lock of DIR_FD say now. */
int container_status_read(int dir_fd, struct container_status *ret, struct error **err);

/** container_run_write() - run.json for a start that has just happened. RUNTIME_PATH tells commands
 * from other shells where the sockets are. */
int container_run_write(int dir_fd, const struct container_status *status, const char *runtime_path,
	bool sync, struct error **err);

/** container_exit_write() - `exit` again, with ERROR: a restart has failed. STATUS is the last
 * run's. Not restarting any more. */
int container_exit_write(
	int dir_fd, const struct container_status *status, const char *error, struct error **err);

/** container_settings_write() - settings.json: what of CONTAINER's record has changed, or may. */
int container_settings_write(const struct container *container, struct error **err);

/** container_runtime_path() - what run.json says of it; owned, NULL when there is none. */
char *container_runtime_path(int dir_fd);
