#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/auth.h"
#include "registry/client.h"
#include "registry/http.h"
#include "registry/reference.h"
#include "util/strbuf.h"

#define ERROR_BODY_MAX (64u << 10) /* bytes of a body that only explains */

/*
 * A request is one document or blob wanted, over as many exchanges as it takes:
 *
 *   QUEUED --start--> RUNNING --exchange ends--> ENDED --process--> FINISHED
 *      ^                                           |
 *      +------ redirect, retry, authenticated -----+
 *
 * Getting a token while processing is itself a request that is waited for, with the others going on
 * meanwhile: a request being processed is BUSY and left alone by the inner loop, and other requests
 * that need a token wait in ENDED until the outer one is through.
 */

enum scheme { SCHEME_UNKNOWN, SCHEME_HTTPS, SCHEME_HTTP };
enum auth { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct registry_source {
	struct registry_source *next;
	struct reference *ref;
	char *text;
	char *host; /* host[:port] spoken to */
	bool insecure, mirror;
	enum scheme scheme; /* known once a response came */
	struct http_tls tls;
	struct credentials credentials;
	enum auth auth; /* what the registry asked for */
	char *token;
	unsigned int token_serial; /* counts tokens got */
	int64_t token_expires_ms;  /* on the monotonic clock */
};

enum request_state { QUEUED, RUNNING, ENDED, BUSY, FINISHED };

struct request {
	struct request *next;
	struct registry_client *client;
	enum request_state state;
	bool detached; /* freed by the client once FINISHED, after DONE was called */

	/* what: a path of a source, or an address of its own */
	struct registry_source *const *sources;
	struct registry_source *one_source; /* what sources points to when there is just one */
	size_t source_count, source_index;
	char **urls; /* tried after the sources */
	size_t url_index;
	char *kind, *name; /* "manifests", "blobs", "" (ping) or "token" */
	const char *accept;
	char *own_authorization, *post_fields; /* token requests */
	struct http_tls own_tls;

	/* where we are */
	char *url;
	bool elsewhere; /* url left the source's origin: no credentials */
	unsigned int redirects, attempts, attempts_total, auth_attempts;
	unsigned int token_serial; /* the source's at the start of this exchange */
	int64_t not_before_ms;
	uint64_t offset_at_start; /* of the exchange under way */

	/* where it goes */
	int fd; /* -1: memory */
	uint64_t size_bytes, offset, skip;
	size_t limit;
	struct strbuf memory, error_body;
	bool body_wanted; /* this response's body is the content */
	struct error *sink_err;

	struct http_exchange *exchange;
	struct http_response response; /* of the last exchange */
	struct error *err;
	void *data;
	void (*progress)(void *data, uint64_t offset);
	void (*done)(void *data, const struct error *err);
};

struct registry_client {
	struct registry_client_options opts;
	char *authfile, *cert_dir, *username, *password;
	struct http *http;
	struct registry_source *sources;
	struct request *requests;
	unsigned int processing; /* depth: an outer step is on the stack */
};

/** now_ms() - the monotonic clock */
int64_t now_ms(void);

/* registry/request.c: one request */

/**
 * request_new() - a new one, QUEUED, the client's
 * @kind: "manifests", "blobs", "" (ping) or "token"
 * @name: copied: tag or digest; of a token request its address
 */
struct request *request_new(struct registry_client *client, const char *kind, const char *name);
/** request_remove() - drop it, whatever its state. request_free(): one that is in no list. */
void request_remove(struct request *request);
void request_free(struct request *request);
/** request_set_source() - SOURCE (borrowed) is the only place to ask. */
void request_set_source(struct request *request, struct registry_source *source);
/** request_source() - the one being asked; NULL: an address of its own. */
struct registry_source *request_source(const struct request *request);
bool request_is_token(const struct request *request);
/** request_start() - begin an exchange. Returns 0, or -1 with request->err set. */
int request_start(struct request *request);
/** request_process() - decide what comes after the exchange that has ENDED. */
void request_process(struct request *request);
/** request_finish() - it is through; request_fail(): with request->err, unless there is another
 * source; request_fail_status(): with the error that the response's status means. */
void request_finish(struct request *request);
void request_fail(struct request *request);
void request_fail_status(struct request *request);
/** registry_source_base() - "https://host/v2/..." up to the repository; owned. */
char *registry_source_base(const struct registry_source *source);
/** basic_authorization() - the header's value; owned, secret. */
char *basic_authorization(const struct credentials *credentials);
/** now_ms() - the monotonic clock */
int64_t now_ms(void);

/* registry/client.c: the loop */

/** request_wait() - take steps until it is FINISHED. @err: the loop's, or the request's own */
int request_wait(struct request *request, struct error **err);

/* registry/token.c: authentication */

/** request_authenticate() - the answer was 401: get a token or choose Basic, and queue it again. */
void request_authenticate(struct request *request);
