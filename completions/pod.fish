# fish completion for pod. Made by `pod completion fish`; do not edit.
# Everything is asked of pod itself: see cmd/complete.c.

function __pod_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	set -l lines ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
	string match -v -- ':*' $lines
	set -l files (string match -r -- '^:(files|directories) (.*)$' $lines)
	or return
	set -l rest (string replace -- "$files[3]" '' "$current")
	if test $files[2] = directories
		printf '%s\n' $files[3](__fish_complete_directories "$rest" '')
	else
		printf '%s\n' $files[3](__fish_complete_path "$rest")
	end
end

complete -c pod -f -k -a '(__pod_complete)'
