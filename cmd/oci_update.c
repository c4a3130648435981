#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgroup/resources.h"
#include "cmd/command.h"
#include "cmd/oci.h"
#include "oci/stats.h"
#include "util/fs.h"
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
	const char *resources, *blkio_weight, *cpu_period, *cpu_quota, *cpu_share, *cpuset_cpus,
		*cpuset_mems, *memory, *memory_reservation, *memory_swap, *pids_limit;
};

static const struct option_spec update_options[] = {
	OPTION_STRING("blkio-weight", 0, struct update_options, blkio_weight, "WEIGHT",
		"relative weight of its input and output, 10 to 1000"),
	OPTION_STRING("cpu-period", 0, struct update_options, cpu_period, "MICROSECONDS",
		"length of a period"),
	OPTION_STRING("cpu-quota", 0, struct update_options, cpu_quota, "MICROSECONDS",
		"processor time in each period; -1: no limit"),
	OPTION_STRING("cpu-share", 0, struct update_options, cpu_share, "SHARES",
		"relative weight of its processor time, 2 to 262144"),
	OPTION_STRING("cpuset-cpus", 0, struct update_options, cpuset_cpus, "LIST",
		"processors to run on"),
	OPTION_STRING("cpuset-mems", 0, struct update_options, cpuset_mems, "LIST",
		"memory nodes to use"),
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

static int take_number(const char *option, const char *text, int64_t min, int64_t *value,
	struct cgroup_resources *resources, unsigned int given, struct error **err)
{
	if (!text)
		return 0;
	if (str_to_int64(text, min, INT64_MAX, value) < 0)
		return error_set(err, ERR_USAGE, "--%s '%s': must be a number, at least %lld",
			option, text, (long long)min);
	resources->given |= given;
	return 0;
}

static int take_unsigned(const char *option, const char *text, uint64_t *value,
	struct cgroup_resources *resources, unsigned int given, struct error **err)
{
	int64_t number;

	if (take_number(option, text, 0, &number, resources, given, err) < 0)
		return -1;
	if (text)
		*value = (uint64_t)number;
	return 0;
}

static int take_bytes(const char *option, const char *text, int64_t *value,
	struct cgroup_resources *resources, unsigned int given, struct error **err)
{
	uint64_t bytes;

	if (!text)
		return 0;
	if (str_equal(text, "-1")) {
		*value = -1;
	} else {
		if (str_to_size(text, &bytes, err) < 0)
			return error_wrap(err, "--%s", option);
		if (bytes > INT64_MAX)
			return error_set(err, ERR_USAGE, "--%s '%s': too large", option, text);
		*value = (int64_t)bytes;
	}
	resources->given |= given;
	return 0;
}

static int take_options(
	const struct update_options *o, struct cgroup_resources *r, struct error **err)
{
	if (take_unsigned(
		    "blkio-weight", o->blkio_weight, &r->io_weight, r, CGROUP_IO_WEIGHT, err) < 0 ||
		take_unsigned("cpu-period", o->cpu_period, &r->cpu_period, r, CGROUP_CPU_PERIOD,
			err) < 0 ||
		take_number("cpu-quota", o->cpu_quota, -1, &r->cpu_quota, r, CGROUP_CPU_QUOTA,
			err) < 0 ||
		take_unsigned(
			"cpu-share", o->cpu_share, &r->cpu_shares, r, CGROUP_CPU_SHARES, err) < 0 ||
		take_bytes("memory", o->memory, &r->memory_limit, r, CGROUP_MEMORY_LIMIT, err) <
			0 ||
		take_bytes("memory-reservation", o->memory_reservation, &r->memory_reservation, r,
			CGROUP_MEMORY_RESERVATION, err) < 0 ||
		take_bytes("memory-swap", o->memory_swap, &r->memory_swap, r, CGROUP_MEMORY_SWAP,
			err) < 0 ||
		take_number("pids-limit", o->pids_limit, -1, &r->pids_limit, r, CGROUP_PIDS_LIMIT,
			err) < 0)
		return -1;
	if (o->cpuset_cpus) {
		free(r->cpuset_cpus);
		r->cpuset_cpus = xstrdup(o->cpuset_cpus);
	}
	if (o->cpuset_mems) {
		free(r->cpuset_mems);
		r->cpuset_mems = xstrdup(o->cpuset_mems);
	}
	return 0;
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
	int first;

	if (options_parse(&command_oci_update, argc, argv, &opts, &first, err) < 0 ||
		read_resources(opts.resources, &resources, err) < 0 ||
		take_options(&opts, resources, err) < 0 || oci_open_root(ctx, &root, err) < 0)
		return -1;
	return oci_update(&root, argv[first], resources, err);
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

static int print_line(void *data, const struct strbuf *line, struct error **err)
{
	struct command_context *ctx = data;

	command_print(ctx, "%s", strbuf_str(line));
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
