#pragma once

/* Resource limits by name (the runtime specification writes "RLIMIT_NOFILE", --ulimit "nofile"). */

/** rlimit_name() - lower-case name without "RLIMIT_", "unknown" when there is none. */
const char *rlimit_name(int resource);
/** rlimit_parse() - the number of either spelling, in any case; -1 when there is none. */
int rlimit_parse(const char *name);
