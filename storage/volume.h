#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/store.h"
#include "util/error.h"

/*
 * Volumes: volumes/<name>/{_data/, volume.json}, made in tmp/ and renamed into place. What is in
 * _data/ belongs to the containers' users (subordinate ids).
 */

struct volume {
	char *name;
	char *mountpoint; /* absolute path of _data */
	uint64_t created_ns;
	char **labels;  /* "k=v" */
	char **options; /* "k=v", as given to create; only kept */
	bool anonymous;
};
void volume_clear(struct volume *volume);

/** volume_name_check() - [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 255. @err: ERR_INVALID, podman's words
 */
int volume_name_check(const char *name, struct error **err);

/**
 * volume_create() - make a volume
 * @volume: name, labels, options, anonymous are used
 * @err: ERR_CONFLICT "volume with name x already exists: volume already exists"
 */
int volume_create(struct store *store, const struct volume *volume, struct error **err);

/** volume_open() - descriptor of NAME's _data/; the volume is made when absent (as run -v does). */
int volume_open(struct store *store, const char *name, bool anonymous, struct error **err);

/** volume_path() - absolute path of NAME's _data/; owned. */
char *volume_path(const struct store *store, const char *name);

/** volume_load() - @err: ERR_NOT_FOUND "no volume with name \"x\" found: no such volume" */
int volume_load(struct store *store, const char *name, struct volume *ret, struct error **err);

/** volume_list() - all, by name; broken ones are left out with a warning. Clear each and free. */
int volume_list(struct store *store, struct volume **ret, size_t *ret_count, struct error **err);

/** volume_remove() - renamed away, then deleted (in the user namespace where needed). Whether it is
 * in use is the caller's question. @err: ERR_NOT_FOUND, ERR_SYSTEM */
int volume_remove(struct store *store, const char *name, struct error **err);

/** volume_wants_copy_up() - is _data/ (FD, from volume_open()) empty, or was a copy-up cut short?
 */
bool volume_wants_copy_up(int fd);

/**
 * volume_copy_up() - what ROOT_FD has at PATH becomes the content of an empty volume
 * @root_fd: the container's root, before anything of the user's is mounted there; untrusted
 * @path:    where the volume will be mounted, as the container sees it; NULL: nothing is copied,
 *           only what a killed copy-up left is removed
 * @fd:      from volume_open()
 * Runs as root of the container's user namespace. Nothing happens when PATH is no directory, or the
 * volume has content. Owners, modes, times, extended attributes, symbolic and hard links and holes
 * are kept; sockets and device nodes are left out. Another copy-up is waited for; one that was
 * killed is begun again (volumes/<name>/copying tells). So whoever puts something into a volume
 * calls this first: a half copy is deleted with all that came after it.
 * @err: ERR_SYSTEM, ERR_INVALID (nested too deep)
 */
int volume_copy_up(int root_fd, const char *path, int fd, struct error **err);
