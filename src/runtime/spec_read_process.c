#include "config.h"

#include <linux/ioprio.h>
#include <string.h>

#include "runtime/capability.h"
#include "runtime/process.h"
#include "runtime/rlimit.h"
#include "runtime/spec_read.h"
#include "runtime/spec_words.h"
#include "util/mem.h"
#include "util/str.h"

#define CPUS_MAX 8192

static int read_user(const struct json *object, struct runtime_process *process, struct error **err)
{
	static const char *const foreign[] = {"username", NULL};
	struct json user, list;
	int found = spec_opt_object(object, "user", &user, err);
	uint64_t mask = 0;
	size_t count;

	if (found <= 0)
		return found;
	if (spec_refuse(&user, foreign, "is for another platform", err) < 0 ||
		json_opt_uint32(&user, "uid", &process->uid, err) < 0 ||
		json_opt_uint32(&user, "gid", &process->gid, err) < 0 ||
		json_opt_uint64(&user, "umask", 0777, &mask, err) < 0 ||
		spec_opt_array(&user, "additionalGids", PROCESS_GROUPS_MAX, &list, &count, err) < 0)
		return -1;
	/* -1 is no id: to the kernel it means "leave it as it is". */
	if (process->uid == UINT32_MAX || process->gid == UINT32_MAX)
		return json_error(&user, err, "%u is not an id", UINT32_MAX);
	if (json_member(&user, "umask", &(struct json){0}))
		process->umask = (int)mask;
	process->additional_gids = xcalloc(count + 1, sizeof(*process->additional_gids));
	for (; process->additional_gid_count < count; process->additional_gid_count++) {
		struct json item = json_at(&list, process->additional_gid_count);
		uint32_t *gid = &process->additional_gids[process->additional_gid_count];

		if (json_uint32(&item, gid, err) < 0)
			return -1;
		if (*gid == UINT32_MAX)
			return json_error(&item, err, "%u is not an id", UINT32_MAX);
	}
	return 0;
}

static int read_capabilities(
	const struct json *object, struct runtime_process *process, struct error **err)
{
	struct json capabilities, list;
	int found = spec_opt_object(object, "capabilities", &capabilities, err);
	size_t count;

	process->capabilities_for_user = process->capabilities_held = true;
	if (found <= 0)
		return found;
	for (int set = 0; set < CAPABILITY_SET_COUNT; set++) {
		if (spec_opt_array(
			    &capabilities, spec_capability_sets[set], 256, &list, &count, err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++) {
			struct json item = json_at(&list, i);
			const char *name;
			int number;

			if (json_string(&item, &name, err) < 0)
				return -1;
			number = capability_parse(name);
			/* The specification wants a warning, not a failure. */
			if (number < 0)
				strv_append_take(&process->unknown_capabilities,
					xasprintf("config.json: process.capabilities.%s[%zu]: "
						  "there is no capability '%s'",
						spec_capability_sets[set], i, name));
			else
				process->capabilities[set] |= UINT64_C(1) << number;
		}
	}
	return 0;
}

static int read_rlimits(
	const struct json *object, struct runtime_process *process, struct error **err)
{
	struct json list;
	size_t count;

	if (spec_opt_array(object, "rlimits", PROCESS_RLIMITS_MAX, &list, &count, err) < 0)
		return -1;
	process->rlimits = xcalloc(count + 1, sizeof(*process->rlimits));
	for (; process->rlimit_count < count; process->rlimit_count++) {
		struct runtime_rlimit *limit = &process->rlimits[process->rlimit_count];
		struct json item = json_at(&list, process->rlimit_count), member;
		const char *name;

		if (json_require(&item, "type", &member, err) < 0 ||
			json_string(&member, &name, err) < 0)
			return -1;
		limit->resource = rlimit_parse(name);
		if (!str_starts_with(name, "RLIMIT_") || limit->resource < 0)
			return json_error(&member, err, "'%s' is not a resource limit", name);
		for (size_t i = 0; i < process->rlimit_count; i++)
			if (process->rlimits[i].resource == limit->resource)
				return json_error(&member, err, "'%s' is given twice", name);
		if (json_require(&item, "soft", &member, err) < 0 ||
			json_uint64(&member, UINT64_MAX, &limit->soft, err) < 0 ||
			json_require(&item, "hard", &member, err) < 0 ||
			json_uint64(&member, UINT64_MAX, &limit->hard, err) < 0)
			return -1;
		if (limit->soft > limit->hard)
			return json_error(&item, err, "soft is above hard");
	}
	return 0;
}

static int read_io_priority(
	const struct json *object, struct runtime_process *process, struct error **err)
{
	static const char *const classes[] = {
		[IOPRIO_CLASS_RT] = "IOPRIO_CLASS_RT",
		[IOPRIO_CLASS_BE] = "IOPRIO_CLASS_BE",
		[IOPRIO_CLASS_IDLE] = "IOPRIO_CLASS_IDLE",
	};
	struct json priority, member;
	int found = spec_opt_object(object, "ioPriority", &priority, err);
	const char *name;
	uint64_t level = 0;

	if (found <= 0)
		return found;
	if (json_require(&priority, "class", &member, err) < 0 ||
		json_string(&member, &name, err) < 0 ||
		json_opt_uint64(&priority, "priority", 7, &level, err) < 0)
		return -1;
	for (unsigned int i = IOPRIO_CLASS_RT; i < ARRAY_SIZE(classes); i++) {
		if (strcmp(name, classes[i]) != 0)
			continue;
		process->has_io_priority = true;
		process->io_priority = (uint16_t)(i << IOPRIO_CLASS_SHIFT | level);
		return 0;
	}
	return json_error(&member, err, "'%s' is not an I/O class", name);
}

static int read_scheduler(
	const struct json *object, struct runtime_process *process, struct error **err)
{
	struct runtime_scheduler *scheduler = &process->scheduler;
	struct json setting, member, list;
	int found = spec_opt_object(object, "scheduler", &setting, err), number;
	int64_t nice = 0, priority = 0;
	const char *name;
	size_t count;

	if (found <= 0)
		return found;
	if (json_require(&setting, "policy", &member, err) < 0 ||
		json_string(&member, &name, err) < 0)
		return -1;
	number = spec_word_number(spec_scheduler_policies, name);
	if (number < 0)
		return json_error(&member, err, "'%s' is not a scheduling policy", name);
	scheduler->policy = (uint32_t)number;
	if (json_opt_int64(&setting, "nice", -20, 19, &nice, err) < 0 ||
		json_opt_int64(&setting, "priority", 0, 99, &priority, err) < 0 ||
		json_opt_uint64(&setting, "runtime", INT64_MAX, &scheduler->runtime_ns, err) < 0 ||
		json_opt_uint64(&setting, "deadline", INT64_MAX, &scheduler->deadline_ns, err) <
			0 ||
		json_opt_uint64(&setting, "period", INT64_MAX, &scheduler->period_ns, err) < 0 ||
		spec_opt_array(&setting, "flags", 64, &list, &count, err) < 0)
		return -1;
	scheduler->nice = (int32_t)nice;
	scheduler->priority = (uint32_t)priority;
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(&list, i);

		if (json_string(&item, &name, err) < 0)
			return -1;
		number = spec_word_number(spec_scheduler_flags, name);
		if (number < 0)
			return json_error(&item, err, "'%s' is not a scheduling flag", name);
		scheduler->flags |= (uint64_t)number;
	}
	scheduler->set = true;
	return 0;
}

static int read_cpus(const struct json *object, const char *key, char **ret, struct error **err)
{
	struct json member;

	if (json_opt_dup(object, key, ret, err) < 0)
		return -1;
	if (*ret && !spec_check_list(*ret, CPUS_MAX)) {
		(void)json_member(object, key, &member);
		return json_error(&member, err, "'%s' is not a list of CPUs", *ret);
	}
	if (*ret && !**ret) {
		free(*ret);
		*ret = NULL;
	}
	return 0;
}

static int read_affinity(
	const struct json *object, struct runtime_process *process, struct error **err)
{
	struct json affinity;
	int found = spec_opt_object(object, "execCPUAffinity", &affinity, err);

	if (found <= 0)
		return found;
	if (read_cpus(&affinity, "initial", &process->initial_cpus, err) < 0 ||
		read_cpus(&affinity, "final", &process->final_cpus, err) < 0)
		return -1;
	return 0;
}

static int read_console(
	const struct json *object, struct runtime_process *process, struct error **err)
{
	struct json size;
	int found = spec_opt_object(object, "consoleSize", &size, err);
	uint64_t height = 0, width = 0;

	if (json_opt_bool(object, "terminal", &process->terminal, err) < 0)
		return -1;
	if (found <= 0)
		return found;
	if (json_opt_uint64(&size, "height", UINT16_MAX, &height, err) < 0 ||
		json_opt_uint64(&size, "width", UINT16_MAX, &width, err) < 0)
		return -1;
	process->console_height = (uint16_t)height;
	process->console_width = (uint16_t)width;
	return 0;
}

static int read_oom_score(
	const struct json *object, struct runtime_process *process, struct error **err)
{
	int64_t score = 0;

	if (json_opt_int64(object, "oomScoreAdj", -1000, 1000, &score, err) < 0)
		return -1;
	process->oom_score_adj = (int)score;
	process->has_oom_score_adj = json_member(object, "oomScoreAdj", &(struct json){0});
	return 0;
}

/* Engines write "" where they mean none. */
static int read_label(const struct json *object, const char *key, char **ret, struct error **err)
{
	if (json_opt_dup(object, key, ret, err) < 0)
		return -1;
	if (*ret && !**ret) {
		free(*ret);
		*ret = NULL;
	}
	return 0;
}

int spec_read_process(
	const struct json *object, struct runtime_process *process, struct error **err)
{
	static const char *const foreign[] = {"commandLine", NULL};
	struct json member;

	if (json_kind(object) != JSON_KIND_OBJECT)
		return json_error(object, err, "must be an object");
	if (spec_refuse(object, foreign, "is for another platform", err) < 0 ||
		read_console(object, process, err) < 0 || read_user(object, process, err) < 0 ||
		json_require(object, "args", &member, err) < 0 ||
		json_opt_strv(object, "args", SPEC_ENV_MAX, &process->args, err) < 0 ||
		json_opt_strv(object, "env", SPEC_ENV_MAX, &process->env, err) < 0 ||
		spec_require_dup(object, "cwd", true, &process->cwd, err) < 0 ||
		read_capabilities(object, process, err) < 0 ||
		read_rlimits(object, process, err) < 0 ||
		json_opt_bool(object, "noNewPrivileges", &process->no_new_privileges, err) < 0 ||
		read_oom_score(object, process, err) < 0 ||
		read_label(object, "apparmorProfile", &process->apparmor_profile, err) < 0 ||
		read_label(object, "selinuxLabel", &process->selinux_label, err) < 0 ||
		read_io_priority(object, process, err) < 0 ||
		read_scheduler(object, process, err) < 0 || read_affinity(object, process, err) < 0)
		return -1;
	if (!process->args[0])
		return json_error(&member, err, "must not be empty");
	return 0;
}

int runtime_process_read(
	const char *text, size_t len, struct runtime_process *process, struct error **err)
{
	cleanup_json struct json_document *document = NULL;
	struct json root;

	if (len > RUNTIME_SPEC_MAX)
		return error_set(
			err, ERR_INVALID, "process: larger than %u bytes", RUNTIME_SPEC_MAX);
	if (json_parse(text, len, "process", &document, &root, err) < 0)
		return -1;
	return spec_read_process(&root, process, err);
}
