#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "runtime/init.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

/* The namespace that a sysctl belongs to; NAMESPACE_COUNT: it is the whole host's. */
static enum namespace_type sysctl_namespace(const char *name)
{
	static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
		"kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
		"kernel.shm_rmid_forced"};

	if (str_starts_with(name, "net."))
		return NAMESPACE_NETWORK;
	if (str_starts_with(name, "fs.mqueue."))
		return NAMESPACE_IPC;
	for (size_t i = 0; i < ARRAY_SIZE(ipc); i++)
		if (strcmp(name, ipc[i]) == 0)
			return NAMESPACE_IPC;
	if (strcmp(name, "kernel.domainname") == 0 || strcmp(name, "kernel.hostname") == 0)
		return NAMESPACE_UTS;
	return NAMESPACE_COUNT;
}

static int write_sysctl(struct init_context *context, const char *setting, struct error **err)
{
	size_t len = strcspn(setting, "=");
	cleanup_free char *name = xstrndup(setting, len), *path = NULL;
	const char *value = setting + len + 1;
	enum namespace_type type = sysctl_namespace(name);
	cleanup_close int fd = -1;

	if (!setting[len] || !len || strchr(name, '/') || strstr(name, "..") || strchr(value, '\n'))
		return error_set(err, ERR_INVALID, "sysctl '%s' is malformed", setting);
	if (type == NAMESPACE_COUNT)
		return error_set(err, ERR_INVALID,
			"sysctl '%s' belongs to no namespace of the container: it would change the "
			"host",
			name);
	if (context->spec->namespaces[type].mode == NAMESPACE_INHERIT || context->is_callers[type])
		return error_set(err, ERR_INVALID,
			"sysctl '%s' is not the container's own: its namespace is shared", name);
	if (context->proc_fd < 0)
		return error_set(
			err, ERR_UNSUPPORTED, "sysctl '%s': there is no /proc of our own", name);
	path = xasprintf("sys/%s", name);
	for (char *p = path; *p; p++)
		if (*p == '.')
			*p = '/';
	fd = open_beneath(context->proc_fd, path, O_WRONLY, 0);
	if (fd < 0 || write_all(fd, value, strlen(value)) < 0)
		return error_errno(err, errno, "set sysctl '%s'", name);
	return 0;
}

int init_write_sysctls(struct init_context *context, struct error **err)
{
	for (char **setting = context->spec->sysctl; setting && *setting; setting++)
		if (write_sysctl(context, *setting, err) < 0)
			return -1;
	return 0;
}
