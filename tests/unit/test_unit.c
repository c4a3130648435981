#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "systemd/unit.h"
#include "tests/lib/systemd_words.h"
#include "util/mem.h"
#include "util/str.h"

static const char *const words[] = {"", " ", "a", "a b", "\t", "tab\there", "line\nend", "\n", ";",
	"a;b", "#x", "$HOME", "${HOME}", "$", "$$", "%", "%%", "%n", "100%", "\"", "\"q\"", "'",
	"it's", "\\", "\\\\", "back\\slash", "\\x41", "\\n", "ends with \\", "-x", "--rm", "- y",
	"~", "*", "@", "+", "!", ":", "|", "\x01", "\x1b[0m", "\x7f", "\r", "\xc3\xa9",
	"\xe2\x82\xac uro", "\xf0\x9f\x98\x80", "\xc2\xa0", "a=b", "{{.Id}}", "`id`", "$(id)",
	"\\s", "\\e", "x\\\ny"};

/* Not UTF-8: systemd would drop the line. */
static const char *const bad_words[] = {
	"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80"};

static struct unit new_unit(char **run_words)
{
	static char name[] = "container-web", path[] = "%t/pod", restart[] = "on-failure",
		    program[] = "/usr/bin/pod";

	return (struct unit){.name = name,
		.is_new = true,
		.runtime_path = path,
		.restart = restart,
		.stop_timeout_s = 10,
		.program = program,
		.run_words = run_words};
}

static struct unit old_unit(char *pid_file)
{
	static char container[] = "web", runtime[] = "/run/user/1000/pod";
	struct unit unit = new_unit(NULL);

	unit.is_new = false;
	unit.container = container;
	unit.runtime_path = runtime;
	unit.pid_file = pid_file;
	return unit;
}

/* Each by itself, and all of them in the command line of a unit. */
static void come_back(void **state)
{
	cleanup_strv char **quoted = NULL, **read = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL, *line = NULL;
	struct unit unit;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		cleanup_free char *one = unit_quote(words[i], &err);
		cleanup_strv char **back = NULL;

		assert_non_null(one);
		back = systemd_words(one, true);
		if (!back || strv_length(back) != 1 || strcmp(back[0], words[i]) != 0)
			fail_msg("'%s' became %s", words[i], one);
		strv_append(&quoted, one);
	}
	unit = new_unit(quoted);
	text = unit_text(&unit, &err);
	assert_non_null(text);
	line = systemd_value(text, "ExecStart");
	assert_non_null(line);
	read = systemd_words(line, true);
	assert_non_null(read);
	assert_int_equal(strv_length(read), ARRAY_SIZE(words) + 2);
	assert_string_equal(read[0], "/usr/bin/pod");
	assert_string_equal(read[1], "run");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_string_equal(read[i + 2], words[i]);
}

static void what_no_unit_can_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_words); i++) {
		cleanup_error struct error *err = NULL;

		assert_null(unit_quote(bad_words[i], &err));
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

/* A unit with one hostile part: its text, or NULL with the kind of the error. */
static char *with(const char *env, const char *after, const char *pid_file, const char *name,
	enum error_kind *kind)
{
	cleanup_strv char **envs = NULL, **afters = NULL;
	cleanup_free char *pid = xstrdup(pid_file ? pid_file : "/run/x.pid"),
			  *named = xstrdup(name ? name : "web");
	cleanup_error struct error *err = NULL;
	struct unit unit = old_unit(pid);
	char *text;

	if (env)
		strv_append(&envs, env);
	if (after)
		strv_append(&afters, after);
	unit.env = envs;
	unit.after = afters;
	unit.name = named;
	text = unit_text(&unit, &err);
	*kind = err ? err->kind : ERR_KIND_COUNT;
	return text;
}

static void environment(void **state)
{
	static const char *const good[] = {
		"A=", "A=b", "A_1=x y $z ${z} %n \"q\" 'r' \\ \n \t", "_=\xc3\xa9"};
	static const char *const bad[] = {"A B=c", "1A=b", "=b", "A", "", "A\n=b", "A=\xff"};
	enum error_kind kind;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		cleanup_free char *text = with(good[i], NULL, NULL, NULL, &kind), *value = NULL;
		cleanup_strv char **read = NULL;

		assert_non_null(text);
		/* The first one is podman's own. */
		value = systemd_value(strstr(text, "PODMAN_SYSTEMD_UNIT") + 1, "Environment");
		assert_non_null(value);
		read = systemd_words(value, false);
		assert_non_null(read);
		assert_int_equal(strv_length(read), 1);
		assert_string_equal(read[0], good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (with(bad[i], NULL, NULL, NULL, &kind))
			fail_msg("variable '%s' was taken", bad[i]);
}

/* What stands in a line without quotes must not end it, nor join it with the next one. */
static void no_second_line(void **state)
{
	static const char *const bad_after[] = {
		"a\nExecStart=/bin/evil", "a\\", "a\rb", "\x7f", "\xff"};
	static const char *const bad_pid[] = {
		"/run/a\nb.pid", "/run/a\\", "/run/\x01", "/run/\xff", "/run/a "};
	static const char *const bad_name[] = {"", "a b", "a/b", "a\nb", "\xc3\xa9", "a@b", "%n"};
	cleanup_free char *text = NULL, *line = NULL;
	enum error_kind kind;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_after); i++)
		assert_null(with(NULL, bad_after[i], NULL, NULL, &kind));
	for (size_t i = 0; i < ARRAY_SIZE(bad_pid); i++)
		assert_null(with(NULL, NULL, bad_pid[i], NULL, &kind));
	for (size_t i = 0; i < ARRAY_SIZE(bad_name); i++)
		assert_null(with(NULL, NULL, NULL, bad_name[i], &kind));
	text = with(NULL, "db.service dev-sda\\x2d1.device", "/run/a %b \"c\".pid", NULL, &kind);
	assert_non_null(text);
	line = systemd_value(text, "PIDFile");
	assert_string_equal(line, "/run/a %%b \"c\".pid");
	free(line);
	line = systemd_value(strstr(text, "# User-defined"), "After");
	assert_string_equal(line, "db.service dev-sda\\x2d1.device");
}

static void names(void **state)
{
	cleanup_error struct error *err = NULL, *too_long = NULL;
	char name[300];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[246] = '\0'; /* 255 with "@.service" */
	assert_int_equal(unit_name_check(name, &err), 0);
	name[246] = 'a';
	name[247] = '\0';
	assert_int_equal(unit_name_check(name, &too_long), -1);
	assert_int_equal(too_long->kind, ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(come_back),
		cmocka_unit_test(what_no_unit_can_say), cmocka_unit_test(environment),
		cmocka_unit_test(no_second_line), cmocka_unit_test(names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
