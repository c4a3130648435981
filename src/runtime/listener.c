#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/listener.h"
#include "util/json.h"
#include "util/mem.h"

static char *process_state_text(
	const struct seccomp_program *seccomp, const struct runtime_state *state, pid_t pid)
{
	struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);

	json_write_object_begin(&w);
	json_put_string(&w, "ociVersion", OCI_VERSION);
	json_write_key(&w, "fds");
	json_write_array_begin(&w);
	json_write_string(&w, "seccompFd");
	json_write_array_end(&w);
	json_put_int(&w, "pid", pid);
	if (seccomp->listener_metadata)
		json_put_string(&w, "metadata", seccomp->listener_metadata);
	json_write_key(&w, "state");
	json_write_object_begin(&w);
	runtime_state_write(&w, state);
	json_write_object_end(&w);
	json_write_object_end(&w);
	return strbuf_detach(&text);
}

int listener_send(const struct seccomp_program *seccomp, int fd, const struct runtime_state *state,
	pid_t pid, struct error **err)
{
	cleanup_free char *text = process_state_text(seccomp, state, pid);
	cleanup_close int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = text, .iov_len = strlen(text)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	strncpy(address.sun_path, seccomp->listener_path, sizeof(address.sun_path) - 1);
	if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_errno(
			err, errno, "connect to the seccomp agent at '%s'", seccomp->listener_path);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	/* A blocking stream takes it all. */
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		return error_errno(
			err, errno, "send the seccomp listener to '%s'", seccomp->listener_path);
	return 0;
}
