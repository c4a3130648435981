#include "config.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"
#include "util/table.h"
#include "util/template.h"

#define COLUMNS_MAX 256

struct spacing {
	size_t min_width, padding;
};

static const struct spacing podman_spacing = {12, 2}, docker_spacing = {10, 3};

/* ---- columns ---- */

struct cell {
	const char *text;
	size_t len, width; /* bytes, characters */
};

struct line {
	struct cell *cells;
	size_t count;
};

struct aligner {
	struct line *lines;
	size_t line_count;
	size_t widths[COLUMNS_MAX];
	size_t width_count;
	const struct spacing *spacing;
	struct strbuf *out;
};

static void write_lines(struct aligner *a, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct line *line = &a->lines[i];

		for (size_t j = 0; j < line->count; j++) {
			const struct cell *cell = &line->cells[j];

			strbuf_add(a->out, cell->text, cell->len);
			if (j < a->width_count)
				strbuf_pad(a->out, ' ', a->widths[j] - cell->width);
		}
		if (i + 1 < a->line_count)
			strbuf_addch(a->out, '\n');
	}
}

/* A column is a run of lines that have a tab behind that cell; each run has its own width. */
static void format_lines(struct aligner *a, size_t from, size_t to)
{
	size_t column = a->width_count;

	for (size_t i = from; i < to; i++) {
		size_t width = a->spacing->min_width;

		if (column + 1 >= a->lines[i].count)
			continue;
		write_lines(a, from, i);
		from = i;
		for (; i < to && column + 1 < a->lines[i].count; i++)
			width = MAX(width, a->lines[i].cells[column].width + a->spacing->padding);
		a->widths[a->width_count++] = width;
		format_lines(a, from, i);
		a->width_count--;
		from = i;
	}
	write_lines(a, from, to);
}

/* Characters: bytes that do not continue one. Mostly there are none that do. */
static size_t display_width(const char *s, size_t len)
{
	size_t width = len;

	for (; len >= sizeof(uint64_t); s += sizeof(uint64_t), len -= sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, s, sizeof(word));
		if (!(word & UINT64_C(0x8080808080808080)))
			continue;
		for (size_t i = 0; i < sizeof(word); i++)
			width -= (s[i] & 0xc0) == 0x80;
	}
	for (size_t i = 0; i < len; i++)
		width -= (s[i] & 0xc0) == 0x80;
	return width;
}

/* Every line with the same number of cells, which is the rule: one width per column, and no memory
 * but the output. False: they differ, nothing was done. */
static bool align_uniform(
	const char *text, const char *end, const struct spacing *spacing, struct strbuf *out)
{
	size_t widths[COLUMNS_MAX], columns = 0;

	if (text == end || end[-1] != '\n')
		return false;
	for (const char *p = text; *p != '\n'; p++)
		columns += *p == '\t';
	if (!columns || columns > COLUMNS_MAX)
		return false;
	for (size_t i = 0; i < columns; i++)
		widths[i] = spacing->min_width;
	for (const char *p = text; p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p)), *tab;
		size_t column = 0;

		for (; (tab = memchr(p, '\t', (size_t)(stop - p))); p = tab + 1, column++) {
			if (column == columns)
				return false;
			widths[column] = MAX(widths[column],
				display_width(p, (size_t)(tab - p)) + spacing->padding);
		}
		if (column != columns)
			return false;
		p = stop + 1;
	}
	for (const char *p = text; p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		for (size_t column = 0; column < columns; column++) {
			size_t len =
				(size_t)((const char *)memchr(p, '\t', (size_t)(stop - p)) - p);

			strbuf_add(out, p, len);
			strbuf_pad(out, ' ', widths[column] - display_width(p, len));
			p += len + 1;
		}
		strbuf_add(out, p, (size_t)(stop + 1 - p));
		p = stop + 1;
	}
	return true;
}

static void align(const char *text, size_t len, const struct spacing *spacing, struct strbuf *out)
{
	const char *p = text, *end = text + len;
	struct aligner a = {.spacing = spacing, .out = out};
	size_t cell_count = 1, line_count = 1, used = 0;
	cleanup_free struct cell *cells = NULL;
	cleanup_free struct line *lines = NULL;

	if (align_uniform(text, end, spacing, out))
		return;
	for (const char *s = text; s < end; s++) {
		cell_count += *s == '\t' || *s == '\n';
		line_count += *s == '\n';
	}
	cells = xcalloc(cell_count, sizeof(*cells));
	lines = xcalloc(line_count, sizeof(*lines));
	for (size_t i = 0; i < line_count; i++) {
		lines[i].cells = &cells[used];
		for (;;) {
			const char *stop = p;

			while (stop < end && *stop != '\n' &&
				(*stop != '\t' || lines[i].count >= COLUMNS_MAX))
				stop++;
			cells[used++] = (struct cell){
				p, (size_t)(stop - p), display_width(p, (size_t)(stop - p))};
			lines[i].count++;
			p = stop < end ? stop + 1 : end;
			if (stop == end || *stop == '\n')
				break;
		}
	}
	strbuf_reserve(out, len * 2);
	a.lines = lines;
	a.line_count = line_count;
	format_lines(&a, 0, line_count);
}

void table_align(const char *text, size_t len, struct strbuf *out)
{
	align(text, len, &podman_spacing, out);
}

/* ---- rows ---- */

static const struct table_field *find_field(const struct table *table, const char *name, size_t len)
{
	for (const struct table_field *f = table->fields; f->name; f++)
		if (f->text && strncmp(f->name, name, len) == 0 && !f->name[len])
			return f;
	for (const struct table_field *f = table->fields; f->name; f++)
		if (f->text && strncasecmp(f->name, name, len) == 0 && !f->name[len])
			return f;
	return NULL;
}

static void add_heading(const struct table_field *field, struct strbuf *out)
{
	if (field->heading) {
		strbuf_addstr(out, field->heading);
		return;
	}
	for (const char *p = field->name; *p; p++)
		strbuf_addch(out, (char)toupper((unsigned char)*p));
}

static void write_field(const struct table_field *field, const void *row, struct json_writer *w)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (field->json) {
		field->json(row, w);
		return;
	}
	field->text(row, &text);
	json_write_string_n(w, strbuf_str(&text), text.len);
}

void table_row_json(const struct table *table, const void *row, struct json_writer *w)
{
	json_write_object_begin(w);
	for (const struct table_field *f = table->fields; f->name; f++) {
		if (!f->json_name || (f->absent && f->absent(row)))
			continue;
		json_write_key(w, f->json_name);
		write_field(f, row, w);
	}
	json_write_object_end(w);
}

/* What a template sees: texts, but for typed fields; ROW NULL: the headings. */
static void write_template_row(const struct table *table, const void *row, struct json_writer *w)
{
	json_write_object_begin(w);
	for (const struct table_field *f = table->fields; f->name; f++) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		if (!f->text)
			continue;
		json_write_key(w, f->name);
		if (row && f->typed) {
			write_field(f, row, w);
			continue;
		}
		if (row)
			f->text(row, &text);
		else
			add_heading(f, &text);
		json_write_string_n(w, strbuf_str(&text), text.len);
		/* {{.Label "key"}} needs the labels themselves. */
		if (row && f->json && strcmp(f->name, "Labels") == 0) {
			json_write_key(w, "_labels");
			f->json(row, w);
		}
	}
	json_write_object_end(w);
}

/* A template of nothing but text and {{.Field}} needs no JSON: the usual case, and the fast one. */
struct piece {
	const struct table_field *field; /* NULL: text */
	const char *text;
	size_t len;
};

struct simple {
	struct piece *pieces;
	size_t count, capacity;
};

static void simple_add(struct simple *s, struct piece piece)
{
	if (!piece.field && !piece.len)
		return;
	array_grow(s->pieces, s->count, s->capacity);
	s->pieces[s->count++] = piece;
}

/* TEXT has its escapes expanded. Returns false when it is not that simple. */
static bool simple_parse(const struct table *table, const char *text, struct simple *s)
{
	const char *p = text;

	for (;;) {
		const char *open = strstr(p, "{{"), *name;
		const struct table_field *field;
		size_t len;

		simple_add(s, (struct piece){NULL, p, open ? (size_t)(open - p) : strlen(p)});
		if (!open)
			return true;
		p = open + 2;
		p += strspn(p, " ");
		if (*p != '.')
			return false;
		name = p + 1;
		for (len = 0; isalnum((unsigned char)name[len]) || name[len] == '_'; len++)
			;
		p = name + len;
		p += strspn(p, " ");
		field = len ? find_field(table, name, len) : NULL;
		if (!field || p[0] != '}' || p[1] != '}')
			return false;
		simple_add(s, (struct piece){.field = field});
		p += 2;
	}
}

static void simple_render(const struct simple *s, const void *row, struct strbuf *out)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct piece *piece = &s->pieces[i];

		if (!piece->field)
			strbuf_add(out, piece->text, piece->len);
		else if (row)
			piece->field->text(row, out);
		else
			add_heading(piece->field, out);
	}
}

static char *expand_escapes(const char *text)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	bool inside = false;

	for (const char *p = text; *p; p++) {
		if (p[0] == '{' && p[1] == '{')
			inside = true;
		else if (p[0] == '}' && p[1] == '}')
			inside = false;
		if (!inside && p[0] == '\\' && (p[1] == 't' || p[1] == 'n'))
			strbuf_addch(&sb, *++p == 't' ? '\t' : '\n');
		else
			strbuf_addch(&sb, *p);
	}
	return strbuf_detach(&sb);
}

static int render_row(const struct table *table, const struct template *t, const void *row,
	struct strbuf *out, struct error **err)
{
	cleanup_strbuf struct strbuf data = STRBUF_INIT, form = STRBUF_INIT;
	struct json_writer w = json_writer_init(&data, 0), w_form = json_writer_init(&form, 0);
	cleanup_json struct json_document *doc = NULL;
	struct json root;

	write_template_row(table, row, &w);
	if (row)
		table_row_json(table, row, &w_form);
	if (json_parse(strbuf_str(&data), data.len, "row", &doc, &root, err) < 0)
		return -1;
	return template_render(t, &root, row ? strbuf_str(&form) : NULL, out, err);
}

static int render_all(const struct table *table, const struct template *t, const void *const *rows,
	size_t count, struct strbuf *out, struct error **err)
{
	cleanup_strbuf struct strbuf data = STRBUF_INIT;
	struct json_writer w = json_writer_init(&data, 0);
	cleanup_json struct json_document *doc = NULL;
	struct json root;

	json_write_array_begin(&w);
	for (size_t i = 0; i < count; i++)
		write_template_row(table, rows[i], &w);
	json_write_array_end(&w);
	if (json_parse(strbuf_str(&data), data.len, "rows", &doc, &root, err) < 0)
		return -1;
	return template_render(t, &root, NULL, out, err);
}

static void end_line(struct strbuf *out, size_t start)
{
	if (out->len == start || out->data[out->len - 1] != '\n')
		strbuf_addch(out, '\n');
}

static int print_template(const struct table *table, const void *const *rows, size_t count,
	const char *text, bool heading, struct strbuf *out, struct error **err)
{
	cleanup_free char *expanded = expand_escapes(text);
	cleanup_template struct template *t = NULL;
	struct simple simple = {0};
	bool is_simple = simple_parse(table, expanded, &simple);
	int status = 0;

	if (!is_simple && template_parse(text, &t, err) < 0)
		status = -1;
	if (status == 0 && !is_simple &&
		(str_starts_with(text, "{{range") || str_starts_with(text, "{{ range"))) {
		status = render_all(table, t, rows, count, out, err);
		count = 0;
		heading = false;
	}
	if (status == 0 && heading) {
		size_t start = out->len;

		if (is_simple)
			simple_render(&simple, NULL, out);
		else
			status = render_row(table, t, NULL, out, err);
		end_line(out, start);
	}
	for (size_t i = 0; status == 0 && i < count; i++) {
		size_t start = out->len;

		if (is_simple)
			simple_render(&simple, rows[i], out);
		else
			status = render_row(table, t, rows[i], out, err);
		end_line(out, start);
	}
	free(simple.pieces);
	return status;
}

/* ---- sorting ---- */

struct sort_key {
	const void *row;
	char *text;
	size_t index; /* equal rows keep their order */
	const struct table_field *field;
};

static int compare_keys(const void *a, const void *b)
{
	const struct sort_key *x = a, *y = b;
	int order =
		x->field->compare ? x->field->compare(x->row, y->row) : strcmp(x->text, y->text);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int sort_rows(const struct table *table, const char *name, const void **rows, size_t count,
	struct error **err)
{
	const struct table_field *field = find_field(table, name, strlen(name));
	cleanup_free struct sort_key *keys = NULL;

	if (!field)
		return error_set(err, ERR_USAGE, "cannot sort by '%s'", name);
	keys = xcalloc(count + 1, sizeof(*keys));
	for (size_t i = 0; i < count; i++) {
		keys[i] = (struct sort_key){.row = rows[i], .index = i, .field = field};
		if (!field->compare) {
			struct strbuf text = STRBUF_INIT;

			field->text(rows[i], &text);
			keys[i].text = strbuf_detach(&text);
		}
	}
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < count; i++) {
		rows[i] = keys[i].row;
		free(keys[i].text);
	}
	return 0;
}

static void print_json(const struct table *table, const void *const *rows, size_t count,
	bool json_lines, struct strbuf *out)
{
	if (json_lines) {
		for (size_t i = 0; i < count; i++) {
			struct json_writer w = json_writer_init(out, 0);

			table_row_json(table, rows[i], &w);
			strbuf_addch(out, '\n');
		}
	} else {
		struct json_writer w = json_writer_init(out, 2);

		json_write_array_begin(&w);
		for (size_t i = 0; i < count; i++)
			table_row_json(table, rows[i], &w);
		json_write_array_end(&w);
		strbuf_addch(out, '\n');
	}
}

int table_print(const struct table *table, const void *const *rows, size_t count,
	const struct table_options *opts, struct strbuf *out, struct error **err)
{
	const char *format = opts->format ? opts->format : table->default_format, *rest;
	cleanup_free const void **sorted = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (opts->sort) {
		sorted = xcalloc(count + 1, sizeof(*sorted));
		if (count)
			memcpy(sorted, rows, count * sizeof(*sorted));
		if (sort_rows(table, opts->sort, sorted, count, err) < 0)
			return -1;
		rows = sorted;
	}
	if (strcmp(format, "json") == 0) {
		print_json(table, rows, count, opts->docker, out);
		return 0;
	}
	if (strcmp(format, "table") == 0)
		format = table->default_format;
	rest = str_starts_with(format, "table ");
	if (!rest)
		return print_template(table, rows, count, format, false, out, err);
	rest += strspn(rest, " ");
	if (print_template(table, rows, count, rest, !opts->no_heading, &text, err) < 0)
		return -1;
	align(strbuf_str(&text), text.len, opts->docker ? &docker_spacing : &podman_spacing, out);
	return 0;
}
