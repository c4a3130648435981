#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The owner that a file should have, on a rung where the file system can only give it another: in
 * a namespace of a single id everything is 0's. Kept in an extended attribute of regular files and
 * directories ("user." attributes do not exist elsewhere); written when a layer is unpacked and
 * when something in a container calls chown(2) (runtime/single_id.h), read by whatever packs files
 * up again. Never trusted for rights.
 */

#define OWNER_XATTR     "user.pod.owner" /* "UID:GID", decimal, without a final NUL */
#define OWNER_TEXT_SIZE 64               /* bytes of it, with NUL, and of what follows it */

struct owner {
	uint32_t uid, gid;
};

/** owner_text() - the attribute's value; returns its length. DEVICE: "char-5-1" for what should be
 * a device node, or NULL. */
int owner_text(const struct owner *owner, const char *device, char text[OWNER_TEXT_SIZE]);

/** owner_parse() - what a value says; false: it is malformed (anybody in a container can write
 * one). */
bool owner_parse(const char *text, uint32_t length, struct owner *ret);

/** owner_record() - note it down for FD (not O_PATH). Returns 0, or -1 with errno (EOPNOTSUPP:
 * no place for it). */
int owner_record(int fd, const struct owner *owner);

/** owner_recorded() - the owner noted down for FD (not O_PATH); false: none. */
bool owner_recorded(int fd, struct owner *ret);
