#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * pod's side of the fetcher (`pod-transfer fetch`): starts it, asks, hands out events. One fetcher
 * serves one reference. Limits: a manifest 4 MiB, a config 8 MiB. POD_STALL_TIMEOUT in the
 * environment is the time in seconds after which a silent connection is given up (60).
 */

#define FETCH_MANIFEST_MAX (4u << 20) /* bytes */
#define FETCH_CONFIG_MAX   (8u << 20)

struct fetcher; /* owns the socket and the process */

enum fetch_tls_verify { FETCH_TLS_DEFAULT, FETCH_TLS_VERIFY, FETCH_TLS_SKIP };

struct fetch_options {
	const char *authfile;             /* --authfile; NULL: the usual places */
	const char *username, *password;  /* --creds; NULL none */
	const char *cert_dir;             /* --cert-dir; NULL: certs.d */
	enum fetch_tls_verify tls_verify; /* --tls-verify */
	const char *os, *architecture;    /* "linux", "amd64"; NULL: this host's */
	const char *variant;              /* "v7"; NULL: the best this host or architecture takes */
};

struct fetch_descriptor {
	char *media_type, *digest; /* digest "sha256:<hex>", form checked */
	uint64_t size_bytes;
	char *text; /* size_bytes and a NUL; the bytes as received, hashing to digest */
};

struct fetch_resolved {
	char *reference; /* canonical: what the image is to be tagged as */
	struct fetch_descriptor manifest, config;
	struct fetch_descriptor
		index; /* digest NULL when the reference led to a manifest directly */
};
void fetch_resolved_clear(struct fetch_resolved *resolved);

/** fetcher_start() - start the program; it dies with us. @err: ERR_NOT_FOUND (not installed), ...
 */
int fetcher_start(struct fetcher **ret, struct error **err);
/** fetcher_free() - end it (whatever is under way stays in the .part files) and reap it. */
void fetcher_free(struct fetcher *fetcher);
static inline void fetcher_freep(struct fetcher **fetcher)
{
	fetcher_free(*fetcher);
}
#define cleanup_fetcher __attribute__((cleanup(fetcher_freep)))

/**
 * fetcher_resolve() - ask the registry (or its mirrors) for REFERENCE; blocks
 * @reference: as the user gave it
 * @ret:       fetch_resolved_clear() it
 * @err:       ERR_NOT_FOUND (no such image or tag), ERR_REMOTE (refused, unreachable,
 * unauthorised), ERR_DIGEST, ERR_INVALID (malformed answer), ERR_UNSUPPORTED (no manifest for the
 * platform, schema 1, an artifact)
 */
int fetcher_resolve(struct fetcher *fetcher, const char *reference,
	const struct fetch_options *opts, struct fetch_resolved *ret, struct error **err);

/** fetcher_login() - check credentials with GET /v2/ of REGISTRY ("host[:port]"). @err: ERR_REMOTE.
 */
int fetcher_login(struct fetcher *fetcher, const char *registry, const struct fetch_options *opts,
	struct error **err);

/**
 * fetcher_fetch_blob() - start fetching a blob of the resolved repository; does not wait
 * @id:      1.., yours, names the blob in events
 * @digest:  from the manifest; @size_bytes: likewise, the fetch fails when the server sends another
 *           number; the content is not hashed here
 * @offset:  bytes of PART_FD already there (and to be trusted): the fetch continues behind them
 * @part_fd: a regular file, written with pwrite; borrowed
 * @urls:    the descriptor's "urls" (foreign layers), NULL none: tried without credentials, over
 * https only, when the registry does not have the blob
 */
int fetcher_fetch_blob(struct fetcher *fetcher, uint32_t id, const char *digest,
	uint64_t size_bytes, uint64_t offset, int part_fd, char *const *urls, struct error **err);

enum fetch_event_type { FETCH_EVENT_PROGRESS, FETCH_EVENT_DONE, FETCH_EVENT_ERROR };

struct fetch_event {
	enum fetch_event_type type;
	uint32_t id;
	uint64_t offset;     /* bytes valid from the file's start; never falls back */
	struct error *error; /* ERROR: owned by the receiver */
};

/** fetcher_fd() - poll it for POLLIN. */
int fetcher_fd(const struct fetcher *fetcher);

/**
 * fetcher_next_event() - the next event, without waiting
 * Returns: 1 with *ret set, 0 when there is none now, -1: ERR_REMOTE when the fetcher died.
 */
int fetcher_next_event(struct fetcher *fetcher, struct fetch_event *ret, struct error **err);
