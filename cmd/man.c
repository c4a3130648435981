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

/* `pod __man DIR` writes the manual pages, pod.1, pod-run.1, ..., from the command tree. */

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

static void write_page(
	struct strbuf *out, const struct command *command, const char *page, const char *path)
{
	cleanup_free char *title = xstrdup(page);
	const struct option_spec *options =
		command == &command_root ? global_options : command->options;

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
	add_options(out, options);
	if (command->subcommands)
		add_subcommands(out, command, page);
	else
		add_exit_status(out, command);
	if (command->examples)
		add_example_lines(out, command->examples);
	if (command != &command_root)
		strbuf_addstr(out, ".SH SEE ALSO\n\\fBpod\\fR(1)\n");
}

static int write_tree(int dir_fd, const struct command *command, const char *page, const char *path,
	struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *file = xasprintf("%s.1", page);

	write_page(&text, command, page, path);
	if (write_file_atomic(dir_fd, file, strbuf_str(&text), text.len, 0644, 0, err) < 0)
		return -1;
	for (const struct command_entry *e = command->subcommands; e && e->name; e++) {
		cleanup_free char *below = NULL, *below_path = NULL;

		if (!e->command || e->hidden)
			continue;
		below = xasprintf("%s-%s", page, e->name);
		below_path = xasprintf("%s %s", path, e->name);
		if (write_tree(dir_fd, e->command, below, below_path, err) < 0)
			return -1;
	}
	return 0;
}

static int man_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_close int dir_fd = -1;
	int first;

	(void)ctx;
	if (options_parse(&command_man, argc, argv, NULL, &first, err) < 0 ||
		mkdir_p(argv[first], 0755, err) < 0)
		return -1;
	dir_fd = open(argv[first], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return error_errno(err, errno, "open directory '%s'", argv[first]);
	return write_tree(dir_fd, &command_root, "pod", "pod", err);
}

const struct command command_man = {
	.name = "__man",
	.summary = "write the manual pages",
	.operands = "DIRECTORY",
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_DIRECTORY,
	.run = man_run,
};
