#pragma once

#include "util/error.h"

/**
 * program_path() - where one of our own helper programs ("pod-transfer", "pod-monitor") is
 * Looked for in POD_LIBEXECDIR (environment), in libexec/ beside the running program (a build
 * tree), in ../libexec/pod (an installed tree that was moved), then where `make install` put it.
 * @err: ERR_NOT_FOUND
 * Returns: the path, owned.
 */
char *program_path(const char *name, struct error **err);

/**
 * program_self() - the path of the running pod, for a monitor that executes it later; owned
 * The sealed copy (util/sealed.h) knows its original's from POD_PROGRAM in the environment.
 * @err: ERR_SYSTEM
 */
char *program_self(struct error **err);

/** What execve(2) put on the stack: the words of the command line and of the environment, each in
 * one piece, and where the stack began. */
struct program_area {
	char *args, *args_end, *env, *env_end, *stack;
};

/** program_remember_area() - to be called by main() with its own ARGV, unchanged, before setenv()
 */
void program_remember_area(char **argv);
/** program_area() - NULL: main() did not tell, or the program was executed without arguments. */
const struct program_area *program_area(void);
