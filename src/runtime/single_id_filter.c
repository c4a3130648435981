#include "config.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/process.h"
#include "runtime/single_id.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1u << 5) /* Linux 5.19 */
#endif

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#define NATIVE_ARCH 0 /* not known: nothing is handed over */
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_WORD(index) (offsetof(struct seccomp_data, args) + 8 * (index))
#else
#define LOW_WORD(index) (offsetof(struct seccomp_data, args) + 8 * (index) + 4)
#endif

#define LOAD(offset)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IF(value, yes) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, yes)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
#define ASK(number)    IF(number, 1), RETURN(SECCOMP_RET_USER_NOTIF)
/* Only for devices: mode is argument INDEX. */
#define ASK_DEVICE(number, index)                                                                  \
	IF(number, 7), LOAD(LOW_WORD(index)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, S_IFMT),         \
		IF(S_IFCHR, 1), RETURN(SECCOMP_RET_USER_NOTIF), IF(S_IFBLK, 1),                    \
		RETURN(SECCOMP_RET_USER_NOTIF), RETURN(SECCOMP_RET_ALLOW)

/* For the native architecture only: a 32-bit program gets the kernel's own answers. */
static const struct sock_filter filter[] = {
	LOAD(offsetof(struct seccomp_data, arch)),
	IF(NATIVE_ARCH, 1),
	BPF_STMT(BPF_JMP | BPF_JA, 1),
	RETURN(SECCOMP_RET_ALLOW),
	LOAD(offsetof(struct seccomp_data, nr)),
	ASK(SYS_setuid),
	ASK(SYS_setgid),
	ASK(SYS_setreuid),
	ASK(SYS_setregid),
	ASK(SYS_setresuid),
	ASK(SYS_setresgid),
	ASK(SYS_setfsuid),
	ASK(SYS_setfsgid),
	ASK(SYS_setgroups),
	ASK(SYS_getuid),
	ASK(SYS_geteuid),
	ASK(SYS_getresuid),
	ASK(SYS_getgid),
	ASK(SYS_getegid),
	ASK(SYS_getresgid),
	ASK(SYS_getgroups),
	ASK(SYS_fchown),
	ASK(SYS_fchownat),
	ASK_DEVICE(SYS_mknodat, 2),
#ifdef SYS_chown
	ASK(SYS_chown),
	ASK(SYS_lchown),
	ASK_DEVICE(SYS_mknod, 1),
#endif
	RETURN(SECCOMP_RET_ALLOW),
};

int single_id_pass(int socket_fd, int listener_fd)
{
	const struct single_id_message message = {.magic = SINGLE_ID_MAGIC};

	return process_send(socket_fd, &message, sizeof(message), listener_fd);
}

int single_id_install(int socket_fd)
{
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = (struct sock_filter *)(uintptr_t)filter,
	};
	const unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int listener_fd, result, why;

	/* A process that is interrupted meanwhile must not ask for the same change twice. */
	listener_fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
	if (listener_fd < 0 && errno == EINVAL)
		listener_fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (listener_fd < 0)
		return errno == EBUSY ? 0 : -1;
	result = single_id_pass(socket_fd, listener_fd);
	why = errno;
	(void)close(listener_fd);
	errno = why;
	return result;
}
