#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/strbuf.h"

/* Making tar archives for tests, well-formed or not. */

struct tar_member {
	char type; /* as in the header; 0 ends a list */
	const char *name, *link, *data;
	unsigned int mode; /* 0: 0755 for directories, 0644 else */
	uint64_t device_major, device_minor;
	const char *xattr; /* "name=value" as a pax header before it */
};

/** tarball_header() - append one header block with a right checksum. ID is uid and gid. */
void tarball_header(
	struct strbuf *out, const struct tar_member *member, uint64_t size, unsigned int id);
/** tarball_member() - header, data and padding (and a pax header for xattr). */
void tarball_member(struct strbuf *out, const struct tar_member *member, unsigned int id);
/** tarball_raw() - a member of TYPE with LEN bytes of DATA: pax headers, long names. */
void tarball_raw(struct strbuf *out, char type, const char *name, const void *data, size_t len);
/** tarball_pax() - one pax record as a member of type x. */
void tarball_pax(struct strbuf *out, const char *key, const void *value, size_t len);
/** tarball_checksum() - make the checksum of the block at OFFSET right again. */
void tarball_checksum(struct strbuf *out, size_t offset);
/** tarball_end() - the two zero blocks. */
void tarball_end(struct strbuf *out);
