#pragma once

#include <stdint.h>

#include "storage/tar.h"
#include "util/error.h"

/*
 * A layer's tar becomes a directory (image-spec layer.md, "Applying Changesets"): ownership, modes,
 * extended attributes, times, links, holes, whiteouts in overlay's own form (a 0/0 character
 * device; user.overlay.opaque=y).
 *
 * Everything happens below one directory descriptor: names are walked component by component, links
 * on the way are followed as if that directory were "/". The archive is hostile:
 *  - a path or link that leaves the root by ".." is refused;
 *  - attributes that mean something to overlay or to container engines (user.overlay.*,
 *    user.containers.*, user.fuseoverlayfs.*), and trusted.* and all of security.* but capability,
 * are left out and counted;
 *  - device nodes that may not be made (user namespace) are left out and counted, as podman does; a
 *    0/0 character device, which would be a whiteout, always is;
 *  - an entry replaces what the same archive put there before, as in all engines; a whiteout only
 *    hides what is below (layer.md), never what is in the same layer.
 */

#define UNPACK_DEPTH_MAX   2048        /* components of a path */
#define UNPACK_IMPLIED_MAX (64u << 20) /* bytes of the list of implied directories */
#define UNPACK_ENTRIES_MAX (1u << 24)  /* of an archive */

struct unpack_options {
	int diff_fd; /* empty directory, O_RDONLY; borrowed */
	/* File that gets, each ended by NUL, "+path" for a directory that no entry was there for
	 * when something was put in it, "-path" when the entry came later (see
	 * layer_adopt_parents()); -1: none. */
	int implied_fd;
	unsigned int flags; /* enum unpack_flags (unpack_protocol.h) */
};

struct unpack_counts {
	uint64_t files, content_bytes, skipped_devices, skipped_xattrs, implied_directories,
		squashed_owners;
};

/**
 * unpack_tar() - write all entries of TAR below opts->diff_fd
 * @err: ERR_INVALID (hostile or malformed; names the entry), ERR_SYSTEM, or what TAR's source gave
 * What was written is left for the caller to delete on failure. Sets the process's umask meanwhile.
 */
int unpack_tar(struct tar *tar, const struct unpack_options *opts, struct unpack_counts *ret,
	struct error **err);
