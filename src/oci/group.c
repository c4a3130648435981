#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cgroup/devices.h"
#include "oci/group.h"
#include "util/mem.h"
#include "util/str.h"

/* Nobody made a group for us to work in: ordinary accounts without delegation, hosts without the
 * unified hierarchy. */
static bool is_not_delegated(const struct error *err)
{
	return err->kind == ERR_UNSUPPORTED || err->errnum == EACCES || err->errnum == EPERM ||
	       err->errnum == EROFS;
}

int oci_group_open(const struct oci_record *record, struct cgroup *ret, struct error **err)
{
	if (!record->cgroup || !*record->cgroup)
		return error_set(err, ERR_UNSUPPORTED,
			"container '%s' has no control group of its own: none could be made when "
			"it "
			"was created",
			record->id);
	return cgroup_open(record->cgroup, ret, err);
}

int oci_group_remove(const struct oci_record *record, struct error **err)
{
	cleanup_cgroup struct cgroup group = CGROUP_INIT;
	cleanup_error struct error *why = NULL;

	if (!record->cgroup || !*record->cgroup)
		return 0;
	if (oci_group_open(record, &group, &why) < 0)
		return why->kind == ERR_NOT_FOUND ? 0 : error_move(err, &why);
	if (cgroup_kill(&group, SIGKILL, err) < 0)
		return -1;
	return cgroup_destroy(&group, err);
}

void oci_group_thaw(const struct oci_record *record)
{
	cleanup_cgroup struct cgroup group = CGROUP_INIT;
	cleanup_error struct error *ignored = NULL;

	if (record->cgroup && *record->cgroup && oci_group_open(record, &group, &ignored) == 0 &&
		cgroup_is_frozen(&group))
		(void)cgroup_freeze(&group, false, &ignored); /* it ends all the same, later */
}

bool oci_group_is_frozen(const struct oci_record *record)
{
	cleanup_cgroup struct cgroup group = CGROUP_INIT;
	cleanup_error struct error *ignored = NULL;

	return record->cgroup && *record->cgroup && oci_group_open(record, &group, &ignored) == 0 &&
	       cgroup_is_frozen(&group);
}

/* Limits need controllers, which only a delegated group has. Device rules alone can be left to what
 * the container may reach: without the right to make a device node, and with a /dev of its own. */
static bool needs_group(const struct cgroup_resources *resources)
{
	return resources && (cgroup_controllers_needed(resources) || resources->unified_count);
}

/* What engines write although nobody asked for it, and what holds without a controller: the
 * default share of processor time, and no limit. */
static void drop_defaults(struct cgroup_resources *resources)
{
	if (resources->given & CGROUP_CPU_SHARES && resources->cpu_shares == 1024)
		resources->given &= ~(unsigned int)CGROUP_CPU_SHARES;
	if (resources->given & CGROUP_CPU_QUOTA && resources->cpu_quota <= 0)
		resources->given &= ~(unsigned int)CGROUP_CPU_QUOTA;
	if (!(resources->given & CGROUP_CPU_QUOTA))
		resources->given &= ~(unsigned int)CGROUP_CPU_PERIOD;
	if (resources->given & CGROUP_PIDS_LIMIT && resources->pids_limit <= 0)
		resources->given &= ~(unsigned int)CGROUP_PIDS_LIMIT;
	if (resources->given & CGROUP_MEMORY_LIMIT && resources->memory_limit <= 0)
		resources->given &= ~(unsigned int)CGROUP_MEMORY_LIMIT;
	if (resources->given & CGROUP_MEMORY_SWAP && resources->memory_swap <= 0)
		resources->given &= ~(unsigned int)CGROUP_MEMORY_SWAP;
}

/* Device rules are enforced by a program that only real root may load; elsewhere no device node can
 * be made anyway. */
static int apply_devices(
	const struct cgroup *group, struct cgroup_resources *resources, struct error **err)
{
	if (!resources->device_count || !oci_is_real_root())
		return 0;
	cgroup_devices_add_default(resources);
	return cgroup_devices_apply(group, resources, err);
}

int oci_group_limit(
	const struct cgroup *group, struct cgroup_resources *resources, struct error **err)
{
	if (resources && (cgroup_apply(group, resources, err) < 0 ||
				 apply_devices(group, resources, err) < 0))
		return error_wrap(err, "config.json: linux.resources");
	return 0;
}

int oci_group_make(const struct runtime_spec *spec, const struct oci_create_options *opts,
	struct cgroup *ret, struct cgroup_resources **ret_resources, struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *resources = NULL;
	cleanup_cgroup struct cgroup group = CGROUP_INIT;
	cleanup_error struct error *why = NULL;
	struct cgroup_request request = {
		.manager = opts->cgroup_manager == OCI_SYSTEMD ? CGROUP_MANAGER_SYSTEMD
							       : CGROUP_MANAGER_CGROUPFS,
		.path = spec->cgroups_path,
		.name = opts->id,
	};

	if (spec->resources && cgroup_resources_parse_text(spec->resources, strlen(spec->resources),
				       "config.json: linux.resources", &resources, err) < 0)
		return -1;
	if (resources)
		drop_defaults(resources);
	if (opts->cgroup_manager == OCI_CGROUP_DISABLED) {
		if (needs_group(resources))
			return error_set(err, ERR_USAGE,
				"config.json: linux.resources: limits need a control group; leave "
				"out --cgroup-manager=disabled");
		return 0;
	}
	/* All, not only those that limits need now: engines read statistics, and update limits. */
	request.controllers = (1u << CGROUP_CONTROLLER_COUNT) - 1;
	if (cgroup_create(&request, &group, &why) < 0) {
		bool fatal =
			opts->cgroup_errors == OCI_CGROUP_ERRORS_FATAL ||
			(opts->cgroup_errors == OCI_CGROUP_ERRORS_AUTO && needs_group(resources));

		if (!is_not_delegated(why) || fatal) {
			error_move(err, &why);
			return error_wrap(err, "config.json: linux.%s",
				needs_group(resources) ? "resources" : "cgroupsPath");
		}
		strv_append_take(opts->notes,
			xasprintf("no control group for the container (%s)", why->message));
		return 0;
	}
	*ret = group;
	group = CGROUP_INIT;
	*ret_resources = steal_ptr(&resources);
	return 0;
}
