#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci/features.h"
#include "runtime/capability.h"
#include "runtime/hooks.h"
#include "runtime/mount.h"
#include "runtime/seccomp_words.h"
#include "runtime/spec.h"
#include "runtime/spec_words.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/strbuf.h"

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A list as the specification's examples have it: sorted. Frees WORDS. */
static void put_sorted(struct json_writer *w, const char *key, char **words)
{
	if (words)
		qsort(words, strv_length(words), sizeof(*words), compare_words);
	json_put_strv(w, key, words);
	strv_free(words);
}

/* The words of a table whose elements, of SIZE bytes, begin with one; NULL ends it. */
static void put_words(struct json_writer *w, const char *key, const void *table, size_t size)
{
	const char *word;
	char **words = NULL;

	for (const char *p = table; memcpy(&word, p, sizeof(word)), word; p += size)
		strv_append(&words, word);
	put_sorted(w, key, words);
}
#define PUT_WORDS(w, key, table) put_words(w, key, table, sizeof(*(table)))

static void put_enabled(struct json_writer *w, const char *key)
{
	json_write_key(w, key);
	json_write_object_begin(w);
	json_put_bool(w, "enabled", true);
	json_write_object_end(w);
}

static void put_linux(struct json_writer *w)
{
	char **words = NULL;

	json_write_key(w, "linux");
	json_write_object_begin(w);
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		strv_append(&words, spec_namespaces[i]);
	put_sorted(w, "namespaces", words);
	words = NULL;
	for (unsigned int i = 0; capability_name(i); i++)
		strv_append(&words, capability_name(i));
	json_put_strv(w, "capabilities", words);
	strv_free(words);

	json_write_key(w, "cgroup");
	json_write_object_begin(w);
	json_put_bool(w, "v1", false);
	json_put_bool(w, "v2", true);
	json_put_bool(w, "systemd", true);
	json_put_bool(w, "systemdUser", true);
	json_put_bool(w, "rdma", true);
	json_write_object_end(w);

	json_write_key(w, "seccomp");
	json_write_object_begin(w);
	json_put_bool(w, "enabled", true);
	PUT_WORDS(w, "actions", seccomp_actions);
	PUT_WORDS(w, "operators", seccomp_compare_words);
	PUT_WORDS(w, "archs", seccomp_architectures);
	PUT_WORDS(w, "knownFlags", seccomp_flags);
	PUT_WORDS(w, "supportedFlags", seccomp_flags);
	json_write_object_end(w);

	put_enabled(w, "apparmor");
	put_enabled(w, "selinux");
	json_write_key(w, "intelRdt");
	json_write_object_begin(w);
	json_put_bool(w, "enabled", true);
	json_put_bool(w, "schemata", true);
	json_write_object_end(w);
	json_write_key(w, "mountExtensions");
	json_write_object_begin(w);
	put_enabled(w, "idmap");
	json_write_object_end(w);
	put_enabled(w, "netDevices");
	json_write_key(w, "memoryPolicy");
	json_write_object_begin(w);
	PUT_WORDS(w, "modes", spec_memory_modes);
	PUT_WORDS(w, "flags", spec_memory_flags);
	json_write_object_end(w);
	json_write_object_end(w);
}

char *oci_features_text(void)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 2);

	json_write_object_begin(&w);
	json_put_string(&w, "ociVersionMin", "1.0.0");
	json_put_string(&w, "ociVersionMax", OCI_VERSION);
	json_write_key(&w, "hooks");
	json_write_array_begin(&w);
	for (int point = 0; point < HOOK_POINT_COUNT; point++)
		json_write_string(&w, hook_point_name(point));
	json_write_array_end(&w);
	put_sorted(&w, "mountOptions", mount_option_words());
	put_linux(&w);
	json_write_key(&w, "annotations");
	json_write_object_begin(&w);
	json_put_string(&w, "run.pod.version", PACKAGE_VERSION);
	json_write_object_end(&w);
	json_write_object_end(&w);
	strbuf_addch(&out, '\n');
	return strbuf_detach(&out);
}

/* -------- a configuration to begin with -------- */

static void add_strings(char ***list, const char *const *strings)
{
	for (; *strings; strings++)
		strv_append(list, *strings);
}

static void fill_process(struct runtime_process *process)
{
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
		NULL};
	static const char *const capabilities[] = {
		"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};

	process->terminal = true;
	strv_append(&process->args, "sh");
	add_strings(&process->env, env);
	process->cwd = xstrdup("/");
	process->no_new_privileges = true;
	process->capabilities_for_user = true;
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		uint64_t bit = UINT64_C(1) << capability_parse(capabilities[i]);

		process->capabilities[CAPABILITY_BOUNDING] |= bit;
		process->capabilities[CAPABILITY_EFFECTIVE] |= bit;
		process->capabilities[CAPABILITY_PERMITTED] |= bit;
	}
}

static void add_mounts(struct runtime_spec *spec, bool rootless)
{
	runtime_spec_add_mount(spec, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	runtime_spec_add_mount(
		spec, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
	/* A namespace that maps one group has no gid 5. */
	runtime_spec_add_mount(spec, "/dev/pts", "devpts", "devpts",
		rootless ? "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"
			 : "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
	runtime_spec_add_mount(
		spec, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k");
	runtime_spec_add_mount(spec, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
	runtime_spec_add_mount(spec, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro");
	runtime_spec_add_mount(
		spec, "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro");
}

static struct runtime_id_range *one_id(uint32_t host_id)
{
	struct runtime_id_range *range = xcalloc(1, sizeof(*range));

	*range = (struct runtime_id_range){0, host_id, 1};
	return range;
}

char *oci_default_spec_text(bool rootless)
{
	static const enum namespace_type namespaces[] = {NAMESPACE_PID, NAMESPACE_NETWORK,
		NAMESPACE_IPC, NAMESPACE_UTS, NAMESPACE_MOUNT, NAMESPACE_CGROUP};
	static const char *const masked[] = {"/proc/acpi", "/proc/asound", "/proc/kcore",
		"/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
		"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
		NULL};
	static const char *const protected[] = {
		"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL};
	cleanup_runtime_spec struct runtime_spec *spec = runtime_spec_new();
	cleanup_json struct json_document *doc = NULL;
	cleanup_error struct error *impossible = NULL;
	cleanup_free char *compact = NULL;
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 4);
	struct json root;

	fill_process(&spec->process);
	add_mounts(spec, rootless);
	spec->root_path = xstrdup("rootfs");
	spec->root_readonly = true;
	spec->hostname = xstrdup("pod");
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		spec->namespaces[namespaces[i]].mode = NAMESPACE_NEW;
	if (rootless) {
		spec->namespaces[NAMESPACE_USER].mode = NAMESPACE_NEW;
		spec->uid_mappings = one_id(geteuid());
		spec->gid_mappings = one_id(getegid());
		spec->uid_mapping_count = spec->gid_mapping_count = 1;
	} else {
		spec->resources = xstrdup("{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}");
	}
	add_strings(&spec->masked_paths, masked);
	add_strings(&spec->readonly_paths, protected);
	compact = runtime_spec_write(spec);
	if (json_parse(compact, strlen(compact), "config.json", &doc, &root, &impossible) < 0)
		return steal_ptr(&compact);
	json_write_value(&w, &root);
	strbuf_addch(&out, '\n');
	return strbuf_detach(&out);
}
