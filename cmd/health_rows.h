#pragma once

#include "cmd/options.h"
#include "container/health.h"

/* Rows of option tables for health checks that run, create and update share; M is the member of
 * struct T that is a struct health_request. In the order of their names. */

#define HEALTH_ACTIONS ((const char *const[]){"none", "kill", "restart", "stop", NULL})

#define HEALTH_ROWS(T, M)                                                                          \
	OPTION_STRING("health-cmd", 0, T, M.cmd, "COMMAND",                                        \
		"Check the container's health with COMMAND (a line for /bin/sh, or a "             \
		"JSON array)"),                                                                    \
		OPTION_STRING("health-interval", 0, T, M.interval, "DURATION",                     \
			"Time between two health checks, or 'disable'", .default_text = "30s"),    \
		OPTION_STRING("health-on-failure", 0, T, M.on_failure, "ACTION",                   \
			"What happens to an unhealthy container", .default_text = "none",          \
			.words = HEALTH_ACTIONS),                                                  \
		OPTION_UINT32("health-retries", 0, T, M.retries, "COUNT",                          \
			"Failures in a row that make a container unhealthy", .default_text = "3",  \
			.given_offset = OPTION_GIVEN(T, M.retries_given)),                         \
		OPTION_STRING("health-start-interval", 0, T, M.start_interval, "DURATION",         \
			"Time between two health checks during the start period",                  \
			.default_text = "5s"),                                                     \
		OPTION_STRING("health-start-period", 0, T, M.start_period, "DURATION",             \
			"Time after the start in which failures do not count",                     \
			.default_text = "0s"),                                                     \
		OPTION_STRING("health-startup-cmd", 0, T, M.startup_cmd, "COMMAND",                \
			"Run COMMAND until it succeeds; only then the health check begins"),       \
		OPTION_STRING("health-startup-interval", 0, T, M.startup_interval, "DURATION",     \
			"Time between two startup checks", .default_text = "30s"),                 \
		OPTION_UINT32("health-startup-retries", 0, T, M.startup_retries, "COUNT",          \
			"Failures of the startup check after which the container is started "      \
			"again; 0: never",                                                         \
			.default_text = "0",                                                       \
			.given_offset = OPTION_GIVEN(T, M.startup_retries_given)),                 \
		OPTION_UINT32("health-startup-success", 0, T, M.startup_success, "COUNT",          \
			"How often the startup check must succeed; 0: once", .default_text = "0",  \
			.given_offset = OPTION_GIVEN(T, M.startup_success_given)),                 \
		OPTION_STRING("health-startup-timeout", 0, T, M.startup_timeout, "DURATION",       \
			"Time after which a startup check has failed", .default_text = "30s"),     \
		OPTION_STRING("health-timeout", 0, T, M.timeout, "DURATION",                       \
			"Time after which a health check has failed", .default_text = "30s")
