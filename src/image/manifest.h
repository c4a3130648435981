#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/json.h"

/*
 * Manifests and indexes: OCI image-spec (manifest.md, image-index.md) and docker's schema 2 with
 * its manifest lists. Everything the specifications say MUST hold is checked here, and what two
 * readers could understand differently (a document with both "layers" and "manifests") is refused.
 */

#define MEDIA_TYPE_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_OCI_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_TYPE_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_TYPE_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"
#define MEDIA_TYPE_DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar"

#define INDEX_ENTRIES_MAX 1024

enum layer_compression { LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD };

struct descriptor {
	char *media_type;
	char *digest; /* valid: "sha256:<hex>" */
	uint64_t size_bytes;
	enum layer_compression compression; /* of a manifest's layers */
	char *os, *architecture, *variant;  /* of an index's entries; NULL absent */
	char *reference; /* annotation org.opencontainers.image.ref.name; NULL absent */
	char *name;      /* annotation io.containerd.image.name; NULL absent */
};

struct manifest {
	char *media_type;
	bool is_index;
	struct descriptor config;  /* of a manifest */
	struct descriptor *layers; /* of a manifest, bottom first */
	size_t layer_count;
	struct descriptor *entries; /* of an index */
	size_t entry_count;
};

/**
 * manifest_parse() - a manifest or an index
 * @content_type: the media type the source names for it (HTTP header or descriptor; parameters
 * after
 *                ';' are ignored), NULL unknown; a contradiction with the document is refused
 * @name:         what it is, for errors; borrowed during the call
 * @err: ERR_INVALID (malformed, ambiguous, more than 127 layers), ERR_UNSUPPORTED (docker schema 1,
 *       foreign layers, unknown layer or config media types, other digest algorithms)
 */
int manifest_parse(const char *text, size_t len, const char *content_type, const char *name,
	struct manifest **ret, struct error **err);
void manifest_free(struct manifest *manifest);
static inline void manifest_freep(struct manifest **manifest)
{
	manifest_free(*manifest);
}
#define cleanup_manifest __attribute__((cleanup(manifest_freep)))

void descriptor_clear(struct descriptor *descriptor);

/** layer_media_type() - OCI's for a layer stored with COMPRESSION; static. */
const char *layer_media_type(enum layer_compression compression);
/** layer_compression_sniff() - by the first bytes of a blob. */
enum layer_compression layer_compression_sniff(const void *head, size_t len);

struct platform {
	char *os, *architecture, *variant; /* variant NULL: any */
};
void platform_clear(struct platform *platform);
/** platform_host() - linux and the machine we run on, in Go's words. */
void platform_host(struct platform *ret);
/** platform_parse() - "os/arch[/variant]"; a known "arch" alone is linux's. @err: ERR_USAGE */
int platform_parse(const char *text, struct platform *ret, struct error **err);

/**
 * index_choose() - the entry for PLATFORM: the exact variant, then none, then the highest lower one
 * Attestations (unknown/unknown) never match.
 * @err: ERR_NOT_FOUND, with the platforms there are
 */
int index_choose(const struct manifest *index, const struct platform *platform, const char *name,
	const struct descriptor **ret, struct error **err);

/**
 * manifest_compose() - text of a manifest for a config and layers that we put together
 * @docker: docker schema 2 instead of OCI
 * @ret: owned; deterministic
 */
char *manifest_compose(const char *config_digest, uint64_t config_size,
	const struct descriptor *layers, size_t count, bool docker, size_t *ret_len);
