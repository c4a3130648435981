#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * SHA-256 (FIPS 180-4) for what pod itself hashes: manifests and configs of a few KiB. Layers are
 * hashed by pod-transfer, with the CPU's instructions.
 */

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes so far */
	unsigned char block[64];
};

#define SHA256_DIGEST_TEXT 71 /* strlen("sha256:") + 64 */

void sha256_init(struct sha256 *ctx);
void sha256_update(struct sha256 *ctx, const void *data, size_t len);
/** sha256_final() - the 32 bytes; CTX must be initialised again before further use. */
void sha256_final(struct sha256 *ctx, unsigned char out[32]);

/** sha256_digest() - "sha256:<64 hex digits>" and NUL of DATA. */
void sha256_digest(const void *data, size_t len, char out[SHA256_DIGEST_TEXT + 1]);
