#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "registry/registries_conf.h"
#include "registry/toml.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

#define SYSTEM_DIR  "/etc/containers"
#define DROP_IN_MAX 256 /* files in one registries.conf.d */

enum mirror_use { MIRROR_ALL, MIRROR_DIGEST_ONLY, MIRROR_TAG_ONLY };

struct mirror {
	char *location;
	bool insecure;
	enum mirror_use use;
};

struct registry {
	char *prefix;   /* "host", "host/path", "*.host" */
	char *location; /* NULL: the reference as it is (wildcard prefixes) */
	char *file;     /* where it was configured, for messages */
	bool insecure, blocked;
	struct mirror *mirrors;
	size_t mirror_count, mirror_capacity;
};

struct registries_conf {
	char **search; /* NULL: not set */
	struct registry *registries;
	size_t count, capacity;
};

static void registry_clear(struct registry *registry)
{
	for (size_t i = 0; i < registry->mirror_count; i++)
		free(registry->mirrors[i].location);
	free(registry->mirrors);
	free(registry->prefix);
	free(registry->location);
	free(registry->file);
	*registry = (struct registry){0};
}
#define cleanup_registry __attribute__((cleanup(registry_clear)))

struct registries_conf *registries_conf_new(void)
{
	return xcalloc(1, sizeof(struct registries_conf));
}

void registries_conf_free(struct registries_conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->count; i++)
		registry_clear(&conf->registries[i]);
	free(conf->registries);
	strv_free(conf->search);
	free(conf);
}

char *config_home_path(const char *name)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (base && *base == '/')
		return xasprintf("%s/%s", base, name);
	if (home && *home == '/')
		return xasprintf("%s/.config/%s", home, name);
	return NULL;
}

/* A location as written: no scheme, no trailing slashes. */
static int location_parse(
	const char *text, const char *name, unsigned int line, char **ret, struct error **err)
{
	size_t len = strlen(text);

	if (strstr(text, "://"))
		return error_set(err, ERR_INVALID,
			"%s: line %u: location '%s' must be host[:port][/path], without 'https://'",
			name, line, text);
	while (len && text[len - 1] == '/')
		len--;
	if (!len)
		return error_set(err, ERR_INVALID, "%s: line %u: a location is empty", name, line);
	*ret = xstrndup(text, len);
	return 0;
}

static int mirror_parse(const struct toml *table, const char *name, bool digest_only,
	struct mirror *ret, struct error **err)
{
	const char *location = NULL, *use = NULL;
	struct mirror mirror = {.use = digest_only ? MIRROR_DIGEST_ONLY : MIRROR_ALL};

	if (toml_opt_string(table, "location", name, &location, err) < 0 ||
		toml_opt_string(table, "pull-from-mirror", name, &use, err) < 0 ||
		toml_opt_bool(table, "insecure", name, &mirror.insecure, err) < 0)
		return -1;
	if (!location)
		return error_set(err, ERR_INVALID, "%s: line %u: a mirror needs a 'location'", name,
			table->line);
	if (use && *use) {
		if (digest_only)
			return error_set(err, ERR_INVALID,
				"%s: line %u: 'pull-from-mirror' does not go with "
				"'mirror-by-digest-only'",
				name, table->line);
		if (str_equal(use, "digest-only"))
			mirror.use = MIRROR_DIGEST_ONLY;
		else if (str_equal(use, "tag-only"))
			mirror.use = MIRROR_TAG_ONLY;
		else if (!str_equal(use, "all"))
			return error_set(err, ERR_INVALID,
				"%s: line %u: 'pull-from-mirror' must be all, digest-only or "
				"tag-only",
				name, table->line);
	}
	if (location_parse(location, name, table->line, &mirror.location, err) < 0)
		return -1;
	*ret = mirror;
	return 0;
}

static int registry_parse(
	const struct toml *table, const char *name, struct registry *registry, struct error **err)
{
	const char *prefix = NULL, *location = NULL;
	const struct toml *mirrors = toml_member(table, "mirror");
	bool digest_only = false, wildcard;

	if (table->kind != TOML_TABLE)
		return error_set(err, ERR_INVALID, "%s: line %u: 'registry' must be a table", name,
			table->line);
	if (toml_opt_string(table, "prefix", name, &prefix, err) < 0 ||
		toml_opt_string(table, "location", name, &location, err) < 0 ||
		toml_opt_bool(table, "insecure", name, &registry->insecure, err) < 0 ||
		toml_opt_bool(table, "blocked", name, &registry->blocked, err) < 0 ||
		toml_opt_bool(table, "mirror-by-digest-only", name, &digest_only, err) < 0)
		return -1;
	if (prefix && !*prefix)
		prefix = NULL;
	if (location && !*location)
		location = NULL;
	wildcard = prefix && str_starts_with(prefix, "*.");
	if (!prefix && !location)
		return error_set(err, ERR_INVALID,
			"%s: line %u: a registry needs 'prefix' or 'location'", name, table->line);
	if (!location && !wildcard)
		location = prefix;
	if (location && location_parse(location, name, table->line, &registry->location, err) < 0)
		return -1;
	if (prefix) {
		if (location_parse(prefix, name, table->line, &registry->prefix, err) < 0)
			return -1;
	} else {
		registry->prefix = xstrdup(registry->location);
	}
	if (strchr(registry->prefix + wildcard, '*') || (wildcard && strpbrk(prefix, "/:@")))
		return error_set(err, ERR_INVALID,
			"%s: line %u: prefix '%s': a wildcard has the form '*.example.com'", name,
			table->line, registry->prefix);
	registry->file = xstrdup(name);
	if (mirrors && mirrors->kind != TOML_ARRAY)
		return error_set(err, ERR_INVALID,
			"%s: line %u: mirrors are written as [[registry.mirror]]", name,
			mirrors->line);
	for (size_t i = 0; mirrors && i < mirrors->count; i++) {
		array_grow(registry->mirrors, registry->mirror_count, registry->mirror_capacity);
		if (mirror_parse(mirrors->items[i], name, digest_only,
			    &registry->mirrors[registry->mirror_count], err) < 0)
			return -1;
		registry->mirror_count++;
	}
	return 0;
}

/* Takes REGISTRY over; one of the same prefix from an earlier file is replaced. */
static void registry_add_consume(struct registries_conf *conf, struct registry *registry)
{
	size_t i;

	for (i = 0; i < conf->count; i++)
		if (str_equal(conf->registries[i].prefix, registry->prefix))
			break;
	if (i == conf->count) {
		array_grow(conf->registries, conf->count, conf->capacity);
		conf->count++;
	} else {
		registry_clear(&conf->registries[i]);
	}
	conf->registries[i] = *registry;
	*registry = (struct registry){0};
}

static int search_parse(
	struct registries_conf *conf, const struct toml *list, const char *name, struct error **err)
{
	cleanup_strv char **search = NULL;

	if (list->kind != TOML_ARRAY)
		return error_set(err, ERR_INVALID,
			"%s: line %u: 'unqualified-search-registries' must be an array", name,
			list->line);
	for (size_t i = 0; i < list->count; i++) {
		cleanup_free char *location = NULL;

		if (list->items[i]->kind != TOML_STRING)
			return error_set(err, ERR_INVALID,
				"%s: line %u: 'unqualified-search-registries' must hold strings",
				name, list->line);
		if (location_parse(list->items[i]->string, name, list->line, &location, err) < 0)
			return -1;
		if (!reference_domain_is_valid(location))
			return error_set(err, ERR_INVALID,
				"%s: line %u: search registry '%s' must be host[:port]", name,
				list->line, location);
		strv_append(&search, location);
	}
	strv_free(conf->search);
	conf->search = steal_ptr(&search);
	return 0;
}

int registries_conf_parse(struct registries_conf *conf, const char *text, size_t len,
	const char *name, struct error **err)
{
	cleanup_toml struct toml *root = NULL;
	const struct toml *list;

	if (toml_parse(text, len, name, &root, err) < 0)
		return -1;
	if (toml_member(root, "registries"))
		return error_set(err, ERR_UNSUPPORTED,
			"%s: written in the old version 1 format; use [[registry]] tables", name);
	list = toml_member(root, "unqualified-search-registries");
	if (list && search_parse(conf, list, name, err) < 0)
		return -1;
	list = toml_member(root, "registry");
	if (list && list->kind != TOML_ARRAY)
		return error_set(err, ERR_INVALID,
			"%s: line %u: registries are written as [[registry]]", name, list->line);
	for (size_t i = 0; list && i < list->count; i++) {
		cleanup_registry struct registry registry = {0};

		if (registry_parse(list->items[i], name, &registry, err) < 0)
			return -1;
		registry_add_consume(conf, &registry);
	}
	return 0;
}

/* @ret_found false when PATH does not exist. Symlinks are followed: the administrator's files. */
static int load_file(
	struct registries_conf *conf, const char *path, bool *ret_found, struct error **err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_free char *text = NULL;
	size_t len;

	*ret_found = fd >= 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return error_errno(err, errno, "open '%s'", path);
	if (read_fd_limited(fd, TOML_TEXT_MAX, &text, &len, err) < 0)
		return error_wrap(err, "read '%s'", path);
	return registries_conf_parse(conf, text, len, path, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int load_drop_ins(struct registries_conf *conf, const char *path, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(AT_FDCWD, path);
	cleanup_strv char **names = NULL;
	struct dirent *entry;
	bool found;

	if (!dir)
		return 0; /* absent, or not for us to read: as if empty */
	while ((entry = dir_next(dir)) && strv_length(names) < DROP_IN_MAX)
		if (str_ends_with(entry->d_name, ".conf"))
			strv_append_take(&names, path_join(path, entry->d_name));
	if (names)
		qsort(names, strv_length(names), sizeof(*names), compare_names);
	for (size_t i = 0; names && names[i]; i++)
		if (load_file(conf, names[i], &found, err) < 0)
			return -1;
	return 0;
}

int registries_conf_load(struct registries_conf **ret, struct error **err)
{
	cleanup_registries_conf struct registries_conf *conf = registries_conf_new();
	cleanup_free char *user_file = config_home_path("containers/registries.conf");
	cleanup_free char *user_dir = config_home_path("containers/registries.conf.d");
	const char *given = getenv("CONTAINERS_REGISTRIES_CONF");
	bool found = false;

	if (given && *given) {
		if (load_file(conf, given, &found, err) < 0)
			return -1;
		if (!found)
			return error_set(err, ERR_NOT_FOUND,
				"'%s' (CONTAINERS_REGISTRIES_CONF) does not exist", given);
	}
	if (!found && user_file && load_file(conf, user_file, &found, err) < 0)
		return -1;
	if (!found && load_file(conf, SYSTEM_DIR "/registries.conf", &found, err) < 0)
		return -1;
	if (load_drop_ins(conf, SYSTEM_DIR "/registries.conf.d", err) < 0)
		return -1;
	if (user_dir && load_drop_ins(conf, user_dir, err) < 0)
		return -1;
	*ret = steal_ptr(&conf);
	return 0;
}

void registries_conf_candidates(const struct registries_conf *conf, const struct reference *ref,
	struct reference ***ret, size_t *ret_count)
{
	size_t count = ref->qualified ? 0 : strv_length(conf->search);
	struct reference **refs = xcalloc(MAX(count, 1), sizeof(struct reference *));

	if (!count)
		refs[0] = reference_with_domain(ref, ref->domain);
	for (size_t i = 0; i < count; i++)
		refs[i] = reference_with_domain(ref, conf->search[i]);
	*ret = refs;
	*ret_count = MAX(count, 1);
}

void reference_array_free(struct reference **refs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reference_free(refs[i]);
	free(refs);
}

/* How many bytes of the full reference TEXT the PREFIX covers; 0: it does not match. */
static size_t prefix_match(const char *text, const char *prefix)
{
	size_t len = strlen(prefix), host;

	if (str_starts_with(prefix, "*.")) {
		host = strcspn(text, "/");
		len--; /* ".example.com" must end the host name (without port) */
		if (strcspn(text, ":/") != host || host <= len ||
			strncmp(text + host - len, prefix + 1, len) != 0)
			return 0;
		return host;
	}
	if (strncmp(text, prefix, len) != 0)
		return 0;
	/* A host alone must not take "host:5000" along. */
	if (text[len] == '\0' || text[len] == '/')
		return len;
	return strchr(prefix, '/') && (text[len] == ':' || text[len] == '@') ? len : 0;
}

/* LOCATION and what follows the prefix: the first component is always a registry here. */
static int endpoint_make(const char *location, const char *rest, const struct registry *registry,
	bool mirror, bool insecure, struct registry_endpoint *ret, struct error **err)
{
	cleanup_free char *text = xasprintf("%s%s", location, rest);
	cleanup_free char *placeholder = NULL;
	cleanup_reference struct reference *ref = NULL;
	size_t host = strcspn(text, "/");

	/* Parsed behind a stand-in, for hosts that reference_parse() would not take for one. */
	placeholder = xasprintf("localhost%s", text + host);
	if (!text[host] || reference_parse(placeholder, &ref, err) < 0) {
		if (!*err)
			error_set(err, ERR_INVALID, "no repository");
		return error_wrap(
			err, "%s: location '%s' leads to '%s'", registry->file, location, text);
	}
	free(ref->domain);
	ref->domain = xstrndup(text, host);
	if (!reference_domain_is_valid(ref->domain))
		return error_set(err, ERR_INVALID, "%s: location '%s' names no registry",
			registry->file, location);
	*ret = (struct registry_endpoint){
		.ref = steal_ptr(&ref), .insecure = insecure, .mirror = mirror};
	return 0;
}

int registries_conf_endpoints(const struct registries_conf *conf, const struct reference *ref,
	struct registry_endpoint **ret, size_t *ret_count, struct error **err)
{
	cleanup_free char *text = xasprintf("%s/%s%s%s%s%s", ref->domain, ref->repository,
		ref->tag ? ":" : "", ref->tag ? ref->tag : "", ref->digest ? "@" : "",
		ref->digest ? ref->digest : "");
	const struct registry *registry = NULL;
	struct registry_endpoint *endpoints;
	size_t longest = 0, matched = 0, count = 0;

	for (size_t i = 0; i < conf->count; i++) {
		size_t match = prefix_match(text, conf->registries[i].prefix);

		if (match && strlen(conf->registries[i].prefix) > longest) {
			registry = &conf->registries[i];
			longest = strlen(registry->prefix);
			matched = match;
		}
	}
	if (registry && registry->blocked)
		return error_set(err, ERR_REMOTE,
			"registry '%s' is blocked in '%s': set blocked = false there to allow '%s'",
			registry->prefix, registry->file, text);
	endpoints = xcalloc((registry ? registry->mirror_count : 0) + 1, sizeof(*endpoints));
	for (size_t i = 0; registry && i < registry->mirror_count; i++) {
		const struct mirror *mirror = &registry->mirrors[i];

		if ((mirror->use == MIRROR_DIGEST_ONLY && !ref->digest) ||
			(mirror->use == MIRROR_TAG_ONLY && ref->digest))
			continue;
		if (endpoint_make(mirror->location, text + matched, registry, true,
			    mirror->insecure, &endpoints[count], err) < 0)
			goto fail;
		count++;
	}
	if (registry && registry->location) {
		if (endpoint_make(registry->location, text + matched, registry, false,
			    registry->insecure, &endpoints[count], err) < 0)
			goto fail;
	} else {
		endpoints[count] = (struct registry_endpoint){
			.ref = reference_with_domain(ref, ref->domain),
			.insecure = registry && registry->insecure,
		};
	}
	*ret = endpoints;
	*ret_count = count + 1;
	return 0;
fail:
	registry_endpoints_free(endpoints, count);
	return -1;
}

void registry_endpoints_free(struct registry_endpoint *endpoints, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reference_free(endpoints[i].ref);
	free(endpoints);
}
