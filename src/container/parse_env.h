#pragma once

#include "util/error.h"

/** parse_env() - one -e value applied to the environment *ENV (owned strv): "K=V" sets, "K" takes
 * the host's value when there is one, "K*" every variable of the host with that prefix. @err:
 * ERR_INVALID */
int parse_env(char ***env, const char *text, struct error **err);
/** parse_env_file() - --env-file: one of the above a line, '#' comments, at most 1 MiB. */
int parse_env_file(char ***env, const char *path, struct error **err);
/** parse_env_merge() - "K=V" with the variables that V names replaced by what *ENV has of them.
 * @err: ERR_INVALID */
int parse_env_merge(char ***env, const char *text, struct error **err);
/** env_set() - replace or append "NAME=value". */
void env_set(char ***env, const char *assignment);
/** env_get() - the value of NAME, borrowed; NULL when not set. */
const char *env_get(char *const *env, const char *name);

/** parse_host_user() - append NAME's line of the host's /etc/passwd to *LINES, for a container's.
 * @err: ERR_NOT_FOUND */
int parse_host_user(char ***lines, const char *name, struct error **err);

/** parse_label() - "k=v" or "k" (empty value) onto *LABELS; a later one replaces. */
int parse_label(char ***labels, const char *text, struct error **err);
/** parse_label_file() - as parse_env_file() for labels. */
int parse_label_file(char ***labels, const char *path, struct error **err);
/** parse_add_host() - "name:ip" or "name:host-gateway" checked. */
int parse_add_host(const char *text, struct error **err);
/** parse_log_option() - "max-size=10m", "max-file=3", journald's "tag={{.Name}}", checked; others
 * refused by name. */
int parse_log_option(const char *driver, const char *text, struct error **err);
