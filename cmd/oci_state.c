#include "config.h"

#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/oci.h"
#include "oci/container.h"
#include "oci/record.h"
#include "runtime/hooks.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/signals.h"
#include "util/str.h"
#include "util/table.h"
#include "util/timefmt.h"

/* start, state, kill, delete, list */

extern const struct command command_oci_start, command_oci_state, command_oci_kill,
	command_oci_delete, command_oci_list;

static int start_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	int first;

	if (options_parse(&command_oci_start, argc, argv, NULL, &first, err) < 0 ||
		oci_open_root(ctx, &root, err) < 0)
		return -1;
	return oci_start(&root, argv[first], err);
}

const struct command command_oci_start = {
	.name = "start",
	.summary = "start the process of a created container",
	.operands = "ID",
	.min_operands = 1,
	.max_operands = 1,
	.exit_status = OCI_EXIT_STATUS,
	.run = start_run,
};

/* -------- state -------- */

static void write_time(struct json_writer *w, const char *key, uint64_t time_ns)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	time_rfc3339(time_ns, &text);
	json_put_string(w, key, strbuf_str(&text));
}

/* The specification's members first, then those that runc and crun add. */
static void write_state(struct json_writer *w, const struct oci_container *container)
{
	const struct oci_record *record = &container->record;
	const struct runtime_state state =
		oci_record_state(record, oci_status_word(oci_container_status(container)));

	json_write_object_begin(w);
	runtime_state_write(w, &state);
	json_put_string(w, "rootfs", record->rootfs);
	write_time(w, "created", record->created_ns);
	json_put_string(w, "owner", record->owner == 0 ? "root" : "");
	json_write_object_end(w);
}

static int state_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	struct json_writer w = json_writer_init(&ctx->out, 2);
	int first;

	if (options_parse(&command_oci_state, argc, argv, NULL, &first, err) < 0 ||
		oci_open_root(ctx, &root, err) < 0 ||
		oci_container_open(&root, argv[first], &container, err) < 0)
		return -1;
	write_state(&w, &container);
	command_print(ctx, "\n");
	return 0;
}

const struct command command_oci_state = {
	.name = "state",
	.summary = "show the state of a container as JSON",
	.operands = "ID",
	.min_operands = 1,
	.max_operands = 1,
	.exit_status = OCI_EXIT_STATUS,
	.run = state_run,
};

/* -------- kill and delete -------- */

/* The containers that an operand means. REGEX: all whose id matches it as a whole or in part. */
static int select_ids(const struct oci_root *root, const char *operand, bool regex, char ***ret,
	struct error **err)
{
	cleanup_strv char **all = NULL;
	char **found = NULL;
	char text[256];
	regex_t compiled;
	int why;

	if (!regex) {
		strv_append(ret, operand);
		return 0;
	}
	why = regcomp(&compiled, operand, REG_EXTENDED | REG_NOSUB);
	if (why) {
		(void)regerror(why, &compiled, text, sizeof(text));
		return error_set(err, ERR_USAGE, "regular expression '%s': %s", operand, text);
	}
	if (oci_list(root, &all, err) < 0) {
		regfree(&compiled);
		return -1;
	}
	for (char **id = all; id && *id; id++)
		if (regexec(&compiled, *id, 0, NULL, 0) == 0)
			strv_append(&found, *id);
	regfree(&compiled);
	*ret = found;
	return 0;
}

struct kill_options {
	bool regex, all;
};

static const struct option_spec kill_options[] = {
	OPTION_BOOL("all", 'a', struct kill_options, all,
		"send the signal to all processes of the container"),
	OPTION_BOOL("regex", 'r', struct kill_options, regex,
		"the operand is a regular expression: all containers that match"),
	OPTION_END,
};

static int kill_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	struct kill_options opts = {0};
	cleanup_strv char **ids = NULL;
	int first, signal = SIGTERM, status = 0;

	if (options_parse(&command_oci_kill, argc, argv, &opts, &first, err) < 0 ||
		(argc - first > 1 && signal_parse(argv[first + 1], &signal, err) < 0) ||
		oci_open_root(ctx, &root, err) < 0 ||
		select_ids(&root, argv[first], opts.regex, &ids, err) < 0)
		return -1;
	if (!opts.regex)
		return oci_kill(&root, argv[first], signal, opts.all, err);
	for (char **id = ids; id && *id; id++) {
		cleanup_error struct error *one = NULL;

		if (oci_kill(&root, *id, signal, opts.all, &one) < 0)
			status = command_report(&command_oci_kill, one, status);
	}
	return status;
}

const struct command command_oci_kill = {
	.name = "kill",
	.summary = "send a signal to a container's process",
	.operands = "ID [SIGNAL]",
	.examples = "pod oci kill web\npod oci kill --all web KILL",
	.min_operands = 1,
	.max_operands = 2,
	.exit_status = OCI_EXIT_STATUS,
	.options = kill_options,
	.run = kill_run,
};

struct delete_options {
	bool regex, force;
};

static const struct option_spec delete_options[] = {
	OPTION_BOOL("force", 'f', struct delete_options, force,
		"kill the process when it runs; a container that does not exist is no error"),
	OPTION_BOOL("regex", 'r', struct delete_options, regex,
		"the operand is a regular expression: all containers that match"),
	OPTION_END,
};

static int delete_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	struct delete_options opts = {0};
	cleanup_strv char **ids = NULL;
	char **warnings = NULL;
	int first, status = 0;

	if (options_parse(&command_oci_delete, argc, argv, &opts, &first, err) < 0 ||
		oci_open_root(ctx, &root, err) < 0 ||
		select_ids(&root, argv[first], opts.regex, &ids, err) < 0)
		return -1;
	if (!opts.regex && oci_id_check(argv[first], err) < 0)
		return -1;
	if (!opts.regex) {
		status = oci_delete(&root, argv[first], opts.force, &warnings, err);
		oci_log_warnings(ctx, warnings);
		return status;
	}
	for (char **id = ids; id && *id; id++) {
		cleanup_error struct error *one = NULL;

		if (oci_delete(&root, *id, opts.force, &warnings, &one) < 0)
			status = command_report(&command_oci_delete, one, status);
	}
	oci_log_warnings(ctx, warnings);
	return status;
}

const struct command command_oci_delete = {
	.name = "delete",
	.summary = "remove a container whose process has ended",
	.operands = "ID",
	.examples = "pod oci delete web\npod oci delete --force --regex '^test-'",
	.min_operands = 1,
	.max_operands = 1,
	.exit_status = OCI_EXIT_STATUS,
	.options = delete_options,
	.run = delete_run,
};

/* -------- list -------- */

struct list_options {
	const char *format;
	bool quiet;
};

static const char *const list_formats[] = {"table", "json", NULL};

static const struct option_spec list_options[] = {
	OPTION_STRING("format", 'f', struct list_options, format, "FORMAT", "table or json",
		.default_text = "table", .words = list_formats),
	OPTION_BOOL("quiet", 'q', struct list_options, quiet, "only ids"),
	OPTION_END,
};

static void list_row(const struct oci_container *container, struct strbuf *out)
{
	const struct oci_record *record = &container->record;
	enum oci_status status = oci_container_status(container);

	strbuf_addf(out, "%s\t%d\t%s\t%s\t", record->id,
		status == OCI_STOPPED ? 0 : (int)record->pid, oci_status_word(status),
		record->bundle);
	time_rfc3339(record->created_ns, out);
	strbuf_addf(out, "\t%s\n", record->owner == 0 ? "root" : "");
}

static int list_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	cleanup_oci_root struct oci_root root = {.fd = -1};
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&ctx->out, 0);
	struct list_options opts = {.format = "table"};
	cleanup_strv char **ids = NULL;
	bool json;
	int first;

	if (options_parse(&command_oci_list, argc, argv, &opts, &first, err) < 0)
		return -1;
	json = str_equal(opts.format, "json");
	if (oci_open_root(ctx, &root, err) < 0 || oci_list(&root, &ids, err) < 0)
		return -1;
	if (opts.quiet) {
		for (char **id = ids; id && *id; id++)
			command_print(ctx, "%s\n", *id);
		return 0;
	}
	if (json)
		json_write_array_begin(&w);
	else
		strbuf_addstr(&text, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n");
	for (char **id = ids; id && *id; id++) {
		cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
		cleanup_error struct error *gone = NULL;

		if (oci_container_open(&root, *id, &container, &gone) < 0) {
			if (gone->kind != ERR_NOT_FOUND)
				(void)command_report(&command_oci_list, gone, 0);
			continue;
		}
		if (json)
			write_state(&w, &container);
		else
			list_row(&container, &text);
	}
	if (json) {
		json_write_array_end(&w);
		command_print(ctx, "\n");
	} else {
		table_align(strbuf_str(&text), text.len, &ctx->out);
	}
	return 0;
}

const struct command command_oci_list = {
	.name = "list",
	.summary = "list containers",
	.max_operands = 0,
	.exit_status = OCI_EXIT_STATUS,
	.options = list_options,
	.run = list_run,
};
