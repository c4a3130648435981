#pragma once

#include "cmd/command.h"
#include "util/strbuf.h"

/* docker's JSON shapes, made from pod's own documents. */

/**
 * docker_shape() - TEXT, what inspect says of an object, in docker's shape
 * @type: "container", "image" or "volume"; others are left alone
 * @typed: for a template, which prints Go's nil lists and maps as empty ones; else they are null
 * @text: replaced
 */
int docker_shape(const char *type, bool typed, struct strbuf *text, struct error **err);

/** docker_print_version() - FORMAT NULL: docker's text. */
int docker_print_version(struct command_context *ctx, const char *format, struct error **err);

/** docker_print_info() - FACTS: pod's info as JSON. FORMAT NULL: docker's text. */
int docker_print_info(
	struct command_context *ctx, const char *facts, const char *format, struct error **err);
