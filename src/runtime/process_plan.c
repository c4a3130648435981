#include "config.h"

#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/capability.h"
#include "runtime/process_plan.h"
#include "util/mem.h"
#include "util/strbuf.h"

static uint32_t add_bytes(struct strbuf *out, const void *data, size_t len, size_t align)
{
	uint32_t offset;

	strbuf_pad(out, '\0', (align - out->len % align) % align);
	offset = (uint32_t)out->len;
	strbuf_add(out, data, len);
	return offset;
}

static uint32_t add_string(struct strbuf *out, const char *s)
{
	return add_bytes(out, s, strlen(s) + 1, 1);
}

static uint32_t add_strv(struct strbuf *out, char *const *strv, uint32_t *ret_count)
{
	size_t count = strv_length(strv);
	cleanup_free uint32_t *offsets = xcalloc(count + 1, sizeof(*offsets));

	*ret_count = (uint32_t)count;
	if (!count)
		return 0;
	for (size_t i = 0; i < count; i++)
		offsets[i] = add_string(out, strv[i]);
	return add_bytes(out, offsets, count * sizeof(*offsets), sizeof(*offsets));
}

/* "0-3,7" as the words of a mask; NULL: none. The list is well-formed (spec_check_list()). */
static uint32_t add_mask(struct strbuf *out, const char *list, uint32_t *ret_words)
{
	uint64_t words[PROCESS_MASK_WORDS_MAX] = {0};
	uint32_t count = 0;

	*ret_words = 0;
	if (!list)
		return 0;
	while (*list) {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long i = first; i <= last && i / 64 < ARRAY_SIZE(words); i++) {
			words[i / 64] |= UINT64_C(1) << i % 64;
			count = MAX(count, (uint32_t)(i / 64 + 1));
		}
		list = *end == ',' ? end + 1 : end;
	}
	*ret_words = count;
	return add_bytes(out, words, count * sizeof(*words), sizeof(*words));
}

/* Sum of the strings' bytes, so that offsets cannot overflow 32 bits. */
static size_t strv_bytes(char *const *strv)
{
	size_t total = 0;

	for (; strv && *strv; strv++)
		total += strlen(*strv) + 1 + sizeof(uint32_t);
	return total;
}

int process_plan_build(const struct runtime_process *process, const struct seccomp_program *seccomp,
	unsigned int flags, struct process_plan **ret, size_t *ret_len, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct process_rlimit limits[PROCESS_RLIMITS_MAX] = {0};
	struct process_plan plan = {
		.magic = PROCESS_PLAN_MAGIC,
		.version = 2,
		.flags = flags,
		.uid = process->uid,
		.gid = process->gid,
		.umask = process->umask < 0 ? 0022 : (uint32_t)process->umask,
		.oom_score_adj = process->oom_score_adj,
		.console_height = process->console_height,
		.console_width = process->console_width,
		.io_priority = process->io_priority,
		.personality = process->personality,
		.memory_mode = (uint32_t)process->memory_policy.mode,
		.scheduler =
			{
				.policy = process->scheduler.policy,
				.nice = process->scheduler.nice,
				.priority = process->scheduler.priority,
				.flags = process->scheduler.flags,
				.runtime_ns = process->scheduler.runtime_ns,
				.deadline_ns = process->scheduler.deadline_ns,
				.period_ns = process->scheduler.period_ns,
			},
	};

	if (!process->args || !process->args[0] || !*process->args[0])
		return error_set(err, ERR_INVALID,
			"no command: the image names none and none was given on the command line");
	if (!process->cwd || process->cwd[0] != '/')
		return error_set(err, ERR_INVALID, "working directory '%s' is not an absolute path",
			process->cwd ? process->cwd : "");
	if (strv_bytes(process->args) + strv_bytes(process->env) > PROCESS_PLAN_MAX / 2)
		return error_set(err, ERR_INVALID,
			"arguments and environment are larger than %u bytes", PROCESS_PLAN_MAX / 2);
	if (process->additional_gid_count > PROCESS_GROUPS_MAX ||
		strv_length(process->additional_groups) > PROCESS_GROUPS_MAX)
		return error_set(
			err, ERR_INVALID, "more than %d additional groups", PROCESS_GROUPS_MAX);
	if (process->rlimit_count > PROCESS_RLIMITS_MAX)
		return error_set(
			err, ERR_INVALID, "more than %d resource limits", PROCESS_RLIMITS_MAX);
	if (process->no_new_privileges)
		plan.flags |= PROCESS_NO_NEW_PRIVILEGES;
	if (process->has_oom_score_adj)
		plan.flags |= PROCESS_OOM_SCORE_ADJ;
	if (process->terminal)
		plan.flags |= PROCESS_TERMINAL;
	if (process->capabilities_for_user)
		plan.flags |= PROCESS_CAPS_FOR_USER;
	/* --privileged: whoever started us may lack some itself. */
	if (process->capabilities_held || process->capabilities[CAPABILITY_BOUNDING] ==
						  UINT64_MAX >> (63 - capability_last()))
		plan.flags |= PROCESS_CAPS_HELD;
	if (process->has_io_priority)
		plan.flags |= PROCESS_IO_PRIORITY;
	if (process->scheduler.set)
		plan.flags |= PROCESS_SCHEDULER;
	if (process->has_personality)
		plan.flags |= PROCESS_PERSONALITY;
	if (process->memory_policy.set)
		plan.flags |= PROCESS_MEMORY_POLICY;
	if (seccomp && seccomp->notifies)
		plan.flags |= PROCESS_SECCOMP_NOTIFY;
	memcpy(plan.capabilities, process->capabilities, sizeof(plan.capabilities));

	strbuf_reserve(&out, 4096 + (seccomp ? seccomp->count * sizeof(*seccomp->filter) : 0));
	strbuf_pad(&out, '\0', sizeof(plan));
	if (process->user)
		plan.user = add_string(&out, process->user);
	plan.cwd = add_string(&out, process->cwd);
	plan.args = add_strv(&out, process->args, &plan.arg_count);
	plan.env = add_strv(&out, process->env, &plan.env_count);
	plan.group_names = add_strv(&out, process->additional_groups, &plan.group_name_count);
	plan.group_count = (uint32_t)process->additional_gid_count;
	if (plan.group_count)
		plan.groups = add_bytes(&out, process->additional_gids,
			plan.group_count * sizeof(uint32_t), sizeof(uint32_t));
	for (size_t i = 0; i < process->rlimit_count; i++)
		limits[i] = (struct process_rlimit){
			.resource = (uint32_t)process->rlimits[i].resource,
			.soft = process->rlimits[i].soft,
			.hard = process->rlimits[i].hard,
		};
	plan.rlimit_count = (uint32_t)process->rlimit_count;
	if (plan.rlimit_count)
		plan.rlimits = add_bytes(
			&out, limits, plan.rlimit_count * sizeof(*limits), sizeof(uint64_t));
	if (seccomp) {
		plan.seccomp_count = (uint32_t)seccomp->count;
		plan.seccomp = add_bytes(&out, seccomp->filter,
			seccomp->count * sizeof(*seccomp->filter), sizeof(uint64_t));
		/* There is one thread. */
		plan.seccomp_flags = seccomp->flags & ~(uint32_t)SECCOMP_FILTER_FLAG_TSYNC;
	}
	if (process->apparmor_profile) {
		cleanup_free char *text = xasprintf("exec %s", process->apparmor_profile);

		plan.apparmor = add_string(&out, text);
	}
	if (process->selinux_label)
		plan.selinux = add_string(&out, process->selinux_label);
	plan.memory_nodes = add_mask(&out, process->memory_policy.nodes, &plan.memory_node_words);
	plan.size = (uint32_t)out.len;
	memcpy(out.data, &plan, sizeof(plan));
	*ret_len = out.len;
	*ret = (struct process_plan *)(void *)strbuf_detach(&out);
	return 0;
}
