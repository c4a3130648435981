#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

#include "cmd/docker.h"
#include "cmd/docker_shapes.h"
#include "cmd/facts.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

/* ---- copying members ---- */

static void put_null(struct json_writer *w, const char *key)
{
	json_write_key(w, key);
	json_write_null(w);
}

static void put_empty(struct json_writer *w, const char *key, bool array)
{
	json_write_key(w, key);
	if (array) {
		json_write_strv(w, NULL);
		return;
	}
	json_write_object_begin(w);
	json_write_object_end(w);
}

/* A string member; FALLBACK when it is absent or something else. */
static const char *text_of(const struct json *object, const char *key, const char *fallback)
{
	struct error *ignored = NULL;
	const char *s = fallback;
	struct json v;

	if (json_member(object, key, &v) && json_kind(&v) == JSON_KIND_STRING &&
		json_string(&v, &s, &ignored) < 0)
		error_free(ignored);
	return s;
}

static uint64_t number_of(const struct json *object, const char *key)
{
	struct error *ignored = NULL;
	uint64_t n = 0;
	struct json v;

	if (json_member(object, key, &v) && json_uint64(&v, UINT64_MAX, &n, &ignored) < 0)
		error_free(ignored);
	return n;
}

static bool flag_of(const struct json *object, const char *key)
{
	struct error *ignored = NULL;
	bool flag = false;
	struct json v;

	if (json_member(object, key, &v) && json_boolean(&v, &flag, &ignored) < 0)
		error_free(ignored);
	return flag;
}

/* What a member is when it is not there: its first letter in a table below. 'l' and 'm' are Go's
 * nil list and map: null in JSON, but empty ones where a template prints them (TYPED). 'z' is a
 * number that is null instead of zero, 't' a flag that is there only when it is set. */
static void put_default(struct json_writer *w, bool typed, const char *key, char kind)
{
	switch (kind) {
	case 's':
		json_put_string(w, key, "");
		break;
	case 'b':
		json_put_bool(w, key, false);
		break;
	case 'i':
		json_put_int(w, key, 0);
		break;
	case 'a':
		put_empty(w, key, true);
		break;
	case 'o':
		put_empty(w, key, false);
		break;
	case 'l':
	case 'm':
		if (typed)
			put_empty(w, key, kind == 'l');
		else
			put_null(w, key);
		break;
	case 'n':
	case 'z':
		put_null(w, key);
		break;
	default: /* '-', 't': left out */
		break;
	}
}

/* Is it one that docker's Go has as nil, zero or unset? */
static bool is_absent(const struct json *object, const char *key, char kind)
{
	struct error *ignored = NULL;
	size_t count = 1;
	struct json member;

	if (!json_member(object, key, &member))
		return true;
	if (kind == 'l' && json_kind(&member) == JSON_KIND_ARRAY &&
		json_array(&member, SIZE_MAX, &count, &ignored) < 0)
		error_free(ignored);
	return count == 0 || (kind == 'z' && number_of(object, key) == 0) ||
	       (kind == 't' && !flag_of(object, key));
}

/* FIELDS: "sName" and so on, in docker's order; the letter says what stands in for an absent one.
 */
static void put_members(
	struct json_writer *w, bool typed, const struct json *object, const char *const *fields)
{
	for (; *fields; fields++) {
		const char *key = *fields + 1;
		struct json member;

		if (is_absent(object, key, **fields)) {
			put_default(w, typed, key, **fields);
			continue;
		}
		(void)json_member(object, key, &member);
		json_write_key(w, key);
		json_write_value(w, &member);
	}
}

/* ---- container ---- */

static void put_state(struct json_writer *w, bool typed, const struct json *container)
{
	static const char *const fields[] = {"sStatus", "bRunning", "bPaused", "bRestarting",
		"bOOMKilled", "bDead", "iPid", "iExitCode", "sError", "sStartedAt", "sFinishedAt",
		NULL};
	struct json state = {0}, health;

	if (!json_member(container, "State", &state))
		return;
	json_write_key(w, "State");
	json_write_object_begin(w);
	put_members(w, typed, &state, fields);
	/* docker has it with a health check only */
	if (json_member(&state, "Health", &health) && *text_of(&health, "Status", "")) {
		json_write_key(w, "Health");
		json_write_value(w, &health);
	}
	json_write_object_end(w);
}

/* podman's word for a namespace of one's own is docker's empty string. */
static void put_mode(struct json_writer *w, const struct json *object, const char *key)
{
	const char *mode = text_of(object, key, "");

	json_put_string(w, key, strcmp(mode, "private") == 0 ? "" : mode);
}

static void put_restart_policy(struct json_writer *w, const struct json *config)
{
	struct json policy = {0};
	const char *name = "";

	if (json_member(config, "RestartPolicy", &policy))
		name = text_of(&policy, "Name", "");
	json_write_key(w, "RestartPolicy");
	json_write_object_begin(w);
	json_put_string(w, "Name", *name ? name : "no");
	json_put_uint(w, "MaximumRetryCount", number_of(&policy, "MaximumRetryCount"));
	json_write_object_end(w);
}

/* The number of elements; 0 also when it is something else. */
static size_t length_of(const struct json *object, const char *key, struct json *ret)
{
	struct error *ignored = NULL;
	size_t count = 0;

	if (json_member(object, key, ret) && json_array(ret, SIZE_MAX, &count, &ignored) < 0)
		error_free(ignored);
	return count;
}

/* Owned. */
static char *text_at(const struct json *list, size_t i)
{
	struct error *ignored = NULL;
	struct json item = json_at(list, i);
	const char *text = "";

	if (json_string(&item, &text, &ignored) < 0)
		error_free(ignored);
	return xstrdup(text);
}

/* Mount options without those that are so anyway; owned. */
static char *given_options(const char *options)
{
	static char *const usual[] = {(char *)"rw", (char *)"rprivate", (char *)"rbind",
		(char *)"nosuid", (char *)"nodev", (char *)"noexec", NULL};
	cleanup_strv char **words = str_split(options, ','), **kept = NULL;

	for (char **word = words; word && *word; word++)
		if (**word && !strv_contains(usual, *word))
			strv_append(&kept, *word);
	return kept ? str_join(kept, ",") : xstrdup("");
}

/* "source:destination[:options]" as it may have been typed. */
static void put_binds(struct json_writer *w, bool typed, const struct json *config)
{
	struct json binds;
	size_t count = length_of(config, "Binds", &binds);

	if (!count) {
		put_default(w, typed, "Binds", 'l');
		return;
	}
	json_write_key(w, "Binds");
	json_write_array_begin(w);
	for (size_t i = 0; i < count; i++) {
		cleanup_free char *text = text_at(&binds, i);
		const char *colon = strrchr(text, ':');
		bool has_options = colon && colon[1] != '/';
		size_t len = has_options ? (size_t)(colon - text) : strlen(text);
		cleanup_free char *options = given_options(has_options ? colon + 1 : "");
		cleanup_free char *bind =
			xasprintf("%.*s%s%s", (int)len, text, *options ? ":" : "", options);

		json_write_string(w, bind);
	}
	json_write_array_end(w);
}

static void put_tmpfs(struct json_writer *w, const struct json *config)
{
	struct json map, member;
	struct json_iter first;

	if (!json_member(config, "Tmpfs", &map))
		return;
	first = json_iter(&map);
	if (!json_next(&first, &member))
		return;
	json_write_key(w, "Tmpfs");
	json_write_object_begin(w);
	for (struct json_iter it = json_iter(&map); json_next(&it, &member);) {
		struct error *ignored = NULL;
		cleanup_free char *options = NULL;
		const char *text = "";

		if (json_string(&member, &text, &ignored) < 0)
			error_free(ignored);
		options = given_options(text);
		json_put_string(w, member.key, options);
	}
	json_write_object_end(w);
}

/* "nofile" for podman's "RLIMIT_NOFILE". */
static void put_ulimits(struct json_writer *w, bool typed, const struct json *config)
{
	static const char *const fields[] = {"iHard", "iSoft", NULL};
	struct json list;
	size_t count = length_of(config, "Ulimits", &list);

	if (!count) {
		put_default(w, typed, "Ulimits", 'l');
		return;
	}
	json_write_key(w, "Ulimits");
	json_write_array_begin(w);
	for (size_t i = 0; i < count; i++) {
		struct json limit = json_at(&list, i);
		const char *name = text_of(&limit, "Name", ""),
			   *rest = str_starts_with(name, "RLIMIT_");
		cleanup_free char *lower = str_to_lower(rest ? rest : name);

		json_write_object_begin(w);
		json_put_string(w, "Name", lower);
		put_members(w, typed, &limit, fields);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void put_host_config(struct json_writer *w, bool typed, const struct json *container)
{
	static const char *const first[] = {"sContainerIDFile", NULL};
	static const char *const log[] = {"sType", "oConfig", NULL};
	static const char *const network[] = {"oPortBindings", NULL};
	static const char *const second[] = {"bAutoRemove", "sVolumeDriver", "lVolumesFrom",
		"lCapAdd", "lCapDrop", "aDns", "aDnsOptions", "aDnsSearch", "lExtraHosts",
		"lGroupAdd", "sIpcMode", "sCgroup", "lLinks", "iOomScoreAdj", NULL};
	static const char *const third[] = {
		"bPrivileged", "bPublishAllPorts", "bReadonlyRootfs", "lSecurityOpt", NULL};
	static const char *const fourth[] = {"sUsernsMode", "iShmSize", "-Sysctls", "sRuntime",
		"aConsoleSize", "sIsolation", "iCpuShares", "iMemory", "iNanoCpus", "sCgroupParent",
		"iBlkioWeight", "aBlkioWeightDevice", "lBlkioDeviceReadBps", "lBlkioDeviceWriteBps",
		"lBlkioDeviceReadIOps", "lBlkioDeviceWriteIOps", "iCpuPeriod", "iCpuQuota",
		"iCpuRealtimePeriod", "iCpuRealtimeRuntime", "sCpusetCpus", "sCpusetMems",
		"aDevices", "lDeviceCgroupRules", "lDeviceRequests", "iKernelMemory",
		"iMemoryReservation", "iMemorySwap", "zMemorySwappiness", "bOomKillDisable",
		"zPidsLimit", NULL};
	static const char *const fifth[] = {"iCpuCount", "iCpuPercent", "iIOMaximumIOps",
		"iIOMaximumBandwidth", "lMaskedPaths", "lReadonlyPaths", "tInit", NULL};
	struct json config, log_config;
	const char *mode;

	if (!json_member(container, "HostConfig", &config))
		return;
	json_write_key(w, "HostConfig");
	json_write_object_begin(w);
	put_binds(w, typed, &config);
	put_members(w, typed, &config, first);
	json_write_key(w, "LogConfig");
	json_write_object_begin(w);
	if (json_member(&config, "LogConfig", &log_config))
		put_members(w, typed, &log_config, log);
	json_write_object_end(w);
	mode = text_of(&config, "NetworkMode", "");
	json_put_string(w, "NetworkMode", strcmp(mode, "slirp4netns") == 0 ? "default" : mode);
	put_members(w, typed, &config, network);
	put_restart_policy(w, &config);
	put_members(w, typed, &config, second);
	put_mode(w, &config, "PidMode");
	put_members(w, typed, &config, third);
	put_tmpfs(w, &config);
	put_mode(w, &config, "UTSMode");
	json_put_string(w, "CgroupnsMode", text_of(&config, "CgroupMode", "private"));
	put_members(w, typed, &config, fourth);
	put_ulimits(w, typed, &config);
	put_members(w, typed, &config, fifth);
	json_write_object_end(w);
}

static void put_mounts(struct json_writer *w, bool typed, const struct json *container)
{
	static const char *const fields[] = {
		"sType", "-Name", "sSource", "sDestination", "-Driver", "sMode", "bRW", NULL};
	struct error *ignored = NULL;
	struct json mounts;
	size_t count = 0;

	json_write_key(w, "Mounts");
	json_write_array_begin(w);
	if (json_member(container, "Mounts", &mounts) &&
		json_array(&mounts, SIZE_MAX, &count, &ignored) < 0)
		error_free(ignored);
	for (size_t i = 0; i < count; i++) {
		struct json mount = json_at(&mounts, i);

		json_write_object_begin(w);
		put_members(w, typed, &mount, fields);
		json_put_string(w, "Propagation",
			strcmp(text_of(&mount, "Type", ""), "bind") == 0
				? text_of(&mount, "Propagation", "")
				: "");
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void put_config(struct json_writer *w, bool typed, const struct json *object, bool of_image)
{
	static const char *const first[] = {"sHostname", "sDomainname", "sUser", "bAttachStdin",
		"bAttachStdout", "bAttachStderr", "-ExposedPorts", "bTty", "bOpenStdin",
		"bStdinOnce", "lEnv", "lCmd", "-Healthcheck", NULL};
	static const char *const second[] = {
		"mVolumes", "sWorkingDir", "lEntrypoint", "lOnBuild", NULL};
	static const char *const third[] = {"-StopSignal", "-StopTimeout", NULL};
	struct json config = {0}, labels;
	cleanup_strbuf struct strbuf name = STRBUF_INIT;

	if (!json_member(object, "Config", &config))
		return;
	json_write_key(w, "Config");
	json_write_object_begin(w);
	put_members(w, typed, &config, first);
	docker_image_name(text_of(object, "ImageGiven", ""), text_of(&config, "Image", ""), &name);
	json_put_string(w, "Image", strbuf_str(&name));
	put_members(w, typed, &config, second);
	if (json_member(&config, "Labels", &labels)) {
		json_write_key(w, "Labels");
		json_write_value(w, &labels);
	} else {
		put_default(w, typed, "Labels", of_image ? 'm' : 'o');
	}
	put_members(w, typed, &config, third);
	json_write_object_end(w);
}

static void put_network(struct json_writer *w, bool typed, const struct json *container)
{
	static const char *const fields[] = {"sBridge", "sSandboxID", "bHairpinMode",
		"sLinkLocalIPv6Address", "iLinkLocalIPv6PrefixLen", "oPorts", "sSandboxKey",
		"lSecondaryIPAddresses", "lSecondaryIPv6Addresses", "sEndpointID", "sGateway",
		"sGlobalIPv6Address", "iGlobalIPv6PrefixLen", "sIPAddress", "iIPPrefixLen",
		"sIPv6Gateway", "sMacAddress", NULL};
	static const char *const endpoint[] = {"nIPAMConfig", "lLinks", "lAliases", "sNetworkID",
		"sEndpointID", "sGateway", "sIPAddress", "iIPPrefixLen", "sIPv6Gateway",
		"sGlobalIPv6Address", "iGlobalIPv6PrefixLen", "sMacAddress", "mDriverOpts", NULL};
	struct json settings, config = {0};
	const char *mode;

	if (!json_member(container, "NetworkSettings", &settings))
		return;
	json_write_key(w, "NetworkSettings");
	json_write_object_begin(w);
	put_members(w, typed, &settings, fields);
	json_write_key(w, "Networks");
	json_write_object_begin(w);
	mode = json_member(container, "HostConfig", &config) ? text_of(&config, "NetworkMode", "")
							     : "";
	if (*mode && !str_starts_with(mode, "container:")) {
		json_write_key(w, strcmp(mode, "slirp4netns") == 0 ? "bridge" : mode);
		json_write_object_begin(w);
		put_members(w, typed, &settings, endpoint);
		json_write_object_end(w);
	}
	json_write_object_end(w);
	json_write_object_end(w);
}

static void put_prefixed(
	struct json_writer *w, const char *key, const char *prefix, const char *text)
{
	cleanup_free char *whole = xasprintf("%s%s", *text ? prefix : "", text);

	json_put_string(w, key, whole);
}

/* docker's name of the storage driver that uses the kernel's overlay. */
static const char *driver_name(const char *name)
{
	return strcmp(name, "overlay") == 0 ? "overlay2" : name;
}

static void put_graph_driver(struct json_writer *w, bool typed, const struct json *object)
{
	static const char *const fields[] = {"oData", NULL};
	struct json driver;

	if (!json_member(object, "GraphDriver", &driver))
		return;
	json_write_key(w, "GraphDriver");
	json_write_object_begin(w);
	put_members(w, typed, &driver, fields);
	json_put_string(w, "Name", driver_name(text_of(&driver, "Name", "")));
	json_write_object_end(w);
}

static void shape_container(struct json_writer *w, bool typed, const struct json *c)
{
	static const char *const first[] = {"sId", "sCreated", "sPath", "aArgs", NULL};
	static const char *const second[] = {
		"sResolvConfPath", "sHostnamePath", "sHostsPath", "sLogPath", NULL};
	static const char *const third[] = {
		"sPlatform", "sMountLabel", "sProcessLabel", "sAppArmorProfile", NULL};
	static const char *const fourth[] = {"-SizeRw", "-SizeRootFs", NULL};

	json_write_object_begin(w);
	put_members(w, typed, c, first);
	put_state(w, typed, c);
	put_prefixed(w, "Image", "sha256:", text_of(c, "Image", ""));
	put_members(w, typed, c, second);
	put_prefixed(w, "Name", "/", text_of(c, "Name", ""));
	json_put_uint(w, "RestartCount", number_of(c, "RestartCount"));
	json_put_string(w, "Driver", driver_name(text_of(c, "Driver", "")));
	put_members(w, typed, c, third);
	put_null(w, "ExecIDs");
	put_host_config(w, typed, c);
	put_graph_driver(w, typed, c);
	put_members(w, typed, c, fourth);
	put_mounts(w, typed, c);
	put_config(w, typed, c, false);
	put_network(w, typed, c);
	json_write_object_end(w);
}

/* ---- image and volume ---- */

static void put_familiar(struct json_writer *w, const struct json *image, const char *key)
{
	struct error *ignored = NULL;
	size_t count = 0;
	struct json list;

	json_write_key(w, key);
	json_write_array_begin(w);
	if (json_member(image, key, &list) && json_array(&list, SIZE_MAX, &count, &ignored) < 0)
		error_free(ignored);
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(&list, i);
		const char *name = "";

		if (json_string(&item, &name, &ignored) < 0)
			error_free(steal_ptr(&ignored));
		json_write_string(w, docker_familiar(name));
	}
	json_write_array_end(w);
}

static void shape_image(struct json_writer *w, bool typed, const struct json *image)
{
	static const char *const first[] = {"sParent", "sComment", "sCreated", NULL};
	static const char *const second[] = {"sAuthor", NULL};
	static const char *const third[] = {
		"sArchitecture", "-Variant", "sOs", "iSize", "iVirtualSize", NULL};
	static const char *const fourth[] = {"oRootFS", NULL};

	json_write_object_begin(w);
	put_prefixed(w, "Id", "sha256:", text_of(image, "Id", ""));
	put_familiar(w, image, "RepoTags");
	put_familiar(w, image, "RepoDigests");
	put_members(w, typed, image, first);
	json_put_string(w, "DockerVersion", "");
	put_members(w, typed, image, second);
	put_config(w, typed, image, true);
	put_members(w, typed, image, third);
	put_graph_driver(w, typed, image);
	put_members(w, typed, image, fourth);
	json_write_key(w, "Metadata");
	json_write_object_begin(w);
	json_put_string(w, "LastTagTime", "0001-01-01T00:00:00Z");
	json_write_object_end(w);
	json_write_object_end(w);
}

static void shape_volume(struct json_writer *w, bool typed, const struct json *volume)
{
	static const char *const fields[] = {"sCreatedAt", "sDriver", "mLabels", "sMountpoint",
		"sName", "mOptions", "sScope", NULL};

	json_write_object_begin(w);
	put_members(w, typed, volume, fields);
	json_write_object_end(w);
}

int docker_shape(const char *type, bool typed, struct strbuf *text, struct error **err)
{
	cleanup_strbuf struct strbuf own = STRBUF_INIT;
	cleanup_json struct json_document *doc = NULL;
	struct json_writer w = json_writer_init(&own, 0);
	struct json root;

	if (json_parse(strbuf_str(text), text->len, "document", &doc, &root, err) < 0)
		return -1;
	if (strcmp(type, "container") == 0)
		shape_container(&w, typed, &root);
	else if (strcmp(type, "image") == 0)
		shape_image(&w, typed, &root);
	else if (strcmp(type, "volume") == 0)
		shape_volume(&w, typed, &root);
	else
		return 0;
	strbuf_reset(text);
	strbuf_add(text, strbuf_str(&own), own.len);
	return 0;
}

/* ---- version ---- */

#define COMMIT  "pod-" PACKAGE_VERSION
#define NOT_GO  "none (C)"
#define UNKNOWN "unknown"

static void write_client(struct json_writer *w)
{
	json_write_key(w, "Client");
	json_write_object_begin(w);
	json_write_key(w, "Platform");
	json_write_object_begin(w);
	json_put_string(w, "Name", "pod " PACKAGE_VERSION);
	json_write_object_end(w);
	json_put_string(w, "Version", DOCKER_VERSION);
	json_put_string(w, "ApiVersion", DOCKER_API_VERSION);
	json_put_string(w, "DefaultAPIVersion", DOCKER_API_VERSION);
	json_put_string(w, "GitCommit", COMMIT);
	json_put_string(w, "GoVersion", NOT_GO);
	json_put_string(w, "Os", "linux");
	json_put_string(w, "Arch", FACTS_ARCH);
	json_put_string(w, "BuildTime", UNKNOWN);
	json_put_string(w, "Context", "default");
	json_put_bool(w, "Experimental", false);
	json_write_object_end(w);
}

static void write_server(struct json_writer *w, const char *kernel)
{
	json_write_key(w, "Server");
	json_write_object_begin(w);
	json_write_key(w, "Platform");
	json_write_object_begin(w);
	json_put_string(w, "Name", "pod " PACKAGE_VERSION);
	json_write_object_end(w);
	json_write_key(w, "Components");
	json_write_array_begin(w);
	json_write_object_begin(w);
	json_put_string(w, "Name", "Engine");
	json_put_string(w, "Version", DOCKER_VERSION);
	json_write_key(w, "Details");
	json_write_object_begin(w);
	json_put_string(w, "ApiVersion", DOCKER_API_VERSION);
	json_put_string(w, "Arch", FACTS_ARCH);
	json_put_string(w, "BuildTime", UNKNOWN);
	json_put_string(w, "Experimental", "false");
	json_put_string(w, "GitCommit", COMMIT);
	json_put_string(w, "GoVersion", NOT_GO);
	json_put_string(w, "KernelVersion", kernel);
	json_put_string(w, "MinAPIVersion", "1.12");
	json_put_string(w, "Os", "linux");
	json_write_object_end(w);
	json_write_object_end(w);
	json_write_object_begin(w);
	json_put_string(w, "Name", "pod");
	json_put_string(w, "Version", PACKAGE_VERSION);
	put_empty(w, "Details", false);
	json_write_object_end(w);
	json_write_array_end(w);
	json_put_string(w, "Version", DOCKER_VERSION);
	json_put_string(w, "ApiVersion", DOCKER_API_VERSION);
	json_put_string(w, "MinAPIVersion", "1.12");
	json_put_string(w, "GitCommit", COMMIT);
	json_put_string(w, "GoVersion", NOT_GO);
	json_put_string(w, "Os", "linux");
	json_put_string(w, "Arch", FACTS_ARCH);
	json_put_string(w, "KernelVersion", kernel);
	json_put_string(w, "BuildTime", UNKNOWN);
	json_write_object_end(w);
}

int docker_print_version(struct command_context *ctx, const char *format, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);
	struct utsname host = {0};

	uname(&host);
	json_write_object_begin(&w);
	write_client(&w);
	write_server(&w, host.release);
	json_write_object_end(&w);
	if (format)
		return facts_print(ctx, strbuf_str(&text), format, err);
	command_print(ctx, "Client: pod " PACKAGE_VERSION "\n"
			   " Version:           " DOCKER_VERSION "\n"
			   " API version:       " DOCKER_API_VERSION "\n"
			   " Go version:        " NOT_GO "\n"
			   " Git commit:        " COMMIT "\n"
			   " Built:             " UNKNOWN "\n"
			   " OS/Arch:           linux/" FACTS_ARCH "\n"
			   " Context:           default\n"
			   " Experimental:      false\n"
			   "\n"
			   "Server: pod " PACKAGE_VERSION "\n"
			   " Engine:\n"
			   "  Version:          " DOCKER_VERSION "\n"
			   "  API version:      " DOCKER_API_VERSION " (minimum version 1.12)\n"
			   "  Go version:       " NOT_GO "\n"
			   "  Git commit:       " COMMIT "\n"
			   "  Built:            " UNKNOWN "\n"
			   "  OS/Arch:          linux/" FACTS_ARCH "\n"
			   "  Experimental:     false\n"
			   " pod:\n"
			   "  Version:          " PACKAGE_VERSION "\n");
	return 0;
}

/* ---- info ---- */

/* pod's info, taken apart. */
struct facts {
	struct json root, host, store, containers, images, distribution, security, plugins;
};

static void facts_take(struct facts *f)
{
	(void)json_member(&f->root, "host", &f->host);
	(void)json_member(&f->root, "store", &f->store);
	(void)json_member(&f->root, "plugins", &f->plugins);
	(void)json_member(&f->store, "containerStore", &f->containers);
	(void)json_member(&f->store, "imageStore", &f->images);
	(void)json_member(&f->host, "distribution", &f->distribution);
	(void)json_member(&f->host, "security", &f->security);
}

static const char *cgroup_version(const struct facts *f)
{
	const char *version = text_of(&f->host, "cgroupVersion", "v2");

	return *version == 'v' ? version + 1 : version;
}

static char *system_name(const struct facts *f)
{
	return xasprintf("%s %s (%s)", text_of(&f->distribution, "distribution", "linux"),
		text_of(&f->distribution, "version", ""),
		text_of(&f->distribution, "codename", ""));
}

static void write_security(struct json_writer *w, const struct facts *f)
{
	json_write_key(w, "SecurityOptions");
	json_write_array_begin(w);
	if (flag_of(&f->security, "seccompEnabled"))
		json_write_string(w, "name=seccomp,profile=default");
	if (flag_of(&f->security, "rootless"))
		json_write_string(w, "name=rootless");
	json_write_array_end(w);
}

static void write_plugins(struct json_writer *w, const struct facts *f)
{
	static const char *const keys[][2] = {{"Volume", "volume"}, {"Network", "network"},
		{"Authorization", ""}, {"Log", "log"}};

	json_write_key(w, "Plugins");
	json_write_object_begin(w);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct json list;

		json_write_key(w, keys[i][0]);
		if (json_member(&f->plugins, keys[i][1], &list))
			json_write_value(w, &list);
		else
			json_write_null(w);
	}
	json_write_object_end(w);
}

static void write_info(struct json_writer *w, const struct facts *f, const char *machine)
{
	cleanup_free char *system = system_name(f);
	struct json warnings;

	json_write_object_begin(w);
	json_put_string(w, "ID", "");
	json_put_uint(w, "Containers", number_of(&f->containers, "number"));
	json_put_uint(w, "ContainersRunning", number_of(&f->containers, "running"));
	json_put_uint(w, "ContainersPaused", number_of(&f->containers, "paused"));
	json_put_uint(w, "ContainersStopped", number_of(&f->containers, "stopped"));
	json_put_uint(w, "Images", number_of(&f->images, "number"));
	json_put_string(w, "Driver", driver_name(text_of(&f->store, "graphDriverName", "")));
	put_empty(w, "DriverStatus", true);
	write_plugins(w, f);
	json_put_string(w, "LoggingDriver", text_of(&f->host, "logDriver", ""));
	json_put_string(w, "CgroupDriver", text_of(&f->host, "cgroupManager", "none"));
	json_put_string(w, "CgroupVersion", cgroup_version(f));
	json_put_bool(w, "Debug", false);
	json_put_string(w, "KernelVersion", text_of(&f->host, "kernel", ""));
	json_put_string(w, "OperatingSystem", system);
	json_put_string(w, "OSVersion", text_of(&f->distribution, "version", ""));
	json_put_string(w, "OSType", "linux");
	json_put_string(w, "Architecture", machine);
	json_put_string(w, "IndexServerAddress", "https://index.docker.io/v1/");
	json_put_uint(w, "NCPU", number_of(&f->host, "cpus"));
	json_put_uint(w, "MemTotal", number_of(&f->host, "memTotal"));
	json_put_string(w, "DockerRootDir", text_of(&f->store, "graphRoot", ""));
	json_put_string(w, "HttpProxy", "");
	json_put_string(w, "HttpsProxy", "");
	json_put_string(w, "NoProxy", "");
	json_put_string(w, "Name", text_of(&f->host, "hostname", ""));
	put_empty(w, "Labels", true);
	json_put_bool(w, "ExperimentalBuild", false);
	json_put_string(w, "ServerVersion", DOCKER_VERSION);
	json_write_key(w, "Runtimes");
	json_write_object_begin(w);
	json_write_key(w, "pod");
	json_write_object_begin(w);
	json_put_string(w, "path", "pod");
	json_write_object_end(w);
	json_write_object_end(w);
	json_put_string(w, "DefaultRuntime", "pod");
	json_write_key(w, "Swarm");
	json_write_object_begin(w);
	json_put_string(w, "NodeID", "");
	json_put_string(w, "LocalNodeState", "inactive");
	json_put_bool(w, "ControlAvailable", false);
	json_write_object_end(w);
	json_put_bool(w, "LiveRestoreEnabled", true);
	json_put_string(w, "Isolation", "");
	write_security(w, f);
	json_write_key(w, "Warnings");
	if (json_member(&f->root, "warnings", &warnings))
		json_write_value(w, &warnings);
	else
		json_write_null(w);
	json_write_key(w, "ClientInfo");
	json_write_object_begin(w);
	json_put_bool(w, "Debug", false);
	json_put_string(w, "Context", "default");
	put_empty(w, "Plugins", true);
	json_write_object_end(w);
	json_write_object_end(w);
}

/* A JSON array of strings with blanks between. */
static void print_words(
	struct command_context *ctx, const char *label, const struct facts *f, const char *key)
{
	struct error *ignored = NULL;
	size_t count = 0;
	struct json list;

	command_print(ctx, "  %s:", label);
	if (json_member(&f->plugins, key, &list) &&
		json_array(&list, SIZE_MAX, &count, &ignored) < 0)
		error_free(ignored);
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(&list, i);
		const char *word = "";

		if (json_string(&item, &word, &ignored) < 0)
			error_free(steal_ptr(&ignored));
		command_print(ctx, " %s", word);
	}
	command_print(ctx, "\n");
}

static void print_info(struct command_context *ctx, const struct facts *f, const char *machine)
{
	cleanup_free char *system = system_name(f);
	cleanup_strbuf struct strbuf memory = STRBUF_INIT;

	size_human_binary(number_of(&f->host, "memTotal"), 4, &memory);
	command_print(ctx, "Client:\n Context:    default\n Debug Mode: false\n\nServer:\n");
	command_print(ctx,
		" Containers: %" PRIu64 "\n  Running: %" PRIu64 "\n  Paused: %" PRIu64
		"\n  Stopped: %" PRIu64 "\n Images: %" PRIu64 "\n Server Version: %s\n"
		" Storage Driver: %s\n Logging Driver: %s\n Cgroup Driver: %s\n Cgroup Version: "
		"%s\n Plugins:\n",
		number_of(&f->containers, "number"), number_of(&f->containers, "running"),
		number_of(&f->containers, "paused"), number_of(&f->containers, "stopped"),
		number_of(&f->images, "number"), DOCKER_VERSION,
		driver_name(text_of(&f->store, "graphDriverName", "")),
		text_of(&f->host, "logDriver", ""), text_of(&f->host, "cgroupManager", "none"),
		cgroup_version(f));
	print_words(ctx, "Volume", f, "volume");
	print_words(ctx, "Network", f, "network");
	print_words(ctx, "Log", f, "log");
	command_print(ctx, " Swarm: inactive\n Runtimes: pod\n Default Runtime: pod\n Security "
			   "Options:\n");
	if (flag_of(&f->security, "seccompEnabled"))
		command_print(ctx, "  seccomp\n   Profile: default\n");
	if (flag_of(&f->security, "rootless"))
		command_print(ctx, "  rootless\n");
	command_print(ctx,
		" Kernel Version: %s\n Operating System: %s\n OSType: linux\n Architecture: %s\n"
		" CPUs: %" PRIu64 "\n Total Memory: %s\n Name: %s\n Docker Root Dir: %s\n"
		" Debug Mode: false\n Registry: https://index.docker.io/v1/\n Labels:\n"
		" Experimental: false\n Live Restore Enabled: true\n",
		text_of(&f->host, "kernel", ""), system, machine, number_of(&f->host, "cpus"),
		strbuf_str(&memory), text_of(&f->host, "hostname", ""),
		text_of(&f->store, "graphRoot", ""));
}

int docker_print_info(
	struct command_context *ctx, const char *facts, const char *format, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);
	cleanup_json struct json_document *doc = NULL;
	struct utsname host = {0};
	struct facts f = {0};

	if (json_parse(facts, strlen(facts), "info", &doc, &f.root, err) < 0)
		return -1;
	uname(&host);
	facts_take(&f);
	if (!format) {
		print_info(ctx, &f, host.machine);
		return 0;
	}
	write_info(&w, &f, host.machine);
	return facts_print(ctx, strbuf_str(&text), format, err);
}
