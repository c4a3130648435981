#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "registry/request.h"
#include "util/base64.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

#define REDIRECTS_MAX     10
#define ATTEMPTS_MAX      6 /* without progress */
#define CONNECT_ATTEMPTS  3
#define SERVER_ATTEMPTS   4 /* at an answer 5xx */
#define ATTEMPTS_TOTAL    100
#define PROGRESS_MIN      (64u << 10) /* bytes that make a new attempt count as the first again */
#define BACKOFF_FIRST_MS  200
#define BACKOFF_LAST_MS   5000
#define RETRY_AFTER_MAX_S 60
#define TOKEN_MARGIN_MS   5000 /* a token this close to its end is not used any more */

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- requests: starting --------------------------------------------------------------------------
 */

void request_free(struct request *request)
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

struct request *request_new(struct registry_client *client, const char *kind, const char *name)
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

void request_set_source(struct request *request, struct registry_source *source)
{
	request->one_source = source;
	request->sources = &request->one_source;
	request->source_count = 1;
}

void request_remove(struct request *request)
{
	struct request **p = &request->client->requests;

	while (*p != request)
		p = &(*p)->next;
	*p = request->next;
	request_free(request);
}

/* The source in turn; NULL: an address of its own (foreign layer, token service). */
struct registry_source *request_source(const struct request *request)
{
	return request->source_index < request->source_count
		       ? request->sources[request->source_index]
		       : NULL;
}

bool request_is_token(const struct request *request)
{
	return str_equal(request->kind, "token");
}

/* What the request is after, in front of its errors. */
static char *request_describe(const struct request *request)
{
	const struct registry_source *source = request_source(request);

	if (request_is_token(request))
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

char *registry_source_base(const struct registry_source *source)
{
	return xasprintf("%s://%s", source->scheme == SCHEME_HTTP ? "http" : "https", source->host);
}

/* The first address of the place in turn. */
static void request_set_url(struct request *request)
{
	const struct registry_source *source = request_source(request);

	free(request->url);
	request->redirects = 0;
	request->elsewhere = !source && !request_is_token(request);
	if (request_is_token(request)) {
		request->url = xstrdup(request->name);
	} else if (!source) {
		request->url = xstrdup(request->urls[request->url_index]);
	} else {
		cleanup_free char *base = registry_source_base(source);

		if (*request->kind)
			request->url = xasprintf("%s/v2/%s/%s/%s", base, source->ref->repository,
				request->kind, request->name);
		else
			request->url = xasprintf("%s/v2/", base);
	}
}

char *basic_authorization(const struct credentials *credentials)
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

	if (request->elsewhere && !request_is_token(request))
		return NULL;
	if (request_is_token(request))
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

	if (request_is_token(request) && !request->elsewhere)
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
	if (pwrite_all(request->fd, p, len, request->offset) < 0)
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

int request_start(struct request *request)
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

void request_finish(struct request *request)
{
	request->state = FINISHED;
	if (request->done)
		request->done(request->data, request->err);
}

/* Give this place up with REQUEST->err; go on with the next one when there is any. */
void request_fail(struct request *request)
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

void request_fail_status(struct request *request)
{
	cleanup_free char *what = request_describe(request), *said = registry_error_text(request);
	const struct registry_source *source = request_source(request);
	int status = request->response.status;

	if ((request_is_token(request) || !*request->kind) && (status == 401 || status == 403))
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

/* The variable that makes curl ask a proxy, for a message; its value may hold a password. */
static const char *proxy_variable(void)
{
	static const char *const names[] = {
		"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return names[i];
	}
	return NULL;
}

/* What certificates are too young or too old for is mostly a clock. */
static const char *clock_hint(const char *detail)
{
	return strstr(detail, "not yet valid") || strstr(detail, "expired")
		       ? "look at this host's clock with 'date'; or "
		       : "";
}

static void fail_connection(struct request *request)
{
	cleanup_free char *what = request_describe(request);
	const struct registry_source *source = request_source(request);
	const char *host = source ? source->ref->domain : "the server";
	const char *detail = request->response.detail;
	const char *proxy = proxy_variable();
	/* Where we were sent to, without the query: that may hold a signature. */
	cleanup_free char *there =
		request->elsewhere ? xstrndup(request->url, MIN(strcspn(request->url, "?"), 200))
				   : xstrdup(host);

	switch (request->response.failure) {
	case HTTP_FAILED_VERIFY:
		error_set(&request->err, ERR_REMOTE,
			"%s: x509: %s ('%s': %s; %sput the CA into "
			"/etc/containers/certs.d/%s/ca.crt, "
			"or use --tls-verify=false)",
			what,
			strstr(detail, "issuer") || strstr(detail, "self")
				? "certificate signed by unknown authority"
				: "certificate is not valid",
			there, detail, clock_hint(detail), host);
		break;
	case HTTP_FAILED_TLS:
		error_set(&request->err, ERR_REMOTE,
			"%s: '%s' does not speak HTTPS: %s (for plain HTTP set insecure = true in "
			"registries.conf, or use --tls-verify=false)",
			what, there, detail);
		break;
	case HTTP_FAILED_CONNECT:
		error_set(&request->err, ERR_REMOTE,
			"%s: %s (check the registry's name and the network%s%s)", what, detail,
			proxy ? ", and the proxy that the environment names in " : "",
			proxy ? proxy : "");
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
		request_fail_status(request); /* a form with a secret in it is not sent on */
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
		return request_authenticate(request);
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
	request_fail_status(request);
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
void request_process(struct request *request)
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
