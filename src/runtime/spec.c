#include "config.h"

#include <stdio.h>
#include <string.h>

#include "runtime/capability.h"
#include "runtime/hooks.h"
#include "runtime/rlimit.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"

struct runtime_spec *runtime_spec_new(void)
{
	struct runtime_spec *spec = xcalloc(1, sizeof(*spec));

	spec->process.umask = -1;
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		spec->namespaces[i].fd = -1;
	return spec;
}

static void process_clear(struct runtime_process *process)
{
	free(process->user);
	free(process->additional_gids);
	strv_free(process->additional_groups);
	strv_free(process->args);
	strv_free(process->env);
	free(process->cwd);
	free(process->rlimits);
}

void runtime_spec_free(struct runtime_spec *spec)
{
	if (!spec)
		return;
	process_clear(&spec->process);
	free(spec->root_path);
	free(spec->hostname);
	free(spec->domainname);
	for (size_t i = 0; i < spec->mount_count; i++) {
		free(spec->mounts[i].destination);
		free(spec->mounts[i].type);
		free(spec->mounts[i].source);
		strv_free(spec->mounts[i].options);
	}
	free(spec->mounts);
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		free(spec->namespaces[i].path);
	free(spec->uid_mappings);
	free(spec->gid_mappings);
	for (size_t i = 0; i < spec->device_count; i++)
		free(spec->devices[i].path);
	free(spec->devices);
	strv_free(spec->masked_paths);
	strv_free(spec->readonly_paths);
	strv_free(spec->sysctl);
	free(spec->cgroups_path);
	seccomp_program_free(spec->seccomp);
	strv_free(spec->annotations);
	hooks_clear(spec->hooks);
	free(spec);
}

struct runtime_mount *runtime_spec_add_mount(struct runtime_spec *spec, const char *destination,
	const char *type, const char *source, const char *options)
{
	struct runtime_mount *mount;

	array_grow(spec->mounts, spec->mount_count, spec->mount_capacity);
	mount = &spec->mounts[spec->mount_count++];
	*mount = (struct runtime_mount){
		.destination = xstrdup(destination),
		.type = xstrdup_null(type),
		.source = xstrdup_null(source),
		.options = options && *options ? str_split(options, ',') : NULL,
		.source_fd = -1,
	};
	return mount;
}

static void write_capabilities(struct json_writer *w, const struct runtime_process *process)
{
	static const char *const names[CAPABILITY_SET_COUNT] = {
		[CAPABILITY_BOUNDING] = "bounding",
		[CAPABILITY_EFFECTIVE] = "effective",
		[CAPABILITY_INHERITABLE] = "inheritable",
		[CAPABILITY_PERMITTED] = "permitted",
		[CAPABILITY_AMBIENT] = "ambient",
	};

	json_write_key(w, "capabilities");
	json_write_object_begin(w);
	for (int set = 0; set < CAPABILITY_SET_COUNT; set++) {
		json_write_key(w, names[set]);
		json_write_array_begin(w);
		for (unsigned int i = 0; i < 64; i++)
			if (process->capabilities[set] >> i & 1 && capability_name(i))
				json_write_string(w, capability_name(i));
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

/* process.user: the engine's "name[:group]" is not known as numbers before the root is in place; it
 * goes into the specification's username member. */
static void write_user(struct json_writer *w, const struct runtime_process *process)
{
	json_write_key(w, "user");
	json_write_object_begin(w);
	json_put_uint(w, "uid", process->uid);
	json_put_uint(w, "gid", process->gid);
	if (process->umask >= 0)
		json_put_int(w, "umask", process->umask);
	if (process->additional_gid_count) {
		json_write_key(w, "additionalGids");
		json_write_array_begin(w);
		for (size_t i = 0; i < process->additional_gid_count; i++)
			json_write_uint(w, process->additional_gids[i]);
		json_write_array_end(w);
	}
	if (process->user && *process->user)
		json_put_string(w, "username", process->user);
	json_write_object_end(w);
}

static void write_process(struct json_writer *w, const struct runtime_process *process)
{
	json_write_key(w, "process");
	json_write_object_begin(w);
	if (process->terminal)
		json_put_bool(w, "terminal", true);
	if (process->console_height || process->console_width) {
		json_write_key(w, "consoleSize");
		json_write_object_begin(w);
		json_put_uint(w, "height", process->console_height);
		json_put_uint(w, "width", process->console_width);
		json_write_object_end(w);
	}
	write_user(w, process);
	json_put_strv(w, "args", process->args);
	json_put_strv(w, "env", process->env);
	json_put_string(w, "cwd", process->cwd);
	write_capabilities(w, process);
	if (process->rlimit_count) {
		json_write_key(w, "rlimits");
		json_write_array_begin(w);
		for (size_t i = 0; i < process->rlimit_count; i++) {
			const struct runtime_rlimit *limit = &process->rlimits[i];
			char type[64] = "RLIMIT_";

			for (const char *p = rlimit_name(limit->resource); *p; p++) {
				size_t n = strlen(type);

				if (n + 1 < sizeof(type))
					type[n] = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
			}
			json_write_object_begin(w);
			json_put_string(w, "type", type);
			json_put_uint(w, "hard", limit->hard);
			json_put_uint(w, "soft", limit->soft);
			json_write_object_end(w);
		}
		json_write_array_end(w);
	}
	if (process->no_new_privileges)
		json_put_bool(w, "noNewPrivileges", true);
	if (process->has_oom_score_adj)
		json_put_int(w, "oomScoreAdj", process->oom_score_adj);
	json_write_object_end(w);
}

static void write_mounts(struct json_writer *w, const struct runtime_spec *spec)
{
	json_write_key(w, "mounts");
	json_write_array_begin(w);
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct runtime_mount *mount = &spec->mounts[i];

		json_write_object_begin(w);
		json_put_string(w, "destination", mount->destination);
		if (mount->type)
			json_put_string(w, "type", mount->type);
		if (mount->source)
			json_put_string(w, "source", mount->source);
		if (mount->options)
			json_put_strv(w, "options", mount->options);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_id_ranges(
	struct json_writer *w, const char *key, const struct runtime_id_range *ranges, size_t count)
{
	if (!count)
		return;
	json_write_key(w, key);
	json_write_array_begin(w);
	for (size_t i = 0; i < count; i++) {
		json_write_object_begin(w);
		json_put_uint(w, "containerID", ranges[i].container_id);
		json_put_uint(w, "hostID", ranges[i].host_id);
		json_put_uint(w, "size", ranges[i].size);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_namespaces(struct json_writer *w, const struct runtime_spec *spec)
{
	static const char *const types[NAMESPACE_COUNT] = {
		[NAMESPACE_USER] = "user",
		[NAMESPACE_MOUNT] = "mount",
		[NAMESPACE_PID] = "pid",
		[NAMESPACE_NETWORK] = "network",
		[NAMESPACE_IPC] = "ipc",
		[NAMESPACE_UTS] = "uts",
		[NAMESPACE_CGROUP] = "cgroup",
		[NAMESPACE_TIME] = "time",
	};

	json_write_key(w, "namespaces");
	json_write_array_begin(w);
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		if (spec->namespaces[i].mode == NAMESPACE_INHERIT)
			continue;
		json_write_object_begin(w);
		json_put_string(w, "type", types[i]);
		if (spec->namespaces[i].path)
			json_put_string(w, "path", spec->namespaces[i].path);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_pairs(struct json_writer *w, const char *key, char *const *pairs)
{
	if (!pairs)
		return;
	json_write_key(w, key);
	json_write_object_begin(w);
	for (; *pairs; pairs++) {
		const char *equals = strchrnul(*pairs, '=');
		cleanup_free char *name = xstrndup(*pairs, (size_t)(equals - *pairs));

		json_put_string(w, name, *equals ? equals + 1 : "");
	}
	json_write_object_end(w);
}

static void write_devices(struct json_writer *w, const struct runtime_spec *spec)
{
	if (!spec->device_count)
		return;
	json_write_key(w, "devices");
	json_write_array_begin(w);
	for (size_t i = 0; i < spec->device_count; i++) {
		const struct runtime_device *device = &spec->devices[i];
		char type[2] = {device->type};

		json_write_object_begin(w);
		json_put_string(w, "path", device->path);
		json_put_string(w, "type", type);
		json_put_int(w, "major", device->major);
		json_put_int(w, "minor", device->minor);
		if (device->has_file_mode)
			json_put_uint(w, "fileMode", device->file_mode);
		json_put_uint(w, "uid", device->uid);
		json_put_uint(w, "gid", device->gid);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_linux(struct json_writer *w, const struct runtime_spec *spec)
{
	static const char *const propagations[] = {
		[PROPAGATION_PRIVATE] = "private",
		[PROPAGATION_SLAVE] = "slave",
		[PROPAGATION_SHARED] = "shared",
		[PROPAGATION_UNBINDABLE] = "unbindable",
	};

	json_write_key(w, "linux");
	json_write_object_begin(w);
	write_id_ranges(w, "uidMappings", spec->uid_mappings, spec->uid_mapping_count);
	write_id_ranges(w, "gidMappings", spec->gid_mappings, spec->gid_mapping_count);
	write_pairs(w, "sysctl", spec->sysctl);
	if (spec->cgroups_path)
		json_put_string(w, "cgroupsPath", spec->cgroups_path);
	write_namespaces(w, spec);
	write_devices(w, spec);
	if (spec->rootfs_propagation != PROPAGATION_DEFAULT)
		json_put_string(w, "rootfsPropagation", propagations[spec->rootfs_propagation]);
	if (spec->masked_paths)
		json_put_strv(w, "maskedPaths", spec->masked_paths);
	if (spec->readonly_paths)
		json_put_strv(w, "readonlyPaths", spec->readonly_paths);
	json_write_object_end(w);
}

char *runtime_spec_write(const struct runtime_spec *spec)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	json_write_object_begin(&w);
	json_put_string(&w, "ociVersion", OCI_VERSION);
	write_process(&w, &spec->process);
	json_write_key(&w, "root");
	json_write_object_begin(&w);
	json_put_string(&w, "path", spec->root_path ? spec->root_path : "rootfs");
	if (spec->root_readonly)
		json_put_bool(&w, "readonly", true);
	json_write_object_end(&w);
	if (spec->hostname)
		json_put_string(&w, "hostname", spec->hostname);
	if (spec->domainname)
		json_put_string(&w, "domainname", spec->domainname);
	write_mounts(&w, spec);
	hooks_write(&w, spec->hooks);
	write_pairs(&w, "annotations", spec->annotations);
	write_linux(&w, spec);
	json_write_object_end(&w);
	return strbuf_detach(&out);
}
