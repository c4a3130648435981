#include "config.h"

#include "cgroup/doctor.h"
#include "container/doctor.h"
#include "network/doctor.h"
#include "registry/registries_conf.h"
#include "rootless/doctor.h"
#include "rootless/userns.h"
#include "storage/doctor.h"
#include "storage/store.h"
#include "util/mem.h"
#include "util/program.h"

static void check_programs(struct check_list *list)
{
	static const char *const names[] = {"pod-monitor", "pod-transfer"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_error struct error *why = NULL;
		cleanup_free char *path = program_path(names[i], &why);

		if (path)
			continue;
		check_fault(list, CHECK_PROGRAMS, CHECK_FAILED,
			i ? "nothing can be pulled, loaded or imported"
			  : "no container can be started",
			"make install, or export POD_LIBEXECDIR=DIRECTORY", "%s", why->message);
		return;
	}
	check_add(list, CHECK_PROGRAMS, CHECK_OK, "pod-monitor and pod-transfer are there");
}

static void check_registries(struct check_list *list)
{
	cleanup_registries_conf struct registries_conf *conf = NULL;
	cleanup_error struct error *why = NULL;

	if (registries_conf_load(&conf, &why) == 0)
		check_add(list, CHECK_REGISTRIES, CHECK_OK, "the configuration can be read");
	else
		check_fault(list, CHECK_REGISTRIES, CHECK_WARNING, "nothing can be pulled",
			"correct the file", "%s", why->message);
}

bool doctor_check(const char *root, const char *runroot, struct check_list *ret)
{
	cleanup_store struct store *store = NULL;
	cleanup_error struct error *why = NULL;
	cleanup_close int userns_fd = -1;
	bool usable;

	rootless_check(ret, &userns_fd);
	usable = userns_fd >= 0 || !userns_needed();
	cgroup_check(ret);
	session_check(ret);
	check_programs(ret);
	(void)store_open(root, runroot, &store, &why); /* WHY is a result */
	storage_check(ret, store, why, usable, userns_fd);
	network_check(ret);
	check_registries(ret);
	return !check_failed(ret, NULL);
}
