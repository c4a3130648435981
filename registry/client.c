#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "registry/auth.h"
#include "registry/client.h"
#include "registry/http.h"
#include "registry/reference.h"
#include "util/base64.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/sha256.h"
#include "util/str.h"
#include "util/strbuf.h"

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

#define CONNECTIONS_MAX     6
#define REDIRECTS_MAX       10
#define ATTEMPTS_MAX        6 /* without progress */
#define CONNECT_ATTEMPTS    3
#define SERVER_ATTEMPTS     4 /* at an answer 5xx */
#define ATTEMPTS_TOTAL      100
#define PROGRESS_MIN        (64u << 10) /* bytes that make a new attempt count as the first again */
#define BACKOFF_FIRST_MS    200
#define BACKOFF_LAST_MS     5000
#define RETRY_AFTER_MAX_S   60
#define ERROR_BODY_MAX      (64u << 10)
#define TOKEN_MAX           (64u << 10)
#define TOKEN_MARGIN_MS     5000 /* a token this close to its end is not used any more */
#define STALL_TIMEOUT_S     60
#define DOCKER_HUB          "docker.io"
#define DOCKER_HUB_REGISTRY "registry-1.docker.io"

#define ACCEPT_MANIFESTS                                                                           \
	"application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "    \
	"application/vnd.docker.distribution.manifest.v2+json, "                                   \
	"application/vnd.docker.distribution.manifest.list.v2+json"

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

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int registry_digest_check(
	const char *what, const void *text, size_t len, const char *digest, struct error **err)
{
	char actual[SHA256_DIGEST_TEXT + 1];

	sha256_digest(text, len, actual);
	if (!str_equal(actual, digest))
		return error_set(err, ERR_DIGEST,
			"%s has digest %s instead of %s: the registry or the way to it is broken",
			what, actual, digest);
	return 0;
}

/* --- client and sources -------------------------------------------------------------------------
 */

int registry_client_new(const struct registry_client_options *opts, struct registry_client **ret,
	struct error **err)
{
	struct registry_client *client = xcalloc(1, sizeof(*client));

	client->opts = *opts;
	client->authfile = xstrdup_null(opts->authfile);
	client->cert_dir = xstrdup_null(opts->cert_dir);
	client->username = xstrdup_null(opts->username);
	client->password = xstrdup_null(opts->password);
	client->http =
		http_new(opts->stall_timeout_s ? opts->stall_timeout_s : STALL_TIMEOUT_S, err);
	if (!client->http) {
		registry_client_free(client);
		return -1;
	}
	*ret = client;
	return 0;
}

static void request_free(struct request *request)
{
	if (request->exchange)
		http_cancel(request->client->http, request->exchange);
	strv_free(request->urls);
	free(request->kind);
	free(request->name);
	free(request->own_authorization);
	free(request->post_fields);
	http_tls_clear(&request->own_tls);
	free(request->url);
	close_keep_errno(request->fd);
	strbuf_clear(&request->memory);
	strbuf_clear(&request->error_body);
	error_free(request->sink_err);
	error_free(request->err);
	http_response_clear(&request->response);
	free(request);
}

static void source_free(struct registry_source *source)
{
	reference_free(source->ref);
	free(source->text);
	free(source->host);
	http_tls_clear(&source->tls);
	credentials_clear(&source->credentials);
	free(source->token);
	free(source);
}

void registry_client_free(struct registry_client *client)
{
	if (!client)
		return;
	while (client->requests) {
		struct request *request = client->requests;

		client->requests = request->next;
		request_free(request);
	}
	while (client->sources) {
		struct registry_source *source = client->sources;

		client->sources = source->next;
		source_free(source);
	}
	http_free(client->http);
	free(client->authfile);
	free(client->cert_dir);
	free(client->username);
	free(client->password);
	free(client);
}

int registry_source_open(struct registry_client *client, const struct registry_endpoint *endpoint,
	struct registry_source **ret, struct error **err)
{
	struct registry_source *source = xcalloc(1, sizeof(*source));
	const char *domain = endpoint->ref->domain;

	source->ref = reference_with_domain(endpoint->ref, domain);
	source->text = *source->ref->repository ? reference_string(source->ref) : xstrdup(domain);
	source->host = xstrdup(str_equal(domain, DOCKER_HUB) ? DOCKER_HUB_REGISTRY : domain);
	source->mirror = endpoint->mirror;
	source->insecure = client->opts.tls == REGISTRY_TLS_SKIP ||
			   (client->opts.tls == REGISTRY_TLS_DEFAULT && endpoint->insecure);
	if (http_tls_load(domain, client->cert_dir, &source->tls, err) < 0)
		goto fail;
	source->tls.skip_verify = source->insecure;
	if (client->username && !source->mirror) {
		source->credentials.username = xstrdup(client->username);
		source->credentials.password = xstrdup(client->password ? client->password : "");
	} else if (auth_find(client->authfile, domain,
			   *source->ref->repository ? source->ref->repository : NULL,
			   &source->credentials, NULL, err) < 0) {
		goto fail;
	}
	source->next = client->sources;
	client->sources = source;
	*ret = source;
	return 0;
fail:
	source_free(source);
	return -1;
}

const char *registry_source_text(const struct registry_source *source)
{
	return source->text;
}

void registry_document_clear(struct registry_document *document)
{
	free(document->text);
	free(document->media_type);
	*document = (struct registry_document){0};
}

/* --- requests: starting --------------------------------------------------------------------------
 */

static struct request *request_new(
	struct registry_client *client, const char *kind, const char *name)
{
	struct request *request = xcalloc(1, sizeof(*request));

	request->client = client;
	request->kind = xstrdup(kind);
	request->name = xstrdup(name);
	request->fd = -1;
	request->next = client->requests;
	client->requests = request;
	return request;
}

static void request_set_source(struct request *request, struct registry_source *source)
{
	request->one_source = source;
	request->sources = &request->one_source;
	request->source_count = 1;
}

static void request_remove(struct request *request)
{
	struct request **p = &request->client->requests;

	while (*p != request)
		p = &(*p)->next;
	*p = request->next;
	request_free(request);
}

/* The source in turn; NULL: an address of its own (foreign layer, token service). */
static struct registry_source *request_source(const struct request *request)
{
	return request->source_index < request->source_count
		       ? request->sources[request->source_index]
		       : NULL;
}

static bool is_token_request(const struct request *request)
{
	return str_equal(request->kind, "token");
}

/* What the request is after, in front of its errors. */
static char *request_describe(const struct request *request)
{
	const struct registry_source *source = request_source(request);

	if (is_token_request(request))
		return xasprintf("token service '%.*s'", (int)MIN(strcspn(request->name, "?"), 200),
			request->name);
	if (!source)
		return xasprintf("layer %.19s from '%.200s'", request->name,
			request->urls && request->urls[request->url_index]
				? request->urls[request->url_index]
				: "");
	if (str_equal(request->kind, "manifests"))
		return xasprintf("reading manifest %s in %s/%s", request->name, source->ref->domain,
			source->ref->repository);
	if (str_equal(request->kind, "blobs"))
		return xasprintf("reading blob %.19s in %s/%s", request->name, source->ref->domain,
			source->ref->repository);
	return xasprintf("registry '%s'", source->ref->domain);
}

static char *source_base(const struct registry_source *source)
{
	return xasprintf("%s://%s", source->scheme == SCHEME_HTTP ? "http" : "https", source->host);
}

/* The first address of the place in turn. */
static void request_set_url(struct request *request)
{
	const struct registry_source *source = request_source(request);

	free(request->url);
	request->redirects = 0;
	request->elsewhere = !source && !is_token_request(request);
	if (is_token_request(request)) {
		request->url = xstrdup(request->name);
	} else if (!source) {
		request->url = xstrdup(request->urls[request->url_index]);
	} else {
		cleanup_free char *base = source_base(source);

		if (*request->kind)
			request->url = xasprintf("%s/v2/%s/%s/%s", base, source->ref->repository,
				request->kind, request->name);
		else
			request->url = xasprintf("%s/v2/", base);
	}
}

static char *basic_authorization(const struct credentials *credentials)
{
	cleanup_free char *pair = xasprintf("%s:%s", credentials->username, credentials->password);
	cleanup_free char *encoded = base64_encode(pair, strlen(pair));

	explicit_bzero(pair, strlen(pair));
	return xasprintf("Basic %s", encoded);
}

/* The header's value for the address in turn; NULL none. Owned. */
static char *request_authorization(const struct request *request)
{
	const struct registry_source *source = request_source(request);

	if (request->elsewhere && !is_token_request(request))
		return NULL;
	if (is_token_request(request))
		return request->elsewhere && request->redirects
			       ? NULL
			       : xstrdup_null(request->own_authorization);
	if (source->auth == AUTH_BASIC && source->credentials.username)
		return basic_authorization(&source->credentials);
	if (source->auth == AUTH_BEARER && source->token &&
		now_ms() + TOKEN_MARGIN_MS < source->token_expires_ms)
		return xasprintf("Bearer %s", source->token);
	return NULL;
}

static const struct http_tls *request_tls(struct request *request)
{
	static const struct http_tls skip = {.skip_verify = true};
	const struct registry_source *source = request_source(request);

	if (is_token_request(request) && !request->elsewhere)
		return &request->own_tls;
	if (source && !request->elsewhere)
		return &source->tls;
	/* Another host: its certificate is checked unless nothing is. */
	return request->client->opts.tls == REGISTRY_TLS_SKIP ? &skip : NULL;
}

/* --- requests: what comes back -------------------------------------------------------------------
 */

/* "bytes FIRST-LAST/TOTAL" (RFC 9110, 14.4), against what was asked for. */
static bool content_range_fits(const char *value, uint64_t offset, uint64_t size)
{
	unsigned long long first, last, total;
	int end = 0;

	if (!value)
		return false;
	if (sscanf(value, "bytes %19llu-%19llu/%19llu%n", &first, &last, &total, &end) != 3) {
		end = 0;
		if (sscanf(value, "bytes %19llu-%19llu/*%n", &first, &last, &end) != 2 || !end)
			return false;
		total = size;
	}
	return first == offset && last >= first && last < size && total == size;
}

static void on_headers(void *data, const struct http_response *response)
{
	struct request *request = data;

	request->body_wanted = false;
	request->skip = 0;
	if (response->status == 200) {
		/* A server that ignores Range sends what we have once more. */
		request->body_wanted = true;
		request->skip = request->offset;
	} else if (response->status == 206 && request->offset) {
		if (content_range_fits(
			    response->content_range, request->offset, request->size_bytes))
			request->body_wanted = true;
		else
			error_set(&request->sink_err, ERR_REMOTE,
				"the server sent another range than asked for");
	}
}

static int write_at(int fd, const char *data, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int on_body(void *data, const void *bytes, size_t len)
{
	struct request *request = data;
	const char *p = bytes;
	size_t dropped;

	if (request->sink_err)
		return -1;
	if (!request->body_wanted) {
		if (request->error_body.len < ERROR_BODY_MAX)
			strbuf_add(&request->error_body, p,
				MIN(len, ERROR_BODY_MAX - request->error_body.len));
		return 0;
	}
	if (request->fd < 0) {
		if (len > request->limit - request->memory.len)
			return error_set(&request->sink_err, ERR_INVALID,
				"the answer is longer than %zu bytes", request->limit);
		strbuf_add(&request->memory, p, len);
		return 0;
	}
	dropped = MIN(len, request->skip);
	request->skip -= dropped;
	p += dropped;
	len -= dropped;
	if (len > request->size_bytes - request->offset)
		return error_set(&request->sink_err, ERR_DIGEST,
			"the server sends more than the %llu bytes that the manifest says",
			(unsigned long long)request->size_bytes);
	if (!len)
		return 0;
	if (write_at(request->fd, p, len, request->offset) < 0)
		return error_errno(&request->sink_err, errno, "write a layer");
	request->offset += len;
	if (request->progress)
		request->progress(request->data, request->offset);
	return 0;
}

static void on_done(void *data, struct http_response *response)
{
	struct request *request = data;

	request->exchange = NULL;
	http_response_clear(&request->response);
	request->response = *response;
	*response = (struct http_response){0};
	request->state = ENDED;
}

static int request_start(struct request *request)
{
	cleanup_free char *authorization = NULL;
	struct http_exchange_options opts = {
		.accept = request->accept,
		.post_fields = request->post_fields,
		.range_start = request->offset,
		.tls = request_tls(request),
		.data = request,
		.headers = on_headers,
		.body = on_body,
		.done = on_done,
	};
	int result;

	if (!request->url)
		request_set_url(request);
	authorization = request_authorization(request);
	opts.url = request->url;
	opts.authorization = authorization;
	request->body_wanted = false;
	request->offset_at_start = request->offset;
	if (request_source(request))
		request->token_serial = request_source(request)->token_serial;
	strbuf_reset(&request->memory);
	strbuf_reset(&request->error_body);
	error_free(steal_ptr(&request->sink_err));
	log_debug("GET %s%s%s", request->url, authorization ? " (with credentials)" : "",
		request->offset ? " (resumed)" : "");
	result = http_start(request->client->http, &opts, &request->exchange, &request->err);
	if (authorization)
		explicit_bzero(authorization, strlen(authorization));
	if (result < 0)
		return -1;
	request->state = RUNNING;
	return 0;
}

/* --- requests: deciding what is next -------------------------------------------------------------
 */

static void request_finish(struct request *request)
{
	request->state = FINISHED;
	if (request->done)
		request->done(request->data, request->err);
}

/* Give this place up with REQUEST->err; go on with the next one when there is any. */
static void request_fail(struct request *request)
{
	bool more = request->source_index + 1 < request->source_count;

	if (request->source_index < request->source_count) {
		if (!more && request->urls && request->urls[0])
			more = true;
	} else {
		more = request->urls && request->urls[request->url_index] &&
		       request->urls[request->url_index + 1];
	}
	/* Another place does not help against a full disk. */
	if (!more || request->err->kind == ERR_SYSTEM) {
		request_finish(request);
		return;
	}
	log_debug("%s; trying the next place", request->err->message);
	error_free(steal_ptr(&request->err));
	if (request->source_index < request->source_count)
		request->source_index++;
	else
		request->url_index++;
	free(steal_ptr(&request->url));
	request->attempts = request->attempts_total = request->auth_attempts = 0;
	request->not_before_ms = 0;
	request->state = QUEUED;
}

/* Tries again later, from the source's own address (an address we were sent to may have expired).
 * False when it was tried often enough. */
static bool request_retry(struct request *request, unsigned int attempts_max, int64_t delay_ms)
{
	if (request->offset - request->offset_at_start >= PROGRESS_MIN)
		request->attempts = 0;
	request->attempts_total++;
	if (++request->attempts >= attempts_max || request->attempts_total >= ATTEMPTS_TOTAL)
		return false;
	if (delay_ms < 0) {
		delay_ms = BACKOFF_FIRST_MS;
		for (unsigned int i = 1; i < request->attempts && delay_ms < BACKOFF_LAST_MS; i++)
			delay_ms *= 2;
	}
	request->not_before_ms = now_ms() + MIN(delay_ms, RETRY_AFTER_MAX_S * 1000);
	free(steal_ptr(&request->url));
	request->state = QUEUED;
	return true;
}

/* The peer's words for a message: bounded, printable. */
static char *clean_text(const char *text)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (const char *p = text; *p && out.len < 200; p++)
		strbuf_addch(&out, (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
	return strbuf_detach(&out);
}

/* The first of distribution-spec's {"errors": [{"code", "message"}]}. Owned; NULL when there is
 * none. */
static char *registry_error_text(const struct request *request)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_error struct error *ignored = NULL; /* no JSON: then there is no text */
	cleanup_free char *code_text = NULL, *message_text = NULL;
	const char *code = NULL, *message = NULL;
	struct json root, errors, entry;
	size_t count;

	if (json_parse(strbuf_str(&request->error_body), request->error_body.len, "answer", &doc,
		    &root, &ignored) < 0 ||
		!json_member(&root, "errors", &errors) ||
		json_array(&errors, 100, &count, &ignored) < 0 || !count)
		return NULL;
	entry = json_at(&errors, 0);
	if (json_opt_string(&entry, "code", &code, &ignored) < 0 ||
		json_opt_string(&entry, "message", &message, &ignored) < 0 || !code)
		return NULL;
	code_text = clean_text(code);
	message_text = clean_text(message ? message : "");
	for (char *p = code_text; *p; p++)
		*p = *p == '_' ? ' ' : *p >= 'A' && *p <= 'Z' ? (char)(*p + 'a' - 'A') : *p;
	if (!*message_text || strcasecmp(code_text, message_text) == 0)
		return steal_ptr(&code_text);
	return xasprintf("%s: %s", code_text, message_text);
}

static void fail_status(struct request *request)
{
	cleanup_free char *what = request_describe(request), *said = registry_error_text(request);
	const struct registry_source *source = request_source(request);
	int status = request->response.status;

	if ((is_token_request(request) || !*request->kind) && (status == 401 || status == 403))
		error_set(&request->err, ERR_REMOTE, "%s: invalid username/password", what);
	else if (status == 404 && source && str_equal(request->kind, "manifests"))
		error_set(&request->err, ERR_NOT_FOUND, "%s: %s: check the image's name and tag",
			what, said ? said : "manifest unknown");
	else if (status == 404)
		error_set(&request->err, ERR_NOT_FOUND, "%s: %s", what,
			said ? said : "the registry does not have it");
	else if ((status == 401 || status == 403) && source && source->credentials.username)
		error_set(&request->err, ERR_REMOTE,
			"%s: %s (the registry refuses the credentials of '%s', or there is no such "
			"image)",
			what, said ? said : "unauthorized: authentication required",
			source->credentials.username);
	else if (status == 401 || status == 403)
		error_set(&request->err, ERR_REMOTE,
			"%s: %s (log in with 'pod login %s', or check the image's name)", what,
			said ? said : "unauthorized: authentication required",
			source ? source->ref->domain : "");
	else if (status == 429)
		error_set(&request->err, ERR_REMOTE,
			"%s: too many requests: the registry limits pulls; log in or try later%s%s",
			what, said ? ": " : "", said ? said : "");
	else
		error_set(&request->err, ERR_REMOTE, "%s: the server answers with status %d%s%s",
			what, status, said ? ": " : "", said ? said : "");
	request_fail(request);
}

static void fail_connection(struct request *request)
{
	cleanup_free char *what = request_describe(request);
	const struct registry_source *source = request_source(request);
	const char *host = source ? source->ref->domain : "the server";
	const char *detail = request->response.detail;
	/* Where we were sent to, without the query: that may hold a signature. */
	cleanup_free char *there =
		request->elsewhere ? xstrndup(request->url, MIN(strcspn(request->url, "?"), 200))
				   : xstrdup(host);

	switch (request->response.failure) {
	case HTTP_FAILED_VERIFY:
		error_set(&request->err, ERR_REMOTE,
			"%s: x509: %s ('%s': %s; put the CA into "
			"/etc/containers/certs.d/%s/ca.crt, "
			"or use --tls-verify=false)",
			what,
			strstr(detail, "issuer") || strstr(detail, "self")
				? "certificate signed by unknown authority"
				: "certificate is not valid",
			there, detail, host);
		break;
	case HTTP_FAILED_TLS:
		error_set(&request->err, ERR_REMOTE,
			"%s: '%s' does not speak HTTPS: %s (for plain HTTP set insecure = true in "
			"registries.conf, or use --tls-verify=false)",
			what, there, detail);
		break;
	case HTTP_FAILED_CONNECT:
		error_set(&request->err, ERR_REMOTE,
			"%s: %s (check the registry's name and the network)", what, detail);
		break;
	case HTTP_FAILED_BROKEN:
		error_set(&request->err, ERR_REMOTE,
			"%s: the connection broke after %llu bytes: %s (try again: what came is "
			"kept)",
			what, (unsigned long long)request->offset, detail);
		break;
	default:
		error_set(&request->err, ERR_REMOTE, "%s: %s", what, detail);
	}
	request_fail(request);
}

static void fail_redirect(struct request *request, struct error **why)
{
	cleanup_free char *what = request_describe(request);

	error_move(&request->err, why);
	error_wrap(&request->err, "%s: redirect", what);
	request_fail(request);
}

static void follow_redirect(struct request *request)
{
	const struct registry_source *source = request_source(request);
	struct http_origin from = {0}, to = {0};
	cleanup_error struct error *why = NULL;
	char *url = NULL;

	if (!request->response.location || request->post_fields) {
		fail_status(request); /* a form with a secret in it is not sent on */
		return;
	}
	if (++request->redirects > REDIRECTS_MAX)
		error_set(&why, ERR_REMOTE, "more than %d redirects", REDIRECTS_MAX);
	else if (http_resolve(request->url, request->response.location, &url, &why) == 0 &&
		 http_origin_parse(request->url, &from, &why) == 0)
		(void)http_origin_parse(url, &to, &why); /* told by why */
	if (!why && str_equal(from.scheme, "https") && str_equal(to.scheme, "http") &&
		!(source && source->insecure) && request->client->opts.tls != REGISTRY_TLS_SKIP)
		error_set(&why, ERR_REMOTE, "from https to 'http://%s' is not followed", to.host);
	if (!why) {
		/* Once elsewhere, credentials stay away even when the way leads back. */
		if (!http_origin_equal(&from, &to))
			request->elsewhere = true;
		free(request->url);
		request->url = steal_ptr(&url);
		request->not_before_ms = 0;
		request->state = QUEUED;
	} else {
		free(url);
		fail_redirect(request, &why);
	}
	http_origin_clear(&from);
	http_origin_clear(&to);
}

/* --- authentication ------------------------------------------------------------------------------
 */

static int request_wait(struct request *request, struct error **err)
{
	while (request->state != FINISHED)
		if (registry_client_step(request->client, NULL, 0, -1, err) < 0)
			return -1;
	return request->err ? error_move(err, &request->err) : 0;
}

static int token_parse(
	struct registry_source *source, const struct request *request, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	const char *token = NULL, *access_token = NULL;
	int64_t expires_s = 60;
	struct json root;

	if (json_parse(strbuf_str(&request->memory), request->memory.len, "token", &doc, &root,
		    err) < 0 ||
		json_opt_string(&root, "token", &token, err) < 0 ||
		json_opt_string(&root, "access_token", &access_token, err) < 0 ||
		json_opt_int64(&root, "expires_in", INT64_MIN, INT64_MAX, &expires_s, err) < 0)
		return -1;
	if (!token || !*token)
		token = access_token;
	if (!token || !*token)
		return error_set(err, ERR_REMOTE, "the token service sent no token");
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p >= 0x7f) /* it goes into a header */
			return error_set(
				err, ERR_REMOTE, "the token service sent a malformed token");
	free(source->token);
	source->token = xstrdup(token);
	source->token_serial++;
	/* The specification's least is 60 seconds, whatever is said. */
	source->token_expires_ms = now_ms() + MAX(60, MIN(expires_s, 86400)) * 1000;
	return 0;
}

static bool realm_on_host(const struct registry_source *source, const struct http_origin *origin)
{
	cleanup_free char *url = source_base(source);
	cleanup_error struct error *ignored = NULL; /* our own address is well-formed */
	struct http_origin own = {0};
	bool same =
		http_origin_parse(url, &own, &ignored) == 0 && str_equal(own.host, origin->host);

	http_origin_clear(&own);
	return same;
}

/* May the source's credentials be sent to the token service at ORIGIN? */
static bool realm_is_trusted(const struct registry_source *source, const struct http_origin *origin)
{
	return str_equal(origin->scheme, "https") ||
	       (source->insecure && realm_on_host(source, origin));
}

/* "service=...&scope=..." */
static char *token_query(
	const struct registry_source *source, const struct challenge *challenge, bool refresh)
{
	cleanup_strbuf struct strbuf query = STRBUF_INIT;
	cleanup_free char *scope = NULL, *escaped = NULL;

	if (challenge->service) {
		cleanup_free char *service = http_escape(challenge->service);

		strbuf_addf(&query, "service=%s&", service);
	}
	if (challenge->scope)
		scope = xstrdup(challenge->scope);
	else if (*source->ref->repository)
		scope = xasprintf("repository:%s:pull", source->ref->repository);
	if (scope) {
		escaped = http_escape(scope);
		strbuf_addf(&query, "scope=%s&", escaped);
	}
	if (refresh) {
		cleanup_free char *secret = http_escape(source->credentials.identity_token);

		strbuf_addf(
			&query, "grant_type=refresh_token&client_id=pod&refresh_token=%s&", secret);
	} else if (source->credentials.username) {
		cleanup_free char *account = http_escape(source->credentials.username);

		strbuf_addf(&query, "account=%s&", account);
	}
	if (query.len)
		query.data[--query.len] = '\0';
	return strbuf_detach(&query);
}

static int token_get(struct registry_client *client, struct registry_source *source,
	const struct challenge *challenge, struct error **err)
{
	struct http_origin origin = {0};
	cleanup_free char *query = NULL, *url = NULL, *host = NULL;
	struct request *request;
	bool refresh;
	int result;

	if (http_origin_parse(challenge->realm, &origin, err) < 0)
		return error_wrap(err, "registry '%s': token service", source->ref->domain);
	if (!realm_is_trusted(source, &origin) &&
		(source->credentials.username || source->credentials.identity_token)) {
		error_set(err, ERR_REMOTE,
			"registry '%s' sends us to the token service 'http://%s', which is not "
			"encrypted: no credentials go there",
			source->ref->domain, origin.host);
		http_origin_clear(&origin);
		return -1;
	}
	refresh = source->credentials.identity_token;
	query = token_query(source, challenge, refresh);
	if (refresh)
		url = xstrdup(challenge->realm);
	else
		url = xasprintf("%s%c%s", challenge->realm,
			strchr(challenge->realm, '?') ? '&' : '?', query);
	request = request_new(client, "token", url);
	request->elsewhere = false;
	request->limit = TOKEN_MAX;
	if (refresh)
		request->post_fields = steal_ptr(&query);
	else if (source->credentials.username)
		request->own_authorization = basic_authorization(&source->credentials);
	/* certs.d of the token service's own host; not verified only where the registry's host is
	 * not. */
	host = str_equal(origin.port, "443") || str_equal(origin.port, "80")
		       ? xstrdup(origin.host)
		       : xasprintf("%s:%s", origin.host, origin.port);
	result = http_tls_load(host, client->cert_dir, &request->own_tls, err);
	request->own_tls.skip_verify = client->opts.tls == REGISTRY_TLS_SKIP ||
				       (source->insecure && realm_on_host(source, &origin));
	http_origin_clear(&origin);
	if (result == 0)
		result = request_wait(request, err);
	if (result == 0)
		result = token_parse(source, request, err);
	if (request->memory.data)
		explicit_bzero(request->memory.data, request->memory.len);
	request_remove(request);
	return result;
}

static void handle_unauthorized(struct request *request)
{
	struct registry_source *source = request_source(request);
	const struct challenge *challenge = &request->response.challenge;
	cleanup_error struct error *why = NULL;

	if (!source || request->elsewhere || ++request->auth_attempts > 3)
		return fail_status(request);
	if (challenge->bearer && challenge->realm) {
		/* Another request may have got a token meanwhile. */
		if (source->token_serial == request->token_serial || !source->token) {
			if (request->auth_attempts > 2)
				return fail_status(request);
			if (token_get(request->client, source, challenge, &why) < 0) {
				error_move(&request->err, &why);
				return request_fail(request);
			}
		}
		source->auth = AUTH_BEARER;
	} else if (challenge->basic && source->credentials.username &&
		   request->auth_attempts == 1) {
		source->auth = AUTH_BASIC;
	} else {
		return fail_status(request);
	}
	free(steal_ptr(&request->url));
	request->not_before_ms = 0;
	request->state = QUEUED;
}

/* --- the end of an exchange ----------------------------------------------------------------------
 */

/* Retry-After (RFC 9110, 10.2.3) in milliseconds; -1 absent or malformed. */
static int64_t retry_after_ms(const struct http_response *response)
{
	uint64_t seconds;
	time_t when;

	if (!response->retry_after)
		return -1;
	if (str_to_uint64(response->retry_after, UINT32_MAX, &seconds) == 0)
		return (int64_t)MIN(seconds, RETRY_AFTER_MAX_S) * 1000;
	when = curl_getdate(response->retry_after, NULL);
	if (when == (time_t)-1)
		return -1;
	return MAX(0, MIN((int64_t)(when - time(NULL)), RETRY_AFTER_MAX_S)) * 1000;
}

/* With other places left, one is not waited for long. */
static unsigned int attempts_allowed(const struct request *request, unsigned int wanted)
{
	const struct registry_source *source = request_source(request);

	return source && source->mirror ? MIN(wanted, 2) : wanted;
}

static void handle_content(struct request *request)
{
	cleanup_free char *what = NULL;

	if (request->fd < 0 || request->offset == request->size_bytes) {
		request_finish(request);
		return;
	}
	if (request_retry(request, attempts_allowed(request, ATTEMPTS_MAX), -1))
		return;
	what = request_describe(request);
	error_set(&request->err, ERR_DIGEST,
		"%s: truncated: the server has %llu of the %llu bytes that the manifest says", what,
		(unsigned long long)request->offset, (unsigned long long)request->size_bytes);
	request_fail(request);
}

static void handle_status(struct request *request)
{
	struct registry_source *source = request_source(request);
	int status = request->response.status;

	if (source && !request->elsewhere && source->scheme == SCHEME_UNKNOWN)
		source->scheme = SCHEME_HTTPS;
	switch (status) {
	case 200:
	case 206:
		request->auth_attempts = 0; /* a token may expire again before the blob is whole */
		if (request->body_wanted)
			return handle_content(request);
		break;
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return follow_redirect(request);
	case 401:
		return handle_unauthorized(request);
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		if (request_retry(request,
			    attempts_allowed(request, status == 429 || status == 503
							      ? ATTEMPTS_MAX
							      : SERVER_ATTEMPTS),
			    retry_after_ms(&request->response)))
			return;
		break;
	default:
		break;
	}
	fail_status(request);
}

/* A registry configured insecure that does not answer on TLS may do so on plain HTTP. */
static bool fall_back_to_http(struct request *request)
{
	struct registry_source *source = request_source(request);

	if (!source || request->elsewhere || !source->insecure || source->scheme != SCHEME_UNKNOWN)
		return false;
	source->scheme = SCHEME_HTTP;
	free(steal_ptr(&request->url));
	request->state = QUEUED;
	return true;
}

static void handle_broken(struct request *request)
{
	const struct registry_source *source = request_source(request);
	unsigned int attempts;

	switch (request->response.failure) {
	case HTTP_FAILED_CONNECT:
		attempts = attempts_allowed(request, CONNECT_ATTEMPTS);
		break;
	case HTTP_FAILED_TLS: /* worth another try only where it worked before */
		attempts = source && source->scheme == SCHEME_HTTPS ? CONNECT_ATTEMPTS : 1;
		break;
	case HTTP_FAILED_BROKEN:
		attempts = attempts_allowed(request, ATTEMPTS_MAX);
		break;
	default:
		attempts = 1;
	}
	if (request->response.failure != HTTP_FAILED_VERIFY &&
		request->response.failure != HTTP_FAILED_OTHER && fall_back_to_http(request))
		return;
	if (attempts > 1 && request_retry(request, attempts, -1))
		return;
	fail_connection(request);
}

/* REQUEST's exchange has ended: decide and act. */
static void request_process(struct request *request)
{
	request->state = BUSY;
	if (request->sink_err) {
		cleanup_free char *what = request_describe(request);

		error_move(&request->err, &request->sink_err);
		error_wrap(&request->err, "%s", what);
		request_fail(request);
	} else if (request->response.failure == HTTP_OK) {
		handle_status(request);
	} else {
		handle_broken(request);
	}
}

/* --- the loop ------------------------------------------------------------------------------------
 */

static bool must_wait_for_token(const struct request *request)
{
	return request->client->processing && request->state == ENDED &&
	       request->response.failure == HTTP_OK && request->response.status == 401 &&
	       !is_token_request(request);
}

static void start_requests(struct registry_client *client)
{
	unsigned int running = 0;
	int64_t now = now_ms();

	for (const struct request *r = client->requests; r; r = r->next)
		running += r->state == RUNNING && r->fd >= 0;
	for (struct request *r = client->requests; r; r = r->next) {
		if (r->state != QUEUED || r->not_before_ms > now ||
			(r->fd >= 0 && running >= CONNECTIONS_MAX))
			continue;
		if (r->fd >= 0 && r->offset == r->size_bytes) {
			request_finish(r); /* all of it was there */
			continue;
		}
		if (request_start(r) < 0)
			request_finish(r);
		else
			running += r->fd >= 0;
	}
}

/* How long nothing can happen but on the network. */
static int wait_time_ms(const struct registry_client *client, int timeout_ms)
{
	int64_t now = now_ms();

	for (const struct request *r = client->requests; r; r = r->next) {
		int64_t left = r->not_before_ms - now;

		if ((r->state == ENDED && !must_wait_for_token(r)) || r->state == FINISHED)
			return 0;
		if (r->state != QUEUED || left <= 0)
			continue; /* one that is due waits for a connection to end */
		if (timeout_ms < 0 || left < timeout_ms)
			timeout_ms = (int)MIN(left, INT32_MAX);
	}
	return timeout_ms;
}

int registry_client_step(struct registry_client *client, struct pollfd *fds, size_t fd_count,
	int timeout_ms, struct error **err)
{
	start_requests(client);
	if (http_step(client->http, fds, fd_count, wait_time_ms(client, timeout_ms), err) < 0)
		return -1;
	for (struct request *r = client->requests; r; r = r->next) {
		if (r->state != ENDED || must_wait_for_token(r))
			continue;
		client->processing++;
		request_process(r);
		client->processing--;
	}
	/* An inner loop must not take away what the outer one stands on. */
	if (client->processing)
		return 0;
	for (struct request **p = &client->requests; *p;) {
		struct request *r = *p;

		if (r->state == FINISHED && r->detached) {
			*p = r->next;
			request_free(r);
		} else {
			p = &r->next;
		}
	}
	return 0;
}

/* --- what callers ask for ------------------------------------------------------------------------
 */

static int get_document(struct request *request, struct registry_document *ret, struct error **err)
{
	int result = request_wait(request, err);

	if (result == 0) {
		ret->len = request->memory.len;
		ret->text = strbuf_detach(&request->memory);
		ret->media_type = steal_ptr(&request->response.content_type);
	}
	request_remove(request);
	return result;
}

int registry_get_manifest(struct registry_client *client, struct registry_source *source,
	const char *reference, size_t limit, struct registry_document *ret, struct error **err)
{
	struct request *request;

	if (!reference)
		reference = source->ref->digest ? source->ref->digest : source->ref->tag;
	request = request_new(client, "manifests", reference);
	request_set_source(request, source);
	request->accept = ACCEPT_MANIFESTS;
	request->limit = limit;
	return get_document(request, ret, err);
}

int registry_get_blob(struct registry_client *client, struct registry_source *const *sources,
	size_t count, size_t first, const char *digest, size_t limit, struct registry_document *ret,
	struct error **err)
{
	struct request *request = request_new(client, "blobs", digest);

	request->sources = sources;
	request->source_count = count;
	request->source_index = first;
	request->limit = limit;
	return get_document(request, ret, err);
}

int registry_fetch_blob(struct registry_client *client, const struct registry_blob_options *opts,
	struct error **err)
{
	struct request *request;

	if (opts->offset > opts->size_bytes) {
		close_keep_errno(opts->fd);
		return error_set(err, ERR_INVALID, "more of the blob is there than it has");
	}
	request = request_new(client, "blobs", opts->digest);
	request->detached = true;
	request->sources = opts->sources;
	request->source_count = opts->source_count;
	request->source_index = opts->first;
	for (size_t i = 0; opts->urls && opts->urls[i]; i++)
		if (str_starts_with(opts->urls[i], "https://"))
			strv_append(&request->urls, opts->urls[i]);
	request->fd = opts->fd;
	request->size_bytes = opts->size_bytes;
	request->offset = opts->offset;
	request->data = opts->data;
	request->progress = opts->progress;
	request->done = opts->done;
	return 0;
}

int registry_ping(
	struct registry_client *client, struct registry_source *source, struct error **err)
{
	struct request *request = request_new(client, "", "");
	struct registry_document document = {0};
	int result;

	request_set_source(request, source);
	request->limit = ERROR_BODY_MAX;
	result = get_document(request, &document, err);
	registry_document_clear(&document);
	return result;
}
