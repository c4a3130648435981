#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/command.h"
#include "cmd/help.h"
#include "util/mem.h"
#include "util/str.h"

struct sample {
	bool detach, tty, given;
	const char *name;
	char **env, **publish;
	int count;
	uint32_t time_s;
	uint64_t memory_bytes;
	const char *pull;
	const char *called;
};

static int call(const struct option_spec *spec, const char *value, void *opts, struct error **err)
{
	if (strcmp(value, "bad") == 0)
		return error_set(err, ERR_INVALID, "is bad");
	((struct sample *)opts)->called = value;
	(void)spec;
	return 0;
}

static const char *const pulls[] = {"always", "never", NULL};
static const struct option_spec table[] = {
	OPTION_BOOL("detach", 'd', struct sample, detach, "run in background"),
	OPTION_BOOL("tty", 't', struct sample, tty, "a terminal"),
	OPTION_STRING("name", 'n', struct sample, name, "NAME", "a name",
		.given_offset = OPTION_GIVEN(struct sample, given)),
	OPTION_STRV("env", 'e', struct sample, env, "K=V", "environment"),
	OPTION_LIST("publish", 'p', struct sample, publish, NULL, "ports"),
	OPTION_INT("count", 'c', struct sample, count, NULL, "a count", .default_text = "3"),
	OPTION_UINT32("time", 0, struct sample, time_s, "SECONDS", "a time"),
	OPTION_SIZE("memory", 'm', struct sample, memory_bytes, NULL, "bytes"),
	OPTION_STRING("pull", 0, struct sample, pull, NULL, "policy", .words = pulls),
	OPTION_CALLBACK("call", 0, call, "WORD", "a function"),
	OPTION_END,
};

static const struct command plain = {.name = "x", .max_operands = -1, .options = table};
static const struct command stops = {
	.name = "run", .max_operands = -1, .options = table, .stop_at_operand = true};

/* What was parsed, in one line. */
static char *parse(const struct command *command, const char *line, struct error **err)
{
	cleanup_strv char **words = str_split(line, ' ');
	struct sample opts = {.count = 3};
	struct strbuf out = STRBUF_INIT;
	int first, argc = (int)strv_length(words);

	if (options_parse(command, argc, words, &opts, &first, err) < 0) {
		strv_free(opts.env);
		strv_free(opts.publish);
		return NULL;
	}
	if (opts.detach)
		strbuf_addstr(&out, "detach ");
	if (opts.tty)
		strbuf_addstr(&out, "tty ");
	if (opts.given)
		strbuf_addf(&out, "name=%s ", opts.name);
	for (char **e = opts.env; e && *e; e++)
		strbuf_addf(&out, "env=%s ", *e);
	for (char **p = opts.publish; p && *p; p++)
		strbuf_addf(&out, "p=%s ", *p);
	if (opts.count != 3)
		strbuf_addf(&out, "count=%d ", opts.count);
	if (opts.time_s)
		strbuf_addf(&out, "time=%u ", opts.time_s);
	if (opts.memory_bytes)
		strbuf_addf(&out, "memory=%llu ", (unsigned long long)opts.memory_bytes);
	if (opts.pull)
		strbuf_addf(&out, "pull=%s ", opts.pull);
	if (opts.called)
		strbuf_addf(&out, "call=%s ", opts.called);
	strbuf_addch(&out, '|');
	for (int i = first; i < argc; i++)
		strbuf_addf(&out, " %s", words[i]);
	strv_free(opts.env);
	strv_free(opts.publish);
	return strbuf_detach(&out);
}

static void test_parse(void **state)
{
	static const struct {
		const struct command *command;
		const char *line, *expected;
	} cases[] = {
		{&plain, "x", "|"},
		{&plain, "x a b", "| a b"},
		{&plain, "x -d a -t b", "detach tty | a b"},
		{&plain, "x a --name=n b", "name=n | a b"},
		{&plain, "x --name n a", "name=n | a"},
		{&plain, "x --name= a", "name= | a"},
		{&plain, "x -dt a", "detach tty | a"},
		{&plain, "x -dtn me a", "detach tty name=me | a"},
		{&plain, "x -dnme a", "detach name=me | a"},
		{&plain, "x -n=me", "name=me |"},
		{&plain, "x --detach=false -t=true", "tty |"},
		{&plain, "x --detach=1", "detach |"},
		{&plain, "x -e A=1 -eB=2 --env C=3,4", "env=A=1 env=B=2 env=C=3,4 |"},
		{&plain, "x -p 1:1,2:2 -p 3", "p=1:1 p=2:2 p=3 |"},
		{&plain, "x -p \"a,b\",c", "p=a,b p=c |"},
		{&plain, "x -p \"a\"\"b\"", "p=a\"b |"},
		{&plain, "x -c -1 --time 10 -m 2k", "count=-1 time=10 memory=2048 |"},
		{&plain, "x --pull never", "pull=never |"},
		{&plain, "x --call me", "call=me |"},
		{&plain, "x - a", "| - a"},
		{&plain, "x a -- -d", "| a -d"},
		{&plain, "x --name -d", "name=-d |"},
		{&plain, "x --name -- a", "name=-- | a"},
		{&stops, "run -d image -t cmd", "detach | image -t cmd"},
		{&stops, "run image -- -d", "| image -- -d"},
		{&stops, "run -- -d", "| -d"},
		{&stops, "run -d -- image -- x", "detach | image -- x"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error *err = NULL;
		cleanup_free char *got = parse(cases[i].command, cases[i].line, &err);

		if (!got)
			fail_msg("%s: %s", cases[i].line, err->message);
		if (strcmp(got, cases[i].expected) != 0)
			fail_msg("%s: got '%s', expected '%s'", cases[i].line, got,
				cases[i].expected);
	}
}

static void test_errors(void **state)
{
	static const struct command none = {.name = "x"},
				    one = {.name = "x", .min_operands = 1, .max_operands = -1},
				    two = {.name = "x", .min_operands = 2, .max_operands = 2},
				    most = {.name = "x", .max_operands = 1};
	static const struct {
		const struct command *command;
		const char *line, *message;
	} cases[] = {
		{&plain, "x --nope", "unknown flag: --nope"},
		{&plain, "x --nam y", "unknown flag: --nam"},
		{&plain, "x -z", "unknown shorthand flag: 'z' in -z"},
		{&plain, "x -dz", "unknown shorthand flag: 'z' in -dz"},
		{&plain, "x --=x", "bad flag syntax: --=x"},
		{&plain, "x ---", "bad flag syntax: ---"},
		{&plain, "x --name", "flag needs an argument: --name"},
		{&plain, "x -dn", "flag needs an argument: 'n' in -dn"},
		{&plain, "x --detach=maybe",
			"invalid argument \"maybe\" for \"-d, --detach\" flag: must be true or "
			"false"},
		{&plain, "x --count 1x",
			"invalid argument \"1x\" for \"-c, --count\" flag: must be a whole number"},
		{&plain, "x --time -1",
			"invalid argument \"-1\" for \"--time\" flag: must be a whole number from "
			"0 to "
			"4294967295"},
		{&plain, "x --memory 1q",
			"invalid argument \"1q\" for \"-m, --memory\" flag: invalid size '1q'"},
		{&plain, "x --pull sometimes",
			"invalid argument \"sometimes\" for \"--pull\" flag: \"sometimes\" is not "
			"a valid "
			"value.  Choose from: \"always, never\""},
		{&plain, "x --call bad", "invalid argument \"bad\" for \"--call\" flag: is bad"},
		{&plain, "x -p \"a",
			"invalid argument \"\"a\" for \"-p, --publish\" flag: a quote is not "
			"closed"},
		{&none, "x -d", "unknown shorthand flag: 'd' in -d"},
		{&none, "x a", "`x` takes no arguments"},
		{&one, "x", "requires at least 1 arg(s), only received 0"},
		{&two, "x a b c", "accepts 2 arg(s), received 3"},
		{&two, "x a", "accepts 2 arg(s), received 1"},
		{&most, "x a b", "accepts at most 1 arg(s), received 2"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *got = parse(cases[i].command, cases[i].line, &err);

		if (got)
			fail_msg("%s: was taken: %s", cases[i].line, got);
		assert_int_equal(err->kind, ERR_USAGE);
		/* faults of options, not of operands, point to the help */
		if (strchr(err->message, '\n')) {
			assert_non_null(strstr(err->message, "\nSee 'x --help'"));
			*strchr(err->message, '\n') = '\0';
		}
		assert_string_equal(err->message, cases[i].message);
	}
}

static void test_global(void **state)
{
	static const struct {
		const struct command *command;
		const char *line, *rest;
		bool help;
	} cases[] = {
		{&plain, "x --root /r a", "x a", false},
		{&plain, "x -d --root=/r a", "x -d a", false},
		{&plain, "x a --root /r", "x a", false},
		{&plain, "x -- --root /r", "x -- --root /r", false},
		{&stops, "run --root /r image --root", "run image --root", false},
		{&stops, "run image --help", "run image --help", false},
		{&stops, "run --help image", NULL, true},
		{&stops, "run -n --help image", "run -n --help image", false},
		{&plain, "x a -h", NULL, true},
		{&plain, "x --nope --root /r", "x --nope --root /r", false},
		{&plain, "x --nope --help", "x --nope --help", false},
		/* the command's own option of a name wins */
		{&plain, "x --name --root", "x --name --root", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strv char **words = str_split(cases[i].line, ' ');
		struct global_options globals = {0};
		struct error *err = NULL;
		int argc = (int)strv_length(words), before = argc;
		cleanup_free char **kept = xcalloc((size_t)argc + 1, sizeof(*kept));
		cleanup_free char *rest = NULL;
		bool help;

		memcpy(kept, words, (size_t)argc * sizeof(*kept));
		assert_int_equal(options_take_global(cases[i].command, global_options, &globals,
					 &argc, kept, &help, &err),
			0);
		assert_int_equal(help, cases[i].help);
		if (help)
			continue;
		rest = str_join(kept, " ");
		assert_string_equal(rest, cases[i].rest);
		if (argc < before)
			assert_string_equal(globals.root, "/r");
	}
}

/* Each group is sorted, complete, and what is missing is said to be. */
static void check_group(const struct command *group)
{
	for (const struct command_entry *e = group->subcommands; e->name; e++) {
		if (e > group->subcommands && strcmp(e[-1].name, e->name) >= 0)
			fail_msg("%s: '%s' is not in its place", group->name, e->name);
		if (!e->command)
			continue;
		assert_null(e->instead);
		assert_non_null(e->command->name);
		assert_non_null(e->command->summary);
		/* a group, or something that runs */
		assert_true(!e->command->subcommands != !e->command->run);
		if (e->command->subcommands)
			check_group(e->command);
		for (const struct option_spec *o = e->command->options;
			o && o->type != OPTION_TYPE_END; o++) {
			if (!o->name || !o->help)
				fail_msg("%s: an option without name or help", e->name);
			for (const struct option_spec *p = e->command->options; p < o; p++)
				if (strcmp(p->name, o->name) == 0 ||
					(o->short_name && o->short_name == p->short_name))
					fail_msg("%s: --%s is there twice", e->name, o->name);
		}
	}
}

static void test_tree(void **state)
{
	(void)state;
	check_group(&command_root);
}

static void test_help(void **state)
{
	static const struct option_spec help_table[] = {
		OPTION_BOOL("zap", 'z', struct sample, tty, "zap it\nwell"),
		OPTION_INT("count", 0, struct sample, count, NULL, "how many", .default_text = "3"),
		OPTION_BOOL("secret", 0, struct sample, detach, "no", .hidden = true),
		OPTION_END,
	};
	static const struct command command = {.name = "x",
		.summary = "do a thing",
		.description = "does a thing\n\nat length",
		.operands = "THING",
		.examples = "pod x 1\npod x 2",
		.options = help_table};
	struct command_context ctx = {.program = "pod"};

	(void)state;
	command_help(&ctx, &command, "pod x");
	assert_string_equal(strbuf_str(&ctx.out),
		"Do a thing\n\nDescription:\n  Does a thing\n\n  at length\n\n"
		"Usage:\n  pod x [options] THING\n\nExamples:\n  pod x 1\n  pod x 2\n\n"
		"Options:\n      --count int   How many (default 3)\n"
		"  -z, --zap         Zap it\n                    well\n\n");
	strbuf_clear(&ctx.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_global),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
