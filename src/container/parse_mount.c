#include "config.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "container/parse_mount.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/* Words of which at most one of a group may be given. */
enum word_group {
	GROUP_ACCESS,
	GROUP_SUID,
	GROUP_DEV,
	GROUP_EXEC,
	GROUP_PROPAGATION,
	GROUP_RECURSION,
	GROUP_COPY,
	GROUP_COUNT,
};

enum word_use { USE_BIND = 1, USE_VOLUME = 2, USE_TMPFS = 4, USE_ALL = 7 };

static const struct {
	const char *word;
	enum word_group group;
	unsigned int use;
} words[] = {
	{"ro", GROUP_ACCESS, USE_ALL},
	{"rw", GROUP_ACCESS, USE_ALL},
	{"suid", GROUP_SUID, USE_ALL},
	{"nosuid", GROUP_SUID, USE_ALL},
	{"dev", GROUP_DEV, USE_ALL},
	{"nodev", GROUP_DEV, USE_ALL},
	{"exec", GROUP_EXEC, USE_ALL},
	{"noexec", GROUP_EXEC, USE_ALL},
	{"private", GROUP_PROPAGATION, USE_ALL},
	{"rprivate", GROUP_PROPAGATION, USE_ALL},
	{"shared", GROUP_PROPAGATION, USE_ALL},
	{"rshared", GROUP_PROPAGATION, USE_ALL},
	{"slave", GROUP_PROPAGATION, USE_ALL},
	{"rslave", GROUP_PROPAGATION, USE_ALL},
	{"unbindable", GROUP_PROPAGATION, USE_ALL},
	{"runbindable", GROUP_PROPAGATION, USE_ALL},
	{"bind", GROUP_RECURSION, USE_BIND | USE_VOLUME},
	{"rbind", GROUP_RECURSION, USE_BIND | USE_VOLUME},
	{"copy", GROUP_COPY, USE_VOLUME},
	{"nocopy", GROUP_COPY, USE_VOLUME},
};

/* A mount being parsed. */
struct builder {
	const char *text; /* the whole value, for errors */
	struct container_mount mount;
	const char *given[GROUP_COUNT];
};

static void builder_clear(struct builder *b)
{
	container_mount_clear(&b->mount);
}
#define cleanup_builder __attribute__((cleanup(builder_clear)))

void container_mount_clear(struct container_mount *mount)
{
	free(mount->source);
	free(mount->destination);
	strv_free(mount->options);
	*mount = (struct container_mount){0};
}

static unsigned int mount_use(const struct builder *b)
{
	switch (b->mount.kind) {
	case CONTAINER_MOUNT_BIND:
		return USE_BIND;
	case CONTAINER_MOUNT_VOLUME:
		return USE_VOLUME;
	default:
		return USE_TMPFS;
	}
}

/* Take one of words[]; *RET_FOUND is false when TEXT is none of them. */
static int take_word(struct builder *b, const char *text, bool *ret_found, struct error **err)
{
	*ret_found = false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].word, text) != 0 || !(words[i].use & mount_use(b)))
			continue;
		if (b->given[words[i].group])
			return error_set(err, ERR_INVALID,
				"mount '%s': options '%s' and '%s' exclude each other", b->text,
				b->given[words[i].group], text);
		b->given[words[i].group] = words[i].word;
		*ret_found = true;
		if (words[i].group == GROUP_COPY)
			b->mount.no_copy = strcmp(text, "nocopy") == 0;
		else
			strv_append(&b->mount.options, text);
		return 0;
	}
	return 0;
}

static int refuse(struct builder *b, const char *what, const char *why, struct error **err)
{
	return error_set(err, ERR_UNSUPPORTED, "mount '%s': option '%s' is not available: %s",
		b->text, what, why);
}

/* z and Z, relabel=: without SELinux there is nothing to relabel. */
static int relabel(struct builder *b, const char *what, struct error **err)
{
	if (access("/sys/fs/selinux/status", F_OK) < 0)
		return 0;
	return refuse(b, what,
		"files cannot be relabelled for SELinux yet; use "
		"--security-opt label=disable and relabel with chcon",
		err);
}

static bool size_is_valid(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits < 20 &&
	       (!text[digits] || (strchr("kKmMgGtT%", text[digits]) && !text[digits + 1]));
}

static bool mode_is_valid(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= 5 && strspn(text, "01234567") == len;
}

/* NAME=VALUE of tmpfs(5). *RET_FOUND is false when NAME is no such option. */
static int take_tmpfs_value(
	struct builder *b, const char *name, const char *value, bool *ret_found, struct error **err)
{
	static const char *const names[] = {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"};
	bool ok = true;
	uint64_t number;

	*ret_found = false;
	if (b->mount.kind != CONTAINER_MOUNT_TMPFS)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		*ret_found = *ret_found || strcmp(names[i], name) == 0;
	if (!*ret_found)
		return 0;
	if (strcmp(name, "mode") == 0)
		ok = mode_is_valid(value);
	else if (strcmp(name, "uid") == 0 || strcmp(name, "gid") == 0)
		ok = str_to_uint64(value, UINT32_MAX - 1, &number) == 0;
	else
		ok = size_is_valid(value);
	if (!ok)
		return error_set(err, ERR_INVALID, "mount '%s': invalid value '%s' of option '%s'",
			b->text, value, name);
	strv_append_take(&b->mount.options, xasprintf("%s=%s", name, value));
	return 0;
}

/* One word of the list behind -v's or --tmpfs's second or third colon. */
static int take_option(struct builder *b, const char *text, struct error **err)
{
	const char *equals = strchr(text, '=');
	bool found;

	if (!*text)
		return 0; /* "a,,b", as podman */
	if (take_word(b, text, &found, err) < 0)
		return -1;
	if (found)
		return 0;
	if (equals) {
		cleanup_free char *name = xstrndup(text, (size_t)(equals - text));

		if (take_tmpfs_value(b, name, equals + 1, &found, err) < 0)
			return -1;
		if (found)
			return 0;
	}
	if (b->mount.kind == CONTAINER_MOUNT_TMPFS) {
		if (strcmp(text, "notmpcopyup") == 0)
			return 0; /* what always happens */
		if (strcmp(text, "tmpcopyup") == 0)
			return refuse(
				b, text, "the image's files are not copied into a tmpfs", err);
	} else {
		if (strcmp(text, "z") == 0 || strcmp(text, "Z") == 0)
			return relabel(b, text, err);
		/* Weaker promises than the one always kept: host and container see one file. */
		if (strcmp(text, "cached") == 0 || strcmp(text, "delegated") == 0 ||
			strcmp(text, "consistent") == 0)
			return 0;
		if (strcmp(text, "U") == 0) {
			b->mount.chown = true;
			return 0;
		}
		if (strcmp(text, "O") == 0 || str_starts_with(text, "upperdir=") ||
			str_starts_with(text, "workdir="))
			return refuse(b, text, "a volume cannot be an overlay yet", err);
		if (strcmp(text, "idmap") == 0 || str_starts_with(text, "idmap="))
			return refuse(
				b, "idmap", "mounts cannot be id-mapped without privileges", err);
	}
	return error_set(err, ERR_INVALID, "mount '%s': invalid option '%s'", b->text, text);
}

static int set_destination(struct builder *b, const char *text, struct error **err)
{
	cleanup_free char *clean = NULL;

	if (*text != '/')
		return error_set(err, ERR_INVALID,
			"mount '%s': invalid container path '%s': must be an absolute path",
			b->text, text);
	clean = path_clean(text);
	if (strcmp(clean, "/") == 0)
		return error_set(err, ERR_INVALID,
			"mount '%s': the container's root cannot be mounted over", b->text);
	free(b->mount.destination);
	b->mount.destination = steal_ptr(&clean);
	return 0;
}

static bool volume_name_is_valid(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strlen(name);

	if (len == 0 || len > 255 || !strchr(letters, name[0]))
		return false;
	for (; *name; name++)
		if (!strchr(letters, *name) && !strchr("_.-", *name))
			return false;
	return true;
}

static int check_volume_name(const struct builder *b, const char *name, struct error **err)
{
	if (volume_name_is_valid(name))
		return 0;
	return error_set(err, ERR_INVALID,
		"mount '%s': invalid volume name '%s': must match [a-zA-Z0-9][a-zA-Z0-9_.-]*",
		b->text, name);
}

/* Add what is not said: podman's defaults. */
static void builder_finish(struct builder *b, struct container_mount *ret)
{
	if (b->mount.kind == CONTAINER_MOUNT_TMPFS && !b->given[GROUP_EXEC])
		strv_append(&b->mount.options, "noexec");
	if (!b->given[GROUP_SUID])
		strv_append(&b->mount.options, "nosuid");
	if (!b->given[GROUP_DEV])
		strv_append(&b->mount.options, "nodev");
	if (!b->given[GROUP_PROPAGATION])
		strv_append(&b->mount.options, "rprivate");
	b->mount.read_only = str_equal(b->given[GROUP_ACCESS], "ro");
	*ret = b->mount;
	b->mount = (struct container_mount){0};
}

static int take_options(struct builder *b, const char *text, struct error **err)
{
	cleanup_strv char **list = str_split(text, ',');

	for (char **word = list; *word; word++)
		if (take_option(b, *word, err) < 0)
			return -1;
	return 0;
}

int parse_volume(const char *text, struct container_mount *ret, struct error **err)
{
	cleanup_builder struct builder b = {.text = text};
	cleanup_strv char **parts = str_split(text, ':');
	size_t count = strv_length(parts);

	if (count > 3 || !*parts[0])
		return error_set(err, ERR_INVALID,
			"invalid volume '%s': must be [SOURCE:]DESTINATION[:OPTIONS]", text);
	b.mount.kind = CONTAINER_MOUNT_VOLUME;
	if (count > 1) {
		bool path = *parts[0] == '/' || *parts[0] == '.';

		if (path)
			b.mount.kind = CONTAINER_MOUNT_BIND;
		else if (check_volume_name(&b, parts[0], err) < 0)
			return -1;
		b.mount.source = xstrdup(parts[0]);
	}
	if (set_destination(&b, parts[count > 1 ? 1 : 0], err) < 0 ||
		(count == 3 && take_options(&b, parts[2], err) < 0))
		return -1;
	builder_finish(&b, ret);
	return 0;
}

int parse_tmpfs(const char *text, struct container_mount *ret, struct error **err)
{
	cleanup_builder struct builder b = {.text = text};
	const char *colon = strchr(text, ':');
	cleanup_free char *path = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);

	b.mount.kind = CONTAINER_MOUNT_TMPFS;
	if (set_destination(&b, path, err) < 0 || (colon && take_options(&b, colon + 1, err) < 0))
		return -1;
	builder_finish(&b, ret);
	return 0;
}

/* The fields of one CSV record (RFC 4180): '"' quotes, '""' is one inside. */
static int csv_split(const char *text, char ***ret, struct error **err)
{
	cleanup_strv char **fields = NULL;
	const char *p = text;

	for (;;) {
		cleanup_strbuf struct strbuf field = STRBUF_INIT;

		if (*p == '"') {
			for (p++;; p++) {
				if (!*p)
					return error_set(err, ERR_INVALID,
						"mount '%s': a quote is not closed", text);
				if (*p == '"' && *++p != '"')
					break;
				strbuf_addch(&field, *p);
			}
			if (*p && *p != ',')
				return error_set(err, ERR_INVALID,
					"mount '%s': text behind a closing quote", text);
		} else {
			size_t len = strcspn(p, ",");

			if (memchr(p, '"', len))
				return error_set(err, ERR_INVALID,
					"mount '%s': a quote inside a field that is not quoted",
					text);
			strbuf_add(&field, p, len);
			p += len;
		}
		strv_append_take(&fields, strbuf_detach(&field));
		if (!*p)
			break;
		p++;
	}
	*ret = steal_ptr(&fields);
	return 0;
}

static int kind_parse(struct builder *b, const char *type, struct error **err)
{
	if (strcmp(type, "bind") == 0)
		b->mount.kind = CONTAINER_MOUNT_BIND;
	else if (strcmp(type, "volume") == 0)
		b->mount.kind = CONTAINER_MOUNT_VOLUME;
	else if (strcmp(type, "tmpfs") == 0)
		b->mount.kind = CONTAINER_MOUNT_TMPFS;
	else
		return error_set(err, ERR_UNSUPPORTED,
			"mount '%s': type '%s' is not available: bind, volume and tmpfs are",
			b->text, type);
	return 0;
}

/* VALUE of a switch: NULL (just named), true, false, 1, 0. */
static int switch_parse(
	const struct builder *b, const char *name, const char *value, bool *ret, struct error **err)
{
	if (!value || strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*ret = true;
	else if (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*ret = false;
	else
		return error_set(err, ERR_INVALID,
			"mount '%s': option '%s' must be true or false, not '%s'", b->text, name,
			value);
	return 0;
}

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(text, *list) == 0)
			return true;
	return false;
}

/* One member of --mount that is not its type. */
static int take_member(struct builder *b, const char *name, const char *value, struct error **err)
{
	static const char *const switches[] = {"ro", "readonly", "rw", "readwrite",
		"bind-nonrecursive", "volume-nocopy", "U", "chown", "idmap", NULL};
	static const char *const refused[] = {"volume-driver", "volume-opt", "volume-label",
		"volume-subpath", "image-subpath", "bind-create-src", "bind-recursive", "tmpcopyup",
		NULL};
	enum container_mount_kind kind = b->mount.kind;
	bool on = false, found;

	if (is_one_of(name, switches)) {
		if (switch_parse(b, name, value, &on, err) < 0)
			return -1;
		if (strcmp(name, "ro") == 0 || strcmp(name, "readonly") == 0)
			return take_option(b, on ? "ro" : "rw", err);
		if (strcmp(name, "rw") == 0 || strcmp(name, "readwrite") == 0)
			return take_option(b, on ? "rw" : "ro", err);
		if (strcmp(name, "bind-nonrecursive") == 0 && kind == CONTAINER_MOUNT_BIND)
			return take_option(b, on ? "bind" : "rbind", err);
		if (strcmp(name, "volume-nocopy") == 0 && kind == CONTAINER_MOUNT_VOLUME)
			return take_option(b, on ? "nocopy" : "copy", err);
		if ((strcmp(name, "U") == 0 || strcmp(name, "chown") == 0) &&
			kind != CONTAINER_MOUNT_TMPFS)
			return on ? take_option(b, "U", err) : 0;
		if (strcmp(name, "idmap") == 0 && kind != CONTAINER_MOUNT_TMPFS)
			return on ? take_option(b, "idmap", err) : 0;
	} else if (is_one_of(name, refused)) {
		return refuse(b, name, "not there yet", err);
	} else if (!value) {
		return take_option(b, name, err);
	} else if (strcmp(name, "relabel") == 0 && kind != CONTAINER_MOUNT_TMPFS) {
		if (strcmp(value, "shared") != 0 && strcmp(value, "private") != 0)
			return error_set(err, ERR_INVALID,
				"mount '%s': option 'relabel' must be shared or private", b->text);
		return relabel(b, name, err);
	} else if (strcmp(name, "bind-propagation") == 0 && kind == CONTAINER_MOUNT_BIND) {
		if (take_word(b, value, &found, err) < 0)
			return -1;
		if (found && b->given[GROUP_PROPAGATION] &&
			strcmp(b->given[GROUP_PROPAGATION], value) == 0)
			return 0;
		return error_set(
			err, ERR_INVALID, "mount '%s': invalid propagation '%s'", b->text, value);
	} else if (strcmp(name, "consistency") == 0) {
		return take_option(b, strcmp(value, "default") == 0 ? "consistent" : value, err);
	} else {
		const char *plain = str_starts_with(name, "tmpfs-");

		if (take_tmpfs_value(b, plain ? plain : name, value, &found, err) < 0)
			return -1;
		if (found)
			return 0;
	}
	return error_set(err, ERR_INVALID, "mount '%s': invalid option '%s'", b->text, name);
}

int parse_mount(const char *text, struct container_mount *ret, struct error **err)
{
	static const char *const sources[] = {"src", "source", NULL};
	static const char *const destinations[] = {"dst", "dest", "destination", "target", NULL};
	cleanup_builder struct builder b = {.text = text};
	cleanup_strv char **fields = NULL;

	if (csv_split(text, &fields, err) < 0)
		return -1;
	/* The type decides what the rest may be; it may stand anywhere. docker's default. */
	b.mount.kind = CONTAINER_MOUNT_VOLUME;
	for (char **field = fields; *field; field++) {
		const char *type = str_starts_with(*field, "type=");

		if (type && kind_parse(&b, type, err) < 0)
			return -1;
	}
	for (char **field = fields; *field; field++) {
		char *value = strchr(*field, '=');

		if (value)
			*value++ = '\0';
		if (strcmp(*field, "type") == 0 && value)
			continue;
		if (is_one_of(*field, sources)) {
			if (b.mount.kind == CONTAINER_MOUNT_TMPFS)
				return error_set(err, ERR_INVALID,
					"mount '%s': a tmpfs has no source", text);
			if (!value || !*value || b.mount.source)
				return error_set(
					err, ERR_INVALID, "mount '%s': must have one source", text);
			b.mount.source = xstrdup(value);
		} else if (is_one_of(*field, destinations)) {
			if (b.mount.destination)
				return error_set(err, ERR_INVALID,
					"mount '%s': must have one destination", text);
			if (set_destination(&b, value ? value : "", err) < 0)
				return -1;
		} else if (take_member(&b, *field, value, err) < 0) {
			return -1;
		}
	}
	if (!b.mount.destination)
		return error_set(err, ERR_INVALID, "mount '%s': must have a destination", text);
	if (b.mount.kind == CONTAINER_MOUNT_BIND && !b.mount.source)
		return error_set(err, ERR_INVALID, "mount '%s': must have a source", text);
	if (b.mount.kind == CONTAINER_MOUNT_VOLUME && b.mount.source &&
		check_volume_name(&b, b.mount.source, err) < 0)
		return -1;
	builder_finish(&b, ret);
	return 0;
}

static void csv_add(struct strbuf *out, const char *name, const char *value)
{
	bool quote = strpbrk(value, ",\"\n\r") != NULL;

	if (out->len)
		strbuf_addch(out, ',');
	if (quote)
		strbuf_addch(out, '"');
	if (*name)
		strbuf_addf(out, "%s=", name);
	for (; *value; value++) {
		if (*value == '"')
			strbuf_addch(out, '"');
		strbuf_addch(out, *value);
	}
	if (quote)
		strbuf_addch(out, '"');
}

char *container_mount_text(const struct container_mount *mount)
{
	static const char *const kinds[] = {
		[CONTAINER_MOUNT_BIND] = "bind",
		[CONTAINER_MOUNT_VOLUME] = "volume",
		[CONTAINER_MOUNT_TMPFS] = "tmpfs",
	};
	struct strbuf out = STRBUF_INIT;

	csv_add(&out, "type", kinds[mount->kind]);
	if (mount->source)
		csv_add(&out, "source", mount->source);
	csv_add(&out, "destination", mount->destination);
	for (char *const *option = mount->options; option && *option; option++)
		csv_add(&out, "", *option);
	if (mount->chown)
		csv_add(&out, "", "chown");
	if (mount->no_copy)
		csv_add(&out, "", "volume-nocopy");
	return strbuf_detach(&out);
}
