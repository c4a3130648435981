#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/* -v, --mount and --tmpfs as docker and podman spell them. */

enum container_mount_kind { CONTAINER_MOUNT_BIND, CONTAINER_MOUNT_VOLUME, CONTAINER_MOUNT_TMPFS };

struct container_mount {
	enum container_mount_kind kind;
	char *source;      /* bind: path as given; volume: name, NULL anonymous; tmpfs: NULL */
	char *destination; /* absolute, cleaned, not "/" */
	char **options; /* OCI words for the mount ("ro", "nosuid", "rprivate", "size=64m" ...) */
	bool read_only; /* "ro" is among them */
	bool chown;     /* "U": what is mounted is given to the container's user */
	bool no_copy;   /* volume: do not copy the image's content into an empty one */
};

void container_mount_clear(struct container_mount *mount);
static inline void container_mount_clearp(struct container_mount *mount)
{
	container_mount_clear(mount);
}
#define cleanup_container_mount __attribute__((cleanup(container_mount_clearp)))

/** parse_volume() - "-v [SOURCE:]DEST[:OPTIONS]": a source with a '/' (or '.') in front is a path,
 * else a volume's name. @err: ERR_INVALID, ERR_UNSUPPORTED (O, ...: what it is and why not) */
int parse_volume(const char *text, struct container_mount *ret, struct error **err);
/** parse_mount() - "--mount type=bind,source=...,destination=...,readonly,...": CSV with quotes. */
int parse_mount(const char *text, struct container_mount *ret, struct error **err);
/** parse_tmpfs() - "--tmpfs DEST[:OPTIONS]" */
int parse_tmpfs(const char *text, struct container_mount *ret, struct error **err);
/** container_mount_text() - canonical --mount text that parse_mount() reads back; owned. */
char *container_mount_text(const struct container_mount *mount);
