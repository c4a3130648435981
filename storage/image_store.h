#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/store.h"
#include "util/error.h"

/*
 * Images: images/refs/<escaped reference> (the truth for a tag, one small JSON file replaced by
 * rename: {"version":1,"reference":...,"manifest":"sha256:...","mediaType":...,"image":"<hex>",
 * "size":bytes}), beside an OCI image layout (oci-layout, index.json, blobs/sha256/). Image id is
 * the config blob's digest. Untagged images keep a ref file named "@<image id>".
 */

#define IMAGE_MANIFEST_MAX                                                                         \
	(4u << 20) /* bytes; distribution-spec's recommended least upper bound                     \
		    */
#define IMAGE_CONFIG_MAX (8u << 20)
#define IMAGE_LAYERS_MAX 127

struct image_ref {
	char *reference; /* "docker.io/library/alpine:latest", "name@sha256:..."; NULL untagged */
	char *manifest_digest; /* "sha256:<hex>" */
	char *media_type;      /* the manifest's */
	char *image_id;        /* 64 hex digits: the config's digest */
	uint64_t size_bytes;   /* unpacked layers, 0 unknown */
};

/* image-spec config.md, checked: what a container needs of it. */
struct image_config {
	char *architecture, *os, *variant, *created, *author, *comment;
	char *user, *working_dir, *stop_signal;
	char **env, **entrypoint, **cmd, **exposed_ports, **volumes, **labels; /* labels "k=v" */
	char **healthcheck;                                                    /* NULL when none */
	uint64_t health_interval_ns, health_timeout_ns; /* 0: the engine's default */
	uint64_t health_start_period_ns, health_start_interval_ns;
	uint32_t health_retries;
	char **diff_ids; /* "sha256:<hex>", bottom first */
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
 * image_lookup_reference() - the image that a normalised reference names
 * @reference: as written by image_ref_write ("docker.io/library/alpine:latest"); short names are
 *made long by the caller (src/image), storage knows no registry Start path: reads one small file
 *and the config blob.
 * @ret: refs holds just this reference
 * @err: ERR_NOT_FOUND, ERR_INVALID (damaged file or config)
 */
int image_lookup_reference(
	struct store *store, const char *reference, struct image **ret, struct error **err);

/**
 * image_lookup_id() - the image whose id begins with PREFIX (hex digits, "sha256:" before it or
 * not) Reads all ref files.
 * @ret: refs holds all references with this id, sorted
 * @err: ERR_NOT_FOUND, ERR_CONFLICT (more than one image), ERR_INVALID
 */
int image_lookup_id(
	struct store *store, const char *prefix, struct image **ret, struct error **err);

/** image_lookup() - as a reference where one of that name is there, else by id. */
int image_lookup(struct store *store, const char *name, struct image **ret, struct error **err);

/**
 * image_ref_write() - commit a tag; the layers and blobs are already durable. WRITE_SYNC rename.
 * @ref: reference NULL writes the untagged entry "@<image id>"
 * An image that loses its last reference to another one keeps an untagged entry, as docker and
 * podman show it; the untagged entry of an image that gets a reference goes. index.json follows.
 * Serialised among writers by images/refs.lock.
 */
int image_ref_write(struct store *store, const struct image_ref *ref, struct error **err);

/**
 * image_ref_read() - one reference, without its config
 * @err: ERR_NOT_FOUND, ERR_INVALID
 */
int image_ref_read(
	struct store *store, const char *reference, struct image_ref *ret, struct error **err);

/**
 * image_ref_remove() - remove REFERENCE ("@<image id>" for an untagged one)
 * Leaves no untagged entry behind: the caller removes the image's content, or writes one.
 * @err: ERR_NOT_FOUND
 */
int image_ref_remove(struct store *store, const char *reference, struct error **err);

/** image_index_write() - make index.json, which only other tools read, from the ref files. Done by
 * image_ref_write() and image_ref_remove(). */
int image_index_write(struct store *store, struct error **err);

/** image_refs_free() - what image_list() gave. */
void image_refs_free(struct image_ref *refs, size_t count);

/** image_list() - every ref file, sorted by reference; corrupt ones are skipped with a warning. */
int image_list(struct store *store, struct image_ref **ret, size_t *ret_count, struct error **err);
/** image_list_whole() - the same, but a record that cannot be read is an error: for who deletes
 * what is on no list. */
int image_list_whole(
	struct store *store, struct image_ref **ret, size_t *ret_count, struct error **err);

/** blob_path() - "images/blobs/sha256/<hex>" existence and reading; digest form is checked. */
int blob_read(struct store *store, const char *digest, size_t limit, char **ret, size_t *ret_len,
	struct error **err);
bool blob_exists(struct store *store, const char *digest);
/** blob_write() - small blob (manifest, config); verified to hash to DIGEST by the caller. */
int blob_write(
	struct store *store, const char *digest, const void *data, size_t len, struct error **err);

/** digest_is_valid() - "sha256:" and 64 lower-case hex digits (the only algorithm taken; sha512 is
 * refused by name). */
bool digest_is_valid(const char *digest);
/** digest_hex() - the hex part of a valid digest, borrowed. */
const char *digest_hex(const char *digest);
