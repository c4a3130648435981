#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "rootless/userns.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/signals.h"
#include "util/spawn.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * A namespace that nobody hands out is made by a child that does nothing but wait: it exists only
 * so that newuidmap and newgidmap have a process to name. It shares our memory (a real fork would
 * cost more than the rest) and never touches it: it runs on a stack of its own and only makes
 * system calls. Once the maps are written its /proc/PID/ns/user is opened and it is killed.
 */

#define HOLDER_STACK_SIZE 16384
#define ASK_TIMEOUT_MS    200 /* a monitor that does not answer (SIGSTOP) is passed over */
#define ASK_TIMEOUTS_MAX  2

struct userns_request {
	struct id_maps maps;
	enum userns_rung rung;
	char *why;         /* not a better rung; NULL: this is the best */
	int userns_fd;     /* got already */
	pid_t holder;      /* the waiting child; 0: none */
	void *stack;       /* the holder's */
	pid_t helpers[2];  /* newuidmap, newgidmap; 0: reaped */
	int output_fds[2]; /* memfds with what they print */
};

static const char *const helper_names[2] = {"newuidmap", "newgidmap"};

static bool has_capabilities(uint32_t wanted)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & wanted) == wanted;
}

bool userns_needed(void)
{
	if (!has_capabilities(1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID |
			      1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_SETPCAP))
		return true;
	/* In a namespace that maps a single id no container with more than one could live. */
	return id_map_is_single("/proc/self/uid_map");
}

/* -------- choosing the ids -------- */

/* Root of a container without CAP_SYS_ADMIN: what it may do with ids of its own is enough to give
 * all of them to a namespace, without newuidmap and without /etc/subuid. */
static bool may_map_own_ids(void)
{
	return geteuid() == 0 &&
	       has_capabilities(1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETFCAP) &&
	       !id_map_is_single("/proc/self/uid_map");
}

/* RANGES become what a namespace below ours has: the same numbers. */
static void map_identity(struct id_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ranges[i].host_id = ranges[i].container_id;
}

static int maps_own(struct id_maps *ret, struct error **err)
{
	struct id_maps maps = {0};

	if (id_ranges_read("/proc/self/uid_map", &maps.uids, &maps.uid_count, err) < 0 ||
		id_ranges_read("/proc/self/gid_map", &maps.gids, &maps.gid_count, err) < 0) {
		id_maps_clear(&maps);
		return -1;
	}
	map_identity(maps.uids, maps.uid_count);
	map_identity(maps.gids, maps.gid_count);
	*ret = maps;
	return 0;
}

/* As far as the id map can tell. */
static bool in_initial_namespace(void)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free struct id_range *ranges = NULL;
	size_t count;

	return id_ranges_read("/proc/self/uid_map", &ranges, &count, &ignored) < 0 ||
	       (count == 1 && ranges[0].count == UINT32_MAX);
}

bool userns_helpers_lack(char **ret_cause, char **ret_remedy)
{
	for (int i = 0; i < 2; i++) {
		cleanup_free char *path = spawn_find(helper_names[i]);
		const char *fault = NULL;
		cleanup_free char *remedy = NULL;
		struct statvfs fs;
		struct stat st;

		if (!path) {
			*ret_cause = xasprintf("'%s' is not installed", helper_names[i]);
			*ret_remedy = check_install("uidmap");
			return true;
		}
		if (stat(path, &st) < 0 || statvfs(path, &fs) < 0)
			continue;
		if (!(st.st_mode & S_ISUID) &&
			getxattr(path, "security.capability", NULL, 0) <= 0) {
			fault = "is not set-uid root";
			remedy = xasprintf("sudo chmod u+s %s", path);
		} else if (fs.f_flag & ST_NOSUID) {
			fault = "lies on a file system mounted nosuid";
			remedy = in_initial_namespace()
					 ? xasprintf("sudo mount -o remount,suid $(findmnt -n -o "
						     "TARGET -T %s)",
						   path)
					 : xstrdup("run pod outside of this container or sandbox");
		} else if ((st.st_mode & S_ISUID) && st.st_uid != 0) {
			fault = "does not belong to root here";
			remedy = xstrdup("run pod outside of this container");
		}
		if (!fault)
			continue;
		*ret_cause = xasprintf("'%s' %s", path, fault);
		*ret_remedy = steal_ptr(&remedy);
		return true;
	}
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return false;
	*ret_cause = xstrdup("newuidmap cannot gain privileges because this process runs with "
			     "no_new_privs");
	*ret_remedy = xstrdup("start pod without it (systemd: NoNewPrivileges=no; docker: without "
			      "--security-opt no-new-privileges)");
	return true;
}

/* As one line; NULL: they lack nothing; owned. */
static char *helpers_fault(void)
{
	cleanup_free char *cause = NULL, *remedy = NULL;

	if (!userns_helpers_lack(&cause, &remedy))
		return NULL;
	return xasprintf("%s; mend it: %s" CHECK_SEE(CHECK_NEWUIDMAP), cause, remedy);
}

/* Subordinate ranges, as far as the namespace that we are in has them. */
static int maps_subordinate(struct id_maps *ret, struct error **err)
{
	cleanup_free struct id_range *uids = NULL, *gids = NULL;
	struct id_maps maps;
	size_t uid_count, gid_count;

	if (id_maps_default(&maps, err) < 0)
		return -1;
	if (id_ranges_read("/proc/self/uid_map", &uids, &uid_count, err) < 0 ||
		id_ranges_read("/proc/self/gid_map", &gids, &gid_count, err) < 0) {
		id_maps_clear(&maps);
		return -1;
	}
	id_ranges_clip(maps.uids, &maps.uid_count, uids, uid_count);
	id_ranges_clip(maps.gids, &maps.gid_count, gids, gid_count);
	if (maps.uid_count < 2 || maps.gid_count < 2) {
		id_maps_clear(&maps);
		return error_set(err, ERR_NOT_FOUND,
			"the ranges in '/etc/subuid' and '/etc/subgid' lie outside of what this "
			"container has; give it more ids, or name some that it has" CHECK_SEE(
				CHECK_SUBIDS));
	}
	*ret = maps;
	return 0;
}

/* One id: the caller's own. */
static void maps_single(struct id_maps *ret)
{
	*ret = (struct id_maps){
		.uids = xcalloc(1, sizeof(*ret->uids)),
		.gids = xcalloc(1, sizeof(*ret->gids)),
		.uid_count = 1,
		.gid_count = 1,
	};
	ret->uids[0] = (struct id_range){0, geteuid(), 1};
	ret->gids[0] = (struct id_range){0, getegid(), 1};
}

int userns_choose(
	struct id_maps *ret, enum userns_rung *ret_rung, char **ret_why, struct error **err)
{
	cleanup_error struct error *why = NULL;

	*ret_why = NULL;
	if (may_map_own_ids()) {
		*ret_rung = USERNS_OWN_IDS;
		return maps_own(ret, err);
	}
	if (id_map_is_single("/proc/self/uid_map")) {
		*ret_why = xstrdup("this process lives in a user namespace that maps a single id; "
				   "run pod outside of it, or give it ranges: unshare "
				   "--map-root-user --map-auto" CHECK_SEE(CHECK_SUBIDS));
	} else if (maps_subordinate(ret, &why) == 0) {
		*ret_rung = USERNS_SUBORDINATE;
		*ret_why = helpers_fault();
		if (!*ret_why)
			return 0;
		id_maps_clear(ret);
	} else if (why->kind == ERR_NOT_FOUND) {
		*ret_why = xstrdup(why->message);
	} else {
		return error_move(err, &why);
	}
	*ret_rung = USERNS_SINGLE_ID;
	maps_single(ret);
	return 0;
}

/* -------- asking a running monitor -------- */

/* Is FD a user namespace that we own, directly below the one we are in? */
static bool userns_is_ours(int fd)
{
	cleanup_close int parent_fd = -1;
	struct stat parent, ours;
	uid_t owner;

	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWUSER || ioctl(fd, NS_GET_OWNER_UID, &owner) < 0 ||
		owner != getuid())
		return false;
	parent_fd = ioctl(fd, NS_GET_PARENT);
	return parent_fd >= 0 && fstat(parent_fd, &parent) == 0 &&
	       stat("/proc/self/ns/user", &ours) == 0 && parent.st_ino == ours.st_ino &&
	       parent.st_dev == ours.st_dev;
}

/* *TIMEOUTS counts those that do not answer. */
static int ask_one(int dir_fd, const char *name, unsigned int *timeouts)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_usec = ASK_TIMEOUT_MS * 1000};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	cleanup_close int sock = -1, fd = -1;
	struct cmsghdr *cmsg;
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
		    dir_fd, name) >= sizeof(address.sun_path))
		return -1;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
		setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
		connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != getuid())
		return -1;
	if (send(sock, "U", 1, MSG_NOSIGNAL) != 1 || recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1) {
		*timeouts += errno == EAGAIN;
		return -1;
	}
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS ||
		cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return userns_is_ours(fd) ? steal_fd(&fd) : -1;
}

/* The namespace with this map, from any monitor that runs; -1: nobody has it. */
static int ask_monitors(int runtime_dir_fd, const struct id_maps *maps)
{
	cleanup_free char *prefix = NULL;
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	unsigned int timeouts = 0;
	char hash[17];

	if (runtime_dir_fd < 0)
		return -1;
	dir = dir_open_at(runtime_dir_fd, ".");
	if (!dir)
		return -1;
	id_maps_hash(maps, hash);
	prefix = xasprintf("userns-%s.", hash);
	while (timeouts < ASK_TIMEOUTS_MAX && (entry = dir_next(dir))) {
		int fd;

		if (!str_starts_with(entry->d_name, prefix))
			continue;
		fd = ask_one(dirfd(dir), entry->d_name, &timeouts);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* -------- making one -------- */

static bool proc_value_is(const char *path, const char *value)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[64];
	ssize_t n = fd < 0 ? -1 : read_full(fd, text, sizeof(text) - 1);

	if (n < 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, value) == 0;
}

/* One line for a kernel that lets nobody like us make a user namespace; 0: it does not say so. */
static int refused_by_setting(struct error **err)
{
	if (proc_value_is("/proc/sys/user/max_user_namespaces", "0"))
		return error_set(err, ERR_UNSUPPORTED,
			"the kernel allows no user namespace (user.max_user_namespaces is 0); "
			"allow them "
			"with: sudo sysctl user.max_user_namespaces=15000" CHECK_SEE(CHECK_USERNS));
	if (proc_value_is("/proc/sys/kernel/unprivileged_userns_clone", "0"))
		return error_set(err, ERR_UNSUPPORTED,
			"the kernel allows no unprivileged user namespace "
			"(kernel.unprivileged_userns_clone is 0); allow them with: sudo sysctl "
			"kernel.unprivileged_userns_clone=1" CHECK_SEE(CHECK_USERNS));
	/* The clone works there, but what is inside has no rights. */
	if (proc_value_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") &&
		proc_value_is("/proc/self/attr/current", "unconfined"))
		return error_set(err, ERR_UNSUPPORTED,
			"AppArmor restricts user namespaces "
			"(kernel.apparmor_restrict_unprivileged_userns is 1); install an AppArmor "
			"profile for pod, or: sudo sysctl "
			"kernel.apparmor_restrict_unprivileged_userns=0" CHECK_SEE(CHECK_APPARMOR));
	return 0;
}

static int clone_refused(int why, struct error **err)
{
	if (refused_by_setting(err) < 0)
		return -1;
	if (why == ENOSPC || why == EUSERS)
		return error_set(err, ERR_UNSUPPORTED,
			"the kernel allows no more user namespaces for this account or this depth; "
			"raise the limit with: sudo sysctl "
			"user.max_user_namespaces=15000" CHECK_SEE(CHECK_USERNS));
	if (why == EPERM || why == EACCES)
		return error_set(err, ERR_UNSUPPORTED,
			"this process may not make a user namespace (seccomp filter of an outer "
			"container, or a chroot); run pod outside of it, or let it: with docker or "
			"podman '--security-opt seccomp=unconfined'" CHECK_SEE(CHECK_USERNS));
	if (why == EINVAL)
		return error_set(err, ERR_UNSUPPORTED,
			"the kernel is built without user namespaces (CONFIG_USER_NS)" CHECK_SEE(
				CHECK_USERNS));
	return error_fork(err, why, "make a user namespace");
}

/* Entry: new user namespace without maps, memory shared with the parent, all signals blocked.
 * Must write nothing; waits to be killed. */
__attribute__((noreturn)) static int holder_main(void *data)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Killed before that, the parent would leave us here for ever, with its descriptors and the
	 * locks they hold. */
	if (syscall(SYS_getppid) != (long)(intptr_t)data)
		_exit(1);
	for (;;)
		(void)syscall(SYS_pause);
}

static int helper_start(struct userns_request *req, int which, const struct id_range *ranges,
	size_t count, struct error **err)
{
	cleanup_strv char **argv = NULL;
	struct spawn_fd fds[2];
	struct spawn_options opts = {.fds = fds, .fd_count = ARRAY_SIZE(fds)};

	strv_append(&argv, helper_names[which]);
	strv_append_take(&argv, xasprintf("%d", (int)req->holder));
	for (size_t i = 0; i < count; i++) {
		strv_append_take(&argv, xasprintf("%u", ranges[i].container_id));
		strv_append_take(&argv, xasprintf("%u", ranges[i].host_id));
		strv_append_take(&argv, xasprintf("%u", ranges[i].count));
	}
	req->output_fds[which] = memfd_create("map-helper", MFD_CLOEXEC);
	if (req->output_fds[which] < 0)
		return error_errno(err, errno, "make a memory file");
	fds[0] = (struct spawn_fd){req->output_fds[which], 1};
	fds[1] = (struct spawn_fd){req->output_fds[which], 2};
	opts.argv = (const char *const *)argv;
	if (spawn(&opts, &req->helpers[which], err) == 0)
		return 0;
	if ((*err)->kind == ERR_NOT_FOUND) {
		error_free(steal_ptr(err));
		return error_set(err, ERR_NOT_FOUND,
			"user namespace: program '%s' is not installed; install it with: sudo "
			"apt-get "
			"install uidmap" CHECK_SEE(CHECK_NEWUIDMAP),
			helper_names[which]);
	}
	return -1;
}

static int helper_finish(struct userns_request *req, int which, struct error **err)
{
	pid_t pid = req->helpers[which];
	char text[512];
	ssize_t n;
	int status;

	req->helpers[which] = 0;
	status = spawn_wait(pid, err);
	if (status < 0)
		return -1;
	if (status == 0)
		return 0;
	n = pread(req->output_fds[which], text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (refused_by_setting(err) < 0)
		return -1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return error_set(err, ERR_UNSUPPORTED,
			"%s cannot gain privileges because this process runs with no_new_privs; "
			"start "
			"pod without it, or start a container outside first (%s)" CHECK_SEE(
				CHECK_NEWUIDMAP),
			helper_names[which], text);
	return error_set(err, ERR_UNSUPPORTED,
		"%s failed (%s); check that the ranges in '/etc/sub%s' belong to this account and "
		"that the program is set-uid root: sudo apt-get install --reinstall "
		"uidmap" CHECK_SEE(CHECK_NEWUIDMAP),
		helper_names[which], *text ? text : "no message", which ? "gid" : "uid");
}

static int holder_write(pid_t holder, const char *file, const char *text, struct error **err)
{
	char path[64];
	cleanup_close int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)holder, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open '%s'", path);
	/* One write: the kernel takes a map once. */
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return error_errno(err, errno, "write '%s'", path);
	return 0;
}

/* The maps that need no helper: a single id, or all of ours. */
static int holder_map(struct userns_request *req, struct error **err)
{
	cleanup_free char *uids = id_ranges_text(req->maps.uids, req->maps.uid_count);
	cleanup_free char *gids = id_ranges_text(req->maps.gids, req->maps.gid_count);
	cleanup_error struct error *why = NULL;

	/* Whoever maps no more than its own group must give setgroups(2) up (user_namespaces(7)).
	 */
	if ((req->rung == USERNS_SINGLE_ID &&
		    holder_write(req->holder, "setgroups", "deny", &why) < 0) ||
		holder_write(req->holder, "uid_map", uids, &why) < 0 ||
		holder_write(req->holder, "gid_map", gids, &why) < 0) {
		if (refused_by_setting(err) < 0)
			return -1;
		if (why->errnum == EPERM && geteuid() == 0)
			return error_set(err, ERR_UNSUPPORTED,
				"user namespace: the kernel maps root only for who holds "
				"CAP_SETFCAP, which this process lacks; run pod as another user, "
				"or give it the capability (--cap-add SETFCAP)" CHECK_SEE(
					CHECK_USERNS));
		if (why->errnum == EPERM)
			return error_set(err, ERR_UNSUPPORTED,
				"user namespace: the kernel or a security module refuses to map "
				"'%u' (%s); run pod outside of this sandbox" CHECK_SEE(
					CHECK_USERNS),
				(unsigned int)geteuid(), why->message);
		error_move(err, &why);
		return error_wrap(err, "user namespace");
	}
	return 0;
}

static void request_release(struct userns_request *req)
{
	cleanup_error struct error *ignored = NULL;

	for (int i = 0; i < 2; i++) {
		if (req->helpers[i] > 0)
			(void)spawn_wait(req->helpers[i], &ignored); /* it ends by itself */
		close_keep_errno(req->output_fds[i]);
		error_free(steal_ptr(&ignored));
	}
	if (req->holder > 0) {
		(void)kill(req->holder, SIGKILL);
		(void)spawn_wait(req->holder, &ignored);
	}
	if (req->stack)
		(void)munmap(req->stack, HOLDER_STACK_SIZE);
	close_keep_errno(req->userns_fd);
	id_maps_clear(&req->maps);
	free(req->why);
	free(req);
}

static int holder_start(struct userns_request *req, struct error **err)
{
	sigset_t all, old;
	int why;

	req->stack = mmap(NULL, HOLDER_STACK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (req->stack == MAP_FAILED) {
		req->stack = NULL;
		return error_errno(err, errno, "allocate a stack");
	}
	/* No handler of ours may run in the holder. */
	signals_fill(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	req->holder = clone(holder_main, (char *)req->stack + HOLDER_STACK_SIZE,
		CLONE_NEWUSER | CLONE_VM | SIGCHLD, (void *)(intptr_t)getpid());
	why = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return req->holder < 0 ? clone_refused(why, err) : 0;
}

/* Make the namespace and have its maps written, or begin to. */
static int holder_begin(struct userns_request *req, struct error **err)
{
	const struct id_maps *maps = &req->maps;

	if (refused_by_setting(err) < 0 || holder_start(req, err) < 0)
		return -1;
	if (req->rung != USERNS_SUBORDINATE)
		return holder_map(req, err);
	if (helper_start(req, 0, maps->uids, maps->uid_count, err) < 0)
		return -1;
	return helper_start(req, 1, maps->gids, maps->gid_count, err);
}

int userns_begin(int runtime_dir_fd, struct userns_request **ret, struct error **err)
{
	struct userns_request *req = xcalloc(1, sizeof(*req));

	req->userns_fd = req->output_fds[0] = req->output_fds[1] = -1;
	if (userns_choose(&req->maps, &req->rung, &req->why, err) < 0) {
		free(req);
		return -1;
	}
	req->userns_fd = ask_monitors(runtime_dir_fd, &req->maps);
	if (req->userns_fd < 0 && holder_begin(req, err) < 0) {
		request_release(req);
		return -1;
	}
	*ret = req;
	return 0;
}

enum userns_rung userns_rung(const struct userns_request *req)
{
	return req->rung;
}

const char *userns_why(const struct userns_request *req)
{
	return req->why;
}

const struct id_maps *userns_maps(const struct userns_request *req)
{
	return &req->maps;
}

int userns_finish(struct userns_request *req, struct error **err)
{
	char path[64];
	int fd = -1;

	if (req->userns_fd >= 0) {
		fd = steal_fd(&req->userns_fd);
	} else if (req->rung != USERNS_SUBORDINATE ||
		   (helper_finish(req, 0, err) == 0 && helper_finish(req, 1, err) == 0)) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)req->holder);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			error_errno(err, errno, "open '%s'", path);
	}
	request_release(req);
	return fd;
}

void userns_cancel(struct userns_request *req)
{
	if (req)
		request_release(req);
}

int userns_get(int runtime_dir_fd, struct error **err)
{
	struct userns_request *req;

	if (userns_begin(runtime_dir_fd, &req, err) < 0)
		return -1;
	return userns_finish(req, err);
}

int userns_make(const struct id_maps *maps, struct error **err)
{
	struct userns_request *req = xcalloc(1, sizeof(*req));

	req->userns_fd = req->output_fds[0] = req->output_fds[1] = -1;
	req->maps = (struct id_maps){
		.uids = xmemdup(maps->uids, maps->uid_count * sizeof(*maps->uids)),
		.gids = xmemdup(maps->gids, maps->gid_count * sizeof(*maps->gids)),
		.uid_count = maps->uid_count,
		.gid_count = maps->gid_count,
	};
	if (has_capabilities(1u << CAP_SETUID | 1u << CAP_SETGID))
		req->rung = USERNS_OWN_IDS;
	else if (maps->uid_count == 1 && maps->gid_count == 1 && maps->uids->count == 1 &&
		 maps->gids->count == 1 && maps->uids->host_id == geteuid() &&
		 maps->gids->host_id == getegid())
		req->rung = USERNS_SINGLE_ID;
	else
		req->rung = USERNS_SUBORDINATE;
	if (holder_begin(req, err) < 0) {
		request_release(req);
		return -1;
	}
	return userns_finish(req, err);
}

/* -------- one below another -------- */

#define NEST_ERROR_MAX 4096

/*
 * Between fork and execve. The program that is executed has a memory of its own, which belongs to
 * the namespace PARENT_FD; as real and effective id differ, it is not dumpable from its first
 * instruction on.
 */
__attribute__((noreturn)) static void nest_child(int parent_fd, int socket_fd, char *const *argv)
{
	char *const envp[] = {NULL};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(null_fd, 2) < 0 ||
		setns(parent_fd, CLONE_NEWUSER) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
		syscall(SYS_setresuid, 1, 0, 0) < 0 || dup2(socket_fd, USERNS_NEST_FD) < 0)
		_exit(127);
	if (socket_fd == USERNS_NEST_FD)
		(void)fcntl(socket_fd, F_SETFD, 0);
	execve("/proc/self/exe", argv, envp);
	_exit(127);
}

static int nest_answer(int socket_fd, struct error **err)
{
	cleanup_free char *text = NULL;
	int fd = fd_receive(socket_fd);

	if (fd >= 0)
		return fd;
	if (errno != ENODATA)
		return error_errno(err, errno, "make a nested user namespace");
	if (read_fd_limited(socket_fd, NEST_ERROR_MAX, &text, NULL, err) < 0)
		return -1;
	return error_set(err, ERR_UNSUPPORTED, "nested user namespace: %s",
		*text ? text : "the process that was to make it ended");
}

int userns_nest(int parent_fd, const struct id_maps *maps, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *uids = NULL, *gids = NULL;
	cleanup_close int our_fd = -1, child_fd = -1;
	char program[] = "pod", command[] = "__userns";
	int ends[2], fd;
	pid_t pid;

	if (parent_fd < 0)
		return userns_make(maps, err);
	uids = id_ranges_text(maps->uids, maps->uid_count);
	gids = id_ranges_text(maps->gids, maps->gid_count);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "make a socket pair");
	our_fd = ends[0];
	child_fd = ends[1];
	pid = fork();
	if (pid < 0)
		return error_errno(err, errno, "fork");
	if (pid == 0)
		nest_child(parent_fd, child_fd, (char *[]){program, command, uids, gids, NULL});
	fd_replace(&child_fd, -1);
	fd = nest_answer(our_fd, err);
	(void)spawn_wait(pid, &ignored);
	return fd;
}

void userns_nest_main(const char *uids, const char *gids)
{
	struct error *failed = NULL;
	struct id_maps maps = {0};
	int fd;

	(void)fcntl(USERNS_NEST_FD, F_SETFD, FD_CLOEXEC);
	id_ranges_from_text(uids, &maps.uids, &maps.uid_count);
	id_ranges_from_text(gids, &maps.gids, &maps.gid_count);
	fd = userns_make(&maps, &failed);
	if (fd >= 0) {
		(void)fd_send(USERNS_NEST_FD, fd); /* else the other side has gone */
		close_keep_errno(fd);
	} else {
		/* A byte without a descriptor, then the text. */
		(void)write_all(USERNS_NEST_FD, "!", 1);
		(void)write_all(USERNS_NEST_FD, failed->message, strlen(failed->message));
		error_free(failed);
	}
	id_maps_clear(&maps);
}

/* -------- entering -------- */

int userns_enter(int userns_fd, bool with_mounts, struct error **err)
{
	/* While our memory still belongs to the outer namespace: no process of a container that
	 * shares the user namespace (and sees us, --pid host) may attach to us. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (userns_fd >= 0) {
		if (setns(userns_fd, CLONE_NEWUSER) < 0)
			return error_errno(err, errno, "join the user namespace");
		if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			return error_errno(err, errno, "become root of the user namespace");
		/* EPERM: a namespace that maps one group only denies setgroups altogether */
		if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
			return error_errno(err, errno, "drop supplementary groups");
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the id change set the default again */
	}
	if (with_mounts) {
		if (unshare(CLONE_NEWNS) < 0)
			return error_errno(err, errno, "make a mount namespace");
		if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
			return error_errno(err, errno, "make the mounts private");
	}
	return 0;
}

/* What travels back from userns_run()'s child; text follows. */
struct run_result {
	int32_t failed, kind, errnum;
};

int userns_run_begin(int userns_fd, bool with_mounts, int (*fn)(void *data, struct error **err),
	void *data, struct userns_child *ret, struct error **err)
{
	cleanup_close int our_fd = -1, child_fd = -1;
	struct run_result result;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	our_fd = fds[0];
	child_fd = fds[1];
	pid = fork();
	if (pid < 0)
		return error_fork(err, errno, "fork");
	if (pid == 0) {
		struct error *e = NULL;

		result = (struct run_result){0};
		if (userns_enter(userns_fd, with_mounts, &e) < 0 || fn(data, &e) < 0)
			result = (struct run_result){1, (int32_t)e->kind, e->errnum};
		/* A reader that is gone needs no answer. */
		(void)write_all(child_fd, &result, sizeof(result));
		if (e)
			(void)write_all(child_fd, e->message, strlen(e->message));
		_exit(0);
	}
	*ret = (struct userns_child){.pid = pid, .result_fd = steal_fd(&our_fd)};
	return 0;
}

int userns_run_finish(struct userns_child *child, struct error **err)
{
	cleanup_close int our_fd = steal_fd(&child->result_fd);
	cleanup_free char *text = NULL;
	struct run_result result;
	size_t len;
	int status;

	if (read_fd_limited(our_fd, 65536, &text, &len, err) < 0) {
		cleanup_error struct error *ignored = NULL;

		(void)kill(child->pid, SIGKILL);
		(void)spawn_wait(child->pid, &ignored);
		return -1;
	}
	status = spawn_wait(child->pid, err);
	if (status < 0)
		return -1;
	if (len < sizeof(result))
		return error_set(err, ERR_SYSTEM,
			"the process in the user namespace ended unexpectedly (wait status %d)",
			status);
	memcpy(&result, text, sizeof(result));
	if (!result.failed)
		return 0;
	error_set(err,
		result.kind >= 0 && result.kind < ERR_KIND_COUNT ? (enum error_kind)result.kind
								 : ERR_SYSTEM,
		"%s", text + sizeof(result));
	(*err)->errnum = result.errnum;
	return -1;
}

int userns_run(int userns_fd, bool with_mounts, int (*fn)(void *data, struct error **err),
	void *data, struct error **err)
{
	struct userns_child child;

	if (userns_run_begin(userns_fd, with_mounts, fn, data, &child, err) < 0)
		return -1;
	return userns_run_finish(&child, err);
}
