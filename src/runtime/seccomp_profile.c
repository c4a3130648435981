#include "config.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>

#include "runtime/seccomp_bpf.h"
#include "util/mem.h"

enum rule_architecture { ALL, X86, ARM, S390, PPC };

struct default_rule {
	uint32_t action;
	uint64_t has, lacks; /* capabilities; 0: does not matter */
	enum rule_architecture architecture;
	unsigned int arg_count;
	struct seccomp_arg args[2];
	const char *const *names; /* NULL-terminated */
};

#define ALLOW    SECCOMP_RET_ALLOW
#define ERRNO(x) (SECCOMP_RET_ERRNO | (x))
#define CAP(x)   (UINT64_C(1) << (x))
#define ANY      0, 0
#define HAS(x)   CAP(x), 0
#define LACKS(x) 0, CAP(x)
#define NO_ARGS                                                                                    \
	0,                                                                                         \
	{                                                                                          \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define ARG(i, op, v)                                                                              \
	{                                                                                          \
		.index = (i), .compare = SECCOMP_##op, .value = (v)                                \
	}
#define ARGS(...)                                                                                  \
	sizeof((struct seccomp_arg[]){__VA_ARGS__}) / sizeof(struct seccomp_arg),                  \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define RULES(action, caps, arch, arguments, ...)                                                  \
	{action, caps, arch, arguments, (const char *const[]){__VA_ARGS__, NULL}},

static const struct default_rule default_rules[] = {
#include "runtime/seccomp_default.def"
};

static bool is_native(enum rule_architecture architecture)
{
	switch (architecture) {
	case ALL:
		return true;
	case X86:
#if defined(__x86_64__) || defined(__i386__)
		return true;
#else
		return false;
#endif
	case ARM:
#if defined(__aarch64__) || defined(__arm__)
		return true;
#else
		return false;
#endif
	case S390:
#if defined(__s390__)
		return true;
#else
		return false;
#endif
	case PPC:
#if defined(__powerpc64__)
		return true;
#else
		return false;
#endif
	}
	return false;
}

/* The default profile; its rules are owned. */
static struct seccomp_profile default_profile(uint64_t capabilities)
{
	struct seccomp_rule *rules = NULL;
	size_t count = 0, capacity = 0;

	for (size_t i = 0; i < ARRAY_SIZE(default_rules); i++) {
		const struct default_rule *rule = &default_rules[i];

		if ((rule->has & ~capabilities) || (rule->lacks & capabilities) ||
			!is_native(rule->architecture))
			continue;
		for (const char *const *name = rule->names; *name; name++) {
			array_grow(rules, count, capacity);
			rules[count++] = (struct seccomp_rule){
				.name = *name,
				.action = rule->action,
				.arg_count = rule->arg_count,
				.args = rule->args,
			};
		}
	}
	return (struct seccomp_profile){
		.default_action = ERRNO(ENOSYS),
		.with_x86 = true,
		.rules = rules,
		.rule_count = count,
	};
}

static void default_profile_free(struct seccomp_profile *profile)
{
	free((struct seccomp_rule *)(uintptr_t)profile->rules);
}

int seccomp_default_compile(
	uint64_t capabilities, struct sock_filter **ret, size_t *ret_count, struct error **err)
{
	__attribute__((cleanup(default_profile_free))) struct seccomp_profile profile =
		default_profile(capabilities);

	return seccomp_compile(&profile, ret, ret_count, err);
}

void seccomp_default_write(struct json_writer *w, uint64_t capabilities)
{
	__attribute__((cleanup(default_profile_free))) struct seccomp_profile profile =
		default_profile(capabilities);

	seccomp_profile_write(w, &profile, 0, NULL, NULL);
}
