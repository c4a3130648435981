#pragma once

#include <stddef.h>
#include <stdint.h>

#include "storage/tar.h"
#include "util/error.h"

/*
 * Writing tar archives: ustar, with a pax header where a name, a number or an attribute does not
 * fit (POSIX.1-2001, "pax Interchange Format"). What tar.h reads back is what was written, but
 * times are whole seconds.
 */
struct tar_writer {
	int fd; /* borrowed; a socket is written to without SIGPIPE */
	bool is_socket;
	uint64_t data_left, padding; /* of the entry begun, bytes */
	size_t used;
	char buffer[128 << 10];
};

void tar_writer_init(struct tar_writer *writer, int fd);
/**
 * tar_writer_entry() - begin an entry; for a regular file size_bytes of data must follow
 * @entry: path, link, mode, uid, gid, size_bytes, mtime, device and xattrs count; sparse maps do
 * not
 * @err: ERR_INVALID (a path that is too long), ERR_SYSTEM
 */
int tar_writer_entry(struct tar_writer *writer, const struct tar_entry *entry, struct error **err);
/** tar_writer_data() - the next piece of the entry's data; not more than is missing. */
int tar_writer_data(struct tar_writer *writer, const void *data, size_t len, struct error **err);
/** tar_writer_finish() - two zero blocks, and everything is written out. */
int tar_writer_finish(struct tar_writer *writer, struct error **err);
