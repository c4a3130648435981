#include "config.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/transfer/sandbox.h"
#include "util/log.h"
#include "util/mem.h"

/* What a hostile archive may make the process use up. */
#define DATA_MAX  (768ull << 20) /* bytes; zstd's largest window is 128 MiB */
#define FILES_MAX 4096           /* descriptors: every directory on the way to an entry is open */

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

static int limit(int resource, rlim_t value, struct error **err)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
		return error_errno(err, errno, "read a resource limit");
	now.rlim_cur = MIN(value, now.rlim_max);
	if (setrlimit((__rlimit_resource_t)resource, &now) < 0)
		return error_errno(err, errno, "set a resource limit");
	return 0;
}

static int drop_capabilities(struct error **err)
{
	static const int kept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
		CAP_FSETID, CAP_MKNOD, CAP_SETFCAP};
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return error_errno(err, errno, "read the capabilities");
	for (int word = 0; word < 2; word++) {
		uint32_t mask = 0;

		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			if (kept[i] / 32 == word)
				mask |= 1u << (kept[i] % 32);
		data[word].permitted &= mask;
		data[word].effective = data[word].permitted;
		data[word].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return error_errno(err, errno, "drop capabilities");
	return 0;
}

static int restrict_files(int dir_fd, struct error **err)
{
	const uint64_t allowed = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
				 LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
				 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
				 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
				 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
				 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs =
			allowed | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_SOCK,
	};
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = allowed, .parent_fd = dir_fd};
	cleanup_close int ruleset_fd = -1;
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 2) {
		log_debug("landlock is not to be had (%s): the unpacker relies on its filter alone",
			version < 0 ? strerror(errno) : "version 1");
		return 0;
	}
	ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset_fd < 0 ||
		(dir_fd >= 0 && syscall(SYS_landlock_add_rule, ruleset_fd,
					LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0) ||
		syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		return error_errno(err, errno, "restrict the unpacker to its directory");
	return 0;
}

static int filter_syscalls(struct error **err)
{
	static const int allowed[] = {
		/* reading and telling */
		SCMP_SYS(read),
		SCMP_SYS(pread64),
		SCMP_SYS(readv),
		SCMP_SYS(write),
		SCMP_SYS(pwrite64),
		SCMP_SYS(writev),
		SCMP_SYS(lseek),
		SCMP_SYS(_llseek),
		SCMP_SYS(close),
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(sendto),
		SCMP_SYS(fcntl),
		SCMP_SYS(fcntl64),
		/* files */
		SCMP_SYS(openat),
		SCMP_SYS(openat2),
		SCMP_SYS(mkdirat),
		SCMP_SYS(mknodat),
		SCMP_SYS(symlinkat),
		SCMP_SYS(linkat),
		SCMP_SYS(unlinkat),
		SCMP_SYS(fchown),
		SCMP_SYS(fchown32),
		SCMP_SYS(fchownat),
		SCMP_SYS(fchmod),
		SCMP_SYS(fchmodat),
		SCMP_SYS(fsetxattr),
		SCMP_SYS(utimensat),
		SCMP_SYS(utimensat_time64),
		SCMP_SYS(ftruncate),
		SCMP_SYS(ftruncate64),
		SCMP_SYS(fstat),
		SCMP_SYS(fstat64),
		SCMP_SYS(newfstatat),
		SCMP_SYS(fstatat64),
		SCMP_SYS(statx),
		SCMP_SYS(getdents64),
		SCMP_SYS(umask),
		SCMP_SYS(geteuid),
		SCMP_SYS(geteuid32),
		SCMP_SYS(getegid),
		SCMP_SYS(getegid32),
		/* memory and the C library's housekeeping */
		SCMP_SYS(brk),
		SCMP_SYS(mmap),
		SCMP_SYS(mmap2),
		SCMP_SYS(munmap),
		SCMP_SYS(mremap),
		SCMP_SYS(madvise),
		SCMP_SYS(futex),
		SCMP_SYS(futex_time64),
		SCMP_SYS(getrandom),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(clock_gettime64),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(sigreturn),
		SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(exit),
		SCMP_SYS(exit_group),
		SCMP_SYS(restart_syscall),
#ifdef HAVE_ASAN
		SCMP_SYS(sigaltstack),
		SCMP_SYS(mprotect),
		SCMP_SYS(gettid),
		SCMP_SYS(getpid),
		SCMP_SYS(readlink),
		SCMP_SYS(sched_yield),
		SCMP_SYS(rt_sigaction),
#endif
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int why = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && !why; i++) {
		why = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
		/* The other word size's calls, where this architecture does not have them. */
		if (why == -EDOM || why == -EINVAL)
			why = 0;
	}
	if (!why)
		why = seccomp_load(filter);
	seccomp_release(filter);
	return why ? error_errno(err, -why, "load the unpacker's system call filter") : 0;
}

int sandbox_enter(int dir_fd, struct error **err)
{
	if (limit(RLIMIT_CORE, 0, err) < 0 || limit(RLIMIT_NOFILE, FILES_MAX, err) < 0)
		return -1;
#ifndef HAVE_ASAN
	if (limit(RLIMIT_DATA, DATA_MAX, err) < 0)
		return -1;
#endif
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "set no_new_privs");
	if (drop_capabilities(err) < 0 || restrict_files(dir_fd, err) < 0)
		return -1;
	return filter_syscalls(err);
}
