#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cgroup/cgroup.h"
#include "cgroup/file.h"
#include "util/mem.h"
#include "util/str.h"

/* From the specification's units, which are version 1's, to version 2's files. */

unsigned int cgroup_controllers_needed(const struct cgroup_resources *r)
{
	unsigned int needed = 0;

	if (!r)
		return 0;
	if (r->given & (CGROUP_MEMORY_LIMIT | CGROUP_MEMORY_SWAP | CGROUP_MEMORY_RESERVATION))
		needed |= 1u << CGROUP_CONTROLLER_MEMORY;
	if (r->given & (CGROUP_CPU_SHARES | CGROUP_CPU_QUOTA | CGROUP_CPU_PERIOD |
			       CGROUP_CPU_BURST | CGROUP_CPU_IDLE))
		needed |= 1u << CGROUP_CONTROLLER_CPU;
	if (r->cpuset_cpus || r->cpuset_mems)
		needed |= 1u << CGROUP_CONTROLLER_CPUSET;
	if (r->given & CGROUP_PIDS_LIMIT)
		needed |= 1u << CGROUP_CONTROLLER_PIDS;
	if (r->given & CGROUP_IO_WEIGHT || r->io_device_count)
		needed |= 1u << CGROUP_CONTROLLER_IO;
	if (r->hugepage_count)
		needed |= 1u << CGROUP_CONTROLLER_HUGETLB;
	if (r->rdma_count)
		needed |= 1u << CGROUP_CONTROLLER_RDMA;
	for (size_t i = 0; i < r->unified_count; i++)
		for (unsigned int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
			const char *rest =
				str_starts_with(r->unified[i].name, cgroup_controller_name(c));

			if (rest && *rest == '.')
				needed |= 1u << c;
		}
	return needed;
}

/* Is FILE of a controller that the group has? */
static bool has_controller(const struct cgroup *cgroup, const char *file)
{
	unsigned int has = cgroup_controllers(cgroup);

	for (unsigned int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		const char *rest = str_starts_with(file, cgroup_controller_name(c));

		if (rest && *rest == '.')
			return has & 1u << c;
	}
	return false;
}

static int write_error(
	const struct cgroup *cgroup, const char *file, const char *value, struct error **err)
{
	int why = errno;
	size_t len = strcspn(file, ".");

	if (why == ENOENT && has_controller(cgroup, file))
		return error_set(err, ERR_UNSUPPORTED,
			"'%s' cannot be set: this kernel has no such limit", file);
	if (why == ENOENT)
		return error_set(err, ERR_UNSUPPORTED,
			"'%s' cannot be set: control group '%s' has no '%.*s' controller; have it "
			"delegated (systemd: Delegate=%.*s for the unit or user@.service)",
			file, cgroup->path, (int)len, file, (int)len, file);
	if (why == EINVAL || why == ERANGE || why == EDOM)
		return error_set(err, ERR_INVALID,
			"the kernel refuses '%s' for '%s' of control "
			"group '%s'",
			value, file, cgroup->path);
	if (why == EBUSY && str_starts_with(file, "memory."))
		return error_set(err, ERR_CONFLICT,
			"'%s' of control group '%s' cannot go down to %s: more is in use", file,
			cgroup->path, value);
	return error_errno(
		err, why, "write '%s' to '%s' of control group '%s'", value, file, cgroup->path);
}

static int put(const struct cgroup *cgroup, const char *file, const char *value, struct error **err)
{
	if (cgroup_file_write(cgroup->fd, file, value) < 0)
		return write_error(cgroup, file, value, err);
	return 0;
}

static int put_number(
	const struct cgroup *cgroup, const char *file, int64_t value, struct error **err)
{
	char text[32];

	if (value < 0)
		return put(cgroup, file, "max", err);
	snprintf(text, sizeof(text), "%" PRId64, value);
	return put(cgroup, file, text, err);
}

static int apply_memory(
	const struct cgroup *cgroup, const struct cgroup_resources *r, struct error **err)
{
	uint64_t usage;

	if (r->check_before_update && r->given & CGROUP_MEMORY_LIMIT && r->memory_limit > 0 &&
		cgroup_file_number(cgroup->fd, "memory.current", &usage) == 0 &&
		usage > (uint64_t)r->memory_limit)
		return error_set(err, ERR_CONFLICT,
			"unable to set memory limit to %" PRId64 ": %" PRIu64 " bytes are in use",
			r->memory_limit, usage);
	if (r->given & CGROUP_MEMORY_RESERVATION &&
		put_number(cgroup, "memory.low", r->memory_reservation, err) < 0)
		return -1;
	if (r->given & CGROUP_MEMORY_LIMIT &&
		put_number(cgroup, "memory.max", r->memory_limit, err) < 0)
		return -1;
	if (r->given & CGROUP_MEMORY_SWAP) {
		int64_t swap = r->memory_swap;
		uint64_t limit = (uint64_t)r->memory_limit; /* -1, none, is the greatest */

		/* Version 2 counts swap apart. */
		if (swap > 0) {
			if ((!(r->given & CGROUP_MEMORY_LIMIT) &&
				    cgroup_file_number(cgroup->fd, "memory.max", &limit) < 0) ||
				limit > (uint64_t)swap)
				return error_set(err, ERR_INVALID,
					"a limit of memory and swap needs a limit of memory that "
					"is not above it");
			swap -= (int64_t)limit;
		}
		if (put_number(cgroup, "memory.swap.max", swap, err) < 0) {
			/* No swap in this kernel (or swapaccount=0): then none is used. */
			if ((*err)->kind != ERR_UNSUPPORTED)
				return -1;
			error_free(steal_ptr(err));
		}
	}
	return 0;
}

static int apply_cpu(
	const struct cgroup *cgroup, const struct cgroup_resources *r, struct error **err)
{
	char text[64];

	if (r->given & CGROUP_CPU_IDLE && put_number(cgroup, "cpu.idle", r->cpu_idle, err) < 0)
		return -1;
	if (r->given & CGROUP_CPU_SHARES) {
		/* 2..262144 to 1..10000, as all engines do. */
		uint64_t shares = MIN(MAX(r->cpu_shares, 2), 262144);

		if (put_number(cgroup, "cpu.weight", (int64_t)(1 + ((shares - 2) * 9999) / 262142),
			    err) < 0)
			return -1;
	}
	if (r->given & (CGROUP_CPU_QUOTA | CGROUP_CPU_PERIOD)) {
		if (r->given & CGROUP_CPU_QUOTA && r->cpu_quota > 0)
			snprintf(text, sizeof(text), "%" PRId64, r->cpu_quota);
		else if (r->given & CGROUP_CPU_QUOTA)
			snprintf(text, sizeof(text), "max");
		else if (cgroup_file_read(cgroup->fd, "cpu.max", text, sizeof(text)) == 0)
			text[strcspn(text, " ")] = '\0'; /* the period alone changes */
		else
			return write_error(cgroup, "cpu.max", "", err);
		if (r->given & CGROUP_CPU_PERIOD) {
			size_t len = strlen(text);

			snprintf(text + len, sizeof(text) - len, " %" PRIu64, r->cpu_period);
		}
		if (put(cgroup, "cpu.max", text, err) < 0)
			return -1;
	}
	if (r->given & CGROUP_CPU_BURST &&
		put_number(cgroup, "cpu.max.burst", (int64_t)r->cpu_burst, err) < 0)
		return -1;
	if (r->cpuset_cpus && put(cgroup, "cpuset.cpus", r->cpuset_cpus, err) < 0)
		return -1;
	if (r->cpuset_mems && put(cgroup, "cpuset.mems", r->cpuset_mems, err) < 0)
		return -1;
	return 0;
}

/* 10..1000 to 1..10000, as runc and crun do. */
static uint64_t io_weight(uint64_t weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

/* With the BFQ scheduler, its own file takes version 1's numbers as they are. */
static int put_io_weight(
	const struct cgroup *cgroup, const char *device, uint64_t weight, struct error **err)
{
	char text[96];

	snprintf(text, sizeof(text), "%s%s%" PRIu64, device, *device ? " " : "", weight);
	if (cgroup_file_write(cgroup->fd, "io.bfq.weight", text) == 0)
		return 0;
	if (errno != ENOENT)
		return write_error(cgroup, "io.bfq.weight", text, err);
	snprintf(
		text, sizeof(text), "%s %" PRIu64, *device ? device : "default", io_weight(weight));
	return put(cgroup, "io.weight", text, err);
}

static int apply_io(
	const struct cgroup *cgroup, const struct cgroup_resources *r, struct error **err)
{
	if (r->given & CGROUP_IO_WEIGHT && put_io_weight(cgroup, "", r->io_weight, err) < 0)
		return -1;
	for (size_t i = 0; i < r->io_device_count; i++) {
		const struct cgroup_io_device *device = &r->io_devices[i];
		const struct {
			const char *key;
			uint64_t value;
		} rates[] = {
			{"rbps", device->rbps},
			{"wbps", device->wbps},
			{"riops", device->riops},
			{"wiops", device->wiops},
		};
		char name[48], text[192];
		size_t len, bare;

		snprintf(name, sizeof(name), "%" PRId64 ":%" PRId64, device->major, device->minor);
		if (device->has_weight && put_io_weight(cgroup, name, device->weight, err) < 0)
			return -1;
		bare = len = (size_t)snprintf(text, sizeof(text), "%s", name);
		for (size_t k = 0; k < ARRAY_SIZE(rates); k++)
			if (rates[k].value)
				len += (size_t)snprintf(text + len, sizeof(text) - len,
					" %s=%" PRIu64, rates[k].key, rates[k].value);
		if (len > bare && put(cgroup, "io.max", text, err) < 0)
			return -1;
	}
	return 0;
}

static int apply_rest(
	const struct cgroup *cgroup, const struct cgroup_resources *r, struct error **err)
{
	char file[160], text[384];

	for (size_t i = 0; i < r->hugepage_count; i++) {
		snprintf(file, sizeof(file), "hugetlb.%s.max", r->hugepages[i].page_size);
		snprintf(text, sizeof(text), "%" PRIu64, r->hugepages[i].limit);
		if (put(cgroup, file, text, err) < 0)
			return -1;
		/* Reservations too, where the kernel counts them (5.7). */
		snprintf(file, sizeof(file), "hugetlb.%s.rsvd.max", r->hugepages[i].page_size);
		if (cgroup_file_write(cgroup->fd, file, text) < 0 && errno != ENOENT)
			return write_error(cgroup, file, text, err);
	}
	for (size_t i = 0; i < r->rdma_count; i++) {
		size_t len = (size_t)snprintf(text, sizeof(text), "%s", r->rdma[i].device);

		if (r->rdma[i].has_handles)
			len += (size_t)snprintf(text + len, sizeof(text) - len, " hca_handle=%u",
				r->rdma[i].handles);
		if (r->rdma[i].has_objects)
			len += (size_t)snprintf(text + len, sizeof(text) - len, " hca_object=%u",
				r->rdma[i].objects);
		if (put(cgroup, "rdma.max", text, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < r->unified_count; i++) {
		/* Files like io.max take one line at a write. */
		cleanup_free char *copy = xstrdup(r->unified[i].value);

		for (char *rest = copy, *line; (line = strsep(&rest, "\n"));)
			if ((*line || (!rest && line == copy)) &&
				put(cgroup, r->unified[i].name, line, err) < 0)
				return error_wrap(err, "unified");
	}
	return 0;
}

int cgroup_apply(const struct cgroup *cgroup, const struct cgroup_resources *r, struct error **err)
{
	if (apply_memory(cgroup, r, err) < 0 || apply_cpu(cgroup, r, err) < 0)
		return -1;
	if (r->given & CGROUP_PIDS_LIMIT && put_number(cgroup, "pids.max", r->pids_limit, err) < 0)
		return -1;
	if (apply_io(cgroup, r, err) < 0)
		return -1;
	return apply_rest(cgroup, r, err);
}
