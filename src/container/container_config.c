#include "config.h"

#include "container/container_config.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"

#define RECORD_VERSION 1
#define STRV_MAX       65536

enum field_type { FIELD_STRING, FIELD_STRV, FIELD_BOOL, FIELD_UINT32, FIELD_UINT64 };

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	bool setting; /* may change: settings.json */
};

#define FIELD_TYPE(member)                                                                         \
	_Generic(&((struct container_config *)0)->member, char ** : FIELD_STRING,                  \
		char *** : FIELD_STRV, bool * : FIELD_BOOL, uint32_t * : FIELD_UINT32,             \
		uint64_t * : FIELD_UINT64)
#define FIELD(json_name, member)                                                                   \
	{                                                                                          \
		json_name, FIELD_TYPE(member), offsetof(struct container_config, member), false    \
	}
#define SETTING(json_name, member)                                                                 \
	{                                                                                          \
		json_name, FIELD_TYPE(member), offsetof(struct container_config, member), true     \
	}

/* The record's members, read and written by the one table. */
static const struct field fields[] = {
	FIELD("id", id),
	SETTING("name", name),
	FIELD("created", created_ns),
	FIELD("imageName", image_name),
	FIELD("rawImageName", image_given),
	FIELD("image", image_id),
	FIELD("diffIds", diff_ids),
	FIELD("rootfs", rootfs),
	FIELD("storageDriver", storage_driver),
	FIELD("readOnly", read_only),
	FIELD("args", args),
	FIELD("entrypoint", entrypoint),
	FIELD("command", command),
	FIELD("env", env),
	FIELD("workingDir", working_dir),
	FIELD("user", user),
	FIELD("noPasswd", no_passwd),
	FIELD("passwdEntry", passwd_entry),
	FIELD("groupEntry", group_entry),
	FIELD("hostUsers", host_users),
	FIELD("groups", groups),
	FIELD("umask", umask),
	FIELD("terminal", terminal),
	FIELD("stdinOpen", stdin_open),
	FIELD("init", init),
	FIELD("privileged", privileged),
	FIELD("capAdd", cap_add),
	FIELD("capDrop", cap_drop),
	FIELD("securityOpts", security_opts),
	FIELD("ulimits", ulimits),
	FIELD("devices", devices),
	FIELD("stopSignal", stop_signal),
	FIELD("stopTimeout", stop_timeout_s),
	FIELD("pidMode", pid_mode),
	FIELD("ipcMode", ipc_mode),
	FIELD("utsMode", uts_mode),
	FIELD("usernsMode", userns_mode),
	FIELD("uidMap", uid_map),
	FIELD("gidMap", gid_map),
	FIELD("hostname", hostname),
	FIELD("domainname", domainname),
	FIELD("sysctls", sysctls),
	FIELD("noHosts", no_hosts),
	FIELD("shmSize", shm_size_bytes),
	SETTING("resources", resources),
	FIELD("cgroupParent", cgroup_parent),
	FIELD("cgroupManager", cgroup_manager),
	FIELD("cgroupsMode", cgroups_mode),
	FIELD("cgroupnsMode", cgroupns_mode),
	FIELD("oomScoreAdj", oom_score_adj),
	FIELD("networkMode", network_mode),
	FIELD("networkIsDefault", network_is_default),
	FIELD("ports", ports),
	FIELD("exposedPorts", exposed_ports),
	FIELD("dnsServers", dns_servers),
	FIELD("dnsSearches", dns_searches),
	FIELD("dnsOptions", dns_options),
	FIELD("addHosts", add_hosts),
	FIELD("mounts", mounts),
	FIELD("anonymousVolumes", anonymous_volumes),
	FIELD("labels", labels),
	FIELD("annotations", annotations),
	FIELD("logDriver", log_driver),
	FIELD("logOptions", log_options),
	FIELD("platform", platform),
	FIELD("conmonPidFile", conmon_pidfile),
	FIELD("cidFile", cid_file),
	FIELD("pidFile", pid_file),
	FIELD("remove", remove),
	FIELD("sdnotify", sdnotify),
	SETTING("restartPolicy", restart_policy),
	FIELD("timeout", timeout_s),
	SETTING("healthTest", health_test),
	SETTING("healthInterval", health_interval_ns),
	SETTING("healthTimeout", health_timeout_ns),
	SETTING("healthStartPeriod", health_start_period_ns),
	SETTING("healthStartInterval", health_start_interval_ns),
	SETTING("healthRetries", health_retries),
	SETTING("healthOnFailure", health_on_failure),
	SETTING("healthStartupTest", health_startup_test),
	SETTING("healthStartupInterval", health_startup_interval_ns),
	SETTING("healthStartupTimeout", health_startup_timeout_ns),
	SETTING("healthStartupRetries", health_startup_retries),
	SETTING("healthStartupSuccess", health_startup_success),
	FIELD("createCommand", create_command),
};

static void *field_at(const struct container_config *config, const struct field *field)
{
	return (char *)config + field->offset;
}

void container_config_free(struct container_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		void *p = field_at(config, &fields[i]);

		if (fields[i].type == FIELD_STRING)
			free(*(char **)p);
		else if (fields[i].type == FIELD_STRV)
			strv_free(*(char ***)p);
	}
	free(config);
}

/* ZEROS: numbers that are zero too. */
static void put_field(struct json_writer *w, const struct field *field, const void *p, bool zeros)
{
	switch (field->type) {
	case FIELD_STRING:
		if (*(char *const *)p)
			json_put_string(w, field->name, *(char *const *)p);
		break;
	case FIELD_STRV:
		if (*(char **const *)p)
			json_put_strv(w, field->name, *(char **const *)p);
		break;
	case FIELD_BOOL:
		if (*(const bool *)p || zeros)
			json_put_bool(w, field->name, *(const bool *)p);
		break;
	case FIELD_UINT32:
		if (*(const uint32_t *)p || zeros)
			json_put_uint(w, field->name, *(const uint32_t *)p);
		break;
	case FIELD_UINT64:
		if (*(const uint64_t *)p || zeros)
			json_put_uint(w, field->name, *(const uint64_t *)p);
		break;
	}
}

void container_config_put_settings(struct json_writer *w, const struct container_config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].setting)
			put_field(w, &fields[i], field_at(config, &fields[i]), true);
}

char *container_config_write(const struct container_config *config)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	json_write_object_begin(&w);
	json_put_int(&w, "version", RECORD_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		put_field(&w, &fields[i], field_at(config, &fields[i]), false);
	json_write_object_end(&w);
	return strbuf_detach(&out);
}

static int read_field(
	const struct json *root, const struct field *field, void *p, struct error **err)
{
	switch (field->type) {
	case FIELD_STRING:
		return json_opt_dup(root, field->name, p, err);
	case FIELD_STRV:
		return json_opt_strv(root, field->name, STRV_MAX, p, err);
	case FIELD_BOOL:
		return json_opt_bool(root, field->name, p, err);
	case FIELD_UINT32:
		return json_opt_uint32(root, field->name, p, err);
	case FIELD_UINT64:
		return json_opt_uint64(root, field->name, UINT64_MAX, p, err);
	}
	return 0;
}

int container_config_apply_settings(
	const struct json *root, struct container_config *config, struct error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].setting &&
			read_field(root, &fields[i], field_at(config, &fields[i]), err) < 0)
			return -1;
	return 0;
}

int container_config_parse(const char *text, size_t len, const char *name,
	struct container_config **ret, struct error **err)
{
	cleanup_container_config struct container_config *config = NULL;
	cleanup_json struct json_document *doc = NULL;
	struct json root, version;
	uint64_t number;

	if (json_parse(text, len, name, &doc, &root, err) < 0 ||
		json_require(&root, "version", &version, err) < 0 ||
		json_uint64(&version, UINT32_MAX, &number, err) < 0)
		return -1;
	if (number > RECORD_VERSION)
		return error_set(err, ERR_UNSUPPORTED,
			"%s was written by a newer version of pod (record version %u)", name,
			(unsigned int)number);
	config = xcalloc(1, sizeof(*config));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (read_field(&root, &fields[i], field_at(config, &fields[i]), err) < 0)
			return -1;
	if (!config->id || !hex_is_valid(config->id, 64) || !config->name)
		return error_set(err, ERR_INVALID, "%s: id or name is missing", name);
	*ret = steal_ptr(&config);
	return 0;
}
