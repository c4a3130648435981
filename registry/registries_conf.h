#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/reference.h"
#include "util/error.h"

/*
 * registries.conf version 2 (containers-registries.conf(5)): where a reference is really fetched
 * from. Read: $CONTAINERS_REGISTRIES_CONF, else $XDG_CONFIG_HOME/containers/registries.conf, else
 * /etc/containers/registries.conf; then the .conf files in /etc/containers/registries.conf.d and in
 * the user's registries.conf.d, each in the order of names, a later [[registry]] of the same prefix
 * replacing an earlier one. Deviations: a short name is docker.io's unless
 * unqualified-search-registries is set (then these are tried in order; there is never a prompt);
 * [aliases], short-name-mode and credential-helpers are not used; version 1 files are refused.
 */

struct registries_conf;

/* One place to fetch from; tried in order. */
struct registry_endpoint {
	struct reference *ref; /* where it is there: domain, repository, tag, digest */
	bool insecure;         /* certificates are not verified, plain HTTP is tried too */
	bool mirror;
};

/** registries_conf_load() - read all the files. No file at all is fine. @err: ERR_INVALID,
 * ERR_SYSTEM */
int registries_conf_load(struct registries_conf **ret, struct error **err);
/** registries_conf_parse() - add one file's text; NAME is for errors. For tests and drop-ins. */
int registries_conf_parse(struct registries_conf *conf, const char *text, size_t len,
	const char *name, struct error **err);
struct registries_conf *registries_conf_new(void);
void registries_conf_free(struct registries_conf *conf);
static inline void registries_conf_freep(struct registries_conf **conf)
{
	registries_conf_free(*conf);
}
#define cleanup_registries_conf __attribute__((cleanup(registries_conf_freep)))

/** registries_conf_candidates() - the full references a user's text may mean, in order: itself, or
 * one per search registry. Owned array of *ret_count, free with reference_array_free(). */
void registries_conf_candidates(const struct registries_conf *conf, const struct reference *ref,
	struct reference ***ret, size_t *ret_count);
void reference_array_free(struct reference **refs, size_t count);

/**
 * registries_conf_endpoints() - mirrors in order, then the primary location
 * @ret: array of *ret_count >= 1, free with registry_endpoints_free()
 * @err: ERR_REMOTE when the registry is blocked (names the prefix), ERR_INVALID (a location does
 * not give a valid reference)
 */
int registries_conf_endpoints(const struct registries_conf *conf, const struct reference *ref,
	struct registry_endpoint **ret, size_t *ret_count, struct error **err);
void registry_endpoints_free(struct registry_endpoint *endpoints, size_t count);

/** config_home_path() - $XDG_CONFIG_HOME/NAME, else $HOME/.config/NAME; owned, NULL without a home.
 */
char *config_home_path(const char *name);
