#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/client.h"
#include "oci/console.h"
#include "oci/wait.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/proc.h"

void oci_hold_signals(sigset_t *ret_signals, sigset_t *ret_old)
{
	attach_signals(ret_signals);
	sigaddset(ret_signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, ret_signals, ret_old);
}

/* Reap what ends; *RET_STATUS when it was init. */
static bool reap(pid_t init, int *ret_status)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == init) {
			*ret_status = status;
			ended = true;
		}
	return ended;
}

int oci_wait(struct runtime_instance *instance, bool terminal, const sigset_t *signals,
	struct error **err)
{
	cleanup_close int signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	struct oci_relay *relay = NULL;
	int status = 0, result = -1;

	if (signal_fd < 0)
		return error_errno(err, errno, "make a signal descriptor");
	if (terminal && instance->terminal_fd >= 0)
		relay = oci_relay_begin(instance->terminal_fd);
	for (;;) {
		struct pollfd fds[4] = {{.fd = signal_fd, .events = POLLIN}};
		struct signalfd_siginfo info;
		size_t count = 1 + (relay ? oci_relay_poll(relay, fds + 1) : 0);

		if (poll(fds, (nfds_t)count, -1) < 0 && errno != EINTR) {
			error_errno(err, errno, "wait for the container");
			break;
		}
		if (relay)
			oci_relay_step(relay, fds + 1);
		while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
			int number = (int)info.ssi_signo;

			if (number == SIGCHLD)
				continue;
			if (relay && (number == SIGWINCH || number == SIGCONT))
				oci_relay_resize(relay);
			else
				(void)syscall(SYS_pidfd_send_signal, instance->pidfd, number, NULL,
					0); /* it may have ended */
		}
		if (reap(instance->pid, &status)) {
			result = wait_status_to_exit(status);
			instance->pid = 0;
			break;
		}
	}
	oci_relay_end(relay);
	return result;
}

int oci_pid_file_write(const char *path, pid_t pid, struct error **err)
{
	cleanup_free char *dir = NULL;
	cleanup_close int dir_fd = -1;
	const char *name;
	char text[16];

	if (!path)
		return 0;
	name = path_basename(path);
	dir = name == path ? xstrdup(".") : xstrndup(path, (size_t)(name - path));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return error_errno(err, errno, "open the directory of pid file '%s'", path);
	snprintf(text, sizeof(text), "%d", (int)pid);
	if (write_file_atomic(dir_fd, name, text, strlen(text), 0644, 0, err) < 0)
		return error_wrap(err, "pid file '%s'", path);
	return 0;
}
