#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroup/cgroup.h"
#include "oci/features.h"
#include "oci/record.h"
#include "oci/stats.h"
#include "runtime/capability.h"
#include "runtime/mount.h"
#include "runtime/spec.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"

/* A private directory as the root of all containers. */
static struct oci_root make_root(char *path)
{
	cleanup_error struct error *err = NULL;
	struct oci_root root = {.fd = -1};

	assert_non_null(mkdtemp(path));
	if (oci_root_open(path, &root, &err) < 0)
		fail_msg("%s", err->message);
	return root;
}

static void remove_root(struct oci_root *root)
{
	cleanup_error struct error *err = NULL;

	assert_int_equal(remove_tree(AT_FDCWD, root->path, &err), 0);
	oci_root_close(root);
}

/* -------- the record -------- */

#define RECORD                                                                                     \
	"'version':1,'id':'one','bundle':'/b','rootfs':'/b/rootfs','pid':7,'startTicks':"          \
	"18446744073709551615,'bootId':'boot','created':5,'owner':1000,'namespaces':255,"          \
	"'hooks':true,'cgroup':'/c','systemdCgroup':true,'annotations':['a=b','c=']"

/* Tables write JSON with ' for ". */
static char *json_of(const char *text)
{
	char *copy = xstrdup(text);

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

static void assert_record(const struct oci_record *record)
{
	assert_string_equal(record->id, "one");
	assert_string_equal(record->bundle, "/b");
	assert_string_equal(record->rootfs, "/b/rootfs");
	assert_int_equal(record->pid, 7);
	assert_true(record->start_ticks == UINT64_MAX);
	assert_string_equal(record->boot_id, "boot");
	assert_int_equal(record->created_ns, 5);
	assert_int_equal(record->owner, 1000);
	assert_int_equal(record->namespaces, 255);
	assert_true(record->has_hooks);
	assert_string_equal(record->cgroup, "/c");
	assert_true(record->systemd_cgroup);
	assert_int_equal(strv_length(record->annotations), 2);
	assert_string_equal(record->annotations[1], "c=");
}

static void test_record(void **state)
{
	char path[] = "/tmp/test-oci.XXXXXX";
	struct oci_root root = make_root(path);
	cleanup_free char *json = json_of("{" RECORD ",'later':[1]}");
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	cleanup_error struct error *err = NULL;
	struct oci_record record;
	int dir_fd;

	(void)state;
	if (oci_record_parse(json, strlen(json), &record, &err) < 0)
		fail_msg("%s", err->message);
	assert_record(&record);
	/* written and read again; it counts once it has its name */
	assert_int_equal(mkdirat(root.fd, "one", 0700), 0);
	dir_fd = openat(root.fd, "one", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(oci_record_write(dir_fd, "state.new", &record, &err), 0);
	assert_int_equal(oci_container_open(&root, "one", &container, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	error_free(steal_ptr(&err));
	assert_int_equal(renameat(dir_fd, "state.new", dir_fd, "state.json"), 0);
	if (oci_container_open(&root, "one", &container, &err) < 0)
		fail_msg("%s", err->message);
	assert_record(&container.record);
	/* of another boot: its pid means nothing */
	assert_int_equal(oci_container_pidfd(&container), -1);
	assert_int_equal(oci_container_status(&container), OCI_STOPPED);
	close(dir_fd);
	oci_record_clear(&record);
	remove_root(&root);
}

static void test_record_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "state.json: "},
		{"[]", "state.json: not a record"},
		{"{}", "state.json: not a record"},
		{"{" RECORD, "state.json: "},
		{"{'version':2,'id':'a','bundle':'/','rootfs':'/','pid':1,'bootId':'b'}",
			"state.json: not a record"},
		{"{'version':1,'bundle':'/','rootfs':'/','pid':1,'bootId':'b'}",
			"state.json: not a record"},
		{"{'version':1,'id':'a','bundle':'/','rootfs':'/','bootId':'b'}",
			"state.json: not a record"},
		{"{'version':1,'id':'a','bundle':'/','rootfs':'/','pid':0,'bootId':'b'}",
			"state.json: pid: "},
		{"{'version':1,'id':'a','bundle':'/','rootfs':'/','pid':-1,'bootId':'b'}",
			"state.json: pid: "},
		{"{'version':1,'id':'a','bundle':'/','rootfs':'/','pid':2147483648}",
			"state.json: pid: "},
		{"{'version':1,'id':7}", "state.json: id: must be a string"},
		{"{'version':1,'id':'a','owner':4294967296}", "state.json: owner: "},
		{"{'version':1,'id':'a','startTicks':-1}", "state.json: startTicks: "},
		{"{'version':1,'id':'a','hooks':'yes'}", "state.json: hooks: "},
		{"{'version':1,'id':'a','annotations':[7]}", "state.json: annotations[0]: "},
		{"{'version':1,'id':'a','id':'b'}", "state.json: "},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *json = json_of(cases[i].text);
		cleanup_error struct error *err = NULL;
		struct oci_record record;

		if (oci_record_parse(json, strlen(json), &record, &err) == 0)
			fail_msg("%s was taken", cases[i].text);
		if (!str_starts_with(err->message, cases[i].message))
			fail_msg("%s: %s", cases[i].text, err->message);
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

static void test_ids(void **state)
{
	static const struct {
		const char *id;
		bool valid;
	} cases[] = {
		{"a", true},
		{"Web_1+2-3.4", true},
		{"...", true},
		{"-a", true},
		{"", false},
		{".", false},
		{"..", false},
		{"a/b", false},
		{"/", false},
		{"a b", false},
		{"a\n", false},
		{"\xc3\xa4", false},
	};
	cleanup_error struct error *err = NULL;
	char text[OCI_ID_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *why = NULL;

		if ((oci_id_check(cases[i].id, &why) == 0) != cases[i].valid)
			fail_msg("'%s'", cases[i].id);
		if (why)
			assert_int_equal(why->kind, ERR_INVALID);
	}
	memset(text, 'a', sizeof(text));
	text[OCI_ID_MAX + 1] = '\0';
	assert_int_equal(oci_id_check(text, &err), -1);
	error_free(steal_ptr(&err));
	text[OCI_ID_MAX] = '\0';
	assert_int_equal(oci_id_check(text, &err), 0);
}

/* Sorted; a directory without state.json is what a killed create has left, and no container. */
static void test_list(void **state)
{
	static const struct {
		const char *name;
		bool is_container;
	} cases[] = {{"b", true}, {"a", true}, {"left", false}, {"C", true}};
	char path[] = "/tmp/test-oci.XXXXXX";
	struct oci_root root = make_root(path);
	cleanup_error struct error *err = NULL;
	cleanup_free char *joined = NULL;
	cleanup_strv char **ids = NULL;

	(void)state;
	assert_int_equal(oci_list(&root, &ids, &err), 0);
	assert_int_equal(strv_length(ids), 0);
	strv_free(steal_ptr(&ids));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *file = path_join(cases[i].name, "state.json");

		assert_int_equal(mkdirat(root.fd, cases[i].name, 0700), 0);
		if (cases[i].is_container)
			close(openat(root.fd, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	assert_int_equal(oci_list(&root, &ids, &err), 0);
	joined = str_join(ids, " ");
	assert_string_equal(joined, "C a b");
	remove_root(&root);
}

/* Whoever could write there could make us believe anything. */
static void test_root_is_private(void **state)
{
	static const mode_t modes[] = {0770, 0702, 0777};
	char path[] = "/tmp/test-oci.XXXXXX";
	struct oci_root root = make_root(path);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		cleanup_error struct error *err = NULL;
		struct oci_root other;

		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(oci_root_open(path, &other, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
	}
	remove_root(&root);
}

/* -------- features, spec -------- */

static bool list_has(const struct json *object, const char *key, const char *word)
{
	cleanup_error struct error *err = NULL;
	cleanup_strv char **words = NULL;

	assert_int_equal(json_opt_strv(object, key, 1000, &words, &err), 0);
	for (char **w = words; w && *w; w++) {
		/* sorted, nothing twice */
		if (strcmp(key, "capabilities") != 0 && w[1])
			assert_true(strcmp(w[0], w[1]) < 0);
	}
	for (char **w = words; w && *w; w++)
		if (strcmp(*w, word) == 0)
			return true;
	return false;
}

static void test_features(void **state)
{
	static const struct {
		const char *object, *list, *word;
	} cases[] = {
		{NULL, "hooks", NULL}, /* in the order of a container's life */
		{NULL, "mountOptions", "rbind"},
		{NULL, "mountOptions", "rro"},
		{NULL, "mountOptions", "silent"},
		{NULL, "mountOptions", "iversion"},
		{NULL, "mountOptions", "tmpcopyup"},
		{"linux", "namespaces", "time"},
		{"linux", "namespaces", "user"},
		{"linux", "capabilities", "CAP_SYS_ADMIN"},
		{"linux.seccomp", "actions", "SCMP_ACT_NOTIFY"},
		{"linux.seccomp", "operators", "SCMP_CMP_MASKED_EQ"},
		{"linux.seccomp", "archs", "SCMP_ARCH_X86_64"},
		{"linux.seccomp", "knownFlags", "SECCOMP_FILTER_FLAG_LOG"},
		{"linux.seccomp", "supportedFlags", "SECCOMP_FILTER_FLAG_LOG"},
		{"linux.memoryPolicy", "modes", "MPOL_BIND"},
		{"linux.memoryPolicy", "flags", "MPOL_F_STATIC_NODES"},
	};
	static const char *const enabled[] = {"apparmor", "selinux", "intelRdt", "netDevices"};
	cleanup_free char *text = oci_features_text();
	cleanup_json struct json_document *doc = NULL;
	cleanup_error struct error *err = NULL;
	struct json root, linux_, member;
	const char *version;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "features", &doc, &root, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json places[3] = {root};
		cleanup_strv char **names = str_split(cases[i].object ? cases[i].object : "", '.');
		size_t depth = 0;

		for (char **name = names; cases[i].object && *name; name++, depth++)
			if (!json_member(&places[depth], *name, &places[depth + 1]))
				fail_msg("%s", cases[i].object);
		if (!cases[i].word)
			assert_true(json_member(&places[depth], cases[i].list, &member));
		else if (!list_has(&places[depth], cases[i].list, cases[i].word))
			fail_msg("%s: %s", cases[i].list, cases[i].word);
	}
	assert_true(json_member(&root, "linux", &linux_));
	for (size_t i = 0; i < ARRAY_SIZE(enabled); i++) {
		bool on = false;

		assert_true(json_member(&linux_, enabled[i], &member));
		assert_int_equal(json_opt_bool(&member, "enabled", &on, &err), 0);
		assert_true(on);
	}
	assert_int_equal(json_opt_string(&root, "ociVersionMax", &version, &err), 0);
	assert_string_equal(version, OCI_VERSION);
}

/* What it writes it takes; names in its capability lists are those of the kernel. */
static void test_default_spec(void **state)
{
	(void)state;
	for (int rootless = 0; rootless < 2; rootless++) {
		cleanup_free char *text = oci_default_spec_text(rootless);
		cleanup_runtime_spec struct runtime_spec *spec = NULL;
		cleanup_error struct error *err = NULL;

		if (runtime_spec_read(text, strlen(text), &spec, &err) < 0)
			fail_msg("%s", err->message);
		assert_true(spec->process.terminal);
		assert_true(spec->root_readonly);
		assert_string_equal(spec->process.args[0], "sh");
		assert_int_equal(spec->namespaces[NAMESPACE_USER].mode,
			rootless ? NAMESPACE_NEW : NAMESPACE_INHERIT);
		assert_int_equal(spec->uid_mapping_count, rootless);
		assert_int_equal(spec->resources != NULL, !rootless);
		for (size_t i = 0; i < spec->mount_count; i++) {
			struct mount_options opts;

			assert_int_equal(
				mount_options_parse(spec->mounts[i].options, &opts, &err), 0);
			mount_options_clear(&opts);
		}
	}
}

/* -------- events -------- */

static const struct cgroup_stats nothing = {
	.cpu_usage_us = UINT64_MAX,
	.cpu_user_us = UINT64_MAX,
	.cpu_system_us = UINT64_MAX,
	.cpu_periods = UINT64_MAX,
	.cpu_throttled_periods = UINT64_MAX,
	.cpu_throttled_us = UINT64_MAX,
	.memory_usage = UINT64_MAX,
	.memory_max_usage = UINT64_MAX,
	.memory_limit = UINT64_MAX,
	.memory_swap_usage = UINT64_MAX,
	.memory_swap_limit = UINT64_MAX,
	.memory_inactive_file = UINT64_MAX,
	.memory_file = UINT64_MAX,
	.memory_anon = UINT64_MAX,
	.memory_kernel = UINT64_MAX,
	.pids_current = UINT64_MAX,
	.pids_limit = UINT64_MAX,
	.io_read_bytes = UINT64_MAX,
	.io_write_bytes = UINT64_MAX,
	.io_reads = UINT64_MAX,
	.io_writes = UINT64_MAX,
};

static void test_events(void **state)
{
	struct cgroup_stats all = {
		.cpu_usage_us = 1,
		.cpu_user_us = 2,
		.cpu_system_us = 3,
		.cpu_periods = 4,
		.cpu_throttled_periods = 5,
		.cpu_throttled_us = 6,
		.memory_usage = 7,
		.memory_max_usage = 8,
		.memory_limit = UINT64_MAX,
		.memory_swap_usage = 10,
		.memory_swap_limit = 11,
		.memory_inactive_file = 12,
		.memory_file = 13,
		.memory_anon = 14,
		.memory_kernel = 15,
		.pids_current = 16,
		.pids_limit = 17,
		.io_read_bytes = 18,
		.io_write_bytes = 19,
		.io_reads = 20,
		.io_writes = 21,
	};
	const struct {
		const char *type;
		const struct cgroup_stats *stats;
		const char *expected;
	} cases[] = {
		{"oom", NULL, "{'type':'oom','id':'one'}\n"},
		{"stats", &nothing,
			"{'type':'stats','id':'one','data':{'cpu':{'usage':{},'throttling':{}},"
			"'memory':{'raw':{}},'pids':{},'blkio':{}}}\n"},
		{"stats", &all,
			"{'type':'stats','id':'one','data':{'cpu':{'usage':{'total':1000,'kernel':"
			"3000,'user':2000},'throttling':{'periods':4,'throttledPeriods':5,"
			"'throttledTime':6000}},'memory':{'cache':13,'usage':{'limit':"
			"18446744073709551615,'usage':7,'max':8},'swap':{'limit':"
			"18446744073709551615,'usage':17},"
			"'raw':{}},'pids':{'current':16,'limit':17},'blkio':{}}}\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text =
			oci_event_text(cases[i].type, "one", NULL, cases[i].stats);
		cleanup_free char *expected = json_of(cases[i].expected);

		assert_string_equal(text, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_record_refused),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_root_is_private),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_default_spec),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
