#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/store.h"
#include "util/error.h"

/*
 * Images: images/refs/<escaped reference> (the truth for a tag, one small JSON file replaced by
 * rename: {"version":1,"reference":...,"manifest":"sha256:...","mediaType":...,"image":"<hex>",
 * "size":bytes}), beside an OCI image layout (oci-layout, index.json, blobs/sha256/). Image id is the
 * config blob's digest. Untagged images keep a ref file named "@<image id>".
 */

#define IMAGE_MANIFEST_MAX (4u << 20) /* bytes; distribution-spec's recommended least upper bound */
#define IMAGE_CONFIG_MAX   (8u << 20)
#define IMAGE_LAYERS_MAX   127

struct image_ref {
	char *reference;       /* "docker.io/library/alpine:latest", "name@sha256:..."; NULL untagged */
	char *manifest_digest; /* "sha256:<hex>" */
	char *media_type;      /* the manifest's */
	char *image_id;	       /* 64 hex digits: the config's digest */
	uint64_t size_bytes;   /* unpacked layers, 0 unknown */
};

/* image-spec config.md, checked: what a container needs of it. */
struct image_config {
	char *architecture, *os, *variant, *created, *author, *comment;
	char *user, *working_dir, *stop_signal;
	char **env, **entrypoint, **cmd, **exposed_ports, **volumes, **labels; /* labels "k=v" */
	char **healthcheck; /* NULL when none */
	char **diff_ids;    /* "sha256:<hex>", bottom first */
	size_t diff_id_count;
};

struct image {
	char *id;
	struct image_ref *refs; /* all references with this id */
	size_t ref_count;
	struct image_config *config;
};

void image_ref_clear(struct image_ref *ref);
void image_config_free(struct image_config *config);
void image_free(struct image *image);
static inline void image_freep(struct image **image)
{
	image_free(*image);
}
#define cleanup_image __attribute__((cleanup(image_freep)))

/** image_config_parse() - NAME is for errors. @err: ERR_INVALID with the member's path. */
int image_config_parse(const char *text, size_t len, const char *name, struct image_config **ret,
	struct error **err);

/**
 * image_lookup() - by reference (normalised first: "alpine" is docker.io/library/alpine:latest, and
 * localhost/alpine:latest is tried when that is absent), by id, or by unique id prefix
 * Start path: one small file and the config blob are read when NAME is a reference.
 * @ret: refs holds just the matching reference (or one of the id's)
 * @err: ERR_NOT_FOUND, ERR_CONFLICT (ambiguous prefix), ERR_INVALID
 */
int image_lookup(struct store *store, const char *name, struct image **ret, struct error **err);

/** image_ref_write() - commit a tag; the layers and blobs are already durable. WRITE_SYNC rename. */
int image_ref_write(struct store *store, const struct image_ref *ref, struct error **err);
int image_ref_remove(struct store *store, const char *reference, struct error **err);

/** image_list() - every ref file, sorted by reference; corrupt ones are skipped with a warning. */
int image_list(struct store *store, struct image_ref **ret, size_t *ret_count, struct error **err);

/** blob_path() - "images/blobs/sha256/<hex>" existence and reading; digest form is checked. */
int blob_read(struct store *store, const char *digest, size_t limit, char **ret, size_t *ret_len,
	struct error **err);
bool blob_exists(struct store *store, const char *digest);
/** blob_write() - small blob (manifest, config); verified to hash to DIGEST by the caller. */
int blob_write(struct store *store, const char *digest, const void *data, size_t len,
	struct error **err);

/** digest_is_valid() - "sha256:" and 64 lower-case hex digits (the only algorithm taken; sha512 is
 * refused by name). */
bool digest_is_valid(const char *digest);
/** digest_hex() - the hex part of a valid digest, borrowed. */
const char *digest_hex(const char *digest);
