#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "monitor/logline.h"
#include "monitor/logs.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/strbuf.h"
#include "util/timefmt.h"

#define BLOCK_SIZE    65536u
#define LOG_FILES_MAX 1000 /* as the monitor keeps at most */

/*
 * Files are walked from old to new. Rotation renames them under us, so the place is known by inode:
 * the file after the one we hold is the one whose number is one lower than the number it has now.
 */
struct reader {
	int dir_fd, fd;
	const struct logs_options *opts;
	const struct logs_sink *sink;
	struct strbuf held; /* begin of a record whose end is not written yet */
	struct strbuf scratch, out;
	bool in_line[3]; /* a partial line was printed last on this stream */
	bool skip;       /* the rest of an overlong record */
	bool done;       /* past until_ns */
};

static int file_open(int dir_fd, unsigned int number)
{
	char name[24];

	if (number)
		snprintf(name, sizeof(name), "log.%u", number);
	else
		snprintf(name, sizeof(name), "log");
	return openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* The file behind FD: -1 when there is none, yet or at all. */
static int next_file(int dir_fd, int fd)
{
	int newer = -1;

	for (unsigned int number = 0; number < LOG_FILES_MAX; number++) {
		int candidate = file_open(dir_fd, number);

		if (candidate < 0 && number > 0) {
			/* Ours was rotated away altogether: go on with the oldest there is. */
			return newer;
		}
		if (candidate >= 0 && same_file(candidate, fd)) {
			close_keep_errno(candidate);
			return newer;
		}
		if (candidate >= 0)
			fd_replace(&newer, candidate);
	}
	return newer;
}

static void add_time(struct strbuf *out, uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / NS_PER_SECOND);
	struct tm tm;
	long offset;

	if (!localtime_r(&seconds, &tm))
		return;
	offset = tm.tm_gmtoff / 60;
	strbuf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%09u", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		(unsigned int)(time_ns % NS_PER_SECOND));
	if (offset == 0)
		strbuf_addch(out, 'Z');
	else
		strbuf_addf(out, "%c%02ld:%02ld", offset < 0 ? '-' : '+', labs(offset) / 60,
			labs(offset) % 60);
}

static int on_record(struct reader *r, const char *line, size_t len, struct error **err)
{
	struct log_record record;

	if (!log_record_parse(line, len, &r->scratch, &record))
		return 0;
	if (record.time_ns < r->opts->since_ns)
		return 0;
	if (r->opts->until_ns && record.time_ns > r->opts->until_ns) {
		r->done = true;
		return 0;
	}
	strbuf_reset(&r->out);
	if (!r->in_line[record.stream]) {
		if (r->opts->name)
			strbuf_addf(&r->out, "%s ", r->opts->name);
		if (r->opts->timestamps) {
			add_time(&r->out, record.time_ns);
			strbuf_addch(&r->out, ' ');
		}
	}
	strbuf_add(&r->out, record.text, record.len);
	if (record.newline)
		strbuf_addch(&r->out, '\n');
	r->in_line[record.stream] = !record.newline;
	return r->sink->write(r->sink->data, record.stream, strbuf_str(&r->out), r->out.len, err);
}

static int on_block(struct reader *r, const char *data, size_t len, struct error **err)
{
	while (len && !r->done) {
		const char *newline = memchr(data, '\n', len);
		size_t part = newline ? (size_t)(newline - data) : len;

		if (!newline || r->held.len || r->skip) {
			if (r->held.len + part > LOG_LINE_MAX)
				r->skip = true;
			if (!r->skip)
				strbuf_add(&r->held, data, part);
			if (!newline)
				return 0;
			if (!r->skip && on_record(r, strbuf_str(&r->held), r->held.len, err) < 0)
				return -1;
			strbuf_reset(&r->held);
			r->skip = false;
		} else if (on_record(r, data, part, err) < 0) {
			return -1;
		}
		data += part + 1;
		len -= part + 1;
	}
	return 0;
}

/* All that is in the current file now. */
static int read_file(struct reader *r, struct error **err)
{
	char block[BLOCK_SIZE];

	while (!r->done) {
		ssize_t n = read(r->fd, block, sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "read the log");
		if (n == 0)
			return 0;
		if (on_block(r, block, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

/* All files from the current one on. */
static int read_files(struct reader *r, struct error **err)
{
	while (!r->done) {
		int next;

		if (r->fd < 0)
			r->fd = file_open(r->dir_fd, 0);
		if (r->fd < 0)
			return 0;
		/* Asked for before the read: once there is a newer file, this one is complete. */
		next = next_file(r->dir_fd, r->fd);
		if (read_file(r, err) < 0) {
			close_keep_errno(next);
			return -1;
		}
		if (next < 0)
			return 0;
		strbuf_reset(&r->held);
		r->skip = false;
		fd_replace(&r->fd, next);
	}
	return 0;
}

/*
 * Backwards through one file: the offset where the last LINES lines begin. *LINES is lowered by
 * those that are found; when it is not 0 afterwards the whole file belongs to them. *LAST: no
 * record was seen yet, in newer files neither; the very last may be a part of a line.
 */
static int tail_file(int fd, int64_t *lines, bool *last, off_t *ret_offset, struct error **err)
{
	cleanup_strbuf struct strbuf held = STRBUF_INIT, joined = STRBUF_INIT;
	cleanup_free char *block = xmalloc(BLOCK_SIZE);
	struct stat st;
	off_t pos;

	*ret_offset = 0;
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "stat the log");
	pos = st.st_size;
	while (pos > 0) {
		size_t want = (size_t)MIN(pos, (off_t)BLOCK_SIZE), end;
		ssize_t n = pread(fd, block, want, pos - (off_t)want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)want)
			return n < 0 ? error_errno(err, errno, "read the log") : 0;
		pos -= (off_t)want;
		/* HELD is what lies behind this block up to the next record's begin. */
		strbuf_reset(&joined);
		strbuf_add(&joined, block, want);
		strbuf_add(&joined, held.data ? held.data : "", held.len);
		end = joined.len;
		for (;;) {
			/* A record ends at END, with its newline; it begins behind the one before.
			 */
			const char *newline = end ? memrchr(joined.data, '\n', end - 1) : NULL;
			size_t begin = newline ? (size_t)(newline - joined.data) + 1 : 0;

			if (!newline && (pos > 0 || end == 0))
				break;
			if (joined.data[end - 1] == '\n') {
				bool ends =
					log_record_ends_line(joined.data + begin, end - 1 - begin);

				/* a line begins behind the end of the one before it */
				if (ends || *last) {
					if (*lines == 0) {
						*ret_offset = pos + (off_t)end;
						return 0;
					}
					(*lines)--;
				}
				*last = false;
			}
			end = begin;
			if (end == 0)
				break;
		}
		strbuf_reset(&held);
		/* no record is that long: it is skipped when it is printed */
		if (end <= LOG_LINE_MAX)
			strbuf_add(&held, joined.data, end);
	}
	return 0;
}

/* Puts the reader where the last opts->tail lines begin. */
static int seek_tail(struct reader *r, struct error **err)
{
	int64_t lines = r->opts->tail;
	bool last = true;

	for (unsigned int number = 0; number < LOG_FILES_MAX; number++) {
		int fd = file_open(r->dir_fd, number);
		off_t offset;

		if (fd < 0)
			break;
		/* rotated between two looks */
		if (r->fd >= 0 && same_file(fd, r->fd)) {
			close_keep_errno(fd);
			continue;
		}
		fd_replace(&r->fd, fd);
		if (tail_file(r->fd, &lines, &last, &offset, err) < 0)
			return -1;
		if (offset > 0) {
			if (lseek(r->fd, offset, SEEK_SET) < 0)
				return error_errno(err, errno, "seek in the log");
			return 0;
		}
	}
	return 0;
}

static void seek_oldest(struct reader *r)
{
	for (unsigned int number = 0; number < LOG_FILES_MAX; number++) {
		int fd = file_open(r->dir_fd, number);

		if (fd < 0)
			return;
		fd_replace(&r->fd, fd);
	}
}

/* Events of the container's directory: true in *RET_ENDED when one says that it has ended. */
static int read_events(int inotify_fd, bool *ret_ended, struct error **err)
{
	char data[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(inotify_fd, data, sizeof(data));

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return error_errno(err, errno, "watch the log");
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
		const struct inotify_event *event = (const void *)(data + at);

		if ((event->mask & IN_MOVED_TO) && event->len && strcmp(event->name, "exit") == 0)
			*ret_ended = true;
		if (event->mask & (IN_DELETE_SELF | IN_IGNORED))
			*ret_ended = true;
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	return 0;
}

/* How long to wait, in milliseconds: to until_ns, or for ever. */
static int until_timeout(const struct logs_options *opts)
{
	uint64_t now = time_now_ns(), left;

	if (!opts->until_ns)
		return -1;
	left = opts->until_ns > now ? (opts->until_ns - now) / 1000000 + 1 : 0;
	return (int)MIN(left, (uint64_t)INT_MAX);
}

static int follow(struct reader *r, int inotify_fd, struct error **err)
{
	/* Kept open: closing it would be an event of its own. */
	cleanup_close int lock_fd = openat(r->dir_fd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool ended = false;

	/* The monitor writes the last of the log before `exit`, and holds the lock beyond it; one
	 * that was killed has let go of the lock. */
	for (;;) {
		struct pollfd event = {.fd = inotify_fd, .events = POLLIN};
		int timeout, n;

		if (lock_fd < 0 || lock_fd_is_held(lock_fd) == 0)
			ended = true;
		if (read_files(r, err) < 0)
			return -1;
		if (r->sink->idle && r->sink->idle(r->sink->data, err) < 0)
			return -1;
		if (ended || r->done)
			return 0;
		timeout = until_timeout(r->opts);
		n = poll(&event, 1, timeout);
		if (n < 0 && errno != EINTR)
			return error_errno(err, errno, "wait for the log");
		if (n == 0 && timeout >= 0 && until_timeout(r->opts) == 0)
			ended = true;
		if (n > 0 && read_events(inotify_fd, &ended, err) < 0)
			return -1;
	}
}

int logs_read(int dir_fd, const struct logs_options *opts, const struct logs_sink *sink,
	struct error **err)
{
	struct reader r = {.dir_fd = dir_fd, .fd = -1, .opts = opts, .sink = sink};
	cleanup_close int inotify_fd = -1;
	char path[32];
	int result = 0;

	if (opts->follow) {
		inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		/* IN_CLOSE_WRITE: of the log, and of the lock by a monitor that was killed */
		if (inotify_fd < 0 || inotify_add_watch(inotify_fd, fd_path(dir_fd, path),
					      IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE |
						      IN_DELETE_SELF) < 0)
			return error_errno(err, errno,
				"watch the log; see sysctl fs.inotify.max_user_instances");
	}
	if (opts->tail >= 0)
		result = seek_tail(&r, err);
	else
		seek_oldest(&r);
	if (result == 0)
		result = opts->follow ? follow(&r, inotify_fd, err) : read_files(&r, err);
	if (result == 0 && sink->idle)
		result = sink->idle(sink->data, err);
	close_keep_errno(r.fd);
	strbuf_clear(&r.held);
	strbuf_clear(&r.scratch);
	strbuf_clear(&r.out);
	return result;
}
