#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/logemit.h"
#include "monitor/logline.h"
#include "monitor/logs.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/strbuf.h"

#define BLOCK_SIZE    65536u
#define LOG_FILES_MAX 1000 /* as the monitor keeps at most */

/*
 * Files are walked from old to new. Rotation renames them under us, so the place is known by inode:
 * the file after the one we hold is the one whose number is one lower than the number it has now.
 */
struct reader {
	int dir_fd, fd;
	struct log_emitter emitter;
	struct strbuf held; /* begin of a record whose end is not written yet */
	struct strbuf scratch;
	bool skip; /* the rest of an overlong record */
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

static int on_record(struct reader *r, const char *line, size_t len, struct error **err)
{
	struct log_record record;

	return log_record_parse(line, len, &r->scratch, &record)
		       ? log_emit(&r->emitter, &record, err)
		       : 0;
}

static int on_block(struct reader *r, const char *data, size_t len, struct error **err)
{
	while (len && !r->emitter.done) {
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

	while (!r->emitter.done) {
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
	while (!r->emitter.done) {
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
	int64_t lines = r->emitter.opts->tail;
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

static int follow(struct reader *r, struct log_watch *watch, struct error **err)
{
	const struct logs_options *opts = r->emitter.opts;
	const struct logs_sink *sink = r->emitter.sink;

	/* The monitor writes the last of the log before `exit`, and holds the lock beyond it; one
	 * that was killed has let go of the lock. */
	for (;;) {
		struct pollfd event = {.fd = watch->inotify_fd, .events = POLLIN};
		int timeout, n;

		log_watch_look(watch);
		if (read_files(r, err) < 0)
			return -1;
		if (sink->idle && sink->idle(sink->data, err) < 0)
			return -1;
		if (watch->ended || r->emitter.done)
			return 0;
		timeout = log_until_timeout(opts);
		n = poll(&event, 1, timeout);
		if (n < 0 && errno != EINTR)
			return error_errno(err, errno, "wait for the log");
		if (n == 0 && timeout >= 0 && log_until_timeout(opts) == 0)
			watch->ended = true;
		if (n > 0 && log_watch_read(watch, err) < 0)
			return -1;
	}
}

int logs_read(int dir_fd, const struct logs_options *opts, const struct logs_sink *sink,
	struct error **err)
{
	struct reader r = {.dir_fd = dir_fd, .fd = -1, .emitter = {.opts = opts, .sink = sink}};
	struct log_watch watch = LOG_WATCH_INIT;
	int result = 0;

	if (opts->follow && log_watch_open(&watch, dir_fd, err) < 0)
		return -1;
	if (opts->tail >= 0)
		result = seek_tail(&r, err);
	else
		seek_oldest(&r);
	if (result == 0)
		result = opts->follow ? follow(&r, &watch, err) : read_files(&r, err);
	if (result == 0 && sink->idle)
		result = sink->idle(sink->data, err);
	close_keep_errno(r.fd);
	strbuf_clear(&r.held);
	strbuf_clear(&r.scratch);
	log_emitter_clear(&r.emitter);
	log_watch_clear(&watch);
	return result;
}
