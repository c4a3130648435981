#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "container/stats.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define NET_DEV_MAX (1u << 20)

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* From init's network namespace, which procfs shows to everybody. */
static void read_network(pid_t pid, struct container_stats *ret)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *text = NULL;
	cleanup_close int fd = -1;
	char path[40];
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read_fd_limited(fd, NET_DEV_MAX, &text, &len, &ignored) < 0)
		return;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		char *colon = strchr(line, ':'), *name = line + strspn(line, " ");
		unsigned long long in, out;

		if (!colon || str_starts_with(name, "lo:"))
			continue;
		if (sscanf(colon + 1, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &in, &out) != 2)
			continue;
		ret->network_in_bytes += in;
		ret->network_out_bytes += out;
	}
}

int container_stats_read(
	const struct container *container, struct container_stats *ret, struct error **err)
{
	cleanup_cgroup struct cgroup cgroup = CGROUP_INIT;
	uint64_t now = now_ns(CLOCK_REALTIME);
	struct container_stats stats = {0};
	struct sysinfo host;

	if (container_cgroup_open(container, &cgroup, err) < 0)
		return -1;
	stats.time_ns = now_ns(CLOCK_MONOTONIC);
	if (cgroup_stats_read(&cgroup, &stats.group, err) < 0)
		return -1;
	if (now > container->status.started_ns)
		stats.up_ns = now - container->status.started_ns;
	stats.memory_limit = stats.group.memory_limit;
	if (sysinfo(&host) == 0)
		stats.memory_limit =
			MIN(stats.memory_limit, (uint64_t)host.totalram * host.mem_unit);
	read_network(container->status.init_pid, &stats);
	*ret = stats;
	return 0;
}
