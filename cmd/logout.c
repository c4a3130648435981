#include "config.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "registry/auth.h"
#include "util/mem.h"

struct logout_command {
	const char *authfile;
	bool all;
};

static const struct option_spec options[] = {
	OPTION_BOOL("all", 'a', struct logout_command, all,
		"Remove the cached credentials for all registries in the auth file"),
	OPTION_STRING("authfile", 0, struct logout_command, authfile, "string",
		"path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to "
		"override",
		.complete = COMPLETE_FILE),
	OPTION_END,
};

extern const struct command command_logout;

/* Not in our file: perhaps in another tool's, which we do not change. */
static int not_logged_in(const struct logout_command *cmd, const char *key, struct error **err)
{
	cleanup_free char *registry = auth_key_registry(key), *file = NULL;
	cleanup_error struct error *ignored = NULL; /* the other error is told */
	struct credentials known = {0};

	if (auth_find(cmd->authfile, registry, NULL, &known, &file, &ignored) < 0 || !file)
		return -1;
	credentials_clear(&known);
	error_free(steal_ptr(err));
	return error_set(err, ERR_NOT_FOUND,
		"not logged into %s with pod: the credentials in '%s' are another tool's; log out "
		"with that",
		key, file);
}

/* Under docker's key, or under the registry's name where another tool wrote it. */
static int docker_logout(struct command_context *ctx, const char *key, struct error **err)
{
	bool hub = strcmp(key, "docker.io") == 0;
	const char *own = hub ? "https://index.docker.io/v1/" : key;
	cleanup_error struct error *one = NULL, *other = NULL;

	if (auth_remove(NULL, own, &one) < 0 && one->kind != ERR_NOT_FOUND)
		return error_move(err, &one);
	if (one && hub && auth_remove(NULL, key, &other) < 0 && other->kind != ERR_NOT_FOUND)
		return error_move(err, &other);
	command_print(ctx,
		one && (!hub || other) ? "Not logged in to %s\n"
				       : "Removing login credentials for %s\n",
		own);
	return 0;
}

static int logout_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct logout_command cmd = {0};
	cleanup_free char *key = NULL;
	int first;

	if (options_parse(&command_logout, argc, argv, &cmd, &first, err) < 0)
		return -1;
	if (cmd.all) {
		if (first < argc)
			return error_set(err, ERR_USAGE, "--all takes no registry");
		if (auth_remove_all(cmd.authfile, err) < 0)
			return -1;
		command_print(ctx, "Removed login credentials for all registries\n");
		return 0;
	}
	if (auth_key_parse(first < argc ? argv[first] : "docker.io", &key, err) < 0)
		return -1;
	if (docker_called())
		return docker_logout(ctx, key, err);
	if (auth_remove(cmd.authfile, key, err) < 0)
		return (*err)->kind == ERR_NOT_FOUND ? not_logged_in(&cmd, key, err) : -1;
	command_print(ctx, "Removed login credentials for %s\n", key);
	return 0;
}

const struct command command_logout = {
	.name = "logout",
	.summary = "log out of a container registry",
	.description =
		"forgets the user name and password kept for a registry (docker.io by default)",
	.operands = "[REGISTRY]",
	.examples =
		"pod logout quay.io\npod logout --authfile dir/auth.json quay.io\npod logout --all",
	.max_operands = 1,
	.options = options,
	.run = logout_run,
};
