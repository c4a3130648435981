#pragma once

#include "cmd/command.h"

/**
 * prompt_line() - print PROMPT and read one line from standard input
 * @ret: without the line end, owned
 * @err: ERR_USAGE at end of file before any character, ERR_INVALID (over 64 KiB), ERR_SYSTEM
 * Reads byte by byte: what follows the line is not taken.
 */
int prompt_line(struct command_context *ctx, const char *prompt, char **ret, struct error **err);

/**
 * prompt_secret() - the same without echo where standard input is a terminal
 * A signal that ends or stops us meanwhile finds the terminal restored.
 */
int prompt_secret(struct command_context *ctx, const char *prompt, char **ret, struct error **err);
