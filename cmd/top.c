#include "config.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "container/top.h"
#include "util/mem.h"

struct top_options {
	bool latest;
};

static const struct option_spec top_options[] = {
	OPTION_BOOL("latest", 'l', struct top_options, latest,
		"Act on the latest container pod is aware of"),
	OPTION_END,
};

/* Columns as wide as their widest cell and two spaces, at least twelve; docker's three and twenty.
 * The last is not padded. */
static void print_row(
	struct command_context *ctx, char *const *cells, const size_t *widths, size_t columns)
{
	for (size_t i = 0; i + 1 < columns; i++)
		command_print(ctx, "%-*s", (int)widths[i], cells[i]);
	command_print(ctx, "%s\n", cells[columns - 1]);
}

static void print_top(struct command_context *ctx, const struct top *top)
{
	cleanup_free size_t *widths = xcalloc(top->columns, sizeof(*widths));
	size_t least = docker_called() ? 20 : 12, gap = docker_called() ? 3 : 2;

	for (size_t i = 0; i < top->columns; i++) {
		widths[i] = MAX(least, strlen(top->headings[i]) + gap);
		for (size_t row = 0; row < top->row_count; row++)
			widths[i] =
				MAX(widths[i], strlen(top->cells[row * top->columns + i]) + gap);
	}
	print_row(ctx, top->headings, widths, top->columns);
	for (size_t row = 0; row < top->row_count; row++)
		print_row(ctx, top->cells + row * top->columns, widths, top->columns);
}

static int top_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct top_options opts = {0};
	cleanup_container struct container *container = NULL;
	struct store *store;
	struct top top;
	int first, parsed;

	parsed = options_parse(&command_top, argc, argv, &opts, &first, err);
	if (parsed)
		return parsed < 0 ? -1 : 0;
	if (!opts.latest && first == argc)
		return error_set(
			err, ERR_USAGE, "you must provide the name or id of a running container");
	if (command_store(ctx, &store, err) < 0 ||
		(opts.latest ? container_latest(store, &container, err)
			     : container_find(store, argv[first++], &container, err)) < 0 ||
		(docker_called() ? container_top_ps : container_top)(
			store, container, argv + first, &top, err) < 0)
		return -1;
	print_top(ctx, &top);
	top_clear(&top);
	return 0;
}

const struct command command_top = {
	.name = "top",
	.summary = "Display the running processes of a container",
	.description = "Display the running processes of a container.\n\n"
		       "Format descriptors: args capamb capbnd capeff capinh capprm comm etime "
		       "group groups\n"
		       "hgroup hgroups hpid huser label nice pcpu pgid pid ppid rgroup rss ruser "
		       "seccomp state\n"
		       "stime time tty user vsz; and the codes of ps(1): %a %C %G %P %U %c %g %n "
		       "%p %r %t %u %x\n"
		       "%y %z. Nothing is run in the container for this.",
	.operands = "CONTAINER [FORMAT-DESCRIPTORS...]",
	.examples = "pod top web\n"
		    "pod top --latest\n"
		    "pod top web pid seccomp args %C",
	.max_operands = -1,
	.stop_at_operand = true,
	.complete = COMPLETE_RUNNING,
	.options = top_options,
	.run = top_run,
};
