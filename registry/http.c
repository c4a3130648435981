#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "registry/http.h"
#include "registry/registries_conf.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define HEADERS_MAX       (64u << 10) /* bytes of one response's headers */
#define CERTIFICATES_MAX  (1u << 20)
#define CONNECT_TIMEOUT_S 20L
#define BUFFER_SIZE       (512L << 10)
#define SYSTEM_CA_DIR     "/etc/ssl/certs" /* hashed: loaded as needed, the bundle takes 18 ms */

struct http_exchange {
	CURL *easy;
	struct curl_slist *request_headers;
	struct http_exchange *next, *previous;
	struct http_exchange_options opts; /* strings in it are not used after the start */
	struct http_response response;
	size_t header_bytes;
	bool headers_told, stopped;
	char error[CURL_ERROR_SIZE];
};

struct http {
	CURLM *multi;
	struct http_exchange *first;
	unsigned int stall_timeout_s;
	bool hashed_dir; /* SYSTEM_CA_DIR can be used */
};

/* --- TLS files ----------------------------------------------------------------------------------
 */

void http_tls_clear(struct http_tls *tls)
{
	free(tls->ca_text);
	free(tls->client_cert);
	free(tls->client_key);
	*tls = (struct http_tls){0};
}

static int add_certificates(
	int dir_fd, const char *dir, const char *name, struct strbuf *out, struct error **err)
{
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_free char *text = NULL;
	size_t len;

	if (fd < 0)
		return error_errno(err, errno, "open '%s/%s'", dir, name);
	if (read_fd_limited(fd, CERTIFICATES_MAX, &text, &len, err) < 0)
		return error_wrap(err, "read '%s/%s'", dir, name);
	if (out->len + len > CERTIFICATES_MAX)
		return error_set(
			err, ERR_INVALID, "'%s' holds more than 1 MiB of certificates", dir);
	strbuf_add(out, text, len);
	strbuf_addch(out, '\n');
	return 0;
}

static int load_certificates(const char *path, DIR *dir, struct http_tls *ret, struct error **err)
{
	cleanup_strbuf struct strbuf authorities = STRBUF_INIT;
	struct dirent *entry;

	while ((entry = dir_next(dir))) {
		if (str_ends_with(entry->d_name, ".crt")) {
			if (add_certificates(dirfd(dir), path, entry->d_name, &authorities, err) <
				0)
				return -1;
		} else if (str_ends_with(entry->d_name, ".cert") && !ret->client_cert) {
			ret->client_cert = path_join(path, entry->d_name);
			ret->client_key = xasprintf("%.*s.key",
				(int)(strlen(ret->client_cert) - strlen(".cert")),
				ret->client_cert);
			if (access(ret->client_key, R_OK) < 0)
				return error_set(err, ERR_NOT_FOUND,
					"client certificate '%s' has no readable key '%s'",
					ret->client_cert, ret->client_key);
		}
	}
	if (authorities.len)
		ret->ca_text = strbuf_detach(&authorities);
	return 0;
}

int http_tls_load(const char *host, const char *cert_dir, struct http_tls *ret, struct error **err)
{
	cleanup_free char *user = config_home_path("containers/certs.d");
	const char *const places[] = {user, "/etc/containers/certs.d", "/etc/docker/certs.d"};

	*ret = (struct http_tls){0};
	for (size_t i = 0; i < (cert_dir ? 1 : ARRAY_SIZE(places)); i++) {
		cleanup_free char *path = NULL;
		cleanup_dir DIR *dir = NULL;

		if (!cert_dir && !places[i])
			continue;
		path = cert_dir ? xstrdup(cert_dir) : path_join(places[i], host);
		dir = opendir(path);
		if (!dir && (errno == ENOENT || errno == ENOTDIR || errno == EACCES) && !cert_dir)
			continue;
		if (!dir)
			return error_errno(err, errno, "open certificate directory '%s'", path);
		if (load_certificates(path, dir, ret, err) < 0) {
			http_tls_clear(ret);
			return -1;
		}
		return 0;
	}
	return 0;
}

/* Does DIR hold the hashed names that OpenSSL looks certificates up by? */
static bool is_hashed_dir(const char *path)
{
	cleanup_dir DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = dir_next(dir)))
		if (strlen(entry->d_name) == 10 && str_ends_with(entry->d_name, ".0"))
			return true;
	return false;
}

/* --- responses ----------------------------------------------------------------------------------
 */

void http_response_clear(struct http_response *response)
{
	free(response->content_type);
	free(response->location);
	free(response->docker_digest);
	free(response->content_range);
	free(response->retry_after);
	challenge_clear(&response->challenge);
	*response = (struct http_response){0};
}

static void set_header(char **member, const char *value)
{
	free(*member);
	*member = xstrdup(value);
}

static void take_header(struct http_response *response, const char *name, const char *value)
{
	if (strcasecmp(name, "content-type") == 0)
		set_header(&response->content_type, value);
	else if (strcasecmp(name, "location") == 0)
		set_header(&response->location, value);
	else if (strcasecmp(name, "docker-content-digest") == 0)
		set_header(&response->docker_digest, value);
	else if (strcasecmp(name, "content-range") == 0)
		set_header(&response->content_range, value);
	else if (strcasecmp(name, "retry-after") == 0)
		set_header(&response->retry_after, value);
	else if (strcasecmp(name, "www-authenticate") == 0)
		challenge_parse(value, &response->challenge);
}

/* One header line, with its line end; also the status line and the empty line at the end. */
static size_t header_callback(char *data, size_t size, size_t count, void *user)
{
	struct http_exchange *exchange = user;
	size_t len = size * count;
	cleanup_free char *line = xstrndup(data, len);
	char *value;
	long status = 0;

	exchange->header_bytes += len;
	if (exchange->header_bytes > HEADERS_MAX || strlen(line) != len)
		return 0; /* too much, or a NUL byte inside: curl ends with CURLE_WRITE_ERROR */
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		line[--len] = '\0';
	if (strncmp(line, "HTTP/", 5) == 0) {
		http_response_clear(&exchange->response); /* the one before was 1xx */
		return size * count;
	}
	if (!len) {
		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
		if (status >= 200 && !exchange->headers_told) {
			exchange->headers_told = true;
			exchange->response.status = (int)status;
			if (exchange->opts.headers)
				exchange->opts.headers(exchange->opts.data, &exchange->response);
		}
		return size * count;
	}
	value = strchr(line, ':');
	if (value && !exchange->headers_told) { /* nothing from trailers */
		*value++ = '\0';
		take_header(&exchange->response, line, value + strspn(value, " \t"));
	}
	return size * count;
}

static size_t body_callback(char *data, size_t size, size_t count, void *user)
{
	struct http_exchange *exchange = user;

	if (exchange->opts.body &&
		exchange->opts.body(exchange->opts.data, data, size * count) < 0) {
		exchange->stopped = true;
		return 0;
	}
	return size * count;
}

static enum http_failure classify(const struct http_exchange *exchange, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return HTTP_OK;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY:
		return HTTP_FAILED_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
		return HTTP_FAILED_TLS;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return HTTP_FAILED_VERIFY;
	case CURLE_WRITE_ERROR:
		return exchange->stopped ? HTTP_FAILED_BODY : HTTP_FAILED_OTHER;
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_UNSUPPORTED_PROTOCOL:
		/* a response that is no HTTP at all ends in the last one */
		return code == CURLE_UNSUPPORTED_PROTOCOL ? HTTP_FAILED_OTHER : HTTP_FAILED_BROKEN;
	default:
		return HTTP_FAILED_OTHER;
	}
}

/* --- exchanges ----------------------------------------------------------------------------------
 */

struct http *http_new(unsigned int stall_timeout_s, struct error **err)
{
	struct http *http;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		error_set(err, ERR_SYSTEM, "start libcurl");
		return NULL;
	}
	http = xcalloc(1, sizeof(*http));
	http->stall_timeout_s = stall_timeout_s;
	http->hashed_dir = is_hashed_dir(SYSTEM_CA_DIR);
	http->multi = curl_multi_init();
	if (!http->multi) {
		free(http);
		error_set(err, ERR_SYSTEM, "start libcurl");
		return NULL;
	}
	return http;
}

static void exchange_free(struct http *http, struct http_exchange *exchange)
{
	if (exchange->previous)
		exchange->previous->next = exchange->next;
	else if (http->first == exchange)
		http->first = exchange->next;
	if (exchange->next)
		exchange->next->previous = exchange->previous;
	if (exchange->easy) {
		curl_multi_remove_handle(http->multi, exchange->easy);
		curl_easy_cleanup(exchange->easy);
	}
	curl_slist_free_all(exchange->request_headers);
	http_response_clear(&exchange->response);
	free(exchange);
}

void http_cancel(struct http *http, struct http_exchange *exchange)
{
	exchange_free(http, exchange);
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->first)
		exchange_free(http, http->first);
	curl_multi_cleanup(http->multi);
	curl_global_cleanup();
	free(http);
}

static void add_request_header(struct http_exchange *exchange, const char *name, const char *value)
{
	cleanup_free char *line = xasprintf("%s: %s", name, value);
	struct curl_slist *list = curl_slist_append(exchange->request_headers, line);

	if (!list)
		abort(); /* out of memory, as xmalloc */
	exchange->request_headers = list;
	explicit_bzero(line, strlen(line));
}

static void set_tls(const struct http *http, CURL *easy, const struct http_tls *tls)
{
	const char *file = secure_getenv("SSL_CERT_FILE"), *dir = secure_getenv("SSL_CERT_DIR");
	long verify = !(tls && tls->skip_verify);

	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	if (file && *file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, file);
	else if (http->hashed_dir || (dir && *dir))
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	if (dir && *dir)
		curl_easy_setopt(easy, CURLOPT_CAPATH, dir);
	else if (http->hashed_dir)
		curl_easy_setopt(easy, CURLOPT_CAPATH, SYSTEM_CA_DIR);
	if (tls && tls->ca_text) {
		struct curl_blob blob = {
			.data = tls->ca_text,
			.len = strlen(tls->ca_text),
			.flags = CURL_BLOB_COPY,
		};

		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (tls && tls->client_cert) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->client_cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->client_key);
	}
}

int http_start(struct http *http, const struct http_exchange_options *opts,
	struct http_exchange **ret, struct error **err)
{
	struct http_exchange *exchange = xcalloc(1, sizeof(*exchange));
	CURL *easy = curl_easy_init();

	exchange->opts = *opts;
	exchange->easy = easy;
	if (!easy) {
		free(exchange);
		return error_set(err, ERR_SYSTEM, "start libcurl");
	}
	curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* One connection for each blob: one multiplexed connection would fail for all of them. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)http->stall_timeout_s);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_callback);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_callback);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	set_tls(http, easy, opts->tls);
	if (opts->accept)
		add_request_header(exchange, "Accept", opts->accept);
	if (opts->authorization)
		add_request_header(exchange, "Authorization", opts->authorization);
	if (opts->range_start) {
		char range[32];

		snprintf(range, sizeof(range), "%llu-", (unsigned long long)opts->range_start);
		curl_easy_setopt(easy, CURLOPT_RANGE, range);
	}
	if (opts->post_fields)
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, opts->post_fields);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->request_headers);
	if (curl_easy_setopt(easy, CURLOPT_URL, opts->url) != CURLE_OK ||
		curl_multi_add_handle(http->multi, easy) != CURLM_OK) {
		exchange_free(http, exchange);
		return error_set(err, ERR_SYSTEM, "start a request to '%s'", opts->url);
	}
	exchange->next = http->first;
	if (exchange->next)
		exchange->next->previous = exchange;
	http->first = exchange;
	*ret = exchange;
	return 0;
}

static void finish(struct http *http, struct http_exchange *exchange, CURLcode code)
{
	struct http_response *response = &exchange->response;
	long errnum = 0;

	response->failure = classify(exchange, code);
	curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &errnum);
	if (code == CURLE_COULDNT_CONNECT && errnum)
		snprintf(response->detail, sizeof(response->detail), "%s",
			errnum == ECONNREFUSED ? "connection refused" : strerror((int)errnum));
	else if (code == CURLE_COULDNT_RESOLVE_HOST)
		snprintf(response->detail, sizeof(response->detail),
			"no such host: %.200s" CHECK_SEE(CHECK_DNS), exchange->error);
	else if (code != CURLE_OK)
		snprintf(response->detail, sizeof(response->detail), "%s",
			exchange->error[0] ? exchange->error : curl_easy_strerror(code));
	for (char *p = response->detail; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' '; /* parts of it come from the peer */
	exchange->opts.done(exchange->opts.data, response);
	exchange_free(http, exchange);
}

int http_step(
	struct http *http, struct pollfd *fds, size_t fd_count, int timeout_ms, struct error **err)
{
	struct curl_waitfd extra[4] = {0};
	CURLMsg *message;
	CURLMcode code;
	int running, left;

	for (size_t i = 0; i < fd_count && i < ARRAY_SIZE(extra); i++) {
		extra[i].fd = fds[i].fd;
		if (fds[i].events & POLLIN)
			extra[i].events |= CURL_WAIT_POLLIN;
		if (fds[i].events & POLLOUT)
			extra[i].events |= CURL_WAIT_POLLOUT;
	}
	if (timeout_ms < 0)
		timeout_ms = INT_MAX; /* curl takes no "for ever" */
	code = curl_multi_perform(http->multi, &running);
	if (code == CURLM_OK) {
		/* What ended in perform is told below first: no waiting then. */
		message = curl_multi_info_read(http->multi, &left);
		if (!message)
			code = curl_multi_poll(
				http->multi, extra, (unsigned int)fd_count, timeout_ms, NULL);
	} else {
		message = NULL;
	}
	if (code != CURLM_OK)
		return error_set(err, ERR_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
	for (size_t i = 0; i < fd_count && i < ARRAY_SIZE(extra); i++)
		fds[i].revents = (short)(((extra[i].revents & CURL_WAIT_POLLIN) ? POLLIN : 0) |
					 ((extra[i].revents & CURL_WAIT_POLLOUT) ? POLLOUT : 0));
	for (; message; message = curl_multi_info_read(http->multi, &left)) {
		char *exchange;

		if (message->msg != CURLMSG_DONE)
			continue;
		code = CURLM_OK;
		{
			CURLcode result = message->data.result;

			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
			finish(http, (struct http_exchange *)(void *)exchange, result);
		}
	}
	return 0;
}

/* --- URLs ---------------------------------------------------------------------------------------
 */

static void url_freep(CURLU **url)
{
	curl_url_cleanup(*url);
}
#define cleanup_url __attribute__((cleanup(url_freep)))

static char *url_part(CURLU *url, CURLUPart part, unsigned int flags)
{
	char *text = NULL, *copy;

	if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
		return NULL;
	copy = xstrdup(text);
	curl_free(text);
	return copy;
}

void http_origin_clear(struct http_origin *origin)
{
	free(origin->scheme);
	free(origin->host);
	free(origin->port);
	*origin = (struct http_origin){0};
}

/* Only http and https, no user or password: one in a redirect would be sent as credentials. */
static int url_check(CURLU *url, const char *text, struct error **err)
{
	cleanup_free char *scheme = url_part(url, CURLUPART_SCHEME, 0);
	cleanup_free char *user = url_part(url, CURLUPART_USER, 0);
	cleanup_free char *password = url_part(url, CURLUPART_PASSWORD, 0);

	if (!str_equal(scheme, "https") && !str_equal(scheme, "http"))
		return error_set(
			err, ERR_INVALID, "'%.200s' is not an http or https address", text);
	if (user || password)
		return error_set(
			err, ERR_INVALID, "an address with a user name in it is not followed");
	return 0;
}

int http_origin_parse(const char *url, struct http_origin *ret, struct error **err)
{
	cleanup_url CURLU *parsed = curl_url();
	cleanup_free char *host = NULL;

	if (!parsed || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK)
		return error_set(err, ERR_INVALID, "'%.200s' is not an address", url);
	if (url_check(parsed, url, err) < 0)
		return -1;
	host = url_part(parsed, CURLUPART_HOST, 0);
	if (!host || !*host)
		return error_set(err, ERR_INVALID, "'%.200s' names no host", url);
	ret->scheme = url_part(parsed, CURLUPART_SCHEME, 0);
	ret->host = str_to_lower(host);
	ret->port = url_part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	return 0;
}

bool http_origin_equal(const struct http_origin *a, const struct http_origin *b)
{
	return str_equal(a->scheme, b->scheme) && str_equal(a->host, b->host) &&
	       str_equal(a->port, b->port);
}

int http_resolve(const char *base, const char *location, char **ret, struct error **err)
{
	cleanup_url CURLU *url = curl_url();

	/* Setting a relative URL on a handle that has one resolves it (RFC 3986, 5). */
	if (!url || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK ||
		curl_url_set(url, CURLUPART_URL, location, 0) != CURLUE_OK)
		return error_set(err, ERR_INVALID, "malformed redirect");
	if (url_check(url, location, err) < 0)
		return -1;
	curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
	*ret = url_part(url, CURLUPART_URL, 0);
	if (!*ret)
		return error_set(err, ERR_INVALID, "malformed redirect");
	return 0;
}

char *http_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0), *copy = xstrdup(escaped ? escaped : "");

	curl_free(escaped);
	return copy;
}
