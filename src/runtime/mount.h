#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* One mount, made with the file-descriptor mount API (Linux 5.2, mount_setattr 5.12): nothing is
 * found by a path that somebody else can change. */

struct mount_options {
	uint64_t attr_set, attr_clear;         /* MOUNT_ATTR_* of this mount */
	uint64_t rec_set, rec_clear;           /* of it and all below */
	uint64_t propagation, rec_propagation; /* MS_PRIVATE ... or 0 */
	unsigned long mount_flags; /* MS_I_VERSION, MS_SILENT: what only mount(2) takes */
	bool bind, recursive;
	bool copy_up;      /* tmpcopyup */
	bool copy_symlink; /* a source that is a symbolic link is made again */
	bool remount;      /* no new mount: change the one that is there */
	bool has_mode;     /* DATA has mode= */
	char **data;       /* "key" or "key=value" for the file system; owned */
};

/* mount_words.c */
/** mount_options_parse() - the words of an OCI mount (runtime-spec config.md, "Linux mount
 * options"). Words that are no flags go to the file system. @err: ERR_UNSUPPORTED: a word that the
 * descriptor-based API has no place for */
int mount_options_parse(char *const *words, struct mount_options *ret, struct error **err);
void mount_options_clear(struct mount_options *opts);
/** mount_option_words() - all words that are not handed to the file system; owned. */
char **mount_option_words(void);

/* mount.c */
/** mount_new() - a detached mount of file system TYPE. SOURCE may be NULL. Returns its descriptor,
 * or -1; (*err)->errnum has the kernel's answer. */
int mount_new(
	const char *type, const char *source, const struct mount_options *opts, struct error **err);

/** mount_clone() - a detached copy of what is at PATH below DIR_FD ("" for DIR_FD itself). Returns
 * a descriptor or -1 with errno. */
int mount_clone(int dir_fd, const char *path, bool recursive);

/** mount_apply() - set attributes and propagation of mount FD. What a user namespace has locked
 * (nosuid, nodev, noexec, ro of the host) stays as it is where words without "r" in front would
 * clear it, and is an error (EPERM) where words with one would. Returns 0 or -1 with errno. */
int mount_apply(int fd, const struct mount_options *opts);

/** mount_attach() - put the detached mount FD onto the place TARGET_FD. 0 or -1 with errno. */
int mount_attach(int fd, int target_fd);
