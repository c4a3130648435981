#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/transfer/fetch_sandbox.h"
#include "cmd/transfer/transfer.h"
#include "image/manifest.h"
#include "registry/client.h"
#include "registry/fetch_client.h"
#include "registry/fetch_wire.h"
#include "registry/reference.h"
#include "registry/registries_conf.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/sha256.h"
#include "util/str.h"
#include "util/strbuf.h"
#include "util/timefmt.h"

/*
 * The fetcher: serves registry/fetch_protocol.h on descriptor FETCH_FD. First it reads
 * configuration and credentials for everything that the request may lead to, then it locks itself
 * in (fetch_sandbox.h), then it speaks to the network.
 */

#define REPORT_INTERVAL_MS 20         /* PROGRESS of a blob at most so often, */
#define REPORT_BYTES       (1u << 20) /* or when so much has come */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif
#define BLOBS_MAX 256 /* under way at once; an image has at most 127 layers */

struct blob {
	struct blob *next;
	struct fetcher_state *state;
	uint32_t id;
	uint64_t offset, reported;
	int64_t reported_ms;
	bool ended;
	struct error *err; /* how it ended; NULL: well */
};

/* One full reference that the text may mean, with the places to ask for it. */
struct candidate {
	char *reference;
	struct registry_source **sources;
	size_t count;
	struct error *err; /* it may not be asked for (blocked) */
};

struct fetcher_state {
	struct registry_client *client;
	struct candidate *candidates;
	size_t candidate_count;
	const struct candidate *chosen; /* after RESOLVED */
	size_t chosen_source;
	struct platform platform;
	struct blob *blobs;
	size_t blob_count;
};

/* --- answers -------------------------------------------------------------------------------------
 */

static int send_error(uint32_t id, const struct error *why, bool wait, struct error **err)
{
	const struct fetch_message head = {
		.type = FETCH_ERROR, .id = id, .kind = why->kind, .errnum = why->errnum};
	cleanup_free char *text = xstrndup(why->message, FETCH_TEXT_MAX);

	return fetch_send(FETCH_FD, &head, text, NULL, 0, wait, err);
}

static int make_memfd(const struct registry_document *document, struct error **err)
{
	/* vm.memfd_noexec = 2 wants the flag, kernels before 6.3 do not know it. */
	cleanup_close int fd =
		memfd_create("pod-document", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("pod-document", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || write_all(fd, document->text, document->len) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) <
			0)
		return error_errno(err, errno, "hand over a document");
	return steal_fd(&fd);
}

static void put_document(struct json_writer *w, const char *key, const char *media_type,
	const struct registry_document *document)
{
	char digest[SHA256_DIGEST_TEXT + 1];

	sha256_digest(document->text, document->len, digest);
	json_write_key(w, key);
	json_write_object_begin(w);
	json_put_string(w, "mediaType", media_type);
	json_put_string(w, "digest", digest);
	json_put_uint(w, "size", document->len);
	json_write_object_end(w);
}

/* What RESOLVED is made of; owned. */
struct resolution {
	struct registry_document manifest, config, index;
	struct manifest *parsed, *parsed_index;
};

static void resolution_clear(struct resolution *resolution)
{
	registry_document_clear(&resolution->manifest);
	registry_document_clear(&resolution->config);
	registry_document_clear(&resolution->index);
	manifest_free(resolution->parsed);
	manifest_free(resolution->parsed_index);
	*resolution = (struct resolution){0};
}
#define cleanup_resolution __attribute__((cleanup(resolution_clear)))

static int send_resolved(
	const char *reference, const struct resolution *resolution, struct error **err)
{
	const struct fetch_message head = {.type = FETCH_RESOLVED};
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);
	int fds[3] = {-1, -1, -1}, result = -1;

	json_write_object_begin(&w);
	json_put_string(&w, "reference", reference);
	put_document(&w, "manifest", resolution->parsed->media_type, &resolution->manifest);
	put_document(&w, "config", resolution->parsed->config.media_type, &resolution->config);
	if (resolution->parsed_index)
		put_document(&w, "index", resolution->parsed_index->media_type, &resolution->index);
	json_write_object_end(&w);
	fds[0] = make_memfd(&resolution->manifest, err);
	if (fds[0] >= 0)
		fds[1] = make_memfd(&resolution->config, err);
	if (fds[1] >= 0 && resolution->parsed_index)
		fds[2] = make_memfd(&resolution->index, err);
	if (!*err)
		result = fetch_send(FETCH_FD, &head, strbuf_str(&text), fds,
			resolution->parsed_index ? 3 : 2, true, err);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close_keep_errno(fds[i]);
	return result < 0 ? -1 : 0;
}

/* --- resolving -----------------------------------------------------------------------------------
 */

static int check_document(const char *what, const struct registry_document *document,
	const struct descriptor *descriptor, struct error **err)
{
	if (registry_digest_check(what, document->text, document->len, descriptor->digest, err) < 0)
		return -1;
	if (document->len != descriptor->size_bytes)
		return error_set(err, ERR_DIGEST, "%s has %zu bytes instead of %llu", what,
			document->len, (unsigned long long)descriptor->size_bytes);
	return 0;
}

/* Manifest (through an index where there is one) and config, from one place. */
static int resolve_at(struct fetcher_state *state, const struct candidate *candidate, size_t at,
	const char *digest, struct resolution *ret, struct error **err)
{
	cleanup_resolution struct resolution r = {0};
	struct registry_source *source = candidate->sources[at];
	const char *name = registry_source_text(source);

	if (registry_get_manifest(
		    state->client, source, NULL, FETCH_MANIFEST_MAX, &r.manifest, err) < 0)
		return -1;
	if (digest && registry_digest_check(name, r.manifest.text, r.manifest.len, digest, err) < 0)
		return -1;
	if (manifest_parse(r.manifest.text, r.manifest.len, r.manifest.media_type, name, &r.parsed,
		    err) < 0)
		return -1;
	if (r.parsed->is_index) {
		const struct descriptor *entry;

		r.parsed_index = steal_ptr(&r.parsed);
		r.index = r.manifest;
		r.manifest = (struct registry_document){0};
		if (index_choose(r.parsed_index, &state->platform, name, &entry, err) < 0)
			return -1;
		if (registry_get_manifest(state->client, source, entry->digest, FETCH_MANIFEST_MAX,
			    &r.manifest, err) < 0 ||
			check_document(name, &r.manifest, entry, err) < 0 ||
			manifest_parse(r.manifest.text, r.manifest.len, entry->media_type, name,
				&r.parsed, err) < 0)
			return -1;
		if (r.parsed->is_index)
			return error_set(
				err, ERR_UNSUPPORTED, "%s: an index leads to another index", name);
	}
	if (r.parsed->config.size_bytes > FETCH_CONFIG_MAX)
		return error_set(err, ERR_INVALID, "%s: the config has more than %u bytes", name,
			FETCH_CONFIG_MAX);
	if (registry_get_blob(state->client, candidate->sources, candidate->count, at,
		    r.parsed->config.digest, FETCH_CONFIG_MAX, &r.config, err) < 0 ||
		check_document(name, &r.config, &r.parsed->config, err) < 0)
		return -1;
	*ret = r;
	r = (struct resolution){0};
	return 0;
}

/* Mirrors in order, then the registry itself, whose error counts; that of a mirror is added. */
static int resolve_candidate(struct fetcher_state *state, const struct candidate *candidate,
	const char *digest, struct resolution *ret, struct error **err)
{
	cleanup_strbuf struct strbuf mirrors = STRBUF_INIT;

	if (candidate->err)
		return error_set(err, candidate->err->kind, "%s", candidate->err->message);
	for (size_t i = 0;; i++) {
		cleanup_error struct error *why = NULL;

		if (resolve_at(state, candidate, i, digest, ret, &why) == 0) {
			state->chosen = candidate;
			state->chosen_source = i;
			return 0;
		}
		if (i + 1 < candidate->count) {
			log_debug("mirror: %s", why->message);
			strbuf_addf(&mirrors, "%s%s", mirrors.len ? "; " : "", why->message);
			continue;
		}
		if (mirrors.len)
			error_set(err, why->kind, "%s (mirrors failed too: %s)", why->message,
				strbuf_str(&mirrors));
		else
			error_move(err, &why);
		/* Where the registry lies elsewhere, the name that was asked for is to be seen. */
		if (str_equal(registry_source_text(candidate->sources[i]), candidate->reference))
			return -1;
		return error_wrap(err, "%s", candidate->reference);
	}
}

static int resolve(struct fetcher_state *state, const char *digest, struct error **err)
{
	for (size_t i = 0; i < state->candidate_count; i++) {
		cleanup_resolution struct resolution resolution = {0};
		cleanup_error struct error *why = NULL;

		if (resolve_candidate(state, &state->candidates[i], digest, &resolution, &why) == 0)
			return send_resolved(state->candidates[i].reference, &resolution, err);
		if (i + 1 == state->candidate_count)
			return error_move(err, &why);
		log_debug("%s; trying the next search registry", why->message);
	}
	return error_set(err, ERR_NOT_FOUND, "no registry to ask");
}

/* --- requests ------------------------------------------------------------------------------------
 */

static int open_candidate(struct fetcher_state *state, const struct registries_conf *conf,
	const struct reference *ref, struct candidate *ret, struct error **err)
{
	struct registry_endpoint *endpoints;
	size_t count;
	int result = 0;

	ret->reference = reference_string(ref);
	if (registries_conf_endpoints(conf, ref, &endpoints, &count, &ret->err) < 0)
		return 0;
	ret->sources = xcalloc(count, sizeof(struct registry_source *));
	for (size_t i = 0; i < count && result == 0; i++) {
		result = registry_source_open(state->client, &endpoints[i], &ret->sources[i], err);
		ret->count = i + 1;
	}
	registry_endpoints_free(endpoints, count);
	return result;
}

/* os, architecture and variant: this host's unless named. */
static int platform_take(const struct json *root, struct platform *ret, struct error **err)
{
	cleanup_free char *os = NULL, *architecture = NULL, *variant = NULL;

	if (json_opt_dup(root, "os", &os, err) < 0 ||
		json_opt_dup(root, "architecture", &architecture, err) < 0 ||
		json_opt_dup(root, "variant", &variant, err) < 0)
		return -1;
	platform_host(ret);
	if (architecture) {
		/* Another architecture's variant is not ours. */
		if (!str_equal(architecture, ret->architecture))
			free(steal_ptr(&ret->variant));
		free(ret->architecture);
		ret->architecture = steal_ptr(&architecture);
	}
	if (os) {
		free(ret->os);
		ret->os = steal_ptr(&os);
	}
	if (variant) {
		free(ret->variant);
		ret->variant = steal_ptr(&variant);
	}
	return 0;
}

static int client_start(struct fetcher_state *state, const struct json *root,
	const char **ret_cert_dir, struct error **err)
{
	struct registry_client_options opts = {0};
	const char *timeout = getenv("POD_STALL_TIMEOUT");
	uint64_t timeout_s;
	bool verify = true;
	struct json member;

	if (json_opt_string(root, "authfile", &opts.authfile, err) < 0 ||
		json_opt_string(root, "certDir", &opts.cert_dir, err) < 0 ||
		json_opt_string(root, "username", &opts.username, err) < 0 ||
		json_opt_string(root, "password", &opts.password, err) < 0 ||
		json_opt_bool(root, "tlsVerify", &verify, err) < 0)
		return -1;
	if (json_member(root, "tlsVerify", &member))
		opts.tls = verify ? REGISTRY_TLS_VERIFY : REGISTRY_TLS_SKIP;
	if (timeout && str_to_uint64(timeout, 3600, &timeout_s) == 0)
		opts.stall_timeout_s = (unsigned int)timeout_s;
	*ret_cert_dir = opts.cert_dir;
	return registry_client_new(&opts, &state->client, err);
}

static int handle_resolve(struct fetcher_state *state, const struct json *root, struct error **err)
{
	cleanup_registries_conf struct registries_conf *conf = NULL;
	cleanup_reference struct reference *ref = NULL;
	const char *text = NULL, *cert_dir = NULL;
	struct reference **refs;
	size_t count;
	int result = 0;

	if (json_opt_string(root, "reference", &text, err) < 0)
		return -1;
	if (!text)
		return error_set(err, ERR_INVALID, "no reference");
	if (reference_parse(text, &ref, err) < 0 ||
		platform_take(root, &state->platform, err) < 0 ||
		registries_conf_load(&conf, err) < 0 ||
		client_start(state, root, &cert_dir, err) < 0)
		return -1;
	registries_conf_candidates(conf, ref, &refs, &count);
	state->candidates = xcalloc(count, sizeof(*state->candidates));
	for (size_t i = 0; i < count && result == 0; i++) {
		result = open_candidate(state, conf, refs[i], &state->candidates[i], err);
		state->candidate_count = i + 1;
	}
	reference_array_free(refs, count);
	if (result < 0 || fetch_sandbox_enter(cert_dir, err) < 0)
		return -1;
	return resolve(state, ref->digest, err);
}

/* Is the registry configured insecure? Its own settings count, not those of a location it maps to.
 */
static int login_endpoint(const char *domain, struct registry_endpoint *ret, struct error **err)
{
	cleanup_registries_conf struct registries_conf *conf = NULL;
	struct reference whole = {
		.domain = (char *)domain, .repository = (char *)"login", .tag = (char *)"latest"};
	struct registry_endpoint *endpoints;
	size_t count;

	if (registries_conf_load(&conf, err) < 0 ||
		registries_conf_endpoints(conf, &whole, &endpoints, &count, err) < 0)
		return -1;
	ret->insecure = endpoints[count - 1].insecure;
	registry_endpoints_free(endpoints, count);
	return 0;
}

static int handle_login(struct fetcher_state *state, const struct json *root, struct error **err)
{
	const struct fetch_message head = {.type = FETCH_LOGIN_OK};
	struct registry_source *source;
	struct reference ref = {.repository = (char *)"", .tag = (char *)""};
	struct registry_endpoint endpoint = {.ref = &ref};
	const char *registry = NULL, *cert_dir = NULL;

	if (json_opt_string(root, "registry", &registry, err) < 0)
		return -1;
	if (!registry || !reference_domain_is_valid(registry))
		return error_set(err, ERR_INVALID, "'%s' is no registry", registry ? registry : "");
	ref.domain = (char *)registry;
	if (login_endpoint(registry, &endpoint, err) < 0 ||
		client_start(state, root, &cert_dir, err) < 0 ||
		registry_source_open(state->client, &endpoint, &source, err) < 0 ||
		fetch_sandbox_enter(cert_dir, err) < 0 ||
		registry_ping(state->client, source, err) < 0)
		return -1;
	return fetch_send(FETCH_FD, &head, NULL, NULL, 0, true, err) < 0 ? -1 : 0;
}

static void on_progress(void *data, uint64_t offset)
{
	struct blob *blob = data;

	blob->offset = offset;
}

static void on_done(void *data, const struct error *err)
{
	struct blob *blob = data;

	blob->ended = true;
	if (err) {
		error_set(&blob->err, err->kind, "%s", err->message);
		blob->err->errnum = err->errnum;
	}
}

static int handle_fetch(
	struct fetcher_state *state, struct fetch_packet *packet, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_strv char **urls = NULL;
	struct registry_blob_options opts = {0};
	const char *digest = NULL;
	struct json root;
	struct blob *blob;
	struct stat st;

	if (!state->chosen || packet->fd_count != 1 || state->blob_count >= BLOBS_MAX)
		return error_set(err, ERR_INVALID, "a FETCH out of turn");
	if (json_parse(packet->text, packet->head.text_len, "FETCH", &doc, &root, err) < 0 ||
		json_opt_string(&root, "digest", &digest, err) < 0 ||
		json_opt_uint64(&root, "size", INT64_MAX, &opts.size_bytes, err) < 0 ||
		json_opt_strv(&root, "urls", 16, &urls, err) < 0)
		return -1;
	if (!digest || !reference_digest_is_valid(digest) || fstat(packet->fds[0], &st) < 0 ||
		!S_ISREG(st.st_mode))
		return error_set(err, ERR_INVALID, "a malformed FETCH");
	blob = xcalloc(1, sizeof(*blob));
	*blob = (struct blob){
		.next = state->blobs,
		.state = state,
		.id = packet->head.id,
		.offset = packet->head.offset,
		.reported = packet->head.offset,
	};
	state->blobs = blob;
	state->blob_count++;
	opts.sources = state->chosen->sources;
	opts.source_count = state->chosen->count;
	opts.first = state->chosen_source;
	opts.urls = urls;
	opts.digest = digest;
	opts.offset = packet->head.offset;
	opts.fd = packet->fds[0];
	packet->fd_count = 0; /* the request's now */
	opts.data = blob;
	opts.progress = on_progress;
	opts.done = on_done;
	if (registry_fetch_blob(state->client, &opts, &blob->err) < 0)
		blob->ended = true;
	return 0;
}

/* --- reporting -----------------------------------------------------------------------------------
 */

/* Tells what there is to tell about BLOB. Returns 1: told, or nothing to tell; 0: later; -1 the
 * conductor is gone. */
static int report(struct blob *blob, int64_t now, struct error **err)
{
	struct fetch_message head = {
		.type = FETCH_PROGRESS, .id = blob->id, .offset = blob->offset};
	int result;

	if (blob->ended && blob->err)
		return send_error(blob->id, blob->err, false, err);
	if (blob->ended) {
		head.type = FETCH_DONE;
	} else {
		if (blob->offset == blob->reported)
			return 1;
		if (blob->offset - blob->reported < REPORT_BYTES &&
			now - blob->reported_ms < REPORT_INTERVAL_MS)
			return 0;
	}
	result = fetch_send(FETCH_FD, &head, NULL, NULL, 0, false, err);
	if (result > 0) {
		blob->reported = blob->offset;
		blob->reported_ms = now;
	}
	return result;
}

/* @ret_waiting: something is left to be told soon. */
static int report_all(struct fetcher_state *state, bool *ret_waiting, struct error **err)
{
	int64_t now = time_monotonic_ms();

	*ret_waiting = false;
	for (struct blob **p = &state->blobs; *p;) {
		struct blob *blob = *p;
		int result = report(blob, now, err);

		if (result < 0)
			return -1;
		if (result > 0 && blob->ended) {
			*p = blob->next;
			state->blob_count--;
			error_free(blob->err);
			free(blob);
			continue;
		}
		*ret_waiting |= result == 0;
		p = &blob->next;
	}
	return 0;
}

/* --- the process ---------------------------------------------------------------------------------
 */

/* Until the conductor closes its end. */
static int serve_fetches(struct fetcher_state *state, struct error **err)
{
	for (;;) {
		struct pollfd fds[] = {{.fd = FETCH_FD, .events = POLLIN}};
		bool waiting;

		if (report_all(state, &waiting, err) < 0 ||
			registry_client_step(state->client, fds, ARRAY_SIZE(fds),
				waiting ? REPORT_INTERVAL_MS : -1, err) < 0)
			return -1;
		while (fds[0].revents) {
			cleanup_fetch_packet struct fetch_packet packet = {0};
			int result = fetch_receive(FETCH_FD, false, &packet, err);

			if (result == 0)
				return 0;
			if (result < 0)
				return -1;
			if (result == FETCH_RECEIVE_NOTHING)
				break;
			if (packet.head.type != FETCH_FETCH)
				return error_set(err, ERR_INVALID, "a message out of turn");
			if (handle_fetch(state, &packet, err) < 0)
				return -1;
		}
	}
}

static int serve(struct fetcher_state *state, struct error **err)
{
	cleanup_fetch_packet struct fetch_packet packet = {0};
	cleanup_json struct json_document *doc = NULL;
	cleanup_error struct error *why = NULL;
	struct json root;
	int result = fetch_receive(FETCH_FD, true, &packet, err);

	if (result <= 0)
		return result;
	if (packet.head.type != FETCH_RESOLVE && packet.head.type != FETCH_LOGIN)
		return error_set(err, ERR_INVALID, "a message out of turn");
	result = json_parse(packet.text, packet.head.text_len, "request", &doc, &root, &why);
	explicit_bzero(packet.text, packet.head.text_len);
	if (result == 0)
		result = packet.head.type == FETCH_LOGIN ? handle_login(state, &root, &why)
							 : handle_resolve(state, &root, &why);
	if (result < 0)
		return send_error(0, why, true, err) < 0 ? -1 : 0;
	return packet.head.type == FETCH_LOGIN ? 0 : serve_fetches(state, err);
}

static void state_clear(struct fetcher_state *state)
{
	registry_client_free(state->client);
	for (size_t i = 0; i < state->candidate_count; i++) {
		free(state->candidates[i].reference);
		free(state->candidates[i].sources);
		error_free(state->candidates[i].err);
	}
	free(state->candidates);
	platform_clear(&state->platform);
	while (state->blobs) {
		struct blob *blob = state->blobs;

		state->blobs = blob->next;
		error_free(blob->err);
		free(blob);
	}
}

int transfer_fetch(int argc, char **argv)
{
	struct fetcher_state state = {0};
	cleanup_error struct error *err = NULL;
	struct stat st;
	int result;

	if (fstat(FETCH_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		(void)fputs("pod-transfer fetch is started by pod\n", stderr);
		return 125;
	}
	(void)fcntl(FETCH_FD, F_SETFD, FD_CLOEXEC); /* not for credential helpers */
	if (argc > 1 && str_equal(argv[1], "debug"))
		log_set_level(LOG_LEVEL_DEBUG);
	/* Other processes of the user may not look at credentials; and we do not outlive pod. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	result = serve(&state, &err);
	if (result < 0)
		log_debug("fetcher: %s", err->message);
	state_clear(&state);
	return result < 0 ? 125 : 0;
}
