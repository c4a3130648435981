#pragma once

#include "cmd/options.h"
#include "storage/store.h"
#include "util/error.h"
#include "util/strbuf.h"

/* What every command gets: global options, the store opened on first use, buffered stdout. */
struct command_context {
	const char *program; /* "pod", or "docker", "pod-oci" when called so */
	const char *root, *runroot, *storage_driver, *log_level,
		*cgroup_manager;        /* global options; NULL default */
	char *const *command_line;      /* as it was given, global options included */
	struct store *store;            /* NULL until command_store() */
	struct strbuf out;              /* flushed by main; command_flush() earlier */
	const struct command *in_group; /* the innermost group that has options of its own */
	void *group;                    /* these */
};

struct command {
	const char *name;
	const char *summary;
	const char *description;        /* longer, for help and man page; NULL: the summary */
	const char *operands;           /* "CONTAINER [CONTAINER...]" */
	const char *examples;           /* lines, for help and man page */
	int min_operands, max_operands; /* max -1: unbounded */
	bool stop_at_operand; /* run, create, exec: what follows the first operand is not ours */
	enum complete_kind complete;
	const struct option_spec *options;
	int exit_status[ERR_KIND_COUNT]; /* 0: 125 */
	/* Returns the exit status (0..255), or -1 with err. NULL for a group of commands. */
	int (*run)(struct command_context *ctx, int argc, char **argv, struct error **err);
	const struct command_entry *subcommands; /* name NULL ends; NULL: not a group */
	/* Of a group with options of its own in place of the global ones: the size of their struct,
	 * which ctx->group then is, and what is done once those before the command's name are read.
	 * Returns 1 to go on, else the exit status (0), or -1. */
	size_t group_size;
	int (*group_begin)(struct command_context *ctx, const char *path, struct error **err);
	/* what else is done with an error than to print it */
	void (*group_report)(struct command_context *ctx, const struct error *e);
};

/* How a command is called within a group. One command may have several: "ps", "container ls". */
struct command_entry {
	const char *name;
	const struct command *command; /* NULL: docker or podman have it, this version does not */
	const char *instead;           /* for those: what to do meanwhile; NULL nothing */
	bool hidden; /* works, is not listed in help (second spellings, internals) */
};

/* The top of the tree (cmd/commands.c): every command file's `const struct command command_x` is
 * named there, once under its short form ("ps") and again in its group ("container ls"). */
extern const struct command command_root;

/** command_find() - the entry NAME of GROUP, NULL when there is none. */
const struct command_entry *command_find(const struct command *group, const char *name);

/* Options that every command takes, before and after its name. */
struct global_options {
	const char *root, *runroot, *storage_driver, *log_level, *cgroup_manager;
	bool version;
};
extern const struct option_spec global_options[];

/** command_store() - the store, opened once. */
int command_store(struct command_context *ctx, struct store **ret, struct error **err);
void command_print(struct command_context *ctx, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** command_flush() - write what is buffered; a closed pipe ends the program quietly. */
int command_flush(struct command_context *ctx, struct error **err);
/** command_report() - for commands over several objects: print "Error: ..." at once and return the
 * exit status to end with (the first failure's, from the command's table). */
int command_report(const struct command *command, const struct error *one, int status);
/** command_exit_status() - what ERROR means for COMMAND (NULL: before any command was known): its
 * table's entry, else 126 and 127 for the contained command's, else 125. */
int command_exit_status(const struct command *command, const struct error *e);
/** command_print_error() - "Error: ..." on stderr; with command_report() and main the only place.
 */
void command_print_error(const struct error *e);
/** command_help() - podman's layout. PATH is how the command was called: "pod container rm". */
void command_help(struct command_context *ctx, const struct command *command, const char *path);
