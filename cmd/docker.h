#pragma once

#include <stdbool.h>

#include "cmd/command.h"

/*
 * docker's name: the same program called as "docker". The command line is translated into pod's
 * (docker_command_line()) with docker's own commands, options and operands as the measure; what is
 * printed differs where docker_called() says so. One table of names (docker_reference.def) and one
 * of exceptions (docker_notes.def) decide, and doc/docker.md is made from them and from the option
 * tables.
 */

/* The version of docker whose words are spoken, and of its API. */
#define DOCKER_VERSION     "20.10.24"
#define DOCKER_API_VERSION "1.41"

/** docker_set_called() - once, by main, before anything else. */
void docker_set_called(void);
/** docker_called() - the program was called as docker. */
bool docker_called(void);

/**
 * docker_command_line() - translate docker's command line into pod's
 * @argv:      as given; borrowed words, argv[0] included
 * @ret_words: the translated line, NULL-terminated, owned; NULL when nothing is left to do, for
 *             help or the version was printed
 * @err:       ERR_USAGE: docker has no such command or option; ERR_UNSUPPORTED: docker has it, this
 *             version does not
 */
int docker_command_line(
	struct command_context *ctx, int argc, char **argv, char ***ret_words, struct error **err);

/** docker_exit_status() - 125 for run, flags and what is refused by name; 126 and 127 as pod;
 * else 1.
 */
int docker_exit_status(const struct command *command, const struct error *e);
/** docker_print_error() - COMMAND may be NULL. */
void docker_print_error(const struct command *command, const struct error *e);

/** docker_words() - TEXT, in which commands are named as "pod X", with "docker X" where docker has
 * X and so does pod; owned. */
char *docker_words(const char *text);

/** docker_complete() - `docker __complete`: what is offered for the last of COUNT words. */
void docker_complete(struct command_context *ctx, char **words, size_t count);

/** docker_familiar() - a stored reference as docker shows it: "busybox:latest" for
 * "docker.io/library/busybox:latest", "localhost/x" as "x". Borrowed from REFERENCE. */
const char *docker_familiar(const char *reference);

/** docker_image_name() - what docker's listings of containers call an image: GIVEN, as it was
 * typed; where that is not known (NULL or ""), the stored REFERENCE in short, without ":latest". */
void docker_image_name(const char *given, const char *reference, struct strbuf *out);
/** docker_tagged() - the name as docker repeats it: familiar, with ":latest" where it has neither
 * tag nor digest; owned. */
char *docker_tagged(const char *name);
/** docker_ellipsis() - at most LIMIT characters of TEXT, the last one an ellipsis if more were
 * there. */
void docker_ellipsis(const char *text, size_t limit, struct strbuf *out);

struct image_removal;
/** docker_removal_lines() - "untagged: busybox:latest", "deleted: sha256:..."; owned, may be NULL.
 */
char **docker_removal_lines(const struct image_removal *removal);
/** docker_print_pruned() - what docker's prune commands print: "Deleted WHAT:", LINES, and how much
 * less there is than HAD bytes. */
int docker_print_pruned(struct command_context *ctx, const char *what, char *const *lines,
	uint64_t had, struct error **err);

/* docker_reference.def, read. */
struct docker_command {
	const char *path;     /* "container run"; "" is docker itself */
	const char *operands; /* as in its usage line; NULL: a group of commands */
	const char *options;  /* words "[c,]name[=type]" */
	const char *alias_of; /* another path; then the rest is NULL */
};

struct docker_option {
	char short_name; /* 0 none */
	char name[48];
	char type[24]; /* "" for a flag */
};

enum docker_state {
	DOCKER_WORKS,
	DOCKER_RENAMED, /* translated into pod's option of another name */
	DOCKER_DROPPED, /* a flag that asks for what is so anyway; "=false" is refused */
	DOCKER_DIFFERS, /* works, with a difference that doc/docker.md names */
	DOCKER_REFUSED,
};

extern const struct docker_command docker_commands[]; /* path NULL ends; sorted */

/* Programs of their own that docker's client starts for a command; refused. */
struct docker_plugin {
	const char *name, *instead; /* name NULL ends */
};
extern const struct docker_plugin docker_plugins[];

/** docker_command_find() - PATH's row, aliases followed; NULL when docker has no such command. */
const struct docker_command *docker_command_find(const char *path);
/** docker_target() - what PATH is here; NULL: not available, *ret_instead (may be NULL) what to do.
 * ret_instead NULL: not asked. */
const struct command *docker_target(const char *path, const char **ret_instead);
/** docker_subcommand() - the name of ROW below the group PATH ("" is docker itself); NULL: it is no
 * command of that group. */
const char *docker_subcommand(const struct docker_command *row, const char *path);
/** docker_option_next() - for (const char *p = row->options; docker_option_next(&p, &o);) */
bool docker_option_next(const char **options, struct docker_option *ret);
/** docker_option_state() - what becomes of OPTION; *ret_text: the other name, the difference, or
 * why not; NULL: nothing to say. */
enum docker_state docker_option_state(const struct docker_command *row,
	const struct command *target, const char *option, const char **ret_text);
