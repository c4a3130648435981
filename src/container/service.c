#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "container/parse_env.h"
#include "container/service.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

#define LISTEN_FDS_FIRST 3
#define LISTEN_FDS_MAX   1024

unsigned int service_listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t number, count;

	if (!pid || !fds || str_to_uint64(pid, UINT32_MAX, &number) < 0 ||
		number != (uint64_t)getpid() || str_to_uint64(fds, LISTEN_FDS_MAX, &count) < 0)
		return 0;
	for (unsigned int i = 0; i < count; i++)
		if (fcntl(LISTEN_FDS_FIRST + (int)i, F_SETFD, FD_CLOEXEC) < 0)
			return 0; /* not what it says: as sd_listen_fds(), but no reason to fail */
	return (unsigned int)count;
}

/* A socket that the container's processes may write to, whoever they are. */
static int bind_socket(int dir_fd, struct error **err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (fd < 0)
		return error_errno(err, errno, "make a socket");
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd,
		NOTIFY_FILE);
	/* The last run's; the caller holds the container's lock. */
	(void)unlinkat(dir_fd, NOTIFY_FILE, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		fchmodat(dir_fd, NOTIFY_FILE, 0666, 0) < 0)
		return error_errno(err, errno, "bind the container's notify socket");
	return steal_fd(&fd);
}

static int offer_socket(struct service *service, struct store *store, struct container *container,
	struct container_spec *plan, struct error **err)
{
	cleanup_free char *source = NULL;
	struct runtime_mount *mount;
	int dir_fd;

	if (mkdirat(container->dir_fd, NOTIFY_DIRECTORY, 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "make the container's notify directory");
	dir_fd = openat(container->dir_fd, NOTIFY_DIRECTORY,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0 || fchmod(dir_fd, 0755) < 0) /* whatever the umask is */
		return error_errno(err, errno, "open the container's notify directory");
	container_spec_keep_fd(plan, dir_fd);
	service->notify_fd = bind_socket(dir_fd, err);
	if (service->notify_fd < 0)
		return -1;
	source = xasprintf(
		"%s/containers/%s/" NOTIFY_DIRECTORY, store->data_path, container->config->id);
	/* Behind the user's mounts: one on /run must not hide it. */
	mount = runtime_spec_add_mount(plan->spec, NOTIFY_CONTAINER_DIRECTORY, "bind", source,
		"bind,rprivate,ro,nosuid,nodev,noexec");
	mount->source_fd = dir_fd;
	env_set(&plan->spec->process.env,
		"NOTIFY_SOCKET=" NOTIFY_CONTAINER_DIRECTORY "/" NOTIFY_FILE);
	return 0;
}

/* Who the container is to serve comes with it: sd_listen_fds(3) inside. LISTEN_PID is set by the
 * process itself, which alone knows its number (src/runtime/process.c). */
static void offer_sockets(struct service *service, struct container_spec *plan)
{
	const char *names = getenv("LISTEN_FDNAMES");
	cleanup_free char *count = NULL, *assignment = NULL;

	service->listen_fds = service_listen_fds();
	if (!service->listen_fds)
		return;
	count = xasprintf("LISTEN_FDS=%u", service->listen_fds);
	env_set(&plan->spec->process.env, count);
	env_set(&plan->spec->process.env, "LISTEN_PID=1");
	if (names) {
		assignment = xasprintf("LISTEN_FDNAMES=%s", names);
		env_set(&plan->spec->process.env, assignment);
	}
}

int service_prepare(struct service *service, struct store *store, struct container *container,
	struct container_spec *plan, struct error **err)
{
	const char *name = getenv("NOTIFY_SOCKET"), *mode = container->config->sdnotify;

	service->mode = NOTIFY_CONTAINER;
	if (mode && notify_mode_parse(mode, &service->mode) < 0)
		return error_set(err, ERR_INVALID, "invalid sdnotify value '%s'", mode);
	offer_sockets(service, plan);
	if (!name || !*name || service->mode == NOTIFY_IGNORE)
		return 0;
	if (!notify_socket_is_valid(name)) {
		log_warning("the service manager is not told anything: NOTIFY_SOCKET '%s' is "
			    "neither a path nor an abstract name",
			name);
		return 0;
	}
	strcpy(service->socket, name);
	if (service->mode == NOTIFY_CONTAINER)
		return offer_socket(service, store, container, plan, err);
	return 0;
}

void service_started(const struct service *service, pid_t monitor_pid, char ***notes)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "MAINPID=%d%s", (int)monitor_pid,
		service->mode == NOTIFY_CONMON ? "\nREADY=1" : "");

	if (notify_send(service->socket, text, (size_t)len) < 0)
		strv_append_take(notes,
			xasprintf("the service manager could not be told that the container runs: "
				  "%s",
				strerror(errno)));
}

void service_close_fds(struct service *service)
{
	if (service->listen_fds)
		(void)close_range(LISTEN_FDS_FIRST, LISTEN_FDS_FIRST + service->listen_fds - 1, 0);
	service->listen_fds = 0;
}

void service_clear(struct service *service)
{
	fd_replace(&service->notify_fd, -1);
}
