#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/resources.h"
#include "cmd/command.h"
#include "cmd/oci.h"
#include "oci/stats.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

/* pause, resume, update, events */

extern const struct command command_oci_pause, command_oci_resume, command_oci_update,
	command_oci_events;

#define RESOURCES_MAX (1u << 20) /* bytes */

static int pause_or_resume(struct command_context *ctx, const struct command *command, int argc,
	char **argv, bool paused, struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	int first;

	if (options_parse(command, argc, argv, NULL, &first, err) < 0 ||
		oci_open_root(ctx, &root, err) < 0)
		return -1;
	return oci_pause(&root, argv[first], paused, err);
}

static int pause_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	return pause_or_resume(ctx, &command_oci_pause, argc, argv, true, err);
}

static int resume_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	return pause_or_resume(ctx, &command_oci_resume, argc, argv, false, err);
}

const struct command command_oci_pause = {
	.name = "pause",
	.summary = "stop all processes of a container until it is resumed",
	.operands = "ID",
	.min_operands = 1,
	.max_operands = 1,
	.exit_status = OCI_EXIT_STATUS,
	.run = pause_run,
};

const struct command command_oci_resume = {
	.name = "resume",
	.summary = "let the processes of a paused container go on",
	.operands = "ID",
	.min_operands = 1,
	.max_operands = 1,
	.exit_status = OCI_EXIT_STATUS,
	.run = resume_run,
};

/* -------- update -------- */

struct update_options {
	const char *resources, *blkio_weight, *cpu_burst, *cpu_idle, *cpu_period, *cpu_quota,
		*cpu_rt_period, *cpu_rt_runtime, *cpu_share, *cpuset_cpus, *cpuset_mems,
		*kernel_memory, *kernel_memory_tcp, *l3_cache_schema, *mem_bw_schema, *memory,
		*memory_reservation, *memory_swap, *pids_limit;
};

static const struct option_spec update_options[] = {
	OPTION_STRING("blkio-weight", 0, struct update_options, blkio_weight, "WEIGHT",
		"relative weight of its input and output, 10 to 1000"),
	OPTION_STRING("cpu-burst", 0, struct update_options, cpu_burst, "MICROSECONDS",
		"processor time that may be saved up and used beyond the quota"),
	OPTION_STRING("cpu-idle", 0, struct update_options, cpu_idle, "0|1",
		"run only when nobody else wants the processor"),
	OPTION_STRING("cpu-period", 0, struct update_options, cpu_period, "MICROSECONDS",
		"length of a period"),
	OPTION_STRING("cpu-quota", 0, struct update_options, cpu_quota, "MICROSECONDS",
		"processor time in each period; -1: no limit"),
	OPTION_STRING("cpu-rt-period", 0, struct update_options, cpu_rt_period, "MICROSECONDS",
		"refused but for 0: cgroup v2 has no real-time budget"),
	OPTION_STRING("cpu-rt-runtime", 0, struct update_options, cpu_rt_runtime, "MICROSECONDS",
		"refused but for 0: cgroup v2 has no real-time budget"),
	OPTION_STRING("cpu-share", 0, struct update_options, cpu_share, "SHARES",
		"relative weight of its processor time, 2 to 262144"),
	OPTION_STRING("cpuset-cpus", 0, struct update_options, cpuset_cpus, "LIST",
		"processors to run on"),
	OPTION_STRING("cpuset-mems", 0, struct update_options, cpuset_mems, "LIST",
		"memory nodes to use"),
	OPTION_STRING("kernel-memory", 0, struct update_options, kernel_memory, "BYTES",
		"refused but for 0 and -1: cgroup v2 counts it as memory"),
	OPTION_STRING("kernel-memory-tcp", 0, struct update_options, kernel_memory_tcp, "BYTES",
		"refused but for 0 and -1: cgroup v2 counts it as memory"),
	OPTION_STRING("l3-cache-schema", 0, struct update_options, l3_cache_schema, "SCHEMA",
		"share of the processor's cache, as linux.intelRdt.l3CacheSchema"),
	OPTION_STRING("mem-bw-schema", 0, struct update_options, mem_bw_schema, "SCHEMA",
		"share of the memory's bandwidth, as linux.intelRdt.memBwSchema"),
	OPTION_STRING(
		"memory", 0, struct update_options, memory, "BYTES", "most memory; -1: no limit"),
	OPTION_STRING("memory-reservation", 0, struct update_options, memory_reservation, "BYTES",
		"memory that is kept for it when there is little"),
	OPTION_STRING("memory-swap", 0, struct update_options, memory_swap, "BYTES",
		"most memory and swap together; -1: no limit"),
	OPTION_STRING("pids-limit", 0, struct update_options, pids_limit, "N",
		"most processes and threads; -1: no limit"),
	OPTION_STRING("resources", 'r', struct update_options, resources, "FILE",
		"read linux.resources from FILE, \"-\": standard input; other options are added",
		.complete = COMPLETE_FILE),
	OPTION_END,
};

/* The member of linux.resources that an option stands for; its rules are the member's. */
static const struct {
	size_t offset; /* in struct update_options */
	enum { MEMBER_NUMBER, MEMBER_BYTES, MEMBER_TEXT } kind;
	const char *option, *object, *member;
} update_members[] = {
#define MEMBER(o, k, n, object, member)                                                            \
	{                                                                                          \
		offsetof(struct update_options, o), k, n, object, member                           \
	}
	MEMBER(blkio_weight, MEMBER_NUMBER, "blkio-weight", "blockIO", "weight"),
	MEMBER(cpu_burst, MEMBER_NUMBER, "cpu-burst", "cpu", "burst"),
	MEMBER(cpu_idle, MEMBER_NUMBER, "cpu-idle", "cpu", "idle"),
	MEMBER(cpu_period, MEMBER_NUMBER, "cpu-period", "cpu", "period"),
	MEMBER(cpu_quota, MEMBER_NUMBER, "cpu-quota", "cpu", "quota"),
	MEMBER(cpu_rt_period, MEMBER_NUMBER, "cpu-rt-period", "cpu", "realtimePeriod"),
	MEMBER(cpu_rt_runtime, MEMBER_NUMBER, "cpu-rt-runtime", "cpu", "realtimeRuntime"),
	MEMBER(cpu_share, MEMBER_NUMBER, "cpu-share", "cpu", "shares"),
	MEMBER(cpuset_cpus, MEMBER_TEXT, "cpuset-cpus", "cpu", "cpus"),
	MEMBER(cpuset_mems, MEMBER_TEXT, "cpuset-mems", "cpu", "mems"),
	MEMBER(kernel_memory, MEMBER_BYTES, "kernel-memory", "memory", "kernel"),
	MEMBER(kernel_memory_tcp, MEMBER_BYTES, "kernel-memory-tcp", "memory", "kernelTCP"),
	MEMBER(memory, MEMBER_BYTES, "memory", "memory", "limit"),
	MEMBER(memory_reservation, MEMBER_BYTES, "memory-reservation", "memory", "reservation"),
	MEMBER(memory_swap, MEMBER_BYTES, "memory-swap", "memory", "swap"),
	MEMBER(pids_limit, MEMBER_NUMBER, "pids-limit", "pids", "limit"),
#undef MEMBER
};

/* TEXT as a resources object with this one member. */
static int take_member(
	size_t i, const char *text, struct cgroup_resources *into, struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *parsed = NULL;
	cleanup_strbuf struct strbuf json = STRBUF_INIT;
	cleanup_free char *name = xasprintf("--%s", update_members[i].option);
	struct json_writer w = json_writer_init(&json, 0);
	int64_t number;
	uint64_t bytes;

	json_write_object_begin(&w);
	json_write_key(&w, update_members[i].object);
	json_write_object_begin(&w);
	if (update_members[i].kind == MEMBER_TEXT) {
		json_put_string(&w, update_members[i].member, text);
	} else if (update_members[i].kind == MEMBER_BYTES && !str_equal(text, "-1")) {
		if (str_to_size(text, &bytes, err) < 0)
			return error_wrap(err, "%s", name);
		json_put_uint(&w, update_members[i].member, bytes);
	} else {
		if (str_to_int64(text, INT64_MIN, INT64_MAX, &number) < 0)
			return error_set(err, ERR_USAGE, "%s '%s': must be a number", name, text);
		json_put_int(&w, update_members[i].member, number);
	}
	json_write_object_end(&w);
	json_write_object_end(&w);
	if (cgroup_resources_parse_text(json.data, json.len, name, &parsed, err) < 0)
		return -1;
	cgroup_resources_merge(into, parsed);
	return 0;
}

/* How many options about resources there were, or -1. */
static int take_options(
	const struct update_options *opts, struct cgroup_resources *resources, struct error **err)
{
	int count = opts->resources != NULL;

	for (size_t i = 0; i < ARRAY_SIZE(update_members); i++) {
		const char *text;

		memcpy(&text, (const char *)opts + update_members[i].offset, sizeof(text));
		if (text && take_member(i, text, resources, err) < 0)
			return -1;
		count += text != NULL;
	}
	return count;
}

static int read_resources(const char *path, struct cgroup_resources **ret, struct error **err)
{
	cleanup_free char *text = NULL;
	cleanup_close int fd = -1;
	size_t len;

	if (!path) {
		*ret = xcalloc(1, sizeof(**ret));
		return 0;
	}
	fd = str_equal(path, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				  : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open '%s'", path);
	if (read_fd_limited(fd, RESOURCES_MAX, &text, &len, err) < 0)
		return error_wrap(err, "resources '%s'", path);
	return cgroup_resources_parse_text(text, len, path, ret, err);
}

static int update_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *resources = NULL;
	cleanup_oci_root struct oci_root root = {.fd = -1};
	struct update_options opts = {0};
	bool classes;
	int first, count;

	if (options_parse(&command_oci_update, argc, argv, &opts, &first, err) < 0 ||
		read_resources(opts.resources, &resources, err) < 0)
		return -1;
	classes = opts.l3_cache_schema || opts.mem_bw_schema;
	count = take_options(&opts, resources, err);
	if (count < 0 || oci_open_root(ctx, &root, err) < 0)
		return -1;
	if ((count || !classes) && oci_update(&root, argv[first], resources, err) < 0)
		return -1;
	return classes ? oci_update_rdt(
				 &root, argv[first], opts.l3_cache_schema, opts.mem_bw_schema, err)
		       : 0;
}

const struct command command_oci_update = {
	.name = "update",
	.summary = "change the resource limits of a container",
	.operands = "ID",
	.examples = "pod oci update --memory 512m web\npod oci update --resources - web",
	.min_operands = 1,
	.max_operands = 1,
	.exit_status = OCI_EXIT_STATUS,
	.options = update_options,
	.run = update_run,
};

/* -------- events -------- */

struct events_options {
	const char *interval;
	bool stats;
};

static const struct option_spec events_options[] = {
	OPTION_STRING("interval", 0, struct events_options, interval, "DURATION",
		"time between statistics", .default_text = "5s"),
	OPTION_BOOL("stats", 0, struct events_options, stats, "statistics once, and no more"),
	OPTION_END,
};

static int print_line(void *data, const char *line, struct error **err)
{
	struct command_context *ctx = data;

	command_print(ctx, "%s", line);
	return command_flush(ctx, err);
}

static int events_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct events_options opts = {.interval = "5s"};
	cleanup_oci_root struct oci_root root = {.fd = -1};
	struct oci_events_options events;
	int64_t interval_ns;
	int first;

	if (options_parse(&command_oci_events, argc, argv, &opts, &first, err) < 0 ||
		duration_parse(opts.interval, &interval_ns, err) < 0)
		return -1;
	if (interval_ns < 1000000 || interval_ns > (int64_t)NS_PER_SECOND * 86400)
		return error_set(
			err, ERR_USAGE, "--interval '%s': must be 1ms to 24h", opts.interval);
	events = (struct oci_events_options){
		.id = argv[first],
		.interval_ms = (uint64_t)interval_ns / 1000000,
		.once = opts.stats,
	};
	if (oci_open_root(ctx, &root, err) < 0)
		return -1;
	return oci_events(&root, &events, print_line, ctx, err);
}

const struct command command_oci_events = {
	.name = "events",
	.summary = "print statistics and memory shortages of a container as JSON lines",
	.operands = "ID",
	.min_operands = 1,
	.max_operands = 1,
	.exit_status = OCI_EXIT_STATUS,
	.options = events_options,
	.run = events_run,
};
