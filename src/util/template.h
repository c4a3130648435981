#pragma once

#include "util/error.h"
#include "util/json.h"
#include "util/strbuf.h"

/*
 * Go's text/template as docker's and podman's --format uses it: actions with field chains, variables,
 * pipelines, if/else/else if, range (with $i, $v), with, end, define-less; functions and or not eq ne
 * lt le gt ge len index slice print printf println html-less; json join lower upper title split trim
 * pad truncate and the "table " prefix (handled by the table module). Data is a JSON value.
 * Field look-up is by exact member name, then without regard to case. A missing field of an object is
 * an error as in Go for structs, "<no value>" for maps.
 */
struct template;

/** template_parse() - TEXT, at most 64 KiB. Escapes \t and \n outside actions are expanded, as docker
 * does for --format. @err: ERR_INVALID "template: ...". */
int template_parse(const char *text, struct template **ret, struct error **err);
/** template_render() - append the result for one value. @err: ERR_INVALID; bounded in output (16 MiB)
 * and steps. */
int template_render(const struct template *t, const struct json *value, struct strbuf *out,
	struct error **err);
void template_free(struct template *t);
