#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/journal_logs.h"
#include "monitor/logemit.h"
#include "rootless/idmap.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"
#include "util/timefmt.h"

#define BLOCK_SIZE    65536u
#define WORDS_MAX     4096u /* bytes of what journalctl complains of */
#define NS_PER_US     1000u
#define ARGUMENTS_MAX 12
/* The journal takes what a container wrote last a little after its end: following stops when there
 * was nothing new for so long. */
#define SETTLE_MS 2000

/* The value of a field: text, or bytes. Fields that were given twice are arrays of those. */
static bool field_value(const struct json *field, struct strbuf *out)
{
	cleanup_error struct error *ignored = NULL;
	const char *text;
	size_t count;

	strbuf_reset(out);
	if (json_kind(field) == JSON_KIND_STRING) {
		if (json_string(field, &text, &ignored) < 0)
			return false;
		strbuf_addstr(out, text);
		return true;
	}
	if (json_array(field, LOG_LINE_MAX, &count, &ignored) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(field, i);
		int64_t byte;

		if (json_int64(&item, 0, 255, &byte, &ignored) < 0)
			return false;
		strbuf_addch(out, (char)byte);
	}
	return true;
}

bool journal_record_parse(const char *line, size_t len, struct strbuf *scratch,
	struct log_record *ret, char **ret_cursor)
{
	cleanup_json struct json_document *document = NULL;
	cleanup_error struct error *ignored = NULL;
	const char *time = NULL, *priority = NULL, *cursor = NULL, *partial = NULL;
	struct json root, message;
	uint64_t time_us;

	if (json_parse(line, len, "journal", &document, &root, &ignored) < 0 ||
		json_opt_string(&root, "__REALTIME_TIMESTAMP", &time, &ignored) < 0 ||
		json_opt_string(&root, "PRIORITY", &priority, &ignored) < 0 ||
		json_opt_string(&root, "__CURSOR", &cursor, &ignored) < 0 ||
		json_opt_string(&root, "CONTAINER_PARTIAL_MESSAGE", &partial, &ignored) < 0)
		return false;
	if (!time || str_to_uint64(time, UINT64_MAX / NS_PER_US, &time_us) < 0)
		return false;
	if (!str_equal(priority, "6") && !str_equal(priority, "3"))
		return false;
	if (!json_member(&root, "MESSAGE", &message) || !field_value(&message, scratch))
		return false;
	*ret = (struct log_record){
		.time_ns = time_us * NS_PER_US,
		.stream = str_equal(priority, "3") ? 2 : 1,
		.text = strbuf_str(scratch),
		.len = scratch->len,
		.newline = !str_equal(partial, "true"),
	};
	if (ret_cursor)
		*ret_cursor = xstrdup_null(cursor);
	return true;
}

/* A journalctl that runs. */
struct journalctl {
	pid_t pid; /* -1: none */
	int output_fd, words_fd;
	struct strbuf held; /* begin of a line whose end was not read yet */
	bool skip;          /* the rest of an overlong line */
};

#define JOURNALCTL_INIT                                                                            \
	{                                                                                          \
		.pid = -1, .output_fd = -1, .words_fd = -1                                         \
	}

/* Killed where it still runs: what it had to say is not wanted any more. */
static void journalctl_clear(struct journalctl *j)
{
	cleanup_error struct error *ignored = NULL;

	fd_replace(&j->output_fd, -1);
	fd_replace(&j->words_fd, -1);
	strbuf_clear(&j->held);
	if (j->pid > 0) {
		(void)kill(j->pid, SIGKILL); /* our child, not reaped yet */
		(void)spawn_wait(j->pid, &ignored);
		j->pid = -1;
	}
}
#define cleanup_journalctl __attribute__((cleanup(journalctl_clear)))

/* The journal takes any user's messages with any fields; who sent one it says by itself. Ours come
 * from the monitor, whose user the container's directory belongs to. UINT32_MAX: not known. */
static uint32_t writer_uid(int dir_fd)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free struct id_range *ranges = NULL;
	struct stat st;
	size_t count;

	/* The journal is outside of a user namespace that we may be in. */
	if (fstat(dir_fd, &st) < 0 ||
		id_ranges_read("/proc/self/uid_map", &ranges, &count, &ignored) < 0)
		return UINT32_MAX;
	return id_to_host(ranges, count, st.st_uid);
}

/* EXTRA: more arguments, NULL at the end. */
static int journalctl_start(struct journalctl *j, int dir_fd, const char *id,
	const char *const *extra, struct error **err)
{
	cleanup_free char *match = xasprintf("CONTAINER_ID_FULL=%s", id);
	cleanup_free char *writer = xasprintf("_UID=%u", writer_uid(dir_fd));
	const char *argv[ARGUMENTS_MAX] = {"journalctl", "--quiet", "--no-pager", "--all",
		"--output=json", "--output-fields=MESSAGE,PRIORITY,CONTAINER_PARTIAL_MESSAGE"};
	size_t count = 6;
	cleanup_close int write_fd = -1;
	int fds[2];

	while (*extra && count < ARGUMENTS_MAX - 3)
		argv[count++] = *extra++;
	argv[count++] = match;
	argv[count] = writer;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	j->output_fd = fds[0];
	write_fd = fds[1];
	j->words_fd = memfd_create("journalctl", MFD_CLOEXEC);
	if (j->words_fd < 0)
		return error_errno(err, errno, "make a file in memory");
	{
		const struct spawn_fd passed[] = {{write_fd, 1}, {j->words_fd, 2}};
		const struct spawn_options opts = {
			.argv = argv, .fds = passed, .fd_count = ARRAY_SIZE(passed)};

		if (spawn(&opts, &j->pid, err) < 0)
			return error_wrap(err, "read the journal");
	}
	return 0;
}

/* After the end of its output: did it work? */
static int journalctl_finish(struct journalctl *j, struct error **err)
{
	char words[WORDS_MAX + 1];
	char *line, *rest = words, *last = NULL;
	int status = spawn_wait(j->pid, err);
	ssize_t n;

	j->pid = -1;
	if (status <= 0)
		return status;
	n = pread(j->words_fd, words, WORDS_MAX, 0);
	words[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		for (char *c = line; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = '?';
		if (*line)
			last = line;
	}
	if (last)
		return error_set(err, ERR_SYSTEM,
			"read the journal with journalctl: %s (members of the group "
			"'systemd-journal' may read all of it)",
			last);
	return error_set(err, ERR_SYSTEM, "read the journal: journalctl failed with status %d",
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* A line of its output. Returns 0 to go on, 1 for enough, -1. */
typedef int journal_line_fn(void *data, const char *line, size_t len, struct error **err);

static int pass_lines(struct journalctl *j, const char *data, size_t len, journal_line_fn *on_line,
	void *arg, struct error **err)
{
	while (len) {
		const char *newline = memchr(data, '\n', len);
		size_t part = newline ? (size_t)(newline - data) : len;
		int result = 0;

		if (j->held.len + part > LOG_LINE_MAX)
			j->skip = true;
		if (!j->skip)
			strbuf_add(&j->held, data, part);
		if (!newline)
			return 0;
		if (!j->skip)
			result = on_line(arg, strbuf_str(&j->held), j->held.len, err);
		strbuf_reset(&j->held);
		j->skip = false;
		if (result)
			return result;
		data += part + 1;
		len -= part + 1;
	}
	return 0;
}

/* One read. Returns 0 to go on, 1 for enough or end of file (*RET_END), -1. */
static int read_some(struct journalctl *j, journal_line_fn *on_line, void *arg, bool *ret_end,
	struct error **err)
{
	char block[BLOCK_SIZE];
	ssize_t n;

	do
		n = read(j->output_fd, block, sizeof(block));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, errno, "read from journalctl");
	*ret_end = n == 0;
	return n == 0 ? 1 : pass_lines(j, block, (size_t)n, on_line, arg, err);
}

/* All it says. */
static int read_all(struct journalctl *j, journal_line_fn *on_line, void *arg, struct error **err)
{
	bool end = false;
	int result;

	do
		result = read_some(j, on_line, arg, &end, err);
	while (result == 0);
	if (result < 0)
		return -1;
	return end ? journalctl_finish(j, err) : 0;
}

struct journal_reader {
	struct log_emitter emitter;
	struct strbuf scratch;
	/* --tail: records as they are read backwards, newest first */
	char **tail;
	size_t tail_count, tail_capacity;
	int64_t lines;     /* still to be found */
	bool tail_seen[2]; /* stdout, stderr */
	char *cursor;      /* of the newest record */
};

static int emit_line(void *data, const char *line, size_t len, struct error **err)
{
	struct journal_reader *r = data;
	struct log_record record;

	if (!journal_record_parse(line, len, &r->scratch, &record, NULL))
		return 0;
	if (log_emit(&r->emitter, &record, err) < 0)
		return -1;
	return r->emitter.done ? 1 : 0;
}

static int tail_line(void *data, const char *line, size_t len, struct error **err)
{
	struct journal_reader *r = data;
	cleanup_free char *cursor = NULL;
	struct log_record record;

	(void)err;
	if (!journal_record_parse(line, len, &r->scratch, &record, &cursor))
		return 0;
	if (!r->cursor)
		r->cursor = steal_ptr(&cursor);
	/* A line begins behind the end of the one before it; the newest may be a part of one. */
	if (record.newline || !r->tail_seen[record.stream - 1]) {
		r->tail_seen[record.stream - 1] = true;
		if (r->lines == 0)
			return 1;
		r->lines--;
	}
	if (r->tail_count == r->tail_capacity) {
		r->tail_capacity = r->tail_capacity ? 2 * r->tail_capacity : 64;
		r->tail = xreallocarray(r->tail, r->tail_capacity, sizeof(*r->tail));
	}
	r->tail[r->tail_count++] = xstrndup(line, len);
	return 0;
}

static int read_tail(struct journal_reader *r, int dir_fd, const char *id, struct error **err)
{
	static const char *const extra[] = {"--reverse", NULL};
	cleanup_journalctl struct journalctl journalctl = JOURNALCTL_INIT;

	r->lines = r->emitter.opts->tail;
	if (journalctl_start(&journalctl, dir_fd, id, extra, err) < 0 ||
		read_all(&journalctl, tail_line, r, err) < 0)
		return -1;
	for (size_t i = r->tail_count; i-- > 0 && !r->emitter.done;)
		if (emit_line(r, r->tail[i], strlen(r->tail[i]), err) < 0)
			return -1;
	return 0;
}

static int follow(
	struct journal_reader *r, struct journalctl *j, struct log_watch *watch, struct error **err)
{
	const struct logs_options *opts = r->emitter.opts;
	const struct logs_sink *sink = r->emitter.sink;

	for (;;) {
		struct pollfd events[2] = {
			{.fd = j->output_fd, .events = POLLIN},
			{.fd = watch->inotify_fd, .events = POLLIN},
		};
		int timeout, n, result = 0;
		bool end = false;

		if (sink->idle && sink->idle(sink->data, err) < 0)
			return -1;
		log_watch_look(watch);
		timeout = watch->ended ? SETTLE_MS : log_until_timeout(opts);
		n = poll(events, watch->ended ? 1 : 2, timeout);
		if (n < 0 && errno != EINTR)
			return error_errno(err, errno, "wait for the log");
		if (n == 0 && (watch->ended || log_until_timeout(opts) == 0))
			return 0;
		if (n > 0 && events[0].revents)
			result = read_some(j, emit_line, r, &end, err);
		if (end)
			return journalctl_finish(j, err);
		if (result)
			return result < 0 ? -1 : 0;
		if (n > 0 && !watch->ended && events[1].revents && log_watch_read(watch, err) < 0)
			return -1;
	}
}

static int read_rest(struct journal_reader *r, int dir_fd, const char *id, struct error **err)
{
	const struct logs_options *opts = r->emitter.opts;
	cleanup_journalctl struct journalctl journalctl = JOURNALCTL_INIT;
	cleanup_free char *since = NULL, *after = NULL;
	struct log_watch watch = LOG_WATCH_INIT;
	const char *extra[4] = {NULL};
	size_t count = 0;
	int result;

	if (opts->follow) {
		extra[count++] = "--follow";
		extra[count++] = "--no-tail";
	}
	if (r->cursor)
		extra[count++] = after = xasprintf("--after-cursor=%s", r->cursor);
	else if (opts->since_ns)
		/* whole seconds: what is too much is left out here */
		extra[count++] = since = xasprintf(
			"--since=@%llu", (unsigned long long)(opts->since_ns / NS_PER_SECOND));
	if (!opts->follow) {
		if (journalctl_start(&journalctl, dir_fd, id, extra, err) < 0)
			return -1;
		return read_all(&journalctl, emit_line, r, err);
	}
	/* First the watch: an end in between is seen. */
	if (log_watch_open(&watch, dir_fd, err) < 0)
		return -1;
	result = journalctl_start(&journalctl, dir_fd, id, extra, err);
	if (result == 0)
		result = follow(r, &journalctl, &watch, err);
	log_watch_clear(&watch);
	return result;
}

int journal_logs_read(int dir_fd, const char *id, const struct logs_options *opts,
	const struct logs_sink *sink, struct error **err)
{
	struct journal_reader r = {.emitter = {.opts = opts, .sink = sink}};
	int result = 0;

	if (opts->tail >= 0)
		result = read_tail(&r, dir_fd, id, err);
	if (result == 0 && !r.emitter.done && (opts->follow || opts->tail < 0))
		result = read_rest(&r, dir_fd, id, err);
	if (result == 0 && sink->idle)
		result = sink->idle(sink->data, err);
	for (size_t i = 0; i < r.tail_count; i++)
		free(r.tail[i]);
	free(r.tail);
	free(r.cursor);
	strbuf_clear(&r.scratch);
	log_emitter_clear(&r.emitter);
	return result;
}
