#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/container.h"
#include "container/events.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

#define LOCK_FILE  "events.lock"
#define LABELS_MAX 4096
#define POLL_MS    500 /* where files cannot be watched */

/* The file is full: it becomes the old one. Whoever writes to it meanwhile writes to the old one.
 */
static void rotate(struct store *store)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int lock_fd =
		lock_open(store->data_fd, LOCK_FILE, LOCK_EXCLUSIVE, LOCK_TRY, &ignored);
	struct stat st;

	/* Somebody else does it, or has done it. */
	if (lock_fd < 0 || fstatat(store->data_fd, EVENTS_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		st.st_size < (off_t)EVENTS_MAX)
		return;
	(void)renameat(store->data_fd, EVENTS_FILE, store->data_fd, EVENTS_OLD_FILE);
}

static void append(struct store *store, const char *line, size_t len)
{
	cleanup_close int fd = openat(store->data_fd, EVENTS_FILE,
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;

	/* One write: lines of several writers do not mix. */
	if (fd < 0 || write(fd, line, len) != (ssize_t)len) {
		log_debug("an event could not be recorded: %s", strerror(errno));
		return;
	}
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t)EVENTS_MAX)
		rotate(store);
}

void event_record(struct store *store, const struct event *event)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	json_write_object_begin(&w);
	json_put_uint(&w, "time", event->time_ns ? event->time_ns : time_now_ns());
	json_put_string(&w, "type", event->type);
	json_put_string(&w, "action", event->action);
	if (event->id)
		json_put_string(&w, "id", event->id);
	if (event->name)
		json_put_string(&w, "name", event->name);
	if (event->image)
		json_put_string(&w, "image", event->image);
	if (event->labels)
		json_put_strv(&w, "labels", event->labels);
	if (event->has_exit_code)
		json_put_int(&w, "exitCode", event->exit_code);
	if (event->detail)
		json_put_string(&w, "detail", event->detail);
	json_write_object_end(&w);
	strbuf_addch(&out, '\n');
	append(store, out.data, out.len);
}

/* The members are borrowed: nothing writes through them. */
static char *borrow(const char *s)
{
	return (char *)(uintptr_t)s;
}

void event_container(struct store *store, const struct container *container, const char *action,
	const char *detail)
{
	const struct container_config *config = container->config;

	event_record(store, &(struct event){
				    .type = borrow("container"),
				    .action = borrow(action),
				    .id = config->id,
				    .name = config->name,
				    .image = config->image_name,
				    .labels = config->labels,
				    .detail = borrow(detail),
			    });
}

void event_exec_died(
	struct store *store, const struct container *container, const char *command, int exit_code)
{
	const struct container_config *config = container->config;

	event_record(store, &(struct event){
				    .type = borrow("container"),
				    .action = borrow("exec_died"),
				    .id = config->id,
				    .name = config->name,
				    .image = config->image_name,
				    .labels = config->labels,
				    .detail = borrow(command),
				    .exit_code = exit_code,
				    .has_exit_code = true,
			    });
}

void event_image(struct store *store, const char *action, const char *id, const char *name)
{
	event_record(store, &(struct event){
				    .type = borrow("image"),
				    .action = borrow(action),
				    .id = borrow(id),
				    .name = borrow(name),
			    });
}

void event_volume(struct store *store, const char *action, const char *name)
{
	event_record(store, &(struct event){
				    .type = borrow("volume"),
				    .action = borrow(action),
				    .name = borrow(name),
			    });
}

void event_clear(struct event *event)
{
	free(event->type);
	free(event->action);
	free(event->id);
	free(event->name);
	free(event->image);
	free(event->detail);
	strv_free(event->labels);
	*event = (struct event){0};
}

int event_parse(const char *line, size_t len, struct event *ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_event struct event event = {0};
	struct json root, exit_code;
	int64_t code;

	if (json_parse(line, len, EVENTS_FILE, &doc, &root, err) < 0 ||
		json_opt_uint64(&root, "time", UINT64_MAX, &event.time_ns, err) < 0 ||
		json_opt_dup(&root, "type", &event.type, err) < 0 ||
		json_opt_dup(&root, "action", &event.action, err) < 0 ||
		json_opt_dup(&root, "id", &event.id, err) < 0 ||
		json_opt_dup(&root, "name", &event.name, err) < 0 ||
		json_opt_dup(&root, "image", &event.image, err) < 0 ||
		json_opt_dup(&root, "detail", &event.detail, err) < 0 ||
		json_opt_strv(&root, "labels", LABELS_MAX, &event.labels, err) < 0)
		return -1;
	if (!event.type || !event.action)
		return error_set(err, ERR_INVALID, "%s: type or action is missing", EVENTS_FILE);
	if (json_member(&root, "exitCode", &exit_code)) {
		if (json_int64(&exit_code, -1, 255, &code, err) < 0)
			return -1;
		event.exit_code = (int)code;
		event.has_exit_code = true;
	}
	*ret = event;
	event = (struct event){0};
	return 0;
}

struct events_reader {
	struct store *store;
	const struct events_options *opts;
	int (*take)(const struct event *event, void *data, struct error **err);
	int (*idle)(void *data, struct error **err);
	void *data;
	int fd;             /* the file that is read; -1: there was none */
	struct strbuf held; /* begin of a line whose end is not written yet */
	bool skip;          /* the rest of an overlong line */
};

static int on_line(struct events_reader *r, const char *line, size_t len, struct error **err)
{
	cleanup_error struct error *damaged = NULL;
	cleanup_event struct event event = {0};

	/* A writer that was killed, or a full disk: the line is passed over. */
	if (event_parse(line, len, &event, &damaged) < 0)
		return 0;
	if (event.time_ns < r->opts->since_ns ||
		(r->opts->until_ns && event.time_ns > r->opts->until_ns))
		return 0;
	return r->take(&event, r->data, err);
}

static int on_block(struct events_reader *r, const char *data, size_t len, struct error **err)
{
	while (len) {
		const char *newline = memchr(data, '\n', len);
		size_t part = newline ? (size_t)(newline - data) : len;

		if (r->held.len + part > EVENTS_LINE_MAX)
			r->skip = true;
		if (!r->skip)
			strbuf_add(&r->held, data, part);
		if (!newline)
			return 0;
		if (!r->skip && on_line(r, strbuf_str(&r->held), r->held.len, err) < 0)
			return -1;
		strbuf_reset(&r->held);
		r->skip = false;
		data += part + 1;
		len -= part + 1;
	}
	return 0;
}

static int read_rest(struct events_reader *r, struct error **err)
{
	cleanup_free char *block = xmalloc(65536);

	for (;;) {
		ssize_t n = read(r->fd, block, 65536);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "read the events");
		if (n == 0)
			return 0;
		if (on_block(r, block, (size_t)n, err) < 0)
			return -1;
	}
}

static int open_file(struct store *store, const char *name)
{
	return openat(store->data_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return a >= 0 && b >= 0 && fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

/* All there is now, in this file and, when it was rotated, in the next one. */
static int read_now(struct events_reader *r, struct error **err)
{
	for (;;) {
		/* Opened before the read: once there is a newer file, ours is complete, but for
		 * writers that had it open, of whom a line may be lost. */
		int newer = open_file(r->store, EVENTS_FILE);

		if (r->fd >= 0 && read_rest(r, err) < 0) {
			close_keep_errno(newer);
			return -1;
		}
		if (newer < 0 || same_file(newer, r->fd)) {
			close_keep_errno(newer);
			return r->idle ? r->idle(r->data, err) : 0;
		}
		fd_replace(&r->fd, newer);
	}
}

static int follow(struct events_reader *r, int inotify_fd, struct error **err)
{
	char data[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	for (;;) {
		struct pollfd wait = {.fd = inotify_fd, .events = POLLIN};
		uint64_t now = time_now_ns(), until = r->opts->until_ns;
		int timeout = inotify_fd < 0 ? POLL_MS : -1;

		if (until && now >= until)
			return 0;
		if (until && (timeout < 0 || until - now < (uint64_t)timeout * 1000000))
			timeout = (int)MIN((until - now) / 1000000 + 1, (uint64_t)INT_MAX);
		if (poll(&wait, 1, timeout) < 0 && errno != EINTR)
			return error_errno(err, errno, "wait for events");
		if (inotify_fd >= 0)
			(void)!read(inotify_fd, data, sizeof(data)); /* only wakes us */
		if (read_now(r, err) < 0)
			return -1;
	}
}

int events_read(struct store *store, const struct events_options *opts,
	int (*take)(const struct event *event, void *data, struct error **err),
	int (*idle)(void *data, struct error **err), void *data, struct error **err)
{
	struct events_reader r = {.store = store,
		.opts = opts,
		.take = take,
		.idle = idle,
		.data = data,
		.fd = open_file(store, EVENTS_OLD_FILE)};
	cleanup_close int inotify_fd = -1;
	char path[32];
	int status;

	if (opts->stream) {
		/* The directory: the file may be another one at any time. */
		inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (inotify_fd >= 0 && inotify_add_watch(inotify_fd, fd_path(store->data_fd, path),
					       IN_MODIFY | IN_CREATE | IN_MOVED_FROM) < 0)
			fd_replace(&inotify_fd, -1);
	}
	status = read_now(&r, err);
	if (status == 0 && opts->stream)
		status = follow(&r, inotify_fd, err);
	close_keep_errno(r.fd);
	strbuf_clear(&r.held);
	return status;
}
