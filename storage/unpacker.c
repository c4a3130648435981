#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "rootless/spawn.h"
#include "storage/unpacker.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/spawn.h"

#define TAR_LIMIT_DEFAULT (1ull << 40)

int unpacker_start(struct store *store, const struct layer_writer *writer,
	const struct unpacker_options *opts, struct unpacker *ret, struct error **err)
{
	cleanup_close int control_fd = -1, peer_fd = -1, null_fd = -1, pidfd = -1;
	cleanup_free char *program = NULL;
	char limit[24], flags[16];
	const char *argv[7];
	struct spawn_fd fds[6];
	size_t fd_count = 0;
	int ends[2];
	pid_t pid;

	(void)store;
	program = program_path("pod-transfer", err);
	if (!program)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "make a socket pair");
	control_fd = ends[0];
	peer_fd = ends[1];
	if (opts->notify_fd < 0) {
		null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null_fd < 0)
			return error_errno(err, errno, "open '/dev/null'");
	}
	snprintf(limit, sizeof(limit), "%llu",
		(unsigned long long)(opts->tar_limit_bytes ? opts->tar_limit_bytes
							   : TAR_LIMIT_DEFAULT));
	snprintf(flags, sizeof(flags), "%u", opts->flags);
	argv[0] = program;
	argv[1] = "unpack";
	argv[2] = opts->digest ? opts->digest : "-";
	argv[3] = opts->diff_id ? opts->diff_id : "-";
	argv[4] = limit;
	argv[5] = flags;
	argv[6] = NULL;
	fds[fd_count++] = (struct spawn_fd){STDERR_FILENO, STDERR_FILENO};
	fds[fd_count++] = (struct spawn_fd){peer_fd, UNPACK_CONTROL_FD};
	fds[fd_count++] = (struct spawn_fd){opts->source_fd, UNPACK_SOURCE_FD};
	fds[fd_count++] = (struct spawn_fd){
		opts->notify_fd >= 0 ? opts->notify_fd : null_fd, UNPACK_NOTIFY_FD};
	fds[fd_count++] = (struct spawn_fd){writer->diff_fd, UNPACK_DIFF_FD};
	fds[fd_count++] = (struct spawn_fd){writer->implied_fd, UNPACK_IMPLIED_FD};
	if (userns_spawn(opts->userns_fd,
		    &(struct spawn_options){.argv = argv, .fds = fds, .fd_count = fd_count}, &pid,
		    err) < 0)
		return error_wrap(err, "start the unpacker");
	pidfd = (int)syscall(
		SYS_pidfd_open, pid, 0); /* our child: not reaped, the pid is its own */
	if (pidfd < 0) {
		cleanup_error struct error *ignored = NULL;

		error_errno(err, errno, "hold the unpacker");
		(void)kill(pid, SIGKILL);
		(void)spawn_wait(pid, &ignored);
		return -1;
	}
	*ret = (struct unpacker){
		.pid = pid, .pidfd = steal_fd(&pidfd), .control_fd = steal_fd(&control_fd)};
	return 0;
}

static void unpacker_clear(struct unpacker *unpacker)
{
	close_keep_errno(unpacker->pidfd);
	close_keep_errno(unpacker->control_fd);
	*unpacker = (struct unpacker){.pidfd = -1, .control_fd = -1};
}

static int result_to_error(const struct unpack_result *result, struct error **err)
{
	error_set(err,
		result->error_kind < ERR_KIND_COUNT ? (enum error_kind)result->error_kind
						    : ERR_SYSTEM,
		"%s", result->text);
	(*err)->errnum = result->errnum;
	return -1;
}

int unpacker_finish(struct unpacker *unpacker, struct unpack_result *ret, struct error **err)
{
	struct unpack_result result;
	cleanup_error struct error *why = NULL;
	ssize_t len;
	int status;

	do
		len = recv(unpacker->control_fd, &result, sizeof(result), 0);
	while (len < 0 && errno == EINTR);
	status = spawn_wait(unpacker->pid, &why);
	unpacker_clear(unpacker);
	if (len != (ssize_t)sizeof(result) || result.magic != UNPACK_RESULT_MAGIC) {
		if (status >= 0 && WIFSIGNALED(status))
			return error_set(err, ERR_SYSTEM,
				"the unpacker was ended by signal %d (%s)", WTERMSIG(status),
				strsignal(WTERMSIG(status)));
		return error_set(err, ERR_SYSTEM,
			"the unpacker ended without a result; is another version of pod-transfer "
			"installed?");
	}
	result.text[sizeof(result.text) - 1] = '\0';
	result.diff_id[sizeof(result.diff_id) - 1] = '\0';
	result.blob_digest[sizeof(result.blob_digest) - 1] = '\0';
	if (!result.ok)
		return result_to_error(&result, err);
	*ret = result;
	return 0;
}

void unpacker_cancel(struct unpacker *unpacker)
{
	cleanup_error struct error *ignored = NULL;

	if (unpacker->pid <= 0)
		return;
	(void)kill(unpacker->pid, SIGKILL); /* not reaped so far: it is ours */
	(void)spawn_wait(unpacker->pid, &ignored);
	unpacker_clear(unpacker);
}

void unpack_result_to_record(const struct unpack_result *result, struct layer_record *ret)
{
	*ret = (struct layer_record){
		.diff_id = xstrdup(result->diff_id),
		.blob_digest = xstrdup(result->blob_digest),
		.blob_size_bytes = result->blob_size_bytes,
		.tar_size_bytes = result->tar_size_bytes,
		.file_count = result->file_count,
		.is_squashed = result->squashed_count > 0,
	};
}
