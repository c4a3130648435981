#include "config.h"

#include <stdio.h>

#include "container/exec.h"
#include "container/parse_env.h"
#include "container/spec.h"
#include "container/spec_security.h"
#include "rootless/idmap.h"
#include "runtime/capability.h"
#include "runtime/process_plan.h"
#include "runtime/seccomp.h"
#include "util/mem.h"
#include "util/str.h"

int container_exec_plan(struct container *container, const struct container_exec_options *opts,
	struct process_plan **ret, struct error **err)
{
	cleanup_runtime_spec struct runtime_spec *spec = runtime_spec_new();
	struct runtime_process *process = &spec->process;
	unsigned int flags = PROCESS_PDEATHSIG;
	char map[64];
	size_t len;

	snprintf(map, sizeof(map), "/proc/%d/uid_map", (int)container->status.init_pid);
	if (id_map_is_single(map))
		flags |= PROCESS_SINGLE_ID;
	container_spec_process(container->config, process);
	if (container_spec_security(container->config, spec, err) < 0)
		return -1;
	strv_free(process->args);
	process->args = strv_copy(opts->args);
	process->terminal = opts->terminal;
	process->console_height = opts->console_height;
	process->console_width = opts->console_width;
	if (opts->terminal && !env_get(process->env, "TERM"))
		env_set(&process->env, "TERM=xterm");
	for (size_t i = 0; opts->env_files && opts->env_files[i]; i++)
		if (parse_env_file(&process->env, opts->env_files[i], err) < 0)
			return -1;
	for (size_t i = 0; opts->env && opts->env[i]; i++)
		if (parse_env(&process->env, opts->env[i], err) < 0)
			return -1;
	if (opts->user) {
		free(process->user);
		process->user = xstrdup(opts->user);
	}
	if (opts->working_dir) {
		if (opts->working_dir[0] != '/')
			return error_set(err, ERR_INVALID,
				"the working directory '%s' is invalid, it needs to be an absolute "
				"path",
				opts->working_dir);
		free(process->cwd);
		process->cwd = xstrdup(opts->working_dir);
	}
	if (opts->privileged) {
		uint64_t all = UINT64_MAX >> (63 - capability_last());

		process->capabilities[CAPABILITY_BOUNDING] = all;
		process->capabilities[CAPABILITY_EFFECTIVE] = all;
		process->capabilities[CAPABILITY_PERMITTED] = all;
	}
	if (spec->seccomp && spec->seccomp->notifies)
		return error_set(err, ERR_UNSUPPORTED,
			"exec: the container's seccomp profile asks an agent (SCMP_ACT_NOTIFY), "
			"which is done for its first process only");
	/* Without a pid namespace of its own, too, nothing outlives the monitor. */
	return process_plan_build(process, spec->seccomp, flags, ret, &len, err);
}
