#include "config.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/doctor.h"
#include "rootless/userns.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define WANTED                                                                                     \
	(1u << CGROUP_CONTROLLER_CPU | 1u << CGROUP_CONTROLLER_CPUSET |                            \
		1u << CGROUP_CONTROLLER_IO | 1u << CGROUP_CONTROLLER_MEMORY |                      \
		1u << CGROUP_CONTROLLER_PIDS)

/* Shared with the child that makes the group. */
struct attempt {
	enum cgroup_manager manager;
	unsigned int controllers;
};

/* In a child: the systemd manager puts the caller itself into the scope, which ends with it. */
static int make_group(void *data, struct error **err)
{
	struct attempt *attempt = data;
	cleanup_cgroup struct cgroup cgroup = CGROUP_INIT;
	char random[9], name[32];
	struct cgroup_request req = {
		.manager = cgroup_manager_choose(CGROUP_MANAGER_AUTO),
		.name = name,
		.controllers = WANTED,
	};
	int result;

	random_hex(random, 8);
	snprintf(name, sizeof(name), "pod-doctor-%s", random);
	attempt->manager = req.manager;
	if (req.manager == CGROUP_MANAGER_SYSTEMD && cgroup_begin(&req, &req.pending, err) < 0)
		return -1;
	result = cgroup_create(&req, &cgroup, err);
	if (result == 0) {
		attempt->controllers = cgroup_controllers(&cgroup);
		result = cgroup_destroy(&cgroup, err);
	}
	cgroup_pending_free(req.pending);
	return result;
}

static char *controller_names(unsigned int bits)
{
	struct strbuf out = STRBUF_INIT;

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		if (bits & 1u << i)
			strbuf_addf(&out, "%s%s", out.len ? ", " : "",
				cgroup_controller_name((enum cgroup_controller)i));
	return strbuf_detach(&out);
}

static const char delegate_remedy[] =
	"sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu "
	"cpuset io "
	"memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo "
	"systemctl "
	"daemon-reload, then log in again";

#define COST "limits (--memory, --cpus, --pids-limit), stats and pause do not work"

static void report_refusal(struct check_list *list, const struct error *why)
{
	bool systemd = access("/run/systemd/system", F_OK) == 0;
	cleanup_free char *remedy = NULL;
	struct statfs fs;

	if (statfs("/sys/fs/cgroup", &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC) {
		check_fault(list, CHECK_CGROUPS, CHECK_WARNING, COST,
			systemd ? "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&systemd.unified_cgroup_"
				  "hierarchy=1 /' /etc/default/grub && sudo update-grub && sudo "
				  "reboot"
				: "mount cgroup v2 alone: sudo mount -t cgroup2 none "
				  "/sys/fs/cgroup",
			"not the unified hierarchy (cgroup v2) at /sys/fs/cgroup");
		return;
	}
	remedy = systemd ? xasprintf("sudo loginctl enable-linger %u, then export "
				     "XDG_RUNTIME_DIR=/run/user/%u",
				   (unsigned int)getuid(), (unsigned int)getuid())
			 : xstrdup("run pod in a control group that belongs to this account, or "
				   "root's "
				   "container with a writable /sys/fs/cgroup");
	check_fault(list, CHECK_CGROUPS, CHECK_WARNING, COST, remedy,
		"v2, but none can be made: %s", why->message);
}

void cgroup_check(struct check_list *list)
{
	struct attempt *attempt = mmap(
		NULL, sizeof(*attempt), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cleanup_error struct error *why = NULL;
	cleanup_free char *missing = NULL, *got = NULL;
	const char *manager;

	if (attempt == MAP_FAILED) {
		check_add(list, CHECK_CGROUPS, CHECK_UNKNOWN, "no memory to try");
		return;
	}
	if (userns_run(-1, false, make_group, attempt, &why) < 0) {
		report_refusal(list, why);
		(void)munmap(attempt, sizeof(*attempt));
		return;
	}
	manager = cgroup_manager_name(attempt->manager);
	got = controller_names(attempt->controllers);
	missing = controller_names(WANTED & ~attempt->controllers);
	if (*missing)
		check_fault(list, CHECK_CGROUPS,
			attempt->controllers & 1u << CGROUP_CONTROLLER_MEMORY &&
					attempt->controllers & 1u << CGROUP_CONTROLLER_PIDS
				? CHECK_NOTE
				: CHECK_WARNING,
			"limits of these are ignored", delegate_remedy,
			"v2, made by %s, without: %s", manager, missing);
	else
		check_add(list, CHECK_CGROUPS, CHECK_OK, "v2, made by %s: %s", manager, got);
	(void)munmap(attempt, sizeof(*attempt));
}
