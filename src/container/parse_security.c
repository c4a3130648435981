#include "config.h"

#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "container/parse_security.h"
#include "runtime/capability.h"
#include "util/apparmor.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define BIT(n) (UINT64_C(1) << (n))

uint64_t capabilities_default(void)
{
	return BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |
	       BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SETFCAP) | BIT(CAP_SETGID) |
	       BIT(CAP_SETPCAP) | BIT(CAP_SETUID) | BIT(CAP_SYS_CHROOT);
}

/* Everything this kernel knows. */
static uint64_t capabilities_all(void)
{
	return UINT64_MAX >> (63 - capability_last());
}

static int capability_list_parse(
	char *const *list, bool *ret_all, uint64_t *ret_set, struct error **err)
{
	int capability;

	*ret_all = false;
	*ret_set = 0;
	for (; list && *list; list++) {
		if (strcasecmp(*list, "ALL") == 0 || strcasecmp(*list, "CAP_ALL") == 0) {
			*ret_all = true;
			continue;
		}
		capability = capability_parse(*list);
		if (capability < 0)
			return error_set(err, ERR_INVALID, "unknown capability '%s'", *list);
		*ret_set |= BIT(capability);
	}
	return 0;
}

int parse_capabilities(char *const *add, char *const *drop, uint64_t *ret, struct error **err)
{
	bool add_all, drop_all;
	uint64_t added, dropped, both;

	if (capability_list_parse(add, &add_all, &added, err) < 0)
		return error_wrap(err, "cap-add");
	if (capability_list_parse(drop, &drop_all, &dropped, err) < 0)
		return error_wrap(err, "cap-drop");
	if (add_all && drop_all)
		return error_set(
			err, ERR_INVALID, "capabilities: 'ALL' cannot be both added and dropped");
	both = added & dropped;
	if (both)
		return error_set(err, ERR_INVALID, "capability '%s' cannot be dropped and added",
			capability_name((unsigned int)__builtin_ctzll(both)));
	if (added & ~capabilities_all())
		return error_set(err, ERR_UNSUPPORTED,
			"cap-add: this kernel does not know capability '%s'",
			capability_name(
				(unsigned int)__builtin_ctzll(added & ~capabilities_all())));
	*ret = add_all ? capabilities_all() : drop_all ? 0 : capabilities_default();
	*ret = (*ret | added) & ~dropped;
	return 0;
}

void security_options_clear(struct security_options *options)
{
	free(options->seccomp_profile);
	free(options->apparmor);
	strv_free(options->mask);
	strv_free(options->unmask);
	*options = (struct security_options){0};
}

static int paths_add(
	char ***list, const char *name, const char *value, bool all_allowed, struct error **err)
{
	cleanup_strv char **parts = str_split(value, ':');

	for (char **part = parts; *part; part++) {
		if (all_allowed && strcasecmp(*part, "ALL") == 0)
			strv_append(list, "ALL");
		else if (**part == '/' && !path_has_dotdot(*part))
			strv_append(list, *part);
		else
			return error_set(err, ERR_INVALID,
				"security-opt '%s': '%s' is not an absolute path", name, *part);
	}
	return 0;
}

static bool selinux_is_enabled(void)
{
	return access("/sys/fs/selinux/status", F_OK) == 0;
}

static int apparmor_option(struct security_options *options, const char *value, struct error **err)
{
	bool unconfined = strcmp(value, "unconfined") == 0;

	if (!unconfined && !apparmor_is_enabled())
		return error_set(err, ERR_UNSUPPORTED,
			"security-opt apparmor=%s: AppArmor is not enabled on this host", value);
	/* No profile is ever applied by default, so that "unconfined" is what there is. */
	free(options->apparmor);
	options->apparmor = unconfined ? NULL : xstrdup(value);
	return 0;
}

static int label_option(struct security_options *options, const char *value, struct error **err)
{
	if (strcmp(value, "disable") == 0) {
		options->label_disable = true;
		return 0;
	}
	/* As podman: where nothing has a label, any will do. */
	if (!selinux_is_enabled())
		return 0;
	return error_set(err, ERR_UNSUPPORTED,
		"security-opt label=%s: SELinux labels cannot be set yet; label=disable can",
		value);
}

static int option_parse(const char *text, struct security_options *options, struct error **err)
{
	const char *value = strchr(text, '=');
	cleanup_free char *name = NULL;

	if (!value)
		value = strchr(text, ':');
	name = value ? xstrndup(text, (size_t)(value - text)) : xstrdup(text);
	if (value)
		value++;
	if (strcmp(name, "no-new-privileges") == 0) {
		if (!value || strcmp(value, "true") == 0)
			options->no_new_privileges = true;
		else if (strcmp(value, "false") == 0)
			options->no_new_privileges = false;
		else
			return error_set(
				err, ERR_INVALID, "security-opt '%s': must be true or false", text);
		return 0;
	}
	if (!value || !*value)
		return error_set(err, ERR_INVALID, "invalid security-opt: '%s'", text);
	if (strcmp(name, "seccomp") == 0) {
		free(options->seccomp_profile);
		options->seccomp_profile = NULL;
		options->seccomp_unconfined = strcmp(value, "unconfined") == 0;
		if (!options->seccomp_unconfined)
			options->seccomp_profile = xstrdup(value);
		return 0;
	}
	if (strcmp(name, "apparmor") == 0)
		return apparmor_option(options, value, err);
	if (strcmp(name, "label") == 0)
		return label_option(options, value, err);
	if (strcmp(name, "mask") == 0)
		return paths_add(&options->mask, name, value, false, err);
	if (strcmp(name, "unmask") == 0)
		return paths_add(&options->unmask, name, value, true, err);
	if (strcmp(name, "systempaths") == 0 && strcmp(value, "unconfined") == 0) {
		strv_append(&options->unmask, "ALL");
		return 0;
	}
	if (strcmp(name, "proc-opts") == 0)
		return error_set(
			err, ERR_UNSUPPORTED, "security-opt 'proc-opts' is not available yet");
	return error_set(err, ERR_INVALID, "invalid security-opt: '%s'", text);
}

int parse_security_options(char *const *texts, struct security_options *ret, struct error **err)
{
	struct security_options options = {0};

	for (; texts && *texts; texts++)
		if (option_parse(*texts, &options, err) < 0) {
			security_options_clear(&options);
			return -1;
		}
	*ret = options;
	return 0;
}

const char *security_options_apparmor(char *const *texts)
{
	const char *profile = NULL;

	for (; texts && *texts; texts++)
		if (str_starts_with(*texts, "apparmor=") || str_starts_with(*texts, "apparmor:"))
			profile = *texts + strlen("apparmor=");
	return profile;
}

static const struct {
	const char *name;
	int resource;
} ulimits[] = {
	{"core", RLIMIT_CORE},
	{"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},
	{"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS},
	{"memlock", RLIMIT_MEMLOCK},
	{"msgqueue", RLIMIT_MSGQUEUE},
	{"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE},
	{"nproc", RLIMIT_NPROC},
	{"rss", RLIMIT_RSS},
	{"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME},
	{"sigpending", RLIMIT_SIGPENDING},
	{"stack", RLIMIT_STACK},
};

static int limit_parse(const char *text, uint64_t *ret)
{
	if (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	return str_to_uint64(text, INT64_MAX, ret);
}

int parse_ulimit(const char *text, struct runtime_rlimit *ret, struct error **err)
{
	const char *value = strchr(text, '='), *colon;
	cleanup_free char *name = NULL, *soft_text = NULL;
	uint64_t soft, hard;
	int resource = -1;

	if (strcmp(text, "host") == 0)
		return error_set(err, ERR_UNSUPPORTED,
			"ulimit 'host' is not available: limits that are not named are the host's");
	if (!value)
		return error_set(err, ERR_INVALID,
			"invalid ulimit argument: '%s': must be NAME=SOFT[:HARD]", text);
	name = xstrndup(text, (size_t)(value - text));
	value++;
	for (size_t i = 0; i < ARRAY_SIZE(ulimits); i++)
		if (strcmp(ulimits[i].name, name) == 0)
			resource = ulimits[i].resource;
	if (resource < 0)
		return error_set(err, ERR_INVALID, "invalid ulimit type: '%s'", name);
	colon = strchr(value, ':');
	soft_text = colon ? xstrndup(value, (size_t)(colon - value)) : xstrdup(value);
	if (limit_parse(soft_text, &soft) < 0 || (colon && limit_parse(colon + 1, &hard) < 0))
		return error_set(err, ERR_INVALID,
			"ulimit '%s': limits must be numbers, -1 for unlimited", text);
	if (!colon)
		hard = soft;
	if (soft > hard)
		return error_set(err, ERR_INVALID,
			"ulimit '%s': soft limit must be less than or equal to hard limit", text);
	*ret = (struct runtime_rlimit){.resource = resource, .soft = soft, .hard = hard};
	return 0;
}

void container_device_clear(struct container_device *device)
{
	free(device->source);
	free(device->destination);
	free(device->permissions);
	*device = (struct container_device){0};
}

static bool permissions_are_valid(const char *text)
{
	return *text && strspn(text, "rwm") == strlen(text) && strlen(text) <= 3;
}

int parse_device(const char *text, struct container_device *ret, struct error **err)
{
	cleanup_strv char **parts = str_split(text, ':');
	size_t count = strv_length(parts);
	const char *destination, *permissions = "rwm";

	if (count > 3)
		return error_set(err, ERR_INVALID, "invalid device specification: '%s'", text);
	destination = parts[0];
	if (count == 2 && permissions_are_valid(parts[1]))
		permissions = parts[1];
	else if (count >= 2 && *parts[1])
		destination = parts[1];
	if (count == 3)
		permissions = parts[2];
	if (*parts[0] != '/' || path_has_dotdot(parts[0]))
		return error_set(err, ERR_INVALID, "device '%s': '%s' is not an absolute path",
			text, parts[0]);
	if (*destination != '/' || path_has_dotdot(destination) || !destination[1])
		return error_set(err, ERR_INVALID,
			"device '%s': '%s' is not an absolute path or a mode of r, w and m", text,
			destination);
	if (!permissions_are_valid(permissions))
		return error_set(err, ERR_INVALID,
			"device '%s': invalid mode '%s': must be of r, w and m", text, permissions);
	*ret = (struct container_device){
		.source = xstrdup(parts[0]),
		.destination = path_clean(destination),
		.permissions = xstrdup(permissions),
	};
	return 0;
}
