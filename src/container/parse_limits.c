#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cgroup/cgroup.h"
#include "container/parse_limits.h"
#include "util/mem.h"
#include "util/str.h"

#define CPU_PERIOD_US 100000

void limit_options_clear(struct limit_options *opts)
{
	strv_free(opts->blkio_weight_device);
	strv_free(opts->device_read_bps);
	strv_free(opts->device_write_bps);
	strv_free(opts->device_read_iops);
	strv_free(opts->device_write_iops);
	strv_free(opts->cgroup_conf);
}

static int bad_value(
	const char *option, const char *value, const char *expected, struct error **err)
{
	return error_set(err, ERR_USAGE, "invalid argument \"%s\" for \"--%s\" flag: must be %s",
		value, option, expected);
}

/* Bytes, and "-1" where the option knows "unlimited"; 0 is "not given". */
static int parse_bytes(const char *option, const char *text, bool unlimited, int64_t *ret,
	bool *ret_given, struct error **err)
{
	uint64_t bytes;

	*ret_given = false;
	if (!text || !*text)
		return 0;
	if (unlimited && str_equal(text, "-1")) {
		*ret = -1;
	} else {
		if (str_to_size(text, &bytes, err) < 0)
			return error_wrap(err, "--%s", option);
		if (bytes > INT64_MAX)
			return bad_value(option, text, "a size", err);
		if (bytes == 0)
			return 0;
		*ret = (int64_t)bytes;
	}
	*ret_given = true;
	return 0;
}

static int parse_memory(
	const struct limit_options *opts, struct cgroup_resources *r, struct error **err)
{
	bool limit, swap, reservation;

	if (parse_bytes("memory", opts->memory, false, &r->memory_limit, &limit, err) < 0 ||
		parse_bytes("memory-swap", opts->memory_swap, true, &r->memory_swap, &swap, err) <
			0 ||
		parse_bytes("memory-reservation", opts->memory_reservation, false,
			&r->memory_reservation, &reservation, err) < 0)
		return -1;
	if (opts->memory_swappiness && *opts->memory_swappiness &&
		!str_equal(opts->memory_swappiness, "-1"))
		return error_set(err, ERR_UNSUPPORTED,
			"--memory-swappiness is not available: cgroup v2 has no swappiness of a "
			"group; limit swap with --memory-swap");
	if (opts->oom_kill_disable)
		return error_set(err, ERR_UNSUPPORTED,
			"--oom-kill-disable is not available: cgroup v2 cannot turn the OOM killer "
			"off; see --oom-score-adj");
	if (swap && r->memory_swap > 0 && limit && r->memory_swap < r->memory_limit)
		return error_set(err, ERR_USAGE,
			"minimum memoryswap limit should be larger than memory limit: "
			"--memory-swap counts memory and swap together");
	if (limit && reservation && r->memory_reservation > r->memory_limit)
		return error_set(err, ERR_USAGE,
			"minimum memory limit cannot be less than memory reservation limit");
	if (limit && !swap && r->memory_limit <= INT64_MAX / 2) {
		r->memory_swap = r->memory_limit * 2;
		swap = true;
	}
	r->given |= (limit ? CGROUP_MEMORY_LIMIT : 0u) | (swap ? CGROUP_MEMORY_SWAP : 0u) |
		    (reservation ? CGROUP_MEMORY_RESERVATION : 0u);
	return 0;
}

/* "1.5" in microseconds of each period. */
static int parse_cpus(const char *text, int64_t *ret, struct error **err)
{
	const char *dot = strchr(text, '.');
	size_t whole_len = dot ? (size_t)(dot - text) : strlen(text);
	size_t digits = dot ? strlen(dot + 1) : 0;
	cleanup_free char *whole = xstrndup(text, whole_len), *part = NULL;
	uint64_t n = 0, fraction = 0;

	if ((whole_len && str_to_uint64(whole, 100000, &n) < 0) || (!whole_len && !digits) ||
		digits > 9)
		return bad_value("cpus", text, "a number of CPUs such as 1.5", err);
	part = xasprintf("%s000000000", dot ? dot + 1 : "");
	part[9] = '\0';
	if (str_to_uint64(part, UINT64_MAX, &fraction) < 0)
		return bad_value("cpus", text, "a number of CPUs such as 1.5", err);
	*ret = (int64_t)(n * CPU_PERIOD_US + fraction / (1000000000 / CPU_PERIOD_US));
	return 0;
}

static int parse_number(const char *option, const char *text, int64_t min, int64_t max,
	int64_t *ret, struct error **err)
{
	if (str_to_int64(text, min, max, ret) < 0)
		return error_set(err, ERR_USAGE,
			"invalid argument \"%s\" for \"--%s\" flag: must be a whole number", text,
			option);
	return 0;
}

static int check_list(const char *option, const char *text, struct error **err)
{
	if (strlen(text) > 1024 || text[strspn(text, "0123456789,-")])
		return bad_value(option, text, "a list such as 0-3,7", err);
	return 0;
}

static int parse_cpu(
	const struct limit_options *opts, struct cgroup_resources *r, struct error **err)
{
	int64_t number = 0;

	if (opts->cpus && (opts->cpu_period || opts->cpu_quota))
		return error_set(err, ERR_USAGE, "--cpus and --cpu-%s cannot be set together",
			opts->cpu_period ? "period" : "quota");
	if (opts->cpus) {
		if (parse_cpus(opts->cpus, &number, err) < 0)
			return -1;
		if (number > 0) {
			/* The kernel's least is a millisecond. */
			r->cpu_quota = MAX(number, 1000);
			r->cpu_period = CPU_PERIOD_US;
			r->given |= CGROUP_CPU_QUOTA | CGROUP_CPU_PERIOD;
		}
	}
	if (opts->cpu_period) {
		if (parse_number("cpu-period", opts->cpu_period, 0, 1000000, &number, err) < 0)
			return -1;
		if (number && number < 1000)
			return bad_value("cpu-period", opts->cpu_period,
				"between 1000 and 1000000 microseconds", err);
		r->cpu_period = (uint64_t)number;
		r->given |= number ? CGROUP_CPU_PERIOD : 0u;
	}
	if (opts->cpu_quota) {
		if (parse_number("cpu-quota", opts->cpu_quota, -1, INT64_MAX, &number, err) < 0)
			return -1;
		if (number > 0 && number < 1000)
			return bad_value("cpu-quota", opts->cpu_quota,
				"at least 1000 microseconds, or -1", err);
		r->cpu_quota = number;
		r->given |= number ? CGROUP_CPU_QUOTA : 0u;
	}
	if (opts->cpu_shares) {
		if (parse_number("cpu-shares", opts->cpu_shares, 0, INT64_MAX, &number, err) < 0)
			return -1;
		r->cpu_shares = (uint64_t)number;
		r->given |= number ? CGROUP_CPU_SHARES : 0u;
	}
	if (opts->cpuset_cpus && *opts->cpuset_cpus) {
		if (check_list("cpuset-cpus", opts->cpuset_cpus, err) < 0)
			return -1;
		r->cpuset_cpus = xstrdup(opts->cpuset_cpus);
	}
	if (opts->cpuset_mems && *opts->cpuset_mems) {
		if (check_list("cpuset-mems", opts->cpuset_mems, err) < 0)
			return -1;
		r->cpuset_mems = xstrdup(opts->cpuset_mems);
	}
	return 0;
}

/* "/dev/sda:VALUE" for each of LIST. IS_SIZE: VALUE in bytes with a unit. */
static int parse_devices(struct cgroup_resources *r, const char *option, char *const *list,
	bool is_size, size_t offset, struct error **err)
{
	for (; list && *list; list++) {
		const char *colon = strrchr(*list, ':');
		cleanup_free char *path = colon ? xstrndup(*list, (size_t)(colon - *list)) : NULL;
		struct cgroup_io_device device = {0};
		struct stat st;
		uint64_t value;

		if (!colon || path[0] != '/')
			return bad_value(option, *list, "DEVICE:VALUE", err);
		if (stat(path, &st) < 0)
			return error_errno(err, errno, "--%s: device '%s'", option, path);
		if (!S_ISBLK(st.st_mode))
			return error_set(
				err, ERR_INVALID, "--%s: '%s' is not a block device", option, path);
		if (is_size) {
			if (str_to_size(colon + 1, &value, err) < 0)
				return error_wrap(err, "--%s", option);
		} else if (str_to_uint64(colon + 1, INT64_MAX, &value) < 0) {
			return bad_value(option, *list, "DEVICE:NUMBER", err);
		}
		if (offset == offsetof(struct cgroup_io_device, weight)) {
			if (value < 10 || value > 1000)
				return bad_value(option, *list, "between 10 and 1000", err);
			device.has_weight = true;
		}
		device.major = (int64_t)major(st.st_rdev);
		device.minor = (int64_t)minor(st.st_rdev);
		memcpy((char *)&device + offset, &value, sizeof(value));
		r->io_devices = xreallocarray(
			r->io_devices, r->io_device_count + 1, sizeof(*r->io_devices));
		r->io_devices[r->io_device_count++] = device;
	}
	return 0;
}

static int parse_io(
	const struct limit_options *opts, struct cgroup_resources *r, struct error **err)
{
	int64_t number;

	if (opts->blkio_weight) {
		if (parse_number("blkio-weight", opts->blkio_weight, 0, INT64_MAX, &number, err) <
			0)
			return -1;
		if (number && (number < 10 || number > 1000))
			return bad_value(
				"blkio-weight", opts->blkio_weight, "between 10 and 1000", err);
		r->io_weight = (uint64_t)number;
		r->given |= number ? CGROUP_IO_WEIGHT : 0u;
	}
	if (parse_devices(r, "blkio-weight-device", opts->blkio_weight_device, false,
		    offsetof(struct cgroup_io_device, weight), err) < 0 ||
		parse_devices(r, "device-read-bps", opts->device_read_bps, true,
			offsetof(struct cgroup_io_device, rbps), err) < 0 ||
		parse_devices(r, "device-write-bps", opts->device_write_bps, true,
			offsetof(struct cgroup_io_device, wbps), err) < 0 ||
		parse_devices(r, "device-read-iops", opts->device_read_iops, false,
			offsetof(struct cgroup_io_device, riops), err) < 0 ||
		parse_devices(r, "device-write-iops", opts->device_write_iops, false,
			offsetof(struct cgroup_io_device, wiops), err) < 0)
		return -1;
	return 0;
}

/* "unified" goes through the parser that knows which files there may be. */
static int parse_conf(
	const struct limit_options *opts, struct cgroup_resources *into, struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *parsed = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);

	json_write_object_begin(&w);
	json_write_key(&w, "unified");
	json_write_object_begin(&w);
	for (size_t i = 0; opts->cgroup_conf && opts->cgroup_conf[i]; i++) {
		const char *text_ = opts->cgroup_conf[i], *equals = strchr(text_, '=');
		cleanup_free char *key = equals ? xstrndup(text_, (size_t)(equals - text_)) : NULL;

		if (!equals)
			return bad_value("cgroup-conf", text_, "KEY=VALUE", err);
		json_put_string(&w, key, equals + 1);
	}
	json_write_object_end(&w);
	json_write_object_end(&w);
	if (!opts->cgroup_conf)
		return 0;
	if (cgroup_resources_parse_text(text.data, text.len, "--cgroup-conf", &parsed, err) < 0)
		return -1;
	cgroup_resources_merge(into, parsed);
	return 0;
}

static bool is_empty(const struct cgroup_resources *r)
{
	return !r->given && !r->cpuset_cpus && !r->cpuset_mems && !r->io_device_count &&
	       !r->unified_count;
}

int parse_limits(
	const struct limit_options *opts, struct cgroup_resources **ret, struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *r = xcalloc(1, sizeof(*r));

	if (parse_memory(opts, r, err) < 0 || parse_cpu(opts, r, err) < 0 ||
		parse_io(opts, r, err) < 0 || parse_conf(opts, r, err) < 0)
		return -1;
	if (opts->pids_limit && *opts->pids_limit) {
		if (parse_number(
			    "pids-limit", opts->pids_limit, -1, INT64_MAX, &r->pids_limit, err) < 0)
			return -1;
		if (r->pids_limit == 0)
			r->pids_limit = -1;
		r->given |= CGROUP_PIDS_LIMIT;
	}
	*ret = is_empty(r) ? NULL : steal_ptr(&r);
	return 0;
}

char *limit_names(const struct cgroup_resources *r)
{
	static const struct {
		unsigned int bits;
		const char *name;
	} names[] = {
		{CGROUP_MEMORY_LIMIT, "--memory"},
		{CGROUP_MEMORY_RESERVATION, "--memory-reservation"},
		{CGROUP_CPU_QUOTA | CGROUP_CPU_PERIOD, "--cpus"},
		{CGROUP_CPU_SHARES, "--cpu-shares"},
		{CGROUP_PIDS_LIMIT, "--pids-limit"},
		{CGROUP_IO_WEIGHT, "--blkio-weight"},
	};
	struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (r->given & names[i].bits)
			strbuf_addf(&out, "%s, ", names[i].name);
	if (r->given & CGROUP_MEMORY_SWAP && !(r->given & CGROUP_MEMORY_LIMIT))
		strbuf_addstr(&out, "--memory-swap, ");
	if (r->cpuset_cpus)
		strbuf_addstr(&out, "--cpuset-cpus, ");
	if (r->cpuset_mems)
		strbuf_addstr(&out, "--cpuset-mems, ");
	if (r->io_device_count)
		strbuf_addstr(&out, "limits of block devices, ");
	for (size_t i = 0; i < r->unified_count; i++)
		strbuf_addf(&out, "%s, ", r->unified[i].name);
	if (out.len) {
		out.len -= 2;
		out.data[out.len] = '\0';
	}
	return strbuf_detach(&out);
}
