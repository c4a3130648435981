#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "registry/request.h"
#include "util/mem.h"
#include "util/sha256.h"
#include "util/str.h"

#define CONNECTIONS_MAX     6
#define STALL_TIMEOUT_S     60
#define DOCKER_HUB          "docker.io"
#define DOCKER_HUB_REGISTRY "registry-1.docker.io"

#define ACCEPT_MANIFESTS                                                                           \
	"application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "    \
	"application/vnd.docker.distribution.manifest.v2+json, "                                   \
	"application/vnd.docker.distribution.manifest.list.v2+json"

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

/* --- the loop ------------------------------------------------------------------------------------
 */

static bool must_wait_for_token(const struct request *request)
{
	return request->client->processing && request->state == ENDED &&
	       request->response.failure == HTTP_OK && request->response.status == 401 &&
	       !request_is_token(request);
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

int request_wait(struct request *request, struct error **err)
{
	while (request->state != FINISHED)
		if (registry_client_step(request->client, NULL, 0, -1, err) < 0)
			return -1;
	return request->err ? error_move(err, &request->err) : 0;
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
