#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "cmd/help.h"
#include "cmd/volume_shared.h"
#include "container/index.h"
#include "storage/image_store.h"
#include "util/mem.h"
#include "util/str.h"

/*
 * `pod __complete SHELL` prints the completion script of a shell, made from the command tree;
 * completions/ holds what it printed. The scripts know commands and options, and ask
 * `pod __complete names KIND` for what only the store knows.
 *
 * For bash and zsh the knowledge is in functions of case statements over the path of the command
 * ("container rm"), which both shells read; what differs is how words are read and offered.
 */

/* A command and every path that leads to it: "rm", "container rm". */
struct reached {
	const struct command *command;
	char **paths;
};

struct reach {
	struct reached *list;
	size_t count, capacity;
};

static void reach_add(struct reach *reach, const struct command *command, const char *path)
{
	for (size_t i = 0; i < reach->count; i++) {
		if (reach->list[i].command == command) {
			strv_append(&reach->list[i].paths, path);
			return;
		}
	}
	array_grow(reach->list, reach->count, reach->capacity);
	reach->list[reach->count] = (struct reached){.command = command};
	strv_append(&reach->list[reach->count++].paths, path);
}

static bool is_internal(const struct command_entry *entry)
{
	return !entry->command || str_starts_with(entry->name, "__");
}

static void reach_walk(struct reach *reach, const struct command *group, const char *path)
{
	reach_add(reach, group, path);
	for (const struct command_entry *e = group->subcommands; e && e->name; e++) {
		cleanup_free char *below = NULL;

		if (is_internal(e))
			continue;
		below = *path ? xasprintf("%s %s", path, e->name) : xstrdup(e->name);
		reach_walk(reach, e->command, below);
	}
}

static void reach_clear(struct reach *reach)
{
	for (size_t i = 0; i < reach->count; i++)
		strv_free(reach->list[i].paths);
	free(reach->list);
}

static const struct option_spec *options_of(const struct command *command)
{
	return command == &command_root ? global_options : command->options;
}

static const char *kind_name(enum complete_kind kind)
{
	static const char *const names[] = {
		[COMPLETE_NONE] = "none",
		[COMPLETE_CONTAINER] = "containers",
		[COMPLETE_RUNNING] = "running",
		[COMPLETE_IMAGE] = "images",
		[COMPLETE_VOLUME] = "volumes",
		[COMPLETE_FILE] = "files",
		[COMPLETE_DIRECTORY] = "directories",
		[COMPLETE_WORDS] = "none",
	};

	return names[kind];
}

/* What completes an option's value: a kind, or "words a b c". */
static void value_kind(const struct option_spec *spec, struct strbuf *out)
{
	strbuf_addstr(out, spec->words ? "words" : kind_name(spec->complete));
	for (const char *const *word = spec->words; word && *word; word++)
		strbuf_addf(out, " %s", *word);
}

/* ---- bash and zsh ---- */

static void add_patterns(struct strbuf *out, const struct reached *reached)
{
	for (char **path = reached->paths; *path; path++)
		strbuf_addf(out, "%s'%s'", path > reached->paths ? "|" : "\t", *path);
	strbuf_addstr(out, ") ");
}

static void add_commands(struct strbuf *out, const struct reach *reach)
{
	strbuf_addstr(out, "_pod_commands() {\n\tcase $1 in\n");
	for (size_t i = 0; i < reach->count; i++) {
		const struct command_entry *e = reach->list[i].command->subcommands;
		bool first = true;

		if (!e)
			continue;
		add_patterns(out, &reach->list[i]);
		strbuf_addstr(out, "echo '");
		for (; e->name; e++) {
			if (is_internal(e))
				continue;
			strbuf_addf(out, "%s%s", first ? "" : " ", e->name);
			first = false;
		}
		strbuf_addstr(out, "' ;;\n");
	}
	strbuf_addstr(out, "\tesac\n}\n\n");
}

static void add_option_words(struct strbuf *out, const struct reach *reach)
{
	strbuf_addstr(out, "_pod_options() {\n\tcase $1 in\n");
	for (size_t i = 0; i < reach->count; i++) {
		size_t count;
		cleanup_free const struct option_spec **list =
			help_sorted_options(options_of(reach->list[i].command), &count);

		add_patterns(out, &reach->list[i]);
		strbuf_addstr(out, "echo '--help");
		for (size_t j = 0; j < count; j++) {
			strbuf_addf(out, " --%s", list[j]->name);
			if (list[j]->short_name)
				strbuf_addf(out, " -%c", list[j]->short_name);
		}
		strbuf_addstr(out, "' ;;\n");
	}
	strbuf_addstr(out, "\tesac\n}\n\n");
}

static void add_value_rows(struct strbuf *out, const struct option_spec *table)
{
	size_t count;
	cleanup_free const struct option_spec **list = help_sorted_options(table, &count);

	for (size_t i = 0; i < count; i++) {
		if (!option_has_value(list[i]))
			continue;
		strbuf_addf(out, "\t\t--%s", list[i]->name);
		if (list[i]->short_name)
			strbuf_addf(out, "|-%c", list[i]->short_name);
		strbuf_addstr(out, ") echo '");
		value_kind(list[i], out);
		strbuf_addstr(out, "' ;;\n");
	}
}

static bool has_values(const struct option_spec *table)
{
	for (; table && table->type != OPTION_TYPE_END; table++)
		if (!table->hidden && option_has_value(table))
			return true;
	return false;
}

static void add_values(struct strbuf *out, const struct reach *reach)
{
	strbuf_addstr(out, "_pod_value() {\n\tcase $1 in\n");
	for (size_t i = 0; i < reach->count; i++) {
		const struct command *command = reach->list[i].command;

		if (command == &command_root || !has_values(command->options))
			continue;
		add_patterns(out, &reach->list[i]);
		strbuf_addstr(out, "case $2 in\n");
		add_value_rows(out, command->options);
		strbuf_addstr(out, "\t\tesac ;;\n");
	}
	strbuf_addstr(out, "\tesac\n\tcase $2 in\n");
	add_value_rows(out, global_options);
	strbuf_addstr(out, "\tesac\n}\n\n");
}

static void add_operands(struct strbuf *out, const struct reach *reach)
{
	strbuf_addstr(out, "_pod_operand() {\n\tcase $1 in\n");
	for (size_t i = 0; i < reach->count; i++) {
		const struct command *command = reach->list[i].command;

		if (command->subcommands || command->complete == COMPLETE_NONE)
			continue;
		add_patterns(out, &reach->list[i]);
		strbuf_addf(out, "echo '%s%s' ;;\n", kind_name(command->complete),
			command->stop_at_operand ? " once" : "");
	}
	strbuf_addstr(out, "\tesac\n}\n\n");
}

/* The walk along the words, the same in both shells but for how the words are called. */
static const char walk_text[] = "_pod_walk() {\n"
				"\tlocal word skip='' sub\n"
				"\tpod_path='' pod_operands=0 pod_value=''\n"
				"\tfor word in \"$@\"; do\n"
				"\t\tif [[ -n $skip ]]; then skip=''; continue; fi\n"
				"\t\tif [[ $word == -?* ]]; then\n"
				"\t\t\t[[ $word == *=* || $pod_operands -gt 0 && $(_pod_operand "
				"\"$pod_path\") == *once ]] && continue\n"
				"\t\t\tskip=$(_pod_value \"$pod_path\" \"$word\")\n"
				"\t\t\tcontinue\n"
				"\t\tfi\n"
				"\t\tsub=\" $(_pod_commands \"$pod_path\") \"\n"
				"\t\tif [[ $pod_operands -eq 0 && $sub == *\" $word \"* ]]; then\n"
				"\t\t\tpod_path=\"${pod_path:+$pod_path }$word\"\n"
				"\t\telse\n"
				"\t\t\tpod_operands=$((pod_operands + 1))\n"
				"\t\tfi\n"
				"\tdone\n"
				"\tpod_value=$skip\n"
				"}\n\n";

static const char bash_text[] =
	"_pod_offer() {\n"
	"\tlocal kind=$1 cur=$2\n"
	"\tcase $kind in\n"
	"\tfiles) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\tdirectories) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
	"\twords\\ *) mapfile -t COMPREPLY < <(compgen -W \"${kind#words }\" -- \"$cur\") ;;\n"
	"\tcontainers | running | images | volumes)\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$(\"${COMP_WORDS[0]}\" __complete names "
	"\"$kind\" "
	"2>/dev/null)\" -- \"$cur\")\n"
	"\t\tdeclare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions \"$cur\" "
	";;\n"
	"\tesac\n"
	"}\n\n"
	"_pod() {\n"
	"\tlocal pod_path pod_operands pod_value kind IFS=$' \\t\\n'\n"
	"\tlocal cur words cword\n"
	"\tCOMPREPLY=()\n"
	"\tif declare -F _get_comp_words_by_ref >/dev/null; then\n"
	"\t\t_get_comp_words_by_ref -n := cur words cword\n"
	"\telse\n"
	"\t\tcur=${COMP_WORDS[COMP_CWORD]} words=(\"${COMP_WORDS[@]}\") cword=$COMP_CWORD\n"
	"\tfi\n"
	"\t_pod_walk \"${words[@]:1:cword-1}\"\n"
	"\tif [[ -n $pod_value ]]; then\n"
	"\t\t_pod_offer \"$pod_value\" \"$cur\"\n"
	"\telif [[ $cur == --*=* ]]; then\n"
	"\t\t_pod_offer \"$(_pod_value \"$pod_path\" \"${cur%%=*}\")\" \"${cur#*=}\"\n"
	"\telif [[ $pod_operands -gt 0 && $(_pod_operand \"$pod_path\") == *once ]]; then\n"
	"\t\t_pod_offer files \"$cur\"\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$(_pod_options \"$pod_path\")\" -- \"$cur\")\n"
	"\telse\n"
	"\t\tkind=$(_pod_commands \"$pod_path\")\n"
	"\t\tif [[ -n $kind ]]; then\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -W \"$kind\" -- \"$cur\")\n"
	"\t\telse\n"
	"\t\t\tkind=$(_pod_operand \"$pod_path\")\n"
	"\t\t\t_pod_offer \"${kind% once}\" \"$cur\"\n"
	"\t\tfi\n"
	"\tfi\n"
	"}\n\n"
	"complete -F _pod pod\n";

static const char zsh_text[] =
	"_pod_offer() {\n"
	"\tcase $1 in\n"
	"\tfiles) _files ;;\n"
	"\tdirectories) _files -/ ;;\n"
	"\twords\\ *) compadd -- ${=1#words } ;;\n"
	"\tcontainers | running | images | volumes)\n"
	"\t\tcompadd -- ${(f)\"$(${words[1]} __complete names $1 2>/dev/null)\"} ;;\n"
	"\tesac\n"
	"}\n\n"
	"_pod() {\n"
	"\tlocal pod_path pod_operands pod_value kind cur=${words[CURRENT]}\n"
	"\t_pod_walk \"${(@)words[2,CURRENT-1]}\"\n"
	"\tif [[ -n $pod_value ]]; then\n"
	"\t\t_pod_offer \"$pod_value\"\n"
	"\telif [[ $cur == --*=* ]]; then\n"
	"\t\tkind=$(_pod_value \"$pod_path\" \"${cur%%=*}\")\n"
	"\t\tcompset -P '*='\n"
	"\t\t_pod_offer \"$kind\"\n"
	"\telif [[ $pod_operands -gt 0 && $(_pod_operand \"$pod_path\") == *once ]]; then\n"
	"\t\t_files\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tcompadd -- ${=$(_pod_options \"$pod_path\")}\n"
	"\telse\n"
	"\t\tkind=$(_pod_commands \"$pod_path\")\n"
	"\t\tif [[ -n $kind ]]; then\n"
	"\t\t\tcompadd -- ${=kind}\n"
	"\t\telse\n"
	"\t\t\tkind=$(_pod_operand \"$pod_path\")\n"
	"\t\t\t_pod_offer \"${kind% once}\"\n"
	"\t\tfi\n"
	"\tfi\n"
	"}\n\n"
	"_pod \"$@\"\n";

static void print_bash_or_zsh(struct strbuf *out, const struct reach *reach, bool zsh)
{
	if (zsh)
		strbuf_addstr(out, "#compdef pod\n");
	strbuf_addf(out, "# Made by `pod __complete %s`; do not edit.\n\n", zsh ? "zsh" : "bash");
	add_commands(out, reach);
	add_option_words(out, reach);
	add_values(out, reach);
	add_operands(out, reach);
	strbuf_addstr(out, walk_text);
	strbuf_addstr(out, zsh ? zsh_text : bash_text);
}

/* ---- fish ---- */

static const char fish_text[] =
	"# Made by `pod __complete fish`; do not edit.\n\n"
	"function __pod_path\n"
	"\tset -l path ''\n"
	"\tfor word in (commandline -opc)[2..-1]\n"
	"\t\tstring match -q -- '-*' $word; and continue\n"
	"\t\tif contains -- $word (string split ' ' -- (__pod_commands $path))\n"
	"\t\t\tset path (string trim -- \"$path $word\")\n"
	"\t\telse if test -z (__pod_commands $path)\n"
	"\t\t\tbreak\n"
	"\t\tend\n"
	"\tend\n"
	"\techo $path\n"
	"end\n\n"
	"function __pod_is\n"
	"\tcontains -- (__pod_path) $argv\n"
	"end\n\n";

static void add_fish_text(struct strbuf *out, const char *text)
{
	strbuf_addch(out, '\'');
	for (; *text && *text != '\n'; text++) {
		if (*text == '\'' || *text == '\\')
			strbuf_addch(out, '\\');
		strbuf_addch(out, *text);
	}
	strbuf_addch(out, '\'');
}

static void add_fish_kind(struct strbuf *out, const char *kind)
{
	const char *words = str_starts_with(kind, "words ");

	if (words)
		strbuf_addf(out, " -a '%s'", words);
	else if (strcmp(kind, "directories") == 0)
		strbuf_addstr(out, " -a '(__fish_complete_directories)'");
	else if (strcmp(kind, "files") != 0 && strcmp(kind, "none") != 0)
		strbuf_addf(out, " -a '(pod __complete names %s)'", kind);
}

static void add_fish_options(
	struct strbuf *out, const char *condition, const struct option_spec *table)
{
	size_t count;
	cleanup_free const struct option_spec **list = help_sorted_options(table, &count);

	for (size_t i = 0; i < count; i++) {
		cleanup_strbuf struct strbuf kind = STRBUF_INIT;

		strbuf_addf(out, "complete -c pod %s -l %s", condition, list[i]->name);
		if (list[i]->short_name)
			strbuf_addf(out, " -s %c", list[i]->short_name);
		if (option_has_value(list[i])) {
			value_kind(list[i], &kind);
			strbuf_addstr(
				out, strcmp(strbuf_str(&kind), "files") == 0 ? " -r -F" : " -x");
			add_fish_kind(out, strbuf_str(&kind));
		}
		strbuf_addstr(out, " -d ");
		add_fish_text(out, list[i]->help);
		strbuf_addch(out, '\n');
	}
}

static void print_fish(struct strbuf *out, const struct reach *reach)
{
	strbuf_addstr(out, "function __pod_commands\n\tswitch \"$argv\"\n");
	for (size_t i = 0; i < reach->count; i++) {
		const struct command_entry *e = reach->list[i].command->subcommands;

		if (!e)
			continue;
		strbuf_addstr(out, "\tcase");
		for (char **path = reach->list[i].paths; *path; path++)
			strbuf_addf(out, " '%s'", *path);
		strbuf_addstr(out, "\n\t\techo '");
		for (bool first = true; e->name; e++) {
			if (is_internal(e))
				continue;
			strbuf_addf(out, "%s%s", first ? "" : " ", e->name);
			first = false;
		}
		strbuf_addstr(out, "'\n");
	}
	strbuf_addstr(out, "\tend\nend\n\n");
	strbuf_addstr(out, strchr(fish_text, '\n') + 2);
	strbuf_addstr(out, "complete -c pod -f\n");
	for (size_t i = 0; i < reach->count; i++) {
		const struct command *command = reach->list[i].command;
		cleanup_strbuf struct strbuf condition = STRBUF_INIT;

		strbuf_addstr(&condition, "-n \"__pod_is");
		for (char **path = reach->list[i].paths; *path; path++)
			strbuf_addf(&condition, " '%s'", *path);
		strbuf_addstr(&condition, "\"");
		for (const struct command_entry *e = command->subcommands; e && e->name; e++) {
			if (is_internal(e) || e->hidden)
				continue;
			strbuf_addf(out, "complete -c pod %s -a %s -d ", strbuf_str(&condition),
				e->name);
			add_fish_text(out, e->command->summary);
			strbuf_addch(out, '\n');
		}
		if (!command->subcommands && command->complete != COMPLETE_NONE) {
			strbuf_addf(out, "complete -c pod %s", strbuf_str(&condition));
			if (command->complete == COMPLETE_FILE || command->stop_at_operand)
				strbuf_addstr(out, " -F");
			add_fish_kind(out, kind_name(command->complete));
			strbuf_addch(out, '\n');
		}
		add_fish_options(out, strbuf_str(&condition), options_of(command));
	}
}

/* ---- names ---- */

static int print_containers(
	struct command_context *ctx, struct store *store, bool running, struct error **err)
{
	cleanup_container_index struct container_index index = {0};

	if (container_index_load(store, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++)
		if (!running || index.rows[i].state == CONTAINER_RUNNING ||
			index.rows[i].state == CONTAINER_UNSUPERVISED)
			command_print(ctx, "%s\n", index.rows[i].name);
	return 0;
}

static int print_images(struct command_context *ctx, struct store *store, struct error **err)
{
	struct image_ref *refs;
	size_t count;

	if (image_list(store, &refs, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const char *name = refs[i].reference, *rest;

		if (name) {
			command_print(ctx, "%s\n", name);
			rest = str_starts_with(name, "docker.io/library/");
			rest = rest ? rest : str_starts_with(name, "localhost/");
			if (rest)
				command_print(ctx, "%s\n", rest);
		}
		image_ref_clear(&refs[i]);
	}
	free(refs);
	return 0;
}

static int print_volumes(struct command_context *ctx, struct store *store, struct error **err)
{
	cleanup_volume_set struct volume_set set = {0};

	if (volume_set_load(store, NULL, NULL, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < set.count; i++)
		command_print(ctx, "%s\n", set.chosen[i]->name);
	return 0;
}

static int print_names(struct command_context *ctx, const char *kind, struct error **err)
{
	struct store *store;

	if (command_store(ctx, &store, err) < 0)
		return -1;
	if (strcmp(kind, "containers") == 0 || strcmp(kind, "running") == 0)
		return print_containers(ctx, store, *kind == 'r', err);
	if (strcmp(kind, "images") == 0)
		return print_images(ctx, store, err);
	if (strcmp(kind, "volumes") == 0)
		return print_volumes(ctx, store, err);
	return error_set(err, ERR_USAGE, "unknown kind of names '%s'", kind);
}

static int complete_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct reach reach = {0};
	const char *shell;
	int first, status = 0;

	if (options_parse(&command_complete, argc, argv, NULL, &first, err) < 0)
		return -1;
	shell = argv[first];
	if (strcmp(shell, "names") == 0 && argc == first + 2)
		return print_names(ctx, argv[first + 1], err);
	reach_walk(&reach, &command_root, "");
	if (strcmp(shell, "bash") == 0 || strcmp(shell, "zsh") == 0)
		print_bash_or_zsh(&ctx->out, &reach, *shell == 'z');
	else if (strcmp(shell, "fish") == 0)
		print_fish(&ctx->out, &reach);
	else
		status = error_set(err, ERR_USAGE, "unknown shell '%s'", shell);
	reach_clear(&reach);
	return status;
}

const struct command command_complete = {
	.name = "__complete",
	.summary = "print a completion script, or the names it asks for",
	.operands = "{bash|zsh|fish|names {containers|running|images|volumes}}",
	.min_operands = 1,
	.max_operands = 2,
	.run = complete_run,
};
