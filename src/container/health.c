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

/* --health-cmd: "none", a JSON array of words, or a line for the shell. */
static int parse_command(const char *text, char ***ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	cleanup_strv char **words = NULL;
	struct json root;
	size_t count;

	if (!*text)
		return error_set(err, ERR_USAGE, "--health-cmd: must not be empty");
	if (strcmp(text, "none") == 0) {
		strv_append(ret, "NONE");
		return 0;
	}
	if (text[0] != '[') {
		strv_append(ret, "CMD-SHELL");
		strv_append(ret, text);
		return 0;
	}
	if (json_parse(text, strlen(text), "--health-cmd", &doc, &root, err) < 0 ||
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
		return error_set(err, ERR_USAGE, "--health-cmd: must not be empty");
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
	return 0;
}

int health_config_build(const struct health_request *request, const struct image_config *image,
	struct container_config *config, struct error **err)
{
	enum health_action action;

	if (request->none && request->cmd)
		return error_set(
			err, ERR_USAGE, "cannot specify both --no-healthcheck and --health-cmd");
	if (health_action_parse(request->on_failure, &action, err) < 0)
		return -1;
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
	if (request->cmd) {
		strv_free(steal_ptr(&config->health_test));
		if (parse_command(request->cmd, &config->health_test, err) < 0)
			return -1;
	} else if (request->none) {
		strv_free(steal_ptr(&config->health_test));
		strv_append(&config->health_test, "NONE");
	}
	if (apply_options(request, config, err) < 0 ||
		(config->health_test && check_test(config->health_test, err) < 0))
		return -1;
	if (!health_is_checked(config)) {
		if (action != HEALTH_ACTION_NONE)
			return error_set(err, ERR_USAGE,
				"cannot set on-failure action to %s without a health check",
				request->on_failure);
		return 0;
	}
	if (!config->health_interval_ns && !str_equal(request->interval, "disable"))
		config->health_interval_ns = DEFAULT_INTERVAL_NS;
	if (!config->health_timeout_ns)
		config->health_timeout_ns = DEFAULT_TIMEOUT_NS;
	if (!config->health_start_interval_ns)
		config->health_start_interval_ns = DEFAULT_START_INTERVAL_NS;
	if (!config->health_retries)
		config->health_retries = DEFAULT_RETRIES;
	config->health_on_failure = xstrdup_null(request->on_failure);
	return 0;
}

char **health_args(const struct container_config *config)
{
	char **args = NULL;

	if (strcmp(config->health_test[0], "CMD-SHELL") == 0) {
		strv_append(&args, "/bin/sh");
		strv_append(&args, "-c");
	}
	for (size_t i = 1; config->health_test[i]; i++)
		strv_append(&args, config->health_test[i]);
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
