#pragma once

#include "util/error.h"

/** signal_parse() - "TERM", "SIGTERM", "term", "15", "RTMIN+3", "RTMAX-1"; 1 to 64.
 * @err: ERR_INVALID "invalid signal: x" */
int signal_parse(const char *text, int *ret, struct error **err);
/** signal_name() - "SIGTERM"; real-time signals "SIGRTMIN+3". Static storage; NULL when SIGNAL is
 * none. */
const char *signal_name(int signal);
