# The command line itself: help at every level, options in every spelling, what is refused and how,
# templates, filters and columns, volumes, system commands, completions.
load ../lib/common

# --- help --------------------------------------------------------------------------------------------

@test "--help is there at every level, on stdout, with status 0" {
	local group command path

	check_help()
	{
		run --separate-stderr pod "$@" --help
		assert_success
		assert_equal "$stderr" ""
		assert_output --regexp $'(^|\n)Usage:\n  pod'
	}
	check_help
	for group in "" container image volume system; do
		[ -z "$group" ] || check_help $group
		path=$group
		while read -r command; do
			# shellcheck disable=SC2086 # an empty group is no word
			check_help $path "$command"
		done < <(pod $group --help | sed -n '/^Available Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
	done
}

@test "help in podman's layout" {
	run pod volume exists --help
	assert_output "Check if a volume exists

Description:
  The exit status tells: 0 when the volume exists, 1 when it does not.

Usage:
  pod volume exists VOLUME

Examples:
  pod volume exists myvol"
	run pod ps -h
	assert_success
	assert_output --regexp $'\nOptions:\n  -a, --all +Show all'
	run pod help volume rm
	assert_output --partial 'pod volume rm [options] VOLUME [VOLUME...]'
	run pod help nothing
	assert_status 125
}

# --- what is refused --------------------------------------------------------------------------------

@test "unknown commands and missing ones" {
	run --separate-stderr pod nothing
	assert_status 125
	assert_stderr "Error: unrecognized command \`pod nothing\`
Try 'pod --help' for more information"
	run --separate-stderr pod volume nothing
	assert_stderr "Error: unrecognized command \`pod volume nothing\`
Try 'pod volume --help' for more information"
	run --separate-stderr pod container
	assert_fault 125 "missing command 'pod container COMMAND'"
	assert_output --partial "Available Commands:"
}

@test "commands that are not there yet are refused in one line each" {
	local command

	for command in build commit compose push "network create" "image diff" search \
		"system service" "container checkpoint" "image scp" "volume export"; do
		# shellcheck disable=SC2086 # two words where there are two
		run --separate-stderr pod $command x
		assert_fault 125 "is not available in this version"
		assert_output ""
	done
}

@test "faults of options and operands" {
	local line
	local -a words

	while IFS='|' read -r line expected; do
		read -r -a words <<<"$line"
		run --separate-stderr pod "${words[@]}"
		assert_status 125
		assert_equal "${stderr_lines[0]}" "Error: $expected"
		assert_output ""
	done <<-'END'
		ps --nothing|unknown flag: --nothing
		ps -Z|unknown shorthand flag: 'Z' in -Z
		ps --all=perhaps|invalid argument "perhaps" for "-a, --all" flag: must be true or false
		ps --last|flag needs an argument: --last
		ps --last x|invalid argument "x" for "-n, --last" flag: must be a whole number
		ps --sort shape|invalid argument "shape" for "--sort" flag: "shape" is not a valid value.  Choose from: "command, created, id, image, names, runningfor, size, status"
		ps x|`pod ps` takes no arguments
		ps --filter nothing=x|'nothing' is an invalid filter
		ps --filter x|invalid filter 'x': must be of the form key=value
		ps --filter status=odd|unknown container state: odd: invalid argument
		ps --filter since=nobody|no container with name or ID "nobody" found: no such container
		ps -l -n 2|last and latest are mutually exclusive
		ps -q --format x|quiet and format cannot be used together
		volume exists|accepts 1 arg(s), received 0
		volume create a b|accepts at most 1 arg(s), received 2
		volume create a/b|invalid volume name "a/b": names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument
		volume rm|choose either one or more volumes or all
		volume inspect|provide one or more volume names or use --all
		inspect|no names or ids specified
		--root|flag needs an argument: --root
	END
}

@test "global options stand before and after the command" {
	pod volume create --root "$HOME/other" v1
	run pod --root "$HOME/other" volume ls -q
	assert_output v1
	run pod volume ls -q --root="$HOME/other"
	assert_output v1
	run pod volume ls -q
	assert_output ""
	run --separate-stderr pod --log-level loud ps
	assert_status 125
	assert_stderr --partial 'invalid argument "loud" for "--log-level" flag'
}

@test "standard descriptors that are closed, full or nobody reads" {
	run bash -c 'pod --version >&-'
	assert_success
	run --separate-stderr bash -c 'pod ps >/dev/full'
	assert_fault 125 "write to standard output" "No space left on device"
	run bash -c 'set -o pipefail; trap "" PIPE; { sleep 0.2; pod --help; } | true'
	assert_status 141
	assert_output ""
}

# --- ps ------------------------------------------------------------------------------------------------

three_containers()
{
	load_busybox
	pod create --name made --label color=red localhost/busybox true >/dev/null
	pod run --name ended --label color=blue --network none localhost/busybox sh -c 'exit 3' || :
	pod run -d --name runs --label color=red --label big --network none -v data:/data \
		localhost/busybox sleep 1000 >/dev/null
}

@test "ps: columns, states and who is shown" {
	three_containers
	run pod ps
	assert_success
	assert_equal "${#lines[@]}" 2
	assert_equal "${lines[0]}" \
		"CONTAINER ID  IMAGE                     COMMAND     CREATED                 STATUS                 PORTS       NAMES"
	run pod ps -a --format '{{.Names}}|{{.State}}|{{.Command}}'
	assert_output "made|created|true
ended|exited|sh -c exit 3
runs|running|sleep 1000"
	run pod ps -a --filter name=ended --format '{{.Status}}'
	assert_output --regexp '^Exited \(3\) .* ago$'
	run pod ps --latest --format '{{.Names}}'
	assert_output runs
	run pod ps -n 2 --format '{{.Names}}'
	assert_output $'ended\nruns'
	run pod ps -aq --no-trunc
	assert_output --regexp $'^[0-9a-f]{64}\n[0-9a-f]{64}\n[0-9a-f]{64}$'
	run pod container ls --noheading -a
	assert_equal "${#lines[@]}" 3
}

@test "ps: a command with control characters stays in its column" {
	load_busybox
	pod create --name c1 localhost/busybox printf $'a\n\e[31m\tb' >/dev/null
	run pod ps -a --no-trunc --format 'table {{.Command}}\t{{.Names}}'
	assert_equal "${#lines[@]}" 2
	assert_equal "${lines[1]}" "printf a  [31m b  c1"
	run pod ps -a --format '{{json .}}'
	assert_output --partial '"Command":["printf","a\n\u001b[31m\tb"]'
}

@test "ps: filters and order" {
	local filter expected

	three_containers
	while IFS='|' read -r filter expected; do
		# shellcheck disable=SC2046,SC2086 # several filters
		run pod ps -a --format '{{.Names}}' $(printf -- '--filter %s ' $filter)
		assert_success
		assert_equal "${output//$'\n'/ }" "$expected"
	done <<-'END'
		status=exited|ended
		status=created status=running|made runs
		name=^/runs$|runs
		name=e|made ended
		name!=e|runs
		label=color|made ended runs
		label=color=red|made runs
		label=color=red label=big|runs
		label!=big|made ended
		exited=3|ended
		exited=4|
		ancestor=busybox|made ended runs
		ancestor=localhost/busybox:latest|made ended runs
		ancestor=box|
		before=ended|made
		since=ended|runs
		volume=data|runs
		volume=/data|runs
		network=none|ended runs
		until=10h|
		until=2000-01-01|
	END
	run pod ps --filter status=exited --format '{{.Names}}'
	assert_output ended
	run pod ps -a --sort names --format '{{.Names}}'
	assert_output $'ended\nmade\nruns'
	run pod ps -a --filter "id=$(pod inspect -f '{{.Id}}' made | cut -c 1-12)" --format '{{.Names}}'
	assert_output made
}

@test "ps: templates and JSON" {
	three_containers
	run pod ps --format 'table {{.Names}}\t{{.Image}}'
	assert_output "NAMES       IMAGE
runs        localhost/busybox:latest"
	run pod ps --format '{{range .}}{{.Names}};{{end}}'
	assert_output "runs;"
	run pod ps --format '{{if eq .State "running"}}{{upper .Names}}{{end}} {{.Label "color"}} {{len .Names}}'
	assert_output "RUNS red 4"
	run pod ps -a --filter name=ended --format '{{json .}}'
	assert_output --regexp '^\{"AutoRemove":false,"Command":\["sh","-c","exit 3"\],.*"Exited":true,.*"ExitCode":3,.*"Names":\["ended"\]'
	run bash -c 'pod ps -a --format json | python3 -c "import json,sys
for c in json.load(sys.stdin): print(c[\"Names\"][0], c[\"State\"], c[\"Labels\"].get(\"color\"))"'
	assert_output "made created red
ended exited blue
runs running red"
	run --separate-stderr pod ps --format '{{.Nothing}}'
	assert_fault 125 "template" "Nothing"
	run --separate-stderr pod ps --format '{{.Names'
	assert_fault 125 "template" "unclosed action"
}

# --- inspect ---------------------------------------------------------------------------------------------

@test "inspect a container" {
	load_busybox
	pod create --name c1 -e A=b -w /tmp --label 'a.b=c d' --entrypoint /bin/sh -v data:/data:ro \
		--tmpfs /scratch:size=1m -p 127.0.0.1:18080-18081:80-81 --hostname web --cap-drop ALL \
		--cap-add chown --stop-signal USR1 --stop-timeout 3 localhost/busybox -c 'exit 0' >/dev/null
	run pod inspect --format '{{.Name}} {{.Path}} {{.Args}} {{.State.Status}} {{.State.Running}}' c1
	assert_output "c1 /bin/sh [-c exit 0] created false"
	run pod inspect -f '{{.Config.Hostname}} {{.Config.WorkingDir}} {{.Config.StopSignal}} {{.Config.StopTimeout}}' c1
	assert_output "web /tmp SIGUSR1 3"
	run pod inspect -f '{{index .Config.Labels "a.b"}}|{{json .Config.Entrypoint}}|{{join .Config.Cmd ","}}' c1
	assert_output 'c d|["/bin/sh"]|-c,exit 0'
	run pod inspect -f '{{range .Config.Env}}{{println .}}{{end}}' c1
	assert_output --partial A=b
	run pod inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}}' c1
	assert_output "volume data /data false"
	run pod inspect -f '{{json .HostConfig.PortBindings}} {{.EffectiveCaps}}' c1
	assert_output '{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"18080"}],"81/tcp":[{"HostIp":"127.0.0.1","HostPort":"18081"}]} [CAP_CHOWN]'
	run pod inspect -f '{{range $path, $options := .HostConfig.Tmpfs}}{{$path}}{{end}}' c1
	assert_output /scratch
	run bash -c 'pod inspect c1 | python3 -c "import json,sys; print(json.load(sys.stdin)[0][\"Name\"])"'
	assert_output c1
	run pod container inspect --latest --format '{{.Name}}'
	assert_output c1
}

@test "inspect finds containers, images and volumes, and tells what it does not find" {
	load_busybox
	pod create --name c1 localhost/busybox true
	pod volume create v1
	run pod inspect -f '{{.Id}}' busybox
	assert_output "$(pod image inspect -f '{{.Id}}' busybox)"
	run pod inspect -f '{{.Name}}' v1
	assert_output v1
	run --separate-stderr pod inspect -f '{{.Name}}' c1 nothing v1
	assert_fault 125 'inspecting object: no such object: "nothing"'
	assert_output $'c1\nv1'
	run --separate-stderr pod inspect nothing
	assert_status 125
	assert_output "[]"
	run --separate-stderr pod inspect --type volume c1
	assert_status 125
	run --separate-stderr pod inspect -f '{{.State.Nothing}}' c1
	assert_fault 125 template Nothing
	run pod container exists c1
	assert_success
	run pod container exists nothing
	assert_status 1
	assert_output ""
}

# --- volumes ----------------------------------------------------------------------------------------------

@test "volumes: create, list, inspect, remove" {
	run pod volume create --label a=b --label c v1
	assert_output v1
	run --separate-stderr pod volume create v1
	assert_fault 125 "volume with name v1 already exists: volume already exists"
	run pod volume create --ignore v1
	assert_success
	run pod volume create
	assert_output --regexp '^[0-9a-f]{64}$'
	pod volume rm "${output:0:10}"
	run pod volume ls
	assert_output "DRIVER      VOLUME NAME
local       v1"
	run pod volume inspect -f '{{.Name}} {{.Driver}} {{.Labels.a}} {{.Mountpoint}}' v1
	assert_output "v1 local b $STORE/volumes/v1/_data"
	run pod volume ls --format '{{.Name}} {{.Labels}}' --filter label=a=b
	assert_output "v1 map[a:b c:]"
	run pod volume ls -q --filter label=a=x
	assert_output ""
	run pod volume exists v1
	assert_success
	run --separate-stderr pod volume rm nothing v1
	assert_fault 1 'no volume with name "nothing" found: no such volume'
	assert_output v1
	run pod volume exists v1
	assert_status 1
	run pod volume ls
	assert_output ""
}

@test "volumes in use stay, unless forced" {
	load_busybox
	pod run --name c1 --network none -v v1:/data localhost/busybox sh -c 'echo kept >/data/file'
	pod volume create v2
	run --separate-stderr pod volume rm v1
	assert_fault 2 "volume v1 is being used by the following container(s)"
	run pod volume ls -q --filter dangling=true
	assert_output v2
	run pod volume ls -q --filter dangling=false
	assert_output v1
	run pod volume prune --force
	assert_output v2
	run pod run --rm --network none -v v1:/data localhost/busybox cat /data/file
	assert_output kept
	run pod volume rm --force v1
	assert_output v1
	run pod ps -aq
	assert_output ""
}

@test "volume prune: a damaged record keeps all volumes; several users, a container that comes later" {
	load_busybox
	for v in free shared v1 v2 v3; do
		pod volume create $v
	done
	for i in 1 2 3; do
		pod create --name c$i -v v$i:/a -v shared:/b localhost/busybox
	done
	run pod volume ls -q --filter dangling=false
	assert_output "shared
v1
v2
v3"
	pod rm c2
	run pod volume ls -q --filter dangling=true
	assert_output "free
v2"
	pod create --name c4 -v v2:/a localhost/busybox
	echo '{"version' >"$STORE/containers/$(pod inspect --format '{{.Id}}' c1)/container.json"
	rm "$STORE/index" # which knows better
	run --separate-stderr pod volume prune --force
	assert_status 125
	assert_stderr --partial damaged
	run pod volume ls -q
	assert_output "free
shared
v1
v2
v3"
	pod rm -f c1
	run pod volume prune --force
	assert_output "free
v1"
}

@test "prune asks first" {
	pod volume create v1
	run bash -c 'echo n | pod volume prune'
	assert_success
	assert_output --partial "Are you sure you want to continue? [y/N]"
	run pod volume prune </dev/null
	assert_success
	run pod volume ls -q
	assert_output v1
	run bash -c 'echo y | pod volume prune'
	assert_success
	run pod volume ls -q
	assert_output ""
}

# --- system ---------------------------------------------------------------------------------------------------

@test "create makes the volumes that the container names" {
	make_image "$BATS_TEST_TMPDIR/v.tar" --name localhost/v:latest --volume /vol >/dev/null
	pod load -q -i "$BATS_TEST_TMPDIR/v.tar"
	id=$(pod create -v named:/a --mount type=tmpfs,destination=/t localhost/v true)
	run pod volume ls --filter name=named --format '{{.Name}}'
	assert_output named
	run pod inspect --format '{{range .Mounts}}{{.Type}} {{.Destination}} {{end}}' "$id"
	assert_output --partial "volume /vol"
	run pod volume ls -q
	assert_equal "${#lines[@]}" 2
	pod rm -v "$id"
	run pod volume ls -q
	assert_output named
}

@test "volume prune asks again after the answer" {
	load_busybox
	pod volume create v1
	pod volume create v2
	mkfifo "$BATS_TEST_TMPDIR/answer"
	pod volume prune <"$BATS_TEST_TMPDIR/answer" >"$BATS_TEST_TMPDIR/out" 3>&- &
	exec 9>"$BATS_TEST_TMPDIR/answer"
	wait_until 10 grep -q v2 "$BATS_TEST_TMPDIR/out"
	pod create -v v1:/a localhost/busybox
	echo y >&9
	exec 9>&-
	wait $!
	run pod volume ls -q
	assert_output v1
}

@test "version and info" {
	run pod version --format '{{.Client.OsArch}}'
	assert_output --regexp '^linux/[a-z0-9]+$'
	run pod version --format json
	assert_output --partial '"Client"'
	run pod info --format '{{.Registries.Search}}'
	assert_output '[docker.io]'
	run pod info --format '{{.Store.GraphRoot}} {{.host.os}} {{.Host.Security.Rootless}}'
	assert_output --regexp "^$STORE linux (true|false)\$"
	run pod info
	assert_success
	assert_output --regexp $'(^|\n)store:\n  containerStore:\n    number: 0\n'
	run bash -c 'pod info --format json | python3 -c "import json,sys; print(json.load(sys.stdin)[\"store\"][\"imageStore\"][\"number\"])"'
	assert_output 0
}

@test "system df and prune" {
	load_busybox
	pod run --name c1 --network none localhost/busybox sh -c 'head -c 100000 /dev/zero >/file'
	pod run --rm --network none -v v1:/data localhost/busybox sh -c 'head -c 5000 /dev/zero >/data/file'
	run pod system df --format '{{.Type}} {{.Total}} {{.Active}} {{.Size}}'
	assert_success
	assert_equal "${lines[1]}" "Containers 1 0 100kB"
	assert_equal "${lines[2]}" "Local Volumes 1 0 5kB"
	run pod system df --verbose
	assert_output --regexp $'Images space usage:\n\nREPOSITORY +TAG +IMAGE ID .*\nlocalhost/busybox +latest +[0-9a-f]{12} .* 1\n'
	assert_output --regexp $'Containers space usage:\n\nCONTAINER ID .*\n[0-9a-f]{12} .* 0 +100kB .* exited +c1\n'
	assert_output --regexp $'Local Volumes space usage:\n\nVOLUME NAME +LINKS +SIZE\nv1 +0 +5kB$'
	run pod system prune --force
	assert_success
	assert_output --regexp $'^Deleted Containers\n[0-9a-f]{64}\nTotal reclaimed space: 100kB$'
	run pod images -q
	assert_output --regexp '^[0-9a-f]{12}$'
	run pod system prune --all --volumes --force
	assert_success
	assert_output --partial $'Deleted Volumes\nv1'
	run pod system df --format '{{.Total}} {{.Size}}'
	assert_output $'0 0B\n0 0B\n0 0B'
}

@test "ps --size" {
	load_busybox
	pod run --name c1 --network none localhost/busybox sh -c 'head -c 100000 /dev/zero >/file'
	pod create --name c2 localhost/busybox true
	run pod ps -a --size --format '{{.Names}} {{.Size}}'
	assert_success
	assert_equal "${lines[1]%% (*}" "c2 0B"
	[[ ${lines[0]} =~ ^c1\ 100kB\ \(virtual\ [0-9.]+MB\)$ ]]
	run pod ps -as
	assert_equal "${lines[0]##* }" SIZE
	run pod ps -a --sort size --format '{{.Names}}'
	assert_output $'c2\nc1'
}

@test "system reset removes what is pod's and nothing else" {
	load_busybox
	pod run -d --name c1 --network none -v v1:/data localhost/busybox sleep 1000
	echo mine >"$STORE/mine"
	run pod system reset --force
	assert_success
	run ls -A "$STORE"
	assert_output mine
	run pod ps -aq
	assert_output ""
	rm "$STORE/mine"
	run pod system reset --force
	assert_success
	[ ! -e "$STORE" ]
}

@test "container prune keeps what runs" {
	three_containers
	run pod container prune --force --filter label=color=blue
	assert_output --regexp '^[0-9a-f]{64}$'
	run pod container prune --force
	assert_output --regexp '^[0-9a-f]{64}$'
	run pod ps -a --format '{{.Names}}'
	assert_output runs
}

# --- manual pages -----------------------------------------------------------------------------

@test "manual pages for every command" {
	run pod __man man
	assert_success
	[ -s man/pod.1 ] && [ -s man/pod-run.1 ] && [ -s man/pod-volume-rm.1 ]
	run grep -c '^\.SH' man/pod-ps.1
	assert_output 7
}

@test "a second spelling has the first one's manual page; hand-written text is part of it" {
	mkdir -p manuals/man1 texts
	cat >texts/pod-rm.md <<-'END'
		see: stop, volume rm

		Removes `it`.
		.br is no request here.

		## EXAMPLES
		Thus:

		    pod rm web

		    pod rm -f 'web'

		## NOTES
		`one`
		: the first.
		* an item
	END
	pod __man manuals/man1 texts
	run env MANWIDTH=80 MANPAGER=cat man -M manuals pod-container-rm
	assert_success
	assert_output --regexp '^POD-RM\(1\)'
	assert_output --regexp 'Removes it\. +\.br is no request here\.'
	assert_output --regexp "Thus:.*    pod rm web.*    pod rm -f 'web'.*NOTES.*one +the first.*an item"
	assert_output --partial "pod(1), pod-stop(1), pod-volume-rm(1)"
}
