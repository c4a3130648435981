#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "image/layers.h"
#include "rootless/userns.h"
#include "storage/layer.h"
#include "storage/unpacker.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

#define PROGRESS_INTERVAL_MS 50
#define WORKERS_MIN          2
#define WORKERS_MAX          16

enum work_state {
	WORK_PENDING,  /* to be done, part not ours */
	WORK_ACQUIRED, /* part locked (or the source is a file) */
	WORK_RUNNING,  /* unpacker started */
	WORK_UNPACKED, /* verified, waiting for the commit */
	WORK_DONE,
};

/* One layer to be made. Jobs for the same layer share it. */
struct work {
	const struct layer_job *job;
	enum work_state state;
	char part[64 + sizeof(".part")]; /* its name below tmp/ */
	int part_fd;                     /* holds the lock */
	uint64_t valid;                  /* bytes of the source that may be read */
	uint64_t notified;
	bool fetching, complete, resumed;
	int notify_fd; /* write end; -1 when all is told */
	struct layer_writer *writer;
	struct unpacker unpacker;
	struct unpack_result result;
};

struct conductor {
	struct store *store;
	const struct layers_options *opts;
	struct work *works; /* in the order of the jobs, without repetitions */
	size_t count;
	struct pull_layer *shown; /* one per work */
	int userns_fd;
	bool swept;
	size_t running, running_max;
	int64_t shown_ms;
};

bool layers_keep_blobs(void)
{
	const char *value = getenv("POD_KEEP_BLOBS");

	return !str_equal(value, "0") && !str_equal(value, "false");
}

static size_t worker_count(void)
{
	cpu_set_t cpus;
	size_t count = WORKERS_MIN;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		count = (size_t)CPU_COUNT(&cpus);
	return MIN(MAX(count, WORKERS_MIN), WORKERS_MAX);
}

static void show(struct conductor *c, bool important)
{
	const struct pull_events *events = c->opts->events;
	int64_t now;

	if (!events || !events->layers)
		return;
	now = time_monotonic_ms();
	if (!important && now - c->shown_ms < PROGRESS_INTERVAL_MS)
		return;
	c->shown_ms = now;
	for (size_t i = 0; i < c->count; i++) {
		const struct work *work = &c->works[i];

		c->shown[i].valid_bytes = work->valid;
		if (c->shown[i].state == PULL_LAYER_EXISTS)
			continue;
		c->shown[i].state =
			work->state == WORK_DONE || work->state == WORK_UNPACKED ? PULL_LAYER_DONE
			: work->fetching || work->state == WORK_RUNNING          ? PULL_LAYER_ACTIVE
									: PULL_LAYER_WAITING;
	}
	events->layers(events->data, c->shown, c->count);
}

static int userns_ensure(struct conductor *c, struct error **err)
{
	cleanup_error struct error *sweep_error = NULL;

	if (c->store->rootless && c->userns_fd < 0) {
		c->userns_fd = userns_get(c->store->runtime_fd, err);
		if (c->userns_fd < 0)
			return -1;
	}
	/* What killed pulls left behind goes before more comes. */
	if (!c->swept && store_sweep(c->store, c->userns_fd, &sweep_error) < 0)
		log_debug("sweep: %s", sweep_error->message);
	c->swept = true;
	return 0;
}

/* Stop whatever WORK does; its part stays for the next pull. */
static void work_stop(struct conductor *c, struct work *work)
{
	if (work->state == WORK_RUNNING) {
		unpacker_cancel(&work->unpacker);
		c->running--;
	}
	fd_replace(&work->notify_fd, -1);
	layer_writer_free(c->store, work->writer, c->userns_fd);
	work->writer = NULL;
	fd_replace(&work->part_fd, -1);
	if (work->state != WORK_DONE)
		work->state = WORK_PENDING;
}

static void conductor_clear(struct conductor *c)
{
	for (size_t i = 0; i < c->count; i++)
		work_stop(c, &c->works[i]);
	free(c->works);
	free(c->shown);
	close_keep_errno(c->userns_fd);
}
#define cleanup_conductor __attribute__((cleanup(conductor_clear)))

static void work_drop_part(struct conductor *c, struct work *work)
{
	if (work->part_fd >= 0)
		(void)unlinkat(c->store->tmp_fd, work->part, 0); /* else the sweep takes it */
}

/* Lock the part. 1: ours now, or the layer is there meanwhile; 0: somebody else has it. */
static int work_acquire(
	struct conductor *c, struct work *work, enum lock_wait wait, struct error **err)
{
	cleanup_error struct error *why = NULL;
	struct stat st;

	if (work->job->source_fd >= 0) {
		work->state = WORK_ACQUIRED;
		work->complete = true;
		work->valid = work->job->size_bytes;
		return 1;
	}
	work->part_fd = lock_open(c->store->tmp_fd, work->part, LOCK_EXCLUSIVE, wait, &why);
	if (work->part_fd < 0)
		return why->kind == ERR_CONFLICT && wait == LOCK_TRY ? 0 : error_move(err, &why);
	if (layer_exists(c->store, work->job->diff_id)) {
		work_drop_part(c, work);
		fd_replace(&work->part_fd, -1);
		work->state = WORK_DONE;
		return 1;
	}
	if (fstat(work->part_fd, &st) < 0)
		return error_errno(err, errno, "look at '%s'", work->part);
	if ((uint64_t)st.st_size > work->job->size_bytes) {
		if (ftruncate(work->part_fd, 0) < 0)
			return error_errno(err, errno, "truncate '%s'", work->part);
		st.st_size = 0;
	}
	work->valid = (uint64_t)st.st_size;
	work->resumed = work->valid > 0;
	work->complete = work->valid == work->job->size_bytes;
	work->state = WORK_ACQUIRED;
	return 1;
}

static int work_fetch(struct conductor *c, struct work *work, struct error **err)
{
	if (work->complete || work->fetching)
		return 0;
	if (c->opts->source->fetch(c->opts->source->fetcher, (uint32_t)(work - c->works) + 1,
		    work->job->digest, work->job->size_bytes, work->valid, work->part_fd, NULL,
		    err) < 0)
		return -1;
	work->fetching = true;
	return 0;
}

/* diff/ of what lies below, top first: committed or being made. */
static size_t open_lowers(struct conductor *c, const struct work *work, int *fds)
{
	size_t count = 0;

	for (size_t i = (size_t)(work - c->works); i-- > 0;) {
		const struct work *below = &c->works[i];
		char path[80];
		int fd = -1;

		if (below->writer) {
			fd = fcntl(below->writer->diff_fd, F_DUPFD_CLOEXEC, 3);
		} else if (layer_exists(c->store, below->job->diff_id)) {
			snprintf(path, sizeof(path), "%s/diff", digest_hex(below->job->diff_id));
			fd = open_beneath(c->store->layers_fd, path, O_RDONLY | O_DIRECTORY, 0);
		}
		if (fd >= 0)
			fds[count++] = fd;
	}
	return count;
}

static int work_start(struct conductor *c, struct work *work, struct error **err)
{
	cleanup_close int notify_read_fd = -1;
	struct unpacker_options opts = {
		.userns_fd = c->userns_fd,
		.source_fd = work->part_fd >= 0 ? work->part_fd : work->job->source_fd,
		.notify_fd = -1,
		.digest = work->job->digest,
		.diff_id = work->job->diff_id,
		.flags = c->opts->unpack_flags,
	};
	int ends[2];

	if (layer_begin(c->store, work->job->diff_id, &work->writer, err) < 0)
		return -1;
	if (!work->complete) {
		if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
			return error_errno(err, errno, "make a pipe");
		notify_read_fd = ends[0];
		work->notify_fd = ends[1];
		opts.notify_fd = notify_read_fd;
	}
	work->notified = 0;
	if (unpacker_start(c->store, work->writer, &opts, &work->unpacker, err) < 0)
		return -1;
	work->state = WORK_RUNNING;
	c->running++;
	return 0;
}

/* Tell the unpacker how far it may read; a full pipe is told later. */
static void work_notify(struct work *work)
{
	if (work->notify_fd < 0)
		return;
	if (work->notified < work->valid &&
		write(work->notify_fd, &work->valid, sizeof(work->valid)) ==
			(ssize_t)sizeof(work->valid))
		work->notified = work->valid;
	/* EPIPE: the unpacker ended and will say why. */
	if (work->complete && work->notified == work->valid)
		fd_replace(&work->notify_fd, -1);
}

/* The bytes that an earlier run left were bad: once more from the start. */
static int work_restart(struct conductor *c, struct work *work, struct error **err)
{
	log_debug("layer %.19s: what an earlier pull left is damaged, fetching it again",
		work->job->digest);
	layer_writer_free(c->store, work->writer, c->userns_fd);
	work->writer = NULL;
	fd_replace(&work->notify_fd, -1);
	if (ftruncate(work->part_fd, 0) < 0)
		return error_errno(err, errno, "truncate '%s'", work->part);
	work->valid = 0;
	work->complete = work->fetching = work->resumed = false;
	work->state = WORK_ACQUIRED;
	return work_fetch(c, work, err);
}

static bool is_disk_full(const struct error *e)
{
	return e->kind == ERR_SYSTEM && (e->errnum == ENOSPC || e->errnum == EDQUOT);
}

static int work_fail(struct conductor *c, struct work *work, struct error *why, struct error **err)
{
	/* Bad bytes are of no use to a later run; and where the disk is full nobody wants ours. */
	if (why->kind == ERR_DIGEST || why->kind == ERR_INVALID)
		work_drop_part(c, work);
	for (size_t i = 0; is_disk_full(why) && i < c->count; i++)
		work_drop_part(c, &c->works[i]);
	(void)error_move(err, &why);
	return error_wrap(err, "layer %s", work->job->digest);
}

static int work_finish(struct conductor *c, struct work *work, struct error **err)
{
	struct error *why = NULL;

	c->running--;
	work->state = WORK_ACQUIRED;
	if (unpacker_finish(&work->unpacker, &work->result, &why) < 0) {
		/* Only with all bytes there is it known that the old ones were to blame. */
		if (work->resumed && work->complete &&
			(why->kind == ERR_DIGEST || why->kind == ERR_INVALID)) {
			error_free(why);
			return work_restart(c, work, err);
		}
		return work_fail(c, work, why, err);
	}
	if (!str_equal(work->result.diff_id, work->job->diff_id)) {
		(void)error_set(&why, ERR_DIGEST, "unpacked to %.71s, not to %s",
			work->result.diff_id, work->job->diff_id);
		return work_fail(c, work, why, err);
	}
	work->state = WORK_UNPACKED;
	show(c, true);
	return 0;
}

static int handle_fetch_event(struct conductor *c, struct fetch_event *event, struct error **err)
{
	struct work *work;

	if (event->id < 1 || event->id > c->count) {
		error_free(event->error);
		return error_set(err, ERR_REMOTE, "the fetcher spoke of an unknown blob");
	}
	work = &c->works[event->id - 1];
	switch (event->type) {
	case FETCH_EVENT_PROGRESS:
		/* A server that starts over sends the same bytes again. */
		work->valid = MAX(work->valid, MIN(event->offset, work->job->size_bytes));
		break;
	case FETCH_EVENT_DONE:
		work->valid = work->job->size_bytes;
		work->complete = true;
		work->fetching = false;
		break;
	case FETCH_EVENT_ERROR:
		work->fetching = false;
		return work_fail(c, work, event->error, err);
	}
	work_notify(work);
	show(c, false);
	return 0;
}

static int handle_fetcher(struct conductor *c, struct error **err)
{
	struct fetch_event event = {0};
	int more;

	while ((more = c->opts->source->next_event(c->opts->source->fetcher, &event, err)) > 0)
		if (handle_fetch_event(c, &event, err) < 0)
			return -1;
	return more;
}

/* The largest layer that waits for an unpacker. */
static struct work *next_work(struct conductor *c)
{
	struct work *best = NULL;

	for (size_t i = 0; i < c->count; i++) {
		struct work *work = &c->works[i];

		if (work->state == WORK_ACQUIRED &&
			(!best || work->job->size_bytes > best->job->size_bytes))
			best = work;
	}
	return best;
}

static int wait_for_events(struct conductor *c, struct error **err)
{
	struct pollfd *fds = xcalloc(2 * c->count + 1, sizeof(*fds));
	cleanup_free struct pollfd *owned = fds;
	size_t *of = xcalloc(2 * c->count + 1, sizeof(*of)), n = 0;
	cleanup_free size_t *owned_of = of;

	for (size_t i = 0; i < c->count; i++) {
		struct work *work = &c->works[i];

		if (work->state != WORK_RUNNING)
			continue;
		of[n] = i;
		fds[n++] = (struct pollfd){.fd = work->unpacker.control_fd, .events = POLLIN};
		if (work->notify_fd >= 0 && work->notified < work->valid) {
			of[n] = i;
			fds[n++] = (struct pollfd){.fd = work->notify_fd, .events = POLLOUT};
		}
	}
	if (c->opts->source)
		fds[n++] = (struct pollfd){
			.fd = c->opts->source->fd(c->opts->source->fetcher), .events = POLLIN};
	if (poll(fds, n, -1) < 0)
		return errno == EINTR ? 0 : error_errno(err, errno, "wait for layers");
	if (c->opts->source && fds[n - 1].revents && handle_fetcher(c, err) < 0)
		return -1;
	for (size_t i = 0; i < n - (c->opts->source ? 1 : 0); i++) {
		struct work *work = &c->works[of[i]];

		if (!fds[i].revents)
			continue;
		if (fds[i].events == POLLOUT)
			work_notify(work);
		else if (work_finish(c, work, err) < 0)
			return -1;
	}
	return 0;
}

/* Everything acquired: fetch and unpack. */
static int run_batch(struct conductor *c, struct error **err)
{
	if (userns_ensure(c, err) < 0)
		return -1;
	/* Asked for in the order in which they will be unpacked. */
	for (;;) {
		struct work *best = NULL;

		for (size_t i = 0; i < c->count; i++) {
			struct work *work = &c->works[i];

			if (work->state == WORK_ACQUIRED && !work->complete && !work->fetching &&
				(!best || work->job->size_bytes > best->job->size_bytes))
				best = work;
		}
		if (!best)
			break;
		if (work_fetch(c, best, err) < 0)
			return -1;
	}
	for (;;) {
		struct work *work;

		while (c->running < c->running_max && (work = next_work(c))) {
			if (work_start(c, work, err) < 0)
				return error_wrap(err, "layer %s", work->job->digest);
			work_notify(work);
		}
		if (c->running == 0)
			return 0;
		if (wait_for_events(c, err) < 0)
			return -1;
	}
}

/* The part, or a copy of a local source, becomes the blob; or is forgotten. */
static int work_settle_blob(struct conductor *c, struct work *work, struct error **err)
{
	char path[96];

	if (work->part_fd < 0)
		return 0;
	if (!c->opts->keep_blobs) {
		work_drop_part(c, work);
		return 0;
	}
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(work->job->digest));
	if (fchmod(work->part_fd, 0600) < 0 ||
		renameat(c->store->tmp_fd, work->part, c->store->images_fd, path) < 0)
		return error_errno(err, errno, "keep blob %s", work->job->digest);
	return 0;
}

/* Directories that a layer implies are as in the layers below, which all are unpacked now. */
static int adopt_batch(struct conductor *c, struct error **err)
{
	for (size_t i = 0; i < c->count; i++) {
		struct work *work = &c->works[i];
		int lowers[IMAGE_LAYERS_MAX], status;
		size_t count;

		if (work->state != WORK_UNPACKED || !work->result.implied_count)
			continue;
		count = open_lowers(c, work, lowers);
		status = layer_adopt_parents(work->writer, lowers, count, c->userns_fd, err);
		for (size_t j = 0; j < count; j++)
			close_keep_errno(lowers[j]);
		if (status < 0)
			return error_wrap(err, "layer %s", work->job->digest);
	}
	return 0;
}

static int commit_batch(struct conductor *c, struct error **err)
{
	bool any = false;

	for (size_t i = 0; i < c->count; i++) {
		struct work *work = &c->works[i];

		any |= work->state == WORK_UNPACKED;
		/* Gone before the sync, its pages need not be written. */
		if (work->state == WORK_UNPACKED && !c->opts->keep_blobs)
			work_drop_part(c, work);
	}
	if (!any)
		return 0;
	if (adopt_batch(c, err) < 0 || store_sync(c->store, err) < 0)
		return -1;
	for (size_t i = 0; i < c->count; i++) {
		struct work *work = &c->works[i];
		struct layer_record record = {0};
		int status;

		if (work->state != WORK_UNPACKED)
			continue;
		unpack_result_to_record(&work->result, &record);
		status = layer_commit(c->store, work->writer, &record, err);
		layer_record_clear(&record);
		if (status < 0 || work_settle_blob(c, work, err) < 0)
			return -1;
		layer_writer_free(c->store, work->writer, c->userns_fd);
		work->writer = NULL;
		work->state = WORK_DONE;
		fd_replace(&work->part_fd, -1);
	}
	return 0;
}

static struct work *find_pending(struct conductor *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->works[i].state == WORK_PENDING)
			return &c->works[i];
	return NULL;
}

static int acquire_batch(struct conductor *c, struct error **err)
{
	struct work *first = find_pending(c);
	bool any = false;

	for (size_t i = 0; i < c->count; i++) {
		int got;

		if (c->works[i].state != WORK_PENDING)
			continue;
		got = work_acquire(c, &c->works[i], LOCK_TRY, err);
		if (got < 0)
			return -1;
		any |= got > 0;
	}
	/* All are being fetched by others: wait for one, holding none. */
	if (!any && work_acquire(c, first, LOCK_WAIT, err) < 0)
		return -1;
	return 0;
}

static void conductor_add(struct conductor *c, const struct layer_job *job)
{
	struct work *work;

	for (size_t i = 0; i < c->count; i++)
		if (str_equal(c->works[i].job->diff_id, job->diff_id))
			return;
	work = &c->works[c->count];
	*work = (struct work){.job = job, .part_fd = -1, .notify_fd = -1};
	snprintf(work->part, sizeof(work->part), "%s.part", digest_hex(job->digest));
	c->shown[c->count] =
		(struct pull_layer){.digest = job->digest, .size_bytes = job->size_bytes};
	if (layer_exists(c->store, job->diff_id)) {
		work->state = WORK_DONE;
		c->shown[c->count].state = PULL_LAYER_EXISTS;
	}
	c->count++;
}

int layers_make(struct store *store, const struct layer_job *jobs, size_t count,
	const struct layers_options *opts, struct error **err)
{
	cleanup_conductor struct conductor c = {
		.store = store,
		.opts = opts,
		.works = xcalloc(count + 1, sizeof(*c.works)),
		.shown = xcalloc(count + 1, sizeof(*c.shown)),
		.userns_fd = -1,
		.running_max = worker_count(),
	};

	for (size_t i = 0; i < count; i++) {
		if (!digest_is_valid(jobs[i].diff_id) || !digest_is_valid(jobs[i].digest))
			return error_set(err, ERR_INVALID, "layer %zu has a malformed digest", i);
		conductor_add(&c, &jobs[i]);
	}
	show(&c, true);
	while (find_pending(&c)) {
		if (acquire_batch(&c, err) < 0 || run_batch(&c, err) < 0 ||
			commit_batch(&c, err) < 0)
			return -1;
		show(&c, true);
	}
	return 0;
}
