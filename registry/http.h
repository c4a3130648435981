#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/challenge.h"
#include "util/error.h"

/*
 * HTTP exchanges over libcurl's multi interface: one request on the wire each, no redirect
 * followed, no retry, no authentication of its own (registry/client.c does these). Proxies come
 * from the environment as curl takes them. Response headers are bounded to 64 KiB, bodies by who
 * receives them.
 */

/* How to speak TLS with one host: system CAs plus certs.d. */
struct http_tls {
	bool skip_verify;
	char *ca_text;                  /* PEM, more trusted CAs; NULL none */
	char *client_cert, *client_key; /* paths; NULL none */
};
void http_tls_clear(struct http_tls *tls);

/**
 * http_tls_load() - certs.d of HOST ("localhost:5000")
 * @cert_dir: --cert-dir, a directory that holds the files itself; NULL: HOST's directory in
 *            $XDG_CONFIG_HOME/containers/certs.d, /etc/containers/certs.d, /etc/docker/certs.d: the
 *            first that exists. *.crt are CAs, NAME.cert and NAME.key the client's certificate.
 * @err: ERR_SYSTEM (unreadable), ERR_NOT_FOUND (--cert-dir missing, a .cert without its .key)
 */
int http_tls_load(const char *host, const char *cert_dir, struct http_tls *ret, struct error **err);

enum http_failure {
	HTTP_OK,             /* a response came, whatever its status, and all of its body */
	HTTP_FAILED_CONNECT, /* no connection: refused, no route, name not found */
	HTTP_FAILED_TLS,     /* the peer speaks no TLS, or no common version */
	HTTP_FAILED_VERIFY,  /* its certificate is not trusted, or of another name */
	HTTP_FAILED_BROKEN,  /* the connection ended or stalled on the way */
	HTTP_FAILED_BODY,    /* the receiver stopped it (body callback returned -1) */
	HTTP_FAILED_OTHER,
};

struct http_response {
	int status; /* 0: none came */
	char *content_type, *location, *docker_digest, *content_range,
		*retry_after; /* NULL absent */
	struct challenge challenge;
	enum http_failure failure;
	char detail[256]; /* of a failure, for people */
};

void http_response_clear(struct http_response *response);

struct http_exchange_options {
	const char *url;
	const char *accept;         /* NULL: anything */
	const char *authorization;  /* value of the header; NULL none */
	const char *post_fields;    /* POST of a form; NULL: GET */
	uint64_t range_start;       /* bytes; 0: no Range */
	const struct http_tls *tls; /* NULL: verify with the system's CAs */
	void *data;
	/* When the response's headers are complete. */
	void (*headers)(void *data, const struct http_response *response);
	/* A piece of the body; -1 stops the exchange. */
	int (*body)(void *data, const void *bytes, size_t len);
	/* The end, also of failures, exactly once unless cancelled; called from http_step().
	 * Members of RESPONSE may be stolen. The exchange is gone afterwards. */
	void (*done)(void *data, struct http_response *response);
};

struct http;
struct http_exchange;

/** http_new() - STALL_TIMEOUT_S: a connection that brings nothing for so long is broken. */
struct http *http_new(unsigned int stall_timeout_s, struct error **err);
void http_free(struct http *http); /* cancels what is under way */

/** http_start() - options and strings are copied (tls must outlive it). Owned by http. */
int http_start(struct http *http, const struct http_exchange_options *opts,
	struct http_exchange **ret, struct error **err);
/** http_cancel() - drop an exchange without calling its done. */
void http_cancel(struct http *http, struct http_exchange *exchange);

/** http_step() - move what can be moved, wait at most TIMEOUT_MS for more or for the FDS (their
 * revents are set, as by poll). */
int http_step(
	struct http *http, struct pollfd *fds, size_t fd_count, int timeout_ms, struct error **err);

/* --- URLs ------------------------------------------------------------------------------------- */

struct http_origin {
	char *scheme, *host, *port; /* lower case, port always given */
};
void http_origin_clear(struct http_origin *origin);
/** http_origin_parse() - @err: ERR_INVALID (malformed, not http/https, with user or password) */
int http_origin_parse(const char *url, struct http_origin *ret, struct error **err);
bool http_origin_equal(const struct http_origin *a, const struct http_origin *b);

/** http_resolve() - LOCATION (untrusted) relative to BASE; owned. @err: ERR_INVALID */
int http_resolve(const char *base, const char *location, char **ret, struct error **err);
/** http_escape() - percent-encoded for a query; owned. */
char *http_escape(const char *text);
