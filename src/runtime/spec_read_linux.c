#include "config.h"

#include <string.h>

#include "runtime/seccomp.h"
#include "runtime/spec_read.h"
#include "runtime/spec_words.h"
#include "util/fs.h"
#include "util/mem.h"

#define NODES_MAX     1024 /* of memory: what the kernel is built for at most */
#define INTERFACE_MAX 15   /* bytes of an interface's name */

static int read_namespaces(const struct json *object, struct runtime_spec *spec, struct error **err)
{
	struct json list;
	size_t count;

	if (spec_opt_array(object, "namespaces", 64, &list, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(&list, i), member;
		struct runtime_namespace *ns = NULL;
		const char *type, *path = NULL;

		if (json_require(&item, "type", &member, err) < 0 ||
			json_string(&member, &type, err) < 0 ||
			json_opt_string(&item, "path", &path, err) < 0)
			return -1;
		for (int t = 0; t < NAMESPACE_COUNT; t++)
			if (strcmp(type, spec_namespaces[t]) == 0)
				ns = &spec->namespaces[t];
		if (!ns)
			return json_error(&member, err, "'%s' is not a type of namespace", type);
		if (ns->mode != NAMESPACE_INHERIT)
			return json_error(&member, err, "'%s' is given twice", type);
		ns->mode = NAMESPACE_NEW;
		if (!path || !*path)
			continue;
		(void)json_member(&item, "path", &member);
		if (*path != '/')
			return json_error(&member, err, "'%s' is not an absolute path", path);
		ns->mode = NAMESPACE_JOIN;
		ns->path = xstrdup(path);
	}
	return 0;
}

static int read_device(const struct json *item, struct runtime_device *device, struct error **err)
{
	struct json member;
	uint64_t mode = 0;
	const char *type;

	if (spec_require_dup(item, "path", true, &device->path, err) < 0 ||
		json_require(item, "type", &member, err) < 0 ||
		json_string(&member, &type, err) < 0)
		return -1;
	if (strlen(type) != 1 || !strchr("cbup", *type))
		return json_error(&member, err, "'%s' is not a type of device", type);
	device->type = *type;
	(void)json_member(item, "path", &member);
	if (path_has_dotdot(device->path))
		return json_error(&member, err, "'%s' contains '..'", device->path);
	if (device->type != 'p' && (json_require(item, "major", &member, err) < 0 ||
					   json_require(item, "minor", &member, err) < 0))
		return -1;
	/* as dev_t has them: 12 and 20 bits */
	if (json_opt_int64(item, "major", 0, 4095, &device->major, err) < 0 ||
		json_opt_int64(item, "minor", 0, 1048575, &device->minor, err) < 0 ||
		json_opt_uint64(item, "fileMode", UINT32_MAX, &mode, err) < 0 ||
		json_opt_uint32(item, "uid", &device->uid, err) < 0 ||
		json_opt_uint32(item, "gid", &device->gid, err) < 0)
		return -1;
	/* Engines write the type's bits, too. */
	device->file_mode = (uint32_t)mode & 07777;
	device->has_file_mode = json_member(item, "fileMode", &member);
	return 0;
}

static int read_devices(const struct json *object, struct runtime_spec *spec, struct error **err)
{
	struct json list;
	size_t count;

	if (spec_opt_array(object, "devices", SPEC_LIST_MAX, &list, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(&list, i);

		array_grow(spec->devices, spec->device_count, spec->device_capacity);
		spec->devices[spec->device_count] = (struct runtime_device){0};
		if (read_device(&item, &spec->devices[spec->device_count++], err) < 0)
			return -1;
	}
	return 0;
}

static int read_paths(const struct json *object, const char *key, char ***ret, struct error **err)
{
	struct json list, item;

	if (json_opt_strv(object, key, SPEC_LIST_MAX, ret, err) < 0)
		return -1;
	for (size_t i = 0; *ret && (*ret)[i]; i++) {
		if ((*ret)[i][0] == '/')
			continue;
		(void)json_member(object, key, &list);
		item = json_at(&list, i);
		return json_error(&item, err, "'%s' is not an absolute path", (*ret)[i]);
	}
	return 0;
}

static int read_propagation(
	const struct json *object, struct runtime_spec *spec, struct error **err)
{
	const char *word = NULL;
	struct json member;
	int number;

	if (json_opt_string(object, "rootfsPropagation", &word, err) < 0)
		return -1;
	if (!word || !*word)
		return 0;
	number = spec_word_number(spec_propagations, word);
	if (number < 0) {
		(void)json_member(object, "rootfsPropagation", &member);
		return json_error(&member, err, "'%s' is not a propagation", word);
	}
	spec->rootfs_propagation = (enum rootfs_propagation)number;
	return 0;
}

static int read_personality(
	const struct json *object, struct runtime_spec *spec, struct error **err)
{
	struct json personality, member;
	int found = spec_opt_object(object, "personality", &personality, err), number;
	const char *domain;
	size_t count;

	if (found <= 0)
		return found;
	if (json_require(&personality, "domain", &member, err) < 0 ||
		json_string(&member, &domain, err) < 0)
		return -1;
	number = spec_word_number(spec_personalities, domain);
	if (number < 0)
		return json_error(&member, err, "'%s' is not a personality", domain);
	if (spec_opt_array(&personality, "flags", 64, &member, &count, err) < 0)
		return -1;
	/* The specification has room for flags and names none. */
	if (count)
		return spec_unsupported(&member, err, "there are no such flags");
	spec->process.has_personality = true;
	spec->process.personality = (uint32_t)number;
	return 0;
}

static int read_time_offset(const struct json *offsets, const char *clock,
	struct runtime_time_offset *ret, struct error **err)
{
	struct json object;
	int found = spec_opt_object(offsets, clock, &object, err);
	uint64_t nanoseconds = 0;

	if (found <= 0)
		return found;
	if (json_opt_int64(&object, "secs", INT64_MIN, INT64_MAX, &ret->seconds, err) < 0 ||
		json_opt_uint64(&object, "nanosecs", 999999999, &nanoseconds, err) < 0)
		return -1;
	ret->nanoseconds = (uint32_t)nanoseconds;
	ret->set = true;
	return 0;
}

static int read_time_offsets(
	const struct json *object, struct runtime_spec *spec, struct error **err)
{
	struct json offsets, member;
	int found = spec_opt_object(object, "timeOffsets", &offsets, err);

	if (found <= 0)
		return found;
	for (struct json_iter it = json_iter(&offsets); json_next(&it, &member);)
		if (strcmp(member.key, "monotonic") != 0 && strcmp(member.key, "boottime") != 0)
			return json_error(&member, err, "is not a clock of a time namespace");
	if (read_time_offset(&offsets, "monotonic", &spec->monotonic_offset, err) < 0 ||
		read_time_offset(&offsets, "boottime", &spec->boottime_offset, err) < 0)
		return -1;
	if ((spec->monotonic_offset.set || spec->boottime_offset.set) &&
		spec->namespaces[NAMESPACE_TIME].mode != NAMESPACE_NEW)
		return json_error(&offsets, err, "needs a new time namespace");
	return 0;
}

static int read_intel_rdt(const struct json *object, struct runtime_spec *spec, struct error **err)
{
	struct runtime_intel_rdt *rdt = &spec->intel_rdt;
	struct json settings, member;
	int found = spec_opt_object(object, "intelRdt", &settings, err);
	bool occupancy = false, bandwidth = false;

	if (found <= 0)
		return found;
	if (json_opt_dup(&settings, "closID", &rdt->clos_id, err) < 0 ||
		json_opt_dup(&settings, "l3CacheSchema", &rdt->l3_cache_schema, err) < 0 ||
		json_opt_dup(&settings, "memBwSchema", &rdt->mem_bw_schema, err) < 0 ||
		json_opt_strv(&settings, "schemata", SPEC_LIST_MAX, &rdt->schemata, err) < 0 ||
		json_opt_bool(&settings, "enableMonitoring", &rdt->enable_monitoring, err) < 0 ||
		json_opt_bool(&settings, "enableCMT", &occupancy, err) < 0 ||
		json_opt_bool(&settings, "enableMBM", &bandwidth, err) < 0)
		return -1;
	if (rdt->clos_id &&
		(!*rdt->clos_id || strcmp(rdt->clos_id, ".") == 0 ||
			strcmp(rdt->clos_id, "..") == 0 || strpbrk(rdt->clos_id, "/\n"))) {
		(void)json_member(&settings, "closID", &member);
		return json_error(
			&member, err, "'%s' is not the name of a directory", rdt->clos_id);
	}
	rdt->enable_monitoring |= occupancy || bandwidth;
	rdt->set = true;
	return 0;
}

static bool interface_name_is_valid(const char *name)
{
	return *name && strlen(name) <= INTERFACE_MAX && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 && !strpbrk(name, "/: \t\n");
}

static int read_net_devices(
	const struct json *object, struct runtime_spec *spec, struct error **err)
{
	struct json devices, member;
	int found = spec_opt_object(object, "netDevices", &devices, err);
	size_t capacity = 0;

	if (found <= 0)
		return found;
	for (struct json_iter it = json_iter(&devices); json_next(&it, &member);) {
		struct runtime_net_device *device;

		if (json_kind(&member) != JSON_KIND_OBJECT)
			return json_error(&member, err, "must be an object");
		if (!interface_name_is_valid(member.key))
			return json_error(&member, err, "is not the name of an interface");
		if (spec->net_device_count == SPEC_LIST_MAX)
			return json_error(&devices, err, "has more than %d members", SPEC_LIST_MAX);
		array_grow(spec->net_devices, spec->net_device_count, capacity);
		device = &spec->net_devices[spec->net_device_count++];
		*device = (struct runtime_net_device){.host_name = xstrdup(member.key)};
		if (json_opt_dup(&member, "name", &device->name, err) < 0)
			return -1;
		if (device->name && !interface_name_is_valid(device->name))
			return json_error(
				&member, err, "'%s' is not the name of an interface", device->name);
	}
	if (spec->net_device_count && spec->namespaces[NAMESPACE_NETWORK].mode == NAMESPACE_INHERIT)
		return json_error(&devices, err, "needs a network namespace of the container's");
	return 0;
}

static int read_memory_policy(
	const struct json *object, struct runtime_spec *spec, struct error **err)
{
	struct runtime_memory_policy *policy = &spec->process.memory_policy;
	struct json setting, member, list;
	int found = spec_opt_object(object, "memoryPolicy", &setting, err), number;
	const char *word;
	size_t count;

	if (found <= 0)
		return found;
	if (json_require(&setting, "mode", &member, err) < 0 ||
		json_string(&member, &word, err) < 0)
		return -1;
	policy->mode = spec_word_number(spec_memory_modes, word);
	if (policy->mode < 0)
		return json_error(&member, err, "'%s' is not a memory policy", word);
	if (json_opt_dup(&setting, "nodes", &policy->nodes, err) < 0 ||
		spec_opt_array(&setting, "flags", 64, &list, &count, err) < 0)
		return -1;
	if (policy->nodes && !spec_check_list(policy->nodes, NODES_MAX)) {
		(void)json_member(&setting, "nodes", &member);
		return json_error(&member, err, "'%s' is not a list of nodes", policy->nodes);
	}
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(&list, i);

		if (json_string(&item, &word, err) < 0)
			return -1;
		number = spec_word_number(spec_memory_flags, word);
		if (number < 0)
			return json_error(
				&item, err, "'%s' is not a flag of memory policies", word);
		policy->mode |= number;
	}
	policy->set = true;
	return 0;
}

static int read_raw(const struct json *object, struct runtime_spec *spec, struct error **err)
{
	struct json member;
	int found = spec_opt_object(object, "resources", &member, err);

	if (found < 0)
		return -1;
	if (found)
		spec->resources = json_text(&member);
	found = spec_opt_object(object, "seccomp", &member, err);
	if (found < 0)
		return -1;
	return found ? seccomp_from_value(&member, spec->process.capabilities[CAPABILITY_BOUNDING],
			       &spec->seccomp, err)
		     : 0;
}

static int read_text(const struct json *object, const char *key, char **ret, struct error **err)
{
	if (json_opt_dup(object, key, ret, err) < 0)
		return -1;
	/* Engines write "" where they mean nothing. */
	if (*ret && !**ret) {
		free(*ret);
		*ret = NULL;
	}
	return 0;
}

int spec_read_linux(const struct json *object, struct runtime_spec *spec, struct error **err)
{
	if (read_namespaces(object, spec, err) < 0 ||
		spec_id_ranges(object, "uidMappings", &spec->uid_mappings, &spec->uid_mapping_count,
			err) < 0 ||
		spec_id_ranges(object, "gidMappings", &spec->gid_mappings, &spec->gid_mapping_count,
			err) < 0 ||
		read_devices(object, spec, err) < 0 ||
		read_text(object, "cgroupsPath", &spec->cgroups_path, err) < 0 ||
		spec_pairs(object, "sysctl", &spec->sysctl, err) < 0 ||
		read_raw(object, spec, err) < 0 || read_propagation(object, spec, err) < 0 ||
		read_paths(object, "maskedPaths", &spec->masked_paths, err) < 0 ||
		read_paths(object, "readonlyPaths", &spec->readonly_paths, err) < 0 ||
		read_text(object, "mountLabel", &spec->mount_label, err) < 0 ||
		read_personality(object, spec, err) < 0 ||
		read_time_offsets(object, spec, err) < 0 || read_intel_rdt(object, spec, err) < 0 ||
		read_net_devices(object, spec, err) < 0 ||
		read_memory_policy(object, spec, err) < 0)
		return -1;
	return 0;
}
