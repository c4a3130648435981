# Completion: what pod offers for a line, and that bash, zsh and fish take it, each on a terminal.
load ../lib/common

# offers LINE... - what is offered for the last word, without descriptions, sorted
offers()
{
	# shellcheck disable=SC2016 # for that shell
	run bash -o pipefail -c 'pod __complete -- "$@" | cut -f1 | LC_ALL=C sort' complete "$@"
	assert_success
}

# docker_offers LINE... - the same, called as docker
docker_offers()
{
	# shellcheck disable=SC2016 # for that shell
	run bash -o pipefail -c 'docker __complete -- "$@" | cut -f1 | LC_ALL=C sort' complete "$@"
	assert_success
}

# --- what is offered -------------------------------------------------------------------------------

@test "commands, groups, second spellings" {
	offers volu
	assert_output volume
	offers container exi
	assert_output exists
	offers container l
	assert_output $'list\nlogs\nls'
	offers --log-level debug --root /nowhere volume ins
	assert_output inspect
	offers help volume cr
	assert_output create
	offers __
	assert_output ""
	offers nothing x
	assert_output ""
	run pod __complete -- volume rm
	assert_output --regexp $'^rm\t[a-z]'
}

@test "options: each once, but for those that add up" {
	offers ps --no-t
	assert_output --no-trunc
	offers ps --no-trunc --no-t
	assert_output ""
	offers run --env A=1 --env
	assert_output --regexp $'^--env\n--env-file'
	offers rm -f --fo
	assert_output ""
	offers run localhost/busybox --ent
	assert_output ":files "
}

@test "values: of the table, of the kind, of the name" {
	offers ps --sort run
	assert_output $'runningfor'
	offers run --pull=n
	assert_output $'--pull=never\n--pull=newer'
	offers kill -s SIGT
	assert_output $'SIGTERM\nSIGTRAP\nSIGTSTP\nSIGTTIN\nSIGTTOU'
	offers run --cap-add NET_A
	assert_output NET_ADMIN
	offers ps --filter stat
	assert_output status=
	offers ps --filter=status=ex
	assert_output --filter=status=exited
	offers run --env-file ./x
	assert_output ":files "
	offers run --cidfile=./x
	assert_output ":files --cidfile="
	offers --root ""
	assert_output ":directories "
	offers wait --condition=un
	assert_output --condition=unhealthy
	offers doctor sub
	assert_output subordinate-ids
	run env -i "PATH=$PATH" "HOME=$HOME" ONLY=1 pod __complete -- run -e ON
	assert_output ONLY
}

@test "names and ids from the store, and what a hostile store has" {
	load_busybox
	pod create --name one localhost/busybox true
	pod create --name two localhost/busybox true
	pod volume create data
	local id image

	id=$(pod inspect --format '{{.Id}}' two)
	image=$(pod image inspect --format '{{.Id}}' localhost/busybox)
	offers rm ""
	assert_output $'one\ntwo'
	offers rm one ""
	assert_output two
	offers rm "${id:0:4}"
	assert_output "${id:0:12}"
	offers start t
	assert_output two
	offers stop ""
	assert_output ""
	offers run --network container:
	assert_output ""
	offers run --name x busy
	assert_output busybox:latest
	offers run --name x local
	assert_output localhost/busybox:latest
	offers rmi "${image:0:5}"
	assert_output "${image:0:12}"
	offers volume rm ""
	assert_output data
	offers run -v da
	assert_output $':files \ndata:'
	offers run -v data:/x:r
	assert_output $'data:/x:ro\ndata:/x:rw'
	offers cp o
	assert_output $':files \none:'
	offers inspect ""
	assert_output $'busybox:latest\ndata\none\ntwo'
	offers --root "$HOME/other" rm ""
	assert_output ""
	[ ! -e "$HOME/other" ] || fail "completion made a store"
	# shellcheck disable=SC2088 # as typed
	offers --root "~/.local/share/pod" volume rm ""
	assert_output data
	pod run -d --name three --network none localhost/busybox sleep 1000 >/dev/null
	offers run --network container:
	assert_output container:three
	offers exec ""
	assert_output three
	offers start ""
	assert_output $'one\ntwo'
}

@test "completion starts one program, not one for each candidate" {
	load_busybox
	for i in 1 2 3; do pod create --name "c$i" localhost/busybox true; done
	# shellcheck disable=SC2016 # for that shell
	run bash -c 'source <(pod completion bash); compopt() { :; }
		COMP_WORDS=(pod rm "") COMP_CWORD=2 COMP_LINE="pod rm " COMP_POINT=7
		exec 3>"$1"; BASH_XTRACEFD=3; set -x; _pod; set +x
		echo "${COMPREPLY[@]}"; grep -c "__complete" "$1"' complete "$BATS_TEST_TMPDIR/trace"
	assert_output $'c1 c2 c3\n1'
}

# --- called as docker -------------------------------------------------------------------------------

@test "docker: its own commands and options, nothing that is refused" {
	docker_offers volu
	assert_output volume
	docker_offers unsh
	assert_output ""
	docker_offers pus
	assert_output ""
	docker_offers container l
	assert_output $'list\nlogs\nls'
	docker_offers container ""
	refute_output --regexp '^list$'
	docker_offers completion ""
	assert_output $'bash\nfish\nzsh'
	docker_offers -D --config /nowhere volume ins
	assert_output inspect
	docker_offers help volume cr
	assert_output create
	docker_offers run --rootf
	assert_output ""
	docker_offers run --gpu
	assert_output ""
	docker_offers run --dns-opt
	assert_output $'--dns-opt\n--dns-option'
	docker_offers run --rm --r
	refute_output --regexp '^--rm$'
	docker_offers run -e A=1 -e B=1 --en
	assert_output $'--entrypoint\n--env\n--env-file'
	docker_offers logs -
	assert_output --regexp $'^--details\n'
	docker_offers nothing x
	assert_output ""
	docker_offers swarm ini
	assert_output ""
}

@test "docker: values and operands" {
	load_busybox
	pod create --name one localhost/busybox true
	docker_offers run --net h
	assert_output host
	docker_offers run --network=b
	assert_output --network=bridge
	docker_offers run --pull=al
	assert_output --pull=always
	docker_offers -l wa
	assert_output warn
	docker_offers --config ""
	assert_output ":directories "
	docker_offers kill -s SIGTS
	assert_output SIGTSTP
	docker_offers rm -f o
	assert_output one
	docker_offers container rm one ""
	assert_output ""
	docker_offers run -it busy
	assert_output busybox:latest
	docker_offers run --rm busybox --ent
	assert_output ":files "
	docker_offers load -i ./x
	assert_output ":files "
}

# --- the shells --------------------------------------------------------------------------------------

# The completed line is printed by the shell itself: Ctrl-A, "echo @ ", Enter. Answers stand at the
# beginning of a line.
steps='send pod volu\t\x01echo @ \n
expect [\r\n]@ pod volume *\r
send pod rm --force o\t\x01echo @ \n
expect [\r\n]@ pod rm --force one *\r
send pod run --pull=a\t\x01echo @ \n
expect [\r\n]@ pod run --pull=always *\r
send pod run --rm localhost/bu\t\x01echo @ \n
expect [\r\n]@ pod run --rm localhost/busybox:latest *\r
send pod load -i some-f\t\x01echo @ \n
expect [\r\n]@ pod load -i some-file *\r
send pod run --env-file=./some-f\t\x01echo @ \n
expect [\r\n]@ pod run --env-file=./some-file *\r
send pod run --network container:t\t\x01echo @ \n
expect [\r\n]@ pod run --network container:three *\r
send pod ps --filter status=cr\t\x01echo @ \n
expect [\r\n]@ pod ps --filter status=created *\r
send pod run -v da\t/x\x01echo @ \n
expect [\r\n]@ pod run -v data:/x *\r
send pod cp two\t/etc/passwd .\x01echo @ \n
expect [\r\n]@ pod cp two:/etc/passwd . *\r
line exit'

# shell_steps NAME - the same typed for the program NAME
shell_steps()
{
	sed "s/pod/$1/g" <<<"$steps"
}

store_for_shells()
{
	load_busybox
	pod create --name one localhost/busybox true
	pod create --name two localhost/busybox true
	pod run -d --name three --network none localhost/busybox sleep 1000 >/dev/null
	pod volume create data
	: >some-file
}

@test "bash" {
	local name

	store_for_shells
	for name in pod docker; do
		run on_pty "expect [\$]
line PS1='ready> '; source <($name completion bash)
expect [\r\n]ready>
$(shell_steps "$name")" bash --norc --noprofile -i
		assert_success
	done
}

@test "bash without = and : in COMP_WORDBREAKS" {
	store_for_shells
	run on_pty "expect [\$]
line PS1='ready> '; COMP_WORDBREAKS=\${COMP_WORDBREAKS//[=:]}; source <(pod completion bash)
expect [\r\n]ready>
$steps" bash --norc --noprofile -i
	assert_success
}

@test "zsh" {
	local name

	store_for_shells
	run on_pty "expect %
line PS1='ready> '; bindkey -e; autoload -Uz compinit; compinit -D -u; source <(pod completion zsh)
expect [\r\n]ready>
$steps" zsh -f -i
	assert_success
	mkdir functions
	for name in pod docker; do
		"$name" completion zsh >"functions/_$name"
		run on_pty "expect %
line PS1='ready> '; bindkey -e; fpath=(\$PWD/functions \$fpath); autoload -Uz compinit; compinit -D -u
expect [\r\n]ready>
$(shell_steps "$name")" zsh -f -i
		assert_success
	done
}

@test "fish" {
	local name

	store_for_shells
	for name in pod docker; do
		"$name" completion fish >$name.fish
		run on_pty "expect >
line function fish_prompt; echo 'ready> '; end; source $name.fish
expect [\r\n]ready>
$(shell_steps "$name")" env TERM=dumb fish --private --no-config -i
		assert_success
	done
}
