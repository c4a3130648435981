#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/listing.h"
#include "network/network.h"
#include "util/mem.h"
#include "util/str.h"

char **listing_lines(const char *text)
{
	return *text ? str_split(text, '\n') : NULL;
}

/* One published port in parts; the text was written by us, a malformed one is left out. */
static bool next_port(const char **text, struct port_mapping *ret)
{
	while (**text) {
		size_t len = strcspn(*text, "\n");
		cleanup_free char *line = xstrndup(*text, len);
		cleanup_error struct error *ignored = NULL;

		*text += len + ((*text)[len] == '\n');
		if (port_mapping_parse(line, ret, &ignored) == 0)
			return true;
	}
	return false;
}

void listing_ports_text(const char *ports, struct strbuf *out)
{
	struct port_mapping p;
	bool first = true;

	while (next_port(&ports, &p)) {
		const char *ip = p.host_ip ? p.host_ip : "0.0.0.0";
		bool v6 = strchr(ip, ':') != NULL;

		strbuf_addf(out, "%s%s%s%s:", first ? "" : ", ", v6 ? "[" : "", ip, v6 ? "]" : "");
		first = false;
		if (p.choices) /* not started yet */
			strbuf_addf(out, "%u-%u->%u/%s", p.host_port, p.host_port + p.choices - 1u,
				p.container_port, p.udp ? "udp" : "tcp");
		else if (p.range > 1)
			strbuf_addf(out, "%u-%u->%u-%u/%s", p.host_port, p.host_port + p.range - 1u,
				p.container_port, p.container_port + p.range - 1u,
				p.udp ? "udp" : "tcp");
		else
			strbuf_addf(out, "%u->%u/%s", p.host_port, p.container_port,
				p.udp ? "udp" : "tcp");
		port_mapping_clear(&p);
	}
}

static bool is_published(const char *ports, const char *exposed)
{
	unsigned long number = strtoul(exposed, NULL, 10);
	bool udp = str_ends_with(exposed, "/udp"), found = false;
	struct port_mapping p;

	while (next_port(&ports, &p)) {
		found = found || (p.udp == udp && number >= p.container_port &&
					 number < (unsigned long)p.container_port + p.range);
		port_mapping_clear(&p);
	}
	return found;
}

void listing_exposed_text(const char *exposed, const char *ports, size_t start, struct strbuf *out)
{
	cleanup_strv char **list = listing_lines(exposed);

	for (char **one = list; one && *one; one++)
		if (!is_published(ports, *one))
			strbuf_addf(out, "%s%s", out->len > start ? ", " : "", *one);
}

void listing_ports_json(const char *ports, struct json_writer *w)
{
	struct port_mapping p;

	json_write_array_begin(w);
	while (next_port(&ports, &p)) {
		json_write_object_begin(w);
		json_put_string(w, "host_ip", p.host_ip ? p.host_ip : "");
		json_put_uint(w, "container_port", p.container_port);
		json_put_uint(w, "host_port", p.host_port);
		json_put_uint(w, "range", p.range);
		json_put_string(w, "protocol", p.udp ? "udp" : "tcp");
		json_write_object_end(w);
		port_mapping_clear(&p);
	}
	json_write_array_end(w);
}

void listing_joined(const char *text, const char *sep, struct strbuf *out)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			strbuf_addstr(out, sep);
		else
			strbuf_addch(out, *p);
	}
}

void listing_array(const char *text, struct json_writer *w)
{
	json_write_array_begin(w);
	while (*text) {
		size_t len = strcspn(text, "\n");

		json_write_string_n(w, text, len);
		text += len + (text[len] == '\n');
	}
	json_write_array_end(w);
}

void listing_labels_text(char *const *labels, struct strbuf *out)
{
	strbuf_addstr(out, "map[");
	for (size_t i = 0; labels && labels[i]; i++) {
		size_t len = strcspn(labels[i], "=");

		if (i)
			strbuf_addch(out, ' ');
		strbuf_add(out, labels[i], len);
		strbuf_addf(out, ":%s", labels[i][len] ? labels[i] + len + 1 : "");
	}
	strbuf_addch(out, ']');
}

void listing_labels_json(char *const *labels, struct json_writer *w)
{
	json_write_object_begin(w);
	for (size_t i = 0; labels && labels[i]; i++) {
		size_t len = strcspn(labels[i], "=");
		cleanup_free char *key = xstrndup(labels[i], len);

		json_put_string(w, key, labels[i][len] ? labels[i] + len + 1 : "");
	}
	json_write_object_end(w);
}

bool listing_has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");

		if (n == len && strncmp(p, line, len) == 0)
			return true;
		p += n + (p[n] == '\n');
	}
	return false;
}

static void add_visible(const char *text, size_t len, struct strbuf *out)
{
	size_t start = out->len;

	strbuf_add(out, text, len);
	for (size_t i = start; i < out->len; i++)
		if ((unsigned char)out->data[i] < ' ' || out->data[i] == 0x7f)
			out->data[i] = ' ';
}

void listing_visible(const char *text, struct strbuf *out)
{
	add_visible(text, strlen(text), out);
}

void listing_truncated(const char *text, size_t limit, struct strbuf *out)
{
	size_t len = 0, characters = 0;

	for (; text[len]; len++) {
		if ((text[len] & 0xc0) != 0x80 && characters++ == limit) {
			add_visible(text, len, out);
			strbuf_addstr(out, "...");
			return;
		}
	}
	add_visible(text, len, out);
}
