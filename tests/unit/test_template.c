#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/template.h"

/* The expectations are what podman 4.3 prints for the same template over the same data. */
static const char data[] =
	"{\"Host\":{\"Arch\":\"amd64\",\"CPUs\":2,\"OS\":\"linux\",\"Remote\":false,\"Load\":1.5,"
	"\"Nothing\":null,\"Big\":18446744073709551615,\"Distribution\":{\"distribution\":"
	"\"debian\","
	"\"version\":\"12\"}},"
	"\"Plugins\":{\"Volume\":[\"local\"],\"Log\":[\"k8s-file\",\"none\",\"passthrough\","
	"\"journald\"],"
	"\"Authorization\":null,\"Empty\":[]},"
	"\"Config\":{\"Labels\":{\"b\":\"2\",\"a.b\":\"1\"}},"
	"\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\"},{\"Type\":\"volume\",\"Source\":\"/"
	"b\"}],"
	"\"graphStatus\":{\"Native Overlay Diff\":\"true\",\"Backing Filesystem\":\"extfs\"}}";

static char *render(const char *text, struct error **err)
{
	cleanup_template struct template *t = NULL;
	cleanup_json struct json_document *doc = NULL;
	struct strbuf out = STRBUF_INIT;
	struct json root;

	assert_int_equal(json_parse(data, strlen(data), "data", &doc, &root, err), 0);
	if (template_parse(text, &t, err) < 0 || template_render(t, &root, NULL, &out, err) < 0) {
		strbuf_clear(&out);
		return NULL;
	}
	return strbuf_detach(&out);
}

static void test_render(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		{"{{.Host.Arch}}", "amd64"},
		{"{{.host.arch}}", "amd64"},
		{"{{ .Host.CPUs }}", "2"},
		{"{{.Host.Remote}} {{.Host.Load}} {{.Host.Nothing}}", "false 1.5 <nil>"},
		{"{{$.Host.Arch}}", "amd64"},
		{"{{json .Host.Distribution}}", "{\"distribution\":\"debian\",\"version\":\"12\"}"},
		{"{{.Host.Distribution | json}}",
			"{\"distribution\":\"debian\",\"version\":\"12\"}"},
		{"{{range .Plugins.Volume}}<{{.}}>{{end}}", "<local>"},
		{"{{.Plugins.Log}}", "[k8s-file none passthrough journald]"},
		{"{{len .Plugins.Log}} {{index .Plugins.Log 1}} {{slice \"abcdef\" 1 3}}",
			"4 none bc"},
		{"{{slice .Plugins.Log 1 3}} {{len (slice .Plugins.Log 2)}}",
			"[none passthrough] 2"},
		{"{{if and .Host.Remote true}}y{{else if eq .Host.CPUs 2}}two{{else}}n{{end}}",
			"two"},
		{"{{if .Host.Remote}}y{{else if .Plugins.Empty}}e{{else}}n{{end}}", "n"},
		{"{{with .Host.OS}}{{.}}{{end}}|{{with \"\"}}x{{else}}e{{end}}", "linux|e"},
		{"{{with $x := .Host}}{{$x.OS}}{{end}}", "linux"},
		{"{{range $i, $v := .Plugins.Log}}{{if $i}},{{end}}{{$i}}={{$v}}{{end}}",
			"0=k8s-file,1=none,2=passthrough,3=journald"},
		{"{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}", "a.b=1;b=2;"},
		{"{{range .Mounts}}{{.Type}}:{{.Source}} {{end}}", "bind:/a volume:/b "},
		{"{{(index .Mounts 1).Source}}", "/b"},
		{"{{printf \"%5d|%-5s|%q|%v|%05d|%x|%t|%.2f\" 42 \"ab\" \"q\\\"x\" .Plugins.Volume "
		 "7 "
		 "255 true 1.5}}",
			"   42|ab   |\"q\\\"x\"|[local]|00007|ff|true|1.50"},
		{"{{printf \"%05d|%+d|%%|%3s|\" -7 3 \"\xc3\xa9\"}}", "-0007|+3|%|  \xc3\xa9|"},
		{"{{print 1 2 \"a\" \"b\" 3 4}}|{{println \"x\" 1}}", "1 2ab3 4|x 1\n"},
		{"{{- \"a\" -}}   b   {{- /* c */ -}}   c", "abc"},
		{"x  {{- \"a\"}} y {{\"b\" -}}  z", "xa y bz"},
		{"{{/* c */}}x", "x"},
		{"{{join .Plugins.Volume \",\"}} {{upper \"abc\"}} {{lower \"ABC\"}} "
		 "{{title \"hello world\"}} {{split \"a,b\" \",\"}} {{pad \"x\" 1 2}}| "
		 "{{truncate \"abcdef\" 3}}",
			"local ABC abc Hello World [a b]  x  | abc"},
		{"{{join .Plugins.Log \", \"}}", "k8s-file, none, passthrough, journald"},
		{"{{join (split \"a:b\" \":\") \"-\"}} {{split \"ab\" \"\"}}", "a-b [a b]"},
		{"{{trim \"  a b \"}}|", "a b|"},
		{"{{not true}} {{or \"\" \"b\"}} {{and 1 0}} {{ne 1 2}} {{lt 1 2}} {{ge 2 2}}",
			"false b 0 true true true"},
		{"{{eq .Host.Arch \"x\" \"amd64\"}} {{eq \"a\" \"b\"}} {{gt \"b\" \"a\"}} {{le 2 "
		 "1}}",
			"true false true false"},
		{"{{$x := 1}}{{$x = 2}}{{$x}}", "2"},
		{"{{$x := 1}}{{if true}}{{$x = 3}}{{$x := 4}}{{end}}{{$x}}", "3"},
		{"{{range .Plugins.Authorization}}x{{else}}none{{end}}", "none"},
		{"{{range .Plugins.Empty}}x{{else}}none{{end}}", "none"},
		{"{{\"a\" | printf \"%s-%s\" \"b\"}}", "b-a"},
		{"{{(index .Plugins.Log 0) | upper}}", "K8S-FILE"},
		{"{{range .Plugins.Log}}{{if eq . \"none\"}}{{break}}{{end}}{{.}};{{end}}",
			"k8s-file;"},
		{"{{range .Plugins.Log}}{{if eq . \"none\"}}{{continue}}{{end}}{{len .}};{{end}}",
			"8;11;8;"},
		{"a\\tb\\nc", "a\tb\nc"},
		{"{{\"a\\tb\\u00e9\\x41\"}}{{`r\\t`}}", "a\tb\xc3\xa9"
							"Ar\\t"},
		{"{{1.5}} {{1e3}} {{0x10}} {{1e25}} {{true}} {{-3}}", "1.5 1000 16 1e+25 true -3"},
		{"{{.graphStatus}}", "map[Backing Filesystem:extfs Native Overlay Diff:true]"},
		{"{{index .graphStatus \"nope\"}}|{{.graphStatus.nope}}", "|<no value>"},
		{"{{index .graphStatus \"Native Overlay Diff\"}}", "true"},
		{"{{index .Config.Labels \"a.b\"}}|{{index .Config.Labels \"no\"}}|", "1||"},
		{"{{printf \"%d\" \"x\"}} {{printf \"%s\" 3}} {{printf \"%s\"}} {{printf \"a\" 1}}",
			"%!d(string=x) %!s(int=3) %!s(MISSING) a%!(EXTRA int=1)"},
		{"{{len \"\xc3\xa9\"}} {{printf \"%3s|\" \"\xc3\xa9\"}}", "2   \xc3\xa9|"},
		{"{{json \"<&>\"}} {{json .Plugins.Authorization}} {{json (split \"a\" \",\")}}",
			"\"<&>\" null [\"a\"]"},
		{"{{\"}}\"}}", "}}"},
		{"{{or .Host.Remote .Host.Arch}}", "amd64"},
		{"{{and .Host.Remote .Host.Nope}}", "false"},
		{"{{if not .Host.Remote}}local{{end}}", "local"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *out = render(cases[i].text, &err);

		if (!out)
			fail_msg("%s: %s", cases[i].text, err->message);
		if (strcmp(out, cases[i].expected) != 0)
			fail_msg("%s: got '%s', expected '%s'", cases[i].text, out,
				cases[i].expected);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *message; /* a part of it */
	} cases[] = {
		{"{{.Host.Nope}}", "can't evaluate field Nope"},
		{"{{.Nope}}", "can't evaluate field Nope"},
		{"{{range .Mounts}}{{.Nope}}{{end}}", "can't evaluate field Nope"},
		{"{{.Host.Arch.More}}", "has no fields"},
		{"{{.Host.Nothing.More}}", "nil pointer"},
		{"{{.Host", "unclosed action"},
		{"{{\"abc}}", "unclosed action"},
		{"{{end}}", "unexpected {{end}}"},
		{"{{else}}", "unexpected {{else}}"},
		{"{{if true}}x", "unexpected EOF"},
		{"{{if}}x{{end}}", "missing value"},
		{"{{if true}}a{{else}}b{{else}}c{{end}}", "expected end"},
		{"{{nope}}", "function \"nope\" not defined"},
		{"{{eq \"a\" 1}}", "incompatible types"},
		{"{{index .Plugins.Log 99}}", "index out of range: 99"},
		{"{{index .Plugins.Log \"x\"}}", "expected int"},
		{"{{len 3}}", "without length"},
		{"{{len}}", "wrong number of args"},
		{"{{upper 3}}", "expected string"},
		{"{{range 1.5}}x{{end}}", "can't iterate"},
		{"{{$x}}", "undefined variable"},
		{"{{break}}", "outside"},
		{"{{define \"x\"}}{{end}}", "not supported"},
		{"{{(1}}", "unclosed left paren"},
		{"{{/* c }}", "unclosed comment"},
		{"{{1 | 2}}", "non executable"},
		{"{{.Host 1}}", "can't give argument"},
		{"{{}}", "missing value"},
		{"{{12abc}}", "bad number"},
		{"{{printf \"%99999d\" 1}}", "too large"},
		{"{{slice \"abc\" 2 1}}", "invalid slice"},
		{"{{range 100000000}}{{end}}", "too many steps"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *out = render(cases[i].text, &err);

		if (out)
			fail_msg("%s: was taken: '%s'", cases[i].text, out);
		assert_int_equal(err->kind, ERR_INVALID);
		if (!strstr(err->message, cases[i].message) ||
			strncmp(err->message, "template: ", 10) != 0)
			fail_msg("%s: '%s'", cases[i].text, err->message);
	}
}

static void test_depth(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_error struct error *err = NULL;
	cleanup_free char *out = NULL;

	(void)state;
	strbuf_addstr(&text, "{{");
	strbuf_pad(&text, '(', 5000);
	strbuf_addstr(&text, "}}");
	out = render(strbuf_str(&text), &err);
	assert_null(out);
	assert_non_null(strstr(err->message, "too deep"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
