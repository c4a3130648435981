#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/store.h"
#include "util/error.h"

/*
 * layers/<diff_id hex>/{diff/, layer.json}: unpacked once, shared, immutable. A layer is made in
 * tmp/layer-<hex>.<random>/ (locked by its maker), synced, and renamed in: present means whole.
 */

struct layer_record {
	char *diff_id;     /* sha256:<hex> of the uncompressed tar */
	char *blob_digest; /* sha256:<hex> of the compressed blob it came from; NULL unknown */
	uint64_t blob_size_bytes, tar_size_bytes, file_count;
	bool is_squashed; /* for layer_commit(): has files whose owners are only recorded */
};
void layer_record_clear(struct layer_record *record);

bool layer_exists(struct store *store, const char *diff_id);
int layer_read(
	struct store *store, const char *diff_id, struct layer_record *ret, struct error **err);

/* A layer being made; owned: layer_writer_free() removes what was not committed (inside USERNS_FD).
 */
struct layer_writer {
	char *name;     /* of the entry below tmp/ */
	int dir_fd;     /* tmp/<name> */
	int diff_fd;    /* tmp/<name>/diff, to unpack into */
	int implied_fd; /* tmp/<name>/implied: see unpack.h */
	int lock_fd;
};
int layer_begin(
	struct store *store, const char *diff_id, struct layer_writer **ret, struct error **err);
/**
 * layer_adopt_parents() - directories that the layer's archive implied, but had no entry for, take
 *mode, owner and time from the layers below
 * @lower_fds: diff/ of the layers below, top first, all of them unpacked (committed or not) and
 *with this done already; borrowed
 * @userns_fd: -1: none
 * Needed where unpack_result.implied_count is not 0, before the sync; else does nothing.
 */
int layer_adopt_parents(struct layer_writer *writer, const int *lower_fds, size_t lower_count,
	int userns_fd, struct error **err);

/** layer_commit() - write layer.json and rename; the caller has synced (one store_sync per set).
 * A layer that appeared meanwhile is success, ours is dropped. */
int layer_commit(struct store *store, struct layer_writer *writer,
	const struct layer_record *record, struct error **err);
void layer_writer_free(struct store *store, struct layer_writer *writer, int userns_fd);
