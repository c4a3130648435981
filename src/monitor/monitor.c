#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor/monitor.h"
#include "rootless/userns.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/program.h"

/* pod-monitor is some 60 KiB; more is not ours. */
#define PROGRAM_SIZE_MAX (16u << 20)

/* A copy that nobody can write to: an exec session whose command is "#!/proc/self/exe" runs our
 * file inside the container, whose root could open it for writing afterwards. */
static int program_seal(int fd, size_t size, struct error **err)
{
	cleanup_close int copy_fd = -1;
	size_t done = 0;

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
	copy_fd = memfd_create("pod-monitor", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (copy_fd < 0 && errno == EINVAL) /* kernel before 6.3: all are executable */
		copy_fd = memfd_create("pod-monitor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy_fd < 0)
		return error_errno(err, errno, "make a memory file for 'pod-monitor'");
	while (done < size) {
		ssize_t n = sendfile(copy_fd, fd, NULL, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "copy 'pod-monitor' into memory");
		if (n == 0)
			return error_set(err, ERR_SYSTEM,
				"copy 'pod-monitor' into memory: it became shorter");
		done += (size_t)n;
	}
	if (fcntl(copy_fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
		0)
		return error_errno(err, errno, "seal the copy of 'pod-monitor'");
	return steal_fd(&copy_fd);
}

int monitor_program_open(struct error **err)
{
	cleanup_free char *path = program_path("pod-monitor", err);
	cleanup_close int fd = -1;
	struct stat st;

	if (!path)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open '%s'", path);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > (off_t)PROGRAM_SIZE_MAX)
		return error_set(err, ERR_INVALID, "'%s' is not the monitor program", path);
	/* Container root is the user himself, or real root where there is no user namespace. The
	 * other ids of the map own nothing on the host. */
	if (st.st_uid == geteuid() || !userns_needed())
		return program_seal(fd, (size_t)st.st_size, err);
	return steal_fd(&fd);
}

/* The numbers of all descriptors that are handed over. */
static size_t handover_fds(const struct monitor_handover *h, int out[NAMESPACE_COUNT + 24])
{
	const int single[] = {h->init_pidfd, h->lock_fd, h->container_dir_fd, h->containers_dir_fd,
		h->names_dir_fd, h->tmp_dir_fd, h->runtime_dir_fd, h->listen_fd,
		h->userns_listen_fd, h->first_client_fd, h->terminal_fd, h->stdin_fd, h->stdout_fd,
		h->stderr_fd, h->log_fd, h->cgroup_fd, h->network_pidfd, h->network_exit_fd};
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(single); i++)
		if (single[i] >= 0)
			out[count++] = single[i];
	for (size_t i = 0; i < NAMESPACE_COUNT; i++)
		if (h->namespace_fds[i] >= 0)
			out[count++] = h->namespace_fds[i];
	return count;
}

int monitor_become(int program_fd, const struct monitor_handover *handover, struct error **err)
{
	cleanup_close int memory_fd = -1;
	struct monitor_handover copy = *handover;
	int fds[NAMESPACE_COUNT + 24];
	size_t count = handover_fds(handover, fds);
	char program[] = "pod-monitor";
	char *argv[] = {program, copy.id, NULL}, *envp[] = {NULL};

	copy.magic = MONITOR_HANDOVER_MAGIC;
	copy.version = MONITOR_HANDOVER_VERSION;
	copy.size = sizeof(copy);
	memory_fd = memfd_create("pod-monitor-handover", MFD_CLOEXEC);
	if (memory_fd < 0 || write_all(memory_fd, &copy, sizeof(copy)) < 0)
		return error_errno(err, errno, "write the monitor's handover");
	/* Only now may anything else leak: this process becomes the program. */
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return error_errno(err, errno, "mark descriptors close-on-exec");
	for (size_t i = 0; i < count; i++)
		if (fds[i] < 3 || fcntl(fds[i], F_SETFD, 0) < 0)
			return error_errno(err, fds[i] < 3 ? EBADF : errno,
				"hand descriptor %d over to the monitor", fds[i]);
	/* The one number that none of the others has. */
	if (dup2(memory_fd, MONITOR_HANDOVER_FD) < 0)
		return error_errno(err, errno, "hand over to the monitor");
	(void)syscall(SYS_execveat, program_fd, "", argv, envp, AT_EMPTY_PATH);
	return error_errno(err, errno, "start 'pod-monitor'");
}

static int socket_address(int dir_fd, const char *name, struct sockaddr_un *ret, struct error **err)
{
	int len;

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	len = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	if (len < 0 || (size_t)len >= sizeof(ret->sun_path))
		return error_set(err, ERR_INVALID, "socket name '%s' is too long", name);
	return 0;
}

int monitor_socket_listen(int dir_fd, const char *name, struct error **err)
{
	cleanup_close int fd = -1;
	struct sockaddr_un address;
	mode_t mask;
	int result;

	if (socket_address(dir_fd, name, &address, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(err, errno, "make socket '%s'", name);
	/* What a killed monitor left; the caller holds the container's lock. */
	(void)unlinkat(dir_fd, name, 0);
	mask = umask(0177);
	result = bind(fd, (struct sockaddr *)&address, sizeof(address));
	(void)umask(mask);
	if (result < 0)
		return error_errno(err, errno, "bind socket '%s'", name);
	if (listen(fd, 256) < 0)
		return error_errno(err, errno, "listen on socket '%s'", name);
	return steal_fd(&fd);
}

int monitor_socket_connect(int dir_fd, const char *name, struct error **err)
{
	cleanup_close int fd = -1;
	struct sockaddr_un address;

	if (socket_address(dir_fd, name, &address, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		/* no socket, or nobody behind it */
		if (errno == ENOENT || errno == ECONNREFUSED)
			return error_set(err, ERR_NOT_FOUND,
				"the monitor does not answer on socket '%s'", name);
		return error_errno(err, errno, "connect to socket '%s'", name);
	}
	return steal_fd(&fd);
}
