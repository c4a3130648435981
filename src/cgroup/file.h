#pragma once

#include <stddef.h>
#include <stdint.h>

/* On groups that pod made on the way to a container's: they go with the last container in them. */
#define CGROUP_MADE_XATTR "user.pod.made"

/* Files of a group: small texts, written by one write(2). All return 0, or -1 with errno. */

int cgroup_file_write(int dir_fd, const char *name, const char *text);
/** cgroup_file_read() - into OUT, NUL-terminated, cut off at SIZE - 1; the final newline is taken
 * away. */
int cgroup_file_read(int dir_fd, const char *name, char *out, size_t size);
/** cgroup_file_number() - a file with one number; "max" is UINT64_MAX. */
int cgroup_file_number(int dir_fd, const char *name, uint64_t *ret);
/** cgroup_flat_value() - the number of line "KEY number" in TEXT (memory.stat, cgroup.events). */
int cgroup_flat_value(const char *text, const char *key, uint64_t *ret);
