#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "network/api.h"
#include "network/network.h"
#include "network/udp.h"
#include "rootless/spawn.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * slirp4netns as Debian 12 has it (1.2.0). It is started as soon as the namespaces exist and
 * awaited just before the container's execve: start to ready is about 3 ms, most of which overlaps.
 *
 * It is given the network namespace by descriptor and runs as root of the container's user
 * namespace: 1.2.0 cannot make its sandbox when it has to join that by itself from a path. Measured
 * against no protection: the sandbox costs 0.4 ms, seccomp 0.2 ms, IPv6 nothing; they stay on,
 * because it parses the container's packets.
 *
 * Its stderr is a sealed memfd: what does not fit is dropped by the kernel, so that neither a full
 * pipe nor a reader that went away can stop the helper, and the last words are there after a
 * failure.
 */

#define LOG_SIZE_BYTES   8192
#define READY_TIMEOUT_MS 30000

/* Numbers in the helper. */
enum { HELPER_NETNS_FD = 3, HELPER_READY_FD, HELPER_EXIT_FD, HELPER_DIR_FD };

static int log_open(struct error **err)
{
	cleanup_close int fd = memfd_create("slirp4netns", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, LOG_SIZE_BYTES) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return error_errno(err, errno, "make a log for slirp4netns");
	return steal_fd(&fd);
}

/* The last line that is not one of its progress notes; owned, NULL when there is none. */
static char *log_last_words(int log_fd)
{
	static const char *const notes[] = {"parent failed", "child failed", "do_slirp",
		"sent tapfd", "received tapfd", "WARNING: Support for seccomp"};
	char text[LOG_SIZE_BYTES + 1];
	char *last = NULL, *save = NULL;
	ssize_t n = pread(log_fd, text, LOG_SIZE_BYTES, 0);

	if (n <= 0)
		return NULL;
	text[n] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool note = false;

		for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
			note = note || str_starts_with(line, notes[i]);
		for (char *c = line; *c; c++)
			if ((unsigned char)*c < ' ')
				*c = '?';
		if (!note)
			last = line;
	}
	return xstrdup_null(last);
}

/* Each published port is a descriptor of the helper's, and the usual soft limit is 1024. */
static void raise_descriptor_limit(pid_t pid, const struct network_options *opts)
{
	struct rlimit limit;
	size_t ports = 0;

	for (size_t i = 0; i < opts->port_count; i++)
		ports += opts->ports[i].range;
	if (ports < 256 || prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)prlimit(pid, RLIMIT_NOFILE, &limit, NULL); /* else: the port that is too much fails */
}

int network_start(const struct network_options *opts, int netns_fd, int userns_fd,
	struct network *ret, struct error **err)
{
	cleanup_close int ready_fd = -1, helper_ready_fd = -1, exit_fd = -1, helper_exit_fd = -1;
	cleanup_close int log_fd = -1, pidfd = -1;
	char mtu[32], outbound[80], socket_path[128];
	const char *argv[24];
	const char *const envp[] = {NULL};
	struct spawn_fd fds[] = {
		{-1, STDERR_FILENO}, {netns_fd, HELPER_NETNS_FD}, {-1, HELPER_READY_FD},
		{-1, HELPER_EXIT_FD}, {opts->runtime_dir_fd, HELPER_DIR_FD}, /* with ports only */
	};
	struct spawn_options spawn_opts = {
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.fd_count = ARRAY_SIZE(fds) - (opts->port_count ? 0 : 1),
	};
	int pair[2], n = 0;
	pid_t pid;

	if (opts->mode != NETWORK_SLIRP4NETNS) {
		*ret = NETWORK_INIT;
		return 0;
	}
	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	ready_fd = pair[0];
	helper_ready_fd = pair[1];
	/* The helper watches its end for POLLHUP: it ends with the last holder of ours. */
	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	helper_exit_fd = pair[0];
	exit_fd = pair[1];
	log_fd = log_open(err);
	if (log_fd < 0)
		return -1;
	fds[0].from = log_fd;
	fds[2].from = helper_ready_fd;
	fds[3].from = helper_exit_fd;

	snprintf(mtu, sizeof(mtu), "--mtu=%u", opts->mtu ? opts->mtu : 65520);
	argv[n++] = "slirp4netns";
	argv[n++] = "--configure";
	argv[n++] = mtu;
	if (!opts->allow_host_loopback)
		argv[n++] = "--disable-host-loopback";
	if (!opts->no_ipv6)
		argv[n++] = "--enable-ipv6";
	if (opts->outbound_addr) {
		snprintf(outbound, sizeof(outbound), "--outbound-addr=%s", opts->outbound_addr);
		argv[n++] = outbound;
	}
	argv[n++] = "--enable-sandbox";
	argv[n++] = "--enable-seccomp";
	argv[n++] = "--ready-fd=4";
	argv[n++] = "--exit-fd=5";
	if (opts->port_count) {
		snprintf(socket_path, sizeof(socket_path),
			"--api-socket=/proc/self/fd/%d/" API_SOCKET_FORMAT, HELPER_DIR_FD,
			opts->id);
		argv[n++] = socket_path;
	}
	argv[n++] = "--netns-type=path";
	argv[n++] = "/proc/self/fd/3";
	argv[n++] = NETWORK_SLIRP_DEVICE;
	argv[n] = NULL;
	if (userns_spawn(userns_fd, &spawn_opts, &pid, err) < 0) {
		if ((*err)->kind != ERR_NOT_FOUND)
			return error_wrap(err, "network");
		error_free(steal_ptr(err));
		return error_set(err, ERR_NOT_FOUND,
			"network: program 'slirp4netns' is not installed: install the Debian "
			"package "
			"slirp4netns, or use --network none or --network host" CHECK_SEE(
				CHECK_SLIRP4NETNS));
	}
	/* Our own child that nobody has reaped: the number is still its own. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		int why = errno;

		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return error_errno(err, why, "open a pidfd of slirp4netns");
	}
	raise_descriptor_limit(pid, opts);
	*ret = NETWORK_INIT;
	ret->pid = pid;
	ret->pidfd = steal_fd(&pidfd);
	ret->exit_fd = steal_fd(&exit_fd);
	ret->ready_fd = steal_fd(&ready_fd);
	ret->log_fd = steal_fd(&log_fd);
	for (size_t i = 0; i < opts->port_count; i++) {
		if (!udp_on_loopback(opts, &opts->ports[i]) || ret->netns_fd >= 0)
			continue;
		ret->exit_read_fd = steal_fd(&helper_exit_fd);
		ret->netns_fd = fcntl(netns_fd, F_DUPFD_CLOEXEC, 3);
		ret->userns_fd = userns_fd < 0 ? -1 : fcntl(userns_fd, F_DUPFD_CLOEXEC, 3);
		if (ret->netns_fd < 0 || (userns_fd >= 0 && ret->userns_fd < 0)) {
			int why = errno;

			network_stop(ret);
			return error_errno(err, why, "duplicate a descriptor");
		}
	}
	return 0;
}

void network_stop(struct network *network)
{
	if (network->pid > 0) {
		kill(network->pid, SIGKILL);
		while (waitpid(network->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (network->udp_pid > 0) {
		kill(network->udp_pid, SIGKILL);
		while (waitpid(network->udp_pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_keep_errno(network->netns_fd);
	close_keep_errno(network->userns_fd);
	close_keep_errno(network->exit_read_fd);
	close_keep_errno(network->pidfd);
	close_keep_errno(network->exit_fd);
	close_keep_errno(network->ready_fd);
	close_keep_errno(network->log_fd);
	*network = NETWORK_INIT;
}

char *network_lacks(void)
{
	static const char tun[] = "/dev/net/tun";

	if (access(tun, F_OK) < 0)
		return xasprintf(
			"device '%s' does not exist; load it as root with 'modprobe tun', "
			"or give it to the container around pod: --device %s" CHECK_SEE(CHECK_TUN),
			tun, tun);
	if (access(tun, R_OK | W_OK) < 0)
		return xasprintf("device '%s' may not be opened (%s); make it accessible as root "
				 "with 'chmod 666 %s'" CHECK_SEE(CHECK_TUN),
			tun, strerror(errno), tun);
	return NULL;
}

/* The helper gave up: say what it said, and for the common causes the remedy. */
static int helper_failed(struct network *network, struct error **err)
{
	static const char tun[] = "/dev/net/tun";
	cleanup_free char *words = NULL;
	int status = 0;

	/* It has closed its end of the pipe: it is ending. Then the log is complete. */
	kill(network->pid, SIGKILL);
	while (waitpid(network->pid, &status, 0) < 0 && errno == EINTR)
		;
	network->pid = 0;
	words = log_last_words(network->log_fd);
	network_stop(network);
	if (access(tun, F_OK) < 0)
		return error_set(err, ERR_UNSUPPORTED,
			"network: device '%s' does not exist: load it as root with 'modprobe tun', "
			"or use "
			"--network none or --network host" CHECK_SEE(CHECK_TUN),
			tun);
	if (access(tun, R_OK | W_OK) < 0)
		return error_set(err, ERR_UNSUPPORTED,
			"network: device '%s' may not be opened (%s): make it accessible as root "
			"with "
			"'chmod 666 %s', or use --network none or --network host" CHECK_SEE(
				CHECK_TUN),
			tun, strerror(errno), tun);
	if (words)
		return error_set(err, ERR_SYSTEM,
			"network: slirp4netns failed: %s" CHECK_SEE(CHECK_SLIRP4NETNS), words);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		return error_set(err, ERR_SYSTEM,
			"network: slirp4netns was ended by signal %d" CHECK_SEE(CHECK_SLIRP4NETNS),
			WTERMSIG(status));
	return error_set(err, ERR_SYSTEM,
		"network: slirp4netns ended before the network was up" CHECK_SEE(
			CHECK_SLIRP4NETNS));
}

int network_ready(struct network *network, struct network_options *opts, struct error **err)
{
	struct pollfd pfd = {.fd = network->ready_fd, .events = POLLIN};
	char byte;
	int n;

	if (network->ready_fd < 0)
		return 0;
	do
		n = poll(&pfd, 1, READY_TIMEOUT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		network_stop(network);
		return error_set(err, ERR_SYSTEM,
			"network: slirp4netns was not ready after %d seconds",
			READY_TIMEOUT_MS / 1000);
	}
	if (read_full(network->ready_fd, &byte, 1) != 1)
		return helper_failed(network, err);
	fd_replace(&network->ready_fd, -1);
	if (opts->port_count &&
		(network_ports_choose(opts->ports, opts->port_count, err) < 0 ||
			api_add_ports(opts, err) < 0 ||
			udp_start(opts, network->netns_fd, network->userns_fd,
				network->exit_read_fd, &network->udp_pid, err) < 0)) {
		network_stop(network);
		return error_wrap(err, "network");
	}
	fd_replace(&network->netns_fd, -1);
	fd_replace(&network->userns_fd, -1);
	fd_replace(&network->exit_read_fd, -1);
	fd_replace(&network->log_fd, -1);
	return 0;
}
