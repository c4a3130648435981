#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rootless/doctor.h"
#include "rootless/idmap.h"
#include "rootless/userns.h"
#include "util/apparmor.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"
#include "util/strbuf.h"

#define PROC_FILE_MAX    (64u << 10) /* bytes of a file in /proc or /sys */
#define FILES_WANTED     1024u       /* descriptors: what many servers ask for */
#define PROCESSES_WANTED 512u
#define IDS_WANTED       65536u /* what images may use: 16 bits */

/* The first line of a file of the host; NULL when it is not there; owned. */
static char *read_line(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_error struct error *ignored = NULL; /* as if it were not there */
	char *text = NULL;

	if (fd >= 0 && read_fd_limited(fd, PROC_FILE_MAX, &text, NULL, &ignored) == 0)
		text[strcspn(text, "\n")] = '\0';
	close_keep_errno(fd);
	return text;
}

static bool line_is(const char *path, const char *value)
{
	cleanup_free char *line = read_line(path);

	return str_equal(line, value);
}

/* The command that sets a sysctl now and at every boot; owned. */
static char *sysctl_remedy(const char *setting)
{
	return xasprintf(
		"echo %s | sudo tee -a /etc/sysctl.d/60-pod.conf && sudo sysctl --system", setting);
}

/* ---- kernel ---- */

static void check_kernel(struct check_list *list)
{
	/* Each is called in a way that fails at once, but not with ENOSYS. */
	static const struct {
		long number;
		const char *name;
	} calls[] = {
		{SYS_clone3, "clone3"},
		{SYS_openat2, "openat2"},
		{SYS_pidfd_open, "pidfd_open"},
		{SYS_close_range, "close_range"},
		{SYS_move_mount, "move_mount"},
		{SYS_mount_setattr, "mount_setattr"},
	};
	cleanup_strbuf struct strbuf missing = STRBUF_INIT;
	cleanup_free char *install = check_install("kernel"), *remedy = NULL;
	struct utsname host = {0};

	uname(&host);
	remedy = xasprintf("%s && sudo reboot; inside of another container, start that one with "
			   "--security-opt seccomp=unconfined",
		install);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (syscall(calls[i].number, -1L, NULL, -1L, NULL, 0L) < 0 && errno == ENOSYS)
			strbuf_addf(&missing, "%s%s", missing.len ? ", " : "", calls[i].name);
	if (missing.len)
		check_fault(list, CHECK_KERNEL, CHECK_FAILED, "containers cannot be made", remedy,
			"Linux %s does not have, or a seccomp filter hides: %s (5.12 has all)",
			host.release, strbuf_str(&missing));
	else
		check_add(list, CHECK_KERNEL, CHECK_OK, "Linux %s", host.release);
}

/* ---- namespaces ---- */

static const struct {
	int flag;
	const char *name;
} namespaces[] = {
	{CLONE_NEWUSER, "user"},
	{CLONE_NEWNS, "mnt"},
	{CLONE_NEWUTS, "uts"},
	{CLONE_NEWIPC, "ipc"},
	{CLONE_NEWNET, "net"},
	{CLONE_NEWPID, "pid"},
	{CLONE_NEWCGROUP, "cgroup"},
};

struct namespace_result {
	int which; /* index into namespaces; their number: all could be made */
	int errnum;
};

/* Make all of them, in a child that ends at once. */
static struct namespace_result try_namespaces(bool with_user)
{
	struct namespace_result result = {ARRAY_SIZE(namespaces), 0};
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return (struct namespace_result){0, errno};
	pid = fork();
	if (pid == 0) {
		for (int i = !with_user; i < (int)ARRAY_SIZE(namespaces); i++) {
			if (unshare(namespaces[i].flag) < 0) {
				result = (struct namespace_result){i, errno};
				break;
			}
		}
		(void)write_all(fds[1], &result, sizeof(result));
		_exit(0);
	}
	if (pid < 0)
		result = (struct namespace_result){0, errno};
	close_keep_errno(fds[1]);
	if (pid > 0) {
		cleanup_error struct error *ignored = NULL;

		if (read_full(fds[0], &result, sizeof(result)) != sizeof(result))
			result = (struct namespace_result){0, EIO};
		(void)spawn_wait(pid, &ignored); /* what it said counts */
	}
	close_keep_errno(fds[0]);
	return result;
}

#define USERNS_COST "no container can be made without root"

static void check_user_namespaces(struct check_list *list, int errnum)
{
	static const char clone_sysctl[] = "/proc/sys/kernel/unprivileged_userns_clone";
	cleanup_free char *limit = read_line("/proc/sys/user/max_user_namespaces"), *remedy = NULL;

	if (!errnum) {
		check_add(list, CHECK_USERNS, CHECK_OK, "can be made (user.max_user_namespaces=%s)",
			limit ? limit : "?");
	} else if (str_equal(limit, "0")) {
		remedy = sysctl_remedy("user.max_user_namespaces=15000");
		check_fault(list, CHECK_USERNS, CHECK_FAILED, USERNS_COST, remedy,
			"the kernel allows none (user.max_user_namespaces=0)");
	} else if (line_is(clone_sysctl, "0")) {
		remedy = sysctl_remedy("kernel.unprivileged_userns_clone=1");
		check_fault(list, CHECK_USERNS, CHECK_FAILED, USERNS_COST, remedy,
			"the kernel allows them to root only (kernel.unprivileged_userns_clone=0)");
	} else if (errnum == ENOSPC || errnum == EUSERS) {
		remedy = sysctl_remedy("user.max_user_namespaces=15000");
		check_fault(list, CHECK_USERNS, CHECK_FAILED, USERNS_COST, remedy,
			"the limit is reached here or in an outer namespace "
			"(user.max_user_namespaces=%s)",
			limit ? limit : "?");
	} else if (errnum == EINVAL) {
		remedy = check_install("kernel");
		check_fault(list, CHECK_USERNS, CHECK_FAILED, USERNS_COST, remedy,
			"the kernel is built without them (CONFIG_USER_NS)");
	} else {
		check_fault(list, CHECK_USERNS, CHECK_FAILED, USERNS_COST,
			"start the outer container with --security-opt seccomp=unconfined, or run "
			"pod "
			"outside of it and of any chroot",
			"this process may not make them: %s (a seccomp filter or a chroot)",
			strerror(errnum));
	}
}

static void check_apparmor(struct check_list *list, struct namespace_result result)
{
	static const char sysctl[] = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
	cleanup_free char *label = read_line("/proc/self/attr/current"), *remedy = NULL;
	char self[PATH_MAX] = "/usr/local/bin/pod";
	ssize_t len;

	if (!line_is(sysctl, "1")) {
		check_add(list, CHECK_APPARMOR, CHECK_OK,
			apparmor_is_enabled() ? "enabled, does not restrict user namespaces"
					      : "not enabled");
		return;
	}
	if (result.which == ARRAY_SIZE(namespaces) ||
		(result.errnum != EPERM && result.errnum != EACCES)) {
		check_add(list, CHECK_APPARMOR, CHECK_OK,
			"restricts user namespaces, but not those of this program (profile '%s')",
			label ? label : "?");
		return;
	}
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len > 0)
		self[len] = '\0';
	remedy = xasprintf(
		"printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile pod \"%s\" "
		"flags=(unconfined) {\\n  userns,\\n}\\n' | sudo tee /etc/apparmor.d/pod && "
		"sudo apparmor_parser -r /etc/apparmor.d/pod",
		self);
	check_fault(list, CHECK_APPARMOR, CHECK_FAILED, USERNS_COST, remedy,
		"gives programs without a profile no rights in user namespaces "
		"(kernel.apparmor_restrict_unprivileged_userns=1, profile '%s')",
		label ? label : "?");
}

static void check_namespaces(struct check_list *list, struct namespace_result result)
{
	const char *name =
		result.which < (int)ARRAY_SIZE(namespaces) ? namespaces[result.which].name : NULL;

	if (!name) {
		check_add(list, CHECK_NAMESPACES, CHECK_OK, "mnt, uts, ipc, net, pid, cgroup");
	} else if (result.which == 0 || check_failed(list, CHECK_APPARMOR)) {
		check_add(list, CHECK_NAMESPACES, CHECK_UNKNOWN, "cannot be tried (%s)",
			result.which == 0 ? CHECK_USERNS : CHECK_APPARMOR);
	} else if (result.errnum == ENOSPC) {
		cleanup_free char *setting = xasprintf("user.max_%s_namespaces=15000", name);
		cleanup_free char *remedy = sysctl_remedy(setting);

		check_fault(list, CHECK_NAMESPACES, CHECK_FAILED, "no container can be made",
			remedy, "the kernel allows no (more) %s namespaces", name);
	} else {
		check_fault(list, CHECK_NAMESPACES, CHECK_FAILED, "no container can be made",
			"start the outer container with --security-opt seccomp=unconfined",
			"a %s namespace cannot be made: %s", name, strerror(result.errnum));
	}
}

/* ---- ids ---- */

static uint64_t subordinate_count(const struct id_range *ranges, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 1; i < count; i++) /* the first is the account itself */
		sum += ranges[i].count;
	return sum;
}

/* An account in the subuid(5) file PATH, other than ours, that was given ids of RANGES; owned. */
static char *other_owner(
	const char *path, const char *name, const struct id_range *ranges, size_t count)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *text = NULL, *own_uid = xasprintf("%u", (unsigned int)getuid());
	char *rest, *line;

	if (read_file_limited(AT_FDCWD, path, 4u << 20, &text, NULL, &ignored) < 0)
		return NULL;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		const char *owner = strsep(&line, ":"), *start = strsep(&line, ":");
		uint64_t first, length;

		if (!start || !line || str_equal(owner, name) || str_equal(owner, own_uid) ||
			str_to_uint64(start, UINT32_MAX, &first) < 0 ||
			str_to_uint64(line, UINT32_MAX, &length) < 0)
			continue;
		for (size_t i = 1; i < count; i++)
			if (first < (uint64_t)ranges[i].host_id + ranges[i].count &&
				ranges[i].host_id < first + length)
				return xstrdup(owner);
	}
	return NULL;
}

static void check_ranges(
	struct check_list *list, const struct id_maps *maps, const char *name, bool local)
{
	cleanup_free char *remedy = id_ranges_remedy(name, local);
	cleanup_free char *other = other_owner("/etc/subuid", name, maps->uids, maps->uid_count);
	const char *source = id_ranges_elsewhere() ? "the directory service" : "/etc/subuid";
	uint64_t uids = subordinate_count(maps->uids, maps->uid_count);
	uint64_t gids = subordinate_count(maps->gids, maps->gid_count);

	if (!other)
		other = other_owner("/etc/subgid", name, maps->gids, maps->gid_count);
	if (MIN(uids, gids) < IDS_WANTED - 1) {
		cleanup_free char *cost = xasprintf("images with ids above %llu cannot be unpacked",
			(unsigned long long)MIN(uids, gids));

		check_fault(list, CHECK_SUBIDS, CHECK_WARNING, cost, remedy,
			"only %llu user and %llu group ids for '%s' in %s",
			(unsigned long long)uids, (unsigned long long)gids, name, source);
	} else if (other) {
		check_fault(list, CHECK_SUBIDS, CHECK_WARNING,
			"both accounts' containers can reach each other's files and processes",
			"sudoedit /etc/subuid /etc/subgid", "'%s' shares ids with '%s' in %s", name,
			other, source);
	} else {
		check_add(list, CHECK_SUBIDS, CHECK_OK,
			"%llu user and %llu group ids for '%s' from %s", (unsigned long long)uids,
			(unsigned long long)gids, name, source);
	}
}

#define SUBIDS_COST "a container has a single id: other users are records only and not kept apart"

static void check_subordinate_ids(struct check_list *list)
{
	bool local, elsewhere = id_ranges_elsewhere();
	cleanup_free char *name = id_user_name(getuid(), &local), *remedy = NULL;
	cleanup_free char *getsubids = NULL;
	cleanup_error struct error *why = NULL;
	struct id_maps maps = {0};

	if (id_map_is_single("/proc/self/uid_map")) {
		check_fault(list, CHECK_SUBIDS, CHECK_FAILED, SUBIDS_COST,
			"run pod outside of it, or make it with: unshare --map-root-user "
			"--map-auto",
			"this process lives in a user namespace that maps a single id");
		return;
	}
	if (!name)
		name = xasprintf("%u", (unsigned int)getuid());
	if (id_maps_default(&maps, &why) == 0 && maps.uid_count > 1 && maps.gid_count > 1) {
		check_ranges(list, &maps, name, local);
		id_maps_clear(&maps);
		return;
	}
	id_maps_clear(&maps);
	if (!elsewhere) {
		remedy = id_ranges_remedy(name, local);
		check_fault(list, CHECK_SUBIDS, CHECK_FAILED, SUBIDS_COST, remedy,
			"none for '%s' in /etc/subuid and /etc/subgid", name);
		return;
	}
	getsubids = spawn_find("getsubids");
	if (!getsubids) {
		remedy = check_install("uidmap");
		check_fault(list, CHECK_SUBIDS, CHECK_FAILED, SUBIDS_COST, remedy,
			"nsswitch.conf takes them from a directory service, and getsubids, which "
			"asks it, is not installed");
	} else {
		check_fault(list, CHECK_SUBIDS, CHECK_FAILED, SUBIDS_COST,
			"ipa subid-generate (FreeIPA), or let the files decide: sudo sed -i "
			"'s/^subid:.*/subid: files/' /etc/nsswitch.conf",
			"the directory service that nsswitch.conf names has none for '%s'", name);
	}
}

#define NEWUIDMAP_COST "subordinate ids cannot be used: a container has a single id"

static struct check *find(struct check_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->checks[i].name, name) == 0)
			return &list->checks[i];
	return NULL;
}

/* Containers run without what failed, with a single id: that is a loss and no more. WHY is what the
 * start of a container says, for a cause that no check has found. */
static void soften(struct check_list *list, const char *why)
{
	static const char *const names[] = {CHECK_SUBIDS, CHECK_NEWUIDMAP};
	bool found = false;
	struct check *check;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		check = find(list, names[i]);
		if (check && check->state == CHECK_FAILED) {
			check->state = CHECK_WARNING;
			found = true;
		}
	}
	check = find(list, CHECK_SUBIDS);
	if (found || !check || !why)
		return;
	check->state = CHECK_WARNING;
	free(check->found);
	check->found = xstrdup(why);
	free(check->cost);
	check->cost = xstrdup(SUBIDS_COST);
}

/* Where ids come from, by really making the namespace. Returns it, or -1. */
static int check_ids(struct check_list *list)
{
	const char *refused = check_failed(list, CHECK_USERNS)     ? CHECK_USERNS
			      : check_failed(list, CHECK_APPARMOR) ? CHECK_APPARMOR
								   : NULL;
	cleanup_free char *cause = NULL, *remedy = NULL, *given_up = NULL;
	struct userns_request *req = NULL;
	cleanup_error struct error *why = NULL;
	bool lacking = false;
	int userns_fd = -1;

	if (!refused && userns_begin(-1, &req, &why) == 0 && userns_rung(req) == USERNS_OWN_IDS) {
		check_add(list, CHECK_SUBIDS, CHECK_OK,
			"not needed: root of this container gives away its own ids");
		check_add(list, CHECK_NEWUIDMAP, CHECK_OK, "not needed");
		return userns_finish(req, &why);
	}
	check_subordinate_ids(list);
	lacking = userns_helpers_lack(&cause, &remedy);
	if (lacking)
		check_fault(
			list, CHECK_NEWUIDMAP, CHECK_FAILED, NEWUIDMAP_COST, remedy, "%s", cause);
	if (req) {
		given_up = xstrdup_null(userns_why(req));
		userns_fd = userns_finish(req, &why);
	}
	if (!lacking && userns_fd >= 0)
		check_add(list, CHECK_NEWUIDMAP, CHECK_OK,
			given_up ? "is there" : "writes the id maps");
	else if (!lacking && (refused || check_failed(list, CHECK_SUBIDS)))
		check_add(list, CHECK_NEWUIDMAP, CHECK_UNKNOWN, "cannot be tried (%s)",
			refused ? refused : CHECK_SUBIDS);
	else if (!lacking)
		check_fault(list, CHECK_NEWUIDMAP, CHECK_FAILED, NEWUIDMAP_COST,
			"sudoedit /etc/subuid /etc/subgid", "%s", why->message);
	if (userns_fd >= 0 && given_up)
		soften(list, given_up);
	return userns_fd;
}

/* ---- /proc, seccomp ---- */

/* Runs in a user and mount namespace of its own. */
static int mount_new_proc(void *data, struct error **err)
{
	int status;
	pid_t pid;

	(void)data;
	if (unshare(CLONE_NEWPID) < 0)
		return error_errno(err, errno, "make a pid namespace");
	pid = fork();
	if (pid < 0)
		return error_errno(err, errno, "fork");
	if (pid == 0)
		_exit(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0
				? errno
				: 0);
	status = spawn_wait(pid, err);
	if (status < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return error_errno(err, WEXITSTATUS(status), "mount proc");
	return 0;
}

static void check_proc(struct check_list *list, bool usable, int userns_fd)
{
	cleanup_error struct error *why = NULL;
	const struct check *failed = check_failed(list, NULL);

	if (!usable)
		check_add(list, CHECK_PROC, CHECK_UNKNOWN, "cannot be tried (%s)",
			failed ? failed->name : CHECK_USERNS);
	else if (userns_run(userns_fd, true, mount_new_proc, NULL, &why) == 0)
		check_add(list, CHECK_PROC, CHECK_OK, "a container gets its own");
	else
		check_fault(list, CHECK_PROC, CHECK_WARNING,
			"containers see the processes of the outer container",
			"start the outer container with --security-opt unmask=ALL (podman) or "
			"--security-opt systempaths=unconfined (docker)",
			"the kernel refuses a new one because this one is partly masked (%s)",
			why->message);
}

static void check_seccomp(struct check_list *list)
{
	cleanup_free char *actions = read_line("/proc/sys/kernel/seccomp/actions_avail");
	cleanup_free char *install = check_install("kernel");

	if (actions && strstr(actions, "errno"))
		check_add(list, CHECK_SECCOMP, CHECK_OK, "filters can be loaded");
	else if (!actions && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0)
		check_add(list, CHECK_SECCOMP, CHECK_OK,
			"built into the kernel (/proc/sys/kernel/seccomp cannot be read)");
	else
		check_fault(list, CHECK_SECCOMP, CHECK_FAILED,
			"containers start only with --security-opt seccomp=unconfined", install,
			"the kernel has no seccomp filters");
}

void rootless_check(struct check_list *list, int *ret_userns_fd)
{
	bool needed = userns_needed();
	struct namespace_result result;

	*ret_userns_fd = -1;
	check_kernel(list);
	result = try_namespaces(needed);
	if (needed) {
		check_user_namespaces(list, result.which == 0 ? result.errnum : 0);
		check_apparmor(list, result);
	} else {
		check_add(list, CHECK_USERNS, CHECK_OK, "not needed: this is root");
	}
	check_namespaces(list, result);
	if (needed)
		*ret_userns_fd = check_ids(list);
	check_proc(list, !needed || *ret_userns_fd >= 0, *ret_userns_fd);
	check_seccomp(list);
}

/* ---- the session ---- */

static void check_linger(struct check_list *list)
{
	cleanup_free char *name = NULL, *path = NULL, *remedy = NULL;
	bool local;

	if (getuid() == 0) {
		check_add(list, CHECK_LINGER, CHECK_OK, "not needed: this is root");
		return;
	}
	if (access("/run/systemd/system", F_OK) < 0) {
		check_add(list, CHECK_LINGER, CHECK_OK,
			"not needed: without systemd nothing ends an account's processes at "
			"logout");
		return;
	}
	name = id_user_name(getuid(), &local);
	path = xasprintf("/var/lib/systemd/linger/%s", name ? name : "");
	if (name && access(path, F_OK) == 0) {
		check_add(list, CHECK_LINGER, CHECK_OK, "on for '%s'", name);
		return;
	}
	remedy = xasprintf("sudo loginctl enable-linger %s", name ? name : "");
	check_fault(list, CHECK_LINGER, CHECK_NOTE,
		"containers and units may end at logout, and units do not start at boot", remedy,
		"off for '%s'", name ? name : "this account");
}

/* What a container's processes and its monitor inherit from the session. */
static void check_limits(struct check_list *list)
{
	struct rlimit files, processes;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || getrlimit(RLIMIT_NPROC, &processes) < 0) {
		check_add(list, CHECK_LIMITS, CHECK_UNKNOWN, "%s", strerror(errno));
		return;
	}
	if (files.rlim_max < FILES_WANTED)
		check_fault(list, CHECK_LIMITS, CHECK_WARNING,
			"servers in containers run out of file descriptors",
			"echo \"$(id -un) - nofile 524288\" | sudo tee -a "
			"/etc/security/limits.conf, "
			"then log in again",
			"at most %llu open files for each process (ulimit -Hn)",
			(unsigned long long)files.rlim_max);
	else if (processes.rlim_cur < PROCESSES_WANTED)
		check_fault(list, CHECK_LIMITS, CHECK_WARNING,
			"containers fail to start processes: resource temporarily unavailable",
			"echo \"$(id -un) - nproc 65536\" | sudo tee -a /etc/security/limits.conf, "
			"then "
			"log in again",
			"at most %llu processes for this account, those in containers included "
			"(ulimit -u)",
			(unsigned long long)processes.rlim_cur);
	else
		check_add(list, CHECK_LIMITS, CHECK_OK, "enough files and processes");
}

static void check_keyrings(struct check_list *list)
{
	cleanup_free char *limit = read_line(
		getuid() ? "/proc/sys/kernel/keys/maxkeys" : "/proc/sys/kernel/keys/root_maxkeys");
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *text = NULL;
	unsigned long long max = 0;

	if (!limit || sscanf(limit, "%llu", &max) != 1 ||
		read_file_limited(AT_FDCWD, "/proc/key-users", 1u << 20, &text, NULL, &ignored) <
			0) {
		check_add(list, CHECK_KEYRINGS, CHECK_OK, "the kernel has none");
		return;
	}
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		unsigned long long uid, usage, keys, instantiated, used;
		cleanup_free char *setting = NULL, *remedy = NULL;

		if (sscanf(line, "%llu: %llu %llu/%llu %llu/", &uid, &usage, &keys, &instantiated,
			    &used) != 5 ||
			uid != getuid() || used < max)
			continue;
		setting = xasprintf("kernel.keys.maxkeys=%llu", max * 10);
		remedy = sysctl_remedy(setting);
		check_fault(list, CHECK_KEYRINGS, CHECK_WARNING,
			"new containers share the keyring of the session that starts them", remedy,
			"all %llu keys of this account are in use (kernel.keys.maxkeys)", max);
		return;
	}
	check_add(list, CHECK_KEYRINGS, CHECK_OK, "%llu keys allowed", max);
}

void session_check(struct check_list *list)
{
	check_limits(list);
	check_linger(list);
	check_keyrings(list);
}
