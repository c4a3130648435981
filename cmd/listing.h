#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/json.h"
#include "util/strbuf.h"

/* What the listings print alike. Lists come as the container index keeps them: joined by '\n'. */

/** listing_ports_text() - "0.0.0.0:8080->80/tcp, 127.0.0.1:53->53/udp" from docker's -p texts. */
void listing_ports_text(const char *ports, struct strbuf *out);
/** listing_exposed_text() - what of EXPOSED ("80/tcp") PORTS does not publish, behind what OUT has
 * since START. */
void listing_exposed_text(const char *exposed, const char *ports, size_t start, struct strbuf *out);
/** listing_ports_json() - podman's array of {host_ip, container_port, host_port, range, protocol}.
 */
void listing_ports_json(const char *ports, struct json_writer *w);

/** listing_joined() - the lines of TEXT joined by SEP. */
void listing_joined(const char *text, const char *sep, struct strbuf *out);
/** listing_array() - the lines of TEXT as an array of strings. */
void listing_array(const char *text, struct json_writer *w);

/** listing_labels_text() - "map[k:v k2:v2]" from "k=v" lines. */
void listing_labels_text(char *const *labels, struct strbuf *out);
/** listing_labels_json() - an object; a label without '=' has the value "". */
void listing_labels_json(char *const *labels, struct json_writer *w);
/** listing_lines() - the lines of TEXT; NULL when there are none; owned. */
char **listing_lines(const char *text);

/** listing_has_line() - one of the lines of TEXT is LINE. */
bool listing_has_line(const char *text, const char *line);

/** listing_visible() - TEXT in one line of a table: what an image or a user brought must neither
 * break the columns nor steer the terminal, so control characters become spaces. */
void listing_visible(const char *text, struct strbuf *out);

/** listing_truncated() - as listing_visible(), at most LIMIT characters, with "..." when more were
 * there. */
void listing_truncated(const char *text, size_t limit, struct strbuf *out);
