#include "config.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/seccomp_bpf.h"
#include "util/mem.h"

/*
 * The program grows from its end: when an instruction is made, what it jumps to exists already, at
 * a known distance. Positions count from the end, so an instruction at position Q that jumps to T
 * skips Q - T - 1 instructions. Conditional jumps reach 255 instructions; farther targets get an
 * unconditional jump in between, and returns are simply repeated.
 */

#define JUMP_REACH 250 /* a little less than 255: trampolines come in between */
#define X32_BIT    0x40000000u

struct builder {
	struct sock_filter *insns; /* insns[0] is the last instruction */
	size_t count, capacity;
};

struct leaf {
	uint32_t nr;
	size_t first; /* its first rule in the sorted array */
	size_t count;
};

struct numbered_rule {
	uint32_t nr;
	size_t order; /* in the profile */
	const struct seccomp_rule *rule;
};

/* A run of numbers with one answer: an action, or the rules of one call. */
struct range {
	uint32_t low;
	uint32_t action;
	const struct numbered_rule *rules; /* NULL: just the action */
	size_t rule_count;
};

static size_t emit(struct builder *b, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	array_grow(b->insns, b->count, b->capacity);
	b->insns[b->count] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
	return b->count++;
}

/* A target that a conditional jump emitted soon can reach. */
static size_t near(struct builder *b, size_t target)
{
	if (b->count - target <= JUMP_REACH)
		return target;
	return emit(b, BPF_JMP | BPF_JA, (uint32_t)(b->count - target - 1), 0, 0);
}

static size_t emit_return(struct builder *b, uint32_t action)
{
	for (size_t i = b->count; i > 0 && b->count - i < JUMP_REACH; i--)
		if (b->insns[i - 1].code == (BPF_RET | BPF_K) && b->insns[i - 1].k == action)
			return i - 1;
	return emit(b, BPF_RET | BPF_K, action, 0, 0);
}

static size_t emit_jump(struct builder *b, uint16_t test, uint32_t k, size_t yes, size_t no)
{
	size_t here;

	yes = near(b, yes);
	no = near(b, no);
	yes = near(b, yes); /* the second may have put one in between */
	here = b->count;
	return emit(
		b, BPF_JMP | test | BPF_K, k, (uint8_t)(here - yes - 1), (uint8_t)(here - no - 1));
}

static size_t emit_load(struct builder *b, size_t offset)
{
	return emit(b, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static size_t arg_offset(unsigned int index, bool high)
{
	size_t offset = offsetof(struct seccomp_data, args) + index * sizeof(uint64_t);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return offset + (high ? sizeof(uint32_t) : 0);
#else
	return offset + (high ? 0 : sizeof(uint32_t));
#endif
}

static size_t emit_compare(struct builder *b, const struct seccomp_arg *arg, size_t yes, size_t no)
{
	uint32_t low = (uint32_t)arg->value, high = (uint32_t)(arg->value >> 32);
	size_t next, target;

	/* What must hold is emitted last to first: low word, then high word. */
	switch (arg->compare) {
	case SECCOMP_NE:
		target = yes;
		yes = no;
		no = target;
		/* fall through */
	case SECCOMP_EQ:
		emit_jump(b, BPF_JEQ, low, yes, no);
		next = emit_load(b, arg_offset(arg->index, false));
		emit_jump(b, BPF_JEQ, high, next, no);
		break;
	case SECCOMP_MASKED_EQ:
		emit_jump(b, BPF_JEQ, (uint32_t)arg->value_two, yes, no);
		emit(b, BPF_ALU | BPF_AND | BPF_K, low, 0, 0);
		next = emit_load(b, arg_offset(arg->index, false));
		emit_jump(b, BPF_JEQ, (uint32_t)(arg->value_two >> 32), next, no);
		emit(b, BPF_ALU | BPF_AND | BPF_K, high, 0, 0);
		break;
	case SECCOMP_LT:
	case SECCOMP_LE:
		target = yes;
		yes = no;
		no = target;
		/* fall through */
	case SECCOMP_GE:
	case SECCOMP_GT: {
		bool or_equal = arg->compare == SECCOMP_GE || arg->compare == SECCOMP_LT;

		emit_jump(b, or_equal ? BPF_JGE : BPF_JGT, low, yes, no);
		next = emit_load(b, arg_offset(arg->index, false));
		next = emit_jump(b, BPF_JEQ, high, next, no);
		emit_jump(b, BPF_JGT, high, yes, next);
		break;
	}
	}
	return emit_load(b, arg_offset(arg->index, true));
}

static size_t emit_rules(struct builder *b, const struct range *range)
{
	size_t target = emit_return(b, range->action);

	for (size_t i = range->rule_count; i-- > 0;) {
		const struct seccomp_rule *rule = range->rules[i].rule;
		size_t yes = emit_return(b, rule->action);

		for (size_t j = rule->arg_count; j-- > 0;)
			yes = emit_compare(b, &rule->args[j], yes, target);
		target = yes;
	}
	return target;
}

static size_t emit_search(struct builder *b, const struct range *ranges, size_t count)
{
	size_t middle = count / 2, left, right;

	if (count == 1)
		return ranges[0].rules ? emit_rules(b, &ranges[0])
				       : emit_return(b, ranges[0].action);
	right = emit_search(b, ranges + middle, count - middle);
	left = emit_search(b, ranges, middle);
	return emit_jump(b, BPF_JGE, ranges[middle].low, right, left);
}

static int compare_numbered(const void *a, const void *b)
{
	const struct numbered_rule *left = a, *right = b;

	if (left->nr != right->nr)
		return left->nr < right->nr ? -1 : 1;
	/* Those with arguments first, else as listed. */
	if (!left->rule->arg_count != !right->rule->arg_count)
		return left->rule->arg_count ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

static void range_add(struct range **ranges, size_t *count, size_t *capacity, struct range range)
{
	if (*count && !range.rules && !(*ranges)[*count - 1].rules &&
		(*ranges)[*count - 1].action == range.action)
		return;
	array_grow(*ranges, *count, *capacity);
	(*ranges)[(*count)++] = range;
}

/* The number of a call; negative: this architecture has none. libseccomp answers for the calls that
 * i386 multiplexes through socketcall and ipc with pseudo numbers; since Linux 4.3 and 5.1 they
 * have numbers of their own, too. */
static int resolve(uint32_t arch, const char *name)
{
	static const struct {
		const char *name;
		int nr;
	} direct[] = {
		{"recvmmsg", 337},
		{"sendmmsg", 345},
		{"socket", 359},
		{"socketpair", 360},
		{"bind", 361},
		{"connect", 362},
		{"listen", 363},
		{"accept4", 364},
		{"getsockopt", 365},
		{"setsockopt", 366},
		{"getsockname", 367},
		{"getpeername", 368},
		{"sendto", 369},
		{"sendmsg", 370},
		{"recvfrom", 371},
		{"recvmsg", 372},
		{"shutdown", 373},
		{"semget", 393},
		{"semctl", 394},
		{"shmget", 395},
		{"shmctl", 396},
		{"shmat", 397},
		{"shmdt", 398},
		{"msgget", 399},
		{"msgsnd", 400},
		{"msgrcv", 401},
		{"msgctl", 402},
	};
	int nr = seccomp_syscall_resolve_name_arch(arch, name);

	for (size_t i = 0; nr < 0 && arch == SCMP_ARCH_X86 && i < ARRAY_SIZE(direct); i++)
		if (strcmp(name, direct[i].name) == 0)
			return direct[i].nr;
	return nr;
}

/* The profile's rules by number of ARCH; returns how many. */
static size_t number_rules(
	const struct seccomp_profile *profile, uint32_t arch, struct numbered_rule *rules)
{
	size_t count = 0;

	for (size_t i = 0; i < profile->rule_count; i++) {
		int nr = resolve(arch, profile->rules[i].name);

		if (nr < 0)
			continue; /* another architecture's, or unknown */
		rules[count++] = (struct numbered_rule){(uint32_t)nr, i, &profile->rules[i]};
	}
	return count;
}

/* One architecture: returns the position of its first instruction, which loads the number. */
static size_t emit_arch(struct builder *b, const struct seccomp_profile *profile, uint32_t arch)
{
	bool x32 = arch == SCMP_ARCH_X86_64 && profile->with_x32;
	cleanup_free struct numbered_rule *rules =
		xcalloc((x32 ? 2 : 1) * profile->rule_count + 1, sizeof(*rules));
	cleanup_free struct range *ranges = NULL;
	size_t count = number_rules(profile, arch, rules), range_count = 0, capacity = 0;
	uint32_t next = 0; /* the first number without a range */

	if (x32) /* its numbers have X32_BIT */
		count += number_rules(profile, SCMP_ARCH_X32, rules + count);
	qsort(rules, count, sizeof(*rules), compare_numbered);
	for (size_t i = 0; i < count;) {
		struct range range = {.low = rules[i].nr, .action = profile->default_action};
		size_t end = i;

		while (end < count && rules[end].nr == rules[i].nr && rules[end].rule->arg_count)
			end++;
		if (end > i) {
			range.rules = &rules[i];
			range.rule_count = end - i;
		}
		if (end < count && rules[end].nr == rules[i].nr)
			range.action = rules[end].rule->action;
		if (range.low > next || !range_count)
			range_add(&ranges, &range_count, &capacity,
				(struct range){.low = next, .action = profile->default_action});
		if (range.low == 0)
			range_count = 0;
		range_add(&ranges, &range_count, &capacity, range);
		next = range.low + 1;
		while (end < count && rules[end].nr == range.low)
			end++;
		i = end;
	}
	if (arch == SCMP_ARCH_X86_64 && !x32) {
		if (next < X32_BIT)
			range_add(&ranges, &range_count, &capacity,
				(struct range){.low = next, .action = profile->default_action});
		range_add(&ranges, &range_count, &capacity,
			(struct range){.low = X32_BIT, .action = SECCOMP_RET_ERRNO | ENOSYS});
	} else {
		range_add(&ranges, &range_count, &capacity,
			(struct range){.low = next, .action = profile->default_action});
	}
	emit_search(b, ranges, range_count);
	return emit_load(b, offsetof(struct seccomp_data, nr));
}

int seccomp_compile(const struct seccomp_profile *profile, struct sock_filter **ret,
	size_t *ret_count, struct error **err)
{
	struct builder b = {0};
	size_t native, compat = 0, other;
	struct sock_filter *insns;

#if defined(__x86_64__)
	const uint32_t native_arch = SCMP_ARCH_X86_64, compat_arch = SCMP_ARCH_X86;
	const uint32_t native_audit = AUDIT_ARCH_X86_64, compat_audit = AUDIT_ARCH_I386;
#elif defined(__aarch64__)
	const uint32_t native_arch = SCMP_ARCH_AARCH64, compat_arch = SCMP_ARCH_ARM;
	const uint32_t native_audit = AUDIT_ARCH_AARCH64, compat_audit = AUDIT_ARCH_ARM;
#else
	/* The token is the audit number on every architecture. */
	const uint32_t native_arch = seccomp_arch_native(), compat_arch = native_arch;
	const uint32_t native_audit = native_arch, compat_audit = native_arch;
#endif

	if (profile->with_x86 && compat_arch != native_arch)
		compat = emit_arch(&b, profile, compat_arch);
	native = emit_arch(&b, profile, native_arch);
	other = emit_return(&b, SECCOMP_RET_KILL_PROCESS);
	if (profile->with_x86 && compat_arch != native_arch)
		other = emit_jump(&b, BPF_JEQ, compat_audit, compat, other);
	emit_jump(&b, BPF_JEQ, native_audit, native, other);
	emit_load(&b, offsetof(struct seccomp_data, arch));
	if (b.count > BPF_MAXINSNS) {
		free(b.insns);
		return error_set(err, ERR_INVALID,
			"the seccomp profile is too large: %zu instructions", b.count);
	}
	insns = xcalloc(b.count, sizeof(*insns));
	for (size_t i = 0; i < b.count; i++)
		insns[i] = b.insns[b.count - 1 - i];
	free(b.insns);
	*ret = insns;
	*ret_count = b.count;
	return 0;
}
