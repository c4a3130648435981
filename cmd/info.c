#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/docker.h"
#include "cmd/docker_shapes.h"
#include "cmd/facts.h"
#include "container/index.h"
#include "registry/registries_conf.h"
#include "rootless/userns.h"
#include "storage/image_store.h"
#include "storage/overlay.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"

#define FACT_FILE_MAX (64u << 10) /* bytes of a file in /proc, /sys or /etc */

struct info_options {
	const char *format;
};

static const struct option_spec info_options[] = {
	OPTION_STRING("format", 'f', struct info_options, format, NULL,
		"change the output format to JSON or a Go template"),
	OPTION_END,
};

/* A host's file; "" when it cannot be read. Owned. */
static char *read_fact(const char *path)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;

	if (fd < 0 || read_fd_limited(fd, FACT_FILE_MAX, &text, NULL, &ignored) < 0)
		return xstrdup("");
	return text;
}

/* The value of KEY in os-release(5); owned. */
static char *os_release(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value = line + len + 1;
		size_t n;

		if (strncmp(line, key, len) != 0 || line[len] != '=')
			continue;
		if (*value == '"' || *value == '\'')
			return xstrndup(value + 1, strcspn(value + 1, "\"'\n"));
		n = strcspn(value, "\n");
		return xstrndup(value, n);
	}
	return xstrdup("unknown");
}

static void add_note(char ***notes, const char *note)
{
	if (!*notes || !strv_contains(*notes, note))
		strv_append(notes, note);
}

static void put_distribution(struct json_writer *w)
{
	cleanup_free char *text = read_fact("/etc/os-release"), *id = os_release(text, "ID"),
			  *version = os_release(text, "VERSION_ID"),
			  *codename = os_release(text, "VERSION_CODENAME");

	json_write_key(w, "distribution");
	json_write_object_begin(w);
	json_put_string(w, "distribution", id);
	json_put_string(w, "version", version);
	json_put_string(w, "codename", codename);
	json_write_object_end(w);
}

/* A "Name:   12 kB" line of /proc/meminfo, in bytes. */
static uint64_t memory_fact(const char *text, const char *name)
{
	const char *line = strstr(text, name);
	uint64_t value = 0;

	if (!line || sscanf(line + strlen(name), ": %" SCNu64, &value) != 1)
		return 0;
	return value * 1024;
}

static void put_memory(struct json_writer *w)
{
	cleanup_free char *text = read_fact("/proc/meminfo");

	json_put_uint(w, "memFree", memory_fact(text, "MemFree"));
	json_put_uint(w, "memTotal", memory_fact(text, "MemTotal"));
	json_put_uint(w, "swapFree", memory_fact(text, "SwapFree"));
	json_put_uint(w, "swapTotal", memory_fact(text, "SwapTotal"));
}

static void put_uptime(struct json_writer *w)
{
	struct timespec up;
	cleanup_free char *text = NULL;
	long hours;

	clock_gettime(CLOCK_BOOTTIME, &up);
	hours = (long)(up.tv_sec / 3600);
	text = xasprintf(
		"%ldh %ldm %ld.00s", hours, (long)(up.tv_sec / 60 % 60), (long)(up.tv_sec % 60));
	if (hours >= 24) {
		cleanup_free char *clock = steal_ptr(&text);

		text = xasprintf("%s (Approximately %.2f days)", clock, (double)hours / 24);
	}
	json_put_string(w, "uptime", text);
}

/* Those that a container can have: what is handed on to the user's manager, or to the group that we
 * are in. */
static char *usable_controllers(enum cgroup_manager manager, bool rootless)
{
	cleanup_cgroup struct cgroup cgroup = CGROUP_INIT;
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *path = NULL;
	struct strbuf out = STRBUF_INIT;
	unsigned int found = 0;

	if (manager == CGROUP_MANAGER_SYSTEMD && rootless)
		path = xasprintf("/user.slice/user-%u.slice/user@%u.service", geteuid(), geteuid());
	else if (!rootless)
		path = xstrdup("/");
	else
		(void)cgroup_own_path(&path, &ignored); /* without one there is none */
	if (path && cgroup_open(path, &cgroup, &ignored) == 0 &&
		(!rootless || faccessat(cgroup.fd, "cgroup.procs", W_OK, AT_EACCESS) == 0))
		found = cgroup_controllers(&cgroup);
	for (unsigned int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		if (found & 1u << i)
			strbuf_addf(&out, "%s ", cgroup_controller_name(i));
	return strbuf_detach(&out);
}

static void put_cgroups(struct json_writer *w, const char *wanted, bool rootless)
{
	struct statfs fs;
	bool v2 = statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
	enum cgroup_manager manager = cgroup_manager_choose(
		str_equal(wanted, "cgroupfs") ? CGROUP_MANAGER_CGROUPFS : CGROUP_MANAGER_AUTO);
	cleanup_free char *text = usable_controllers(manager, rootless);
	char *save = NULL;

	json_put_string(w, "cgroupManager", cgroup_manager_name(manager));
	json_put_string(w, "cgroupVersion", v2 ? "v2" : "v1");
	json_write_key(w, "cgroupControllers");
	json_write_array_begin(w);
	for (char *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		json_write_string(w, word);
	json_write_array_end(w);
}

static void put_ranges(
	struct json_writer *w, const char *key, const struct id_range *ranges, size_t count)
{
	json_write_key(w, key);
	if (!count) {
		json_write_null(w);
		return;
	}
	json_write_array_begin(w);
	for (size_t i = 0; i < count; i++) {
		json_write_object_begin(w);
		json_put_uint(w, "container_id", ranges[i].container_id);
		json_put_uint(w, "host_id", ranges[i].host_id);
		json_put_uint(w, "size", ranges[i].count);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void put_id_maps(struct json_writer *w, bool rootless, char ***notes)
{
	cleanup_error struct error *why = NULL;
	cleanup_free char *given_up = NULL;
	struct id_maps maps = {0};
	enum userns_rung rung;

	if (rootless && userns_choose(&maps, &rung, &given_up, &why) < 0)
		add_note(notes, why->message);
	else if (given_up)
		add_note(notes, given_up);
	json_write_key(w, "idMappings");
	json_write_object_begin(w);
	put_ranges(w, "gidmap", maps.gids, maps.gid_count);
	put_ranges(w, "uidmap", maps.uids, maps.uid_count);
	json_write_object_end(w);
	id_maps_clear(&maps);
}

/* A helper program: where it is and what it says of itself. */
static void put_helper(struct json_writer *w, const char *name, const char *remedy, char ***notes)
{
	const char *argv[] = {name, "--version", NULL};
	cleanup_free char *path = spawn_find(name), *version = NULL;
	cleanup_error struct error *ignored = NULL;
	int status;

	json_write_key(w, name);
	json_write_object_begin(w);
	json_put_string(w, "executable", path ? path : "");
	if (path && spawn_capture(argv, NULL, FACT_FILE_MAX, &version, &status, &ignored) == 0) {
		version[strcspn(version, "\n")] = '\0';
		json_put_string(w, "version", version);
	}
	json_write_object_end(w);
	if (!path)
		strv_append_take(notes, xasprintf("%s is not installed: %s", name, remedy));
}

static void put_security(struct json_writer *w, bool rootless)
{
	cleanup_free char *lsm = read_fact("/sys/kernel/security/lsm");
	cleanup_free char *seccomp = read_fact("/proc/sys/kernel/seccomp/actions_avail");

	json_write_key(w, "security");
	json_write_object_begin(w);
	json_put_bool(w, "apparmorEnabled", strstr(lsm, "apparmor") != NULL);
	json_put_string(w, "capabilities",
		"CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FOWNER,CAP_FSETID,CAP_KILL,CAP_NET_BIND_SERVICE,"
		"CAP_SETFCAP,CAP_SETGID,CAP_SETPCAP,CAP_SETUID,CAP_SYS_CHROOT");
	json_put_bool(w, "rootless", rootless);
	json_put_bool(w, "seccompEnabled", *seccomp != '\0');
	json_put_string(w, "seccompProfilePath", "default");
	json_put_bool(w, "selinuxEnabled", strstr(lsm, "selinux") != NULL);
	json_write_object_end(w);
}

static void put_host(struct json_writer *w, const struct command_context *ctx,
	const struct store *store, char ***notes)
{
	struct utsname host = {0};

	uname(&host);
	json_write_key(w, "host");
	json_write_object_begin(w);
	json_put_string(w, "arch", FACTS_ARCH);
	put_cgroups(w, ctx->cgroup_manager, store->rootless);
	json_put_int(w, "cpus", get_nprocs());
	put_distribution(w);
	json_put_string(w, "hostname", host.nodename);
	put_id_maps(w, store->rootless, notes);
	json_put_string(w, "kernel", host.release);
	json_put_string(w, "logDriver", "k8s-file");
	put_memory(w);
	json_write_key(w, "ociRuntime");
	json_write_object_begin(w);
	json_put_string(w, "name", "pod");
	json_put_string(w, "version", PACKAGE_VERSION);
	json_write_object_end(w);
	json_put_string(w, "os", "linux");
	put_security(w, store->rootless);
	put_helper(w, "slirp4netns", "install it, or use --network host or none", notes);
	put_uptime(w);
	json_write_object_end(w);
}

static int put_containers(struct json_writer *w, struct store *store, struct error **err)
{
	cleanup_container_index struct container_index index = {0};
	uint64_t running = 0;

	if (container_index_load(store, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++)
		running += index.rows[i].state == CONTAINER_RUNNING ||
			   index.rows[i].state == CONTAINER_UNSUPERVISED;
	json_write_key(w, "containerStore");
	json_write_object_begin(w);
	json_put_uint(w, "number", index.count);
	json_put_uint(w, "paused", 0);
	json_put_uint(w, "running", running);
	json_put_uint(w, "stopped", index.count - running);
	json_write_object_end(w);
	return 0;
}

static int put_images(struct json_writer *w, struct store *store, struct error **err)
{
	struct image_ref *refs = NULL;
	uint64_t number = 0;
	size_t count;

	if (image_list(store, &refs, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		bool seen = false;

		for (size_t j = 0; j < i && !seen; j++)
			seen = str_equal(refs[i].image_id, refs[j].image_id);
		number += !seen;
	}
	for (size_t i = 0; i < count; i++)
		image_ref_clear(&refs[i]);
	free(refs);
	json_write_key(w, "imageStore");
	json_write_object_begin(w);
	json_put_uint(w, "number", number);
	json_write_object_end(w);
	return 0;
}

/* The driver as the next start would choose it; a host that cannot start anything is told in notes.
 */
static const char *find_driver(struct command_context *ctx, struct store *store, char ***notes)
{
	cleanup_error struct error *why = NULL;
	enum storage_driver wanted = DRIVER_AUTO, driver;

	if (ctx->storage_driver && storage_driver_parse(ctx->storage_driver, &wanted, &why) < 0) {
		add_note(notes, why->message);
		return "";
	}
	if (storage_driver_choose(store, wanted, &driver, notes, &why) < 0) {
		add_note(notes, why->message);
		return "";
	}
	return storage_driver_name(driver);
}

static int put_store(struct json_writer *w, struct command_context *ctx, struct store *store,
	char ***notes, struct error **err)
{
	cleanup_free char *volumes = path_join(store->data_path, "volumes");
	struct statvfs fs = {0};

	fstatvfs(store->data_fd, &fs);
	json_write_key(w, "store");
	json_write_object_begin(w);
	if (put_containers(w, store, err) < 0)
		return -1;
	json_put_string(w, "graphDriverName", find_driver(ctx, store, notes));
	json_put_string(w, "graphRoot", store->data_path);
	json_put_uint(w, "graphRootAllocated", (uint64_t)fs.f_blocks * fs.f_frsize);
	json_put_uint(w, "graphRootUsed", (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize);
	if (put_images(w, store, err) < 0)
		return -1;
	json_put_string(w, "runRoot", store->runtime_path);
	json_put_string(w, "volumePath", volumes);
	json_write_object_end(w);
	return 0;
}

static void put_list(struct json_writer *w, const char *key, const char *const *words)
{
	json_write_key(w, key);
	json_write_array_begin(w);
	for (; *words; words++)
		json_write_string(w, *words);
	json_write_array_end(w);
}

static void put_plugins(struct json_writer *w)
{
	static const char *const logs[] = {"k8s-file", "json-file", "journald", "none", NULL};
	static const char *const networks[] = {"slirp4netns", "host", "none", NULL};
	static const char *const volumes[] = {"local", NULL};

	json_write_key(w, "plugins");
	json_write_object_begin(w);
	put_list(w, "log", logs);
	put_list(w, "network", networks);
	put_list(w, "volume", volumes);
	json_write_object_end(w);
}

/* Where a name without a registry is looked for. */
static void put_registries(struct json_writer *w, char ***notes)
{
	cleanup_registries_conf struct registries_conf *conf = NULL;
	cleanup_reference struct reference *name = NULL;
	cleanup_error struct error *why = NULL;
	struct reference **candidates = NULL;
	size_t count = 0;

	if (registries_conf_load(&conf, &why) < 0 || reference_parse("name", &name, &why) < 0)
		add_note(notes, why->message);
	else
		registries_conf_candidates(conf, name, &candidates, &count);
	json_write_key(w, "registries");
	json_write_object_begin(w);
	json_write_key(w, "search");
	json_write_array_begin(w);
	for (size_t i = 0; i < count; i++)
		json_write_string(w, candidates[i]->domain);
	json_write_array_end(w);
	json_write_object_end(w);
	reference_array_free(candidates, count);
}

static int gather(struct command_context *ctx, struct strbuf *text, struct error **err)
{
	struct json_writer w = json_writer_init(text, 0);
	cleanup_strv char **notes = NULL;
	struct store *store;

	if (command_store(ctx, &store, err) < 0)
		return -1;
	json_write_object_begin(&w);
	put_host(&w, ctx, store, &notes);
	put_plugins(&w);
	put_registries(&w, &notes);
	if (put_store(&w, ctx, store, &notes, err) < 0)
		return -1;
	json_write_key(&w, "version");
	json_write_object_begin(&w);
	json_put_string(&w, "APIVersion", PACKAGE_VERSION);
	json_put_string(&w, "Os", "linux");
	json_put_string(&w, "OsArch", "linux/" FACTS_ARCH);
	json_put_string(&w, "Version", PACKAGE_VERSION);
	json_write_object_end(&w);
	json_put_strv(&w, "warnings", notes);
	json_write_object_end(&w);
	return 0;
}

static int info_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct info_options opts = {0};
	int first;

	if (options_parse(&command_info, argc, argv, &opts, &first, err) < 0 ||
		gather(ctx, &text, err) < 0)
		return -1;
	if (docker_called())
		return docker_print_info(ctx, strbuf_str(&text), opts.format, err);
	if (opts.format)
		return facts_print(ctx, strbuf_str(&text), opts.format, err);
	return facts_print_yaml(ctx, strbuf_str(&text), err);
}

const struct command command_info = {
	.name = "info",
	.summary = "display pod system information",
	.description =
		"display information pertaining to the host, current storage stats, and what the "
		"host withholds (warnings).\nUseful for the user and when reporting issues.",
	.options = info_options,
	.run = info_run,
};
