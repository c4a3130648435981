#pragma once

#include "cmd/command.h"

/* What version, info and inspect share: printing one JSON document in the form asked for. */

#if defined(__x86_64__)
#define FACTS_ARCH "amd64"
#elif defined(__aarch64__)
#define FACTS_ARCH "arm64"
#elif defined(__riscv)
#define FACTS_ARCH "riscv64"
#elif defined(__powerpc64__)
#define FACTS_ARCH "ppc64le"
#elif defined(__s390x__)
#define FACTS_ARCH "s390x"
#elif defined(__i386__)
#define FACTS_ARCH "386"
#elif defined(__arm__)
#define FACTS_ARCH "arm"
#else
#define FACTS_ARCH "unknown"
#endif

/** facts_print() - TEXT, one JSON document, as FORMAT says: "json", or a Go template over it.
 * @err: ERR_INVALID */
int facts_print(
	struct command_context *ctx, const char *text, const char *format, struct error **err);

/** facts_print_rows() - what the inspect commands print: ROWS (JSON texts; NULL none) as one array,
 * or FORMAT (NULL or "json": the array) applied to each, a line each. @err: ERR_INVALID */
int facts_print_rows(
	struct command_context *ctx, char *const *rows, const char *format, struct error **err);

/**
 * inspect_names() - what the inspect commands print of the objects ARGV
 * @type:    "container", "image", "volume", or "all": the first of these that has the name
 * @command: for the exit status of what is not there, which is reported and passed over
 * @argc:    0: the latest container
 */
int inspect_names(struct command_context *ctx, const struct command *command, const char *type,
	const char *format, int argc, char **argv, struct error **err);

/** facts_print_yaml() - TEXT as podman info shows it without --format. */
int facts_print_yaml(struct command_context *ctx, const char *text, struct error **err);
