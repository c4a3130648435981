#include "config.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "runtime/capability.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_bpf.h"
#include "runtime/seccomp_words.h"
#include "util/json.h"
#include "util/mem.h"

#define RULES_MAX 4096 /* names in one profile */
#define ARGS_MAX  6

struct parsed {
	struct seccomp_rule *rules;
	size_t count, capacity;
	struct seccomp_arg (*args)[ARGS_MAX]; /* one set for each entry of "syscalls" */
};

/* "SCMP_ACT_ALLOW" with "errnoRet" as a return value of a filter. */
static int parse_action(const struct json *where, const char *key, const char *errno_key,
	uint32_t errno_default, uint32_t *ret, struct error **err)
{
	uint64_t number = errno_default;
	struct json action;
	const char *name;

	if (json_require(where, key, &action, err) < 0 || json_string(&action, &name, err) < 0 ||
		json_opt_uint64(where, errno_key, SECCOMP_RET_DATA, &number, err) < 0)
		return -1;
	for (const struct seccomp_word *word = seccomp_actions; word->word; word++) {
		if (strcmp(name, word->word) != 0)
			continue;
		*ret = word->number;
		if (*ret == SECCOMP_RET_ERRNO || *ret == SECCOMP_RET_TRACE)
			*ret |= (uint32_t)number;
		return 0;
	}
	return json_error(&action, err, "action '%s' is not supported", name);
}

static int parse_args(
	const struct json *entry, struct seccomp_arg *args, unsigned int *ret, struct error **err)
{
	struct json list;
	size_t count = 0;

	*ret = 0;
	if (!json_member(entry, "args", &list))
		return 0;
	if (json_array(&list, ARGS_MAX, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct json element = json_at(&list, i), op;
		uint64_t index = 0, value = 0, value_two = 0;
		const char *name;
		bool found = false;

		if (json_opt_uint64(&element, "index", 5, &index, err) < 0 ||
			json_opt_uint64(&element, "value", UINT64_MAX, &value, err) < 0 ||
			json_opt_uint64(&element, "valueTwo", UINT64_MAX, &value_two, err) < 0 ||
			json_require(&element, "op", &op, err) < 0 ||
			json_string(&op, &name, err) < 0)
			return -1;
		for (int j = 0; seccomp_compare_words[j]; j++) {
			if (strcmp(name, seccomp_compare_words[j]) != 0)
				continue;
			args[i] = (struct seccomp_arg){
				.index = (unsigned int)index,
				.compare = (enum seccomp_compare)j,
				.value = value,
				.value_two = value_two,
			};
			found = true;
		}
		if (!found)
			return json_error(&op, err, "comparison '%s' is not known", name);
	}
	*ret = (unsigned int)count;
	return 0;
}

static bool arch_is_native(const char *name)
{
#if defined(__x86_64__)
	return strcmp(name, "amd64") == 0 || strcmp(name, "x86") == 0 || strcmp(name, "x32") == 0;
#elif defined(__aarch64__)
	return strcmp(name, "arm64") == 0 || strcmp(name, "arm") == 0;
#else
	struct utsname host;

	return uname(&host) == 0 && strcmp(name, host.machine) == 0;
#endif
}

static bool kernel_is_at_least(const char *wanted)
{
	unsigned int major = 0, minor = 0, wanted_major = 0, wanted_minor = 0;
	struct utsname host;

	if (uname(&host) < 0 || sscanf(host.release, "%u.%u", &major, &minor) != 2 ||
		sscanf(wanted, "%u.%u", &wanted_major, &wanted_minor) < 1)
		return false;
	return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
}

/* Does the "includes" or "excludes" object hold for us? True for an absent or empty one when it
 * includes, false when it excludes. */
static int condition_holds(const struct json *entry, const char *key, uint64_t capabilities,
	bool excludes, bool *ret, struct error **err)
{
	cleanup_strv char **caps = NULL, **arches = NULL;
	const char *min_kernel = NULL;
	bool any_arch = false;
	struct json object;

	*ret = !excludes;
	if (!json_member(entry, key, &object))
		return 0;
	if (json_opt_strv(&object, "caps", 64, &caps, err) < 0 ||
		json_opt_strv(&object, "arches", 64, &arches, err) < 0 ||
		json_opt_string(&object, "minKernel", &min_kernel, err) < 0)
		return -1;
	for (char **cap = caps; cap && *cap; cap++) {
		int number = capability_parse(*cap);
		bool held = number >= 0 && capabilities & (UINT64_C(1) << number);

		/* All that are included must be held; one that is excluded suffices. */
		if (excludes && held)
			*ret = true;
		if (!excludes && !held)
			*ret = false;
	}
	for (char **arch = arches; arch && *arch; arch++)
		any_arch |= arch_is_native(*arch);
	if (arches && *arches && any_arch == excludes)
		*ret = excludes;
	if (min_kernel && kernel_is_at_least(min_kernel) == excludes)
		*ret = excludes;
	return 0;
}

/* Conditions on one argument twice are alternatives, as in other runtimes, which come from what
 * libseccomp once could not express: each makes a rule of its own. */
static bool args_are_alternatives(const struct seccomp_arg *args, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = i + 1; j < count; j++)
			if (args[i].index == args[j].index)
				return true;
	return false;
}

static void add_rules(struct parsed *parsed, struct seccomp_rule rule)
{
	bool alternatives = args_are_alternatives(rule.args, rule.arg_count);
	unsigned int count = alternatives ? rule.arg_count : 1;

	for (unsigned int i = 0; i < count; i++) {
		array_grow(parsed->rules, parsed->count, parsed->capacity);
		parsed->rules[parsed->count] = rule;
		if (alternatives) {
			parsed->rules[parsed->count].args = rule.args + i;
			parsed->rules[parsed->count].arg_count = 1;
		}
		parsed->count++;
	}
}

static int parse_entry(const struct json *entry, size_t number, uint64_t capabilities,
	uint32_t errno_default, struct parsed *parsed, struct error **err)
{
	const char *single = NULL;
	bool included, excluded;
	struct json names;
	unsigned int arg_count;
	size_t count = 0;
	uint32_t action;

	if (parse_action(entry, "action", "errnoRet", errno_default, &action, err) < 0 ||
		parse_args(entry, parsed->args[number], &arg_count, err) < 0 ||
		condition_holds(entry, "includes", capabilities, false, &included, err) < 0 ||
		condition_holds(entry, "excludes", capabilities, true, &excluded, err) < 0 ||
		json_opt_string(entry, "name", &single, err) < 0)
		return -1;
	if (json_member(entry, "names", &names) && json_array(&names, RULES_MAX, &count, err) < 0)
		return -1;
	if (!single && !count)
		return json_error(entry, err, "names no system call");
	if (parsed->count + (count + 1) * MAX(arg_count, 1u) > RULES_MAX)
		return json_error(entry, err, "more than %d names", RULES_MAX);
	for (size_t i = 0; i < count + !!single; i++) {
		const char *name = single;

		if (i < count) {
			struct json element = json_at(&names, i);

			if (json_string(&element, &name, err) < 0)
				return -1;
		}
		if (!included || excluded)
			continue;
		add_rules(parsed, (struct seccomp_rule){
					  .name = name,
					  .action = action,
					  .arg_count = arg_count,
					  .args = parsed->args[number],
				  });
	}
	return 0;
}

/* Which architectures beside the native one: docker's "archMap", or the specification's
 * "architectures". Those of other machines are nothing that could run here. */
static int parse_architectures(
	const struct json *root, struct seccomp_profile *profile, struct error **err)
{
	struct json map;
	size_t count = 0;

#if defined(__aarch64__)
	static const char native[] = "SCMP_ARCH_AARCH64", compat[] = "SCMP_ARCH_ARM";
#else
	static const char native[] = "SCMP_ARCH_X86_64", compat[] = "SCMP_ARCH_X86";
#endif

	if (json_member(root, "architectures", &map) && json_array(&map, 64, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct json element = json_at(&map, i);
		const char *const *known = seccomp_architectures;
		const char *name;

		if (json_string(&element, &name, err) < 0)
			return -1;
		while (*known && strcmp(name, *known) != 0)
			known++;
		if (!*known)
			return json_error(&element, err, "architecture '%s' is not known", name);
		profile->with_x86 |= strcmp(name, compat) == 0;
		profile->with_x32 |= strcmp(name, "SCMP_ARCH_X32") == 0;
	}
	count = 0;
	if (json_member(root, "archMap", &map) && json_array(&map, 64, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		cleanup_strv char **sub = NULL;
		struct json element = json_at(&map, i);
		const char *name = NULL;

		if (json_opt_string(&element, "architecture", &name, err) < 0 ||
			json_opt_strv(&element, "subArchitectures", 64, &sub, err) < 0)
			return -1;
		if (name && strcmp(name, native) == 0 && strv_contains(sub, compat))
			profile->with_x86 = true;
	}
	return 0;
}

static int parse_flags(const struct json *root, uint32_t *ret, struct error **err)
{
	struct json list;
	size_t count = 0;

	if (json_member(root, "flags", &list) && json_array(&list, 16, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct json element = json_at(&list, i);
		const struct seccomp_word *flag = seccomp_flags;
		const char *name;

		if (json_string(&element, &name, err) < 0)
			return -1;
		while (flag->word && strcmp(name, flag->word) != 0)
			flag++;
		if (!flag->word)
			return json_error(&element, err, "filter flag '%s' is not known", name);
		*ret |= flag->number;
	}
	return 0;
}

static int parse_listener(
	const struct json *root, struct seccomp_program *program, struct error **err)
{
	struct json member;

	if (json_opt_dup(root, "listenerPath", &program->listener_path, err) < 0 ||
		json_opt_dup(root, "listenerMetadata", &program->listener_metadata, err) < 0)
		return -1;
	if (program->listener_path && !*program->listener_path) {
		free(program->listener_path);
		program->listener_path = NULL;
	}
	if (program->listener_metadata && !program->listener_path) {
		if (*program->listener_metadata) {
			(void)json_member(root, "listenerMetadata", &member);
			return json_error(&member, err, "is for a listenerPath, which is missing");
		}
		free(program->listener_metadata);
		program->listener_metadata = NULL;
	}
	if (program->listener_path &&
		(program->listener_path[0] != '/' || strlen(program->listener_path) > 107)) {
		(void)json_member(root, "listenerPath", &member);
		return json_error(&member, err, "'%s' is not an absolute path of a socket",
			program->listener_path);
	}
	return 0;
}

static bool profile_notifies(const struct seccomp_profile *profile)
{
	if (profile->default_action == SECCOMP_RET_USER_NOTIF)
		return true;
	for (size_t i = 0; i < profile->rule_count; i++)
		if (profile->rules[i].action == SECCOMP_RET_USER_NOTIF)
			return true;
	return false;
}

static int compile_root(const struct json *root, uint64_t capabilities, struct parsed *parsed,
	struct seccomp_program *program, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);
	struct seccomp_profile profile = {0};
	struct json syscalls;
	size_t count = 0;

	if (json_kind(root) != JSON_KIND_OBJECT)
		return json_error(root, err, "must be an object");
	if (parse_action(root, "defaultAction", "defaultErrnoRet", EPERM, &profile.default_action,
		    err) < 0 ||
		parse_architectures(root, &profile, err) < 0 ||
		parse_flags(root, &program->flags, err) < 0 ||
		parse_listener(root, program, err) < 0)
		return -1;
	if (json_member(root, "syscalls", &syscalls) &&
		json_array(&syscalls, RULES_MAX, &count, err) < 0)
		return -1;
	parsed->args = xcalloc(count + 1, sizeof(*parsed->args));
	for (size_t i = 0; i < count; i++) {
		struct json entry = json_at(&syscalls, i);

		if (parse_entry(&entry, i, capabilities, EPERM, parsed, err) < 0)
			return -1;
	}
	profile.rules = parsed->rules;
	profile.rule_count = parsed->count;
	program->notifies = profile_notifies(&profile);
	if (program->notifies && !program->listener_path)
		return json_error(root, err, "SCMP_ACT_NOTIFY needs a listenerPath");
	seccomp_profile_write(
		&w, &profile, program->flags, program->listener_path, program->listener_metadata);
	program->object = strbuf_detach(&text);
	return seccomp_compile(&profile, &program->filter, &program->count, err);
}

int seccomp_from_value(const struct json *root, uint64_t capabilities, struct seccomp_program **ret,
	struct error **err)
{
	cleanup_seccomp struct seccomp_program *program = xcalloc(1, sizeof(*program));
	struct parsed parsed = {0};
	int result = compile_root(root, capabilities, &parsed, program, err);

	free(parsed.rules);
	free(parsed.args);
	if (result < 0)
		return -1;
	*ret = steal_ptr(&program);
	return 0;
}

int seccomp_from_json(const char *text, size_t len, const char *name, uint64_t capabilities,
	struct seccomp_program **ret, struct error **err)
{
	cleanup_json struct json_document *document = NULL;
	struct json root;

	if (json_parse(text, len, name, &document, &root, err) < 0)
		return -1;
	return seccomp_from_value(&root, capabilities, ret, err);
}
