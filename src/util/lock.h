#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * Locks are open-file-description record locks (F_OFD_SETLK, fcntl(2)) on a file opened O_RDWR:
 * they belong to the descriptor and its duplicates across fork, vanish when the last one closes
 * (also by SIGKILL), work on NFS, and can be asked about without being taken.
 */

enum lock_mode { LOCK_SHARED, LOCK_EXCLUSIVE };
enum lock_wait { LOCK_TRY, LOCK_WAIT };

/**
 * lock_open() - open (made 0600 when absent) and lock NAME below DIR_FD
 * @err: ERR_CONFLICT when held by somebody else and WAIT is LOCK_TRY; ERR_NOT_FOUND when the file
 *       was unlinked meanwhile too often; ERR_SYSTEM
 *
 * The file is checked after locking to be still the one that the name leads to; else it is opened
 * again, so that a file removed by its holder is never locked by mistake.
 * Returns: the descriptor that holds the lock; close it to release.
 */
int lock_open(
	int dir_fd, const char *name, enum lock_mode mode, enum lock_wait wait, struct error **err);

/** lock_fd() - lock an open descriptor. Returns 0, or -1 (ERR_CONFLICT as above). */
int lock_fd(int fd, enum lock_mode mode, enum lock_wait wait, struct error **err);

/** lock_is_held() - would an exclusive lock by somebody else be refused? Takes nothing.
 * Returns: 1 held, 0 free or absent, -1 with errno. */
int lock_is_held(int dir_fd, const char *name);
/** lock_fd_is_held() - the same, of a descriptor opened O_RDWR that holds no lock itself. */
int lock_fd_is_held(int fd);
