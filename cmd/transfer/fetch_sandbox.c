#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/transfer/fetch_sandbox.h"
#include "registry/registries_conf.h"
#include "util/log.h"
#include "util/mem.h"

static int drop_capabilities(struct error **err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capset, &header, data) < 0)
		return error_errno(err, errno, "drop capabilities");
	return 0;
}

/* A path that is not there needs no rule. */
static int allow_reading(int ruleset_fd, const char *path, struct error **err)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
	cleanup_close int fd = -1;
	struct stat st;

	if (!path || !*path)
		return 0;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	rule.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return error_errno(err, errno, "restrict the fetcher to '%s'", path);
	return 0;
}

static int restrict_files(const char *cert_dir, struct error **err)
{
	/* Libraries, certificates, resolver and name service files; not /home, /root, /run/user. */
	cleanup_free char *user_certs = config_home_path("containers/certs.d");
	const char *const readable[] = {"/etc", "/usr", "/lib", "/lib64", "/nix", "/proc", "/dev",
		"/var/lib/ca-certificates", "/run/systemd", "/run/resolvconf",
		"/run/NetworkManager", "/run/nscd", "/var/run/nscd", user_certs, cert_dir,
		getenv("SSL_CERT_FILE"), getenv("SSL_CERT_DIR")};
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				     LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
				     LANDLOCK_ACCESS_FS_REMOVE_DIR |
				     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
				     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
				     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
				     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	cleanup_close int ruleset_fd =
		(int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (ruleset_fd < 0) {
		log_debug("landlock is not to be had (%s): the fetcher relies on its filter alone",
			strerror(errno));
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
		if (allow_reading(ruleset_fd, readable[i], err) < 0)
			return -1;
	if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		return error_errno(err, errno, "restrict the fetcher's file access");
	return 0;
}

/* A list of what is refused: resolver and TLS libraries use too much to list what is allowed. */
static int filter_syscalls(struct error **err)
{
	static const int refused[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
		SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd),
		SCMP_SYS(kcmp), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
		SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
		SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(fsopen), SCMP_SYS(unshare),
		SCMP_SYS(setns), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
		SCMP_SYS(io_uring_setup), SCMP_SYS(keyctl), SCMP_SYS(add_key),
		SCMP_SYS(request_key)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int why = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(refused) && !why; i++) {
		why = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
		if (why == -EDOM || why == -EINVAL) /* not on this architecture */
			why = 0;
	}
	if (!why)
		why = seccomp_load(filter);
	seccomp_release(filter);
	return why ? error_errno(err, -why, "load the fetcher's system call filter") : 0;
}

int fetch_sandbox_enter(const char *cert_dir, struct error **err)
{
	const struct rlimit none = {0};

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return error_errno(err, errno, "set a resource limit");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "set no_new_privs");
	if (drop_capabilities(err) < 0 || restrict_files(cert_dir, err) < 0)
		return -1;
	return filter_syscalls(err);
}
