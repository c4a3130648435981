#pragma once

#include <stddef.h>

#include "container/container.h"
#include "storage/store.h"
#include "util/error.h"

/*
 * The processes of a container, as `top` shows them.
 *
 * They are read from the host's procfs by a child that is root of the container's user namespace
 * and joins nothing else: no container process can see it, and it opens nothing of the container's
 * but etc/passwd and etc/group (below its root, bounded). A process belongs to the container when
 * its pid namespace is the container's or one below; with --pid host, when it descends from the
 * monitor.
 */

/* headings[columns], then rows of COLUMNS cells each. Cells hold no control characters. */
struct top {
	size_t columns, row_count;
	char **headings; /* owned, NULL-terminated */
	char **cells;    /* owned, row after row, NULL-terminated */
};
void top_clear(struct top *top);

/**
 * container_top() - read the processes once
 * @descriptors: podman's names ("pid", "user" ...) or ps(1)'s AIX codes ("%p"), also several in one
 *               string with commas; NULL or empty: user pid ppid pcpu etime tty time args
 * @err: ERR_INVALID unknown descriptor; ERR_UNSUPPORTED options of ps(1), which would run a program
 * of the container; ERR_CONFLICT not running
 */
int container_top(struct store *store, struct container *container, char *const *descriptors,
	struct top *ret, struct error **err);

/**
 * container_top_ps() - the same as docker shows it: host's ps(1) is run as root of the user
 * namespace, for the process ids of the host
 * @args: options of ps; NULL or empty: "-ef". They must leave a column PID.
 * @err: ERR_CONFLICT not running; ERR_NOT_FOUND no ps; ERR_INVALID: ps does not know an option, or
 * shows no PID
 */
int container_top_ps(struct store *store, struct container *container, char *const *args,
	struct top *ret, struct error **err);

/** top_descriptors() - every name, NULL-terminated, sorted; for help and completion. */
const char *const *top_descriptors(void);
