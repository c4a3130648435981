#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * One table per command is the only description of its options: parser, --help, manual page and
 * completions are made from it. Values go into the command's own struct. Docker/podman syntax: long
 * options with "=value" or a following value, booleans with an optional "=true|false", bundled
 * short flags, "--" ends options. Commands that run something (run, create, exec) stop at the first
 * operand.
 */

enum option_type {
	OPTION_TYPE_BOOL,     /* bool */
	OPTION_TYPE_STRING,   /* const char *; the last one wins */
	OPTION_TYPE_STRV,     /* char **: each occurrence appends (owned strv) */
	OPTION_TYPE_LIST,     /* char **: the same, a value is split at its commas */
	OPTION_TYPE_INT,      /* int */
	OPTION_TYPE_UINT32,   /* uint32_t */
	OPTION_TYPE_UINT64,   /* uint64_t */
	OPTION_TYPE_SIZE,     /* uint64_t bytes: "64m" */
	OPTION_TYPE_CALLBACK, /* int (*)(const struct option_spec *, const char *value, void *opts,
				 err) */
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

/* Small, since the tables of all commands are relocated at each start. */
struct option_spec {
	const char *name;  /* long */
	const char *value; /* "SECONDS" in help; NULL for bool */
	const char *help;
	const char *default_text; /* shown as (default ...); NULL none */
	const char *const *words; /* fixed choices, NULL-terminated; NULL free */
	int (*callback)(
		const struct option_spec *spec, const char *value, void *opts, struct error **err);
	uint16_t offset;
	uint16_t given_offset; /* a bool set to true when the option was given; 0: none, so never
				  the first member */
	enum option_type type : 8;
	enum complete_kind complete : 8;
	char short_name; /* 0 none */
	bool hidden;
};

/*
 * OPTION_*(name, short, struct type, member, [value name,] help [, .default_text = "10", ...])
 * store offsetof plus a _Generic check that the member has the right type. Further members of
 * struct option_spec may follow as designated initialisers: default_text, words, complete, hidden,
 * given_offset (OPTION_GIVEN(struct type, member)).
 */
#define OPTION_CHECK_(member_type, type, member)                                                   \
	(offsetof(type, member) +                                                                  \
		0 * sizeof(char[_Generic(&((type *)0)->member, member_type * : 1, default          \
					 : -1)]))
#define OPTION_VALUE_(kind, member_type, n, s, t, m, v, h, ...)                                    \
	{                                                                                          \
		.type = OPTION_TYPE_##kind, .name = n, .short_name = s,                            \
		.offset = OPTION_CHECK_(member_type, t, m), .value = v, .help = h, __VA_ARGS__     \
	}
#define OPTION_BOOL(n, s, t, m, h, ...) OPTION_VALUE_(BOOL, bool, n, s, t, m, NULL, h, __VA_ARGS__)
#define OPTION_STRING(n, s, t, m, v, h, ...)                                                       \
	OPTION_VALUE_(STRING, const char *, n, s, t, m, v, h, __VA_ARGS__)
#define OPTION_STRV(n, s, t, m, v, h, ...)                                                         \
	OPTION_VALUE_(STRV, char **, n, s, t, m, v, h, __VA_ARGS__)
/* as OPTION_STRV, each occurrence is a comma-separated list; an element with a comma is "quoted" */
#define OPTION_LIST(n, s, t, m, v, h, ...)                                                         \
	OPTION_VALUE_(LIST, char **, n, s, t, m, v, h, __VA_ARGS__)
#define OPTION_INT(n, s, t, m, v, h, ...) OPTION_VALUE_(INT, int, n, s, t, m, v, h, __VA_ARGS__)
#define OPTION_UINT32(n, s, t, m, v, h, ...)                                                       \
	OPTION_VALUE_(UINT32, uint32_t, n, s, t, m, v, h, __VA_ARGS__)
#define OPTION_UINT64(n, s, t, m, v, h, ...)                                                       \
	OPTION_VALUE_(UINT64, uint64_t, n, s, t, m, v, h, __VA_ARGS__)
#define OPTION_SIZE(n, s, t, m, v, h, ...)                                                         \
	OPTION_VALUE_(SIZE, uint64_t, n, s, t, m, v, h, __VA_ARGS__)
/* OPTION_CALLBACK(name, short, function, value name or NULL for a flag without value, help) */
#define OPTION_CALLBACK(n, s, f, v, h, ...)                                                        \
	{                                                                                          \
		.type = OPTION_TYPE_CALLBACK, .name = n, .short_name = s, .callback = f,           \
		.value = v, .help = h, __VA_ARGS__                                                 \
	}
#define OPTION_END                                                                                 \
	{                                                                                          \
		.type = OPTION_TYPE_END                                                            \
	}
#define OPTION_GIVEN(t, m) OPTION_CHECK_(bool, t, m)

struct command;

/**
 * options_parse() - ARGV into OPTS, and the number of operands checked against COMMAND
 * @argv: argv[0] is the command's full path ("pod container rm"), used in messages; permuted so
 * that operands follow the options, unless the command stops at its first operand
 * @opts: the struct that the command's table speaks of, filled with its defaults; NULL when the
 *        command has no options of its own
 * @ret_first: index of the first operand; operands reach to argc - 1
 * @err: ERR_USAGE, naming the option ("unknown flag: --foo")
 *
 * "--help" is answered by main before the command runs; it never gets here.
 * Strings in OPTS are borrowed from ARGV; string vectors are owned by OPTS.
 */
int options_parse(const struct command *command, int argc, char **argv, void *opts, int *ret_first,
	struct error **err);

/** options_hint() - podman's second line behind an ERR_USAGE: "See 'pod rm --help'". Returns -1. */
int options_hint(const char *path, struct error **err);

/**
 * options_take() - handle the option at argv[*i] by TABLE alone
 * @i: moved past the option and its value
 * @opts: NULL: only find where the option ends, store nothing
 * Bundled short flags must all be in TABLE.
 */
int options_take(const struct option_spec *table, int argc, char **argv, int *i, void *opts,
	struct error **err);

/**
 * options_take_global() - what may stand anywhere on the command line of COMMAND is taken out of
 * ARGV
 * @globals: table of long options that count wherever COMMAND has none of that name
 * @argc: shrinks by what was taken out
 * @ret_help: "--help" (or "-h" where the command has no such flag) was there
 * Faults in the command's own options are left for options_parse() to report.
 */
int options_take_global(const struct command *command, const struct option_spec *globals,
	void *global_opts, int *argc, char **argv, bool *ret_help, struct error **err);

/** option_by_name(), option_by_short() - NULL when TABLE (may be NULL) has none. */
const struct option_spec *option_by_name(
	const struct option_spec *table, const char *name, size_t len);
const struct option_spec *option_by_short(const struct option_spec *table, char c);
/** option_has_value() - false for flags. */
bool option_has_value(const struct option_spec *spec);
