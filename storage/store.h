#pragma once

#include <stdbool.h>

#include "util/error.h"

/*
 * The store: one directory per user, $XDG_DATA_HOME/pod (else ~/.local/share/pod), system mode
 * /var/lib/pod; runtime directory $XDG_RUNTIME_DIR/pod, else a checked private one under /tmp.
 * Overridable with --root / --runroot and POD_ROOT / POD_RUNROOT. Losing the runtime directory
 * costs attach, never truth. Layout: doc/architecture.md.
 *
 * Lock order: images/lock (shared: reader that will use layers, and pulls; exclusive: garbage
 * collection) -> containers/names -> a container's lock. tmp/<x> entries are locked by their owner
 * through tmp/<x>/lock or the file itself; an unlocked entry is garbage and swept by the next
 * writer. Who makes an entry locks it with lock_open() right away, and starts again under another
 * name where that fails with ERR_CONFLICT or ENOENT: a sweeper was faster.
 */
struct store {
	char *data_path, *runtime_path; /* absolute */
	int data_fd;                    /* O_PATH-free directory descriptors, close-on-exec */
	int runtime_fd;                 /* made when absent */
	int images_fd;                  /* images/ */
	int layers_fd;                  /* layers/ */
	int containers_fd;              /* containers/ */
	int names_fd;                   /* containers/names/ */
	int volumes_fd;                 /* volumes/ */
	int tmp_fd;                     /* tmp/ */
	bool rootless;                  /* a user namespace is needed (userns_needed()) */
	bool is_first; /* the runtime directory was not there: the first use since a boot */
};

/**
 * store_open() - open (make when absent, all 0700) the store
 * @root, @runroot: NULL for the defaults above
 * Cheap: only opens directories. Does not sweep.
 * @err: ERR_SYSTEM, ERR_INVALID (wrong owner or mode of the runtime directory; unknown newer
 * version)
 */
int store_open(const char *root, const char *runroot, struct store **ret, struct error **err);
void store_free(struct store *store);
static inline void store_freep(struct store **store)
{
	store_free(*store);
}
#define cleanup_store __attribute__((cleanup(store_freep)))

/** store_sync() - syncfs(2) of the store's file system. */
int store_sync(const struct store *store, struct error **err);

/**
 * store_remove_trees() - delete NAMES (NULL-terminated) and all in them below DIR_FD
 * @userns_fd: where foreign ids are in them, the base user namespace; -1: as ourselves
 * All are tried; @err is the first failure.
 */
int store_remove_trees(
	struct store *store, int dir_fd, char *const *names, int userns_fd, struct error **err);

/**
 * store_make_entry() - make the directory tmp/NAME and lock it
 * A sweeper may find it between the two and take it for garbage: then it is made again.
 * @ret_lock_fd: holds tmp/NAME/lock
 */
int store_make_entry(struct store *store, const char *name, int *ret_dir_fd, int *ret_lock_fd,
	struct error **err);

/** store_discard() - delete tmp/NAME and all in it, inside the user namespace where other ids'
 * files need that. What stays after a failure is swept later. */
int store_discard(struct store *store, const char *name, struct error **err);

/**
 * store_sweep() - remove garbage: unlocked tmp/ entries (trees with foreign ids inside USERNS_FD),
 * what killed writers left in images/. Interrupted downloads (tmp/<x>.part) are kept for a week.
 * Called by writers that are not on the start path (pull, rm, prune, system check).
 * @userns_fd: -1: one is made where there is garbage
 */
int store_sweep(struct store *store, int userns_fd, struct error **err);

/**
 * store_forget_sockets() - unlink what a killed monitor of container ID left in the runtime
 * directory The container's lock is held, or its directory is garbage: no monitor of it lives.
 */
void store_forget_sockets(struct store *store, const char *id);
