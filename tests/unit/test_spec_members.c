#include "config.h"

#include <ctype.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cgroup/resources.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * No member of the specification is ignored. tests/data/runtime-spec/members lists them; what is
 * asked of each:
 *
 *   honoured   a value of another type is refused with the member's path, and without it something
 *              else is read: it made a difference
 *   refused    with its path, by ERR_UNSUPPORTED
 *
 * That it has the effect the specification wants is for the integration tests to show.
 */

struct member {
	char mark; /* 0 honoured, else as in the file */
	char *path, *value;
};

static struct member *members;
static size_t member_count;

static int load(void **state)
{
	cleanup_free char *path = path_join(getenv("POD_TEST_DATA"), "runtime-spec/members");
	cleanup_error struct error *err = NULL;
	cleanup_strv char **lines = NULL;
	cleanup_free char *text = NULL;
	size_t len;

	(void)state;
	if (read_file_limited(AT_FDCWD, path, 1 << 20, &text, &len, &err) < 0)
		fail_msg("%s", err->message);
	lines = str_split(text, '\n');
	members = xcalloc(strv_length(lines), sizeof(*members));
	for (char **line = lines; *line; line++) {
		const char *p = *line, *space = strchr(*line, ' ');
		struct member *member = &members[member_count];

		if (!*p || *p == '#')
			continue;
		if (*p != '/')
			member->mark = *p++;
		if (*p != '/' || !space)
			fail_msg("'%s'", *line);
		member->path = xstrndup(p + 1, (size_t)(space - p - 1));
		member->value = xstrdup(space + 1);
		member_count++;
	}
	return 0;
}

static int unload(void **state)
{
	(void)state;
	for (size_t i = 0; i < member_count; i++) {
		free(members[i].path);
		free(members[i].value);
	}
	free(members);
	return 0;
}

/* -------- composing -------- */

/* The part of PATH behind its first DEPTH components; NULL: it has no more. */
static const char *behind(const char *path, unsigned int depth)
{
	for (; depth && path; depth--) {
		path = strchr(path, '/');
		path = path ? path + 1 : NULL;
	}
	return path;
}

/* MEMBERS[0..count) share their first DEPTH components. */
static void compose(
	struct json_writer *w, const struct member *const *list, size_t count, unsigned int depth)
{
	const char *first = behind(list[0]->path, depth);
	bool is_array;

	if (!first) {
		json_write_raw(w, list[0]->value);
		return;
	}
	is_array = isdigit((unsigned char)*first);
	if (is_array)
		json_write_array_begin(w);
	else
		json_write_object_begin(w);
	for (size_t i = 0, end; i < count; i = end) {
		const char *name = behind(list[i]->path, depth);
		size_t len = strcspn(name, "/");

		for (end = i + 1; end < count; end++) {
			const char *other = behind(list[end]->path, depth);

			if (strcspn(other, "/") != len || strncmp(other, name, len) != 0)
				break;
		}
		if (!is_array) {
			cleanup_free char *key = xstrndup(name, len);

			json_write_key(w, key);
		}
		compose(w, list + i, end - i, depth + 1);
	}
	if (is_array)
		json_write_array_end(w);
	else
		json_write_object_end(w);
}

/* All that belong together, but for number SKIP, and also number ADD, which has VALUE. */
static char *configuration(size_t skip, size_t add, const char *value)
{
	cleanup_free const struct member **list = xcalloc(member_count, sizeof(*list));
	struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);
	struct member added;
	size_t count = 0;

	for (size_t i = 0; i < member_count; i++) {
		if (i == add) {
			added = members[i];
			added.value = (char *)(uintptr_t)value;
			list[count++] = &added;
		} else if (!members[i].mark && i != skip) {
			list[count++] = &members[i];
		}
	}
	compose(&w, list, count, 0);
	return strbuf_detach(&out);
}

/* -------- reading -------- */

/* What was read, as text in which every difference shows; owned. NULL and *err: it was refused. */
static char *read_all(const char *text, struct error **err)
{
	static const char name[] = "config.json: linux.resources";
	cleanup_runtime_spec struct runtime_spec *spec = NULL;
	cleanup_cgroup_resources struct cgroup_resources *resources = NULL;
	cleanup_seccomp struct seccomp_program *seccomp = NULL;
	cleanup_free char *rest = NULL, *limits = NULL;
	struct strbuf out = STRBUF_INIT;

	if (runtime_spec_read(text, strlen(text), &spec, err) < 0 ||
		(spec->resources && cgroup_resources_parse_text(spec->resources,
					    strlen(spec->resources), name, &resources, err) < 0))
		return NULL;
	/* These two are written as they were read: what became of them is shown instead. */
	free(spec->resources);
	spec->resources = NULL;
	seccomp = steal_ptr(&spec->seccomp);
	rest = runtime_spec_write(spec);
	limits = resources ? cgroup_resources_text(resources) : xstrdup("");
	strbuf_addf(&out, "%s\n%s %d\n", rest, limits, resources && resources->check_before_update);
	if (!seccomp)
		return strbuf_detach(&out);
	strbuf_addf(&out, "%x %d %s %s", seccomp->flags, seccomp->notifies,
		seccomp->listener_path ? seccomp->listener_path : "",
		seccomp->listener_metadata ? seccomp->listener_metadata : "");
	for (size_t i = 0; i < seccomp->count; i++)
		strbuf_addf(&out, " %x.%x.%x.%x", seccomp->filter[i].code, seccomp->filter[i].jt,
			seccomp->filter[i].jf, seccomp->filter[i].k);
	return strbuf_detach(&out);
}

/* "mounts[0].source" for "mounts/0/source". */
static char *error_path(const char *path)
{
	struct strbuf out = STRBUF_INIT;

	for (const char *p = path; p && *p; p = behind(p, 1)) {
		size_t len = strcspn(p, "/");

		if (isdigit((unsigned char)*p))
			strbuf_addf(&out, "[%.*s]", (int)len, p);
		else
			strbuf_addf(&out, "%s%.*s", out.len ? "." : "", (int)len, p);
	}
	return strbuf_detach(&out);
}

/* The error names PATH. linux.resources is a document of its own to its reader. */
static void assert_path(const char *path, const struct error *err)
{
	static const char resources[] = "linux.resources.";
	cleanup_free char *wanted = error_path(path);
	const char *found = err->message;

	if (!str_starts_with(found, "config.json: "))
		fail_msg("%s: %s", path, found);
	found += strlen("config.json: ");
	if (str_starts_with(found, "linux.resources: ") && str_starts_with(wanted, resources)) {
		found += strlen("linux.resources: ");
		if (!str_starts_with(found, wanted + strlen(resources)))
			fail_msg("%s: %s", path, err->message);
	} else if (!str_starts_with(found, wanted)) {
		fail_msg("%s: %s", path, err->message);
	}
}

/* -------- tests -------- */

static void assert_wrong_type_is_refused(size_t i)
{
	cleanup_free char *text = configuration(i, i, *members[i].value == '"' ? "{}" : "\"x\"");
	cleanup_error struct error *err = NULL;
	cleanup_free char *found = read_all(text, &err);

	if (found)
		fail_msg("%s: a value of another type is taken", members[i].path);
	assert_path(members[i].path, err);
}

static void test_honoured(void **state)
{
	cleanup_free char *text = configuration(SIZE_MAX, SIZE_MAX, NULL);
	cleanup_error struct error *err = NULL;
	cleanup_free char *all = read_all(text, &err);
	size_t honoured = 0;

	(void)state;
	if (!all)
		fail_msg("%s", err->message);
	for (size_t i = 0; i < member_count; i++) {
		cleanup_error struct error *required = NULL;
		cleanup_free char *other = NULL, *without = NULL;

		if (members[i].mark == '!')
			continue;
		honoured++;
		assert_wrong_type_is_refused(i);
		other = configuration(i, members[i].mark ? i : SIZE_MAX, members[i].value);
		without = read_all(other, &required);
		if (members[i].mark == '=') {
			assert_non_null(without);
			assert_string_equal(without, all);
		} else if (without && strcmp(without, all) == 0) {
			fail_msg("%s makes no difference", members[i].path);
		}
	}
	assert_true(honoured > 150); /* the list was read */
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < member_count; i++) {
		cleanup_free char *text = configuration(SIZE_MAX, i, members[i].value);
		cleanup_error struct error *err = NULL;
		cleanup_free char *found = NULL;

		if (members[i].mark != '!')
			continue;
		found = read_all(text, &err);
		if (found)
			fail_msg("%s is taken", members[i].path);
		assert_path(members[i].path, err);
		assert_int_equal(err->kind, ERR_UNSUPPORTED);
	}
}

/* "=": nothing else than what is so anyway. */
static void test_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < member_count; i++) {
		cleanup_free char *text = configuration(SIZE_MAX, i, "false");
		cleanup_error struct error *err = NULL;
		cleanup_free char *found = NULL;

		if (members[i].mark != '=')
			continue;
		assert_string_equal(members[i].value, "true");
		found = read_all(text, &err);
		if (found)
			fail_msg("%s is taken as false", members[i].path);
		assert_path(members[i].path, err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honoured),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nothing_else),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
