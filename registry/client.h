#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/registries_conf.h"
#include "util/error.h"

/*
 * The pulling side of the OCI distribution specification (v1.1, "Pull") and of docker's token
 * authentication, over registry/http.h: redirects, authentication, retries, resumption.
 *
 * What is never done: an Authorization header does not follow a redirect to another origin (scheme,
 * host, port), nor come back from one; credentials go over plain HTTP only to the registry itself
 * and only where that is configured insecure, and to a token service only over https or, for a
 * registry spoken to over plain HTTP, on the same host; https is not left for http unless the
 * registry is insecure.
 */

struct registry_client;
struct registry_source; /* a repository on one registry, with its credentials and TLS files */

enum registry_tls { REGISTRY_TLS_DEFAULT, REGISTRY_TLS_VERIFY, REGISTRY_TLS_SKIP };

struct registry_client_options {
	const char *authfile, *cert_dir; /* NULL: the usual places */
	const char *username, *password; /* for sources that are no mirrors; NULL: stored ones */
	enum registry_tls tls;
	unsigned int stall_timeout_s; /* a silent connection is given up; 0: 60 */
};

int registry_client_new(const struct registry_client_options *opts, struct registry_client **ret,
	struct error **err);
void registry_client_free(
	struct registry_client *client); /* drops requests under way, and sources */

/**
 * registry_source_open() - prepare an endpoint (for registry_ping() its repository may be "");
 * reads certs.d and stored credentials (may start a credential helper), does not touch the network
 * @ret: owned by the client, lives as long
 */
int registry_source_open(struct registry_client *client, const struct registry_endpoint *endpoint,
	struct registry_source **ret, struct error **err);
/** registry_source_text() - "localhost:5000/library/alpine:latest", for messages; borrowed. */
const char *registry_source_text(const struct registry_source *source);

struct registry_document {
	char *text; /* len bytes and a NUL */
	size_t len;
	char *media_type; /* Content-Type; NULL absent */
};
void registry_document_clear(struct registry_document *document);

/**
 * registry_get_manifest() - GET /v2/<name>/manifests/<reference>; blocks
 * @reference: tag or digest; NULL: the source's own
 * @limit:     bytes
 * @err: ERR_NOT_FOUND (manifest or repository unknown), ERR_REMOTE (refused, unreachable,
 *       unauthorised), ERR_INVALID. The content is not hashed here.
 */
int registry_get_manifest(struct registry_client *client, struct registry_source *source,
	const char *reference, size_t limit, struct registry_document *ret, struct error **err);

/** registry_get_blob() - a small blob; blocks. Tries SOURCES from FIRST on. Not hashed here. */
int registry_get_blob(struct registry_client *client, struct registry_source *const *sources,
	size_t count, size_t first, const char *digest, size_t limit, struct registry_document *ret,
	struct error **err);

struct registry_blob_options {
	struct registry_source *const
		*sources; /* tried in order from FIRST; borrowed while it runs */
	size_t source_count, first;
	char *const *urls; /* then these, without credentials, https only; copied; NULL none */
	const char *digest;
	uint64_t size_bytes, offset; /* OFFSET bytes are there already */
	int fd;                      /* written with pwrite; owned from now on */
	void *data;
	/* OFFSET bytes are valid; grows, never falls back */
	void (*progress)(void *data, uint64_t offset);
	/* The end: ERR NULL when all SIZE_BYTES are there; borrowed. Not called on
	 * registry_client_free(). */
	void (*done)(void *data, const struct error *err);
};
/** registry_fetch_blob() - start; goes on within registry_client_step(). At most 6 run at once. */
int registry_fetch_blob(struct registry_client *client, const struct registry_blob_options *opts,
	struct error **err);

/** registry_ping() - GET /v2/ with the source's credentials; blocks. @err: ERR_REMOTE "...: invalid
 * username/password" when they are refused. */
int registry_ping(
	struct registry_client *client, struct registry_source *source, struct error **err);

/** registry_client_step() - move what can be moved; wait for the network, the FDS or TIMEOUT_MS
 * (-1: no limit). */
int registry_client_step(struct registry_client *client, struct pollfd *fds, size_t fd_count,
	int timeout_ms, struct error **err);

/** registry_digest_check() - ERR_DIGEST unless TEXT hashes to DIGEST; WHAT is for the message. */
int registry_digest_check(
	const char *what, const void *text, size_t len, const char *digest, struct error **err);
