#include "config.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "container/doctor.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/table.h"

#define NAME_WIDTH 18

struct doctor_options {
	bool quiet;
	const char *format;
};

static const struct option_spec doctor_options[] = {
	OPTION_STRING("format", 0, struct doctor_options, format, NULL,
		"change the output format to JSON or a Go template"),
	OPTION_BOOL("quiet", 'q', struct doctor_options, quiet,
		"print nothing; the exit status tells whether containers can run"),
	OPTION_END,
};

static const struct check *check_of(const void *row)
{
	return row;
}

static void name_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, check_of(row)->name);
}

static void state_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, check_state_name(check_of(row)->state));
}

static void found_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, check_of(row)->found);
}

static void cost_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, check_of(row)->cost ? check_of(row)->cost : "");
}

static void remedy_text(const void *row, struct strbuf *out)
{
	strbuf_addstr(out, check_of(row)->remedy ? check_of(row)->remedy : "");
}

static const struct table_field fields[] = {
	{.name = "Name", .text = name_text, .json_name = "Name"},
	{.name = "State", .text = state_text, .json_name = "State"},
	{.name = "Found", .text = found_text, .json_name = "Found"},
	{.name = "Cost", .text = cost_text, .json_name = "Cost"},
	{.name = "Remedy", .text = remedy_text, .json_name = "Remedy"},
	{NULL},
};

static const struct table table = {fields, "table {{.Name}}\t{{.State}}\t{{.Found}}"};

static void print_plainly(struct command_context *ctx, const struct check *check)
{
	command_print(ctx, "%-8s %-*s %s\n", check_state_name(check->state), NAME_WIDTH,
		check->name, check->found);
	if (check->cost)
		command_print(ctx, "%*s costs: %s\n", 8 + 1 + NAME_WIDTH, "", check->cost);
	if (check->remedy)
		command_print(ctx, "%*s mend:  %s\n", 8 + 1 + NAME_WIDTH, "", check->remedy);
}

/* The checks that were asked for by name, all without names. Their number; -1: one is not known. */
static int choose(const struct check_list *list, int argc, char **argv, const struct check **ret,
	struct error **err)
{
	int count = 0;

	for (int i = 0; i < argc; i++) {
		bool known = false;

		for (size_t j = 0; j < list->count; j++)
			known = known || strcmp(list->checks[j].name, argv[i]) == 0;
		if (!known)
			return error_set(err, ERR_USAGE, "there is no check '%s' here", argv[i]);
	}
	for (size_t j = 0; j < list->count; j++) {
		bool wanted = argc == 0;

		for (int i = 0; i < argc; i++)
			wanted = wanted || strcmp(list->checks[j].name, argv[i]) == 0;
		if (wanted)
			ret[count++] = &list->checks[j];
	}
	return count;
}

static int doctor_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_check_list struct check_list list = {0};
	cleanup_free const struct check **chosen = NULL;
	struct doctor_options opts = {0};
	struct table_options table_opts;
	bool can_run;
	int first, count;

	if (options_parse(&command_doctor, argc, argv, &opts, &first, err) < 0)
		return -1;
	can_run = doctor_check(ctx->root, ctx->runroot, &list);
	chosen = xcalloc(list.count + 1, sizeof(*chosen));
	count = choose(&list, argc - first, argv + first, chosen, err);
	if (count < 0)
		return -1;
	if (opts.quiet)
		return !can_run;
	table_opts = (struct table_options){.format = opts.format};
	if (opts.format && table_print(&table, (const void *const *)chosen, (size_t)count,
				   &table_opts, &ctx->out, err) < 0)
		return -1;
	for (int i = 0; !opts.format && i < count; i++)
		print_plainly(ctx, chosen[i]);
	if (!opts.format && first == argc)
		command_print(ctx, "\n%s\n",
			can_run ? "Containers can run."
				: "Containers cannot run with default options: see what failed.");
	return !can_run;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "check what this host gives to containers",
	.description = "check what containers need of the kernel, the account, the store and the "
		       "network.\n"
		       "For each check the output says what was found, what that costs, and the "
		       "command that "
		       "mends it.\n"
		       "Exit status 0: containers can run; 1: with default options they cannot.\n"
		       "Error messages name the check that explains them.",
	.operands = "[CHECK...]",
	.examples = "pod doctor\npod doctor subordinate-ids\npod doctor --format json",
	.max_operands = -1,
	.options = doctor_options,
	.run = doctor_run,
};
