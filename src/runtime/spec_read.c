#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/hooks.h"
#include "runtime/spec_read.h"
#include "runtime/spec_words.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

int spec_unsupported(const struct json *v, struct error **err, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	json_error(v, err, "%s", text);
	(*err)->kind = ERR_UNSUPPORTED;
	return -1;
}

int spec_refuse(
	const struct json *obj, const char *const *names, const char *text, struct error **err)
{
	struct json member;

	for (; *names; names++)
		if (json_member(obj, *names, &member))
			return spec_unsupported(&member, err, "%s", text);
	return 0;
}

int spec_opt_object(const struct json *obj, const char *key, struct json *ret, struct error **err)
{
	if (!json_member(obj, key, ret))
		return 0;
	return json_kind(ret) == JSON_KIND_OBJECT ? 1 : json_error(ret, err, "must be an object");
}

int spec_opt_array(const struct json *obj, const char *key, size_t max, struct json *ret,
	size_t *ret_count, struct error **err)
{
	*ret_count = 0;
	if (!json_member(obj, key, ret))
		return 0;
	return json_array(ret, max, ret_count, err) < 0 ? -1 : 1;
}

int spec_require_dup(
	const struct json *obj, const char *key, bool absolute, char **ret, struct error **err)
{
	struct json member;
	const char *text;

	if (json_require(obj, key, &member, err) < 0 || json_string(&member, &text, err) < 0)
		return -1;
	if (!*text)
		return json_error(&member, err, "must not be empty");
	if (absolute && *text != '/')
		return json_error(&member, err, "'%s' is not an absolute path", text);
	*ret = xstrdup(text);
	return 0;
}

int spec_pairs(const struct json *obj, const char *key, char ***ret, struct error **err)
{
	struct json map, member;
	size_t count = 0;
	int found = spec_opt_object(obj, key, &map, err);

	if (found <= 0)
		return found;
	for (struct json_iter it = json_iter(&map); json_next(&it, &member);) {
		const char *value;

		if (json_string(&member, &value, err) < 0)
			return -1;
		if (!*member.key || strchr(member.key, '='))
			return json_error(&member, err, "is not a name");
		if (++count > SPEC_LIST_MAX)
			return json_error(&map, err, "has more than %d members", SPEC_LIST_MAX);
		strv_append_take(ret, xasprintf("%s=%s", member.key, value));
	}
	return 0;
}

int spec_id_ranges(const struct json *obj, const char *key, struct runtime_id_range **ret,
	size_t *ret_count, struct error **err)
{
	cleanup_free struct runtime_id_range *ranges = NULL;
	struct json list;
	size_t count;
	/* as many as the kernel takes */
	int found = spec_opt_array(obj, key, 340, &list, &count, err);

	if (found <= 0 || !count)
		return found < 0 ? -1 : 0;
	ranges = xcalloc(count, sizeof(*ranges));
	for (size_t i = 0; i < count; i++) {
		struct runtime_id_range *range = &ranges[i];
		struct json item = json_at(&list, i), member;

		if (json_require(&item, "containerID", &member, err) < 0 ||
			json_uint32(&member, &range->container_id, err) < 0 ||
			json_require(&item, "hostID", &member, err) < 0 ||
			json_uint32(&member, &range->host_id, err) < 0 ||
			json_require(&item, "size", &member, err) < 0 ||
			json_uint32(&member, &range->size, err) < 0)
			return -1;
		if (!range->size)
			return json_error(&member, err, "must not be 0");
		if (range->container_id > UINT32_MAX - range->size ||
			range->host_id > UINT32_MAX - range->size)
			return json_error(&item, err, "leads beyond the last id");
	}
	free(*ret);
	*ret = steal_ptr(&ranges);
	*ret_count = count;
	return 0;
}

bool spec_check_list(const char *text, unsigned int limit)
{
	while (*text) {
		unsigned int first, last;
		int used = 0;

		if (*text < '0' || *text > '9' || sscanf(text, "%9u%n", &first, &used) != 1)
			return false;
		text += used;
		last = first;
		if (*text == '-') {
			text++;
			if (*text < '0' || *text > '9' || sscanf(text, "%9u%n", &last, &used) != 1)
				return false;
			text += used;
		}
		if (last < first || last >= limit || (*text && *text != ','))
			return false;
		text += *text == ',';
	}
	return true;
}

/* -------- the platform-independent members -------- */

static int read_version(const struct json *root, struct error **err)
{
	cleanup_free char *version = NULL;
	struct json member;
	unsigned int major, minor, patch;

	if (spec_require_dup(root, "ociVersion", false, &version, err) < 0)
		return -1;
	(void)json_member(root, "ociVersion", &member);
	if (sscanf(version, "%4u.%4u.%4u", &major, &minor, &patch) != 3)
		return json_error(&member, err, "'%s' is not a version", version);
	if (major != 1)
		return spec_unsupported(
			&member, err, "version '%s' is not supported, only 1.x.y is", version);
	return 0;
}

static int read_root(const struct json *root, struct runtime_spec *spec, struct error **err)
{
	struct json object;

	if (json_require(root, "root", &object, err) < 0 ||
		spec_require_dup(&object, "path", false, &spec->root_path, err) < 0)
		return -1;
	return json_opt_bool(&object, "readonly", &spec->root_readonly, err);
}

static int read_name(const struct json *root, const char *key, char **ret, struct error **err)
{
	struct json member;

	if (json_opt_dup(root, key, ret, err) < 0)
		return -1;
	if (*ret && strlen(*ret) > 64) {
		(void)json_member(root, key, &member);
		return json_error(&member, err, "is longer than 64 bytes");
	}
	/* Engines write "" where they mean nothing. */
	if (*ret && !**ret) {
		free(*ret);
		*ret = NULL;
	}
	return 0;
}

static int read_mount(const struct json *item, struct runtime_spec *spec, struct error **err)
{
	cleanup_free char *destination = NULL, *type = NULL, *source = NULL;
	cleanup_strv char **options = NULL;
	struct runtime_mount *mount;
	struct json member;

	/* A relative one, which is deprecated, is taken from "/". */
	if (spec_require_dup(item, "destination", false, &destination, err) < 0 ||
		json_opt_dup(item, "type", &type, err) < 0 ||
		json_opt_dup(item, "source", &source, err) < 0 ||
		json_opt_strv(item, "options", SPEC_LIST_MAX, &options, err) < 0)
		return -1;
	if (path_has_dotdot(destination)) {
		(void)json_member(item, "destination", &member);
		return json_error(&member, err, "'%s' contains '..'", destination);
	}
	if (*destination != '/') {
		char *absolute = xasprintf("/%s", destination);

		free(destination);
		destination = absolute;
	}
	mount = runtime_spec_add_mount(spec, destination, type && *type ? type : NULL,
		source && *source ? source : NULL, NULL);
	mount->options = steal_ptr(&options);
	return spec_id_ranges(item, "uidMappings", &mount->uid_mappings, &mount->uid_mapping_count,
		       err) < 0 ||
			       spec_id_ranges(item, "gidMappings", &mount->gid_mappings,
				       &mount->gid_mapping_count, err) < 0
		       ? -1
		       : 0;
}

static int read_mounts(const struct json *root, struct runtime_spec *spec, struct error **err)
{
	struct json list;
	size_t count;

	if (spec_opt_array(root, "mounts", SPEC_LIST_MAX, &list, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(&list, i);

		if (read_mount(&item, spec, err) < 0)
			return -1;
	}
	return 0;
}

/* What runtime_spec_write() put there beyond the specification. */
static int read_own(const struct json *root, struct runtime_process *process, struct error **err)
{
	struct json own;
	int found = spec_opt_object(root, SPEC_OWN_MEMBER, &own, err);
	bool keep = false;

	if (found <= 0)
		return found;
	if (json_opt_dup(&own, "user", &process->user, err) < 0 ||
		json_opt_strv(&own, "groups", SPEC_LIST_MAX, &process->additional_groups, err) <
			0 ||
		json_opt_bool(&own, "keepCapabilities", &keep, err) < 0)
		return -1;
	if (process->user)
		process->capabilities_for_user = keep;
	return 0;
}

int runtime_spec_read(const char *text, size_t len, struct runtime_spec **ret, struct error **err)
{
	static const char *const foreign[] = {"solaris", "windows", "vm", "zos", "freebsd", NULL};
	cleanup_json struct json_document *document = NULL;
	cleanup_runtime_spec struct runtime_spec *spec = NULL;
	struct json root, member;
	int found;

	if (len > RUNTIME_SPEC_MAX)
		return error_set(
			err, ERR_INVALID, "config.json: larger than %u bytes", RUNTIME_SPEC_MAX);
	if (json_parse(text, len, "config.json", &document, &root, err) < 0)
		return -1;
	if (json_kind(&root) != JSON_KIND_OBJECT)
		return json_error(&root, err, "must be an object");
	spec = runtime_spec_new();
	if (read_version(&root, err) < 0 ||
		spec_refuse(&root, foreign, "is for another platform", err) < 0 ||
		read_root(&root, spec, err) < 0 ||
		json_require(&root, "process", &member, err) < 0 ||
		spec_read_process(&member, &spec->process, err) < 0 ||
		read_name(&root, "hostname", &spec->hostname, err) < 0 ||
		read_name(&root, "domainname", &spec->domainname, err) < 0 ||
		read_mounts(&root, spec, err) < 0 || hooks_read(&root, spec->hooks, err) < 0 ||
		spec_pairs(&root, "annotations", &spec->annotations, err) < 0 ||
		read_own(&root, &spec->process, err) < 0)
		return -1;
	found = spec_opt_object(&root, "linux", &member, err);
	if (found < 0 || (found && spec_read_linux(&member, spec, err) < 0))
		return -1;
	*ret = steal_ptr(&spec);
	return 0;
}
