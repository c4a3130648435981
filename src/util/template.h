#pragma once

#include "util/error.h"
#include "util/json.h"
#include "util/strbuf.h"

/*
 * Go's text/template as docker's and podman's --format uses it: actions with field chains,
 * variables, pipelines, if/else/else if, range (with $i, $v), break, continue, with, end, comments,
 * trimming
 * {{- -}}; functions and or not eq ne lt le gt ge len index slice print printf println json join
 * lower upper title split trim pad truncate. define, template and block are not there. The "table "
 * prefix is the table module's. Data is a JSON value.
 *
 * Fields are looked up by exact member name, then without regard to case. A missing field is an
 * error, as it is for Go's structs; of an object that is a map to Go (Labels, Annotations, ...) it
 * is
 * "<no value>". Objects print as Go prints maps. Numbers of different types may be compared.
 */
struct template;

#define TEMPLATE_TEXT_MAX   (64u << 10) /* bytes */
#define TEMPLATE_OUTPUT_MAX (16u << 20) /* bytes, per rendering */

/** template_parse() - TEXT, at most TEMPLATE_TEXT_MAX. Escapes \t and \n outside actions are
 * expanded, as docker does for --format. @err: ERR_INVALID "template: ...". */
int template_parse(const char *text, struct template **ret, struct error **err);

/**
 * template_render() - append the result for one value
 * @root_json: what {{json .}} prints for the value itself when that differs from it; NULL: the
 * value
 * @out: keeps what was written before an error
 * @err: ERR_INVALID; output and steps are bounded
 */
int template_render(const struct template *t, const struct json *value, const char *root_json,
	struct strbuf *out, struct error **err);
void template_free(struct template *t);
static inline void template_freep(struct template **t)
{
	template_free(*t);
}
#define cleanup_template __attribute__((cleanup(template_freep)))
