# create, start, stop, kill, restart, rm, wait, rename, ps: states and what scripts match on.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
}

sleeper()
{
	pod run -d --network none --stop-timeout 1 "$@" localhost/busybox sleep 1000
}

@test "create, start, stop, start again, rm" {
	run pod create --name web --network none --stop-timeout 0 localhost/busybox sleep 1000
	assert_success
	id=$output
	run pod ps -a --format '{{.Status}}'
	assert_output Created
	run pod start web
	assert_output web
	run pod ps --no-trunc -q
	assert_output "$id"
	run pod start web # running already: no error
	assert_success
	run pod stop web
	assert_success
	run pod ps -a --format '{{.Status}}'
	assert_output --partial "Exited (137)"
	run pod start "${id:0:8}"
	assert_success
	run --separate-stderr pod rm web
	assert_status 2
	assert_stderr --partial "cannot remove container"
	run pod rm -f -t 0 web
	assert_output web
	run pod ps -aq
	assert_output ""
}

@test "names and ids: unique prefixes, ambiguity, what does not exist" {
	sleeper --name one
	run --separate-stderr pod stop nosuch
	assert_status 125
	assert_stderr --partial 'no container with name or ID "nosuch" found: no such container'
	run --separate-stderr pod rm nosuch
	assert_status 1
	run pod rm -f nosuch
	assert_success
	run pod container exists one
	assert_success
	run pod container exists nosuch
	assert_status 1
}

@test "stop: the stop signal first, SIGKILL after the timeout" {
	pod run -d --name good --network none --stop-signal USR1 localhost/busybox sh -c \
		'trap "exit 7" USR1; echo ready; while :; do sleep 0.1; done'
	wait_until 20 sh -c 'pod logs good | grep -q ready'
	pod stop good
	run pod wait good
	assert_output 7
	sleeper --name bad
	run --separate-stderr pod stop -t 0 bad
	assert_success
	run pod wait bad
	assert_output 137
}

@test "kill sends any signal, only to what runs" {
	pod run -d --name c --network none localhost/busybox sh -c \
		'trap "echo hup" HUP; echo ready; while :; do sleep 0.1; done'
	wait_until 20 sh -c 'pod logs c | grep -q ready'
	pod kill -s HUP c
	wait_until 20 sh -c 'pod logs c | grep -q hup'
	run pod kill --signal NONSENSE c
	assert_status 125
	pod kill c
	run pod wait c
	assert_output 137
	run --separate-stderr pod kill c
	assert_status 125
	assert_stderr --partial "can only kill running containers"
}

@test "wait prints each exit code" {
	pod run --name a --network none localhost/busybox sh -c 'exit 3' || :
	pod run --name b --network none localhost/busybox true
	run pod wait a b
	assert_output $'3\n0'
	run pod wait nosuch
	assert_status 125
}

@test "restart keeps the container's own files" {
	pod run -d --name c --network none --stop-timeout 0 localhost/busybox sh -c \
		'echo x >>/count; wc -l </count; sleep 1000'
	wait_until 20 sh -c 'pod logs c | grep -q 1'
	for n in 2 3 4; do
		pod restart c
		wait_until 20 sh -c "pod logs c | grep -q $n"
	done
}

@test "a stop signal that does not help is named" {
	sleeper --name deaf --stop-signal USR1
	run --separate-stderr pod stop deaf
	assert_success
	assert_stderr --partial "StopSignal SIGUSR1 failed to stop container deaf in 1 seconds, resorting to SIGKILL"
}

# is_blocked FILE COUNT - so many processes wait for the lock on FILE
is_blocked()
{
	[ "$(grep -c -- "->.*:$(stat -c %i "$1") " /proc/locks)" -eq "$2" ]
}

@test "two renames at once leave one name" {
	local id renames=() i

	id=$(pod create --name old localhost/busybox true)
	coproc HOLDER { exec python3 -uc 'import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held")
sys.stdin.read()' "$STORE/names.lock" 3>&-; }
	read -r -u "${HOLDER[0]}"
	for i in one two; do
		pod rename "$id" "$i" 3>&- &
		renames+=($!)
	done
	wait_until 10 is_blocked "$STORE/names.lock" 2
	kill "$HOLDER_PID"
	wait "${renames[@]}"
	run ls "$STORE/containers/names"
	assert_output "$(pod inspect --format '{{.Name}}' "$id")"
}

@test "rename: the new name works, the old one is free" {
	sleeper --name old
	pod rename old new
	run pod ps --format '{{.Names}}'
	assert_output new
	sleeper --name old
	run --separate-stderr pod rename old new
	assert_status 125
	assert_stderr --partial "already in use"
	pod rm -f -t 0 new old
}

@test "--latest and --all" {
	sleeper --name first
	sleeper --name second
	run pod stop -t 0 --latest
	assert_success
	run pod ps --format '{{.Names}}'
	assert_output first
	pod start --all
	run pod ps -q
	assert_equal "${#lines[@]}" 2
	pod stop -t 0 --all
	run pod rm --all
	assert_equal "${#lines[@]}" 2
	run pod ps -aq
	assert_output ""
}

@test "a detached container's exit is recorded, --rm leaves nothing" {
	pod run -d --name c --network none localhost/busybox sh -c 'exit 9'
	run pod wait c
	assert_output 9
	wait_until 20 sh -c 'pod ps -a --format "{{.Status}}" | grep -q "Exited (9)"'
	id=$(pod run -d --rm --network none localhost/busybox true)
	wait_until 20 sh -c "! pod container exists $id"
}

@test "a name whose creator was killed is taken over" {
	pod create --name base localhost/busybox true
	id=$(printf 'f%.0s' {1..64})
	ln -s "$id" "$STORE/containers/names/stale"
	run pod create --name stale localhost/busybox true
	assert_success
}

@test "running, also without the runtime directory and from another session" {
	sleeper --name c
	run env -u XDG_RUNTIME_DIR pod ps --format '{{.Names}} {{.Status}}'
	assert_output --partial "c Up"
	run env -u XDG_RUNTIME_DIR pod exec c echo from elsewhere
	assert_output "from elsewhere"
	rm -rf "${XDG_RUNTIME_DIR:?}/pod"
	run pod ps --format '{{.Names}} {{.Status}}'
	assert_output --partial "c Up"
	run pod run --rm --network none localhost/busybox true
	assert_success
	run pod stop -t 0 c
	assert_success
	run pod start c
	assert_success
}

@test "an upper directory is never mounted twice: start waits for the end of the last run" {
	pod create --name c --network none localhost/busybox sh -c 'echo x >>/n; cat /n | wc -l'
	for n in 1 2 3 4 5 6 7 8; do
		run pod start -a c
		assert_output "$n"
	done
}

@test "the monitor killed: the container dies with it, and everything says so" {
	sleeper --name c
	pid=$(pod inspect --format '{{.State.Pid}}' c)
	monitor=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
	kill -9 "$monitor"
	wait_until 20 sh -c 'pod ps -a --format "{{.Status}}" | grep -q "Exited (137)"'
	run pod start c
	assert_success
	run pod rm -f -t 0 c
	assert_success
}

@test "a broken record spoils neither ps nor the others" {
	sleeper --name good
	pod create --name bad localhost/busybox true
	id=$(pod ps -a --no-trunc -q --filter name=bad)
	# By rename, as every change is made: the index need not notice another.
	echo '{' >"$STORE/containers/$id/new"
	mv "$STORE/containers/$id/new" "$STORE/containers/$id/container.json"
	run --separate-stderr pod ps -a --format '{{.Names}}'
	assert_success
	assert_output good
	assert_stderr --partial "${id:0:12}"
	# What it used cannot be told, so nothing is deleted as unused.
	run --separate-stderr pod rmi -f localhost/busybox
	assert_status 125
	assert_stderr --partial 'is damaged (pod rm --force'
	pod exec good true
	run --separate-stderr pod rm bad
	assert_fault 125 damaged 'rm --force'
	run pod rm -f bad
	assert_success
	pod create --name bad localhost/busybox true
}

# unlocked ID - wait until nobody holds the container's lock
unlocked()
{
	wait_until 20 sh -c "! grep -q ':$(stat -c %i "$STORE/containers/$1/lock") ' /proc/locks"
}

@test "a power cut in the midst of writing run.json or exit costs that run only" {
	load_busybox
	for file in run.json exit; do
		pod run --name cut --network none localhost/busybox true
		id=$(pod ps -a --no-trunc -q --filter name=cut)
		unlocked "$id"
		: >"$STORE/containers/$id/$file"
		run pod ps -a --format '{{.Names}} {{.Status}}'
		assert_output --partial 'cut Exited (137)'
		run pod start -a cut
		assert_success
		run pod ps -a --format '{{.Status}}'
		assert_output --partial 'Exited (0)'
		unlocked "$id"
		: >"$STORE/containers/$id/$file"
		run pod rm cut
		assert_success
	done
}

@test "a signal between a container's record and its start leaves no record that nobody starts" {
	run python3 - <<'END'
import os, signal, subprocess
containers = os.environ["STORE"] + "/containers"
os.makedirs(containers, exist_ok=True)
def ids():
    return [name for name in os.listdir(containers) if len(name) == 64]
for number in range(12):
    run = subprocess.Popen(["pod", "run", "--rm", "--init", "--network", "none"] +
                           (["-d"] if number % 2 else []) + ["localhost/busybox", "sleep", "1000"],
                           stdout=subprocess.DEVNULL)
    while not ids() and run.poll() is None:
        pass
    run.send_signal(signal.SIGTERM)
    run.wait()
    created = subprocess.run(["pod", "ps", "-aq", "--filter", "status=created"], capture_output=True, text=True).stdout
    assert created == "", created
    subprocess.run(["pod", "rm", "-f", "-t", "0", "-a"], stdout=subprocess.DEVNULL, check=True)
END
	assert_success
}
