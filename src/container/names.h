#pragma once

#include "storage/store.h"
#include "util/error.h"

/*
 * containers/names/<name> is a symbolic link whose text is the id. A link counts while its id has a
 * record of that name, or a locked directory in tmp/ (being created); else whoever needs the name
 * takes it over under names_lock(). A rename holds that lock from the new name's claim to the old
 * one's release.
 */

/** names_lookup() - the id NAME (checked by container_name_check) links to. Returns 0 or -1. */
int names_lookup(int names_fd, const char *name, char out[65]);

/** names_find() - the name that leads to ID, by reading all; owned, NULL when there is none. */
char *names_find(int names_fd, const char *id);

/** names_claim() - make NAME lead to ID. @err: ERR_CONFLICT, in podman's words. */
int names_claim(struct store *store, const char *name, const char *id, struct error **err);

/** names_claim_random() - a free name in docker's adjective_noun manner; *ret_name is owned. */
int names_claim_random(struct store *store, const char *id, char **ret_name, struct error **err);

/** names_release() - remove NAME if it leads to ID. */
void names_release(struct store *store, const char *name, const char *id);

/** names_sweep() - remove links whose container is gone, which a killed monitor of a --rm container
 * leaves; nothing when somebody else changes names. */
void names_sweep(struct store *store);

/** names_lock() - for several changes as one. Returns: the descriptor that holds it, or -1. */
int names_lock(struct store *store, struct error **err);
/** names_claim_locked(), names_release_locked() - for the holder of names_lock() */
int names_claim_locked(struct store *store, const char *name, const char *id, struct error **err);
void names_release_locked(struct store *store, const char *name, const char *id);
