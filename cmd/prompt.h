#pragma once

#include <stdbool.h>

#include "cmd/command.h"

/**
 * prompt_confirm() - print what is in ctx->out, ask "Are you sure you want to continue? [y/N] "
 * Anything but a line that begins with y or Y is no; so is end of file.
 */
int prompt_confirm(struct command_context *ctx, bool *ret_yes, struct error **err);
