#pragma once

#include "cmd/command.h"

/* What completes a command line: gathered by cmd/complete.c (the walk along the line) and
 * cmd/complete_values.c (operands and options' values). */
struct completion {
	struct command_context *ctx;
	const struct command *command; /* what the line has led to */
	const char *prefix;            /* stands in front of every candidate: "--network=" or "" */
	const char *current; /* what has been typed behind it; only what begins so is offered */
	char *const *taken;  /* operands that stand there already; are not offered again */
	const char *files;   /* "files" or "directories" are to be offered, too; NULL: not */
};

/** complete_add() - offer WORD with a DESCRIPTION (NULL: none); what ends in '=', ':', ',' or '/'
 * gets no space from the shells. */
void complete_add(const struct completion *c, const char *word, const char *description);

/** complete_operand() - offer what may stand as the command's next operand. */
void complete_operand(struct completion *c);

/** complete_value() - offer values of the option SPEC: its words, else its kind, else what options
 * of this name take in every command. */
void complete_value(struct completion *c, const struct option_spec *spec);
