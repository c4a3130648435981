#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cgroup/cgroup.h"
#include "cgroup/file.h"
#include "util/mem.h"

static void number(int dir_fd, const char *name, uint64_t *ret)
{
	if (cgroup_file_number(dir_fd, name, ret) < 0)
		*ret = UINT64_MAX;
}

static void flat(const char *text, const char *key, uint64_t *ret)
{
	if (cgroup_flat_value(text, key, ret) < 0)
		*ret = UINT64_MAX;
}

static void read_io(int dir_fd, struct cgroup_stats *ret)
{
	char text[16384]; /* a line for each device, up to 100 bytes */
	char *rest = text, *word;

	ret->io_read_bytes = ret->io_write_bytes = ret->io_reads = ret->io_writes = UINT64_MAX;
	if (cgroup_file_read(dir_fd, "io.stat", text, sizeof(text)) < 0)
		return;
	ret->io_read_bytes = ret->io_write_bytes = ret->io_reads = ret->io_writes = 0;
	while ((word = strsep(&rest, " \n"))) {
		unsigned long long n;

		if (sscanf(word, "rbytes=%llu", &n) == 1)
			ret->io_read_bytes += n;
		else if (sscanf(word, "wbytes=%llu", &n) == 1)
			ret->io_write_bytes += n;
		else if (sscanf(word, "rios=%llu", &n) == 1)
			ret->io_reads += n;
		else if (sscanf(word, "wios=%llu", &n) == 1)
			ret->io_writes += n;
	}
}

int cgroup_stats_read(const struct cgroup *cgroup, struct cgroup_stats *ret, struct error **err)
{
	int fd = cgroup->fd;
	char text[8192];

	if (cgroup_file_read(fd, "cpu.stat", text, sizeof(text)) < 0) {
		if (errno == ENODEV)
			return error_set(
				err, ERR_NOT_FOUND, "control group '%s' is gone", cgroup->path);
		text[0] = '\0';
	}
	flat(text, "usage_usec", &ret->cpu_usage_us);
	flat(text, "user_usec", &ret->cpu_user_us);
	flat(text, "system_usec", &ret->cpu_system_us);
	flat(text, "nr_periods", &ret->cpu_periods);
	flat(text, "nr_throttled", &ret->cpu_throttled_periods);
	flat(text, "throttled_usec", &ret->cpu_throttled_us);
	number(fd, "memory.current", &ret->memory_usage);
	number(fd, "memory.peak", &ret->memory_max_usage); /* Linux 5.19 */
	number(fd, "memory.max", &ret->memory_limit);
	number(fd, "memory.swap.current", &ret->memory_swap_usage);
	number(fd, "memory.swap.max", &ret->memory_swap_limit);
	if (cgroup_file_read(fd, "memory.stat", text, sizeof(text)) < 0)
		text[0] = '\0';
	flat(text, "inactive_file", &ret->memory_inactive_file);
	flat(text, "file", &ret->memory_file);
	flat(text, "anon", &ret->memory_anon);
	flat(text, "kernel", &ret->memory_kernel); /* Linux 5.18 */
	if (cgroup_file_read(fd, "memory.events", text, sizeof(text)) < 0)
		text[0] = '\0';
	flat(text, "low", &ret->memory_low);
	flat(text, "high", &ret->memory_high);
	flat(text, "max", &ret->memory_max_events);
	flat(text, "oom", &ret->memory_oom);
	flat(text, "oom_kill", &ret->memory_oom_kill);
	number(fd, "pids.current", &ret->pids_current);
	number(fd, "pids.max", &ret->pids_limit);
	read_io(fd, ret);
	return 0;
}
