#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "container/container_config.h"
#include "monitor/monitor.h"
#include "storage/image_store.h"
#include "util/error.h"

/*
 * Health checks: a command that the monitor runs in the container every now and then
 * (src/monitor/program/health.c). What is checked is part of the record; the plan of the command
 * (`health-plan`, a struct process_plan) is made at each start; the results are in `health`, which
 * the monitor writes: one JSON object a line, first the state, then the last five probes.
 */

/* As given; NULL where the option was not. */
struct health_request {
	const char *cmd, *interval, *timeout, *start_period, *start_interval, *on_failure;
	const char *startup_cmd, *startup_interval, *startup_timeout;
	uint32_t retries, startup_retries, startup_success;
	bool retries_given, startup_retries_given, startup_success_given;
	bool none; /* --no-healthcheck */
};

/**
 * health_config_build() - CONFIG's check from the options and the image (NULL without one)
 * Options go before the image's values, these before docker's and podman's defaults.
 * @err: ERR_USAGE naming the option; ERR_INVALID (the image's check)
 */
int health_config_build(const struct health_request *request, const struct image_config *image,
	struct container_config *config, struct error **err);

/** health_request_is_empty() - was no option given? */
bool health_request_is_empty(const struct health_request *request);

/** health_config_update() - CONFIG's check as the options say, else as it is. @err: ERR_USAGE */
int health_config_update(
	const struct health_request *request, struct container_config *config, struct error **err);

/** health_action_parse() - NULL and "" are none. @err: ERR_USAGE */
int health_action_parse(const char *text, enum health_action *ret, struct error **err);

/** health_is_checked() - has the container a check? */
bool health_is_checked(const struct container_config *config);
/** health_has_startup() - and one that must pass before it? */
bool health_has_startup(const struct container_config *config);

/** health_args() - TEST, which is a check, as words to execute; owned. */
char **health_args(char *const *test);

struct container_health_probe {
	uint64_t start_ns, end_ns; /* CLOCK_REALTIME */
	int exit_code;             /* -1: it could not be run or took too long */
	char *output;
};

struct container_health {
	char *status; /* "starting", "healthy", "unhealthy"; "" without a check or before a start */
	uint32_t failing_streak;
	struct container_health_probe probes[CONTAINER_HEALTH_LOG_MAX]; /* oldest first */
	size_t probe_count;
};
void container_health_clear(struct container_health *health);
#define cleanup_container_health __attribute__((cleanup(container_health_clear)))

struct container;
/** container_health_read() - as it is now. A container that was never probed in this run is
 * "starting". @err: ERR_SYSTEM, ERR_INVALID */
int container_health_read(
	const struct container *container, struct container_health *ret, struct error **err);

/** health_parse() - the text of `health`. @err: ERR_INVALID */
int health_parse(const char *text, size_t len, struct container_health *ret, struct error **err);
