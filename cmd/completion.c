#include "config.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"

/*
 * The shells' completion scripts. They know nothing of commands and options: they hand the words of
 * the line to `pod __complete` (cmd/complete.c) and offer its answer, which costs one start of pod.
 * What they know is how their shell splits words and takes candidates. completions/ holds what this
 * command prints.
 *
 * POD in a script stands for the name that the program is called by, pod or docker.
 */

static const char bash_text[] =
	"# bash completion for POD. Made by `POD completion bash`; do not edit.\n"
	"# Everything is asked of POD itself: see cmd/complete.c.\n"
	"\n"
	"_POD() {\n"
	"\tlocal rest=${COMP_LINE:0:COMP_POINT} word trimmed line prefix files='' i\n"
	"\tlocal -a words=()\n"
	"\tCOMPREPLY=()\n"
	"\t# bash has split the words at '=' and ':': put together what no blank parted.\n"
	"\tfor ((i = 0; i <= COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\ttrimmed=${rest#\"${rest%%[![:space:]]*}\"}\n"
	"\t\t((i == COMP_CWORD)) && word=$trimmed\n"
	"\t\tif ((i == 0)) || [[ $trimmed != \"$rest\" ]]; then\n"
	"\t\t\twords+=(\"$word\")\n"
	"\t\telse\n"
	"\t\t\twords[${#words[@]} - 1]+=$word\n"
	"\t\tfi\n"
	"\t\trest=${trimmed#\"$word\"}\n"
	"\tdone\n"
	"\tword=${words[${#words[@]} - 1]}\n"
	"\t# What stands before the last '=' or ':' where bash splits stays as it is.\n"
	"\tprefix=''\n"
	"\tfor i in = :; do\n"
	"\t\tline=${word%\"${word##*\"$i\"}\"}\n"
	"\t\tif [[ $COMP_WORDBREAKS == *\"$i\"* && ${#line} -gt ${#prefix} ]]; then\n"
	"\t\t\tprefix=$line\n"
	"\t\tfi\n"
	"\tdone\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line == :* ]]; then\n"
	"\t\t\tfiles=${line#:}\n"
	"\t\telse\n"
	"\t\t\tline=${line%%$'\\t'*}\n"
	"\t\t\tCOMPREPLY+=(\"${line#\"$prefix\"}\")\n"
	"\t\tfi\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" __complete -- \"${words[@]:1}\" 2>/dev/null)\n"
	"\tif [[ -n $files ]]; then\n"
	"\t\tcompopt -o filenames\n"
	"\t\t[[ $files == directories* ]] && i=-d || i=-f\n"
	"\t\tfiles=${files#* }\n"
	"\t\twhile IFS= read -r line; do\n"
	"\t\t\tline=$files$line\n"
	"\t\t\tCOMPREPLY+=(\"${line#\"$prefix\"}\")\n"
	"\t\tdone < <(compgen \"$i\" -- \"${word#\"$files\"}\")\n"
	"\tfi\n"
	"\tif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:,/] ]]; then\n"
	"\t\tcompopt -o nospace\n"
	"\tfi\n"
	"}\n"
	"\n"
	"complete -F _POD POD\n";

static const char zsh_text[] =
	"#compdef POD\n"
	"# zsh completion for POD. Made by `POD completion zsh`; do not edit.\n"
	"# Everything is asked of POD itself: see cmd/complete.c.\n"
	"\n"
	"_POD() {\n"
	"\tlocal line word about prefix files=\n"
	"\tlocal -a plain plain_about open open_about\n"
	"\tfor line in ${(f)\"$(${(Q)words[1]} __complete -- \"${(@Q)words[2,CURRENT-1]}\" "
	"\"${(Q)PREFIX}\" 2>/dev/null)\"}; do\n"
	"\t\tif [[ $line == :* ]]; then\n"
	"\t\t\tfiles=${line#:}\n"
	"\t\t\tcontinue\n"
	"\t\tfi\n"
	"\t\tword=${line%%$'\\t'*}\n"
	"\t\tabout=$word\n"
	"\t\t[[ $line == *$'\\t'* ]] && about=\"$word  -- ${line#*$'\\t'}\"\n"
	"\t\tif [[ $word == *[=:,/] ]]; then\n"
	"\t\t\topen+=(\"$word\") open_about+=(\"$about\")\n"
	"\t\telse\n"
	"\t\t\tplain+=(\"$word\") plain_about+=(\"$about\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\t(( $#plain )) && compadd -l -d plain_about -a plain\n"
	"\t(( $#open )) && compadd -l -S '' -d open_about -a open\n"
	"\tif [[ -n $files ]]; then\n"
	"\t\tprefix=${files#* }\n"
	"\t\tIPREFIX+=$prefix\n"
	"\t\tPREFIX=${PREFIX#\"$prefix\"}\n"
	"\t\tif [[ $files == directories* ]]; then _files -/; else _files; fi\n"
	"\tfi\n"
	"\treturn 0\n"
	"}\n"
	"\n"
	"if [[ $funcstack[1] == _POD ]]; then\n"
	"\t_POD \"$@\"\n"
	"else\n"
	"\tcompdef _POD POD\n"
	"fi\n";

static const char fish_text[] =
	"# fish completion for POD. Made by `POD completion fish`; do not edit.\n"
	"# Everything is asked of POD itself: see cmd/complete.c.\n"
	"\n"
	"function __POD_complete\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l current (commandline -ct)\n"
	"\tset -l lines ($words[1] __complete -- $words[2..-1] \"$current\" 2>/dev/null)\n"
	"\tstring match -v -- ':*' $lines\n"
	"\tset -l files (string match -r -- '^:(files|directories) (.*)$' $lines)\n"
	"\tor return\n"
	"\tset -l rest (string replace -- \"$files[3]\" '' \"$current\")\n"
	"\tif test $files[2] = directories\n"
	"\t\tprintf '%s\\n' $files[3](__fish_complete_directories \"$rest\" '')\n"
	"\telse\n"
	"\t\tprintf '%s\\n' $files[3](__fish_complete_path \"$rest\")\n"
	"\tend\n"
	"end\n"
	"\n"
	"complete -c POD -f -k -a '(__POD_complete)'\n";

static void print_script(struct command_context *ctx, const char *text)
{
	for (const char *name; (name = strstr(text, "POD")); text = name + 3)
		command_print(ctx, "%.*s%s", (int)(name - text), text, ctx->program);
	command_print(ctx, "%s", text);
}

static int completion_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	static const struct {
		const char *shell, *text;
	} scripts[] = {{"bash", bash_text}, {"zsh", zsh_text}, {"fish", fish_text}};
	int first;

	if (options_parse(&command_completion, argc, argv, NULL, &first, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		if (strcmp(argv[first], scripts[i].shell) == 0) {
			print_script(ctx, scripts[i].text);
			return 0;
		}
	}
	return error_set(err, ERR_USAGE,
		"invalid argument \"%s\" for \"%s completion\": one of bash, "
		"zsh, fish",
		argv[first], ctx->program);
}

const struct command command_completion = {
	.name = "completion",
	.summary = "print a shell's completion script",
	.description = "print the completion script for bash, zsh or fish to standard output.\n"
		       "make install puts them where the shells look; without it, load the output.",
	.operands = "{bash|zsh|fish}",
	.examples = "source <(pod completion bash)\n"
		    "pod completion zsh >~/.zfunc/_pod\n"
		    "pod completion fish >~/.config/fish/completions/pod.fish",
	.min_operands = 1,
	.max_operands = 1,
	.run = completion_run,
};
