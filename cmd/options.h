#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * One table per command is the only description of its options: parser, --help, manual page and
 * completions are made from it. Values go into the command's own struct. Docker/podman syntax: long
 * options with "=value" or a following value, booleans with an optional "=true|false", bundled short
 * flags, "--" ends options. Commands that run something (run, create, exec) stop at the first operand.
 */

enum option_type {
	OPTION_TYPE_BOOL,   /* bool */
	OPTION_TYPE_STRING, /* const char *; the last one wins */
	OPTION_TYPE_STRV,   /* char **: each occurrence appends (owned strv) */
	OPTION_TYPE_INT,    /* int */
	OPTION_TYPE_UINT32, /* uint32_t */
	OPTION_TYPE_UINT64, /* uint64_t */
	OPTION_TYPE_SIZE,   /* uint64_t bytes: "64m" */
	OPTION_TYPE_CALLBACK, /* int (*)(const struct option_spec *, const char *value, void *opts, err) */
	OPTION_TYPE_END,
};

/* What completes an operand or an option's value. */
enum complete_kind {
	COMPLETE_NONE,
	COMPLETE_CONTAINER,
	COMPLETE_RUNNING,
	COMPLETE_IMAGE,
	COMPLETE_VOLUME,
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_WORDS, /* option_spec.words */
};

struct option_spec {
	enum option_type type;
	const char *name; /* long */
	char short_name;  /* 0 none */
	size_t offset;
	const char *value;   /* "SECONDS" in help; NULL for bool */
	const char *help;
	const char *default_text; /* shown as (default ...); NULL none */
	const char *const *words; /* fixed choices, NULL-terminated; NULL free */
	enum complete_kind complete;
	bool hidden;
	/* set to true at this offset when the option was given; SIZE_MAX none */
	size_t given_offset;
	int (*callback)(const struct option_spec *spec, const char *value, void *opts,
		struct error **err);
};

/* OPTION_*(name, short, struct type, member, [value name,] help) store offsetof plus a _Generic check
 * that the member has the right type. */
#define OPTION_CHECK_(member_type, type, member)                                                   \
	(offsetof(type, member) +                                                                  \
		0 * sizeof(char[_Generic(&((type *)0)->member, member_type * : 1, default : -1)]))
#define OPTION_BOOL(n, s, t, m, h)                                                                 \
	{.type = OPTION_TYPE_BOOL, .name = n, .short_name = s, .offset = OPTION_CHECK_(bool, t, m), \
		.help = h, .given_offset = SIZE_MAX}
#define OPTION_STRING(n, s, t, m, v, h)                                                            \
	{.type = OPTION_TYPE_STRING, .name = n, .short_name = s,                                   \
		.offset = OPTION_CHECK_(const char *, t, m), .value = v, .help = h,                \
		.given_offset = SIZE_MAX}
#define OPTION_STRV(n, s, t, m, v, h)                                                              \
	{.type = OPTION_TYPE_STRV, .name = n, .short_name = s,                                     \
		.offset = OPTION_CHECK_(char **, t, m), .value = v, .help = h,                     \
		.given_offset = SIZE_MAX}
#define OPTION_INT(n, s, t, m, v, h)                                                               \
	{.type = OPTION_TYPE_INT, .name = n, .short_name = s, .offset = OPTION_CHECK_(int, t, m),  \
		.value = v, .help = h, .given_offset = SIZE_MAX}
#define OPTION_UINT32(n, s, t, m, v, h)                                                            \
	{.type = OPTION_TYPE_UINT32, .name = n, .short_name = s,                                   \
		.offset = OPTION_CHECK_(uint32_t, t, m), .value = v, .help = h,                    \
		.given_offset = SIZE_MAX}
#define OPTION_UINT64(n, s, t, m, v, h)                                                            \
	{.type = OPTION_TYPE_UINT64, .name = n, .short_name = s,                                   \
		.offset = OPTION_CHECK_(uint64_t, t, m), .value = v, .help = h,                    \
		.given_offset = SIZE_MAX}
#define OPTION_SIZE(n, s, t, m, v, h)                                                              \
	{.type = OPTION_TYPE_SIZE, .name = n, .short_name = s,                                     \
		.offset = OPTION_CHECK_(uint64_t, t, m), .value = v, .help = h,                    \
		.given_offset = SIZE_MAX}
#define OPTION_END                                                                                 \
	{                                                                                          \
		.type = OPTION_TYPE_END                                                            \
	}

struct command;

/**
 * options_parse() - ARGV (argv[0] is the command's name) into OPTS
 * @ret_first: index of the first operand
 * ARGV is permuted so that operands follow, unless the command stops at the first operand.
 * "--help" prints the help and is answered by returning 1: the command then ends with status 0.
 * @err: ERR_USAGE, naming the option ("unknown flag: --foo")
 */
int options_parse(const struct command *command, int argc, char **argv, void *opts, int *ret_first,
	struct error **err);
