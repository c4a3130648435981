#include "config.h"

#include <linux/filter.h>
#include <string.h>

#include "runtime/process.h"

static bool string_fits(const char *block, uint32_t size, uint32_t offset)
{
	return offset >= sizeof(struct process_plan) && offset < size &&
	       memchr(block + offset, '\0', size - offset);
}

static bool array_fits(uint32_t size, uint32_t offset, uint32_t count, size_t element, size_t align)
{
	return count == 0 || (offset >= sizeof(struct process_plan) && offset <= size &&
				     offset % align == 0 && count <= (size - offset) / element);
}

static bool strings_fit(const char *block, uint32_t size, uint32_t offset, uint32_t count)
{
	uint32_t string;

	if (!array_fits(size, offset, count, sizeof(uint32_t), sizeof(uint32_t)))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(&string, block + offset + i * sizeof(string), sizeof(string));
		if (!string_fits(block, size, string))
			return false;
	}
	return true;
}

static bool mask_fits(const struct process_plan *plan, uint32_t offset, uint32_t words)
{
	return words <= PROCESS_MASK_WORDS_MAX &&
	       array_fits(plan->size, offset, words, sizeof(uint64_t), sizeof(uint64_t));
}

bool process_plan_check(const void *block, size_t len)
{
	struct process_plan plan;
	const char *bytes = block;

	if (len < sizeof(plan) || len > PROCESS_PLAN_MAX)
		return false;
	memcpy(&plan, block, sizeof(plan));
	return plan.magic == PROCESS_PLAN_MAGIC && plan.version == 2 && plan.size == len &&
	       plan.arg_count >= 1 && plan.group_count <= PROCESS_GROUPS_MAX &&
	       plan.group_name_count <= PROCESS_GROUPS_MAX &&
	       plan.rlimit_count <= PROCESS_RLIMITS_MAX && plan.seccomp_count <= BPF_MAXINSNS &&
	       (!plan.user || string_fits(bytes, plan.size, plan.user)) &&
	       string_fits(bytes, plan.size, plan.cwd) &&
	       strings_fit(bytes, plan.size, plan.args, plan.arg_count) &&
	       strings_fit(bytes, plan.size, plan.env, plan.env_count) &&
	       array_fits(plan.size, plan.groups, plan.group_count, sizeof(uint32_t),
		       sizeof(uint32_t)) &&
	       strings_fit(bytes, plan.size, plan.group_names, plan.group_name_count) &&
	       array_fits(plan.size, plan.rlimits, plan.rlimit_count, sizeof(struct process_rlimit),
		       sizeof(uint64_t)) &&
	       array_fits(plan.size, plan.seccomp, plan.seccomp_count, sizeof(struct sock_filter),
		       sizeof(uint64_t)) &&
	       mask_fits(&plan, plan.memory_nodes, plan.memory_node_words) &&
	       (!plan.apparmor || string_fits(bytes, plan.size, plan.apparmor)) &&
	       (!plan.selinux || string_fits(bytes, plan.size, plan.selinux));
}
