#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/manifest.h"
#include "util/error.h"

/*
 * pod's side of `pod-transfer archive`: archives from outside are taken apart there, never in pod.
 * The role is given a directory of ours below tmp/ and writes each member into a file of its own
 * with a name that it makes up ("m0", "m1", ...); what a member was called comes back in a report.
 *
 *   descriptor  0        1                2   3                       4
 *   read        archive  -                -   report, one JSON line   directory to write into
 *   import      stream   -                -   per member              directory to write into
 *   inflate     blob     uncompressed     -   report                  -
 *
 * Report lines: {"name","type":"file"|"link","link","file","size","digest","diffId","head"}, and in
 * the end {"ok":true} or {"error":message,"kind":enum error_kind,"errno":n}.
 */

#define ARCHIVE_REPORT_FD    3
#define ARCHIVE_DIRECTORY_FD 4
#define ARCHIVE_MEMBERS_MAX  20000
#define ARCHIVE_NAME_MAX     4096
#define ARCHIVE_JSON_MAX     (16u << 20) /* bytes of a member that pod itself reads */

struct archive_member {
	char *name;    /* as in the archive, cleaned; untrusted: for look-ups only */
	char *link;    /* a link's target, relative to the archive's root; NULL for a file */
	char *file;    /* its file in the directory; NULL for a link */
	char *digest;  /* "sha256:<hex>" of what is in the file */
	char *diff_id; /* import only: of the uncompressed stream */
	uint64_t size_bytes;
	enum layer_compression compression; /* by its first bytes */
};

struct image_archive {
	struct archive_member *members; /* the archive's order */
	size_t count;
};
void image_archive_clear(struct image_archive *archive);

/**
 * image_archive_read() - take the tar archive (or, for a directory, the tree) IN_FD apart into
 * DIR_FD The outer archive may be compressed with gzip, bzip2, xz or zstd.
 * @err: ERR_INVALID (no archive, or a damaged one), ERR_SYSTEM (disk full, ...)
 */
int image_archive_read(int in_fd, int dir_fd, struct image_archive *ret, struct error **err);

/** image_archive_import() - copy the one stream IN_FD (a layer's tar, perhaps compressed) into
 * DIR_FD; gzip and zstd are kept as they are, other compressions are undone. RET has one member. */
int image_archive_import(int in_fd, int dir_fd, struct image_archive *ret, struct error **err);

/* Undoing compression while something is written out. */
struct archive_inflater;
/** image_archive_inflate_begin() - uncompress BLOB_FD (borrowed) into a pipe.
 * @ret_fd: read end, owned by the caller */
int image_archive_inflate_begin(
	int blob_fd, struct archive_inflater **ret, int *ret_fd, struct error **err);
/** image_archive_inflate_end() - reap; ERR_INVALID when the blob was damaged. Frees INFLATER. */
int image_archive_inflate_end(struct archive_inflater *inflater, struct error **err);

/** image_archive_find() - member called NAME, links followed (at most 8); NULL when there is none.
 */
const struct archive_member *image_archive_find(
	const struct image_archive *archive, const char *name);
/** image_archive_find_digest() - member with these contents; NULL when there is none. */
const struct archive_member *image_archive_find_digest(
	const struct image_archive *archive, const char *digest);
/** image_archive_text() - contents of a small member. @err: ERR_NOT_FOUND, ERR_INVALID (too big) */
int image_archive_text(const struct image_archive *archive, int dir_fd, const char *name,
	char **ret, size_t *ret_len, struct error **err);
