#include "config.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup/devices.h"
#include "util/mem.h"

/*
 * The program. Registers: 1 context, then scratch; 2 type, 3 access asked for and not yet allowed,
 * 4 major, 5 minor.
 *
 *	r3 = access bits of ctx->access_type; r2 = its type; r4, r5 = major, minor
 *	for each rule, last first:
 *		if r2 != type || r4 != major || r5 != minor, as far as the rule says: next
 *		allow: r3 &= ~mask; if r3 == 0: return 1
 *		deny:  if r3 & mask: return 0
 *	return 0
 */

/* Each rule takes at most this many instructions. */
#define RULE_LENGTH_MAX 7

struct program {
	struct bpf_insn *code;
	size_t length;
};

static void emit(struct program *p, struct bpf_insn insn)
{
	p->code[p->length++] = insn;
}

static void emit_alu(struct program *p, uint8_t op, uint8_t reg, int32_t value)
{
	emit(p, (struct bpf_insn){.code = (uint8_t)(BPF_ALU | op | BPF_K),
			.dst_reg = reg & 0xf,
			.imm = value});
}

/* 32 bits wide since Linux 5.1; device numbers have 32 bits, and loads clear the upper half. */
static void emit_jump(struct program *p, uint8_t op, uint8_t reg, int32_t value)
{
	emit(p, (struct bpf_insn){.code = (uint8_t)(BPF_JMP32 | op | BPF_K),
			.dst_reg = reg & 0xf,
			.imm = value});
}

static void emit_load(struct program *p, uint8_t reg, int16_t offset)
{
	emit(p, (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
			.dst_reg = reg & 0xf,
			.src_reg = 1,
			.off = offset});
}

static void emit_return(struct program *p, int32_t value)
{
	emit(p, (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = value});
	emit(p, (struct bpf_insn){.code = BPF_JMP | BPF_EXIT});
}

static void emit_rule(struct program *p, const struct cgroup_device_rule *rule)
{
	size_t first = p->length;

	if (rule->type != 'a') {
		emit_jump(p, BPF_JNE, 2,
			rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
		if (rule->major >= 0)
			emit_jump(p, BPF_JNE, 4, (int32_t)(uint32_t)rule->major);
		if (rule->minor >= 0)
			emit_jump(p, BPF_JNE, 5, (int32_t)(uint32_t)rule->minor);
	}
	for (size_t i = first; i < p->length; i++)
		p->code[i].off = INT16_MAX; /* to the next rule: filled in below */
	if (rule->allow) {
		emit_alu(p, BPF_AND, 3, ~(int32_t)rule->access);
		emit_jump(p, BPF_JNE, 3, 0);
		p->code[p->length - 1].off = 2;
		emit_return(p, 1);
	} else if (rule->access == CGROUP_DEVICE_ALL) {
		emit_return(p, 0);
	} else {
		/* To the return when a bit is asked for, over it when none is. */
		emit_jump(p, BPF_JSET, 3, (int32_t)rule->access);
		p->code[p->length - 1].off = 1;
		emit(p, (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = 2});
		emit_return(p, 0);
	}
	for (size_t i = first; i < p->length; i++)
		if (p->code[i].off == INT16_MAX)
			p->code[i].off = (int16_t)(p->length - i - 1);
}

/* Nothing behind it is reached. */
static bool is_final(const struct cgroup_device_rule *rule)
{
	return rule->type == 'a' && rule->access == CGROUP_DEVICE_ALL;
}

struct bpf_insn *cgroup_devices_program(
	const struct cgroup_device_rule *rules, size_t count, size_t *ret_length)
{
	struct program p = {.code = xcalloc(count * (RULE_LENGTH_MAX + 1) + 16, sizeof(*p.code))};
	bool ended = count == 0;

	if (count) {
		emit_load(&p, 2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
		emit(&p, (struct bpf_insn){
				 .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = 2});
		emit_alu(&p, BPF_AND, 2, 0xffff);
		emit_alu(&p, BPF_RSH, 3, 16);
		emit_load(&p, 4, offsetof(struct bpf_cgroup_dev_ctx, major));
		emit_load(&p, 5, offsetof(struct bpf_cgroup_dev_ctx, minor));
	}
	for (size_t i = count; i-- > 0 && !ended;) {
		emit_rule(&p, &rules[i]);
		ended = is_final(&rules[i]) && !rules[i].allow;
		if (is_final(&rules[i]) && rules[i].allow)
			break;
	}
	if (!ended || count == 0)
		emit_return(&p, count == 0);
	*ret_length = p.length;
	return p.code;
}

bool cgroup_devices_allow_all(const struct cgroup_device_rule *rules, size_t count)
{
	for (size_t i = count; i-- > 0;) {
		if (!rules[i].allow)
			return false;
		if (is_final(&rules[i]))
			return true;
	}
	return count == 0;
}

void cgroup_devices_add_default(struct cgroup_resources *r)
{
	static const struct {
		int major, minor;
	} usable[] = {
		{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, /* null zero full random urandom */
		{5, 0}, {5, 2},                         /* tty ptmx */
		{10, 200},                              /* net/tun */
		{136, -1},                              /* pts */
	};

	cgroup_resources_add_device(r, true, 'c', -1, -1, CGROUP_DEVICE_MKNOD);
	cgroup_resources_add_device(r, true, 'b', -1, -1, CGROUP_DEVICE_MKNOD);
	for (size_t i = 0; i < ARRAY_SIZE(usable); i++)
		cgroup_resources_add_device(
			r, true, 'c', usable[i].major, usable[i].minor, CGROUP_DEVICE_ALL);
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int load(const struct bpf_insn *code, size_t length)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uintptr_t)code,
		.insn_cnt = (uint32_t)length,
		.license = (uintptr_t) "Apache-2.0", /* no GPL-only helper is called */
	};

	memcpy(attr.prog_name, "pod_devices", sizeof("pod_devices"));
	return bpf(BPF_PROG_LOAD, &attr);
}

#define ATTACHED_MAX 64

/* The programs of the group itself; -1 with errno. */
static int attached(int cgroup_fd, uint32_t ids[ATTACHED_MAX])
{
	union bpf_attr attr = {
		.query =
			{
				.target_fd = (uint32_t)cgroup_fd,
				.attach_type = BPF_CGROUP_DEVICE,
				.prog_ids = (uintptr_t)ids,
				.prog_cnt = ATTACHED_MAX,
			},
	};

	return bpf(BPF_PROG_QUERY, &attr) < 0 ? -1 : (int)attr.query.prog_cnt;
}

static void detach(int cgroup_fd, uint32_t id)
{
	union bpf_attr attr = {.prog_id = id};
	cleanup_close int prog_fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);

	if (prog_fd < 0)
		return;
	attr = (union bpf_attr){
		.target_fd = (uint32_t)cgroup_fd,
		.attach_bpf_fd = (uint32_t)prog_fd,
		.attach_type = BPF_CGROUP_DEVICE,
	};
	(void)bpf(BPF_PROG_DETACH, &attr); /* what stays only forbids more */
}

int cgroup_devices_apply(
	const struct cgroup *cgroup, const struct cgroup_resources *r, struct error **err)
{
	cleanup_free struct bpf_insn *code = NULL;
	cleanup_close int prog_fd = -1;
	uint32_t ids[ATTACHED_MAX];
	int before = attached(cgroup->fd, ids);
	union bpf_attr attr;
	size_t length;

	if (!cgroup_devices_allow_all(r->devices, r->device_count)) {
		code = cgroup_devices_program(r->devices, r->device_count, &length);
		prog_fd = load(code, length);
		if (prog_fd < 0 && (errno == EPERM || errno == ENOSYS || errno == EINVAL))
			return error_set(err, ERR_UNSUPPORTED,
				"device access cannot be limited: the kernel refuses the BPF "
				"program (%s); it needs CAP_SYS_ADMIN and CONFIG_CGROUP_BPF",
				strerror(errno));
		if (prog_fd < 0)
			return error_errno(err, errno, "load the device filter");
		attr = (union bpf_attr){
			.target_fd = (uint32_t)cgroup->fd,
			.attach_bpf_fd = (uint32_t)prog_fd,
			.attach_type = BPF_CGROUP_DEVICE,
			.attach_flags = BPF_F_ALLOW_MULTI,
		};
		if (bpf(BPF_PROG_ATTACH, &attr) < 0)
			return error_errno(err, errno,
				"attach the device filter to control group '%s'", cgroup->path);
	}
	/* All programs of a group must agree: the old ones go when the new one is there. */
	for (int i = 0; i < before; i++)
		detach(cgroup->fd, ids[i]);
	return 0;
}
