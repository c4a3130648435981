#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container/exec.h"
#include "container/health.h"
#include "container/policy.h"
#include "container/supervision.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/str.h"
#include "util/strbuf.h"

extern char **environ;

static uint32_t milliseconds(uint64_t ns)
{
	return (uint32_t)(ns / 1000000); /* bounded when the options were read */
}

static uint32_t monitor_restart(enum restart_kind kind)
{
	if (kind == RESTART_NO)
		return MONITOR_RESTART_NO;
	return kind == RESTART_ON_FAILURE ? MONITOR_RESTART_ON_FAILURE : MONITOR_RESTART_ALWAYS;
}

int supervision_policy(
	const struct container_config *config, struct monitor_policy *ret, struct error **err)
{
	struct restart_policy restart;
	enum health_action action;

	if (restart_policy_parse(config->restart_policy, &restart, err) < 0 ||
		health_action_parse(config->health_on_failure, &action, err) < 0)
		return -1;
	*ret = (struct monitor_policy){
		.flags = (health_is_checked(config) ? POLICY_HEALTH : 0u) |
			 (health_has_startup(config) ? POLICY_STARTUP : 0u),
		.restart = monitor_restart(restart.kind),
		.restart_max = restart.max_retries,
		.health_interval_ms = milliseconds(config->health_interval_ns),
		.health_timeout_ms = milliseconds(config->health_timeout_ns),
		.health_start_period_ms = milliseconds(config->health_start_period_ns),
		.health_start_interval_ms = milliseconds(config->health_start_interval_ns),
		.health_retries = config->health_retries,
		.health_action = action,
		.startup_interval_ms = milliseconds(config->health_startup_interval_ns),
		.startup_timeout_ms = milliseconds(config->health_startup_timeout_ns),
		.startup_retries = config->health_startup_retries,
		.startup_success = config->health_startup_success,
	};
	return 0;
}

bool supervision_may_restart(const struct container_config *config)
{
	cleanup_error struct error *ignored = NULL; /* checked at create */
	struct monitor_policy policy;

	return supervision_policy(config, &policy, &ignored) == 0 &&
	       (policy.restart != MONITOR_RESTART_NO ||
		       policy.health_action == HEALTH_ACTION_RESTART ||
		       ((policy.flags & POLICY_STARTUP) && policy.startup_retries));
}

/* With the log driver 'passthrough' the container has our standard streams themselves: there is
 * nothing in between that could give it them once more when it is started again. */
int supervision_check(const struct container_config *config, struct error **err)
{
	bool startup = health_has_startup(config) && config->health_startup_retries;
	bool by_health = startup || str_equal(config->health_on_failure, "restart");
	struct monitor_policy policy;

	if (supervision_policy(config, &policy, err) < 0)
		return -1;
	if (config->remove && policy.restart != MONITOR_RESTART_NO)
		return error_set(err, ERR_USAGE,
			"the --rm option conflicts with --restart, when the restartPolicy is not "
			"\"\" and \"no\"");
	if (config->remove && by_health)
		return error_set(err, ERR_USAGE, "the --rm option conflicts with %s",
			startup ? "--health-startup-retries" : "--health-on-failure=restart");
	if (str_equal(config->log_driver, "passthrough") && supervision_may_restart(config))
		return error_set(err, ERR_USAGE,
			"the log driver 'passthrough' cannot be used with --restart: let the "
			"service manager restart the unit");
	if (str_equal(config->sdnotify, "healthy") && !health_is_checked(config))
		return error_set(err, ERR_USAGE,
			"--sdnotify=healthy needs a health check: give one with --health-cmd");
	return 0;
}

/* What of the environment a later start needs; the rest belongs to the caller's session. */
static bool env_is_kept(const char *entry)
{
	static const char *const names[] = {"HOME=", "PATH=", "USER=", "LOGNAME=", "TMPDIR=", "TZ=",
		"LANG=", "LC_ALL=", "XDG_", "POD_", "CONTAINERS_", "STORAGE_",
		"DBUS_SESSION_BUS_ADDRESS=", "NOTIFY_SOCKET=", NULL};

	for (size_t i = 0; names[i]; i++)
		if (str_starts_with(entry, names[i]))
			return true;
	return false;
}

/* The sockets that the container serves: the monitor holds them, which is this process. */
static void add_listen_words(struct strbuf *out, unsigned int listen_fds)
{
	const char *names = getenv("LISTEN_FDNAMES");

	if (!listen_fds)
		return;
	strbuf_addf(out, "LISTEN_PID=%d%cLISTEN_FDS=%u%c", (int)getpid(), 0, listen_fds, 0);
	if (names && strlen(names) < RESTART_FILE_MAX / 4)
		strbuf_addf(out, "LISTEN_FDNAMES=%s%c", names, 0);
}

/* Its form is in monitor.h. */
int supervision_write_restart(struct store *store, const struct container *container,
	unsigned int listen_fds, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_free char *self = NULL;
	size_t words = 0;

	if (!supervision_may_restart(container->config))
		return 0;
	self = program_self(err);
	if (!self)
		return -1;
	strbuf_addstr(&out, "7");
	strbuf_addch(&out, '\0');
	{
		const char *const argv[] = {self, "--root", store->data_path, "--runroot",
			store->runtime_path, "__restart", container->config->id};

		for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
			strbuf_add(&out, argv[i], strlen(argv[i]) + 1);
	}
	add_listen_words(&out, listen_fds);
	for (char **entry = environ; entry && *entry; entry++)
		if (env_is_kept(*entry) && words++ < RESTART_WORDS_MAX / 2 &&
			out.len + strlen(*entry) < RESTART_FILE_MAX)
			strbuf_add(&out, *entry, strlen(*entry) + 1);
	return write_file_atomic(
		container->dir_fd, CONTAINER_RESTART_FILE, out.data, out.len, 0600, 0, err);
}

static int write_plan(
	struct container *container, char *const *test, const char *file, struct error **err)
{
	cleanup_free struct process_plan *plan = NULL;
	cleanup_strv char **args = health_args(test);
	struct container_exec_options opts = {.args = args};

	if (container_exec_plan(container, &opts, &plan, err) < 0 ||
		write_file_atomic(container->dir_fd, file, plan, plan->size, 0600, 0, err) < 0)
		return error_wrap(err, "the health check");
	return 0;
}

int supervision_write_plans(struct container *container, struct error **err)
{
	const struct container_config *config = container->config;

	if (!health_is_checked(config))
		return 0;
	if (write_plan(container, config->health_test, CONTAINER_HEALTH_PLAN_FILE, err) < 0 ||
		(health_has_startup(config) && write_plan(container, config->health_startup_test,
						       CONTAINER_STARTUP_PLAN_FILE, err) < 0))
		return -1;
	if (unlinkat(container->dir_fd, CONTAINER_HEALTH_FILE, 0) < 0 && errno != ENOENT)
		return error_errno(err, errno, "remove the last run's health");
	return 0;
}
