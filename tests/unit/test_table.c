#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/filter.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/table.h"

struct fruit {
	const char *id, *name;
	int weight;
	bool ripe;
};

static void id_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, ((const struct fruit *)row)->id);
}

static void name_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, ((const struct fruit *)row)->name);
}

static void weight_text(const void *row, struct strbuf *out)
{
	strbuf_addf(out, "%dg", ((const struct fruit *)row)->weight);
}

static void weight_json(const void *row, struct json_writer *w)
{
	json_write_int(w, ((const struct fruit *)row)->weight);
}

static int weight_compare(const void *a, const void *b)
{
	return ((const struct fruit *)a)->weight - ((const struct fruit *)b)->weight;
}

static void ripe_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, ((const struct fruit *)row)->ripe ? "true" : "false");
}

static void ripe_json(const void *row, struct json_writer *w)
{
	json_write_bool(w, ((const struct fruit *)row)->ripe);
}

static void labels_text(const void *row, struct strbuf *out)
{
	(void)row;
	strbuf_addstr(out, "k=v");
}

static void labels_json(const void *row, struct json_writer *w)
{
	(void)row;
	json_write_object_begin(w);
	json_put_string(w, "k", "v");
	json_write_object_end(w);
}

static const struct table_field fields[] = {
	{"ID", "FRUIT ID", id_text, "Id"},
	{"Name", NULL, name_text, "Name"},
	{"Weight", NULL, weight_text, "Weight", weight_json, weight_compare},
	{"Ripe", NULL, ripe_text, "Ripe", ripe_json, .typed = true},
	{"Labels", NULL, labels_text, "Labels", labels_json},
	{NULL},
};

static const struct table fruits = {fields, "table {{.ID}}\t{{.Name}}\t{{.Weight}}"};

static const struct fruit apple = {"1", "apple", 100, true}, pear = {"2", "p\xc3\xa9ra", 90, false},
			  melon = {"3", "watermelon-of-the-south", 4000, true};
static const void *const rows[] = {&apple, &pear, &melon};

#define JSON_APPLE                                                                                 \
	"{\"Id\":\"1\",\"Name\":\"apple\",\"Weight\":100,\"Ripe\":true,\"Labels\":{\"k\":\"v\"}}"

static void test_print(void **state)
{
	static const struct {
		const char *format, *sort;
		bool no_heading;
		size_t count;
		const char *expected;
	} cases[] = {
		{NULL, NULL, false, 0, "FRUIT ID    NAME        WEIGHT\n"},
		{NULL, NULL, false, 3,
			"FRUIT ID    NAME                     WEIGHT\n"
			"1           apple                    100g\n"
			"2           p\xc3\xa9ra                     90g\n"
			"3           watermelon-of-the-south  4000g\n"},
		{"table", NULL, true, 1, "1           apple       100g\n"},
		{NULL, "weight", true, 2,
			"2           p\xc3\xa9ra        90g\n1           apple       100g\n"},
		{"{{.Name}}", "Name", false, 3, "apple\np\xc3\xa9ra\nwatermelon-of-the-south\n"},
		{"{{.Name}}\\t{{.ID}}", NULL, false, 1, "apple\t1\n"},
		{"{{.name}} {{ .ID }}\n", NULL, false, 1, "apple 1\n"},
		{"table {{.Name}} {{.ID}}", NULL, false, 1, "NAME FRUIT ID\napple 1\n"},
		{"table {{.ID}}\\t{{upper .Name}}", NULL, false, 1,
			"FRUIT ID    NAME\n1           APPLE\n"},
		{"{{if .Ripe}}{{.Name}}{{else}}-{{end}}", NULL, false, 2, "apple\n-\n"},
		{"{{json .}}", NULL, false, 1, JSON_APPLE "\n"},
		{"{{json .Name}} {{json .Ripe}}", NULL, false, 1, "\"apple\" true\n"},
		{"{{.Label \"k\"}}|{{.Label \"no\"}}", NULL, false, 1, "v|\n"},
		{"{{range .}}{{.Name}};{{end}}", NULL, false, 2, "apple;p\xc3\xa9ra;"},
		{"json", NULL, false, 0, "[]\n"},
		{"", NULL, false, 1, "\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;
		cleanup_error struct error *err = NULL;
		struct table_options opts = {.format = cases[i].format,
			.sort = cases[i].sort,
			.no_heading = cases[i].no_heading};

		if (table_print(&fruits, rows, cases[i].count, &opts, &out, &err) < 0)
			fail_msg("%s: %s", cases[i].format, err->message);
		assert_string_equal(strbuf_str(&out), cases[i].expected);
	}
}

static void test_json(void **state)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT, lines = STRBUF_INIT;
	cleanup_json struct json_document *doc = NULL;
	struct table_options opts = {.format = "json"};
	struct error *err = NULL;
	struct json root;
	size_t count;

	(void)state;
	assert_int_equal(table_print(&fruits, rows, 3, &opts, &out, &err), 0);
	assert_int_equal(json_parse(strbuf_str(&out), out.len, "out", &doc, &root, &err), 0);
	assert_int_equal(json_array(&root, 10, &count, &err), 0);
	assert_int_equal(count, 3);
	opts.docker = true;
	assert_int_equal(table_print(&fruits, rows, 1, &opts, &lines, &err), 0);
	assert_string_equal(strbuf_str(&lines), JSON_APPLE "\n");
}

static void test_errors(void **state)
{
	static const struct {
		const char *format, *sort;
	} cases[] = {
		{"{{.Nope}}", NULL}, {"table {{.Nope}}", NULL}, {"{{.Name", NULL}, {NULL, "nope"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;
		cleanup_error struct error *err = NULL;
		struct table_options opts = {.format = cases[i].format, .sort = cases[i].sort};

		assert_int_equal(table_print(&fruits, rows, 1, &opts, &out, &err), -1);
		assert_non_null(err);
	}
}

static void test_align(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"", ""},
		{"a", "a"},
		{"a\tb\n", "a           b\n"},
		{"a\t\tb\nc\td\n", "a                       b\nc           d\n"},
		{"aaaaaaaaaaaaaaaa\tb\nc\td\n\ne\tf\n",
			"aaaaaaaaaaaaaaaa  b\nc                 d\n\ne           f\n"},
		{"a\t\n", "a           \n"},
		{"no tabs here\nx\ty", "no tabs here\nx           y"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;

		table_align(cases[i].text, strlen(cases[i].text), &out);
		assert_string_equal(strbuf_str(&out), cases[i].expected);
	}
}

static bool match_fruit(const struct filter *filter, const void *row, void *data)
{
	const struct fruit *fruit = row;

	(void)data;
	if (strcmp(filter->key, "name") == 0)
		return strstr(fruit->name, filter->value) != NULL;
	return label_matches((char *[]){"color=red", "sweet", NULL}, filter->value);
}

static void test_filter(void **state)
{
	static const char *const keys[] = {"name", "label", NULL};
	static const struct {
		char *args[4];
		int matches; /* bit set of the rows; -1: refused */
	} cases[] = {
		{{NULL}, 7},
		{{"name=app"}, 1},
		{{"name=app", "name=wat"}, 5},
		{{"name!=app"}, 6},
		{{"name!=app", "name!=wat"}, 2},
		{{"name=a", "name!=wat"}, 3},
		{{"label=color"}, 7},
		{{"label=color=red", "label=sweet"}, 7},
		{{"label=color=red", "label=sour"}, 0},
		{{"label!=sour"}, 7},
		{{"label=colo"}, 0},
		{{"label=color=re"}, 0},
		{{"label=color", "name=app"}, 1},
		{{"name"}, -1},
		{{"=x"}, -1},
		{{"nope=x"}, -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_filters struct filter_list list = {0};
		cleanup_error struct error *err = NULL;
		int matches = 0;

		if (filters_parse(cases[i].args, keys, &list, &err) < 0)
			matches = -1;
		for (int row = 0; matches >= 0 && row < 3; row++)
			matches |= filters_match(&list, match_fruit, rows[row], NULL) << row;
		if (matches != cases[i].matches)
			fail_msg("case %zu (%s): %d", i, cases[i].args[0], matches);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_align),
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
