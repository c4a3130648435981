#include "config.h"

#include "runtime/hooks.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "util/mem.h"
#include "util/str.h"

void runtime_process_init(struct runtime_process *process)
{
	*process = (struct runtime_process){.umask = -1};
}

void runtime_process_inherit(struct runtime_process *process, const struct runtime_spec *spec)
{
	const struct runtime_memory_policy *policy = &spec->process.memory_policy;

	process->has_personality = spec->process.has_personality;
	process->personality = spec->process.personality;
	free(process->memory_policy.nodes);
	process->memory_policy = *policy;
	process->memory_policy.nodes = xstrdup_null(policy->nodes);
}

struct runtime_spec *runtime_spec_new(void)
{
	struct runtime_spec *spec = xcalloc(1, sizeof(*spec));

	runtime_process_init(&spec->process);
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		spec->namespaces[i].fd = -1;
	return spec;
}

void runtime_process_clear(struct runtime_process *process)
{
	free(process->user);
	free(process->additional_gids);
	strv_free(process->additional_groups);
	strv_free(process->args);
	strv_free(process->env);
	free(process->cwd);
	free(process->rlimits);
	strv_free(process->unknown_capabilities);
	free(process->apparmor_profile);
	free(process->selinux_label);
	free(process->initial_cpus);
	free(process->final_cpus);
	free(process->memory_policy.nodes);
	runtime_process_init(process);
}

void runtime_spec_free(struct runtime_spec *spec)
{
	if (!spec)
		return;
	runtime_process_clear(&spec->process);
	free(spec->root_path);
	free(spec->hostname);
	free(spec->domainname);
	for (size_t i = 0; i < spec->mount_count; i++) {
		free(spec->mounts[i].destination);
		free(spec->mounts[i].type);
		free(spec->mounts[i].source);
		strv_free(spec->mounts[i].options);
		free(spec->mounts[i].uid_mappings);
		free(spec->mounts[i].gid_mappings);
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
	free(spec->resources);
	free(spec->mount_label);
	free(spec->intel_rdt.clos_id);
	free(spec->intel_rdt.l3_cache_schema);
	free(spec->intel_rdt.mem_bw_schema);
	strv_free(spec->intel_rdt.schemata);
	for (size_t i = 0; i < spec->net_device_count; i++) {
		free(spec->net_devices[i].host_name);
		free(spec->net_devices[i].name);
	}
	free(spec->net_devices);
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
