#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor/client.h"
#include "monitor/monitor.h"
#include "rootless/userns.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/sealed.h"
#include "util/str.h"

/* pod-monitor is some 60 KiB; more is not ours. */
#define PROGRAM_SIZE_MAX (16u << 20)
/* How many other monitors are asked for their copy of it, and how long each may take. */
#define BORROW_TRIES      3
#define BORROW_TIMEOUT_MS 20

static int socket_address(int dir_fd, const char *name, struct sockaddr_un *ret, struct error **err)
{
	int len;

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	len = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	if (len < 0 || (size_t)len >= sizeof(ret->sun_path))
		return error_set(err, ERR_INVALID, "socket name '%s' is too long", name);
	return 0;
}

/* TIMEOUT_MS: most that connecting and every message may take; 0: as long as it takes. */
static int socket_connect(int dir_fd, const char *name, int timeout_ms, struct error **err)
{
	const struct timeval timeout = {.tv_usec = timeout_ms * 1000};
	cleanup_close int fd = -1;
	struct sockaddr_un address;

	if (socket_address(dir_fd, name, &address, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "make a socket");
	if (timeout_ms &&
		(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0))
		return error_errno(err, errno, "set a time limit");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		/* no socket, or nobody behind it */
		if (errno == ENOENT || errno == ECONNREFUSED)
			return error_set(err, ERR_NOT_FOUND,
				"the monitor does not answer on socket '%s'", name);
		return error_errno(err, errno, "connect to socket '%s'", name);
	}
	return steal_fd(&fd);
}

/* Does COPY_FD hold SIZE bytes, for ever, that are those of FD? */
static bool is_sealed_copy(int copy_fd, int fd, size_t size)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	char ours[4096], theirs[4096];
	struct stat st;

	if ((fcntl(copy_fd, F_GET_SEALS) & seals) != seals || fstat(copy_fd, &st) < 0 ||
		st.st_size != (off_t)size)
		return false;
	for (size_t at = 0; at < size; at += sizeof(ours)) {
		size_t len = MIN(sizeof(ours), size - at);

		if (pread(fd, ours, len, (off_t)at) != (ssize_t)len ||
			pread(copy_fd, theirs, len, (off_t)at) != (ssize_t)len ||
			memcmp(ours, theirs, len) != 0)
			return false;
	}
	return true;
}

/* The sealed copy that another container's monitor runs from, if there is one: monitors then share
 * their memory. -1: none. A monitor that does not answer at once is not waited for. */
static int program_borrow(int runtime_dir_fd, int fd, size_t size)
{
	cleanup_dir DIR *dir = runtime_dir_fd < 0 ? NULL : dir_open_at(runtime_dir_fd, ".");
	struct dirent *entry;

	for (int tries = 0; dir && tries < BORROW_TRIES && (entry = dir_next(dir));) {
		cleanup_error struct error *ignored = NULL;
		cleanup_close int monitor_fd = -1, copy_fd = -1;

		if (!str_ends_with(entry->d_name, ".sock"))
			continue;
		tries++;
		monitor_fd =
			socket_connect(runtime_dir_fd, entry->d_name, BORROW_TIMEOUT_MS, &ignored);
		if (monitor_fd < 0)
			continue;
		copy_fd = monitor_program(monitor_fd, &ignored);
		if (copy_fd >= 0 && is_sealed_copy(copy_fd, fd, size))
			return steal_fd(&copy_fd);
	}
	return -1;
}

int monitor_program_open(int runtime_dir_fd, struct error **err)
{
	cleanup_free char *path = program_path("pod-monitor", err);
	cleanup_close int fd = -1;
	struct stat st;
	size_t size;
	int copy_fd;

	if (!path)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open '%s'", path);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > (off_t)PROGRAM_SIZE_MAX)
		return error_set(err, ERR_INVALID, "'%s' is not the monitor program", path);
	/* An exec session whose command is "#!/proc/self/exe" runs our file inside the container,
	 * whose root could open it for writing afterwards. */
	if (!sealed_is_needed(fd, userns_needed()))
		return steal_fd(&fd);
	size = sealed_size(fd, (size_t)st.st_size);
	copy_fd = program_borrow(runtime_dir_fd, fd, size);
	return copy_fd >= 0 ? copy_fd : sealed_copy(fd, size, "pod-monitor", err);
}

/* The numbers of all descriptors that are handed over. */
static size_t handover_fds(const struct monitor_handover *h, int out[NAMESPACE_COUNT + 24])
{
	const int single[] = {h->init_pidfd, h->lock_fd, h->container_dir_fd, h->containers_dir_fd,
		h->names_dir_fd, h->tmp_dir_fd, h->runtime_dir_fd, h->listen_fd,
		h->userns_listen_fd, h->first_client_fd, h->terminal_fd, h->stdin_fd, h->stdout_fd,
		h->stderr_fd, h->log_fd, h->cgroup_fd, h->answer_fd, h->notify_fd, h->network_pidfd,
		h->network_exit_fd, h->base_userns_fd};
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
	for (uint32_t i = 0; i < handover->listen_fds; i++)
		if (fcntl(MONITOR_LISTEN_FD + (int)i, F_SETFD, 0) < 0)
			return error_errno(err, errno, "hand the service's sockets over");
	/* The one number that none of the others has. */
	if (dup2(memory_fd, MONITOR_HANDOVER_FD) < 0)
		return error_errno(err, errno, "hand over to the monitor");
	(void)syscall(SYS_execveat, program_fd, "", argv, envp, AT_EMPTY_PATH);
	return error_errno(err, errno, "start 'pod-monitor'");
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
	return socket_connect(dir_fd, name, 0, err);
}
