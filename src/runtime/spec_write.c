#include "config.h"

#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <string.h>

#include "runtime/capability.h"
#include "runtime/hooks.h"
#include "runtime/rlimit.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "runtime/spec_words.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"

static void write_capabilities(struct json_writer *w, const struct runtime_process *process)
{
	uint64_t sets[CAPABILITY_SET_COUNT];

	/* What a process of that user ends up with; one by name is not known yet. */
	memcpy(sets, process->capabilities, sizeof(sets));
	if (!process->user && process->uid && !process->capabilities_for_user)
		for (int set = 0; set < CAPABILITY_SET_COUNT; set++)
			if (set != CAPABILITY_BOUNDING)
				sets[set] = 0;
	json_write_key(w, "capabilities");
	json_write_object_begin(w);
	for (int set = 0; set < CAPABILITY_SET_COUNT; set++) {
		json_write_key(w, spec_capability_sets[set]);
		json_write_array_begin(w);
		for (unsigned int i = 0; i < 64; i++)
			if (sets[set] >> i & 1 && capability_name(i))
				json_write_string(w, capability_name(i));
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

/* A user that is given as numbers is told to readers that do not know our own member, too. */
static void user_numbers(const struct runtime_process *process, uint64_t *uid, uint64_t *gid)
{
	cleanup_strv char **parts = NULL;
	uint64_t number;

	*uid = process->uid;
	*gid = process->gid;
	if (!process->user)
		return;
	parts = str_split(process->user, ':');
	if (str_to_uint64(parts[0], INT32_MAX, &number) == 0)
		*uid = number;
	if (parts[1] && str_to_uint64(parts[1], INT32_MAX, &number) == 0)
		*gid = number;
}

static void write_user(struct json_writer *w, const struct runtime_process *process)
{
	uint64_t uid, gid;

	user_numbers(process, &uid, &gid);
	json_write_key(w, "user");
	json_write_object_begin(w);
	json_put_uint(w, "uid", uid);
	json_put_uint(w, "gid", gid);
	if (process->umask >= 0)
		json_put_int(w, "umask", process->umask);
	if (process->additional_gid_count) {
		json_write_key(w, "additionalGids");
		json_write_array_begin(w);
		for (size_t i = 0; i < process->additional_gid_count; i++)
			json_write_uint(w, process->additional_gids[i]);
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

static void write_io_priority(struct json_writer *w, const struct runtime_process *process)
{
	static const char *const classes[] = {
		[IOPRIO_CLASS_RT] = "IOPRIO_CLASS_RT",
		[IOPRIO_CLASS_BE] = "IOPRIO_CLASS_BE",
		[IOPRIO_CLASS_IDLE] = "IOPRIO_CLASS_IDLE",
	};

	if (!process->has_io_priority)
		return;
	json_write_key(w, "ioPriority");
	json_write_object_begin(w);
	json_put_string(w, "class", classes[process->io_priority >> IOPRIO_CLASS_SHIFT & 3]);
	json_put_uint(w, "priority", process->io_priority & 7);
	json_write_object_end(w);
}

static void write_scheduler(struct json_writer *w, const struct runtime_scheduler *scheduler)
{
	if (!scheduler->set)
		return;
	json_write_key(w, "scheduler");
	json_write_object_begin(w);
	json_put_string(
		w, "policy", spec_number_word(spec_scheduler_policies, (int)scheduler->policy));
	if (scheduler->nice)
		json_put_int(w, "nice", scheduler->nice);
	if (scheduler->priority)
		json_put_uint(w, "priority", scheduler->priority);
	if (scheduler->flags) {
		json_write_key(w, "flags");
		json_write_array_begin(w);
		for (const struct spec_word *flag = spec_scheduler_flags; flag->word; flag++)
			if (scheduler->flags & (uint64_t)flag->number)
				json_write_string(w, flag->word);
		json_write_array_end(w);
	}
	if (scheduler->runtime_ns)
		json_put_uint(w, "runtime", scheduler->runtime_ns);
	if (scheduler->deadline_ns)
		json_put_uint(w, "deadline", scheduler->deadline_ns);
	if (scheduler->period_ns)
		json_put_uint(w, "period", scheduler->period_ns);
	json_write_object_end(w);
}

static void write_affinity(struct json_writer *w, const struct runtime_process *process)
{
	if (!process->initial_cpus && !process->final_cpus)
		return;
	json_write_key(w, "execCPUAffinity");
	json_write_object_begin(w);
	if (process->initial_cpus)
		json_put_string(w, "initial", process->initial_cpus);
	if (process->final_cpus)
		json_put_string(w, "final", process->final_cpus);
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
	if (process->apparmor_profile)
		json_put_string(w, "apparmorProfile", process->apparmor_profile);
	if (process->selinux_label)
		json_put_string(w, "selinuxLabel", process->selinux_label);
	write_io_priority(w, process);
	write_scheduler(w, &process->scheduler);
	write_affinity(w, process);
	json_write_object_end(w);
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
		write_id_ranges(w, "uidMappings", mount->uid_mappings, mount->uid_mapping_count);
		write_id_ranges(w, "gidMappings", mount->gid_mappings, mount->gid_mapping_count);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_namespaces(struct json_writer *w, const struct runtime_spec *spec)
{
	json_write_key(w, "namespaces");
	json_write_array_begin(w);
	for (int i = 0; i < NAMESPACE_COUNT; i++) {
		if (spec->namespaces[i].mode == NAMESPACE_INHERIT)
			continue;
		json_write_object_begin(w);
		json_put_string(w, "type", spec_namespaces[i]);
		if (spec->namespaces[i].path)
			json_put_string(w, "path", spec->namespaces[i].path);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_members(struct json_writer *w, char *const *pairs)
{
	for (; pairs && *pairs; pairs++) {
		const char *equals = strchrnul(*pairs, '=');
		cleanup_free char *name = xstrndup(*pairs, (size_t)(equals - *pairs));

		json_put_string(w, name, *equals ? equals + 1 : "");
	}
}

static void write_pairs(struct json_writer *w, const char *key, char *const *pairs)
{
	if (!pairs)
		return;
	json_write_key(w, key);
	json_write_object_begin(w);
	write_members(w, pairs);
	json_write_object_end(w);
}

/* What the specification has no members for. */
static void write_own(struct json_writer *w, const struct runtime_process *process)
{
	bool named = process->user && *process->user;

	if (!named && !process->additional_groups)
		return;
	json_write_key(w, SPEC_OWN_MEMBER);
	json_write_object_begin(w);
	if (named)
		json_put_string(w, "user", process->user);
	if (process->additional_groups)
		json_put_strv(w, "groups", process->additional_groups);
	if (named && process->capabilities_for_user)
		json_put_bool(w, "keepCapabilities", true);
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

static void write_time_offset(
	struct json_writer *w, const char *clock, const struct runtime_time_offset *offset)
{
	if (!offset->set)
		return;
	json_write_key(w, clock);
	json_write_object_begin(w);
	json_put_int(w, "secs", offset->seconds);
	json_put_uint(w, "nanosecs", offset->nanoseconds);
	json_write_object_end(w);
}

static void write_intel_rdt(struct json_writer *w, const struct runtime_intel_rdt *rdt)
{
	if (!rdt->set)
		return;
	json_write_key(w, "intelRdt");
	json_write_object_begin(w);
	if (rdt->clos_id)
		json_put_string(w, "closID", rdt->clos_id);
	if (rdt->l3_cache_schema)
		json_put_string(w, "l3CacheSchema", rdt->l3_cache_schema);
	if (rdt->mem_bw_schema)
		json_put_string(w, "memBwSchema", rdt->mem_bw_schema);
	if (rdt->schemata)
		json_put_strv(w, "schemata", rdt->schemata);
	if (rdt->enable_monitoring)
		json_put_bool(w, "enableMonitoring", true);
	json_write_object_end(w);
}

static void write_memory_policy(struct json_writer *w, const struct runtime_memory_policy *policy)
{
	int flags = policy->mode & MPOL_MODE_FLAGS;

	if (!policy->set)
		return;
	json_write_key(w, "memoryPolicy");
	json_write_object_begin(w);
	json_put_string(
		w, "mode", spec_number_word(spec_memory_modes, policy->mode & ~MPOL_MODE_FLAGS));
	if (policy->nodes)
		json_put_string(w, "nodes", policy->nodes);
	if (flags) {
		json_write_key(w, "flags");
		json_write_array_begin(w);
		for (const struct spec_word *flag = spec_memory_flags; flag->word; flag++)
			if (flags & flag->number)
				json_write_string(w, flag->word);
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

static void write_rare(struct json_writer *w, const struct runtime_spec *spec)
{
	if (spec->mount_label)
		json_put_string(w, "mountLabel", spec->mount_label);
	if (spec->process.has_personality) {
		json_write_key(w, "personality");
		json_write_object_begin(w);
		json_put_string(w, "domain",
			spec_number_word(spec_personalities, (int)spec->process.personality));
		json_write_object_end(w);
	}
	if (spec->monotonic_offset.set || spec->boottime_offset.set) {
		json_write_key(w, "timeOffsets");
		json_write_object_begin(w);
		write_time_offset(w, "monotonic", &spec->monotonic_offset);
		write_time_offset(w, "boottime", &spec->boottime_offset);
		json_write_object_end(w);
	}
	write_intel_rdt(w, &spec->intel_rdt);
	if (spec->net_device_count) {
		json_write_key(w, "netDevices");
		json_write_object_begin(w);
		for (size_t i = 0; i < spec->net_device_count; i++) {
			json_write_key(w, spec->net_devices[i].host_name);
			json_write_object_begin(w);
			if (spec->net_devices[i].name)
				json_put_string(w, "name", spec->net_devices[i].name);
			json_write_object_end(w);
		}
		json_write_object_end(w);
	}
	write_memory_policy(w, &spec->process.memory_policy);
}

static void write_linux(struct json_writer *w, const struct runtime_spec *spec)
{
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
		json_put_string(w, "rootfsPropagation",
			spec_number_word(spec_propagations, (int)spec->rootfs_propagation));
	if (spec->masked_paths)
		json_put_strv(w, "maskedPaths", spec->masked_paths);
	if (spec->readonly_paths)
		json_put_strv(w, "readonlyPaths", spec->readonly_paths);
	if (spec->resources) {
		json_write_key(w, "resources");
		json_write_raw(w, spec->resources);
	}
	if (spec->seccomp) {
		json_write_key(w, "seccomp");
		seccomp_write(w, spec->seccomp);
	}
	write_rare(w, spec);
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
	write_own(&w, &spec->process);
	json_write_object_end(&w);
	return strbuf_detach(&out);
}
