#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What a monitor and its clients say to each other.
 *
 * Transport: SOCK_SEQPACKET on AF_UNIX, one message per packet: struct protocol_header, then LENGTH
 * bytes of payload. Every message is bounded by PROTOCOL_MESSAGE_MAX; a packet that is shorter than
 * its header says, longer, or of a type that the receiver does not take ends the connection. Both
 * ends run on one host, so numbers are in host order. The socket is 0600 in a 0700 directory: a
 * client is the container's owner. Still the monitor checks all it reads.
 *
 * The first message of a client is HELLO. Its role decides what may follow:
 *
 *   role     message        direction  meaning
 *   any      HELLO          C -> M     version, role, streams, terminal size
 *   any      WELCOME        M -> C     answer to HELLO: version, what the container has
 *   any      ERROR          M -> C     the request failed: value is an errno, payload says what
 *   attach   DATA           M -> C     value: stream (1, 2); a terminal's output is stream 1
 *   attach   STDIN          C -> M     at most one unanswered
 *   attach   STDIN_REPLY    M -> C     value: enum protocol_stdin
 *   attach   CLOSE_STDIN    C -> M     end of the client's stdin
 *   attach   DETACH         C -> M     leaves on purpose: stdin stays open
 *   attach   RESIZE         C -> M     value: rows, value2: columns
 *   attach   SIGNAL         C -> M     value: number, goes to init
 *   attach   NOTICE         M -> C     value: enum protocol_notice, payload text
 *   attach   EXITED         M -> C     value: 0..255; all output went before. Then the end.
 *   exec     EXEC           C -> M     struct protocol_exec, and the plan's descriptor: a memfd
 * with all seals, a struct process_plan (src/runtime/process.h) exec     EXEC_STARTED   M -> C
 * payload: id; value: pid; descriptors, see below exec     EXEC_FAILED    M -> C     payload:
 * struct process_failure. Then the end. exec     RESIZE, SIGNAL C -> M     go to the session exec
 * EXITED         M -> C     the session's status; value2: 1 when the container ended control
 * SIGNAL, RESIZE, CLOSE_STDIN, PAUSE (value 0/1), REOPEN_LOG, EXEC_RESIZE, EXEC_SIGNAL C -> M OK or
 * ERROR answers; EXEC_*: the id is the payload control  WAIT           C -> M     EXITED answers
 * when the container has ended control  NAMESPACE      C -> M     value: enum namespace_type;
 * NAMESPACE with a descriptor answers control  STATUS         C -> M     STATUS with struct
 * protocol_status answers control  EXEC_STATUS    C -> M     EXEC_STATUS with struct
 * protocol_exec_status answers
 * control  HEALTHCHECK    C -> M     the health check runs now; HEALTHCHECK with its status in
 * value
 * (-1: could not be run, or took too long) answers when it is done
 * control  UPDATE         C -> M     struct monitor_policy (src/monitor/monitor.h); OK answers
 *
 * EXITED is sent when the exit status is on disk; the connection is closed when the container's
 * lock is free, so end of file after it tells that the last mount is gone.
 *
 * Attached clients. The client of a foreground run is lossless: the container's output is read no
 * faster than that client takes it. Any other is lossy: when its socket holds PROTOCOL_BEHIND_MAX
 * bytes it gets NOTICE and is cut off. Stdin goes one message at a time, so that a container which
 * does not read its stdin never keeps signals and sizes waiting behind it: STDIN_ACCEPTED asks for
 * more, STDIN_BUSY means "another client's input is in the way, send it again after STDIN_READY",
 * STDIN_CLOSED that the container takes no more.
 *
 * Exec sessions. Without a terminal the monitor makes pipes and hands the client the outer ends
 * (stdin's when asked for, stdout's, stderr's, in this order); with one it hands over the
 * terminal's master. The bytes never pass through the monitor: a stopped client can hold up nothing
 * but its own session. The monitor keeps a duplicate of what is read from, and reads it empty when
 * the client has gone.
 */

#define PROTOCOL_MAGIC       0x6e6d7331u
#define PROTOCOL_VERSION     1
#define PROTOCOL_DATA_MAX    (32u << 10) /* bytes of payload */
#define PROTOCOL_MESSAGE_MAX (PROTOCOL_DATA_MAX + sizeof(struct protocol_header))
#define PROTOCOL_BEHIND_MAX  (256u << 10) /* bytes, as the kernel accounts them */
#define PROTOCOL_FDS_MAX     3
#define PROTOCOL_ID_LENGTH   64

enum protocol_type {
	PROTOCOL_HELLO = 1,
	PROTOCOL_WELCOME,
	PROTOCOL_OK,
	PROTOCOL_ERROR,
	PROTOCOL_DATA,
	PROTOCOL_STDIN,
	PROTOCOL_STDIN_REPLY,
	PROTOCOL_CLOSE_STDIN,
	PROTOCOL_DETACH,
	PROTOCOL_RESIZE,
	PROTOCOL_SIGNAL,
	PROTOCOL_NOTICE,
	PROTOCOL_EXITED,
	PROTOCOL_EXEC,
	PROTOCOL_EXEC_STARTED,
	PROTOCOL_EXEC_FAILED,
	PROTOCOL_EXEC_RESIZE,
	PROTOCOL_EXEC_SIGNAL,
	PROTOCOL_EXEC_STATUS,
	PROTOCOL_WAIT,
	PROTOCOL_PAUSE,
	PROTOCOL_REOPEN_LOG,
	PROTOCOL_STATUS,
	PROTOCOL_NAMESPACE,
	PROTOCOL_PROGRAM,
	PROTOCOL_HEALTHCHECK,
	PROTOCOL_UPDATE,
	PROTOCOL_TYPE_COUNT,
};

enum protocol_role { PROTOCOL_ROLE_ATTACH = 1, PROTOCOL_ROLE_EXEC, PROTOCOL_ROLE_CONTROL };

enum protocol_stream {
	PROTOCOL_STREAM_STDIN,
	PROTOCOL_STREAM_STDOUT,
	PROTOCOL_STREAM_STDERR,
	PROTOCOL_STREAM_COUNT,
};

enum protocol_stdin {
	PROTOCOL_STDIN_ACCEPTED,
	PROTOCOL_STDIN_BUSY,
	PROTOCOL_STDIN_READY,
	PROTOCOL_STDIN_CLOSED,
};

enum protocol_notice { PROTOCOL_NOTICE_CUT_OFF, PROTOCOL_NOTICE_LOG_OFF };

struct protocol_header {
	uint32_t type;
	uint32_t length; /* bytes of payload that follow */
	int32_t value, value2;
};

struct protocol_hello {
	uint32_t magic, version;
	uint32_t role;
	uint32_t streams;       /* bits 1 << enum protocol_stream */
	uint16_t rows, columns; /* 0: leave */
	uint32_t reserved;
};

enum protocol_welcome_flags {
	PROTOCOL_HAS_TERMINAL = 1,
	PROTOCOL_HAS_STDIN = 2,
};

struct protocol_welcome {
	uint32_t version, flags;
	int32_t init_pid;
	uint32_t reserved;
};

enum protocol_exec_flags {
	PROTOCOL_EXEC_TERMINAL = 1,
	PROTOCOL_EXEC_STDIN = 2,  /* else the session's stdin is /dev/null */
	PROTOCOL_EXEC_DETACH = 4, /* no descriptors; the client may leave after EXEC_STARTED */
};

struct protocol_exec {
	uint32_t flags;
	uint16_t rows, columns;
};

struct protocol_status {
	int32_t init_pid;
	uint32_t flags; /* enum protocol_status_flags */
	uint32_t clients, execs;
	int32_t log_errnum; /* why the log is off; 0: it is on */
	uint32_t reserved;
	uint64_t started_realtime_ns;
};

enum protocol_status_flags { PROTOCOL_STATUS_PAUSED = 1 };

struct protocol_exec_status {
	int32_t pid;
	int32_t running;   /* 0 or 1 */
	int32_t exit_code; /* 0..255 when not running */
	uint32_t reserved;
};

/**
 * protocol_message_check() - is the packet MESSAGE of LEN bytes well formed?
 * Checks the header's length and, for the type, the payload's size. Says nothing about whether the
 * message is allowed now. MESSAGE may be unaligned.
 */
bool protocol_message_check(const void *message, size_t len);

/**
 * protocol_send() - send one message, with FDS (at most PROTOCOL_FDS_MAX)
 * @flags: MSG_DONTWAIT or 0; MSG_NOSIGNAL is added
 * Returns: 0, or -1 with errno (EAGAIN: the peer's socket is full). EINTR is retried.
 */
int protocol_send(int fd, const struct protocol_header *header, const void *payload, const int *fds,
	size_t fd_count, int flags);

/**
 * protocol_receive() - receive one message and check its form
 * @buf:    at least PROTOCOL_MESSAGE_MAX bytes, aligned for struct protocol_header
 * @fds:    PROTOCOL_FDS_MAX descriptors, close-on-exec, owned by the caller; unused ones are -1
 * Returns: bytes (> 0), 0 at end of file, -1 with errno: EBADMSG malformed (received descriptors
 * are closed), EAGAIN. EINTR is retried.
 */
ssize_t protocol_receive(int fd, void *buf, size_t capacity, int fds[PROTOCOL_FDS_MAX], int flags);
