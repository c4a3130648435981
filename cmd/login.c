#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/prompt_secret.h"
#include "registry/auth.h"
#include "registry/fetch_client.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define PASSWORD_MAX (64u << 10)

struct login_command {
	const char *authfile, *cert_dir, *username, *password;
	bool password_stdin, get_login, verbose;
	bool tls_verify, tls_verify_given;
};

static const struct option_spec options[] = {
	OPTION_STRING("authfile", 0, struct login_command, authfile, "string",
		"path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to "
		"override",
		.complete = COMPLETE_FILE),
	OPTION_STRING("cert-dir", 0, struct login_command, cert_dir, "string",
		"use certificates at the specified path to access the registry",
		.complete = COMPLETE_DIRECTORY),
	OPTION_BOOL("get-login", 0, struct login_command, get_login,
		"Return the current login user for the registry"),
	OPTION_STRING(
		"password", 'p', struct login_command, password, "string", "Password for registry"),
	OPTION_BOOL("password-stdin", 0, struct login_command, password_stdin,
		"Take the password from stdin"),
	OPTION_BOOL("tls-verify", 0, struct login_command, tls_verify,
		"Require HTTPS and verify certificates when contacting registries",
		.given_offset = OPTION_GIVEN(struct login_command, tls_verify_given),
		.default_text = "true"),
	OPTION_STRING(
		"username", 'u', struct login_command, username, "string", "Username for registry"),
	OPTION_BOOL("verbose", 'v', struct login_command, verbose,
		"Write more detailed information to stdout"),
	OPTION_END,
};

extern const struct command command_login;

/* What is stored for KEY; nothing when --authfile is still to be made. */
static int stored_credentials(const struct login_command *cmd, const char *key,
	struct credentials *ret, struct error **err)
{
	cleanup_free char *registry = auth_key_registry(key);
	const char *repository = key[strlen(registry)] ? key + strlen(registry) + 1 : NULL;
	cleanup_error struct error *why = NULL;

	if (auth_find(cmd->authfile, registry, repository, ret, NULL, &why) == 0)
		return 0;
	if (why->kind == ERR_NOT_FOUND && cmd->authfile && access(cmd->authfile, F_OK) < 0)
		return 0;
	return error_move(err, &why);
}

static int check(const struct login_command *cmd, const char *key, const char *username,
	const char *password, struct error **err)
{
	cleanup_fetcher struct fetcher *fetcher = NULL;
	cleanup_free char *registry = auth_key_registry(key);
	const struct fetch_options opts = {
		.username = username,
		.password = password,
		.cert_dir = cmd->cert_dir,
		.tls_verify = !cmd->tls_verify_given ? FETCH_TLS_DEFAULT
			      : cmd->tls_verify      ? FETCH_TLS_VERIFY
						     : FETCH_TLS_SKIP,
	};

	if (fetcher_start(&fetcher, err) < 0)
		return -1;
	if (fetcher_login(fetcher, registry, &opts, err) < 0)
		return error_wrap(err, "logging into \"%s\"", key);
	return 0;
}

static int read_password_stdin(char **ret, struct error **err)
{
	size_t len;

	if (read_fd_limited(STDIN_FILENO, PASSWORD_MAX, ret, &len, err) < 0)
		return error_wrap(err, "--password-stdin");
	while (len && ((*ret)[len - 1] == '\n' || (*ret)[len - 1] == '\r'))
		(*ret)[--len] = '\0';
	if (strlen(*ret) != len)
		return error_set(err, ERR_INVALID, "--password-stdin: a NUL byte in the password");
	return 0;
}

static int get_login(struct command_context *ctx, const char *key, const struct credentials *known,
	struct error **err)
{
	if (!known->username)
		return error_set(err, ERR_NOT_FOUND, "not logged into %s", key);
	command_print(ctx, "%s\n", known->username);
	return 0;
}

/* Tries what is stored. *ret_valid: it is still good. */
static int try_known(struct command_context *ctx, const struct login_command *cmd, const char *key,
	const struct credentials *known, bool *ret_valid, struct error **err)
{
	cleanup_error struct error *why = NULL;

	*ret_valid = false;
	if (known->identity_token)
		return error_set(err, ERR_CONFLICT,
			"currently logged in to %s with an identity token: log out first", key);
	if (!known->username)
		return 0;
	command_print(ctx, "Authenticating with existing credentials for %s\n", key);
	if (command_flush(ctx, err) < 0)
		return -1;
	*ret_valid = check(cmd, key, known->username, known->password, &why) == 0;
	command_print(ctx,
		*ret_valid ? "Existing credentials are valid. Already logged in to %s\n"
			   : "Existing credentials are invalid, please enter valid username and "
			     "password\n",
		key);
	return 0;
}

/* The options, else the user, are asked for what is missing; both results are owned. */
static int ask(struct command_context *ctx, const struct login_command *cmd,
	const struct credentials *known, char **ret_username, char **ret_password,
	struct error **err)
{
	if (cmd->username) {
		*ret_username = xstrdup(cmd->username);
	} else {
		cleanup_free char *prompt = known->username
						    ? xasprintf("Username (%s): ", known->username)
						    : xstrdup("Username: ");

		if (prompt_line(ctx, prompt, ret_username, err) < 0)
			return -1;
		if (!**ret_username && known->username) {
			free(*ret_username);
			*ret_username = xstrdup(known->username);
		}
	}
	if (!**ret_username)
		return error_set(err, ERR_USAGE, "a user name is needed");
	if (cmd->password_stdin)
		return read_password_stdin(ret_password, err);
	if (cmd->password) {
		*ret_password = xstrdup(cmd->password);
		return 0;
	}
	return prompt_secret(ctx, "Password: ", ret_password, err);
}

/* docker's own key for its registry, so that docker finds it, too. */
static const char *docker_key(const char *key)
{
	return strcmp(key, "docker.io") == 0 ? "https://index.docker.io/v1/" : key;
}

static int login_ask(struct command_context *ctx, const struct login_command *cmd, const char *key,
	const struct credentials *known, struct error **err)
{
	cleanup_free char *username = NULL, *password = NULL, *path = NULL;
	int result = ask(ctx, cmd, known, &username, &password, err);

	if (result == 0)
		result = check(cmd, key, username, password, err);
	if (result == 0)
		result = auth_store(cmd->authfile, docker_called() ? docker_key(key) : key,
			username, password, &path, err);
	if (password)
		explicit_bzero(password, strlen(password));
	if (result < 0)
		return -1;
	if (cmd->verbose)
		command_print(ctx, "Used:  %s\n", path);
	if (docker_called() && !str_starts_with(path, "docker-credential-"))
		fprintf(stderr,
			"WARNING! Your password will be stored unencrypted in %s.\n"
			"Configure a credential helper to remove this warning. See\n"
			"https://docs.docker.com/engine/reference/commandline/login/"
			"#credentials-store\n\n",
			path);
	command_print(ctx, docker_called() ? "Login Succeeded\n" : "Login Succeeded!\n");
	return 0;
}

static int login_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct login_command cmd = {.tls_verify = true};
	struct credentials known = {0};
	cleanup_free char *key = NULL;
	bool valid = false;
	int first, result;

	if (options_parse(&command_login, argc, argv, &cmd, &first, err) < 0)
		return -1;
	if (cmd.password && cmd.password_stdin)
		return error_set(
			err, ERR_USAGE, "can't specify both --password-stdin and --password");
	if (docker_called() && cmd.password)
		fprintf(stderr, "WARNING! Using --password via the CLI is insecure. Use "
				"--password-stdin.\n");
	if (cmd.password_stdin && !cmd.username)
		return error_set(err, ERR_USAGE, "must provide --username with --password-stdin");
	if (auth_key_parse(first < argc ? argv[first] : "docker.io", &key, err) < 0 ||
		stored_credentials(&cmd, key, &known, err) < 0)
		return -1;
	if (cmd.get_login)
		result = get_login(ctx, key, &known, err);
	else if (!cmd.username && !cmd.password)
		result = try_known(ctx, &cmd, key, &known, &valid, err);
	else
		result = 0;
	if (result == 0 && !cmd.get_login && !valid)
		result = login_ask(ctx, &cmd, key, &known, err);
	credentials_clear(&known);
	return result;
}

const struct command command_login = {
	.name = "login",
	.summary = "log in to a container registry",
	.description =
		"checks a user name and a password with a registry (docker.io by default) and "
		"keeps them for later pulls",
	.operands = "[REGISTRY]",
	.examples = "pod login quay.io\n"
		    "pod login --username user --password-stdin quay.io < password\n"
		    "pod login --authfile dir/auth.json quay.io",
	.max_operands = 1,
	.options = options,
	.run = login_run,
};
