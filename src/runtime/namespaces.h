#pragma once

#include <sched.h>

#include "runtime/spec.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/** namespace_file() - its name in /proc/PID/ns ("net"); for a pid namespace the one we are in. */
const char *namespace_file(enum namespace_type type);
/** namespace_flag() - its CLONE_NEW* flag. */
unsigned int namespace_flag(enum namespace_type type);
/** namespace_word() - the runtime specification's word ("network"). */
const char *namespace_word(enum namespace_type type);
