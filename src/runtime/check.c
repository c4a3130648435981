#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/capability.h"
#include "runtime/check.h"
#include "runtime/intel_rdt.h"
#include "runtime/seccomp.h"
#include "runtime/spec_words.h"
#include "util/apparmor.h"
#include "util/fs.h"
#include "util/mem.h"

static bool selinux_is_there(void)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

static int check_labels(const struct runtime_spec *spec, struct error **err)
{
	const struct runtime_process *process = &spec->process;

	if (process->apparmor_profile && !apparmor_is_enabled())
		return error_set(err, ERR_UNSUPPORTED,
			"config.json: process.apparmorProfile: this host has no AppArmor to apply "
			"'%s'",
			process->apparmor_profile);
	if (process->selinux_label && !selinux_is_there())
		return error_set(err, ERR_UNSUPPORTED,
			"config.json: process.selinuxLabel: this host has no SELinux to apply '%s'",
			process->selinux_label);
	if (spec->mount_label && !selinux_is_there())
		return error_set(err, ERR_UNSUPPORTED,
			"config.json: linux.mountLabel: this host has no SELinux to apply '%s'",
			spec->mount_label);
	return 0;
}

static int check_namespaces(
	const struct runtime_spec *spec, const struct runtime_options *opts, struct error **err)
{
	if (spec->namespaces[NAMESPACE_MOUNT].mode == NAMESPACE_INHERIT)
		return error_set(err, ERR_INVALID,
			"config.json: linux.namespaces: a container needs a mount namespace of its "
			"own");
	if (spec->namespaces[NAMESPACE_USER].mode != NAMESPACE_INHERIT && opts->userns_fd < 0)
		return error_set(err, ERR_INVALID, "no user namespace was given to the container");
	if (spec->namespaces[NAMESPACE_TIME].mode != NAMESPACE_INHERIT &&
		access("/proc/self/ns/time", F_OK) < 0)
		return error_set(err, ERR_UNSUPPORTED,
			"config.json: linux.namespaces: this kernel has no time namespaces");
	if ((spec->hostname || spec->domainname) &&
		spec->namespaces[NAMESPACE_UTS].mode == NAMESPACE_INHERIT)
		return error_set(err, ERR_INVALID,
			"config.json: %s: cannot be set in a UTS namespace that is shared with the "
			"host",
			spec->hostname ? "hostname" : "domainname");
	return 0;
}

/* Names of the capabilities in SET, each with a warning. */
static void warn_capabilities(
	const struct runtime_options *opts, const char *set, uint64_t missing, const char *why)
{
	for (unsigned int i = 0; opts->notes && missing; i++, missing >>= 1)
		if (missing & 1)
			strv_append_take(opts->notes,
				xasprintf("config.json: process.capabilities.%s: %s cannot be "
					  "granted: %s",
					set,
					capability_name(i) ? capability_name(i) : "a capability",
					why));
}

/* Those that will be left out (process.c). */
static void check_capabilities(
	const struct runtime_process *process, const struct runtime_options *opts)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	const uint64_t *sets = process->capabilities;
	uint64_t held = UINT64_MAX >> (63 - capability_last());
	const char *why = "the kernel does not know it";

	if (!process->capabilities_held)
		return;
	for (char **note = process->unknown_capabilities; opts->notes && note && *note; note++)
		strv_append(opts->notes, *note);
	if (opts->userns_fd < 0 && syscall(SYS_capget, &header, data) == 0) {
		held = (uint64_t)data[1].permitted << 32 | data[0].permitted;
		why = "this process does not have it";
	}
	warn_capabilities(opts, "permitted", sets[CAPABILITY_PERMITTED] & ~held, why);
	warn_capabilities(opts, "effective",
		sets[CAPABILITY_EFFECTIVE] & ~(sets[CAPABILITY_PERMITTED] & held),
		"it is not permitted");
	warn_capabilities(opts, "inheritable",
		sets[CAPABILITY_INHERITABLE] & ~(sets[CAPABILITY_BOUNDING] & held),
		"it is not in the bounding set");
	warn_capabilities(opts, "ambient",
		sets[CAPABILITY_AMBIENT] &
			~(sets[CAPABILITY_PERMITTED] & sets[CAPABILITY_INHERITABLE] & held),
		"it is not permitted and inheritable");
}

static int check_seccomp(
	const struct runtime_spec *spec, const struct runtime_options *opts, struct error **err)
{
	const struct seccomp_program *seccomp = spec->seccomp;
	uint32_t action = SECCOMP_RET_USER_NOTIF;

	if (seccomp && seccomp->notifies &&
		syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return error_set(err, ERR_UNSUPPORTED,
			"config.json: linux.seccomp: this kernel has no SCMP_ACT_NOTIFY");
	/* One listener is all that a process can have, and ours is for its ids. */
	if (seccomp && seccomp->notifies && opts->single_id)
		return error_set(err, ERR_UNSUPPORTED,
			"config.json: linux.seccomp: SCMP_ACT_NOTIFY cannot be had where the user "
			"namespace maps a single id; add ranges to '/etc/subuid' and "
			"'/etc/subgid'");
	return 0;
}

#define PRESERVE_FDS_MAX 4096

int runtime_check(
	const struct runtime_spec *spec, const struct runtime_options *opts, struct error **err)
{
	if (opts->preserve_fds > PRESERVE_FDS_MAX)
		return error_set(
			err, ERR_INVALID, "more than %d descriptors to pass on", PRESERVE_FDS_MAX);
	if (spec->intel_rdt.set) {
		cleanup_close int fd = intel_rdt_root(err);

		if (fd < 0)
			return error_wrap(err, "config.json: linux.intelRdt");
	}
	if (check_namespaces(spec, opts, err) < 0 || check_labels(spec, err) < 0 ||
		check_seccomp(spec, opts, err) < 0)
		return -1;
	check_capabilities(&spec->process, opts);
	return 0;
}
