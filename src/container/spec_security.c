#include "config.h"

#include <fcntl.h>
#include <string.h>

#include "container/parse_security.h"
#include "container/spec_security.h"
#include "runtime/capability.h"
#include "runtime/seccomp.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define SECCOMP_PROFILE_MAX (4u << 20) /* bytes of a profile's JSON */

/* podman's lists; powercap since CVE-2020-8694. */
static const char *const masked_paths[] = {"/proc/acpi", "/proc/kcore", "/proc/keys",
	"/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
	"/proc/timer_stats", "/sys/dev/block", "/sys/devices/virtual/powercap", "/sys/firmware",
	"/sys/fs/selinux", NULL};
static const char *const readonly_paths[] = {"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq",
	"/proc/sys", "/proc/sysrq-trigger", NULL};

static char **paths_without(const char *const *paths, char *const *unmask)
{
	char **list = NULL;

	if (strv_contains(unmask, "ALL") || strv_contains(unmask, "all"))
		return NULL;
	for (; *paths; paths++) {
		bool shown = false;

		for (size_t i = 0; unmask && unmask[i] && !shown; i++)
			shown = glob_matches(unmask[i], *paths);
		if (!shown)
			strv_append(&list, *paths);
	}
	return list;
}

static int set_seccomp(const struct container_config *config,
	const struct security_options *options, uint64_t capabilities, struct runtime_spec *spec,
	struct error **err)
{
	cleanup_free char *text = NULL;
	size_t len;

	if (options->seccomp_unconfined || (config->privileged && !options->seccomp_profile))
		return 0;
	if (!options->seccomp_profile)
		return seccomp_default(capabilities, &spec->seccomp, err);
	if (read_file_limited(AT_FDCWD, options->seccomp_profile, SECCOMP_PROFILE_MAX, &text, &len,
		    err) < 0 ||
		seccomp_from_json(
			text, len, options->seccomp_profile, capabilities, &spec->seccomp, err) < 0)
		return error_wrap(err, "seccomp profile");
	return 0;
}

int container_spec_security(
	const struct container_config *config, struct runtime_spec *spec, struct error **err)
{
	__attribute__((cleanup(security_options_clear))) struct security_options options = {0};
	struct runtime_process *process = &spec->process;
	size_t ulimit_count = strv_length(config->ulimits);
	uint64_t capabilities;

	if (parse_security_options(config->security_opts, &options, err) < 0 ||
		parse_capabilities(config->cap_add, config->cap_drop, &capabilities, err) < 0)
		return -1;
	if (config->privileged)
		capabilities = UINT64_MAX >> (63 - capability_last());
	process->capabilities[CAPABILITY_BOUNDING] = capabilities;
	process->capabilities[CAPABILITY_EFFECTIVE] = capabilities;
	process->capabilities[CAPABILITY_PERMITTED] = capabilities;
	process->no_new_privileges = options.no_new_privileges;
	process->apparmor_profile = options.apparmor;
	options.apparmor = NULL;
	process->rlimits = xcalloc(ulimit_count, sizeof(*process->rlimits));
	for (; process->rlimit_count < ulimit_count; process->rlimit_count++)
		if (parse_ulimit(config->ulimits[process->rlimit_count],
			    &process->rlimits[process->rlimit_count], err) < 0)
			return -1;
	if (!config->privileged) {
		spec->masked_paths = paths_without(masked_paths, options.unmask);
		spec->readonly_paths = paths_without(readonly_paths, options.unmask);
	}
	for (size_t i = 0; options.mask && options.mask[i]; i++)
		strv_append(&spec->masked_paths, options.mask[i]);
	return set_seccomp(config, &options, capabilities, spec, err);
}
