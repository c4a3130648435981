#pragma once

#include "image/image.h"

/* The options of pull that run and create share. */
struct pull_flags {
	const char *authfile, *cert_dir, *creds, *platform, *os, *architecture, *variant;
	bool tls_verify, tls_verify_given;
	struct platform parsed; /* made by pull_flags_apply() */
	char *username;
};

/** pull_flags_apply() - into OPTS, which borrows from FLAGS. @err: ERR_USAGE */
int pull_flags_apply(struct pull_flags *flags, struct pull_options *opts, struct error **err);
void pull_flags_clear(struct pull_flags *flags);

/** pull_docker() - image_pull() with docker's lines, first to last but the reference, to FD. Errors
 * have docker's words. */
int pull_docker(struct store *store, const char *name, bool quiet, int fd,
	const struct pull_options *opts, struct image **ret, struct error **err);
