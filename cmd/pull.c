#include "config.h"

#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/image_users.h"
#include "cmd/progress.h"
#include "cmd/pull.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

struct pull_command {
	struct pull_flags flags;
	bool quiet;
	const char *policy;
};

static const char *const policies[] = {"always", "missing", "never", "newer", NULL};

static const struct option_spec options[] = {
	OPTION_STRING("arch", 0, struct pull_command, flags.architecture, "ARCH",
		"use ARCH instead of the architecture of the machine for choosing images"),
	OPTION_STRING("authfile", 0, struct pull_command, flags.authfile, "string",
		"path of the authentication file", .complete = COMPLETE_FILE),
	OPTION_STRING("cert-dir", 0, struct pull_command, flags.cert_dir, "pathname",
		"directory containing TLS certificates and keys", .complete = COMPLETE_DIRECTORY),
	OPTION_STRING("creds", 0, struct pull_command, flags.creds, "credentials",
		"credentials (USERNAME:PASSWORD) to use for authenticating to a registry"),
	OPTION_STRING("os", 0, struct pull_command, flags.os, "OS",
		"use OS instead of the running OS for choosing images"),
	OPTION_STRING("platform", 0, struct pull_command, flags.platform, "string",
		"specify the platform for selecting the image (conflicts with arch and os)"),
	OPTION_STRING("policy", 0, struct pull_command, policy, "string",
		"pull image policy (always, missing, never, newer)", .default_text = "\"always\"",
		.words = policies),
	OPTION_BOOL("quiet", 'q', struct pull_command, quiet,
		"suppress output information when pulling images"),
	OPTION_BOOL("tls-verify", 0, struct pull_command, flags.tls_verify,
		"require HTTPS and verify certificates when contacting registries",
		.default_text = "true",
		.given_offset = OPTION_GIVEN(struct pull_command, flags.tls_verify_given)),
	OPTION_STRING("variant", 0, struct pull_command, flags.variant, "string",
		"use VARIANT instead of the running architecture variant for choosing images"),
	OPTION_END,
};

int pull_flags_apply(struct pull_flags *flags, struct pull_options *opts, struct error **err)
{
	const char *colon;

	if (flags->platform) {
		if (flags->os || flags->architecture)
			return error_set(err, ERR_USAGE,
				"--platform option can not be specified with --arch or --os");
		if (platform_parse(flags->platform, &flags->parsed, err) < 0)
			return -1;
		opts->os = flags->parsed.os;
		opts->architecture = flags->parsed.architecture;
		opts->variant = flags->parsed.variant;
	} else {
		opts->os = flags->os;
		opts->architecture = flags->architecture;
	}
	if (flags->variant)
		opts->variant = flags->variant;
	opts->authfile = flags->authfile;
	opts->cert_dir = flags->cert_dir;
	if (flags->creds) {
		colon = strchr(flags->creds, ':');
		if (!colon || colon == flags->creds)
			return error_set(
				err, ERR_USAGE, "--creds must have the form USERNAME:PASSWORD");
		flags->username = xstrndup(flags->creds, (size_t)(colon - flags->creds));
		opts->username = flags->username;
		opts->password = colon + 1;
	}
	opts->tls_verify_given = flags->tls_verify_given;
	opts->tls_verify = flags->tls_verify;
	return 0;
}

void pull_flags_clear(struct pull_flags *flags)
{
	platform_clear(&flags->parsed);
	free(flags->username);
}

extern const struct command command_pull;

/* docker's last lines of a pull. OLD: what the name was before, NULL nothing. */
static void add_docker_end(
	struct strbuf *out, const char *name, const struct image *old, const struct image *image)
{
	cleanup_free char *tagged = docker_tagged(name);

	strbuf_addf(out, "Digest: %s\nStatus: %s for %s\n", image->refs[0].manifest_digest,
		old && str_equal(old->id, image->id) ? "Image is up to date"
						     : "Downloaded newer image",
		tagged);
}

int pull_docker(struct store *store, const char *name, bool quiet, int fd,
	const struct pull_options *opts, struct image **ret, struct error **err)
{
	cleanup_progress struct progress *progress = progress_new(quiet);
	cleanup_strbuf struct strbuf end = STRBUF_INIT;
	cleanup_image struct image *old = NULL;
	cleanup_error struct error *absent = NULL; /* then everything is new */
	struct pull_options own = *opts;

	(void)image_resolve(store, name, &old, &absent);
	progress_to(progress, fd);
	own.events = progress_events(progress);
	if (image_pull(store, name, &own, ret, err) < 0) {
		cleanup_free char *tagged = docker_tagged(name);

		if ((*err)->kind == ERR_NOT_FOUND && opts->policy == PULL_NEVER)
			return error_docker(
				err, "Error response from daemon: No such image: %s", tagged);
		if ((*err)->kind == ERR_NOT_FOUND)
			return error_docker(err,
				"Error response from daemon: manifest for %s not found: manifest "
				"unknown: manifest unknown",
				tagged);
		return -1;
	}
	if (quiet)
		return 0;
	add_docker_end(&end, name, old, *ret);
	(void)write_all(fd, strbuf_str(&end), end.len); /* as all of the progress */
	return 0;
}

static int pull_one_docker(struct command_context *ctx, struct store *store, const char *name,
	bool quiet, const struct pull_options *opts, struct error **err)
{
	cleanup_image struct image *image = NULL;
	const char *slash = strrchr(name, '/');

	if (!quiet && !strpbrk(slash ? slash : name, ":@"))
		command_print(ctx, "Using default tag: latest\n");
	if (command_flush(ctx, err) < 0 ||
		pull_docker(store, name, quiet, STDOUT_FILENO, opts, &image, err) < 0)
		return -1;
	command_print(ctx, "%s\n", image->refs[0].reference ? image->refs[0].reference : image->id);
	return command_flush(ctx, err);
}

static int pull_all(struct command_context *ctx, char *const *names, bool quiet,
	const struct pull_options *opts, struct error **err)
{
	struct store *store;
	int status = 0;

	if (command_store(ctx, &store, err) < 0)
		return -1;
	for (; *names; names++) {
		cleanup_progress struct progress *progress = progress_new(quiet);
		cleanup_image struct image *image = NULL;
		cleanup_error struct error *one = NULL;
		struct pull_options own = *opts;

		own.events = progress_events(progress);
		if (docker_called()) {
			if (pull_one_docker(ctx, store, *names, quiet, opts, &one) < 0)
				status = command_report(&command_pull, one, status);
			continue;
		}
		if (image_pull(store, *names, &own, &image, &one) < 0) {
			status = command_report(&command_pull, one, status);
			continue;
		}
		command_print(ctx, "%s\n", image->id);
		if (command_flush(ctx, err) < 0)
			return -1;
	}
	image_users_collect(store, true);
	return status;
}

static int pull_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct pull_command cmd = {.policy = "always", .flags.tls_verify = true};
	struct pull_options opts = {0};
	int first, status = -1;

	if (options_parse(&command_pull, argc, argv, &cmd, &first, err) < 0)
		return -1;
	if (pull_policy_parse(cmd.policy, &opts.policy, err) == 0 &&
		pull_flags_apply(&cmd.flags, &opts, err) == 0)
		status = pull_all(ctx, argv + first, cmd.quiet, &opts, err);
	pull_flags_clear(&cmd.flags);
	return status;
}

const struct command command_pull = {
	.name = "pull",
	.summary = "pull an image from a registry",
	.description = "pulls images from a registry and stores them locally\n\n"
		       "An image can be pulled by tag or digest. If a tag is not specified, the "
		       "image with the 'latest' tag is pulled.",
	.operands = "IMAGE [IMAGE...]",
	.examples = "pod pull alpine\npod pull docker.io/library/debian:bookworm",
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGE,
	.options = options,
	.run = pull_run,
};
