# bash completion for pod. Made by `pod completion bash`; do not edit.
# Everything is asked of pod itself: see cmd/complete.c.

_pod() {
	local rest=${COMP_LINE:0:COMP_POINT} word trimmed line prefix files='' i
	local -a words=()
	COMPREPLY=()
	# bash has split the words at '=' and ':': put together what no blank parted.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		trimmed=${rest#"${rest%%[![:space:]]*}"}
		((i == COMP_CWORD)) && word=$trimmed
		if ((i == 0)) || [[ $trimmed != "$rest" ]]; then
			words+=("$word")
		else
			words[${#words[@]} - 1]+=$word
		fi
		rest=${trimmed#"$word"}
	done
	word=${words[${#words[@]} - 1]}
	# What stands before the last '=' or ':' where bash splits stays as it is.
	prefix=''
	for i in = :; do
		line=${word%"${word##*"$i"}"}
		if [[ $COMP_WORDBREAKS == *"$i"* && ${#line} -gt ${#prefix} ]]; then
			prefix=$line
		fi
	done
	while IFS= read -r line; do
		if [[ $line == :* ]]; then
			files=${line#:}
		else
			line=${line%%$'\t'*}
			COMPREPLY+=("${line#"$prefix"}")
		fi
	done < <("${COMP_WORDS[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
	if [[ -n $files ]]; then
		compopt -o filenames
		[[ $files == directories* ]] && i=-d || i=-f
		files=${files#* }
		while IFS= read -r line; do
			line=$files$line
			COMPREPLY+=("${line#"$prefix"}")
		done < <(compgen "$i" -- "${word#"$files"}")
	fi
	if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:,/] ]]; then
		compopt -o nospace
	fi
}

complete -F _pod pod
