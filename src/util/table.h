#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"
#include "util/json.h"
#include "util/strbuf.h"

/*
 * One field table per listing: columns, --format (template, table template, json), --sort and -q all
 * come from it. A row is opaque; get functions turn it into text or JSON.
 */
struct table_field {
	const char *name;    /* template name: {{.Names}} */
	const char *heading; /* column heading "NAMES"; NULL: name in upper case */
	/* Text of the field for columns and templates; appended to OUT. */
	void (*text)(const void *row, struct strbuf *out);
	/* JSON value for --format json and {{json .}}; NULL: the text as a string. The writer writes
	 * exactly one value. json_name NULL: not part of the JSON form. */
	const char *json_name;
	void (*json)(const void *row, struct json_writer *w);
	/* For --sort; NULL: by text. */
	int (*compare)(const void *a, const void *b);
	bool numeric_right; /* reserved: podman aligns left everywhere */
};

struct table {
	const struct table_field *fields; /* name NULL ends */
	const char *default_format; /* "table {{.ID}}\t{{.Image}}..." */
};

struct table_options {
	const char *format; /* NULL: default_format; "json"; "table ..."; template */
	const char *sort;   /* field name, NULL as given */
	bool no_heading;
	bool json_lines; /* docker: one object a line instead of an array */
};

/** table_print() - ROWS[count] pointers, in order (sorted when asked), to OUT. */
int table_print(const struct table *table, const void *const *rows, size_t count,
	const struct table_options *opts, struct strbuf *out, struct error **err);
