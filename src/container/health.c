#include "config.h"

#include <string.h>

#include "container/container.h"
#include "container/health.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/timefmt.h"

#define DEFAULT_INTERVAL_NS       (30 * NS_PER_SECOND)
#define DEFAULT_TIMEOUT_NS        (30 * NS_PER_SECOND)
#define DEFAULT_START_INTERVAL_NS (5 * NS_PER_SECOND)
#define DEFAULT_RETRIES           3
#define DURATION_MIN_NS           1000000 /* docker's: 1 ms */
#define DURATION_MAX_NS           ((uint64_t)UINT32_MAX / 2 * 1000000)
#define WORDS_MAX                 4096
#define HEALTH_FILE_MAX           (256u << 10) /* bytes */

static int parse_duration(const char *option, const char *text, uint64_t *ret, struct error **err)
{
	int64_t ns;

	if (duration_parse(text, &ns, err) < 0)
		return error_wrap(err, "--%s", option);
	if (ns < 0 || (ns > 0 && ns < DURATION_MIN_NS) || (uint64_t)ns > DURATION_MAX_NS)
		return error_set(err, ERR_USAGE,
			"--%s '%s': must be 0, or from 1ms to about 24 days", option, text);
	*ret = (uint64_t)ns;
	return 0;
}

int health_action_parse(const char *text, enum health_action *ret, struct error **err)
{
	static const char *const names[] = {"none", "kill", "restart", "stop"};

	if (!text || !*text) {
		*ret = HEALTH_ACTION_NONE;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum health_action)i;
			return 0;
		}
	return error_set(err, ERR_USAGE,
		"invalid on-failure action \"%s\" for health check, supported values: none, kill, "
		"restart, stop",
		text);
}

/* --health-cmd, --health-startup-cmd: "none", a JSON array of words, or a line for the shell. */
static int parse_command(const char *option, const char *text, char ***ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_strv char **words = NULL;
	struct json root;
	size_t count;

	if (!*text)
		return error_set(err, ERR_USAGE, "%s: must not be empty", option);
	if (strcmp(text, "none") == 0) {
		strv_append(ret, "NONE");
		return 0;
	}
	if (text[0] != '[') {
		strv_append(ret, "CMD-SHELL");
		strv_append(ret, text);
		return 0;
	}
	if (json_parse(text, strlen(text), option, &doc, &root, err) < 0 ||
		json_array(&root, WORDS_MAX, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct json item = json_at(&root, i);
		const char *word;

		if (json_string(&item, &word, err) < 0)
			return -1;
		if (i == 0 && strcmp(word, "CMD") != 0 && strcmp(word, "CMD-SHELL") != 0 &&
			strcmp(word, "NONE") != 0)
			strv_append(&words, "CMD");
		strv_append(&words, word);
	}
	if (!words)
		return error_set(err, ERR_USAGE, "%s: must not be empty", option);
	*ret = steal_ptr(&words);
	return 0;
}

/* docker's forms of a check. */
static int check_test(char *const *test, struct error **err)
{
	if (strcmp(test[0], "NONE") == 0)
		return 0;
	if ((strcmp(test[0], "CMD") != 0 && strcmp(test[0], "CMD-SHELL") != 0) || !test[1] ||
		(strcmp(test[0], "CMD-SHELL") == 0 && test[2]))
		return error_set(err, ERR_INVALID,
			"the health check '%s' is none of [\"NONE\"], [\"CMD\", words...], "
			"[\"CMD-SHELL\", line]",
			test[0]);
	return 0;
}

bool health_is_checked(const struct container_config *config)
{
	return config->health_test && strcmp(config->health_test[0], "NONE") != 0;
}

bool health_has_startup(const struct container_config *config)
{
	return config->health_startup_test && strcmp(config->health_startup_test[0], "NONE") != 0;
}

static int apply_options(
	const struct health_request *request, struct container_config *config, struct error **err)
{
	const struct {
		const char *option, *text;
		uint64_t *value;
	} durations[] = {
		{"health-interval", request->interval, &config->health_interval_ns},
		{"health-timeout", request->timeout, &config->health_timeout_ns},
		{"health-start-period", request->start_period, &config->health_start_period_ns},
		{"health-start-interval", request->start_interval,
			&config->health_start_interval_ns},
		{"health-startup-interval", request->startup_interval,
			&config->health_startup_interval_ns},
		{"health-startup-timeout", request->startup_timeout,
			&config->health_startup_timeout_ns},
	};

	if (request->retries_given && request->retries == 0)
		return error_set(err, ERR_USAGE, "--health-retries: must be greater than 0");
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		if (!durations[i].text || (i == 0 && strcmp(durations[i].text, "disable") == 0))
			continue;
		if (parse_duration(
			    durations[i].option, durations[i].text, durations[i].value, err) < 0)
			return -1;
	}
	if (request->retries_given)
		config->health_retries = request->retries;
	if (request->startup_retries_given)
		config->health_startup_retries = request->startup_retries;
	if (request->startup_success_given)
		config->health_startup_success = request->startup_success;
	return 0;
}

static int replace_test(const char *option, const char *text, char ***test, struct error **err)
{
	strv_free(steal_ptr(test));
	return parse_command(option, text, test, err) < 0 ? -1 : check_test(*test, err);
}

/* Without a check there is nothing that the other options could be about. */
static int check_needless(const struct health_request *request, struct error **err)
{
	if (request->on_failure && !str_equal(request->on_failure, "none"))
		return error_set(err, ERR_USAGE,
			"cannot set on-failure action to %s without a health check",
			request->on_failure);
	if (request->startup_cmd)
		return error_set(err, ERR_USAGE,
			"cannot set a startup health check without a health check: give "
			"--health-cmd");
	return 0;
}

static void fill_defaults(struct container_config *config)
{
	if (!config->health_timeout_ns)
		config->health_timeout_ns = DEFAULT_TIMEOUT_NS;
	if (!config->health_start_interval_ns)
		config->health_start_interval_ns = DEFAULT_START_INTERVAL_NS;
	if (!config->health_retries)
		config->health_retries = DEFAULT_RETRIES;
	if (!config->health_startup_test)
		return;
	if (!config->health_startup_interval_ns)
		config->health_startup_interval_ns = DEFAULT_INTERVAL_NS;
	if (!config->health_startup_timeout_ns)
		config->health_startup_timeout_ns = DEFAULT_TIMEOUT_NS;
}

/* WAS_CHECKED: an interval of 0 was asked for. */
static int apply_request(const struct health_request *request, bool was_checked,
	struct container_config *config, struct error **err)
{
	enum health_action action;

	if (request->none && (request->cmd || request->startup_cmd))
		return error_set(err, ERR_USAGE, "cannot specify both --no-healthcheck and %s",
			request->cmd ? "--health-cmd" : "--health-startup-cmd");
	if (health_action_parse(request->on_failure, &action, err) < 0)
		return -1;
	if (request->cmd &&
		replace_test("--health-cmd", request->cmd, &config->health_test, err) < 0)
		return -1;
	if (request->none) {
		strv_free(steal_ptr(&config->health_test));
		strv_append(&config->health_test, "NONE");
	}
	if (apply_options(request, config, err) < 0)
		return -1;
	if (!health_is_checked(config))
		return check_needless(request, err);
	if (request->startup_cmd && replace_test("--health-startup-cmd", request->startup_cmd,
					    &config->health_startup_test, err) < 0)
		return -1;
	if (str_equal(request->interval, "disable"))
		config->health_interval_ns = 0;
	else if (!config->health_interval_ns && !was_checked)
		config->health_interval_ns = DEFAULT_INTERVAL_NS;
	fill_defaults(config);
	if (request->on_failure) {
		free(config->health_on_failure);
		config->health_on_failure = xstrdup(request->on_failure);
	}
	return 0;
}

bool health_request_is_empty(const struct health_request *request)
{
	const char *const texts[] = {request->cmd, request->interval, request->timeout,
		request->start_period, request->start_interval, request->on_failure,
		request->startup_cmd, request->startup_interval, request->startup_timeout};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i])
			return false;
	return !request->retries_given && !request->startup_retries_given &&
	       !request->startup_success_given && !request->none;
}

int health_config_update(
	const struct health_request *request, struct container_config *config, struct error **err)
{
	bool was_checked = health_is_checked(config);

	if (!was_checked && !request->cmd && !request->none)
		return error_set(err, ERR_USAGE,
			"the container has no health check to change: give it one with "
			"--health-cmd");
	return apply_request(request, was_checked, config, err);
}

int health_config_build(const struct health_request *request, const struct image_config *image,
	struct container_config *config, struct error **err)
{
	if (image && image->healthcheck && image->healthcheck[0]) {
		config->health_test = strv_copy(image->healthcheck);
		config->health_interval_ns = MIN(image->health_interval_ns, DURATION_MAX_NS);
		config->health_timeout_ns = MIN(image->health_timeout_ns, DURATION_MAX_NS);
		config->health_start_period_ns =
			MIN(image->health_start_period_ns, DURATION_MAX_NS);
		config->health_start_interval_ns =
			MIN(image->health_start_interval_ns, DURATION_MAX_NS);
		config->health_retries = image->health_retries;
	}
	if (config->health_test && !request->cmd && !request->none &&
		check_test(config->health_test, err) < 0)
		return -1;
	return apply_request(request, false, config, err);
}

char **health_args(char *const *test)
{
	char **args = NULL;

	if (strcmp(test[0], "CMD-SHELL") == 0) {
		strv_append(&args, "/bin/sh");
		strv_append(&args, "-c");
	}
	for (size_t i = 1; test[i]; i++)
		strv_append(&args, test[i]);
	return args;
}

void container_health_clear(struct container_health *health)
{
	free(health->status);
	for (size_t i = 0; i < health->probe_count; i++)
		free(health->probes[i].output);
	*health = (struct container_health){0};
}

static int parse_line(
	const char *line, size_t len, bool first, struct container_health *ret, struct error **err)
{
	struct container_health_probe *probe = &ret->probes[ret->probe_count];
	cleanup_json struct json_document *doc = NULL;
	struct json root, exit_code;
	int64_t code;

	if (json_parse(line, len, "health", &doc, &root, err) < 0)
		return -1;
	if (first)
		return json_opt_dup(&root, "status", &ret->status, err) < 0 ||
				       json_opt_uint32(&root, "failingStreak", &ret->failing_streak,
					       err) < 0
			       ? -1
			       : 0;
	if (ret->probe_count == CONTAINER_HEALTH_LOG_MAX)
		return error_set(err, ERR_INVALID, "health: has too many lines");
	*probe = (struct container_health_probe){0};
	if (json_require(&root, "exitCode", &exit_code, err) < 0 ||
		json_int64(&exit_code, -1, 255, &code, err) < 0 ||
		json_opt_uint64(&root, "start", UINT64_MAX, &probe->start_ns, err) < 0 ||
		json_opt_uint64(&root, "end", UINT64_MAX, &probe->end_ns, err) < 0 ||
		json_opt_dup(&root, "output", &probe->output, err) < 0)
		return -1;
	probe->exit_code = (int)code;
	ret->probe_count++;
	return 0;
}

int health_parse(const char *text, size_t len, struct container_health *ret, struct error **err)
{
	cleanup_container_health struct container_health health = {0};
	const char *end = text + len;

	for (const char *line = text; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t line_len = newline ? (size_t)(newline - line) : (size_t)(end - line);

		if (parse_line(line, line_len, line == text, &health, err) < 0)
			return -1;
		line += line_len + 1;
	}
	if (!health.status)
		return error_set(err, ERR_INVALID, "health: has no status");
	*ret = health;
	health = (struct container_health){0};
	return 0;
}

int container_health_read(
	const struct container *container, struct container_health *ret, struct error **err)
{
	cleanup_error struct error *one = NULL;
	cleanup_free char *text = NULL;
	size_t len;

	*ret = (struct container_health){0};
	if (!health_is_checked(container->config) || container->status.state == CONTAINER_CREATED) {
		ret->status = xstrdup("");
		return 0;
	}
	if (read_file_limited(container->dir_fd, CONTAINER_HEALTH_FILE, HEALTH_FILE_MAX, &text,
		    &len, &one) < 0) {
		if (one->kind != ERR_NOT_FOUND)
			return error_move(err, &one);
		ret->status = xstrdup("starting");
		return 0;
	}
	return health_parse(text, len, ret, err);
}
