#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "registry/fetch_client.h"
#include "registry/fetch_wire.h"
#include "registry/reference.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/sha256.h"
#include "util/spawn.h"
#include "util/str.h"
#include "util/strbuf.h"

struct fetcher {
	int socket_fd;
	pid_t pid;
};

static void descriptor_reset(struct fetch_descriptor *descriptor)
{
	free(descriptor->media_type);
	free(descriptor->digest);
	free(descriptor->text);
	*descriptor = (struct fetch_descriptor){0};
}

void fetch_resolved_clear(struct fetch_resolved *resolved)
{
	free(resolved->reference);
	descriptor_reset(&resolved->manifest);
	descriptor_reset(&resolved->config);
	descriptor_reset(&resolved->index);
	*resolved = (struct fetch_resolved){0};
}

int fetcher_start(struct fetcher **ret, struct error **err)
{
	cleanup_free char *path = program_path("pod-transfer", err);
	cleanup_close int our_fd = -1, fetcher_fd = -1;
	bool debug = log_get_level() == LOG_LEVEL_DEBUG;
	int pair[2];
	pid_t pid;

	if (!path)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, errno, "make a socket pair");
	our_fd = pair[0];
	fetcher_fd = pair[1];
	{
		const char *const argv[] = {path, "fetch", debug ? "debug" : NULL, NULL};
		const struct spawn_fd fds[] = {{2, 2}, {fetcher_fd, FETCH_FD}};
		const struct spawn_options opts = {
			.argv = argv,
			.fds = fds,
			.fd_count = ARRAY_SIZE(fds),
		};

		if (spawn(&opts, &pid, err) < 0)
			return -1;
	}
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->socket_fd = steal_fd(&our_fd);
	(*ret)->pid = pid;
	return 0;
}

void fetcher_free(struct fetcher *fetcher)
{
	cleanup_error struct error *ignored = NULL; /* it is our child, and it is killed */

	if (!fetcher)
		return;
	close_keep_errno(fetcher->socket_fd);
	/* Nothing it holds needs tidying up; what is in the .part files is used by a later run. */
	(void)kill(fetcher->pid, SIGKILL);
	(void)spawn_wait(fetcher->pid, &ignored);
	free(fetcher);
}

int fetcher_fd(const struct fetcher *fetcher)
{
	return fetcher->socket_fd;
}

static int fetcher_gone(struct error **err)
{
	return error_set(err, ERR_REMOTE,
		"the transfer program ended unexpectedly; run the command again, what was fetched "
		"is "
		"kept");
}

static int send_request(struct fetcher *fetcher, const struct fetch_message *head, const char *text,
	const int *fds, size_t fd_count, struct error **err)
{
	if (fetch_send(fetcher->socket_fd, head, text, fds, fd_count, true, err) >= 0)
		return 0;
	if ((*err)->kind == ERR_SYSTEM && (*err)->errnum == EPIPE) {
		error_free(steal_ptr(err));
		return fetcher_gone(err);
	}
	return -1;
}

/* The peer's error as one of ours. */
static struct error *packet_error(const struct fetch_packet *packet)
{
	struct error *error = NULL;
	enum error_kind kind = packet->head.kind < ERR_KIND_COUNT
				       ? (enum error_kind)packet->head.kind
				       : ERR_REMOTE;

	error_set(&error, kind, "%s", packet->text);
	error->errnum = packet->head.errnum;
	return error;
}

/* Waits for the answer to RESOLVE or LOGIN. */
static int receive_answer(
	struct fetcher *fetcher, uint32_t type, struct fetch_packet *ret, struct error **err)
{
	int result = fetch_receive(fetcher->socket_fd, true, ret, err);

	if (result < 0)
		return -1;
	if (result == 0)
		return fetcher_gone(err);
	if (ret->head.type == FETCH_ERROR) {
		struct error *why = packet_error(ret);

		return error_move(err, &why);
	}
	if (ret->head.type != type)
		return error_set(err, ERR_INVALID, "the fetcher sent a message out of turn");
	return 0;
}

static void put_optional(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_put_string(w, key, value);
}

static void put_options(struct json_writer *w, const struct fetch_options *opts)
{
	put_optional(w, "os", opts->os);
	put_optional(w, "architecture", opts->architecture);
	put_optional(w, "variant", opts->variant);
	put_optional(w, "authfile", opts->authfile);
	put_optional(w, "username", opts->username);
	put_optional(w, "password", opts->password);
	put_optional(w, "certDir", opts->cert_dir);
	if (opts->tls_verify != FETCH_TLS_DEFAULT)
		json_put_bool(w, "tlsVerify", opts->tls_verify == FETCH_TLS_VERIFY);
}

/* One descriptor of RESOLVED with its bytes, checked again: what pod uses is what it hashed. */
static int take_document(const struct json *object, int fd, size_t limit,
	struct fetch_descriptor *ret, struct error **err)
{
	cleanup_free char *media_type = NULL, *digest = NULL, *text = NULL;
	char actual[SHA256_DIGEST_TEXT + 1];
	uint64_t size = 0;
	ssize_t n;

	if (json_opt_dup(object, "mediaType", &media_type, err) < 0 ||
		json_opt_dup(object, "digest", &digest, err) < 0 ||
		json_opt_uint64(object, "size", limit, &size, err) < 0)
		return -1;
	if (!media_type || !digest || !reference_digest_is_valid(digest))
		return json_error(object, err, "incomplete");
	text = xmalloc(size + 1);
	n = pread(fd, text, size, 0);
	if (n < 0)
		return error_errno(err, errno, "read what the fetcher sent");
	text[size] = '\0';
	sha256_digest(text, (size_t)n, actual);
	if ((uint64_t)n != size || !str_equal(actual, digest))
		return error_set(err, ERR_DIGEST, "the fetcher sent other bytes than %s", digest);
	*ret = (struct fetch_descriptor){
		.media_type = steal_ptr(&media_type),
		.digest = steal_ptr(&digest),
		.size_bytes = size,
		.text = steal_ptr(&text),
	};
	return 0;
}

static int take_resolved(
	const struct fetch_packet *packet, struct fetch_resolved *ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	struct json root, member;
	bool indexed;

	if (json_parse(packet->text, packet->head.text_len, "fetcher", &doc, &root, err) < 0 ||
		json_opt_dup(&root, "reference", &ret->reference, err) < 0)
		return -1;
	indexed = json_member(&root, "index", &member);
	if (!ret->reference || packet->fd_count != (indexed ? 3 : 2))
		return error_set(err, ERR_INVALID, "the fetcher's answer is incomplete");
	if (indexed &&
		take_document(&member, packet->fds[2], FETCH_MANIFEST_MAX, &ret->index, err) < 0)
		return -1;
	if (json_require(&root, "manifest", &member, err) < 0 ||
		take_document(&member, packet->fds[0], FETCH_MANIFEST_MAX, &ret->manifest, err) <
			0 ||
		json_require(&root, "config", &member, err) < 0 ||
		take_document(&member, packet->fds[1], FETCH_CONFIG_MAX, &ret->config, err) < 0)
		return -1;
	return 0;
}

int fetcher_resolve(struct fetcher *fetcher, const char *reference,
	const struct fetch_options *opts, struct fetch_resolved *ret, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_fetch_packet struct fetch_packet packet = {0};
	const struct fetch_message head = {.type = FETCH_RESOLVE};
	struct fetch_resolved resolved = {0};
	struct json_writer w = json_writer_init(&text, 0);
	int result;

	json_write_object_begin(&w);
	json_put_string(&w, "reference", reference);
	put_options(&w, opts);
	json_write_object_end(&w);
	result = send_request(fetcher, &head, strbuf_str(&text), NULL, 0, err);
	explicit_bzero(text.data, text.len);
	if (result < 0 || receive_answer(fetcher, FETCH_RESOLVED, &packet, err) < 0)
		return -1;
	if (take_resolved(&packet, &resolved, err) < 0) {
		fetch_resolved_clear(&resolved);
		return -1;
	}
	*ret = resolved;
	return 0;
}

int fetcher_login(struct fetcher *fetcher, const char *registry, const struct fetch_options *opts,
	struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_fetch_packet struct fetch_packet packet = {0};
	const struct fetch_message head = {.type = FETCH_LOGIN};
	struct json_writer w = json_writer_init(&text, 0);
	int result;

	json_write_object_begin(&w);
	json_put_string(&w, "registry", registry);
	put_options(&w, opts);
	json_write_object_end(&w);
	result = send_request(fetcher, &head, strbuf_str(&text), NULL, 0, err);
	explicit_bzero(text.data, text.len);
	if (result < 0)
		return -1;
	return receive_answer(fetcher, FETCH_LOGIN_OK, &packet, err);
}

int fetcher_fetch_blob(struct fetcher *fetcher, uint32_t id, const char *digest,
	uint64_t size_bytes, uint64_t offset, int part_fd, char *const *urls, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const struct fetch_message head = {.type = FETCH_FETCH, .id = id, .offset = offset};
	struct json_writer w = json_writer_init(&text, 0);

	json_write_object_begin(&w);
	json_put_string(&w, "digest", digest);
	json_put_uint(&w, "size", size_bytes);
	if (urls)
		json_put_strv(&w, "urls", urls);
	json_write_object_end(&w);
	return send_request(fetcher, &head, strbuf_str(&text), &part_fd, 1, err);
}

int fetcher_next_event(struct fetcher *fetcher, struct fetch_event *ret, struct error **err)
{
	cleanup_fetch_packet struct fetch_packet packet = {0};
	struct fetch_event event = {0};
	int result = fetch_receive(fetcher->socket_fd, false, &packet, err);

	if (result < 0)
		return -1;
	if (result == FETCH_RECEIVE_NOTHING)
		return 0;
	if (result == 0)
		return fetcher_gone(err);
	event.id = packet.head.id;
	event.offset = packet.head.offset;
	switch (packet.head.type) {
	case FETCH_PROGRESS:
		event.type = FETCH_EVENT_PROGRESS;
		break;
	case FETCH_DONE:
		event.type = FETCH_EVENT_DONE;
		break;
	case FETCH_ERROR:
		event.type = FETCH_EVENT_ERROR;
		event.error = packet_error(&packet);
		break;
	default:
		return error_set(err, ERR_INVALID, "the fetcher sent a message out of turn");
	}
	*ret = event;
	return 1;
}
