#pragma once

#include <stdbool.h>

#include "util/error.h"

/*
 * Stored credentials: auth.json (containers-auth.json(5)) and docker's config.json, with credential
 * helpers (docker-credential-NAME). Searched in this order: --authfile or $REGISTRY_AUTH_FILE
 * alone; else the primary file ($XDG_RUNTIME_DIR/containers/auth.json, without that variable
 * /run/containers/UID/auth.json), $XDG_CONFIG_HOME/containers/auth.json, $DOCKER_CONFIG/config.json
 * or $HOME/.docker/config.json. In each file: credHelpers of the registry, then the longest key
 * that is a prefix of registry/namespace/.../repository, then credsStore. Keys may be URLs as
 * docker writes them ("https://index.docker.io/v1/" is docker.io).
 */

struct credentials {
	char *username, *password; /* NULL: none */
	char *identity_token;      /* OAuth2 refresh token instead of a password; NULL none */
};
void credentials_clear(struct credentials *credentials);

/**
 * auth_find() - credentials for a repository
 * @authfile:   --authfile, NULL none
 * @registry:   "docker.io", "localhost:5000"
 * @repository: "library/alpine"; NULL: the registry alone
 * @ret:        cleared by credentials_clear(); all NULL when there are none
 * @ret_file:   where they were found; owned, may be NULL to ignore
 * @err: ERR_INVALID (malformed file), ERR_NOT_FOUND (helper not installed, --authfile missing),
 *       ERR_REMOTE (helper failed)
 * May start a credential helper.
 */
int auth_find(const char *authfile, const char *registry, const char *repository,
	struct credentials *ret, char **ret_file, struct error **err);

/** auth_primary_path() - the file that login writes; owned. @err: ERR_NOT_FOUND (no place for it)
 */
char *auth_primary_path(const char *authfile, struct error **err);

/**
 * auth_store() - remember credentials under KEY ("registry" or "registry/namespace")
 * The file is made (0600, directory 0700) or replaced as a whole, whatever else is in it is kept; a
 * credHelpers entry of the registry, or credsStore, gets them instead.
 * @ret_path: where they went; owned
 */
int auth_store(const char *authfile, const char *key, const char *username, const char *password,
	char **ret_path, struct error **err);

/** auth_remove() - forget KEY in the primary file. @err: ERR_NOT_FOUND when it is not there. */
int auth_remove(const char *authfile, const char *key, struct error **err);
/** auth_remove_all() - forget everything that the primary file holds. */
int auth_remove_all(const char *authfile, struct error **err);

/** auth_key_parse() - a registry as users write it for login: a scheme and trailing slashes are
 * dropped, index.docker.io is docker.io; checked for form. Owned. */
int auth_key_parse(const char *text, char **ret, struct error **err);
/** auth_key_registry() - the part of a key before its first '/'; owned. */
char *auth_key_registry(const char *key);
