#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "container/container.h"
#include "storage/store.h"
#include "util/error.h"

/*
 * The listing of all containers, fast: <store>/index keeps what a listing shows of each. A kept row
 * counts while the modification time of the container's directory is the one noted with it (every
 * change of a record or state renames a file into that directory), and was noted long enough after
 * the change that another one in the same clock tick would have shown. Everything else is read from
 * the records, and the index written anew. It may be lost or damaged at any time: it is a cache.
 */

struct container_row {
	char id[65];
	const char *name;
	const char *image_name;  /* "" with --rootfs */
	const char *image_given; /* as the user gave it; "" with --rootfs, or not recorded */
	const char *image_id;    /* "" with --rootfs */
	const char *command;     /* args joined by spaces */
	const char *ports;       /* docker's -p syntax, joined by '\n'; "" none */
	const char *labels;      /* "k=v" joined by '\n' */
	const char *mounts;      /* destinations joined by '\n' */
	const char *volumes;     /* names of volumes joined by '\n' */
	const char *exposed;     /* "80/tcp" joined by '\n', published or not; "" none */
	const char *health;      /* "starting" "healthy" "unhealthy"; "" no check */
	const char *network;     /* network mode as given */
	uint64_t created_ns, started_ns, finished_ns; /* CLOCK_REALTIME; 0 never */
	enum container_state state;
	int exit_code;
	pid_t init_pid;
	bool remove; /* --rm */
};

struct container_index {
	struct container_row *rows; /* oldest first; strings are owned by this struct */
	size_t count;
	struct error *damage; /* of the first record that could not be read; NULL: all could */
	/* private */
	char *file; /* the index, mapped */
	size_t file_size;
	char **strings; /* of rows read from records */
	size_t string_count, string_capacity;
};

/** container_index_load() - the rows of all containers as they are now. @err: ERR_SYSTEM */
int container_index_load(struct store *store, struct container_index *ret, struct error **err);
void container_index_clear(struct container_index *index);
#define cleanup_container_index __attribute__((cleanup(container_index_clear)))
