#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/spec.h"
#include "util/error.h"

/* Options about rights and limits, as docker and podman spell them. Bit N of a set is capability N.
 */

/** capabilities_default() - podman's eleven. */
uint64_t capabilities_default(void);

/** parse_capabilities() - ADD and DROP (names with or without "CAP_", any case, "ALL"; NULL: none)
 * applied to podman's eleven default capabilities. @err: ERR_INVALID naming the word */
int parse_capabilities(char *const *add, char *const *drop, uint64_t *ret, struct error **err);

struct security_options {
	bool no_new_privileges;
	bool seccomp_unconfined;
	char *seccomp_profile; /* path; NULL: the default profile */
	char *apparmor;        /* profile; NULL: none */
	bool label_disable;    /* label=disable */
	char **mask, **unmask; /* paths; unmask may hold "ALL" */
};
void security_options_clear(struct security_options *options);
/** parse_security_options() - every --security-opt of a container; '=' and ':' both separate.
 * @err: ERR_INVALID; ERR_UNSUPPORTED for what this host or version cannot honour */
int parse_security_options(char *const *texts, struct security_options *ret, struct error **err);
/** security_options_apparmor() - the profile, or "unconfined", that TEXTS ask for; NULL: none. */
const char *security_options_apparmor(char *const *texts);

/** parse_ulimit() - "nofile=1024[:2048]", docker's names; -1 is unlimited. */
int parse_ulimit(const char *text, struct runtime_rlimit *ret, struct error **err);

struct container_device {
	char *source, *destination;
	char *permissions; /* of "rwm" */
};
void container_device_clear(struct container_device *device);
/** parse_device() - "HOST[:CONTAINER][:PERMISSIONS]" */
int parse_device(const char *text, struct container_device *ret, struct error **err);
