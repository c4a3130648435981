#pragma once

#include "util/check.h"

/**
 * doctor_check() - everything that containers need of this host, in the order of util/check.h
 * @root, @runroot: as store_open(); the store is made when absent
 * Faults are results, not errors. Takes up to some seconds (a name server that does not answer).
 * Returns true when a container with default options starts: no check has failed.
 */
bool doctor_check(const char *root, const char *runroot, struct check_list *ret);
