#include "config.h"

#include <linux/seccomp.h>
#include <string.h>

#include "runtime/seccomp_bpf.h"
#include "runtime/seccomp_words.h"
#include "util/mem.h"

static void put_action(
	struct json_writer *w, const char *key, const char *errno_key, uint32_t action)
{
	uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

	json_put_string(w, key, seccomp_action_word(kind));
	if (kind == SECCOMP_RET_ERRNO || kind == SECCOMP_RET_TRACE)
		json_put_uint(w, errno_key, action & SECCOMP_RET_DATA);
}

static void put_architectures(struct json_writer *w, const struct seccomp_profile *profile)
{
#if defined(__x86_64__)
	static const char *const names[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#elif defined(__aarch64__)
	static const char *const names[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL};
#else
	static const char *const names[] = {"SCMP_ARCH_NATIVE", NULL, NULL};
#endif

	json_write_key(w, "architectures");
	json_write_array_begin(w);
	json_write_string(w, names[0]);
	if (profile->with_x86 && names[1])
		json_write_string(w, names[1]);
	if (profile->with_x32 && names[2])
		json_write_string(w, names[2]);
	json_write_array_end(w);
}

static void put_args(struct json_writer *w, const struct seccomp_rule *rule)
{
	json_write_key(w, "args");
	json_write_array_begin(w);
	for (unsigned int i = 0; i < rule->arg_count; i++) {
		const struct seccomp_arg *arg = &rule->args[i];

		json_write_object_begin(w);
		json_put_uint(w, "index", arg->index);
		json_put_uint(w, "value", arg->value);
		if (arg->compare == SECCOMP_MASKED_EQ)
			json_put_uint(w, "valueTwo", arg->value_two);
		json_put_string(w, "op", seccomp_compare_words[arg->compare]);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static bool same_answer(const struct seccomp_rule *a, const struct seccomp_rule *b)
{
	return a->action == b->action && a->arg_count == b->arg_count &&
	       (!a->arg_count || a->args == b->args);
}

void seccomp_profile_write(struct json_writer *w, const struct seccomp_profile *profile,
	uint32_t flags, const char *listener_path, const char *listener_metadata)
{
	json_write_object_begin(w);
	put_action(w, "defaultAction", "defaultErrnoRet", profile->default_action);
	put_architectures(w, profile);
	if (flags) {
		json_write_key(w, "flags");
		json_write_array_begin(w);
		for (const struct seccomp_word *flag = seccomp_flags; flag->word; flag++)
			if (flags & flag->number)
				json_write_string(w, flag->word);
		json_write_array_end(w);
	}
	if (listener_path)
		json_put_string(w, "listenerPath", listener_path);
	if (listener_metadata)
		json_put_string(w, "listenerMetadata", listener_metadata);
	json_write_key(w, "syscalls");
	json_write_array_begin(w);
	/* Neighbours with one answer are one entry. */
	for (size_t i = 0, next; i < profile->rule_count; i = next) {
		const struct seccomp_rule *rule = &profile->rules[i];

		json_write_object_begin(w);
		json_write_key(w, "names");
		json_write_array_begin(w);
		for (next = i;
			next < profile->rule_count && same_answer(rule, &profile->rules[next]);
			next++)
			json_write_string(w, profile->rules[next].name);
		json_write_array_end(w);
		put_action(w, "action", "errnoRet", rule->action);
		if (rule->arg_count)
			put_args(w, rule);
		json_write_object_end(w);
	}
	json_write_array_end(w);
	json_write_object_end(w);
}
