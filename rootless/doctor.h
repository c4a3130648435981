#pragma once

#include "util/check.h"

/**
 * rootless_check() - what the host gives an ordinary user: kernel, user namespaces, AppArmor,
 * subordinate ids, newuidmap, limits of namespaces, /proc
 * Namespaces are really made, in children; nothing stays.
 * @ret_userns_fd: the base user namespace, owned; -1 where none is needed or none can be made (then
 *                 one of the checks has failed)
 * Call it only while single-threaded: it forks.
 */
void rootless_check(struct check_list *list, int *ret_userns_fd);

/** session_check() - what the login gives: limits, lingering, keyrings. */
void session_check(struct check_list *list);
