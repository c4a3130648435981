#include "config.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/select.h"
#include "container/stats.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/table.h"
#include "util/timefmt.h"

/* One line of the listing: a container now, and as it was the round before. */
struct stats_row {
	struct container *container;
	struct container_stats now, before;
	bool has_before, no_trunc;
};

struct stats_options {
	bool all, latest, no_reset, no_stream, no_trunc, stream;
	const char *format;
	uint32_t interval_s;
};

static const struct option_spec stats_options[] = {
	OPTION_BOOL("all", 'a', struct stats_options, all, "All containers, running or not"),
	OPTION_STRING("format", 0, struct stats_options, format, "TEMPLATE",
		"Print with a template, or as json"),
	OPTION_UINT32("interval", 'i', struct stats_options, interval_s, "SECONDS",
		"Time between two readings", .default_text = "5"),
	OPTION_BOOL("latest", 'l', struct stats_options, latest, "The last created container"),
	OPTION_BOOL("no-reset", 0, struct stats_options, no_reset,
		"Do not clear the screen between readings"),
	OPTION_BOOL("no-stream", 0, struct stats_options, no_stream, "Print one reading and end"),
	OPTION_BOOL("no-trunc", 0, struct stats_options, no_trunc, "Do not shorten ids"),
	OPTION_END,
};

static uint64_t known(uint64_t value)
{
	return value == UINT64_MAX ? 0 : value;
}

/* Between the two readings; with one alone since the container's start. */
static double cpu_percent(const struct stats_row *row)
{
	uint64_t used_us = known(row->now.group.cpu_usage_us), time_ns = row->now.up_ns;

	if (row->has_before) {
		used_us -= MIN(used_us, known(row->before.group.cpu_usage_us));
		time_ns = row->now.time_ns - row->before.time_ns;
	}
	return time_ns ? (double)used_us * 1000.0 * 100.0 / (double)time_ns : 0;
}

static double average_cpu_percent(const struct stats_row *row)
{
	return row->now.up_ns ? (double)known(row->now.group.cpu_usage_us) * 1000.0 * 100.0 /
					(double)row->now.up_ns
			      : 0;
}

/* As docker and podman count: what the kernel would give back first is not in it. */
static uint64_t memory_usage(const struct stats_row *row)
{
	uint64_t usage = known(row->now.group.memory_usage);

	return usage - MIN(usage, known(row->now.group.memory_inactive_file));
}

static double memory_percent(const struct stats_row *row)
{
	return row->now.memory_limit
		       ? (double)memory_usage(row) * 100.0 / (double)row->now.memory_limit
		       : 0;
}

static bool is_measured(const struct stats_row *row)
{
	return row->now.time_ns != 0;
}

static void percent(const void *row, double value, struct strbuf *out)
{
	if (is_measured(row))
		strbuf_addf(out, "%.2f%%", value);
	else
		strbuf_addstr(out, "--");
}

static void pair(const void *row, uint64_t a, uint64_t b, struct strbuf *out)
{
	if (!is_measured(row)) {
		strbuf_addstr(out, "-- / --");
		return;
	}
	size_human(a, 4, out);
	strbuf_addstr(out, " / ");
	size_human(b, 4, out);
}

static void id_text(const void *row, struct strbuf *out)
{
	const struct stats_row *r = row;

	strbuf_add(out, r->container->config->id, r->no_trunc ? 64 : 12);
}

static void name_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, ((const struct stats_row *)row)->container->config->name);
}

static void cpu_text(const void *row, struct strbuf *out)
{
	percent(row, cpu_percent(row), out);
}

static void average_cpu_text(const void *row, struct strbuf *out)
{
	percent(row, average_cpu_percent(row), out);
}

static void cpu_time_text(const void *row, struct strbuf *out)
{
	const struct stats_row *r = row;
	uint64_t us = known(r->now.group.cpu_usage_us);

	if (!is_measured(row))
		strbuf_addstr(out, "--");
	else if (us < 1000000)
		strbuf_addf(out, "%.6gms", (double)us / 1000.0);
	else if (us < 60000000)
		strbuf_addf(out, "%.9gs", (double)us / 1000000.0);
	else
		strbuf_addf(out, "%" PRIu64 "m%.9gs", us / 60000000,
			(double)(us % 60000000) / 1000000.0);
}

static void memory_text(const void *row, struct strbuf *out)
{
	pair(row, memory_usage(row), ((const struct stats_row *)row)->now.memory_limit, out);
}

static void memory_percent_text(const void *row, struct strbuf *out)
{
	percent(row, memory_percent(row), out);
}

static void network_text(const void *row, struct strbuf *out)
{
	const struct container_stats *s = &((const struct stats_row *)row)->now;

	pair(row, s->network_in_bytes, s->network_out_bytes, out);
}

static void block_text(const void *row, struct strbuf *out)
{
	const struct cgroup_stats *s = &((const struct stats_row *)row)->now.group;

	pair(row, known(s->io_read_bytes), known(s->io_write_bytes), out);
}

static void pids_text(const void *row, struct strbuf *out)
{
	const struct stats_row *r = row;

	if (!is_measured(row))
		strbuf_addstr(out, "--");
	else
		strbuf_addf(out, "%" PRIu64, known(r->now.group.pids_current));
}

static void number_text(uint64_t value, struct strbuf *out)
{
	strbuf_addf(out, "%" PRIu64, value);
}

static void memory_limit_text(const void *row, struct strbuf *out)
{
	number_text(((const struct stats_row *)row)->now.memory_limit, out);
}

static void memory_bytes_text(const void *row, struct strbuf *out)
{
	number_text(memory_usage(row), out);
}

/* podman's names, for columns and for JSON; docker's in its own words beside them. */
static const struct table_field stats_fields[] = {
	{"ID", NULL, id_text, "id"},
	{"ContainerID", "ID", id_text, NULL},
	{"Container", NULL, id_text, NULL},
	{"Name", NULL, name_text, "name"},
	{"CPUTime", "CPU TIME", cpu_time_text, "cpu_time"},
	{"CPUPerc", "CPU %", cpu_text, "cpu_percent"},
	{"CPU", "CPU %", cpu_text, NULL},
	{"AVGCPU", "AVG CPU %", average_cpu_text, "avg_cpu"},
	{"AvgCPU", "AVG CPU %", average_cpu_text, NULL},
	{"MemUsage", "MEM USAGE / LIMIT", memory_text, "mem_usage"},
	{"MemUsageBytes", "MEM USAGE", memory_bytes_text, NULL},
	{"MemLimit", "MEM LIMIT", memory_limit_text, NULL},
	{"MemPerc", "MEM %", memory_percent_text, "mem_percent"},
	{"Mem", "MEM %", memory_percent_text, NULL},
	{"NetIO", "NET IO", network_text, "net_io"},
	{"BlockIO", "BLOCK IO", block_text, "block_io"},
	{"PIDs", NULL, pids_text, "pids"},
	{"PIDS", NULL, pids_text, NULL},
	{NULL},
};

static const struct table stats_table = {stats_fields,
	"table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t"
	"{{.BlockIO}}\t{{.PIDs}}\t{{.CPUTime}}\t{{.AvgCPU}}"};

/* docker's: memory in binary units, no times. */
static void docker_memory_text(const void *row, struct strbuf *out)
{
	if (!is_measured(row)) {
		strbuf_addstr(out, "-- / --");
		return;
	}
	size_human_binary(memory_usage(row), 4, out);
	strbuf_addstr(out, " / ");
	size_human_binary(((const struct stats_row *)row)->now.memory_limit, 4, out);
}

static void docker_pair(const void *row, uint64_t a, uint64_t b, struct strbuf *out)
{
	if (!is_measured(row)) {
		strbuf_addstr(out, "--");
		return;
	}
	size_human(a, 3, out);
	strbuf_addstr(out, " / ");
	size_human(b, 3, out);
}

static void docker_network_text(const void *row, struct strbuf *out)
{
	const struct container_stats *s = &((const struct stats_row *)row)->now;

	docker_pair(row, s->network_in_bytes, s->network_out_bytes, out);
}

static void docker_block_text(const void *row, struct strbuf *out)
{
	const struct cgroup_stats *s = &((const struct stats_row *)row)->now.group;

	docker_pair(row, known(s->io_read_bytes), known(s->io_write_bytes), out);
}

static const struct table_field docker_fields[] = {
	{"BlockIO", "BLOCK I/O", docker_block_text, "BlockIO"},
	{"CPUPerc", "CPU %", cpu_text, "CPUPerc"},
	{"Container", NULL, id_text, "Container"},
	{"ID", "CONTAINER ID", id_text, "ID"},
	{"MemPerc", "MEM %", memory_percent_text, "MemPerc"},
	{"MemUsage", "MEM USAGE / LIMIT", docker_memory_text, "MemUsage"},
	{"Name", NULL, name_text, "Name"},
	{"NetIO", "NET I/O", docker_network_text, "NetIO"},
	{"PIDs", NULL, pids_text, "PIDs"},
	{NULL},
};

static const struct table docker_table = {docker_fields,
	"table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t"
	"{{.BlockIO}}\t{{.PIDs}}"};

/* One round. Returns the command's status so far, -1 with ERR when none can be read at all. */
static int read_round(struct stats_row *rows, size_t count, bool named, struct error **err)
{
	for (size_t i = 0; i < count; i++) {
		struct stats_row *row = &rows[i];
		cleanup_error struct error *one = NULL;

		row->before = row->now;
		row->has_before = is_measured(row);
		row->now = (struct container_stats){0};
		if (container_refresh(row->container, &one) == 0 &&
			container_stats_read(row->container, &row->now, &one) == 0)
			continue;
		row->has_before = false;
		/* One that has ended shows as such; one that cannot be measured at all is told. */
		if (one->kind == ERR_UNSUPPORTED && named)
			return error_move(err, &one);
	}
	return 0;
}

static int print_round(struct command_context *ctx, const struct stats_options *opts,
	struct stats_row *rows, size_t count, bool named, struct error **err)
{
	const struct table_options table = {.format = opts->format, .docker = docker_called()};
	cleanup_free const void **shown = xcalloc(count + 1, sizeof(*shown));
	size_t shown_count = 0;

	for (size_t i = 0; i < count; i++)
		if (opts->all || named || is_measured(&rows[i]))
			shown[shown_count++] = &rows[i];
	if (table_print(docker_called() ? &docker_table : &stats_table, shown, shown_count, &table,
		    &ctx->out, err) < 0)
		return -1;
	return command_flush(ctx, err);
}

static bool any_runs(const struct stats_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (container_is_running(rows[i].container))
			return true;
	return false;
}

static int show(struct command_context *ctx, const struct stats_options *opts, bool named,
	struct container_targets *targets, struct error **err)
{
	cleanup_free struct stats_row *rows = xcalloc(targets->count + 1, sizeof(*rows));
	bool clear = !opts->no_reset && !opts->no_stream && isatty(STDOUT_FILENO);

	for (size_t i = 0; i < targets->count; i++) {
		rows[i].container = targets->items[i];
		rows[i].no_trunc = opts->no_trunc;
		if (named && !opts->all && !container_is_running(rows[i].container))
			return error_set(err, ERR_CONFLICT,
				"container '%s' is not running: container state improper",
				targets->names[i]);
	}
	for (;;) {
		if (read_round(rows, targets->count, named, err) < 0)
			return -1;
		if (clear)
			strbuf_addstr(&ctx->out, "\033[H\033[2J");
		if (print_round(ctx, opts, rows, targets->count, named, err) < 0)
			return -1;
		if (opts->no_stream || (named && !any_runs(rows, targets->count)))
			return 0;
		(void)poll(NULL, 0, (int)MIN(opts->interval_s, 86400u) * 1000);
	}
}

static int stats_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct stats_options opts = {.interval_s = docker_called() ? 1 : 5};
	cleanup_targets struct container_targets targets = {0};
	struct container_selection selection;
	struct store *store;
	int first, status = 0;
	bool named;

	if (options_parse(&command_stats, argc, argv, &opts, &first, err) < 0)
		return -1;
	if (!opts.interval_s)
		return error_set(err, ERR_USAGE, "--interval must be at least one second");
	if (command_store(ctx, &store, err) < 0)
		return -1;
	named = first < argc || opts.latest;
	selection = (struct container_selection){.all = !named, .latest = opts.latest};
	if (container_select(store, &command_stats, &selection, argc - first, argv + first,
		    &targets, &status, err) < 0)
		return -1;
	if (status)
		return status;
	return show(ctx, &opts, named, &targets, err);
}

const struct command command_stats = {
	.name = "stats",
	.summary = "Show what containers use: CPU, memory, network, block devices, processes",
	.description =
		"Show what one or more running containers use, again and again. Numbers come "
		"from the container's control group, which must have been delegated; what "
		"its controllers do not count is 0.",
	.operands = "[CONTAINER...]",
	.examples = "pod stats\npod stats --no-stream web\n"
		    "pod stats --no-stream --format '{{.Name}} {{.MemUsage}}'",
	.max_operands = -1,
	.complete = COMPLETE_RUNNING,
	.options = stats_options,
	.run = stats_run,
};
