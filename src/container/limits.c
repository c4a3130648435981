#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cgroup/devices.h"
#include "container/limits.h"
#include "container/parse_limits.h"
#include "container/parse_security.h"
#include "util/check.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

#define PIDS_DEFAULT 2048 /* podman's */
/* For stats, and to learn of an end by the OOM killer. */
#define CONTROLLERS_ALWAYS                                                                         \
	(1u << CGROUP_CONTROLLER_MEMORY | 1u << CGROUP_CONTROLLER_PIDS |                           \
		1u << CGROUP_CONTROLLER_CPU | 1u << CGROUP_CONTROLLER_IO)

static const char *or_all(const char *permissions)
{
	return permissions && *permissions ? permissions : "rwm";
}

void container_limits_clear(struct container_limits *limits)
{
	cgroup_resources_free(limits->resources);
	cgroup_resources_free(limits->devices);
	cgroup_pending_free(limits->request.pending);
	cgroup_clear(&limits->cgroup);
	free(limits->unavailable);
	free(limits->name);
	free(limits->path);
	*limits = CONTAINER_LIMITS_INIT;
}

/* Only real root could use a node that a container made, and only it can load filters. */
static int device_rules(
	const struct container_config *config, struct container_limits *limits, struct error **err)
{
	struct cgroup_resources *rules;

	if (config->privileged || geteuid() != 0)
		return 0;
	limits->devices = rules = xcalloc(1, sizeof(*rules));
	cgroup_resources_add_device(rules, false, 'a', -1, -1, CGROUP_DEVICE_ALL);
	for (size_t i = 0; config->devices && config->devices[i]; i++) {
		struct container_device device = {0};
		unsigned int access = 0;
		struct stat st;

		if (parse_device(config->devices[i], &device, err) < 0)
			return -1;
		for (const char *p = or_all(device.permissions); *p; p++)
			access |= *p == 'r'   ? CGROUP_DEVICE_READ
				  : *p == 'w' ? CGROUP_DEVICE_WRITE
					      : CGROUP_DEVICE_MKNOD;
		/* One that is not there is told of where it is mounted. */
		if (stat(device.source, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
			cgroup_resources_add_device(rules, true, S_ISCHR(st.st_mode) ? 'c' : 'b',
				(int64_t)major(st.st_rdev), (int64_t)minor(st.st_rdev), access);
		container_device_clear(&device);
	}
	cgroup_devices_add_default(rules);
	return 0;
}

/* A service manager knows the monitor for its service's only in the service's group. podman leaves
 * it there, too, wherever $INVOCATION_ID is set. */
static bool stays(const struct container_config *config)
{
	return (str_equal(config->cgroups_mode, "no-conmon") || getenv("INVOCATION_ID")) &&
	       cgroup_in_service();
}

int container_limits_begin(
	const struct container_config *config, struct container_limits *ret, struct error **err)
{
	struct container_limits limits = CONTAINER_LIMITS_INIT;
	enum cgroup_manager wanted = CGROUP_MANAGER_AUTO;
	bool split = str_equal(config->cgroups_mode, "split");
	cleanup_error struct error *one = NULL;

	if (config->resources &&
		cgroup_resources_parse_text(config->resources, strlen(config->resources),
			"resources", &limits.resources, err) < 0)
		return -1;
	if (str_equal(config->cgroups_mode, "disabled")) {
		limits.none = true;
		*ret = limits;
		return 0;
	}
	if (device_rules(config, &limits, err) < 0)
		goto fail;
	if (config->cgroup_manager &&
		cgroup_manager_parse(config->cgroup_manager, &wanted, err) < 0)
		goto fail;
	limits.name = xasprintf("pod-%s", config->id);
	limits.request = (struct cgroup_request){
		.manager = split ? CGROUP_MANAGER_CGROUPFS : cgroup_manager_choose(wanted),
		.name = limits.name,
		.path = split ? NULL : config->cgroup_parent,
		.controllers = CONTROLLERS_ALWAYS | cgroup_controllers_needed(limits.resources),
		.may_move_others = split || limits.resources,
		.stay = stays(config),
	};
	if (limits.request.path && limits.request.manager == CGROUP_MANAGER_CGROUPFS)
		limits.request.path = limits.path =
			xasprintf("%s/%s", config->cgroup_parent, limits.name);
	if (limits.request.manager == CGROUP_MANAGER_SYSTEMD &&
		cgroup_begin(&limits.request, &limits.request.pending, &one) < 0) {
		if (one->kind == ERR_INVALID) {
			error_move(err, &one);
			goto fail;
		}
		limits.unavailable = xstrdup(one->message);
		limits.was_named = wanted == CGROUP_MANAGER_SYSTEMD;
	}
	*ret = limits;
	return 0;
fail:
	container_limits_clear(&limits);
	return -1;
}

static void drop_bits(struct cgroup_resources *from, struct cgroup_resources *to, unsigned int bits)
{
	to->given |= from->given & bits;
	from->given &= ~bits;
}

char *container_limits_drop(struct cgroup_resources *r, unsigned int controllers)
{
	struct cgroup_resources dropped = {0};
	unsigned int missing = cgroup_controllers_needed(r) & ~controllers;
	char *names;
	size_t kept = 0;

	if (!missing)
		return NULL;
	if (missing & 1u << CGROUP_CONTROLLER_MEMORY)
		drop_bits(r, &dropped,
			CGROUP_MEMORY_LIMIT | CGROUP_MEMORY_SWAP | CGROUP_MEMORY_RESERVATION);
	if (missing & 1u << CGROUP_CONTROLLER_CPU)
		drop_bits(r, &dropped,
			CGROUP_CPU_SHARES | CGROUP_CPU_QUOTA | CGROUP_CPU_PERIOD |
				CGROUP_CPU_BURST | CGROUP_CPU_IDLE);
	if (missing & 1u << CGROUP_CONTROLLER_CPUSET) {
		dropped.cpuset_cpus = steal_ptr(&r->cpuset_cpus);
		dropped.cpuset_mems = steal_ptr(&r->cpuset_mems);
	}
	if (missing & 1u << CGROUP_CONTROLLER_PIDS)
		drop_bits(r, &dropped, CGROUP_PIDS_LIMIT);
	if (missing & 1u << CGROUP_CONTROLLER_IO) {
		drop_bits(r, &dropped, CGROUP_IO_WEIGHT);
		dropped.io_device_count = r->io_device_count;
		r->io_device_count = 0;
	}
	dropped.unified = xcalloc(r->unified_count + 1, sizeof(*dropped.unified));
	for (size_t i = 0; i < r->unified_count; i++) {
		struct cgroup_resources one = {.unified = &r->unified[i], .unified_count = 1};

		if (cgroup_controllers_needed(&one) & missing)
			dropped.unified[dropped.unified_count++] = r->unified[i];
		else
			r->unified[kept++] = r->unified[i];
	}
	r->unified_count = kept;
	names = limit_names(&dropped);
	for (size_t i = 0; i < dropped.unified_count; i++) {
		free(dropped.unified[i].name);
		free(dropped.unified[i].value);
	}
	free(dropped.unified);
	free(dropped.cpuset_cpus);
	free(dropped.cpuset_mems);
	return names;
}

/* One note, naming what is given up and what would restore it. */
static void note_none(const struct container_limits *limits, const char *why, char ***notes)
{
	cleanup_free char *names = limits->resources ? limit_names(limits->resources) : NULL;
	cleanup_free char *mount = cgroup_unified_mount();
	const char *remedy =
		"run it from a session with a systemd user manager (sudo loginctl enable-linger "
		"USER), or in a unit with Delegate=yes";

	if (!names || !*names)
		return;
	if (!mount)
		remedy = "boot with systemd.unified_cgroup_hierarchy=1";
	strv_append_take(notes,
		xasprintf(
			"resource limits are not supported here and ignored (%s): %s; %s" CHECK_SEE(
				CHECK_CGROUPS),
			names, why, remedy));
}

static int apply(struct container_limits *limits, char ***notes, struct error **err)
{
	unsigned int controllers = cgroup_controllers(&limits->cgroup);
	struct cgroup_resources defaults = {0};
	struct cgroup_resources *r = limits->resources ? limits->resources : &defaults;
	cleanup_free char *dropped = container_limits_drop(r, controllers);

	if (dropped)
		strv_append_take(notes,
			xasprintf("resource limits are not supported here and ignored (%s): the "
				  "controllers they need are not delegated to control group '%s'; "
				  "have them delegated with: sudo systemctl edit user@.service, "
				  "[Service] Delegate=cpu cpuset io memory pids" CHECK_SEE(
					  CHECK_CGROUPS),
				dropped, limits->cgroup.path));
	if (controllers & 1u << CGROUP_CONTROLLER_PIDS && !(r->given & CGROUP_PIDS_LIMIT)) {
		r->pids_limit = PIDS_DEFAULT;
		r->given |= CGROUP_PIDS_LIMIT;
	}
	return cgroup_apply(&limits->cgroup, r, err);
}

static int filter_devices(struct container_limits *limits, struct error **err)
{
	if (!limits->devices || cgroup_devices_apply(&limits->cgroup, limits->devices, err) == 0)
		return 0;
	if ((*err)->kind != ERR_UNSUPPORTED)
		return -1;
	/* Who may not load a filter may hardly make nodes. */
	log_debug("%s", (*err)->message);
	error_free(steal_ptr(err));
	return 0;
}

int container_limits_create(struct container_limits *limits, char ***notes, struct error **err)
{
	cleanup_error struct error *first = NULL, *second = NULL;
	struct cgroup_request request = limits->request;
	int status = -1;

	if (limits->none)
		return 0;
	if (!limits->unavailable)
		status = cgroup_create(&request, &limits->cgroup, &first);
	/* A slice is nothing that a directory could be made in. */
	if (status < 0 && request.manager == CGROUP_MANAGER_SYSTEMD) {
		request.path = NULL;
		if (limits->was_named)
			strv_append_take(
				notes, xasprintf("%s; falling back to --cgroup-manager=cgroupfs",
					       first ? first->message : limits->unavailable));
		request.manager = CGROUP_MANAGER_CGROUPFS;
		status = cgroup_create(&request, &limits->cgroup, &second);
	}
	if (status < 0 && second && second->kind == ERR_INVALID)
		return error_move(err, &second);
	if (status < 0 && first && first->kind == ERR_INVALID)
		return error_move(err, &first);
	if (status < 0) {
		const char *why = first                 ? first->message
				  : limits->unavailable ? limits->unavailable
							: "unknown";

		log_debug("no control group: %s", why);
		if (!limits->was_named)
			note_none(limits, why, notes);
		return 0;
	}
	if (apply(limits, notes, err) < 0 || filter_devices(limits, err) < 0) {
		container_limits_undo(limits);
		return -1;
	}
	return 0;
}

void container_limits_undo(struct container_limits *limits)
{
	cleanup_error struct error *ignored = NULL;

	if (limits->cgroup.fd < 0)
		return;
	/* What is left goes with the scope, or is found empty by the next start. */
	(void)cgroup_destroy(&limits->cgroup, &ignored);
	cgroup_clear(&limits->cgroup);
}
