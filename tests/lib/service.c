/*
 * service - what a service in a container does, for the tests; static.
 *
 *   service notify TEXT       send TEXT to $NOTIFY_SOCKET, with a file descriptor beside it
 *   service accept            sd_listen_fds(3): answer one connection on descriptor 3 with this
 *                             process's view of LISTEN_*, then end with 0; 1 where LISTEN_PID is
 * another's service idle SECONDS      end with 143 at SIGTERM, as many servers do; with 0 after
 * SECONDS
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify(const char *text)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct iovec data = {(void *)text, strlen(text)};
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr message = {.msg_name = &address,
		.msg_namelen = sizeof(address),
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (!name) {
		fputs("no NOTIFY_SOCKET\n", stderr);
		return 1;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(fd, &message, 0) < 0) {
		perror(name);
		return 1;
	}
	return 0;
}

static int serve(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS"),
		   *names = getenv("LISTEN_FDNAMES");
	int fd, extra = fcntl(4, F_GETFD);

	if (!pid || !fds || atoi(pid) != (int)getpid()) {
		fprintf(stderr, "LISTEN_PID=%s LISTEN_FDS=%s, pid %d\n", pid ? pid : "",
			fds ? fds : "", (int)getpid());
		return 1;
	}
	fd = accept(3, NULL, NULL);
	if (fd < 0) {
		perror("accept");
		return 1;
	}
	dprintf(fd, "fds %s names %s extra %d\n", fds, names ? names : "", extra);
	close(fd);
	return 0;
}

static void on_term(int sig)
{
	(void)sig;
	_exit(143);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "notify") == 0)
		return notify(argv[2]);
	if (argc == 2 && strcmp(argv[1], "accept") == 0)
		return serve();
	if (argc == 3 && strcmp(argv[1], "idle") == 0) {
		signal(SIGTERM, on_term);
		sleep((unsigned int)atoi(argv[2]));
		return 0;
	}
	return 2;
}
