#include "config.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/help.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

/*
 * `pod __man DIRECTORY [TEXTS]` writes the manual pages, pod.1, pod-run.1, ..., from the command
 * tree. What no table knows, examples above all, is written by hand in TEXTS (doc/man): pod-run.md
 * for pod-run.1, in a little Markdown: "## SECTION", paragraphs, code indented by four, "* item",
 * "`term`" with ": what it is" in the line below, `code` in lines. What stands before the first
 * section belongs to the description. A first line "see: run, stop" names other pages.
 *
 * A command with several spellings has one page; the others refer to it (".so").
 */

#define TEXT_MAX (256u << 10) /* bytes of a hand-written file */

struct man {
	int dir_fd, texts_fd; /* texts_fd -1: none */
};

static void add_text(struct strbuf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		/* a dot or quote at the start of a line is a request to roff */
		if ((p == text || p[-1] == '\n') && (*p == '.' || *p == '\''))
			strbuf_addstr(out, "\\&");
		if (*p == '\\')
			strbuf_addstr(out, "\\e");
		else if (*p == '-')
			strbuf_addstr(out, "\\-");
		else
			strbuf_addch(out, *p);
	}
}

static void add_sentence(struct strbuf *out, const char *text)
{
	cleanup_free char *copy = xstrdup(text);

	copy[0] = (char)toupper((unsigned char)copy[0]);
	add_text(out, copy);
}

/* The words that an option takes, unless its text says them. */
static void add_choices(struct strbuf *out, const struct option_spec *spec)
{
	bool told = true;

	for (const char *const *word = spec->words; word && *word; word++)
		told = told && strstr(spec->help, *word);
	if (told)
		return;
	strbuf_addstr(out, ": ");
	for (const char *const *word = spec->words; *word; word++)
		strbuf_addf(out, "%s\\fB%s\\fR",
			word == spec->words ? ""
			: word[1]           ? ", "
					    : " or ",
			*word);
}

static void add_options(struct strbuf *out, const struct option_spec *table)
{
	size_t count;
	cleanup_free const struct option_spec **list = help_sorted_options(table, &count);

	if (!count)
		return;
	strbuf_addstr(out, ".SH OPTIONS\n");
	for (size_t i = 0; i < count; i++) {
		const char *value = help_value_name(list[i]);

		strbuf_addstr(out, ".TP\n\\fB");
		if (list[i]->short_name)
			strbuf_addf(out, "\\-%c\\fR, \\fB", list[i]->short_name);
		strbuf_addstr(out, "\\-\\-");
		add_text(out, list[i]->name);
		strbuf_addstr(out, "\\fR");
		if (value) {
			strbuf_addstr(out, "=\\fI");
			add_text(out, value);
			strbuf_addstr(out, "\\fR");
		}
		strbuf_addch(out, '\n');
		add_sentence(out, list[i]->help);
		add_choices(out, list[i]);
		if (list[i]->default_text) {
			strbuf_addstr(out, " (default ");
			add_text(out, list[i]->default_text);
			strbuf_addch(out, ')');
		}
		strbuf_addch(out, '\n');
	}
}

static void add_subcommands(struct strbuf *out, const struct command *group, const char *page)
{
	strbuf_addstr(out, ".SH COMMANDS\n");
	for (const struct command_entry *e = group->subcommands; e->name; e++) {
		if (!e->command || e->hidden)
			continue;
		strbuf_addstr(out, ".TP\n\\fB");
		add_text(out, page);
		strbuf_addstr(out, "\\-");
		add_text(out, e->name);
		strbuf_addstr(out, "\\fR(1)\n");
		add_sentence(out, e->command->summary);
		strbuf_addstr(out, ".\n");
	}
}

/* The statuses that are not 125, and what everything has. */
static void add_exit_status(struct strbuf *out, const struct command *command)
{
	static const char *const words[ERR_KIND_COUNT] = {
		[ERR_USAGE] = "the command line is wrong",
		[ERR_NOT_FOUND] = "the named object does not exist",
		[ERR_CONFLICT] = "the object's state, or another object, forbids it",
		[ERR_CANNOT_INVOKE] = "the contained command cannot be invoked",
		[ERR_NO_SUCH_COMMAND] = "the contained command does not exist",
	};

	strbuf_addstr(out, ".SH EXIT STATUS\n.TP\n0\nSuccess.\n");
	for (size_t i = 0; i < ERR_KIND_COUNT; i++) {
		if (!command->exit_status[i] || !words[i])
			continue;
		strbuf_addf(out, ".TP\n%d\n", command->exit_status[i]);
		add_sentence(out, words[i]);
		strbuf_addstr(out, ".\n");
	}
	strbuf_addstr(out, ".TP\n125\nThe engine failed.\n");
	if (command->stop_at_operand)
		strbuf_addstr(out,
			".TP\n126\nThe contained command cannot be invoked.\n"
			".TP\n127\nThe contained command does not exist.\n"
			".TP\nother\nThe contained command's own; 128 + n after signal n.\n");
}

static void add_example_lines(struct strbuf *out, const char *examples)
{
	strbuf_addstr(out, ".SH EXAMPLES\n.nf\n");
	add_text(out, examples);
	strbuf_addstr(out, "\n.fi\n");
}

/* ---- what is written by hand ---- */

/* A line of text with `code` in it. */
static void add_inline(struct strbuf *out, const char *line)
{
	bool code = false, first = true;

	for (size_t len; *line; line += len + (line[len] == '`')) {
		cleanup_free char *part = NULL;

		len = strcspn(line, "`");
		part = xstrndup(line, len);
		/* only at the line's beginning a dot needs care */
		if (first || (*part != '.' && *part != '\''))
			add_text(out, part);
		else {
			strbuf_addstr(out, "\\&");
			add_text(out, part);
		}
		first = false;
		if (line[len] == '`') {
			strbuf_addstr(out, code ? "\\fR" : "\\fB");
			code = !code;
		}
	}
	strbuf_addch(out, '\n');
}

static bool is_code(const char *line)
{
	return str_starts_with(line, "    ") != NULL;
}

static void add_text_line(struct strbuf *out, const char *line, const char *next, bool *in_code)
{
	const char *rest;

	if (is_code(line) && !*in_code) {
		strbuf_addstr(out, ".PP\n.RS 4\n.nf\n");
		*in_code = true;
	} else if (*in_code && !is_code(line) && !(!*line && next && is_code(next))) {
		strbuf_addstr(out, ".fi\n.RE\n");
		*in_code = false;
	}
	if (*in_code) {
		add_text(out, is_code(line) ? line + 4 : "");
		strbuf_addch(out, '\n');
	} else if ((rest = str_starts_with(line, "## "))) {
		strbuf_addf(out, ".SH %s\n", rest);
	} else if ((rest = str_starts_with(line, "* "))) {
		strbuf_addstr(out, ".IP \\(bu 2\n");
		add_inline(out, rest);
	} else if (*line == '`' && next && str_starts_with(next, ": ")) {
		strbuf_addstr(out, ".TP\n");
		add_inline(out, line);
	} else if ((rest = str_starts_with(line, ": "))) {
		add_inline(out, rest);
	} else if (*line) {
		add_inline(out, line);
	} else if (next && *next && *next != '#' && *next != '*' && !is_code(next) &&
		   *next != '`') {
		strbuf_addstr(out, ".PP\n");
	}
}

/* LINES up to END (NULL: all). */
static void add_written(struct strbuf *out, char *const *lines, char *const *end)
{
	bool in_code = false;

	for (; *lines && lines != end; lines++)
		add_text_line(out, *lines, lines[1], &in_code);
	if (in_code)
		strbuf_addstr(out, ".fi\n.RE\n");
}

/* "run, volume create": names of pages behind "pod-", as references. */
static void add_references(struct strbuf *out, const char *names)
{
	cleanup_strv char **list = str_split(names, ',');

	for (char **name = list; *name; name++) {
		cleanup_free char *page = xstrdup(*name + strspn(*name, " "));

		for (char *p = page; *p; p++)
			if (*p == ' ')
				*p = '-';
		strbuf_addstr(out, ",\n\\fBpod\\-");
		add_text(out, page);
		strbuf_addstr(out, "\\fR(1)");
	}
}

/* The lines of PAGE's file, NULL when there is none; what they say to refer to goes to *RET_SEE.
 * Owned. */
static int read_written(
	const struct man *man, const char *page, char ***ret, char **ret_see, struct error **err)
{
	cleanup_free char *name = xasprintf("%s.md", page), *text = NULL;
	cleanup_error struct error *why = NULL;
	const char *see;
	char *body;

	if (man->texts_fd < 0)
		return 0;
	if (read_file_limited(man->texts_fd, name, TEXT_MAX, &text, NULL, &why) < 0)
		return why->kind == ERR_NOT_FOUND ? 0 : error_move(err, &why);
	body = text;
	see = str_starts_with(text, "see: ");
	if (see) {
		size_t len = strcspn(see, "\n");

		*ret_see = xstrndup(see, len);
		body = text + (see - text) + len;
		body += strspn(body, "\n");
	}
	*ret = str_split(body, '\n');
	return 0;
}

static void add_see_also(struct strbuf *out, const char *page, const char *see)
{
	const char *dash = strrchr(page, '-');

	if (strcmp(page, "pod") == 0 && !see)
		return;
	strbuf_addstr(out, ".SH SEE ALSO\n");
	if (strcmp(page, "pod") != 0)
		strbuf_addstr(out, "\\fBpod\\fR(1)");
	else
		strbuf_addstr(out, "\\fBpod\\-help\\fR(1)");
	if (dash && strchr(page, '-') != dash) { /* the group: pod-volume of pod-volume-rm */
		cleanup_free char *group = xstrndup(page + 4, (size_t)(dash - page) - 4);

		add_references(out, group);
	}
	if (see)
		add_references(out, see);
	strbuf_addch(out, '\n');
}

/* ---- a page ---- */

static int write_page(const struct man *man, struct strbuf *out, const struct command *command,
	const char *page, const char *path, struct error **err)
{
	cleanup_free char *title = xstrdup(page), *see = NULL;
	cleanup_strv char **written = NULL;
	const struct option_spec *options =
		command == &command_root ? global_options : command->options;
	char **section;

	if (read_written(man, page, &written, &see, err) < 0)
		return -1;
	for (char *p = title; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	strbuf_addf(
		out, ".TH %s 1 \"\" \"pod %s\" \"pod manual\"\n.SH NAME\n", title, PACKAGE_VERSION);
	add_text(out, page);
	strbuf_addstr(out, " \\- ");
	add_text(out, command->summary);
	strbuf_addstr(out, "\n.SH SYNOPSIS\n\\fB");
	add_text(out, path);
	strbuf_addstr(out, "\\fR");
	if (options && options->type != OPTION_TYPE_END)
		strbuf_addstr(out, " [\\fIoptions\\fR]");
	if (command->subcommands)
		strbuf_addstr(out, " \\fIcommand\\fR");
	if (command->operands) {
		strbuf_addch(out, ' ');
		add_text(out, command->operands);
	}
	strbuf_addstr(out, "\n.SH DESCRIPTION\n");
	add_sentence(out, command->description ? command->description : command->summary);
	strbuf_addch(out, '\n');
	for (section = written; section && *section && !str_starts_with(*section, "## "); section++)
		;
	if (section > written) {
		strbuf_addstr(out, ".PP\n");
		add_written(out, written, section);
	}
	add_options(out, options);
	if (command->subcommands)
		add_subcommands(out, command, page);
	else
		add_exit_status(out, command);
	if (section && *section)
		add_written(out, section, NULL);
	else if (command->examples)
		add_example_lines(out, command->examples);
	add_see_also(out, page, see);
	return 0;
}

/* The page that describes COMMAND, when it is another than PAGE; owned. */
static char *other_page(const struct command *command, const char *page)
{
	const struct command_entry *top = command_root.subcommands;

	for (const struct command_entry *e = top; e->name; e++) {
		cleanup_free char *name = xasprintf("pod-%s", e->name);

		if (e->command == command && !e->hidden)
			return strcmp(name, page) == 0 ? NULL : steal_ptr(&name);
	}
	for (const struct command_entry *group = top; group->name; group++) {
		const struct command_entry *e = group->command ? group->command->subcommands : NULL;

		for (; e && e->name; e++) {
			cleanup_free char *name = xasprintf("pod-%s-%s", group->name, e->name);

			if (e->command == command && !e->hidden)
				return strcmp(name, page) == 0 ? NULL : steal_ptr(&name);
		}
	}
	return NULL;
}

static int write_tree(const struct man *man, const struct command *command, const char *page,
	const char *path, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *file = xasprintf("%s.1", page), *other = other_page(command, page);

	if (other)
		strbuf_addf(&text, ".so man1/%s.1\n", other);
	else if (write_page(man, &text, command, page, path, err) < 0)
		return error_wrap(err, "%s", page);
	if (write_file_atomic(man->dir_fd, file, strbuf_str(&text), text.len, 0644, 0, err) < 0)
		return -1;
	for (const struct command_entry *e = command->subcommands; e && e->name; e++) {
		cleanup_free char *below = NULL, *below_path = NULL;

		if (!e->command || e->hidden)
			continue;
		below = xasprintf("%s-%s", page, e->name);
		below_path = xasprintf("%s %s", path, e->name);
		if (write_tree(man, e->command, below, below_path, err) < 0)
			return -1;
	}
	return 0;
}

static int man_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_close int dir_fd = -1, texts_fd = -1;
	struct man man;
	int first;

	(void)ctx;
	if (options_parse(&command_man, argc, argv, NULL, &first, err) < 0 ||
		mkdir_p(argv[first], 0755, err) < 0)
		return -1;
	dir_fd = open(argv[first], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return error_errno(err, errno, "open directory '%s'", argv[first]);
	if (argc > first + 1) {
		texts_fd = open(argv[first + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (texts_fd < 0)
			return error_errno(err, errno, "open directory '%s'", argv[first + 1]);
	}
	man = (struct man){.dir_fd = dir_fd, .texts_fd = texts_fd};
	return write_tree(&man, &command_root, "pod", "pod", err);
}

const struct command command_man = {
	.name = "__man",
	.summary = "write the manual pages",
	.operands = "DIRECTORY [TEXTS]",
	.min_operands = 1,
	.max_operands = 2,
	.complete = COMPLETE_DIRECTORY,
	.run = man_run,
};
