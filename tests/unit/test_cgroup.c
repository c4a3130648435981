#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroup/cgroup.h"
#include "cgroup/devices.h"
#include "cgroup/file.h"
#include "cgroup/hierarchy.h"
#include "cgroup/manager.h"
#include "cgroup/scope.h"
#include "container/limits.h"
#include "container/parse_limits.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

static int parse(const char *text, struct cgroup_resources **ret, struct error **err)
{
	return cgroup_resources_parse_text(text, strlen(text), "resources", ret, err);
}

/* What is read is written again in the same words. */
static void test_resources(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"memory\":{\"limit\":1048576,\"reservation\":524288,\"swap\":2097152}}",
		"{\"memory\":{\"limit\":-1,\"swap\":-1,\"checkBeforeUpdate\":true}}",
		"{\"cpu\":{\"shares\":1024,\"quota\":50000,\"burst\":1000,\"period\":100000,"
		"\"cpus\":\"0-3,7\",\"mems\":\"0\",\"idle\":1}}",
		"{\"pids\":{\"limit\":-1}}",
		"{\"blockIO\":{\"weight\":200,\"weightDevice\":[{\"major\":8,\"minor\":0,"
		"\"weight\":300}],\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":"
		"1000}],\"throttleWriteBpsDevice\":[],\"throttleReadIOPSDevice\":[],"
		"\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":16,\"rate\":10}]}}",
		"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}",
		"{\"rdma\":{\"mlx5_0\":{\"hcaHandles\":3,\"hcaObjects\":10000}}}",
		"{\"unified\":{\"memory.high\":\"1000\",\"io.max\":\"8:0 rbps=1\"}}",
		"{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\","
		"\"major\":1,\"minor\":3,\"access\":\"rw\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_cgroup_resources struct cgroup_resources *r = NULL;
		cleanup_error struct error *err = NULL;
		cleanup_free char *again = NULL;

		assert_int_equal(parse(texts[i], &r, &err), 0);
		again = cgroup_resources_text(r);
		assert_string_equal(again, texts[i]);
	}
}

static void test_resources_refused(void **state)
{
	static const struct {
		const char *text, *words;
		enum error_kind kind;
	} cases[] = {
		{"[]", "must be an object", ERR_INVALID},
		{"{\"memory\":{\"limit\":\"1\"}}", "memory.limit", ERR_INVALID},
		{"{\"memory\":{\"limit\":-2}}", "memory.limit", ERR_INVALID},
		{"{\"memory\":{\"limit\":2,\"swap\":1}}", "memory.swap", ERR_INVALID},
		{"{\"memory\":{\"swappiness\":60}}", "memory.swappiness", ERR_UNSUPPORTED},
		{"{\"memory\":{\"kernel\":1}}", "memory.kernel", ERR_UNSUPPORTED},
		{"{\"memory\":{\"disableOOMKiller\":true}}", "disableOOMKiller", ERR_UNSUPPORTED},
		{"{\"cpu\":{\"realtimeRuntime\":1}}", "cpu.realtimeRuntime", ERR_UNSUPPORTED},
		{"{\"cpu\":{\"cpus\":\"0\\n\"}}", "cpu.cpus", ERR_INVALID},
		{"{\"cpu\":{\"idle\":2}}", "cpu.idle", ERR_INVALID},
		{"{\"blockIO\":{\"weight\":9}}", "blockIO.weight", ERR_INVALID},
		{"{\"blockIO\":{\"leafWeight\":10}}", "blockIO.leafWeight", ERR_UNSUPPORTED},
		{"{\"network\":{\"classID\":1}}", "network.classID", ERR_UNSUPPORTED},
		{"{\"hugepageLimits\":[{\"pageSize\":\"../x\",\"limit\":1}]}", "pageSize",
			ERR_INVALID},
		{"{\"rdma\":{\"a b\":{}}}", "rdma.a b", ERR_INVALID},
		{"{\"unified\":{\"../memory.max\":\"1\"}}", "unified", ERR_INVALID},
		{"{\"unified\":{\"a/memory.max\":\"1\"}}", "unified", ERR_INVALID},
		{"{\"unified\":{\"cgroup.procs\":\"1\"}}", "unified.cgroup.procs", ERR_INVALID},
		{"{\"unified\":{\"cgroup.subtree_control\":\"+pids\"}}", "unified", ERR_INVALID},
		{"{\"unified\":{\"tasks\":\"1\"}}", "unified.tasks", ERR_INVALID},
		{"{\"unified\":{\"memory.max\":1}}", "unified.memory.max", ERR_INVALID},
		{"{\"devices\":[{\"type\":\"c\"}]}", "allow", ERR_INVALID},
		{"{\"devices\":[{\"allow\":true,\"type\":\"x\"}]}", "type", ERR_INVALID},
		{"{\"devices\":[{\"allow\":true,\"access\":\"q\"}]}", "access", ERR_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_cgroup_resources struct cgroup_resources *r = NULL;
		cleanup_error struct error *err = NULL;

		assert_int_equal(parse(cases[i].text, &r, &err), -1);
		assert_int_equal(err->kind, cases[i].kind);
		assert_non_null(strstr(err->message, cases[i].words));
	}
}

/* Engines send zeroes and false for what is not set. */
static void test_resources_empty_members(void **state)
{
	cleanup_cgroup_resources struct cgroup_resources *r = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;

	(void)state;
	assert_int_equal(parse("{\"memory\":{\"limit\":0,\"swap\":0,\"disableOOMKiller\":false,"
			       "\"swappiness\":null,\"useHierarchy\":true},\"cpu\":{\"shares\":0,"
			       "\"quota\":0,\"period\":0,\"cpus\":\"\",\"realtimeRuntime\":0},"
			       "\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":0,\"leafWeight\":0},"
			       "\"network\":{\"priorities\":[]}}",
				 &r, &err),
		0);
	text = cgroup_resources_text(r);
	assert_string_equal(text, "{}");
	assert_int_equal(cgroup_controllers_needed(r), 0);
}

static void test_merge(void **state)
{
	cleanup_cgroup_resources struct cgroup_resources *r = NULL, *change = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL, *dropped = NULL, *left = NULL;

	(void)state;
	assert_int_equal(parse("{\"memory\":{\"limit\":100,\"swap\":200},\"pids\":{\"limit\":5},"
			       "\"unified\":{\"memory.high\":\"1\"}}",
				 &r, &err),
		0);
	assert_int_equal(parse("{\"memory\":{\"limit\":150},\"cpu\":{\"cpus\":\"1\"},"
			       "\"unified\":{\"memory.high\":\"2\",\"cpu.idle\":\"1\"}}",
				 &change, &err),
		0);
	cgroup_resources_merge(r, change);
	text = cgroup_resources_text(r);
	assert_string_equal(text,
		"{\"memory\":{\"limit\":150,\"swap\":200},\"cpu\":{\"cpus\":\"1\"},\"pids\":{"
		"\"limit\":5},\"unified\":{\"memory.high\":\"2\",\"cpu.idle\":\"1\"}}");
	assert_int_equal(cgroup_controllers_needed(r),
		1u << CGROUP_CONTROLLER_MEMORY | 1u << CGROUP_CONTROLLER_CPU |
			1u << CGROUP_CONTROLLER_CPUSET | 1u << CGROUP_CONTROLLER_PIDS);
	/* Without the memory and cpuset controllers: */
	dropped = container_limits_drop(
		r, 1u << CGROUP_CONTROLLER_PIDS | 1u << CGROUP_CONTROLLER_CPU);
	assert_string_equal(dropped, "--memory, --cpuset-cpus, memory.high");
	left = cgroup_resources_text(r);
	assert_string_equal(left, "{\"pids\":{\"limit\":5},\"unified\":{\"cpu.idle\":\"1\"}}");
}

/* -------- the device filter -------- */

/* As much of the kernel's BPF machine as the generator uses; anything else fails the test. */
static int interpret(const struct bpf_insn *code, size_t length, uint32_t type, uint32_t access,
	uint32_t major, uint32_t minor)
{
	const struct bpf_cgroup_dev_ctx ctx = {access << 16 | type, major, minor};
	uint64_t reg[11] = {0};
	size_t steps = 0;

	for (size_t pc = 0; pc < length; pc++) {
		const struct bpf_insn *i = &code[pc];
		uint32_t value = (uint32_t)reg[i->dst_reg], imm = (uint32_t)i->imm;
		bool taken = false;

		assert_true(steps++ < length); /* forward only */
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(i->src_reg, 1);
			assert_true(i->off >= 0 && i->off % 4 == 0 &&
				    (size_t)i->off + 4 <= sizeof(ctx));
			memcpy(&value, (const char *)&ctx + i->off, sizeof(value));
			reg[i->dst_reg] = value;
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			reg[i->dst_reg] = (uint32_t)reg[i->src_reg];
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			reg[i->dst_reg] = value & imm;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			reg[i->dst_reg] = value >> imm;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			reg[i->dst_reg] = (uint64_t)(int64_t)i->imm;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			taken = value != imm;
			break;
		case BPF_JMP32 | BPF_JSET | BPF_K:
			taken = value & imm;
			break;
		case BPF_JMP | BPF_JA:
			taken = true;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)reg[0];
		default:
			fail_msg("instruction %02x", i->code);
		}
		if (taken)
			pc += (size_t)i->off;
	}
	fail_msg("the program runs off its end");
	return -1;
}

/* The same by the book: for each kind of access the last rule that speaks of it. */
static bool expected(const struct cgroup_device_rule *rules, size_t count, char type,
	unsigned int access, uint32_t major, uint32_t minor)
{
	if (count == 0)
		return true;
	for (unsigned int bit = 1; bit <= CGROUP_DEVICE_WRITE; bit <<= 1) {
		bool allowed = false;

		if (!(access & bit))
			continue;
		for (size_t i = count; i-- > 0;) {
			const struct cgroup_device_rule *r = &rules[i];

			if (!(r->access & bit))
				continue;
			if (r->type != 'a' &&
				(r->type != type || (r->major >= 0 && r->major != major) ||
					(r->minor >= 0 && r->minor != minor)))
				continue;
			allowed = r->allow;
			break;
		}
		if (!allowed)
			return false;
	}
	return true;
}

static void check_rules(const struct cgroup_device_rule *rules, size_t count)
{
	static const uint32_t numbers[] = {0, 1, 3, 5, 200, 0xffffffffu};
	size_t length;
	cleanup_free struct bpf_insn *code = cgroup_devices_program(rules, count, &length);
	bool all = true;

	for (int block = 0; block < 2; block++)
		for (unsigned int access = 1; access <= CGROUP_DEVICE_ALL; access++)
			for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
				for (size_t j = 0; j < ARRAY_SIZE(numbers); j++) {
					bool want = expected(rules, count, block ? 'b' : 'c',
						access, numbers[i], numbers[j]);

					assert_int_equal(interpret(code, length,
								 block ? BPF_DEVCG_DEV_BLOCK
								       : BPF_DEVCG_DEV_CHAR,
								 access, numbers[i], numbers[j]),
						want);
					all = all && want;
				}
	/* No program is loaded only where none would forbid anything. */
	if (cgroup_devices_allow_all(rules, count))
		assert_true(all);
}

static void test_devices(void **state)
{
	const unsigned int all = CGROUP_DEVICE_ALL, r = CGROUP_DEVICE_READ, w = CGROUP_DEVICE_WRITE,
			   m = CGROUP_DEVICE_MKNOD;
	const struct cgroup_device_rule deny_all = {false, 'a', -1, -1, all};
	const struct cgroup_device_rule sets[][5] = {
		{deny_all},
		{{true, 'a', -1, -1, all}},
		{{true, 'a', -1, -1, r}},
		{deny_all, {true, 'a', -1, -1, all}},
		{{true, 'a', -1, -1, all}, deny_all},
		{deny_all, {true, 'c', 1, 3, r}, {true, 'c', 1, 3, w}},
		{deny_all, {true, 'c', -1, -1, m}, {true, 'c', 5, 0, all}},
		{deny_all, {true, 'c', 1, -1, all}, {false, 'c', 1, 3, w}},
		{{true, 'a', -1, -1, all}, {false, 'b', -1, 5, r | m}},
		{deny_all, {true, 'b', 0xffffffffu, 0xffffffffu, all}, {false, 'a', -1, -1, w},
			{true, 'c', 1, 3, w}},
	};
	struct cgroup_resources *defaults = xcalloc(1, sizeof(*defaults));

	(void)state;
	check_rules(NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		size_t count = 0;

		while (count < ARRAY_SIZE(sets[i]) && sets[i][count].type)
			count++;
		check_rules(sets[i], count);
	}
	cgroup_resources_add_device(defaults, false, 'a', -1, -1, all);
	cgroup_devices_add_default(defaults);
	check_rules(defaults->devices, defaults->device_count);
	assert_false(cgroup_devices_allow_all(defaults->devices, defaults->device_count));
	assert_true(expected(defaults->devices, defaults->device_count, 'c', all, 1, 3));
	assert_false(expected(defaults->devices, defaults->device_count, 'b', r, 0, 0));
	assert_true(expected(defaults->devices, defaults->device_count, 'b', m, 0, 0));
	cgroup_resources_free(defaults);
}

/* Every set of rules up to three, out of a few that differ in all that matters. */
static void test_devices_exhaustive(void **state)
{
	static const struct cgroup_device_rule some[] = {
		{false, 'a', -1, -1, CGROUP_DEVICE_ALL},
		{true, 'a', -1, -1, CGROUP_DEVICE_ALL},
		{true, 'a', -1, -1, CGROUP_DEVICE_READ | CGROUP_DEVICE_WRITE},
		{true, 'c', 1, -1, CGROUP_DEVICE_ALL},
		{true, 'c', 1, 3, CGROUP_DEVICE_READ},
		{false, 'c', 1, 3, CGROUP_DEVICE_WRITE},
		{false, 'b', -1, 5, CGROUP_DEVICE_ALL},
		{true, 'b', -1, -1, CGROUP_DEVICE_MKNOD},
	};
	const size_t n = ARRAY_SIZE(some);

	(void)state;
	for (size_t i = 0; i < n * n * n; i++) {
		struct cgroup_device_rule rules[] = {some[i % n], some[i / n % n], some[i / n / n]};

		for (size_t count = 1; count <= 3; count++)
			check_rules(rules, count);
	}
}

/* -------- names and paths -------- */

static void test_scope_names(void **state)
{
	static const struct {
		const char *path, *name, *unit, *slice;
	} cases[] = {
		{NULL, "pod-1", "pod-1.scope", NULL},
		{"my.slice", "pod-1", "pod-1.scope", "my.slice"},
		{"/a.slice/a-b.slice", "pod-1", "pod-1.scope", "a-b.slice"},
		{"my.slice:libpod:abc", "x", "libpod-abc.scope", "my.slice"},
		{":libpod:abc", "x", "libpod-abc.scope", NULL},
		{"::abc", "x", "abc.scope", NULL},
		{"system.slice:cri:abc.scope", "x", "cri-abc.scope", "system.slice"},
		{"plain", "x", NULL, NULL},
		{"a.slice:b", "x", NULL, NULL},
		{"a.slice:b:", "x", NULL, NULL},
		{"a.slice:b:c/d", "x", NULL, NULL},
		{"a.slice:../b:c", "x", NULL, NULL},
		{"a/b.slice:b:c", "x", NULL, NULL},
		{"a.slice:b:c.slice", "x", NULL, NULL},
		{NULL, "a b", NULL, NULL},
		{NULL, "", NULL, NULL},
	};
	const char *usual = geteuid() == 0 ? "machine.slice" : "user.slice";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *unit = NULL, *slice = NULL;
		cleanup_error struct error *err = NULL;
		int status = scope_names(cases[i].path, cases[i].name, &unit, &slice, &err);

		assert_int_equal(status, cases[i].unit ? 0 : -1);
		if (status < 0)
			continue;
		assert_string_equal(unit, cases[i].unit);
		assert_string_equal(slice, cases[i].slice ? cases[i].slice : usual);
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		int result;
	} cases[] = {
		{"/", 0},
		{"/a", 0},
		{"/a/b.c/d-e", 0},
		{"/...", 0},
		{"a", -1},
		{"", -1},
		{"//a", -1},
		{"/a/", -1},
		{"/a//b", -1},
		{"/.", -1},
		{"/..", -1},
		{"/a/../b", -1},
		{"/a/b\n", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;

		assert_int_equal(cgroup_path_check(cases[i].path, "path", &err), cases[i].result);
	}
}

static void test_flat_values(void **state)
{
	static const char text[] = "low 1\noom 2\noom_kill 3\nbig 18446744073709551615";
	uint64_t value = 0;

	(void)state;
	assert_int_equal(cgroup_flat_value(text, "oom", &value), 0);
	assert_int_equal(value, 2);
	assert_int_equal(cgroup_flat_value(text, "oom_kill", &value), 0);
	assert_int_equal(value, 3);
	assert_int_equal(cgroup_flat_value(text, "big", &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(cgroup_flat_value(text, "kill", &value), -1);
	assert_int_equal(cgroup_flat_value("", "low", &value), -1);
	assert_int_equal(cgroup_flat_value("low x", "low", &value), -1);
}

/* -------- files: a directory in a group's place -------- */

/* A new directory with FILES ("name", "content", ..., NULL). */
static void make_group(char path[32], struct cgroup *ret, const char *const *files)
{
	strcpy(path, "/tmp/cgroup-XXXXXX");
	assert_non_null(mkdtemp(path));
	*ret = (struct cgroup){
		.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .path = xstrdup("/made")};
	assert_true(ret->fd >= 0);
	for (; *files; files += 2) {
		int fd = openat(ret->fd, files[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		assert_int_equal(write_all(fd, files[1], strlen(files[1])), 0);
		close(fd);
	}
}

static void remove_group(const char *path, struct cgroup *group)
{
	struct error *err = NULL;

	assert_int_equal(remove_tree(AT_FDCWD, path, &err), 0);
	cgroup_clear(group);
}

static void test_swap(void **state)
{
	static const struct {
		const char *resources, *present; /* memory.max before */
		const char *swap;                /* NULL: refused */
	} cases[] = {
		{"{\"memory\":{\"limit\":100,\"swap\":150}}", "max\n", "50"},
		{"{\"memory\":{\"limit\":100,\"swap\":100}}", "max\n", "0"},
		{"{\"memory\":{\"swap\":150}}", "100\n", "50"},
		{"{\"memory\":{\"swap\":150}}", "200\n", NULL},
		{"{\"memory\":{\"swap\":150}}", "max\n", NULL},
		{"{\"memory\":{\"swap\":-1}}", "200\n", "max"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const files[] = {
			"memory.max", cases[i].present, "memory.swap.max", "", NULL};
		cleanup_cgroup_resources struct cgroup_resources *r = NULL;
		cleanup_error struct error *err = NULL;
		struct cgroup group;
		char path[32], text[32];

		make_group(path, &group, files);
		assert_int_equal(parse(cases[i].resources, &r, &err), 0);
		assert_int_equal(cgroup_apply(&group, r, &err), cases[i].swap ? 0 : -1);
		if (!cases[i].swap)
			assert_int_equal(err->kind, ERR_INVALID);
		assert_int_equal(
			cgroup_file_read(group.fd, "memory.swap.max", text, sizeof(text)), 0);
		assert_string_equal(text, cases[i].swap ? cases[i].swap : "");
		remove_group(path, &group);
	}
}

/* Options of an update come one by one: no parser has seen them together. */
static void test_swap_below_limit(void **state)
{
	static const char *const changes[] = {
		"{\"memory\":{\"limit\":200}}", "{\"memory\":{\"limit\":-1}}"};
	static const char *const files[] = {"memory.max", "", "memory.swap.max", "", NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		cleanup_cgroup_resources struct cgroup_resources *r = NULL, *limit = NULL;
		cleanup_error struct error *err = NULL;
		struct cgroup group;
		char path[32];

		make_group(path, &group, files);
		assert_int_equal(parse("{\"memory\":{\"swap\":150}}", &r, &err), 0);
		assert_int_equal(parse(changes[i], &limit, &err), 0);
		cgroup_resources_merge(r, limit);
		assert_int_equal(cgroup_apply(&group, r, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
		remove_group(path, &group);
	}
}

/* More processes than are read at once: none but theirs is moved. */
static void test_evacuate(void **state)
{
	cleanup_strbuf struct strbuf all = STRBUF_INIT;
	struct cgroup group;
	char path[32], last[32];

	(void)state;
	for (int pid = 1000001; pid <= 1010000; pid++)
		strbuf_addf(&all, "%d\n", pid);
	make_group(path, &group, (const char *const[]){"cgroup.procs", strbuf_str(&all), NULL});
	close(cgroup_make_below(group.fd, "supervisor"));
	close(openat(group.fd, "supervisor/cgroup.procs", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(cgroup_evacuate(group.fd), -1); /* a file does not become shorter */
	assert_int_equal(
		cgroup_file_read(group.fd, "supervisor/cgroup.procs", last, sizeof(last)), 0);
	/* 8 bytes each, into 65535: the last one that is whole */
	assert_string_equal(last, "1008191");
	remove_group(path, &group);
}

/* More processes than may be held open at once. */
static void test_signal_many(void **state)
{
	enum { COUNT = 250 };
	cleanup_strbuf struct strbuf all = STRBUF_INIT;
	struct rlimit old, few;
	struct error *err = NULL;
	struct cgroup group;
	pid_t pids[COUNT];
	char path[32];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			(void)alarm(20);
			for (;;)
				pause();
		}
		strbuf_addf(&all, "%d\n", (int)pids[i]);
	}
	make_group(path, &group, (const char *const[]){"cgroup.procs", strbuf_str(&all), NULL});
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){.rlim_cur = 200, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(cgroup_kill(&group, SIGUSR1, &err), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (size_t i = 0; i < COUNT; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGUSR1); /* and not by its alarm */
	}
	remove_group(path, &group);
}

/* -------- options -------- */

static void test_limits(void **state)
{
	const struct {
		struct limit_options opts;
		const char *text; /* NULL: nothing is limited; "!..." the error has these words */
	} cases[] = {
		{{0}, NULL},
		{{.memory = "64m"}, "{\"memory\":{\"limit\":67108864,\"swap\":134217728}}"},
		{{.memory = "64m", .memory_swap = "-1"},
			"{\"memory\":{\"limit\":67108864,\"swap\":-1}}"},
		{{.memory = "64m", .memory_swap = "100m", .memory_reservation = "32m"},
			"{\"memory\":{\"limit\":67108864,\"reservation\":33554432,\"swap\":"
			"104857600}}"},
		{{.memory = "64m", .memory_swap = "32m"}, "!larger than memory limit"},
		{{.memory = "32m", .memory_reservation = "64m"}, "!memory reservation"},
		{{.memory = "lots"}, "!--memory"},
		{{.memory = "0"}, NULL},
		{{.memory_swappiness = "-1"}, NULL},
		{{.memory_swappiness = "60"}, "!--memory-swappiness"},
		{{.oom_kill_disable = true}, "!--oom-kill-disable"},
		{{.cpus = "1.5"}, "{\"cpu\":{\"quota\":150000,\"period\":100000}}"},
		{{.cpus = ".25"}, "{\"cpu\":{\"quota\":25000,\"period\":100000}}"},
		{{.cpus = "0.000001"}, NULL},
		{{.cpus = "0.001"}, "{\"cpu\":{\"quota\":1000,\"period\":100000}}"},
		{{.cpus = "2"}, "{\"cpu\":{\"quota\":200000,\"period\":100000}}"},
		{{.cpus = "."}, "!\"--cpus\""},
		{{.cpus = "1e3"}, "!\"--cpus\""},
		{{.cpus = "-1"}, "!\"--cpus\""},
		{{.cpus = "1", .cpu_quota = "1000"}, "!cannot be set together"},
		{{.cpu_quota = "-1"}, "{\"cpu\":{\"quota\":-1}}"},
		{{.cpu_quota = "5"}, "!\"--cpu-quota\""},
		{{.cpu_period = "50000", .cpu_quota = "25000"},
			"{\"cpu\":{\"quota\":25000,\"period\":50000}}"},
		{{.cpu_period = "5"}, "!\"--cpu-period\""},
		{{.cpu_shares = "512"}, "{\"cpu\":{\"shares\":512}}"},
		{{.cpuset_cpus = "0-1", .cpuset_mems = "0"},
			"{\"cpu\":{\"cpus\":\"0-1\",\"mems\":\"0\"}}"},
		{{.cpuset_cpus = "a"}, "!\"--cpuset-cpus\""},
		{{.pids_limit = "100"}, "{\"pids\":{\"limit\":100}}"},
		{{.pids_limit = "0"}, "{\"pids\":{\"limit\":-1}}"},
		{{.pids_limit = "-1"}, "{\"pids\":{\"limit\":-1}}"},
		{{.pids_limit = "-2"}, "!--pids-limit"},
		{{.blkio_weight = "500"}, "{\"blockIO\":{\"weight\":500}}"},
		{{.blkio_weight = "5"}, "!\"--blkio-weight\""},
		{{.device_read_bps = (char *[]){"/dev/null:1mb", NULL}}, "!not a block device"},
		{{.device_read_bps = (char *[]){"1mb", NULL}}, "!\"--device-read-bps\""},
		{{.cgroup_conf = (char *[]){"memory.high=5", NULL}},
			"{\"unified\":{\"memory.high\":\"5\"}}"},
		{{.cgroup_conf = (char *[]){"memory.high", NULL}}, "!KEY=VALUE"},
		{{.cgroup_conf = (char *[]){"../x.y=5", NULL}}, "!--cgroup-conf"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_cgroup_resources struct cgroup_resources *r = NULL;
		cleanup_error struct error *err = NULL;
		cleanup_free char *text = NULL;
		int status = parse_limits(&cases[i].opts, &r, &err);

		if (cases[i].text && cases[i].text[0] == '!') {
			assert_int_equal(status, -1);
			assert_non_null(strstr(err->message, cases[i].text + 1));
			continue;
		}
		assert_int_equal(status, 0);
		if (!cases[i].text) {
			assert_null(r);
			continue;
		}
		text = cgroup_resources_text(r);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_resources_refused),
		cmocka_unit_test(test_resources_empty_members),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_devices_exhaustive),
		cmocka_unit_test(test_scope_names),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_flat_values),
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_swap_below_limit),
		cmocka_unit_test(test_evacuate),
		cmocka_unit_test(test_signal_many),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
