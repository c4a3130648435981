#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"
#include "util/json.h"
#include "util/strbuf.h"

/*
 * One field table per listing: columns, --format (template, table template, json), --sort and -q
 * all come from it. A row is opaque; get functions turn it into text or JSON.
 */
struct table_field {
	const char *name;    /* template name: {{.Names}} */
	const char *heading; /* column heading "NAMES"; NULL: name in upper case */
	/* Text of the field for columns and templates; appended to OUT. NULL: only in the JSON
	 * form. */
	void (*text)(const void *row, struct strbuf *out);
	/* JSON value for --format json and {{json .}}; NULL: the text as a string. The writer
	 * writes exactly one value. json_name NULL: not part of the JSON form. */
	const char *json_name;
	void (*json)(const void *row, struct json_writer *w);
	/* For --sort; NULL: by text. */
	int (*compare)(const void *a, const void *b);
	/* Templates that do more than print the field (if, index, range, eq) see the JSON value and
	 * not the text. */
	bool typed;
	/* The field may be missing: left out of the JSON form when this says so. NULL: always
	 * there. */
	bool (*absent)(const void *row);
};

struct table {
	const struct table_field *fields; /* name NULL ends */
	const char *default_format;       /* "table {{.ID}}\t{{.Image}}..." */
};

struct table_options {
	const char *format; /* NULL: default_format; "json"; "table ..."; template */
	const char *sort;   /* field name, NULL as given */
	bool no_heading;
	/* docker's form: columns at least 10 wide with 3 between them, one JSON object a line
	 * instead of an array */
	bool docker;
};

/**
 * table_print() - ROWS[count] pointers, in order (sorted when asked), to OUT
 * A template is applied to each row and a newline added unless it ends in one; one that begins with
 * {{range is applied once, to the array of rows.
 * @err: ERR_INVALID: the template is malformed or names a field that is not there
 */
int table_print(const struct table *table, const void *const *rows, size_t count,
	const struct table_options *opts, struct strbuf *out, struct error **err);

/** table_row_json() - one row's JSON form as one value. */
void table_row_json(const struct table *table, const void *row, struct json_writer *w);

/** table_align() - TEXT with cells ended by tabs, in columns as Go's tabwriter makes them with
 * least width 12 and padding 2: what podman's listings look like. */
void table_align(const char *text, size_t len, struct strbuf *out);
