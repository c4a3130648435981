#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "monitor/logemit.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/timefmt.h"

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

int log_emit(struct log_emitter *e, const struct log_record *record, struct error **err)
{
	if (record->time_ns < e->opts->since_ns)
		return 0;
	if (e->opts->until_ns && record->time_ns > e->opts->until_ns) {
		e->done = true;
		return 0;
	}
	strbuf_reset(&e->out);
	if (!e->in_line[record->stream]) {
		if (e->opts->name)
			strbuf_addf(&e->out, "%s ", e->opts->name);
		if (e->opts->timestamps) {
			add_time(&e->out, record->time_ns);
			strbuf_addch(&e->out, ' ');
		}
	}
	strbuf_add(&e->out, record->text, record->len);
	if (record->newline)
		strbuf_addch(&e->out, '\n');
	e->in_line[record->stream] = !record->newline;
	return e->sink->write(e->sink->data, record->stream, strbuf_str(&e->out), e->out.len, err);
}

void log_emitter_clear(struct log_emitter *e)
{
	strbuf_clear(&e->out);
}

int log_watch_open(struct log_watch *w, int dir_fd, struct error **err)
{
	char path[32];

	w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	/* IN_CLOSE_WRITE: of the log, and of the lock by a monitor that was killed */
	if (w->inotify_fd < 0 || inotify_add_watch(w->inotify_fd, fd_path(dir_fd, path),
					 IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE |
						 IN_DELETE_SELF) < 0) {
		error_errno(err, errno, "watch the log; see sysctl fs.inotify.max_user_instances");
		log_watch_clear(w);
		return -1;
	}
	w->lock_fd = openat(dir_fd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return 0;
}

void log_watch_look(struct log_watch *w)
{
	if (w->lock_fd < 0 || lock_fd_is_held(w->lock_fd) == 0)
		w->ended = true;
}

int log_watch_read(struct log_watch *w, struct error **err)
{
	char data[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(w->inotify_fd, data, sizeof(data));

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return error_errno(err, errno, "watch the log");
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
		const struct inotify_event *event = (const void *)(data + at);

		if ((event->mask & IN_MOVED_TO) && event->len && strcmp(event->name, "exit") == 0)
			w->ended = true;
		if (event->mask & (IN_DELETE_SELF | IN_IGNORED))
			w->ended = true;
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	return 0;
}

void log_watch_clear(struct log_watch *w)
{
	fd_replace(&w->inotify_fd, -1);
	fd_replace(&w->lock_fd, -1);
}

int log_until_timeout(const struct logs_options *opts)
{
	uint64_t now = time_now_ns(), left;

	if (!opts->until_ns)
		return -1;
	left = opts->until_ns > now ? (opts->until_ns - now) / 1000000 + 1 : 0;
	return (int)MIN(left, (uint64_t)INT_MAX);
}
