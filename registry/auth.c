#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "registry/auth.h"
#include "registry/reference.h"
#include "registry/registries_conf.h"
#include "util/base64.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"
#include "util/strbuf.h"

#define AUTH_FILE_MAX     (1u << 20) /* bytes */
#define HELPER_OUTPUT_MAX (64u << 10)
#define DOCKER_HUB        "docker.io"
#define DOCKER_HUB_URL    "https://index.docker.io/v1/" /* docker's key for it */
#define TOKEN_USER        "<token>" /* a helper's user name when the secret is an identity token */

static void secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void credentials_clear(struct credentials *credentials)
{
	free(credentials->username);
	secret_free(credentials->password);
	secret_free(credentials->identity_token);
	*credentials = (struct credentials){0};
}

static bool has_credentials(const struct credentials *credentials)
{
	return credentials->username || credentials->identity_token;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* A key as a file has it: without scheme, docker's "/v1/" path and trailing slashes. */
static char *key_normalise(const char *key)
{
	const char *p = strstr(key, "://");
	size_t len, host;

	p = p ? p + 3 : key;
	len = strlen(p);
	while (len && p[len - 1] == '/')
		len--;
	host = MIN(strcspn(p, "/"), len);
	if ((len - host == 3) &&
		(strncmp(p + host, "/v1", 3) == 0 || strncmp(p + host, "/v2", 3) == 0))
		len = host;
	if (host == strlen("index.docker.io") && strncmp(p, "index.docker.io", host) == 0)
		return xasprintf(DOCKER_HUB "%.*s", (int)(len - host), p + host);
	return xstrndup(p, len);
}

int auth_key_parse(const char *text, char **ret, struct error **err)
{
	cleanup_free char *key = key_normalise(text), *registry = auth_key_registry(key);

	if (!reference_domain_is_valid(registry) || path_has_dotdot(key) || strstr(key, "//") ||
		strpbrk(key, " \t\r\n\"\\@?#"))
		return error_set(err, ERR_INVALID,
			"'%s' is no registry: it is written host[:port][/namespace]", text);
	*ret = steal_ptr(&key);
	return 0;
}

char *auth_key_registry(const char *key)
{
	return xstrndup(key, strcspn(key, "/"));
}

/* --- credential helpers ------------------------------------------------------------------------
 */

static int helper_name_check(const char *helper, struct error **err)
{
	size_t len =
		strspn(helper, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	if (!len || helper[len] || len > 100)
		return error_set(
			err, ERR_INVALID, "'%s' is no name of a credential helper", helper);
	return 0;
}

/* Runs docker-credential-HELPER VERB. @ret_output: owned; *ret_status its wait status. */
static int helper_run(const char *helper, const char *verb, const char *input, char **ret_output,
	int *ret_status, struct error **err)
{
	cleanup_free char *program = xasprintf("docker-credential-%s", helper);
	const char *const argv[] = {program, verb, NULL};

	if (helper_name_check(helper, err) < 0)
		return -1;
	if (spawn_capture(argv, input, HELPER_OUTPUT_MAX, ret_output, ret_status, err) < 0)
		return error_wrap(err, "credential helper '%s'", helper);
	return 0;
}

static int helper_parse(
	const char *text, const char *program, struct credentials *ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	const char *username = NULL, *secret = NULL;
	struct json root;

	if (json_parse(text, strlen(text), program, &doc, &root, err) < 0 ||
		json_opt_string(&root, "Username", &username, err) < 0 ||
		json_opt_string(&root, "Secret", &secret, err) < 0)
		return -1;
	if (!secret || !*secret)
		return 0;
	if (str_equal(username, TOKEN_USER)) {
		ret->identity_token = xstrdup(secret);
	} else if (username && *username) {
		ret->username = xstrdup(username);
		ret->password = xstrdup(secret);
	}
	return 0;
}

static int helper_get(
	const char *helper, const char *server, struct credentials *ret, struct error **err)
{
	cleanup_free char *output = NULL;
	int status, result;

	if (helper_run(helper, "get", server, &output, &status, err) < 0)
		return -1;
	if (status != 0) {
		/* Helpers answer so, on stdout, when they have nothing for the server. */
		if (strstr(output, "credentials not found"))
			return 0;
		output[strcspn(output, "\r\n")] = '\0';
		return error_set(err, ERR_REMOTE,
			"credential helper 'docker-credential-%s' failed for '%s': %.200s", helper,
			server, *output ? output : "it said nothing");
	}
	result = helper_parse(output, helper, ret, err);
	explicit_bzero(output, strlen(output));
	return result;
}

/* --- one file -----------------------------------------------------------------------------------
 */

struct auth_file {
	char *path;
	struct json_document *doc; /* NULL: absent or empty */
	struct json root;
};

static void auth_file_clear(struct auth_file *file)
{
	json_document_free(file->doc);
	free(file->path);
	*file = (struct auth_file){0};
}
#define cleanup_auth_file __attribute__((cleanup(auth_file_clear)))

/* @file: path set; the document stays NULL when there is no such file. */
static int auth_file_read(struct auth_file *file, struct error **err)
{
	cleanup_close int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_free char *text = NULL;
	size_t len;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	/* root's podman leaves a directory there that is nobody else's */
	if (fd < 0 && errno == EACCES && str_starts_with(file->path, "/run/containers/"))
		return 0;
	if (fd < 0)
		return error_errno(err, errno, "open '%s'", file->path);
	if (read_fd_limited(fd, AUTH_FILE_MAX, &text, &len, err) < 0)
		return error_wrap(err, "read '%s'", file->path);
	if (strspn(text, " \t\r\n") == len)
		return 0;
	if (json_parse(text, len, file->path, &file->doc, &file->root, err) < 0)
		return -1;
	if (json_kind(&file->root) != JSON_KIND_OBJECT)
		return json_error(&file->root, err, "must be an object");
	return 0;
}

/* An entry of "auths". */
static int entry_parse(const struct json *entry, struct credentials *ret, struct error **err)
{
	const char *auth = NULL, *token = NULL;
	cleanup_free char *text = NULL;
	char *colon;
	size_t len;

	if (json_opt_string(entry, "auth", &auth, err) < 0 ||
		json_opt_string(entry, "identitytoken", &token, err) < 0)
		return -1;
	if (token && *token) {
		ret->identity_token = xstrdup(token);
		return 0;
	}
	if (!auth || !*auth)
		return 0;
	text = base64_decode(auth, &len);
	colon = text ? memchr(text, ':', len) : NULL;
	if (!colon)
		return json_error(entry, err, "'auth' is not base64 of 'username:password'");
	*colon = '\0';
	ret->username = xstrdup(text);
	ret->password = xstrdup(colon + 1); /* padding NUL bytes, seen from old tools, fall off */
	explicit_bzero(text, len);
	return 0;
}

/* The longest key of "auths" that covers KEY. */
static int auths_find(
	const struct auth_file *file, const char *key, struct credentials *ret, struct error **err)
{
	struct json auths, entry, best = {0};
	size_t longest = 0;

	if (!json_member(&file->root, "auths", &auths))
		return 0;
	for (struct json_iter it = json_iter(&auths); json_next(&it, &entry);) {
		cleanup_free char *known = key_normalise(entry.key);
		const char *rest = str_starts_with(key, known);

		if (rest && (*rest == '\0' || *rest == '/') && strlen(known) > longest) {
			longest = strlen(known);
			best = entry;
		}
	}
	return longest ? entry_parse(&best, ret, err) : 0;
}

/* The helper named for REGISTRY; borrowed, NULL none. */
static int helper_find(
	const struct auth_file *file, const char *registry, const char **ret, struct error **err)
{
	struct json helpers, entry;

	*ret = NULL;
	if (!json_member(&file->root, "credHelpers", &helpers))
		return 0;
	for (struct json_iter it = json_iter(&helpers); json_next(&it, &entry);) {
		cleanup_free char *known = key_normalise(entry.key);

		if (str_equal(known, registry))
			return json_string(&entry, ret, err);
	}
	return 0;
}

/* docker asks for the Hub by its URL, podman by its name. */
static int helper_get_registry(
	const char *helper, const char *registry, struct credentials *ret, struct error **err)
{
	if (helper_get(helper, registry, ret, err) < 0)
		return -1;
	if (!has_credentials(ret) && str_equal(registry, DOCKER_HUB))
		return helper_get(helper, DOCKER_HUB_URL, ret, err);
	return 0;
}

/* The helper that keeps what is to be known by KEY: the registry's, else the file's for all, which
 * knows no namespaces. Borrowed, NULL none. */
static int helper_for_key(const struct auth_file *file, const char *key, const char *registry,
	const char **ret, struct error **err)
{
	*ret = NULL;
	if (!file->doc || helper_find(file, registry, ret, err) < 0)
		return file->doc ? -1 : 0;
	if ((*ret && **ret) || (strchr(key, '/') && !strstr(key, "://")))
		return 0;
	return json_opt_string(&file->root, "credsStore", ret, err);
}

/* What helpers call the registry of KEY: docker's own by its URL, where it was named so. */
static const char *helper_server(const char *key, const char *registry)
{
	return strstr(key, "://") ? key : registry;
}

static int auth_file_find(const struct auth_file *file, const char *registry, const char *key,
	struct credentials *ret, struct error **err)
{
	const char *helper = NULL;

	if (helper_find(file, registry, &helper, err) < 0)
		return -1;
	if (helper && *helper)
		return helper_get_registry(helper, registry, ret, err);
	if (auths_find(file, key, ret, err) < 0)
		return -1;
	if (has_credentials(ret))
		return 0;
	helper = NULL;
	if (json_opt_string(&file->root, "credsStore", &helper, err) < 0)
		return -1;
	if (helper && *helper)
		return helper_get_registry(helper, registry, ret, err);
	return 0;
}

/* --- which files --------------------------------------------------------------------------------
 */

static const char *explicit_path(const char *authfile)
{
	const char *path = authfile ? authfile : getenv("REGISTRY_AUTH_FILE");

	return path && *path ? path : NULL;
}

char *auth_primary_path(const char *authfile, struct error **err)
{
	const char *path = explicit_path(authfile), *dir = getenv("XDG_RUNTIME_DIR");

	(void)err; /* there is always a name; making it may fail later */
	if (path)
		return xstrdup(path);
	if (dir && *dir == '/')
		return xasprintf("%s/containers/auth.json", dir);
	return xasprintf("/run/containers/%u/auth.json", (unsigned int)getuid());
}

static char **search_paths(const char *authfile, struct error **err)
{
	const char *docker = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	char **paths = NULL, *path = auth_primary_path(authfile, err);

	if (!path)
		return NULL;
	strv_append_take(&paths, path);
	if (explicit_path(authfile))
		return paths;
	path = config_home_path("containers/auth.json");
	if (path)
		strv_append_take(&paths, path);
	if (docker && *docker)
		strv_append_take(&paths, path_join(docker, "config.json"));
	else if (home && *home == '/')
		strv_append_take(&paths, path_join(home, ".docker/config.json"));
	return paths;
}

int auth_find(const char *authfile, const char *registry, const char *repository,
	struct credentials *ret, char **ret_file, struct error **err)
{
	cleanup_free char *key =
		xasprintf("%s%s%s", registry, repository ? "/" : "", repository ? repository : "");
	cleanup_strv char **paths = search_paths(authfile, err);

	*ret = (struct credentials){0};
	if (!paths)
		return -1;
	for (size_t i = 0; paths[i]; i++) {
		cleanup_auth_file struct auth_file file = {.path = xstrdup(paths[i])};

		if (auth_file_read(&file, err) < 0) {
			/* what was not asked for must not be in the way of a public image */
			if (authfile || (*err)->errnum != EACCES)
				return -1;
			log_warning("no credentials from there: %s", (*err)->message);
			error_free(steal_ptr(err));
			continue;
		}
		if (!file.doc) {
			if (authfile)
				return error_set(err, ERR_NOT_FOUND,
					"credential file '%s' (--authfile) does not exist",
					authfile);
			continue;
		}
		if (auth_file_find(&file, registry, key, ret, err) < 0) {
			credentials_clear(ret);
			return error_wrap(err, "credentials for '%s'", registry);
		}
		if (has_credentials(ret)) {
			if (ret_file)
				*ret_file = steal_ptr(&file.path);
			return 0;
		}
	}
	return 0;
}

/* --- changing the primary file ------------------------------------------------------------------
 */

/* The primary file, locked against other logins by a file beside it that goes with the unlock. */
struct auth_change {
	int dir_fd, lock_fd;
	char *name, *lock_name;
	struct auth_file file;
};

static void auth_change_clear(struct auth_change *change)
{
	if (change->lock_fd >= 0)
		(void)unlinkat(
			change->dir_fd, change->lock_name, 0); /* still locked: nobody else's */
	close_keep_errno(change->lock_fd);
	close_keep_errno(change->dir_fd);
	free(change->name);
	free(change->lock_name);
	auth_file_clear(&change->file);
}
#define cleanup_auth_change __attribute__((cleanup(auth_change_clear)))

static int auth_change_begin(const char *authfile, struct auth_change *change, struct error **err)
{
	cleanup_free char *dir = NULL;
	char *slash;

	change->file.path = auth_primary_path(authfile, err);
	if (!change->file.path)
		return -1;
	dir = xstrdup(change->file.path);
	slash = strrchr(dir, '/');
	change->name = xstrdup(path_basename(change->file.path));
	if (slash)
		slash[slash == dir] = '\0';
	if (slash && mkdir_p(dir, 0700, err) < 0)
		return error_wrap(
			err, "no place for credentials (set XDG_RUNTIME_DIR or use --authfile)");
	change->dir_fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (change->dir_fd < 0)
		return error_errno(err, errno, "open '%s'", slash ? dir : ".");
	change->lock_name = xasprintf(".%s.lock", change->name);
	change->lock_fd =
		lock_open(change->dir_fd, change->lock_name, LOCK_EXCLUSIVE, LOCK_WAIT, err);
	if (change->lock_fd < 0)
		return -1;
	return auth_file_read(&change->file, err);
}

/* "auths" without DROPPED, and with KEY when AUTH is given. @ret_dropped: it was there. */
static void write_auths(struct json_writer *w, const struct auth_file *file, const char *dropped,
	const char *key, const char *auth, bool *ret_dropped)
{
	struct json auths, entry;

	json_write_key(w, "auths");
	json_write_object_begin(w);
	if (file->doc && json_member(&file->root, "auths", &auths)) {
		for (struct json_iter it = json_iter(&auths); json_next(&it, &entry);) {
			cleanup_free char *known = key_normalise(entry.key);

			if (!dropped || str_equal(known, dropped)) {
				*ret_dropped = true;
				continue;
			}
			json_write_key(w, entry.key);
			json_write_value(w, &entry);
		}
	}
	if (auth) {
		json_write_key(w, key);
		json_write_object_begin(w);
		json_put_string(w, "auth", auth);
		json_write_object_end(w);
	}
	json_write_object_end(w);
}

/* Replace the file: DROPPED (NULL: every entry) goes, KEY with AUTH comes when AUTH is given. */
static int auth_change_commit(struct auth_change *change, const char *dropped, const char *key,
	const char *auth, bool *ret_dropped, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 4);
	struct json member;
	int result;

	*ret_dropped = false;
	json_write_object_begin(&w);
	write_auths(&w, &change->file, dropped, key, auth, ret_dropped);
	if (change->file.doc) {
		for (struct json_iter it = json_iter(&change->file.root);
			json_next(&it, &member);) {
			if (str_equal(member.key, "auths"))
				continue;
			json_write_key(&w, member.key);
			json_write_value(&w, &member);
		}
	}
	json_write_object_end(&w);
	strbuf_addch(&out, '\n');
	result = write_file_atomic(
		change->dir_fd, change->name, strbuf_str(&out), out.len, 0600, WRITE_SYNC, err);
	explicit_bzero(out.data, out.len);
	if (result < 0)
		return error_wrap(err, "write '%s'", change->file.path);
	return 0;
}

static int helper_store(const char *helper, const char *registry, const char *username,
	const char *password, struct error **err)
{
	cleanup_strbuf struct strbuf input = STRBUF_INIT;
	struct json_writer w = json_writer_init(&input, 0);
	cleanup_free char *output = NULL;
	int status, result;

	json_write_object_begin(&w);
	json_put_string(&w, "ServerURL", registry);
	json_put_string(&w, "Username", username);
	json_put_string(&w, "Secret", password);
	json_write_object_end(&w);
	result = helper_run(helper, "store", strbuf_str(&input), &output, &status, err);
	explicit_bzero(input.data, input.len);
	if (result < 0)
		return -1;
	if (status != 0) {
		output[strcspn(output, "\r\n")] = '\0';
		return error_set(err, ERR_REMOTE,
			"credential helper 'docker-credential-%s' did not store '%s': %.200s",
			helper, registry, output);
	}
	return 0;
}

int auth_store(const char *authfile, const char *key, const char *username, const char *password,
	char **ret_path, struct error **err)
{
	cleanup_auth_change struct auth_change change = {.dir_fd = -1, .lock_fd = -1};
	cleanup_free char *registry = auth_key_registry(key), *auth = NULL, *text = NULL;
	const char *helper = NULL;
	bool dropped;

	if (strchr(username, ':'))
		return error_set(err, ERR_INVALID, "a user name may not contain ':'");
	if (auth_change_begin(authfile, &change, err) < 0)
		return -1;
	if (helper_for_key(&change.file, key, registry, &helper, err) < 0)
		return -1;
	if (helper && *helper) {
		if (helper_store(helper, helper_server(key, registry), username, password, err) < 0)
			return -1;
		*ret_path = xasprintf("docker-credential-%s", helper);
		return 0;
	}
	text = xasprintf("%s:%s", username, password);
	auth = base64_encode(text, strlen(text));
	explicit_bzero(text, strlen(text));
	if (auth_change_commit(&change, key, key, auth, &dropped, err) < 0)
		return -1;
	*ret_path = xstrdup(change.file.path);
	return 0;
}

static int helper_erase(
	const char *helper, const char *registry, bool *ret_done, struct error **err)
{
	cleanup_free char *output = NULL;
	int status;

	if (helper_run(helper, "erase", registry, &output, &status, err) < 0)
		return -1;
	*ret_done = status == 0;
	return 0;
}

int auth_remove(const char *authfile, const char *key, struct error **err)
{
	cleanup_auth_change struct auth_change change = {.dir_fd = -1, .lock_fd = -1};
	cleanup_free char *registry = auth_key_registry(key);
	const char *helper = NULL;
	bool dropped = false, erased = false;

	if (auth_change_begin(authfile, &change, err) < 0)
		return -1;
	if (helper_for_key(&change.file, key, registry, &helper, err) < 0)
		return -1;
	if (helper && *helper &&
		helper_erase(helper, helper_server(key, registry), &erased, err) < 0)
		return -1;
	if (change.file.doc && auth_change_commit(&change, key, NULL, NULL, &dropped, err) < 0)
		return -1;
	if (!dropped && !erased)
		return error_set(err, ERR_NOT_FOUND, "not logged into %s", key);
	return 0;
}

int auth_remove_all(const char *authfile, struct error **err)
{
	cleanup_auth_change struct auth_change change = {.dir_fd = -1, .lock_fd = -1};
	struct json helpers, entry;
	bool dropped;

	if (auth_change_begin(authfile, &change, err) < 0)
		return -1;
	if (!change.file.doc)
		return 0;
	if (json_member(&change.file.root, "credHelpers", &helpers)) {
		for (struct json_iter it = json_iter(&helpers); json_next(&it, &entry);) {
			cleanup_free char *registry = key_normalise(entry.key);
			const char *helper;

			if (json_string(&entry, &helper, err) < 0)
				return -1;
			if (*helper && helper_erase(helper, registry, &dropped, err) < 0)
				return -1;
		}
	}
	return auth_change_commit(&change, NULL, NULL, NULL, &dropped, err);
}
