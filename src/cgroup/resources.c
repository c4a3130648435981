#include "config.h"

#include <string.h>

#include "cgroup/resources.h"
#include "util/mem.h"
#include "util/str.h"

#define LIST_MAX   4096 /* elements of any array here */
#define VALUE_MAX  4096 /* bytes written to one file */
#define NUMBER_MAX INT64_MAX

void cgroup_resources_free(struct cgroup_resources *r)
{
	if (!r)
		return;
	free(r->cpuset_cpus);
	free(r->cpuset_mems);
	free(r->io_devices);
	for (size_t i = 0; i < r->hugepage_count; i++)
		free(r->hugepages[i].page_size);
	free(r->hugepages);
	for (size_t i = 0; i < r->rdma_count; i++)
		free(r->rdma[i].device);
	free(r->rdma);
	for (size_t i = 0; i < r->unified_count; i++) {
		free(r->unified[i].name);
		free(r->unified[i].value);
	}
	free(r->unified);
	free(r->devices);
	free(r);
}

/* A member that only version 1 has: given and not NOTHING. */
static int refuse_v1(const struct json *object, const char *key, struct error **err)
{
	struct json member;
	int64_t number;
	bool on;

	if (!json_member(object, key, &member))
		return 0;
	if (json_kind(&member) == JSON_KIND_BOOL) {
		if (json_boolean(&member, &on, err) < 0)
			return -1;
		if (!on)
			return 0;
	} else if (json_kind(&member) == JSON_KIND_INT) {
		if (json_int64(&member, INT64_MIN, INT64_MAX, &number, err) < 0)
			return -1;
		if (number <= 0)
			return 0; /* engines send 0 and -1 for "not set" */
	} else if (json_kind(&member) == JSON_KIND_ARRAY) {
		size_t count;

		if (json_array(&member, LIST_MAX, &count, err) < 0)
			return -1;
		if (count == 0)
			return 0;
	}
	json_error(&member, err, "cgroup v2 has no such limit; leave it out");
	(*err)->kind = ERR_UNSUPPORTED;
	return -1;
}

static int opt_int(struct cgroup_resources *r, enum cgroup_resource bit, const struct json *object,
	const char *key, int64_t min, int64_t max, int64_t *ret, struct error **err)
{
	struct json member;

	if (!json_member(object, key, &member))
		return 0;
	if (json_int64(&member, min, max, ret, err) < 0)
		return -1;
	r->given |= bit;
	return 0;
}

static int opt_uint(struct cgroup_resources *r, enum cgroup_resource bit, const struct json *object,
	const char *key, uint64_t max, uint64_t *ret, struct error **err)
{
	struct json member;

	if (!json_member(object, key, &member))
		return 0;
	if (json_uint64(&member, max, ret, err) < 0)
		return -1;
	r->given |= bit;
	return 0;
}

/* Zero is how engines say "not given". */
static void drop_zero(struct cgroup_resources *r, enum cgroup_resource bit, bool is_zero)
{
	if (is_zero)
		r->given &= ~(unsigned int)bit;
}

static int parse_memory(struct cgroup_resources *r, const struct json *memory, struct error **err)
{
	static const char *const v1[] = {"kernel", "kernelTCP", "swappiness", "disableOOMKiller"};
	bool hierarchy = true;
	struct json member;

	for (size_t i = 0; i < ARRAY_SIZE(v1); i++)
		if (refuse_v1(memory, v1[i], err) < 0)
			return -1;
	/* The one version 1 member that is always so in version 2. */
	if (json_opt_bool(memory, "useHierarchy", &hierarchy, err) < 0)
		return -1;
	if (!hierarchy) {
		(void)json_member(memory, "useHierarchy", &member);
		json_error(&member, err, "cgroup v2 always counts what is below; leave it out");
		(*err)->kind = ERR_UNSUPPORTED;
		return -1;
	}
	if (opt_int(r, CGROUP_MEMORY_LIMIT, memory, "limit", -1, NUMBER_MAX, &r->memory_limit,
		    err) < 0 ||
		opt_int(r, CGROUP_MEMORY_SWAP, memory, "swap", -1, NUMBER_MAX, &r->memory_swap,
			err) < 0 ||
		opt_int(r, CGROUP_MEMORY_RESERVATION, memory, "reservation", -1, NUMBER_MAX,
			&r->memory_reservation, err) < 0 ||
		json_opt_bool(memory, "checkBeforeUpdate", &r->check_before_update, err) < 0)
		return -1;
	drop_zero(r, CGROUP_MEMORY_LIMIT, r->memory_limit == 0);
	drop_zero(r, CGROUP_MEMORY_SWAP, r->memory_swap == 0);
	drop_zero(r, CGROUP_MEMORY_RESERVATION, r->memory_reservation == 0);
	if (r->given & CGROUP_MEMORY_SWAP && r->memory_swap > 0) {
		struct json swap;

		(void)json_member(memory, "swap", &swap);
		if (r->given & CGROUP_MEMORY_LIMIT && r->memory_limit > r->memory_swap)
			return json_error(&swap, err, "must not be below memory.limit");
		if (r->given & CGROUP_MEMORY_LIMIT && r->memory_limit < 0)
			return json_error(&swap, err, "needs a memory.limit");
	}
	return 0;
}

/* "0-3,7": nothing else is written to cpuset files. */
static int parse_list(const struct json *object, const char *key, char **ret, struct error **err)
{
	const char *text = NULL;
	struct json member;

	if (!json_member(object, key, &member))
		return 0;
	if (json_string(&member, &text, err) < 0)
		return -1;
	if (!*text)
		return 0;
	if (strlen(text) > VALUE_MAX || text[strspn(text, "0123456789,-")])
		return json_error(&member, err, "must be a list as 0-3,7");
	free(*ret);
	*ret = xstrdup(text);
	return 0;
}

static int parse_cpu(struct cgroup_resources *r, const struct json *cpu, struct error **err)
{
	if (refuse_v1(cpu, "realtimeRuntime", err) < 0 || refuse_v1(cpu, "realtimePeriod", err) < 0)
		return -1;
	if (opt_uint(r, CGROUP_CPU_SHARES, cpu, "shares", UINT64_MAX, &r->cpu_shares, err) < 0 ||
		opt_int(r, CGROUP_CPU_QUOTA, cpu, "quota", INT64_MIN, NUMBER_MAX, &r->cpu_quota,
			err) < 0 ||
		opt_uint(r, CGROUP_CPU_PERIOD, cpu, "period", NUMBER_MAX, &r->cpu_period, err) <
			0 ||
		opt_uint(r, CGROUP_CPU_BURST, cpu, "burst", NUMBER_MAX, &r->cpu_burst, err) < 0 ||
		opt_int(r, CGROUP_CPU_IDLE, cpu, "idle", 0, 1, &r->cpu_idle, err) < 0 ||
		parse_list(cpu, "cpus", &r->cpuset_cpus, err) < 0 ||
		parse_list(cpu, "mems", &r->cpuset_mems, err) < 0)
		return -1;
	drop_zero(r, CGROUP_CPU_SHARES, r->cpu_shares == 0);
	drop_zero(r, CGROUP_CPU_QUOTA, r->cpu_quota == 0);
	drop_zero(r, CGROUP_CPU_PERIOD, r->cpu_period == 0);
	return 0;
}

static struct cgroup_io_device *io_device(struct cgroup_resources *r, int64_t major, int64_t minor)
{
	for (size_t i = 0; i < r->io_device_count; i++)
		if (r->io_devices[i].major == major && r->io_devices[i].minor == minor)
			return &r->io_devices[i];
	r->io_devices =
		xreallocarray(r->io_devices, r->io_device_count + 1, sizeof(*r->io_devices));
	r->io_devices[r->io_device_count] =
		(struct cgroup_io_device){.major = major, .minor = minor};
	return &r->io_devices[r->io_device_count++];
}

/* One of blockIO's arrays: OFFSET is the member of struct cgroup_io_device that VALUE_KEY fills. */
static int parse_io_list(struct cgroup_resources *r, const struct json *block, const char *key,
	const char *value_key, size_t offset, struct error **err)
{
	struct json list;
	size_t count;

	if (!json_member(block, key, &list))
		return 0;
	if (json_array(&list, LIST_MAX, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct json element = json_at(&list, i), member;
		int64_t major, minor;
		uint64_t value;

		if (json_require(&element, "major", &member, err) < 0 ||
			json_int64(&member, 0, UINT32_MAX, &major, err) < 0 ||
			json_require(&element, "minor", &member, err) < 0 ||
			json_int64(&member, 0, UINT32_MAX, &minor, err) < 0)
			return -1;
		if (refuse_v1(&element, "leafWeight", err) < 0)
			return -1;
		if (!json_member(&element, value_key, &member))
			continue;
		if (json_uint64(&member, UINT64_MAX, &value, err) < 0)
			return -1;
		if (value == 0)
			continue; /* not given */
		if (strcmp(value_key, "weight") == 0) {
			struct cgroup_io_device *device = io_device(r, major, minor);

			if (value < 10 || value > 1000)
				return json_error(&member, err, "must be between 10 and 1000");
			device->has_weight = true;
			device->weight = value;
		} else {
			memcpy((char *)io_device(r, major, minor) + offset, &value, sizeof(value));
		}
	}
	return 0;
}

static int parse_block_io(struct cgroup_resources *r, const struct json *block, struct error **err)
{
	struct json member;

	if (refuse_v1(block, "leafWeight", err) < 0 ||
		opt_uint(r, CGROUP_IO_WEIGHT, block, "weight", 1000, &r->io_weight, err) < 0)
		return -1;
	drop_zero(r, CGROUP_IO_WEIGHT, r->io_weight == 0);
	if (r->given & CGROUP_IO_WEIGHT && r->io_weight < 10) {
		(void)json_member(block, "weight", &member);
		return json_error(&member, err, "must be between 10 and 1000");
	}
	if (parse_io_list(r, block, "weightDevice", "weight", 0, err) < 0 ||
		parse_io_list(r, block, "throttleReadBpsDevice", "rate",
			offsetof(struct cgroup_io_device, rbps), err) < 0 ||
		parse_io_list(r, block, "throttleWriteBpsDevice", "rate",
			offsetof(struct cgroup_io_device, wbps), err) < 0 ||
		parse_io_list(r, block, "throttleReadIOPSDevice", "rate",
			offsetof(struct cgroup_io_device, riops), err) < 0 ||
		parse_io_list(r, block, "throttleWriteIOPSDevice", "rate",
			offsetof(struct cgroup_io_device, wiops), err) < 0)
		return -1;
	return 0;
}

/* Part of a file's name. */
static bool is_page_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits < 20 &&
	       (str_equal(text + digits, "KB") || str_equal(text + digits, "MB") ||
		       str_equal(text + digits, "GB"));
}

static int parse_hugepages(struct cgroup_resources *r, const struct json *list, struct error **err)
{
	size_t count;

	if (json_array(list, LIST_MAX, &count, err) < 0)
		return -1;
	r->hugepages = xcalloc(count, sizeof(*r->hugepages));
	for (size_t i = 0; i < count; i++) {
		struct json element = json_at(list, i), member;
		const char *size;
		uint64_t limit;

		if (json_require(&element, "pageSize", &member, err) < 0 ||
			json_string(&member, &size, err) < 0)
			return -1;
		if (!is_page_size(size))
			return json_error(&member, err, "must be a size as 2MB");
		if (json_require(&element, "limit", &member, err) < 0 ||
			json_uint64(&member, UINT64_MAX, &limit, err) < 0)
			return -1;
		r->hugepages[r->hugepage_count].page_size = xstrdup(size);
		r->hugepages[r->hugepage_count++].limit = limit;
	}
	return 0;
}

/* One word within a line of a control file. */
static bool is_word(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 255)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static int parse_rdma(struct cgroup_resources *r, const struct json *object, struct error **err)
{
	struct json member, value;

	for (struct json_iter it = json_iter(object); json_next(&it, &member);) {
		struct cgroup_rdma rdma = {0};

		if (r->rdma_count >= LIST_MAX || !is_word(member.key))
			return json_error(&member, err, "is no name of a device");
		if (json_member(&member, "hcaHandles", &value)) {
			if (json_uint32(&value, &rdma.handles, err) < 0)
				return -1;
			rdma.has_handles = true;
		}
		if (json_member(&member, "hcaObjects", &value)) {
			if (json_uint32(&value, &rdma.objects, err) < 0)
				return -1;
			rdma.has_objects = true;
		}
		rdma.device = xstrdup(member.key);
		r->rdma = xreallocarray(r->rdma, r->rdma_count + 1, sizeof(*r->rdma));
		r->rdma[r->rdma_count++] = rdma;
	}
	return 0;
}

/* A control file of the group itself: nothing that leads elsewhere, or that moves processes. */
static bool is_control_file(const char *name)
{
	size_t len = strlen(name);

	return len > 2 && len < 128 && name[0] != '.' && strchr(name, '.') &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] == '\0' &&
	       (!str_starts_with(name, "cgroup.") || str_starts_with(name, "cgroup.max."));
}

static int parse_unified(struct cgroup_resources *r, const struct json *object, struct error **err)
{
	struct json member;

	if (json_kind(object) != JSON_KIND_OBJECT)
		return json_error(object, err, "must be an object");
	for (struct json_iter it = json_iter(object); json_next(&it, &member);) {
		const char *value;

		if (json_string(&member, &value, err) < 0)
			return -1;
		if (r->unified_count >= LIST_MAX || !is_control_file(member.key))
			return json_error(&member, err, "is no file that limits a control group");
		if (strlen(value) > VALUE_MAX)
			return json_error(&member, err, "is too long");
		r->unified = xreallocarray(r->unified, r->unified_count + 1, sizeof(*r->unified));
		r->unified[r->unified_count++] =
			(struct cgroup_file){xstrdup(member.key), xstrdup(value)};
	}
	return 0;
}

void cgroup_resources_add_device(struct cgroup_resources *r, bool allow, char type, int64_t major,
	int64_t minor, unsigned int access)
{
	array_grow(r->devices, r->device_count, r->device_capacity);
	r->devices[r->device_count++] = (struct cgroup_device_rule){
		.allow = allow, .type = type, .major = major, .minor = minor, .access = access};
}

static int parse_access(const struct json *element, unsigned int *ret, struct error **err)
{
	const char *text = NULL;
	struct json member;

	*ret = 0;
	if (!json_member(element, "access", &member)) {
		*ret = CGROUP_DEVICE_ALL;
		return 0;
	}
	if (json_string(&member, &text, err) < 0)
		return -1;
	if (!*text)
		*ret = CGROUP_DEVICE_ALL;
	for (; *text; text++) {
		if (*text == 'r')
			*ret |= CGROUP_DEVICE_READ;
		else if (*text == 'w')
			*ret |= CGROUP_DEVICE_WRITE;
		else if (*text == 'm')
			*ret |= CGROUP_DEVICE_MKNOD;
		else
			return json_error(&member, err, "must be made of r, w and m");
	}
	return 0;
}

static int parse_device(struct cgroup_resources *r, const struct json *element, struct error **err)
{
	int64_t major = -1, minor = -1;
	unsigned int access;
	const char *type = "a";
	struct json member;
	bool allow;

	if (json_require(element, "allow", &member, err) < 0 ||
		json_boolean(&member, &allow, err) < 0 ||
		json_opt_string(element, "type", &type, err) < 0 ||
		json_opt_int64(element, "major", -1, UINT32_MAX, &major, err) < 0 ||
		json_opt_int64(element, "minor", -1, UINT32_MAX, &minor, err) < 0 ||
		parse_access(element, &access, err) < 0)
		return -1;
	if (!*type)
		type = "a";
	if (!str_equal(type, "a") && !str_equal(type, "b") && !str_equal(type, "c")) {
		(void)json_member(element, "type", &member);
		return json_error(&member, err, "must be a, b or c");
	}
	cgroup_resources_add_device(r, allow, type[0], major, minor, access);
	return 0;
}

static int parse_all(struct cgroup_resources *r, const struct json *object, struct error **err)
{
	struct json member;
	size_t count;

	if (json_kind(object) != JSON_KIND_OBJECT)
		return json_error(object, err, "must be an object");
	if (json_member(object, "memory", &member) && parse_memory(r, &member, err) < 0)
		return -1;
	if (json_member(object, "cpu", &member) && parse_cpu(r, &member, err) < 0)
		return -1;
	if (json_member(object, "pids", &member)) {
		if (opt_int(r, CGROUP_PIDS_LIMIT, &member, "limit", INT64_MIN, NUMBER_MAX,
			    &r->pids_limit, err) < 0)
			return -1;
		drop_zero(r, CGROUP_PIDS_LIMIT, r->pids_limit == 0);
	}
	if (json_member(object, "blockIO", &member) && parse_block_io(r, &member, err) < 0)
		return -1;
	if (json_member(object, "hugepageLimits", &member) && parse_hugepages(r, &member, err) < 0)
		return -1;
	if (json_member(object, "network", &member) &&
		(refuse_v1(&member, "classID", err) < 0 ||
			refuse_v1(&member, "priorities", err) < 0))
		return -1;
	if (json_member(object, "rdma", &member) && parse_rdma(r, &member, err) < 0)
		return -1;
	if (json_member(object, "unified", &member) && parse_unified(r, &member, err) < 0)
		return -1;
	if (json_member(object, "devices", &member)) {
		if (json_array(&member, LIST_MAX, &count, err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++) {
			struct json element = json_at(&member, i);

			if (parse_device(r, &element, err) < 0)
				return -1;
		}
	}
	return 0;
}

int cgroup_resources_parse(
	const struct json *object, struct cgroup_resources **ret, struct error **err)
{
	cleanup_cgroup_resources struct cgroup_resources *r = xcalloc(1, sizeof(*r));

	if (parse_all(r, object, err) < 0)
		return -1;
	*ret = steal_ptr(&r);
	return 0;
}

int cgroup_resources_parse_text(const char *text, size_t len, const char *name,
	struct cgroup_resources **ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	struct json root;

	if (json_parse(text, len, name, &doc, &root, err) < 0)
		return -1;
	return cgroup_resources_parse(&root, ret, err);
}

/* -------- writing -------- */

static void write_devices(struct json_writer *w, const struct cgroup_resources *r)
{
	if (!r->device_count)
		return;
	json_write_key(w, "devices");
	json_write_array_begin(w);
	for (size_t i = 0; i < r->device_count; i++) {
		const struct cgroup_device_rule *rule = &r->devices[i];
		char type[] = {rule->type, '\0'}, access[4], *p = access;

		if (rule->access & CGROUP_DEVICE_READ)
			*p++ = 'r';
		if (rule->access & CGROUP_DEVICE_WRITE)
			*p++ = 'w';
		if (rule->access & CGROUP_DEVICE_MKNOD)
			*p++ = 'm';
		*p = '\0';
		json_write_object_begin(w);
		json_put_bool(w, "allow", rule->allow);
		if (rule->type != 'a')
			json_put_string(w, "type", type);
		if (rule->major >= 0)
			json_put_int(w, "major", rule->major);
		if (rule->minor >= 0)
			json_put_int(w, "minor", rule->minor);
		json_put_string(w, "access", access);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_memory(struct json_writer *w, const struct cgroup_resources *r)
{
	if (!(r->given & (CGROUP_MEMORY_LIMIT | CGROUP_MEMORY_SWAP | CGROUP_MEMORY_RESERVATION)) &&
		!r->check_before_update)
		return;
	json_write_key(w, "memory");
	json_write_object_begin(w);
	if (r->given & CGROUP_MEMORY_LIMIT)
		json_put_int(w, "limit", r->memory_limit);
	if (r->given & CGROUP_MEMORY_RESERVATION)
		json_put_int(w, "reservation", r->memory_reservation);
	if (r->given & CGROUP_MEMORY_SWAP)
		json_put_int(w, "swap", r->memory_swap);
	if (r->check_before_update)
		json_put_bool(w, "checkBeforeUpdate", true);
	json_write_object_end(w);
}

static void write_cpu(struct json_writer *w, const struct cgroup_resources *r)
{
	if (!(r->given & (CGROUP_CPU_SHARES | CGROUP_CPU_QUOTA | CGROUP_CPU_PERIOD |
				 CGROUP_CPU_BURST | CGROUP_CPU_IDLE)) &&
		!r->cpuset_cpus && !r->cpuset_mems)
		return;
	json_write_key(w, "cpu");
	json_write_object_begin(w);
	if (r->given & CGROUP_CPU_SHARES)
		json_put_uint(w, "shares", r->cpu_shares);
	if (r->given & CGROUP_CPU_QUOTA)
		json_put_int(w, "quota", r->cpu_quota);
	if (r->given & CGROUP_CPU_BURST)
		json_put_uint(w, "burst", r->cpu_burst);
	if (r->given & CGROUP_CPU_PERIOD)
		json_put_uint(w, "period", r->cpu_period);
	if (r->cpuset_cpus)
		json_put_string(w, "cpus", r->cpuset_cpus);
	if (r->cpuset_mems)
		json_put_string(w, "mems", r->cpuset_mems);
	if (r->given & CGROUP_CPU_IDLE)
		json_put_int(w, "idle", r->cpu_idle);
	json_write_object_end(w);
}

static void write_io_device(struct json_writer *w, const struct cgroup_io_device *device,
	const char *key, uint64_t value)
{
	json_write_object_begin(w);
	json_put_int(w, "major", device->major);
	json_put_int(w, "minor", device->minor);
	json_put_uint(w, key, value);
	json_write_object_end(w);
}

static void write_block_io(struct json_writer *w, const struct cgroup_resources *r)
{
	static const struct {
		const char *key;
		size_t offset;
	} rates[] = {
		{"throttleReadBpsDevice", offsetof(struct cgroup_io_device, rbps)},
		{"throttleWriteBpsDevice", offsetof(struct cgroup_io_device, wbps)},
		{"throttleReadIOPSDevice", offsetof(struct cgroup_io_device, riops)},
		{"throttleWriteIOPSDevice", offsetof(struct cgroup_io_device, wiops)},
	};

	if (!(r->given & CGROUP_IO_WEIGHT) && !r->io_device_count)
		return;
	json_write_key(w, "blockIO");
	json_write_object_begin(w);
	if (r->given & CGROUP_IO_WEIGHT)
		json_put_uint(w, "weight", r->io_weight);
	if (r->io_device_count) {
		json_write_key(w, "weightDevice");
		json_write_array_begin(w);
		for (size_t i = 0; i < r->io_device_count; i++)
			if (r->io_devices[i].has_weight)
				write_io_device(
					w, &r->io_devices[i], "weight", r->io_devices[i].weight);
		json_write_array_end(w);
	}
	for (size_t k = 0; r->io_device_count && k < ARRAY_SIZE(rates); k++) {
		json_write_key(w, rates[k].key);
		json_write_array_begin(w);
		for (size_t i = 0; i < r->io_device_count; i++) {
			uint64_t value;

			memcpy(&value, (const char *)&r->io_devices[i] + rates[k].offset,
				sizeof(value));
			if (value)
				write_io_device(w, &r->io_devices[i], "rate", value);
		}
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

static void write_rest(struct json_writer *w, const struct cgroup_resources *r)
{
	if (r->hugepage_count) {
		json_write_key(w, "hugepageLimits");
		json_write_array_begin(w);
		for (size_t i = 0; i < r->hugepage_count; i++) {
			json_write_object_begin(w);
			json_put_string(w, "pageSize", r->hugepages[i].page_size);
			json_put_uint(w, "limit", r->hugepages[i].limit);
			json_write_object_end(w);
		}
		json_write_array_end(w);
	}
	if (r->rdma_count) {
		json_write_key(w, "rdma");
		json_write_object_begin(w);
		for (size_t i = 0; i < r->rdma_count; i++) {
			json_write_key(w, r->rdma[i].device);
			json_write_object_begin(w);
			if (r->rdma[i].has_handles)
				json_put_uint(w, "hcaHandles", r->rdma[i].handles);
			if (r->rdma[i].has_objects)
				json_put_uint(w, "hcaObjects", r->rdma[i].objects);
			json_write_object_end(w);
		}
		json_write_object_end(w);
	}
	if (r->unified_count) {
		json_write_key(w, "unified");
		json_write_object_begin(w);
		for (size_t i = 0; i < r->unified_count; i++)
			json_put_string(w, r->unified[i].name, r->unified[i].value);
		json_write_object_end(w);
	}
}

void cgroup_resources_write(struct json_writer *w, const struct cgroup_resources *r)
{
	json_write_object_begin(w);
	write_devices(w, r);
	write_memory(w, r);
	write_cpu(w, r);
	if (r->given & CGROUP_PIDS_LIMIT) {
		json_write_key(w, "pids");
		json_write_object_begin(w);
		json_put_int(w, "limit", r->pids_limit);
		json_write_object_end(w);
	}
	write_block_io(w, r);
	write_rest(w, r);
	json_write_object_end(w);
}

char *cgroup_resources_text(const struct cgroup_resources *r)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	cgroup_resources_write(&w, r);
	return strbuf_detach(&out);
}

/* -------- changing -------- */

static void merge_unified(struct cgroup_resources *into, const struct cgroup_file *file)
{
	for (size_t i = 0; i < into->unified_count; i++) {
		if (strcmp(into->unified[i].name, file->name) != 0)
			continue;
		free(into->unified[i].value);
		into->unified[i].value = xstrdup(file->value);
		return;
	}
	into->unified =
		xreallocarray(into->unified, into->unified_count + 1, sizeof(*into->unified));
	into->unified[into->unified_count++] =
		(struct cgroup_file){xstrdup(file->name), xstrdup(file->value)};
}

static void merge_io(struct cgroup_resources *into, const struct cgroup_io_device *change)
{
	struct cgroup_io_device *device = io_device(into, change->major, change->minor);

	if (change->has_weight) {
		device->has_weight = true;
		device->weight = change->weight;
	}
	device->rbps = change->rbps ? change->rbps : device->rbps;
	device->wbps = change->wbps ? change->wbps : device->wbps;
	device->riops = change->riops ? change->riops : device->riops;
	device->wiops = change->wiops ? change->wiops : device->wiops;
}

void cgroup_resources_merge(struct cgroup_resources *into, const struct cgroup_resources *change)
{
#define TAKE(bit, member)                                                                          \
	do {                                                                                       \
		if (change->given & (bit))                                                         \
			into->member = change->member;                                             \
	} while (0)
	TAKE(CGROUP_MEMORY_LIMIT, memory_limit);
	TAKE(CGROUP_MEMORY_SWAP, memory_swap);
	TAKE(CGROUP_MEMORY_RESERVATION, memory_reservation);
	TAKE(CGROUP_CPU_SHARES, cpu_shares);
	TAKE(CGROUP_CPU_QUOTA, cpu_quota);
	TAKE(CGROUP_CPU_PERIOD, cpu_period);
	TAKE(CGROUP_CPU_BURST, cpu_burst);
	TAKE(CGROUP_CPU_IDLE, cpu_idle);
	TAKE(CGROUP_PIDS_LIMIT, pids_limit);
	TAKE(CGROUP_IO_WEIGHT, io_weight);
#undef TAKE
	into->given |= change->given;
	if (change->cpuset_cpus) {
		free(into->cpuset_cpus);
		into->cpuset_cpus = xstrdup(change->cpuset_cpus);
	}
	if (change->cpuset_mems) {
		free(into->cpuset_mems);
		into->cpuset_mems = xstrdup(change->cpuset_mems);
	}
	for (size_t i = 0; i < change->io_device_count; i++)
		merge_io(into, &change->io_devices[i]);
	for (size_t i = 0; i < change->unified_count; i++)
		merge_unified(into, &change->unified[i]);
}
