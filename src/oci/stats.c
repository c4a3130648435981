#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cgroup/devices.h"
#include "cgroup/file.h"
#include "oci/container.h"
#include "oci/group.h"
#include "oci/stats.h"
#include "runtime/intel_rdt.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

static int open_running(const struct oci_root *root, const char *id,
	struct oci_container *container, struct cgroup *group, struct error **err)
{
	if (oci_container_open(root, id, container, err) < 0)
		return -1;
	if (oci_container_status(container) == OCI_STOPPED)
		return error_set(err, ERR_CONFLICT, "container '%s': container not running", id);
	return oci_group_open(&container->record, group, err);
}

int oci_pause(const struct oci_root *root, const char *id, bool paused, struct error **err)
{
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	cleanup_cgroup struct cgroup group = CGROUP_INIT;

	if (open_running(root, id, &container, &group, err) < 0)
		return -1;
	if (!paused && !cgroup_is_frozen(&group))
		return error_set(err, ERR_CONFLICT, "container '%s' is not paused", id);
	return cgroup_freeze(&group, paused, err);
}

int oci_update(const struct oci_root *root, const char *id, struct cgroup_resources *resources,
	struct error **err)
{
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	cleanup_cgroup struct cgroup group = CGROUP_INIT;

	if (open_running(root, id, &container, &group, err) < 0 ||
		cgroup_apply(&group, resources, err) < 0)
		return -1;
	if (!resources->device_count)
		return 0;
	cgroup_devices_add_default(resources);
	return cgroup_devices_apply(&group, resources, err);
}

int oci_update_rdt(const struct oci_root *root, const char *id, const char *l3_cache_schema,
	const char *mem_bw_schema, struct error **err)
{
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	cleanup_runtime_spec struct runtime_spec *spec = NULL;
	cleanup_close int root_fd = -1;
	struct runtime_intel_rdt rdt = {
		.l3_cache_schema = (char *)(uintptr_t)l3_cache_schema,
		.mem_bw_schema = (char *)(uintptr_t)mem_bw_schema,
	};

	if (oci_container_open(root, id, &container, err) < 0)
		return -1;
	spec = oci_config_read(container.dir_fd, "config.json", NULL, NULL, err);
	if (!spec)
		return error_wrap(err, "container '%s'", id);
	if (!spec->intel_rdt.set)
		return error_set(err, ERR_INVALID,
			"container '%s': its config.json has no linux.intelRdt to change", id);
	rdt.clos_id = spec->intel_rdt.clos_id;
	root_fd = intel_rdt_root(err);
	if (root_fd < 0 || intel_rdt_update(root_fd, &rdt, id, err) < 0)
		return error_wrap(err, "container '%s'", id);
	return 0;
}

/* -------- events -------- */

static void put_known(struct json_writer *w, const char *key, uint64_t value)
{
	if (value != UINT64_MAX)
		json_put_uint(w, key, value);
}

static void put_memory(
	struct json_writer *w, const char *key, uint64_t usage, uint64_t max, uint64_t limit)
{
	json_write_key(w, key);
	json_write_object_begin(w);
	json_put_uint(w, "limit", limit);
	put_known(w, "usage", usage);
	put_known(w, "max", max);
	json_write_object_end(w);
}

/* UINT64_MAX, unknown or without limit, stays what it is. */
static uint64_t together(uint64_t memory, uint64_t swap)
{
	return memory == UINT64_MAX || swap == UINT64_MAX ? UINT64_MAX : memory + swap;
}

/* All lines of memory.stat. */
static void write_memory_raw(struct json_writer *w, const struct cgroup *group)
{
	char text[8192], *rest = text, *line;

	json_write_key(w, "raw");
	json_write_object_begin(w);
	if (group && cgroup_file_read(group->fd, "memory.stat", text, sizeof(text)) == 0)
		while ((line = strsep(&rest, "\n"))) {
			char *value = strchr(line, ' ');
			uint64_t number;

			if (!value)
				continue;
			*value++ = '\0';
			if (str_to_uint64(value, UINT64_MAX, &number) == 0)
				json_put_uint(w, line, number);
		}
	json_write_object_end(w);
}

/* One of runc's lists of io.stat: a device's numbers for each operation. */
static void write_io_list(
	struct json_writer *w, const char *key, const char *io_stat, const char *const names[3])
{
	static const char *const operations[] = {"Read", "Write", "Discard"};
	cleanup_free char *copy = xstrdup(io_stat);
	char *rest = copy, *line;

	json_write_key(w, key);
	json_write_array_begin(w);
	while ((line = strsep(&rest, "\n"))) {
		unsigned int major, minor;

		if (sscanf(line, "%u:%u ", &major, &minor) != 2)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
			const char *found = strstr(line, names[i]);
			unsigned long long value;

			if (!found || sscanf(found + strlen(names[i]), "%llu", &value) != 1)
				continue;
			json_write_object_begin(w);
			json_put_uint(w, "major", major);
			json_put_uint(w, "minor", minor);
			json_put_string(w, "op", operations[i]);
			json_put_uint(w, "value", value);
			json_write_object_end(w);
		}
	}
	json_write_array_end(w);
}

static void write_io(struct json_writer *w, const struct cgroup *group)
{
	char text[16384]; /* a line for each device, up to 100 bytes */

	json_write_key(w, "blkio");
	json_write_object_begin(w);
	if (group && cgroup_file_read(group->fd, "io.stat", text, sizeof(text)) == 0) {
		write_io_list(w, "ioServiceBytesRecursive", text,
			(const char *const[]){" rbytes=", " wbytes=", " dbytes="});
		write_io_list(w, "ioServicedRecursive", text,
			(const char *const[]){" rios=", " wios=", " dios="});
	}
	json_write_object_end(w);
}

/* The members that runc writes, as far as cgroup v2 has them; as in runc, swap is memory and swap
 * together, as version 1 counted. */
static void write_stats(
	struct json_writer *w, const struct cgroup *group, const struct cgroup_stats *stats)
{
	json_write_key(w, "cpu");
	json_write_object_begin(w);
	json_write_key(w, "usage");
	json_write_object_begin(w);
	if (stats->cpu_usage_us != UINT64_MAX) {
		json_put_uint(w, "total", stats->cpu_usage_us * 1000);
		json_put_uint(w, "kernel", stats->cpu_system_us * 1000);
		json_put_uint(w, "user", stats->cpu_user_us * 1000);
	}
	json_write_object_end(w);
	json_write_key(w, "throttling");
	json_write_object_begin(w);
	put_known(w, "periods", stats->cpu_periods);
	put_known(w, "throttledPeriods", stats->cpu_throttled_periods);
	if (stats->cpu_throttled_us != UINT64_MAX)
		json_put_uint(w, "throttledTime", stats->cpu_throttled_us * 1000);
	json_write_object_end(w);
	json_write_object_end(w);

	json_write_key(w, "memory");
	json_write_object_begin(w);
	put_known(w, "cache", stats->memory_file);
	if (stats->memory_usage != UINT64_MAX)
		put_memory(w, "usage", stats->memory_usage, stats->memory_max_usage,
			stats->memory_limit);
	if (stats->memory_swap_usage != UINT64_MAX)
		put_memory(w, "swap", together(stats->memory_usage, stats->memory_swap_usage),
			UINT64_MAX, together(stats->memory_limit, stats->memory_swap_limit));
	write_memory_raw(w, group);
	json_write_object_end(w);

	json_write_key(w, "pids");
	json_write_object_begin(w);
	put_known(w, "current", stats->pids_current);
	if (stats->pids_limit != UINT64_MAX)
		json_put_uint(w, "limit", stats->pids_limit);
	json_write_object_end(w);
	write_io(w, group);
}

char *oci_event_text(const char *type, const char *id, const struct cgroup *group,
	const struct cgroup_stats *stats)
{
	struct strbuf line = STRBUF_INIT;
	struct json_writer w = json_writer_init(&line, 0);

	json_write_object_begin(&w);
	json_put_string(&w, "type", type);
	json_put_string(&w, "id", id);
	if (stats) {
		json_write_key(&w, "data");
		json_write_object_begin(&w);
		write_stats(&w, group, stats);
		json_write_object_end(&w);
	}
	json_write_object_end(&w);
	strbuf_addch(&line, '\n');
	return strbuf_detach(&line);
}

struct events {
	const struct oci_events_options *opts;
	struct cgroup *group;
	int (*print)(void *data, const char *line, struct error **err);
	void *data;
	uint64_t oom_kills; /* seen so far */
};

static int print_event(
	struct events *e, const char *type, const struct cgroup_stats *stats, struct error **err)
{
	cleanup_free char *line = oci_event_text(type, e->opts->id, e->group, stats);

	return e->print(e->data, line, err);
}

/* Processes killed for want of memory since the last look. */
static int look_for_oom(struct events *e, const struct cgroup_stats *stats, struct error **err)
{
	uint64_t now = stats->memory_oom_kill;
	int result = 0;

	if (now != UINT64_MAX && e->oom_kills != UINT64_MAX && now > e->oom_kills)
		result = print_event(e, "oom", NULL, err);
	e->oom_kills = now;
	return result;
}

/* A descriptor that is readable when memory.events changes; -1: this group has none. */
static int watch_memory(const struct cgroup *group)
{
	cleanup_free char *path = xasprintf("/proc/self/fd/%d/memory.events", group->fd);
	cleanup_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
		return -1;
	return steal_fd(&fd);
}

static int events_loop(struct events *e, int pidfd, struct error **err)
{
	cleanup_close int watch_fd = watch_memory(e->group);
	int64_t next_ms = time_monotonic_ms() + (int64_t)e->opts->interval_ms;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = pidfd, .events = POLLIN},
			{.fd = watch_fd, .events = POLLIN},
		};
		int64_t now = time_monotonic_ms();
		struct cgroup_stats stats;
		char ignored[4096];

		if (poll(fds, 2, now < next_ms ? (int)(next_ms - now) : 0) < 0 && errno != EINTR)
			return error_errno(err, errno, "wait for events");
		if (fds[0].revents)
			return 0;
		while (watch_fd >= 0 && read(watch_fd, ignored, sizeof(ignored)) > 0)
			;
		if (cgroup_stats_read(e->group, &stats, err) < 0 ||
			look_for_oom(e, &stats, err) < 0)
			return -1;
		if (time_monotonic_ms() < next_ms)
			continue;
		next_ms = time_monotonic_ms() + (int64_t)e->opts->interval_ms;
		if (print_event(e, "stats", &stats, err) < 0)
			return -1;
	}
}

int oci_events(const struct oci_root *root, const struct oci_events_options *opts,
	int (*print)(void *data, const char *line, struct error **err), void *data,
	struct error **err)
{
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	cleanup_cgroup struct cgroup group = CGROUP_INIT;
	struct events events = {.opts = opts, .group = &group, .print = print, .data = data};
	cleanup_close int pidfd = -1;
	struct cgroup_stats stats;

	if (open_running(root, opts->id, &container, &group, err) < 0)
		return -1;
	pidfd = oci_container_pidfd(&container);
	if (cgroup_stats_read(&group, &stats, err) < 0)
		return -1;
	events.oom_kills = stats.memory_oom_kill;
	if (opts->once)
		return print_event(&events, "stats", &stats, err);
	return pidfd < 0 ? 0 : events_loop(&events, pidfd, err);
}
