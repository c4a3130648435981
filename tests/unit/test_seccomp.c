#include "config.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "runtime/seccomp.h"
#include "runtime/seccomp_bpf.h"
#include "util/mem.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

/* What the kernel would answer. Ends the test when the program leaves its bounds. */
static uint32_t answer(const struct seccomp_program *program, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t i = 0; i < program->count; i++) {
		const struct sock_filter *insn = &program->filter[i];

		switch (insn->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(insn->k % 4 == 0 && insn->k < sizeof(*data));
			memcpy(&a, (const char *)data + insn->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= insn->k;
			break;
		case BPF_JMP | BPF_JA:
			i += insn->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			i += a == insn->k ? insn->jt : insn->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			i += a >= insn->k ? insn->jt : insn->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			i += a > insn->k ? insn->jt : insn->jf;
			break;
		case BPF_RET | BPF_K:
			return insn->k;
		default:
			fail_msg("instruction %zu has code %x", i, insn->code);
		}
	}
	fail_msg("the program has no end");
	return 0;
}

static uint32_t call(
	const struct seccomp_program *program, uint32_t arch, int nr, uint64_t arg0, uint64_t arg2)
{
	const struct seccomp_data data = {.nr = nr, .arch = arch, .args = {arg0, 0, arg2}};

	return answer(program, &data);
}

#define DENIED(e) (SECCOMP_RET_ERRNO | (e))

static void test_default(void **state)
{
	static const struct {
		int nr;
		uint64_t arg0, arg2;
		uint32_t expected;
	} cases[] = {
		{SYS_read, 0, 0, SECCOMP_RET_ALLOW},
		{SYS_execve, 0, 0, SECCOMP_RET_ALLOW},
		{SYS_clone3, 0, 0, SECCOMP_RET_ALLOW},
		{SYS_kexec_load, 0, 0, DENIED(EPERM)},
		{SYS_bpf, 0, 0, DENIED(EPERM)},
		{SYS_init_module, 0, 0, DENIED(EPERM)},
		{SYS_open_by_handle_at, 0, 0, DENIED(EPERM)},
		{SYS_chroot, 0, 0, SECCOMP_RET_ALLOW}, /* CAP_SYS_CHROOT is a default */
		{SYS_personality, 0, 0, SECCOMP_RET_ALLOW},
		{SYS_personality, 0xffffffff, 0, SECCOMP_RET_ALLOW},
		{SYS_personality, 1, 0, DENIED(ENOSYS)},
		{SYS_personality, UINT64_C(0x100000000), 0, DENIED(ENOSYS)},
		{SYS_socket, 2, 0, SECCOMP_RET_ALLOW},
		{SYS_socket, 16, 0, SECCOMP_RET_ALLOW},
		{SYS_socket, 16, 9, DENIED(EINVAL)}, /* audit */
		{100000, 0, 0, DENIED(ENOSYS)},
		{-1, 0, 0, DENIED(ENOSYS)},
	};
	cleanup_error struct error *err = NULL;
	cleanup_seccomp struct seccomp_program *built_in = NULL;
	struct seccomp_program compiled = {0};

	(void)state;
	assert_int_equal(seccomp_default(SECCOMP_DEFAULT_CAPABILITIES, &built_in, &err), 0);
	assert_true(built_in->borrowed);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (call(built_in, NATIVE, cases[i].nr, cases[i].arg0, cases[i].arg2) !=
			cases[i].expected)
			fail_msg("call %d (case %zu)", cases[i].nr, i);
	assert_int_equal(
		call(built_in, AUDIT_ARCH_PPC64, SYS_read, 0, 0), SECCOMP_RET_KILL_PROCESS);
#if defined(__x86_64__)
	assert_int_equal(call(built_in, NATIVE, 0x40000000, 0, 0), DENIED(ENOSYS)); /* x32 read */
	assert_int_equal(call(built_in, AUDIT_ARCH_I386, 3, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(
		call(built_in, AUDIT_ARCH_I386, 359, 2, 0), SECCOMP_RET_ALLOW); /* socket */
	assert_int_equal(
		call(built_in, AUDIT_ARCH_I386, 283, 0, 0), DENIED(EPERM)); /* kexec_load */
#endif
	/* what was compiled at build time is what would be compiled now */
	assert_int_equal(seccomp_default_compile(SECCOMP_DEFAULT_CAPABILITIES, &compiled.filter,
				 &compiled.count, &err),
		0);
	assert_int_equal(compiled.count, built_in->count);
	assert_memory_equal(
		compiled.filter, built_in->filter, compiled.count * sizeof(*compiled.filter));
	free(compiled.filter);
}

static void test_capabilities(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_seccomp struct seccomp_program *none = NULL, *all = NULL;

	(void)state;
	assert_int_equal(seccomp_default(0, &none, &err), 0);
	assert_int_equal(seccomp_default(UINT64_C(0x1ffffffffff), &all, &err), 0);
	assert_int_equal(call(none, NATIVE, SYS_chroot, 0, 0), DENIED(EPERM));
	assert_int_equal(call(all, NATIVE, SYS_chroot, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(all, NATIVE, SYS_bpf, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(all, NATIVE, SYS_kexec_load, 0, 0), DENIED(EPERM));
	assert_int_equal(call(all, NATIVE, SYS_socket, 16, 9), SECCOMP_RET_ALLOW);
}

/* Every comparison against every neighbour of its value, in both words. */
static void test_compare(void **state)
{
	static const uint64_t values[] = {0, 1, 2, 0xffffffff, 0x100000000, 0x100000001,
		0x1ffffffff, 0x200000000, 0xfffffffffffffffe, UINT64_MAX};

	(void)state;
	for (int op = SECCOMP_EQ; op <= SECCOMP_MASKED_EQ; op++)
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			const struct seccomp_arg arg = {
				.index = 2,
				.compare = (enum seccomp_compare)op,
				.value = values[i],
				.value_two = values[i] & 0x100000001,
			};
			const struct seccomp_rule rule = {
				"read", SECCOMP_RET_ALLOW, .arg_count = 1, .args = &arg};
			const struct seccomp_profile profile = {
				.default_action = DENIED(EPERM),
				.rules = &rule,
				.rule_count = 1,
			};
			cleanup_error struct error *err = NULL;
			struct seccomp_program program = {0};

			assert_int_equal(
				seccomp_compile(&profile, &program.filter, &program.count, &err),
				0);
			for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
				uint64_t a = values[j], v = values[i];
				bool holds[] = {
					[SECCOMP_EQ] = a == v,
					[SECCOMP_NE] = a != v,
					[SECCOMP_LT] = a<v, [SECCOMP_LE] = a <= v,
						[SECCOMP_GE] = a >= v, [SECCOMP_GT] = a>
						v,
					[SECCOMP_MASKED_EQ] = (a & v) == (v & 0x100000001),
				};
				uint32_t expected = holds[op] ? SECCOMP_RET_ALLOW : DENIED(EPERM);

				if (call(&program, NATIVE, SYS_read, 0, a) != expected)
					fail_msg("op %d: %llx against %llx", op,
						(unsigned long long)a, (unsigned long long)v);
			}
			free(program.filter);
		}
}

static void test_json(void **state)
{
	static const char docker[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"archMap\":[{"
		"\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]},{"
		"\"architecture\":\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[\"SCMP_ARCH_ARM\"]}],"
		"\"syscalls\":[{\"names\":[\"read\",\"write\",\"no_such_call\"],\"action\":"
		"\"SCMP_ACT_ALLOW\"},{\"name\":\"mkdirat\",\"action\":\"SCMP_ACT_ERRNO\","
		"\"errnoRet\":13},"
		"{\"names\":[\"chroot\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":"
		"[\"CAP_SYS_CHROOT\"]}},{\"names\":[\"chroot\"],\"action\":\"SCMP_ACT_ERRNO\","
		"\"excludes\":{\"caps\":[\"CAP_SYS_CHROOT\"]}},{\"names\":[\"bpf\"],\"action\":"
		"\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"99.0\"}},{\"names\":[\"kill\"],"
		"\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"4.8\"}},{\"names\":"
		"[\"acct\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"ppc64le\"]}}]"
		"}";
	cleanup_error struct error *err = NULL;
	cleanup_seccomp struct seccomp_program *program = NULL;

	(void)state;
	assert_int_equal(seccomp_from_json(docker, strlen(docker), "test", 0, &program, &err), 0);
	assert_int_equal(call(program, NATIVE, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(program, NATIVE, SYS_mkdirat, 0, 0), DENIED(EACCES));
	assert_int_equal(call(program, NATIVE, SYS_chroot, 0, 0), DENIED(EPERM));
	assert_int_equal(call(program, NATIVE, SYS_bpf, 0, 0), DENIED(ENOSYS));
	assert_int_equal(call(program, NATIVE, SYS_kill, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(program, NATIVE, SYS_acct, 0, 0), DENIED(ENOSYS));
}

static void test_json_invalid(void **state)
{
	static const char *const cases[] = {
		"",
		"[]",
		"{}",
		"{\"defaultAction\":\"ALLOW\"}",
		"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":65536}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"TSYNC\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_KILL\"}"
		"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[1],\"action\":"
		"\"SCMP_ACT_KILL\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":"
		"\"SCMP_ACT_KILL\",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":"
		"\"SCMP_ACT_KILL\",\"args\":[{\"index\":0,\"op\":\"EQ\"}]}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_seccomp struct seccomp_program *program = NULL;

		if (seccomp_from_json(cases[i], strlen(cases[i]), "test", 0, &program, &err) != -1)
			fail_msg("'%s' was taken", cases[i]);
		assert_true(err->kind == ERR_INVALID || err->kind == ERR_UNSUPPORTED);
	}
}

static struct seccomp_program *from_json(const char *text)
{
	cleanup_free char *json = xstrdup(text);
	cleanup_error struct error *err = NULL;
	struct seccomp_program *program = NULL;

	for (char *p = json; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (seccomp_from_json(json, strlen(json), "test", 0, &program, &err) < 0)
		fail_msg("%s", err->message);
	return program;
}

/* Conditions on one argument twice are alternatives, on different ones they hold together. */
static void test_alternatives(void **state)
{
	cleanup_seccomp struct seccomp_program *program = from_json(
		"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['read'],'action':"
		"'SCMP_ACT_ERRNO','errnoRet':7,'args':[{'index':0,'value':1,'op':'SCMP_CMP_EQ'},"
		"{'index':0,'value':5,'op':'SCMP_CMP_EQ'}]},{'names':['write'],'action':"
		"'SCMP_ACT_KILL_PROCESS','args':[{'index':0,'value':1,'op':'SCMP_CMP_EQ'},{'index':"
		"2,'value':5,'op':'SCMP_CMP_GT'}]}]}");

	(void)state;
	assert_int_equal(call(program, NATIVE, SYS_read, 1, 0), DENIED(7));
	assert_int_equal(call(program, NATIVE, SYS_read, 5, 0), DENIED(7));
	assert_int_equal(call(program, NATIVE, SYS_read, 2, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(program, NATIVE, SYS_write, 1, 6), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(call(program, NATIVE, SYS_write, 1, 5), SECCOMP_RET_ALLOW);
	assert_int_equal(call(program, NATIVE, SYS_write, 2, 6), SECCOMP_RET_ALLOW);
}

/* Every action, flag and the listener, and what is written down of them. */
static void test_words(void **state)
{
	cleanup_seccomp struct seccomp_program *program = from_json(
		"{'defaultAction':'SCMP_ACT_LOG','architectures':['SCMP_ARCH_X86_64','SCMP_ARCH_"
		"X32',"
		"'SCMP_ARCH_AARCH64'],'flags':['SECCOMP_FILTER_FLAG_LOG','SECCOMP_FILTER_FLAG_"
		"TSYNC',"
		"'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],'listenerPath':'/run/s','syscalls':["
		"{'names':['read'],'action':'SCMP_ACT_NOTIFY'},{'names':['write'],'action':"
		"'SCMP_ACT_TRACE','errnoRet':3},{'names':['kill'],'action':'SCMP_ACT_TRAP'},{'"
		"names':"
		"['sync'],'action':'SCMP_ACT_KILL'}]}");
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);

	(void)state;
	assert_true(program->notifies);
	assert_int_equal(
		program->flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC | 1 << 5);
	assert_string_equal(program->listener_path, "/run/s");
	assert_int_equal(call(program, NATIVE, SYS_read, 0, 0), SECCOMP_RET_USER_NOTIF);
	assert_int_equal(call(program, NATIVE, SYS_write, 0, 0), SECCOMP_RET_TRACE | 3);
	assert_int_equal(call(program, NATIVE, SYS_kill, 0, 0), SECCOMP_RET_TRAP);
	assert_int_equal(call(program, NATIVE, SYS_sync, 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(call(program, NATIVE, SYS_close, 0, 0), SECCOMP_RET_LOG);
#if defined(__x86_64__)
	/* x32 calls by the same rules, as it is listed */
	assert_int_equal(call(program, NATIVE, 0x40000000, 0, 0), SECCOMP_RET_USER_NOTIF);
	assert_int_equal(call(program, NATIVE, 0x40000003, 0, 0), SECCOMP_RET_LOG);
	assert_int_equal(call(program, AUDIT_ARCH_I386, 3, 0, 0), SECCOMP_RET_KILL_PROCESS);
#endif
	seccomp_write(&w, program);
	assert_non_null(strstr(strbuf_str(&text), "\"SCMP_ACT_TRACE\",\"errnoRet\":3"));
	assert_non_null(strstr(strbuf_str(&text), "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
	assert_non_null(strstr(strbuf_str(&text), "\"listenerPath\":\"/run/s\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_invalid),
		cmocka_unit_test(test_alternatives),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
