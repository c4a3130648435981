#pragma once

#include "container/container.h"
#include "monitor/client.h"
#include "util/error.h"

/**
 * attach_status() - what a command that was attached (run, start, attach, exec) ends with
 * @result: of attach_run() or exec_run()
 * A closed stdout ends the program quietly; a monitor that was killed is an error, as the container
 * went with it. Returns: the exit status, or -1 with @err set.
 */
int attach_status(int result, enum attach_end end, int exit_code, struct error **err);

/** attach_terminal_warning() - podman's, where -t and -i were given and stdin is no terminal. */
void attach_terminal_warning(bool terminal, bool interactive);

/**
 * attach_hold_signals() - before a container is started that will be attached to
 * Signals that come between here and attach_run() are kept and then passed on; else one that comes
 * in the middle of a start would leave the container running on its own.
 */
void attach_hold_signals(bool sig_proxy);

/** attach_size() - the size of our terminal for the container's first process, where there is one
 */
void attach_size(struct container_start_options *start);
