#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "rootless/owner.h"
#include "rootless/userns.h"
#include "runtime/single_id.h"
#include "runtime/sync.h"
#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/str.h"

#define UNCHANGED  UINT32_MAX            /* (uid_t)-1 */
#define INDEX_BASE 0x706f640000000000ull /* soft RLIMIT_LOCKS of index 0; root has none */
#define IDS_MAX    1024                  /* sets of ids that one container may use */
#define GROUPS_MAX 64                    /* more are left out */

struct ids {
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint32_t group_count;
	uint32_t groups[GROUPS_MAX];
};

struct answerer {
	int root_fd; /* the host's, to come back to */
	int epoll_fd;
	struct seccomp_notif *request;
	struct seccomp_notif_resp *response;
	size_t request_size, response_size;
	struct ids *table; /* IDS_MAX; [0] is root */
	size_t count;
};

/* One call that waits for its answer. */
struct question {
	struct answerer *answerer;
	int listener_fd;
	uint64_t id;
	pid_t pid;
	int nr;
	uint64_t args[6];
};

/* Results are as the kernel's own: negative errno values, or what the call returns. */

/* -------- ids of a process -------- */

static const struct ids *ids_get(const struct question *q)
{
	struct rlimit limit;

	if (prlimit(q->pid, RLIMIT_LOCKS, NULL, &limit) < 0 || limit.rlim_cur < INDEX_BASE ||
		limit.rlim_cur - INDEX_BASE >= q->answerer->count)
		return &q->answerer->table[0];
	return &q->answerer->table[limit.rlim_cur - INDEX_BASE];
}

static int64_t ids_set(const struct question *q, const struct ids *ids)
{
	struct answerer *a = q->answerer;
	struct rlimit limit;
	size_t i = 0;

	while (i < a->count && memcmp(&a->table[i], ids, sizeof(*ids)) != 0)
		i++;
	if (i == IDS_MAX)
		return -EAGAIN;
	if (i == a->count)
		a->table[a->count++] = *ids;
	if (prlimit(q->pid, RLIMIT_LOCKS, NULL, &limit) < 0)
		return -errno;
	limit.rlim_cur = INDEX_BASE + i;
	return prlimit(q->pid, RLIMIT_LOCKS, &limit, NULL) < 0 ? -errno : 0;
}

static bool has_group(const struct ids *ids, uint32_t gid)
{
	if (gid == ids->fsgid)
		return true;
	for (uint32_t i = 0; i < ids->group_count; i++)
		if (ids->groups[i] == gid)
			return true;
	return false;
}

/* The four ids of one kind, in the order of struct ids. */
struct four {
	uint32_t real, effective, saved, fs;
};

static bool among(uint32_t id, const struct four *old)
{
	return id == old->real || id == old->effective || id == old->saved;
}

static int64_t change_one(struct four *ids, bool privileged, uint32_t id)
{
	if (id == UNCHANGED)
		return -EINVAL;
	if (privileged)
		ids->real = ids->saved = id;
	else if (id != ids->real && id != ids->saved)
		return -EPERM;
	ids->effective = ids->fs = id;
	return 0;
}

static int64_t change_two(struct four *ids, bool privileged, uint32_t real, uint32_t effective)
{
	const struct four old = *ids;

	if (real != UNCHANGED) {
		if (!privileged && real != old.real && real != old.effective)
			return -EPERM;
		ids->real = real;
	}
	if (effective != UNCHANGED) {
		if (!privileged && !among(effective, &old))
			return -EPERM;
		ids->effective = effective;
	}
	if (real != UNCHANGED || (effective != UNCHANGED && effective != old.real))
		ids->saved = ids->effective;
	ids->fs = ids->effective;
	return 0;
}

static int64_t change_three(struct four *ids, bool privileged, const uint64_t args[3])
{
	uint32_t *const places[] = {&ids->real, &ids->effective, &ids->saved};
	const struct four old = *ids;

	for (size_t i = 0; i < 3; i++) {
		uint32_t id = (uint32_t)args[i];

		if (id == UNCHANGED)
			continue;
		if (!privileged && !among(id, &old))
			return -EPERM;
		*places[i] = id;
	}
	ids->fs = ids->effective;
	return 0;
}

static int64_t change_fs(struct four *ids, bool privileged, uint32_t id)
{
	uint32_t old = ids->fs;

	if (id != UNCHANGED && (privileged || id == old || among(id, ids)))
		ids->fs = id;
	return old;
}

/* set*uid and set*gid. */
static int64_t answer_set(const struct question *q)
{
	const struct ids *now = ids_get(q);
	struct ids changed = *now;
	bool privileged = now->euid == 0;
	struct four ids;
	bool groups = false;
	int64_t result, set;

	switch (q->nr) {
	case SYS_setgid:
	case SYS_setregid:
	case SYS_setresgid:
	case SYS_setfsgid:
		groups = true;
	}
	memcpy(&ids, groups ? &changed.gid : &changed.uid, sizeof(ids));
	switch (q->nr) {
	case SYS_setuid:
	case SYS_setgid:
		result = change_one(&ids, privileged, (uint32_t)q->args[0]);
		break;
	case SYS_setreuid:
	case SYS_setregid:
		result = change_two(&ids, privileged, (uint32_t)q->args[0], (uint32_t)q->args[1]);
		break;
	case SYS_setresuid:
	case SYS_setresgid:
		result = change_three(&ids, privileged, q->args);
		break;
	default:
		result = change_fs(&ids, privileged, (uint32_t)q->args[0]);
	}
	if (result < 0)
		return result;
	memcpy(groups ? &changed.gid : &changed.uid, &ids, sizeof(ids));
	set = ids_set(q, &changed);
	return set < 0 ? set : result;
}

/* -------- memory of a process -------- */

static bool is_waiting(const struct question *q)
{
	uint64_t id = q->id;

	return ioctl(q->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* The memory that was the process's when it asked: a descriptor stays with it, a pid does not. */
static int memory_open(const struct question *q, int flags)
{
	cleanup_close int fd = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)q->pid);
	fd = open(path, flags | O_CLOEXEC);
	return fd >= 0 && is_waiting(q) ? steal_fd(&fd) : -1;
}

static bool memory_read(const struct question *q, uint64_t address, void *buf, size_t len)
{
	cleanup_close int fd = memory_open(q, O_RDONLY);

	return fd >= 0 && pread(fd, buf, len, (off_t)address) == (ssize_t)len;
}

/* Also where the process itself may only read: it is its own copy that changes. */
static bool memory_write(const struct question *q, uint64_t address, const void *buf, size_t len)
{
	cleanup_close int fd = memory_open(q, O_WRONLY);

	return fd >= 0 && pwrite(fd, buf, len, (off_t)address) == (ssize_t)len;
}

/* A string, page by page: what lies behind it may not be there. */
static int64_t string_read(const struct question *q, uint64_t address, char out[PATH_MAX])
{
	size_t have = 0;

	while (have < PATH_MAX) {
		size_t piece = MIN(4096 - (address + have) % 4096, (uint64_t)(PATH_MAX - have));

		if (!memory_read(q, address + have, out + have, piece))
			return -EFAULT;
		if (memchr(out + have, '\0', piece))
			return 0;
		have += piece;
	}
	return -ENAMETOOLONG;
}

static int64_t answer_set_groups(const struct question *q)
{
	const struct ids *now = ids_get(q);
	struct ids changed = *now;
	uint64_t count = q->args[0];

	if (now->euid != 0)
		return -EPERM;
	if ((uint32_t)count == SINGLE_ID_ADD_GROUP) {
		if (changed.group_count < GROUPS_MAX)
			changed.groups[changed.group_count++] = (uint32_t)q->args[2];
		return ids_set(q, &changed);
	}
	if (count > 65536)
		return -EINVAL;
	memset(changed.groups, 0, sizeof(changed.groups));
	changed.group_count = (uint32_t)MIN(count, (uint64_t)GROUPS_MAX);
	if (changed.group_count && !memory_read(q, q->args[1], changed.groups,
					   changed.group_count * sizeof(changed.groups[0])))
		return -EFAULT;
	return ids_set(q, &changed);
}

static int64_t answer_get_groups(const struct question *q)
{
	const struct ids *ids = ids_get(q);
	int size = (int)q->args[0];

	if (size == 0)
		return ids->group_count;
	if (size < 0 || (uint32_t)size < ids->group_count)
		return -EINVAL;
	if (ids->group_count &&
		!memory_write(q, q->args[1], ids->groups, ids->group_count * sizeof(uint32_t)))
		return -EFAULT;
	return ids->group_count;
}

static int64_t answer_get_three(const struct question *q, const uint32_t *ids)
{
	for (size_t i = 0; i < 3; i++)
		if (!memory_write(q, q->args[i], &ids[i], sizeof(ids[i])))
			return -EFAULT;
	return 0;
}

/* -------- files of a process -------- */

static int open_of(const struct question *q, const char *what, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)q->pid, what);
	fd = open(path, flags | O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A directory, or any file, that the process has open. */
static int open_descriptor(const struct question *q, int number)
{
	char name[32];

	if (number == AT_FDCWD)
		return open_of(q, "cwd", 0);
	if (number < 0)
		return -EBADF;
	snprintf(name, sizeof(name), "fd/%d", number);
	number = open_of(q, name, 0);
	return number == -ENOENT ? -EBADF : number;
}

/* openat2() as the process would do it. */
static int open_as(
	const struct question *q, int dir_number, const char *path, uint64_t flags, mode_t mode)
{
	const struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = mode,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	cleanup_close int root_fd = open_of(q, "root", O_DIRECTORY), base_fd = -1;
	int fd = -1;

	if (root_fd < 0)
		return -ESRCH;
	if (path[0] != '/') {
		base_fd = open_descriptor(q, dir_number);
		if (base_fd < 0)
			return base_fd;
	}
	/* Only now is it sure whose they are: the pid may have been somebody else's. */
	if (!is_waiting(q))
		return -ESRCH;
	if (fchdir(root_fd) < 0 || chroot(".") < 0 || (base_fd >= 0 && fchdir(base_fd) < 0))
		fd = -errno;
	else if ((fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how))) < 0)
		fd = -errno;
	if (fchdir(q->answerer->root_fd) < 0 || chroot(".") < 0)
		_exit(1); /* never go on with a container's root */
	return fd;
}

/* What leads to an open file of the process, whatever it is, stays as it is. */
static bool is_magic(const char *path)
{
	return str_starts_with(path, "/proc/") || str_starts_with(path, "/dev/fd/") ||
	       str_starts_with(path, "/dev/std");
}

static struct owner owner_of(int fd)
{
	struct owner owner = {0, 0};
	char link[32], text[OWNER_TEXT_SIZE];
	ssize_t length = getxattr(fd_path(fd, link), OWNER_XATTR, text, sizeof(text));

	if (length > 0)
		(void)owner_parse(text, (uint32_t)length, &owner); /* else: root's */
	return owner;
}

static bool may_chown(const struct ids *ids, const struct owner *now, uint32_t uid, uint32_t gid)
{
	if (ids->euid == 0)
		return true;
	if (uid != UNCHANGED && (uid != now->uid || uid != ids->fsuid))
		return false;
	return gid == UNCHANGED ||
	       (now->uid == ids->fsuid && (gid == now->gid || has_group(ids, gid)));
}

/* FD is O_PATH. */
static int64_t change_owner(const struct question *q, int fd, uint32_t uid, uint32_t gid)
{
	struct owner owner = owner_of(fd);
	char link[32], text[OWNER_TEXT_SIZE];
	struct stat st;
	int length;

	if (!may_chown(ids_get(q), &owner, uid, gid))
		return -EPERM;
	/* What the kernel has to say about it, and does besides. */
	if (fchownat(fd, "", 0, 0, AT_EMPTY_PATH) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	owner.uid = uid == UNCHANGED ? owner.uid : uid;
	owner.gid = gid == UNCHANGED ? owner.gid : gid;
	/* A file system without such attributes forgets it. */
	if (owner.uid == 0 && owner.gid == 0) {
		(void)removexattr(fd_path(fd, link), OWNER_XATTR);
	} else {
		length = owner_text(&owner, NULL, text);
		(void)setxattr(fd_path(fd, link), OWNER_XATTR, text, (size_t)length, 0);
	}
	return 0;
}

static int64_t answer_chown(const struct question *q, int dir_number, uint64_t path_address,
	uint32_t uid, uint32_t gid, unsigned int flags)
{
	cleanup_close int fd = -1;
	char path[PATH_MAX];
	int64_t result;

	if (flags & ~(unsigned int)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	result = string_read(q, path_address, path);
	if (result < 0)
		return result;
	if (is_magic(path))
		return 0;
	if (*path)
		fd = open_as(q, dir_number, path,
			O_PATH | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0), 0);
	else if (flags & AT_EMPTY_PATH)
		fd = open_descriptor(q, dir_number);
	else
		return -ENOENT;
	if (fd < 0)
		return fd;
	return is_waiting(q) ? change_owner(q, fd, uid, gid) : -ESRCH;
}

static int64_t answer_fchown(const struct question *q)
{
	int number = (int)q->args[0];
	cleanup_close int fd = number < 0 ? -EBADF : open_descriptor(q, number);

	if (fd < 0)
		return fd;
	return is_waiting(q) ? change_owner(q, fd, (uint32_t)q->args[1], (uint32_t)q->args[2])
			     : -ESRCH;
}

static mode_t umask_of(const struct question *q)
{
	char path[64], text[512];
	const char *line;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)q->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read_full(fd, text, sizeof(text) - 1);
	close_keep_errno(fd);
	if (n < 0)
		return 022;
	text[n] = '\0';
	line = strstr(text, "\nUmask:");
	return line ? (mode_t)strtoul(line + strlen("\nUmask:"), NULL, 8) & 0777 : 022;
}

/* A device: a file that takes its place. */
static int64_t answer_mknod(const struct question *q, int dir_number, uint64_t path_address,
	mode_t mode, uint64_t device)
{
	const struct ids *ids = ids_get(q);
	struct owner owner = {ids->fsuid, ids->fsgid};
	cleanup_close int fd = -1;
	char path[PATH_MAX], text[OWNER_TEXT_SIZE], what[32];
	int64_t result;
	int length;

	if (ids->euid != 0)
		return -EPERM;
	result = string_read(q, path_address, path);
	if (result < 0)
		return result;
	fd = open_as(q, dir_number, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
		mode & 07777 & ~umask_of(q));
	if (fd < 0)
		return fd;
	snprintf(what, sizeof(what), "%s-%u-%u", S_ISCHR(mode) ? "char" : "block",
		major((dev_t)device), minor((dev_t)device));
	length = owner_text(&owner, what, text);
	(void)fsetxattr(fd, OWNER_XATTR, text, (size_t)length, 0); /* no place: only a file */
	return 0;
}

/* -------- the process -------- */

static int64_t answer(const struct question *q)
{
	const uint64_t *args = q->args;

	switch (q->nr) {
	case SYS_setuid:
	case SYS_setgid:
	case SYS_setreuid:
	case SYS_setregid:
	case SYS_setresuid:
	case SYS_setresgid:
	case SYS_setfsuid:
	case SYS_setfsgid:
		return answer_set(q);
	case SYS_setgroups:
		return answer_set_groups(q);
	case SYS_getgroups:
		return answer_get_groups(q);
	case SYS_getuid:
		return ids_get(q)->uid;
	case SYS_geteuid:
		return ids_get(q)->euid;
	case SYS_getgid:
		return ids_get(q)->gid;
	case SYS_getegid:
		return ids_get(q)->egid;
	case SYS_getresuid:
		return answer_get_three(q, &ids_get(q)->uid);
	case SYS_getresgid:
		return answer_get_three(q, &ids_get(q)->gid);
	case SYS_fchown:
		return answer_fchown(q);
	case SYS_fchownat:
		return answer_chown(q, (int)args[0], args[1], (uint32_t)args[2], (uint32_t)args[3],
			(unsigned int)args[4]);
	case SYS_mknodat:
		return answer_mknod(q, (int)args[0], args[1], (mode_t)args[2], args[3]);
#ifdef SYS_chown
	case SYS_chown:
		return answer_chown(q, AT_FDCWD, args[0], (uint32_t)args[1], (uint32_t)args[2], 0);
	case SYS_lchown:
		return answer_chown(q, AT_FDCWD, args[0], (uint32_t)args[1], (uint32_t)args[2],
			AT_SYMLINK_NOFOLLOW);
	case SYS_mknod:
		return answer_mknod(q, AT_FDCWD, args[0], (mode_t)args[1], args[2]);
#endif
	}
	return -ENOSYS;
}

static void listener_event(struct answerer *a, int listener_fd, uint32_t events)
{
	struct question q = {.answerer = a, .listener_fd = listener_fd};
	int64_t result;

	if (!(events & EPOLLIN)) {
		/* Nobody is left who could ask. */
		(void)close(listener_fd);
		return;
	}
	memset(a->request, 0, a->request_size);
	if (ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, a->request) < 0)
		return; /* killed meanwhile */
	q.id = a->request->id;
	q.pid = (pid_t)a->request->pid;
	q.nr = a->request->data.nr;
	for (size_t i = 0; i < 6; i++)
		q.args[i] = a->request->data.args[i];
	result = answer(&q);
	memset(a->response, 0, a->response_size);
	a->response->id = q.id;
	if (result < 0)
		a->response->error = (int32_t)result;
	else
		a->response->val = result;
	(void)ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, a->response); /* or it was killed */
}

static void control_event(struct answerer *a, int control_fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct single_id_message message;
	int fds[SYNC_FDS_MAX];
	size_t count;
	long n = sync_receive(control_fd, &message, sizeof(message), fds, &count);

	if (n <= 0)
		_exit(0); /* the monitor is gone */
	for (size_t i = 0; i < count; i++) {
		event.data.fd = fds[i];
		if (n != sizeof(message) || message.magic != SINGLE_ID_MAGIC ||
			epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fds[i], &event) < 0)
			(void)close(fds[i]);
	}
}

/* Buffers as long as this kernel wants them. */
static int buffers_make(struct answerer *a, struct error **err)
{
	struct seccomp_notif_sizes sizes;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return error_errno(err, errno,
			"the kernel cannot hand system calls to another process (seccomp user "
			"notification)");
	a->request_size = MAX(sizeof(*a->request), (size_t)sizes.seccomp_notif);
	a->response_size = MAX(sizeof(*a->response), (size_t)sizes.seccomp_notif_resp);
	a->request = xcalloc(1, a->request_size);
	a->response = xcalloc(1, a->response_size);
	a->table = xcalloc(IDS_MAX, sizeof(*a->table));
	a->count = 1;
	return 0;
}

/* Entry: forked from the monitor process, its ids and namespaces, all its descriptors. */
__attribute__((noreturn)) static void answerer_main(
	struct answerer *a, int control_fd, int userns_fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = control_fd};
	cleanup_error struct error *failed = NULL;

	(void)prctl(PR_SET_NAME, "pod-ids");
	/* To the lowest numbers, and all others closed: pipes and locks of the container too. */
	if (dup2(control_fd, 3) < 0 || dup2(userns_fd, 4) < 0)
		_exit(1);
	(void)close_range(5, ~0U, 0);
	control_fd = event.data.fd = 3;
	if (userns_enter(4, false, &failed) < 0)
		_exit(1);
	(void)close(4);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* else end of file tells */
	(void)umask(0);
	a->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (a->root_fd < 0 || a->epoll_fd < 0 || fchdir(a->root_fd) < 0 ||
		epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, control_fd, &event) < 0)
		_exit(1);
	for (;;) {
		int n = epoll_wait(a->epoll_fd, &event, 1, -1);

		if (n < 0 && errno != EINTR)
			_exit(1);
		if (n <= 0)
			continue;
		if (event.data.fd == control_fd)
			control_event(a, control_fd);
		else
			listener_event(a, event.data.fd, event.events);
	}
}

int single_id_start(int userns_fd, pid_t *ret_pid, int *ret_fd, struct error **err)
{
	cleanup_close int our_fd = -1, answerer_fd = -1, high_userns_fd = -1;
	struct answerer answerer = {.root_fd = -1, .epoll_fd = -1};
	int pair[2], result = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, errno, "make a socket pair");
	our_fd = pair[0];
	/* Above the numbers that they get. */
	answerer_fd = fcntl(pair[1], F_DUPFD_CLOEXEC, 5);
	close_keep_errno(pair[1]);
	high_userns_fd = fcntl(userns_fd, F_DUPFD_CLOEXEC, 5);
	if (answerer_fd < 0 || high_userns_fd < 0)
		return error_errno(err, errno, "duplicate a descriptor");
	if (buffers_make(&answerer, err) == 0) {
		pid = fork();
		if (pid == 0)
			answerer_main(&answerer, answerer_fd, high_userns_fd);
		result = pid < 0 ? error_errno(err, errno, "fork") : 0;
	}
	free(answerer.request);
	free(answerer.response);
	free(answerer.table);
	if (result < 0)
		return -1;
	*ret_pid = pid;
	*ret_fd = steal_fd(&our_fd);
	return 0;
}
