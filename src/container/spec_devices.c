#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "container/parse_security.h"
#include "container/spec_devices.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define DEVICE_DEPTH_MAX 4 /* /dev/bus/usb/001/001 */

static bool has_mount(const struct runtime_spec *spec, const char *destination)
{
	for (size_t i = 0; i < spec->mount_count; i++)
		if (strcmp(spec->mounts[i].destination, destination) == 0)
			return true;
	return false;
}

static void bind_device(struct runtime_spec *spec, const char *source, const char *destination)
{
	runtime_spec_add_mount(spec, destination, "bind", source, "bind,rprivate,nosuid,noexec");
}

static int add_device(const char *text, struct runtime_spec *spec, struct error **err)
{
	struct container_device device = {0};
	struct stat st;
	int status = -1;

	if (parse_device(text, &device, err) < 0)
		return -1;
	if (stat(device.source, &st) < 0) {
		error_errno(err, errno, "device '%s'", device.source);
	} else if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) {
		error_set(err, ERR_INVALID, "'%s' is not a device node", device.source);
	} else {
		bind_device(spec, device.source, device.destination);
		status = 0;
	}
	container_device_clear(&device);
	return status;
}

/* What the runtime itself puts into /dev, or what is a file system of its own there. */
static bool is_own(const char *name)
{
	static const char *const names[] = {"pts", "shm", "fd", "mqueue", "ptmx", "console", "core",
		"full", "null", "random", "stderr", "stdin", "stdout", "tty", "urandom", "zero",
		".lxc", ".lxd-mounts", ".udev"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* The devices below a directory of /dev; one that cannot be looked at is left out. */
static void add_host_devices(struct runtime_spec *spec, const char *path, unsigned int depth)
{
	cleanup_dir DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && depth < DEVICE_DEPTH_MAX && (entry = dir_next(dir))) {
		cleanup_free char *full = path_join(path, entry->d_name);
		struct stat st;

		if ((depth == 0 && is_own(entry->d_name)) || lstat(full, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			add_host_devices(spec, full, depth + 1);
		else if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && !has_mount(spec, full))
			bind_device(spec, full, full);
	}
}

int container_spec_devices(
	const struct container_config *config, struct runtime_spec *spec, struct error **err)
{
	for (size_t i = 0; config->devices && config->devices[i]; i++)
		if (add_device(config->devices[i], spec, err) < 0)
			return -1;
	if (config->privileged)
		add_host_devices(spec, "/dev", 0);
	return 0;
}
