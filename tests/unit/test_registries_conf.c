#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/registries_conf.h"
#include "registry/toml.h"
#include "util/mem.h"
#include "util/strbuf.h"

#define D "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_toml_values(void **state)
{
	static const struct {
		const char *text, *string; /* of the member k */
	} cases[] = {
		{"k = \"a\\tb\\u00e9\\\"\"", "a\tb\xc3\xa9\""},
		{"k='C:\\x'", "C:\\x"},
		{"k = \"\"\"\n  one\n  two \\\n   three\"\"\"\"", "  one\n  two three\""},
		{"k = '''\na'b''c'''\n", "a'b''c"},
		{"k = \"x\" # comment\r\n", "x"},
		{"\"k\" = \"\"", ""},
		{"[a]\nk='no'\n[b.c]\nk='no'\n", NULL},
		{"\xef\xbb\xbfk='bom'", "bom"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_toml struct toml *root = NULL;
		struct error *err = NULL;
		const char *string = NULL;

		if (toml_parse(cases[i].text, strlen(cases[i].text), "t", &root, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err->message);
		assert_int_equal(toml_opt_string(root, "k", "t", &string, &err), 0);
		if (cases[i].string)
			assert_string_equal(string, cases[i].string);
		else
			assert_null(string);
	}
}

static void test_toml_structure(void **state)
{
	static const char text[] = "top = 1\n"
				   "[[r]]\nn = 'a'\n[[r.m]]\nl='1'\n[[r.m]]\nl='2'\n"
				   "[[r]]\nn = 'b'\nx.y.z = true\n"
				   "[t]\nlist = [ 1, 2, # c\n 3, ]\nin = { a = 1, b.c = [ {} ] }\n"
				   "f = 1.5e3\nd = 1979-05-27T07:32:00Z\nu = 1_000\n";
	cleanup_toml struct toml *root = NULL;
	struct error *err = NULL;
	const struct toml *r, *t;

	(void)state;
	assert_int_equal(toml_parse(text, strlen(text), "t", &root, &err), 0);
	r = toml_member(root, "r");
	assert_int_equal(r->kind, TOML_ARRAY);
	assert_int_equal(r->count, 2);
	assert_int_equal(toml_member(r->items[0], "m")->count, 2);
	assert_null(toml_member(r->items[1], "m"));
	t = toml_member(toml_member(r->items[1], "x"), "y");
	assert_true(toml_member(t, "z")->boolean);
	t = toml_member(root, "t");
	assert_int_equal(toml_member(t, "list")->count, 3);
	assert_int_equal(toml_member(t, "u")->integer, 1000);
	assert_int_equal(toml_member(t, "d")->kind, TOML_OTHER);
	assert_int_equal(toml_member(toml_member(t, "in"), "b")->kind, TOML_TABLE);
}

static void test_toml_invalid(void **state)
{
	static const char *const cases[] = {"k", "k =", "= 1", "k = \"a", "k = 'a\nb'", "k = [1",
		"k = {", "k = {a=1,}", "k=1\nk=2", "[a]\n[a]", "[[a]]\n[a]", "[a]\n[[a]]",
		"a=[]\n[[a]]", "a=1\n[a]", "a=1\n[a.b]", "a={}\n[a.b]", "a={}\na.b=1", "[a", "[a]x",
		"[[a]", "k = yes", "k=1 2", "k = \"\\q\"", "k = \"\\ud800\"", "k = \"\\u0000\"",
		"k = \"\x01\"", "# \x02", "k=1\n[a.b]\nc=1\n[a]\nb.d=2", "a b = 1", ".a = 1",
		"a. = 1", "[]", "k=1,"};
	cleanup_strbuf struct strbuf deep = STRBUF_INIT;

	(void)state;
	for (size_t i = 0; i <= ARRAY_SIZE(cases); i++) {
		cleanup_toml struct toml *root = NULL;
		cleanup_error struct error *err = NULL;
		const char *text;

		if (i == ARRAY_SIZE(cases)) {
			strbuf_addstr(&deep, "k=");
			strbuf_pad(&deep, '[', 100000);
			text = strbuf_str(&deep);
		} else {
			text = cases[i];
		}
		if (toml_parse(text, strlen(text), "t", &root, &err) == 0)
			fail_msg("'%s' was taken", text);
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

static const char conf_text[] =
	"unqualified-search-registries = ['quay.io', \"localhost:5000\"]\n"
	"[[registry]]\nlocation = 'docker.io'\n"
	"[[registry.mirror]]\nlocation = 'localhost:5000'\ninsecure = true\n"
	"[[registry.mirror]]\nlocation = 'mirror/hub'\npull-from-mirror = 'digest-only'\n"
	"[[registry]]\nprefix = 'example.com/foo'\nlocation = 'internal:443/bar'\n"
	"[[registry]]\nprefix = 'example.com/foo/deep'\nlocation = 'deep.internal/x'\ninsecure = "
	"true\n"
	"[[registry]]\nprefix = '*.wild.org'\n[[registry.mirror]]\nlocation = 'm.org/w'\n"
	"[[registry]]\nprefix = 'bad.org'\nblocked = true\n"
	"[[registry]]\nprefix = 'd.org'\nmirror-by-digest-only = true\n"
	"[[registry.mirror]]\nlocation='m.d.org'\n";

static void test_endpoints(void **state)
{
	static const struct {
		const char *text, *endpoints; /* "!" insecure */
	} cases[] = {
		{"docker.io/alpine",
			"!localhost:5000/library/alpine:latest docker.io/library/alpine:latest"},
		{"docker.io/me/x@" D,
			"!localhost:5000/me/x@" D " mirror/hub/me/x@" D " docker.io/me/x@" D},
		{"example.com/foo/img:1", "internal:443/bar/img:1"},
		{"example.com/foo:1", "internal:443/bar:1"},
		{"example.com/foobar:1", "example.com/foobar:1"},
		{"example.com/foo/deep/img", "!deep.internal/x/img:latest"},
		{"example.com:5000/foo/img", "example.com:5000/foo/img:latest"},
		{"a.b.wild.org/i", "m.org/w/i:latest a.b.wild.org/i:latest"},
		{"wild.org/i", "wild.org/i:latest"},
		{"bad.org:5000/i", "bad.org:5000/i:latest"},
		{"bad.org/i", NULL},
		{"d.org/i", "d.org/i:latest"},
		{"d.org/i@" D, "m.d.org/i@" D " d.org/i@" D},
	};
	cleanup_registries_conf struct registries_conf *conf = registries_conf_new();
	struct error *err = NULL;

	(void)state;
	if (registries_conf_parse(conf, conf_text, strlen(conf_text), "r.conf", &err) < 0)
		fail_msg("%s", err->message);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_reference struct reference *ref = NULL;
		cleanup_strbuf struct strbuf got = STRBUF_INIT;
		struct registry_endpoint *endpoints;
		size_t count;

		assert_int_equal(reference_parse(cases[i].text, &ref, &err), 0);
		if (!cases[i].endpoints) {
			assert_int_equal(
				registries_conf_endpoints(conf, ref, &endpoints, &count, &err), -1);
			assert_int_equal(err->kind, ERR_REMOTE);
			error_free(steal_ptr(&err));
			continue;
		}
		if (registries_conf_endpoints(conf, ref, &endpoints, &count, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err->message);
		for (size_t j = 0; j < count; j++) {
			cleanup_free char *text = reference_string(endpoints[j].ref);

			strbuf_addf(&got, "%s%s%s", j ? " " : "", endpoints[j].insecure ? "!" : "",
				text);
			assert_int_equal(endpoints[j].mirror, j + 1 < count);
		}
		assert_string_equal(strbuf_str(&got), cases[i].endpoints);
		registry_endpoints_free(endpoints, count);
	}
}

static void test_candidates(void **state)
{
	static const struct {
		const char *text, *candidates;
	} cases[] = {
		{"alpine", "quay.io/alpine:latest localhost:5000/alpine:latest"},
		{"docker.io/alpine", "docker.io/library/alpine:latest"},
		{"me/x", "quay.io/me/x:latest localhost:5000/me/x:latest"},
	};
	cleanup_registries_conf struct registries_conf *conf = registries_conf_new();
	struct error *err = NULL;

	(void)state;
	assert_int_equal(registries_conf_parse(conf, conf_text, strlen(conf_text), "r", &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_reference struct reference *ref = NULL;
		cleanup_strbuf struct strbuf got = STRBUF_INIT;
		struct reference **refs;
		size_t count;

		assert_int_equal(reference_parse(cases[i].text, &ref, &err), 0);
		registries_conf_candidates(conf, ref, &refs, &count);
		for (size_t j = 0; j < count; j++) {
			cleanup_free char *text = reference_string(refs[j]);

			strbuf_addf(&got, "%s%s", j ? " " : "", text);
		}
		assert_string_equal(strbuf_str(&got), cases[i].candidates);
		reference_array_free(refs, count);
	}
}

static void test_conf_invalid(void **state)
{
	static const char *const cases[] = {"[[registry]]\ninsecure=true",
		"[[registry]]\nlocation='https://x'", "[[registry]]\nlocation=1",
		"[[registry]]\nprefix='a.*.b'\nlocation='x'",
		"[[registry]]\nprefix='*.a/b'\nlocation='x'", "[registry]\nlocation='x'",
		"[[registry]]\nlocation='x'\n[[registry.mirror]]\ninsecure=true",
		"[[registry]]\nlocation='x'\n[[registry.mirror]]\nlocation='y'\npull-from-mirror='"
		"no'",
		"[registries.search]\nregistries=['a']", "unqualified-search-registries='a'",
		"unqualified-search-registries=['a/b']",
		"[[registry]]\nlocation='x'\nmirror-by-digest-only=true\n"
		"[[registry.mirror]]\nlocation='y'\npull-from-mirror='all'"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_registries_conf struct registries_conf *conf = registries_conf_new();
		cleanup_error struct error *err = NULL;

		if (registries_conf_parse(conf, cases[i], strlen(cases[i]), "r", &err) == 0)
			fail_msg("'%s' was taken", cases[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_toml_values),
		cmocka_unit_test(test_toml_structure),
		cmocka_unit_test(test_toml_invalid),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_conf_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
