#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "registry/request.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"

#define TOKEN_MAX (64u << 10)

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
	cleanup_free char *url = registry_source_base(source);
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

void request_authenticate(struct request *request)
{
	struct registry_source *source = request_source(request);
	const struct challenge *challenge = &request->response.challenge;
	cleanup_error struct error *why = NULL;

	if (!source || request->elsewhere || ++request->auth_attempts > 3)
		return request_fail_status(request);
	if (challenge->bearer && challenge->realm) {
		/* Another request may have got a token meanwhile. */
		if (source->token_serial == request->token_serial || !source->token) {
			if (request->auth_attempts > 2)
				return request_fail_status(request);
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
		return request_fail_status(request);
	}
	free(steal_ptr(&request->url));
	request->not_before_ms = 0;
	request->state = QUEUED;
}
