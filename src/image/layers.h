#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"
#include "registry/fetch_client.h"
#include "storage/store.h"
#include "util/error.h"

/*
 * The conductor: makes the layers of an image that the store does not have, from files that are
 * there (import, load) or from a fetcher (pull), as many at a time as there are cores, the largest
 * first.
 *
 * A blob being fetched is tmp/<hex>.part, locked by the one who fetches it. Two pulls of one layer:
 * the second takes what is free, and waits for a locked part only while it holds no part itself, so
 * that any number of pulls cannot block each other in a circle. What is waited for is mostly there
 * afterwards; where the first was killed, the second goes on behind the bytes that are there.
 *
 * When a batch is unpacked and verified: one syncfs, each layer renamed into place, the parts
 * become blobs (or are dropped), locks released.
 */

struct layer_job {
	const char *diff_id; /* borrowed, as all here */
	const char *digest;  /* of the blob */
	uint64_t size_bytes; /* of the blob; checked against what a fetcher is sent */
	int source_fd;       /* the whole blob; -1: fetch it */
};

/* Where missing blobs come from: a fetcher, seen through what the conductor needs of it
 * (registry/fetch_client.h says what the functions do). */
struct layers_source {
	struct fetcher *fetcher;
	int (*fetch)(struct fetcher *fetcher, uint32_t id, const char *digest, uint64_t size_bytes,
		uint64_t offset, int part_fd, char *const *urls, struct error **err);
	int (*fd)(const struct fetcher *fetcher);
	int (*next_event)(struct fetcher *fetcher, struct fetch_event *ret, struct error **err);
};

struct layers_options {
	const struct layers_source *source; /* NULL when every job has its blob */
	unsigned int unpack_flags;
	bool keep_blobs;
	const struct pull_events *events; /* NULL none */
};

/** layers_keep_blobs() - POD_KEEP_BLOBS: true unless "0" or "false". */
bool layers_keep_blobs(void);

/**
 * layers_make() - afterwards every layer of JOBS exists, or nothing new is visible
 * @jobs: bottom first; a layer may occur several times
 * The images lock is held shared by the caller.
 * @err: ERR_DIGEST, ERR_INVALID (hostile or damaged layer), ERR_REMOTE, ERR_SYSTEM
 */
int layers_make(struct store *store, const struct layer_job *jobs, size_t count,
	const struct layers_options *opts, struct error **err);
