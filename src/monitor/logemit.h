#pragma once

#include <stdbool.h>

#include "monitor/logline.h"
#include "monitor/logs.h"

/* What the readers of a log's different homes have in common (logs.c, journal_logs.c). */

/* Records become lines for the sink. */
struct log_emitter {
	const struct logs_options *opts;
	const struct logs_sink *sink;
	struct strbuf out;
	bool in_line[3]; /* a partial line was printed last on this stream */
	bool done;       /* past until_ns */
};

/** log_emit() - pass RECORD on unless it is outside the options' times. @err: the sink's */
int log_emit(struct log_emitter *e, const struct log_record *record, struct error **err);
void log_emitter_clear(struct log_emitter *e);

/* Waiting for a container's end and, where its directory has the log, for more of it. */
struct log_watch {
	int inotify_fd; /* readable when something happened; -1 */
	int lock_fd;    /* kept open: closing it would be an event of its own */
	bool ended;
};

#define LOG_WATCH_INIT                                                                             \
	{                                                                                          \
		.inotify_fd = -1, .lock_fd = -1                                                    \
	}

int log_watch_open(struct log_watch *w, int dir_fd, struct error **err);
/** log_watch_look() - sets ended when nobody holds the container's lock: its monitor was killed. */
void log_watch_look(struct log_watch *w);
/** log_watch_read() - the events; sets ended when one says so. Does not wait. */
int log_watch_read(struct log_watch *w, struct error **err);
void log_watch_clear(struct log_watch *w);

/** log_until_timeout() - how long to wait, in milliseconds: to until_ns, or for ever (-1). */
int log_until_timeout(const struct logs_options *opts);
