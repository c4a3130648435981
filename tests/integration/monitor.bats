# The monitor and its clients: stdio, terminals, signals, exec sessions, logs.

load ../lib/common

IMAGE=localhost/busybox

setup()
{
	pod_setup
	load_busybox
}

# run_detached NAME [OPTION...] -- COMMAND...
run_detached()
{
	local name=$1 options=()

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	pod run -d --name "$name" --network none "${options[@]}" $IMAGE "$@" >/dev/null
}

# wait_status JOB - as run: its status in $status; a job is waited for by the shell that started it
wait_status()
{
	status=0 output=
	wait "$1" || status=$?
}

log_has()
{
	pod logs "$1" | grep -q "$2"
}

# descriptors PID - how many it has open
descriptors()
{
	find /proc/"$1"/fd -mindepth 1 | wc -l
}

# descriptors_are_back PID N, descriptors_above PID N. The monitor closes its end of a connection a
# moment after the client has gone: what was counted first may be one too many, never too few.
descriptors_are_back()
{
	[ "$(descriptors "$1")" -le "$2" ]
}

descriptors_above()
{
	[ "$(descriptors "$1")" -gt "$2" ]
}

random_file()
{
	head -c "$2" /dev/urandom >"$1"
}

# --- standard input and output -----------------------------------------------------------------------

@test "stdin that is piped in and closed is seen as end of file" {
	run pod run -i --rm --network none $IMAGE sh -c 'cat; echo end' <<<"text"
	assert_success
	assert_output "$(printf 'text\nend')"
}

@test "without -i the container's stdin is empty" {
	run pod run --rm --network none $IMAGE sh -c 'cat; echo end' <<<"text"
	assert_success
	assert_output end
}

@test "10 MB of binary data pass unchanged and complete, in and out" {
	random_file data 10000000
	pod run -i --rm --network none $IMAGE cat <data >copy
	cmp data copy
}

@test "output is complete before the exit status, also for a slow reader" {
	random_file data 3000000
	pod run -i --rm --network none --log-driver none $IMAGE sh -c 'cat; exit 7' <data |
		{ for _ in 1 2 3 4 5; do dd bs=65536 count=1 status=none; sleep 0.02; done; cat; } >copy
	cmp data copy
	run pod run -i --rm --network none $IMAGE sh -c 'cat; exit 7' <data
	assert_status 7
}

@test "stdout and stderr stay apart" {
	run --separate-stderr pod run --rm --network none $IMAGE sh -c 'echo out; echo err >&2'
	assert_success
	assert_output out
	assert_stderr err
}

@test "a container that does not read its stdin still gets signals" {
	random_file data 1000000
	pod run -i --rm --name deaf --network none $IMAGE \
		sh -c 'trap "exit 4" TERM; echo ready; while :; do sleep 0.1; done' <data >out 3>&- &
	wait_until 20 grep -q ready out
	kill -TERM $!
	wait_status $!
	assert_status 4
}

@test "the client of a foreground run is killed: the container runs on and logs" {
	pod run --name on --network none $IMAGE \
		sh -c 'echo one; while [ ! -e /go ]; do sleep 0.05; done; echo two; exit 3' >out 3>&- &
	wait_until 20 grep -q one out
	kill -9 $!
	wait $! || :
	pod exec on touch /go
	run pod wait on
	assert_output 3
	run pod logs on
	assert_output "$(printf 'one\ntwo')"
}

@test "an attached client that reads nothing is cut off, and says so" {
	local pid before client

	run_detached loud --log-driver none -- \
		sh -c 'while [ ! -e /go ]; do sleep 0.05; done; while :; do echo a line of some length; done'
	pid=$(monitor_pid loud)
	before=$(descriptors "$pid")
	mkfifo pipe
	sh -c 'exec pod attach loud >pipe 2>err' 3>&- &
	client=$!
	exec 4<pipe
	# attached when the monitor has one descriptor more; nothing is read until it has given up
	wait_until 20 descriptors_above "$pid" "$before"
	pod exec loud touch /go
	wait_until 20 descriptors_are_back "$pid" "$before"
	cat <&4 >/dev/null
	exec 4<&-
	wait_status $client
	assert_status 125
	grep -q 'too far behind' err
	pod exec loud true
}

@test "a closed stdout ends the client quietly" {
	run --separate-stderr bash -c "pod run --rm --network none $IMAGE \
		sh -c 'i=0; while [ \$i -lt 50000 ]; do echo \$i || exit; i=\$((i + 1)); done' |
		head -n 1; echo \${PIPESTATUS[0]}"
	assert_output "$(printf '0\n141')"
	assert_stderr ''
}

# --- terminals --------------------------------------------------------------------------------------

@test "the terminal's size is right at start and on change" {
	run on_pty --size 30x100 'expect # 
	line stty size
	expect 30 100
	resize 40 120
	line sleep 0.2; stty size; exit 3
	expect 40 120' pod run -it --rm --network none $IMAGE sh
	assert_status 3
}

@test "an exec session's terminal: size, change, its own devpts" {
	run_detached c -- sleep 1000
	run on_pty --size 31x101 'expect # 
	line stty size; tty
	expect 31 101
	expect /dev/pts/
	resize 41 121
	line sleep 0.2; stty size; exit 9
	expect 41 121' pod exec -it c sh
	assert_status 9
}

@test "Ctrl-P Ctrl-Q detaches; attach comes back; the keys' parts pass through" {
	run on_pty 'expect # 
	line stty -echo; trap "echo resized" WINCH; echo read""y
	expect ready
	line while :; do read -r x || continue; [ $x = q ] && exit 5; echo $x | cat -v; done
	send \x10x\n
	expect \^Px
	send \x10\x11' pod run -it --name d --network none $IMAGE sh
	assert_success
	run pod inspect --format '{{.State.Status}}' d
	assert_output running
	# attaching changes the size, so that programs draw themselves again
	run on_pty 'expect resized
	line again
	expect again
	line q' pod attach d
	assert_status 5
}

@test "other detach keys, and none" {
	run on_pty 'expect # 
	send ab' pod run -it --detach-keys a,b --name d --network none $IMAGE sh
	assert_success
	run on_pty 'send \x10\x11
	line echo still
	expect still
	line exit 6' pod attach --detach-keys '' d
	assert_status 6
	run --separate-stderr pod attach --detach-keys ctrl-1 d
	assert_status 125
}

@test "the terminal's mode is put back" {
	run on_pty 'expect before=[0-9a-f:]+
	expect # 
	line exit 0
	expect after=[0-9a-f:]+' sh -c "echo before=\$(stty -g); pod run -it --rm --network none $IMAGE sh;
		echo after=\$(stty -g)"
	assert_success
	[[ $output =~ before=([^[:space:]]+) ]]
	local before=${BASH_REMATCH[1]}
	[[ $output =~ after=([^[:space:]]+) ]]
	assert_equal "${BASH_REMATCH[1]}" "$before"
}

# --- signals ----------------------------------------------------------------------------------------

@test "a signal to pod run reaches the container" {
	local signal

	for signal in USR1 INT HUP TERM; do
		pod run --rm --network none $IMAGE \
			sh -c "trap 'exit 17' $signal; echo ready; while :; do sleep 0.05; done" \
			>"out.$signal" 3>&- &
		wait_until 20 grep -q ready "out.$signal"
		kill -$signal $!
		wait_status $!
		assert_status 17
	done
}

@test "a container ended by a signal is 128 and the number" {
	pod run --rm --name k --network none $IMAGE sh -c 'echo up; sleep 1000' >out 3>&- &
	wait_until 20 grep -q up out
	pod kill k
	wait_status $!
	assert_status 137
}

# gone PID - no such process, or nothing but its status is left
gone()
{
	! grep -q '^State:.[^Z]' "/proc/$1/status" 2>/dev/null
}

@test "with the host's pid namespace nothing outlives the container, or its monitor" {
	local way background session

	for way in init monitor; do
		run_detached p --pid host -- sh -c 'sleep 1000 & echo $!; exec sleep 1000'
		wait_until 20 log_has p '[0-9]'
		background=$(pod logs p)
		pod exec p sh -c 'echo $$; exec sleep 1000' >out 3>&- &
		wait_until 20 grep -q '[0-9]' out
		session=$(cat out)
		if [ "$way" = init ]; then
			pod kill p
			wait_until 20 gone "$background"
		else
			kill -9 "$(monitor_pid p)"
			kill "$background"
		fi
		wait_until 20 gone "$session"
		pod rm -f -t 0 p
	done
}

# --- exec -------------------------------------------------------------------------------------------

@test "exec: exit status, streams, environment, directory, user" {
	run_detached c -e FROM=run -- sleep 1000
	run --separate-stderr pod exec -e ADDED=exec -w /tmp c sh -c 'echo $FROM $ADDED $PWD; echo e >&2; exit 33'
	assert_status 33
	assert_output 'run exec /tmp'
	assert_stderr e
	run pod exec -u 1000 c sh -c 'id -u; id -G; echo seen >/dev/stderr'
	assert_output "$(printf '1000\n1000 2000\nseen')"
	run pod exec c sh -c 'kill -TERM $$'
	assert_status 143
}

@test "exec: what cannot be run" {
	run_detached c -- sleep 1000
	run --separate-stderr pod exec c nothing-of-this-name
	assert_fault 127 nothing-of-this-name
	run --separate-stderr pod exec c /etc/passwd
	assert_fault 126 /etc/passwd
	run --separate-stderr pod exec -w /nowhere c true
	[ "$status" -ge 125 ]
	[[ $stderr == *nowhere* ]]
	run --separate-stderr pod exec -u nobody-here c true
	[ "$status" -ge 125 ]
	[[ $stderr == *nobody-here* ]]
	pod kill c
	pod wait c
	run --separate-stderr pod exec c true
	assert_fault 125 running
	run --separate-stderr pod exec nosuch true
	assert_fault 125 nosuch
}

@test "exec -i: binary data both ways, end of file" {
	run_detached c -- sleep 1000
	random_file data 5000000
	pod exec -i c cat <data >copy
	cmp data copy
	run pod exec -i c wc -c </dev/null
	assert_output 0
	run pod exec c wc -c <data
	assert_output 0
}

@test "exec -d: the id, and the command runs on" {
	run_detached c -- sleep 1000
	run pod exec -d c sh -c 'echo done >/marker; sleep 1000'
	assert_success
	assert_output --regexp '^[0-9a-f]{64}$'
	wait_until 20 pod exec c test -s /marker
}

@test "exec: what the command left in the background does not hold the client up" {
	run_detached c -- sleep 1000
	run timeout 20 pod exec c sh -c 'sleep 900 & echo started'
	assert_success
	assert_output started
}

@test "many exec sessions at once, and one too many" {
	local i pids=()

	run_detached c -- sleep 1000
	for i in $(seq 64); do
		pod exec c sh -c "touch /up.$i; while [ ! -e /stop ]; do sleep 0.1; done" 3>&- &
		pids+=($!)
	done
	# counted from outside: there is no session left to ask with
	wait_until 60 sh -c "[ \$(ls $STORE/containers/*/upper 2>/dev/null | grep -c '^up') -ge 64 ]"
	run --separate-stderr pod exec c true
	assert_fault 125 64
	touch "$STORE"/containers/*/upper/stop 2>/dev/null || pod kill c
	for i in "${pids[@]}"; do
		wait "$i" || :
	done
}

@test "an exec session ends with its container, its client is told" {
	run_detached c -- sleep 1000
	pod exec c sh -c 'echo up; sleep 1000' >out 3>&- &
	wait_until 20 grep -q up out
	pod kill c
	wait_status $!
	assert_status 137
}

@test "in an exec session there are three descriptors, all rights are the container's" {
	run_detached c -- sleep 1000
	run pod exec c sh -c 'ls /proc/self/fd | tr "\n" " "'
	assert_output --regexp '^0 1 2 3 ?$' # 3 is the directory that ls reads
	run pod exec c grep -E '^(CapInh|CapAmb|CapEff)' /proc/self/status
	assert_output --regexp 'CapInh:.0000000000000000'
	assert_output --regexp 'CapAmb:.0000000000000000'
	assert_equal "$(pod exec c grep CapEff /proc/self/status)" "$(pod exec c grep CapEff /proc/1/status)"
	assert_equal "$(pod exec c readlink /proc/self/ns/pid /proc/self/ns/mnt /proc/self/ns/net)" \
		"$(pod exec c readlink /proc/1/ns/pid /proc/1/ns/mnt /proc/1/ns/net)"
}

@test "attach and exec leave nothing behind in the monitor" {
	local pid before after i

	run_detached c -i -- sh -c 'while read -r x; do echo $x; done'
	pod exec c true
	pid=$(monitor_pid c)
	before=$(descriptors "$pid")
	for i in $(seq 100); do
		timeout 0.02 pod attach --sig-proxy=false c </dev/null >/dev/null || :
		pod exec c true
	done
	wait_until 20 descriptors_are_back "$pid" "$before"
	after=$(awk '/^Pss_Anon/ { print $2 }' /proc/"$pid"/smaps_rollup)
	[ "$after" -le 64 ]
}

@test "ten thousand attach and leave (a million in check-long): nothing grows" {
	local count=10000

	[ -z "${POD_TEST_LONG-}" ] || count=1000000
	run_detached many -- sleep 1000
	pod exec many true # its monitor is the small program by now
	run "$LIB/attach_many.py" "$count" "$XDG_RUNTIME_DIR/pod/$(pod inspect -f '{{.Id}}' many).sock" \
		"$(monitor_pid many)"
	assert_success
	run pod exec many echo here
	assert_output here
}

@test "stdin of a detached container stays open for the next client" {
	local client i

	run_detached c -i -- sh -c 'while read -r x; do echo got $x; done; echo end'
	pod attach --no-stdin c >out 3>&- &
	client=$!
	for i in 1 2; do
		echo "line$i" | timeout 2 pod attach --sig-proxy=false c >/dev/null || :
		wait_until 20 log_has c "got line$i"
	done
	run pod inspect --format '{{.State.Status}}' c
	assert_output running
	pod kill c
	wait_status $client
	assert_status 137
	assert_equal "$(cat out)" "$(printf 'got line1\ngot line2')"
}

# --- logs -------------------------------------------------------------------------------------------

@test "k8s-file: the CRI's line format" {
	run_detached c -- sh -c 'echo out; echo err >&2; printf part'
	pod wait c
	run cat "$STORE"/containers/*/log
	time='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}(Z|[+-][0-9]{2}:[0-9]{2})'
	assert_output --regexp "$time stdout F out"
	assert_output --regexp "$time stderr F err"
	assert_output --regexp "$time stdout P part"
	run --separate-stderr pod logs c
	assert_output "$(printf 'out\npart')"
	assert_stderr err
}

@test "json-file: docker's records" {
	run_detached c --log-driver json-file -- sh -c 'printf "a\"b\001\n\303"; echo err >&2'
	pod wait c
	run python3 -c 'import json, sys
for line in open(sys.argv[1]):
    r = json.loads(line)
    print(sorted(r), r["stream"], ascii(r["log"]))' "$STORE"/containers/*/log
	assert_output --partial "['log', 'stream', 'time'] stdout 'a\"b\\x01\\n'"
	assert_output --partial "stdout '\ufffd'"
	assert_output --partial "stderr 'err\\n'"
	run --separate-stderr pod logs c
	assert_output "$(printf 'a"b\001\n\357\277\275')"
}

@test "log driver none" {
	run_detached c --log-driver none -- echo text
	pod wait c
	run --separate-stderr pod logs c
	assert_fault 125 none
	assert_equal "$(find "$STORE"/containers -name log -size +0)" ''
}

@test "logs: every byte of what was written" {
	random_file data 2000000
	pod run -i --name c --network none $IMAGE cat <data >/dev/null
	pod logs c >copy
	cmp data copy
}

@test "logs: tail, since, until, timestamps, names" {
	run_detached c -- sh -c 'for i in 1 2 3 4 5; do echo line $i; done'
	pod wait c
	run pod logs --tail 2 c
	assert_output "$(printf 'line 4\nline 5')"
	run pod logs -n 0 c
	assert_output ''
	run pod logs --tail all c
	assert_equal "${#lines[@]}" 5
	run pod logs --since 10m c
	assert_equal "${#lines[@]}" 5
	run pod logs --until 10m c
	assert_output ''
	run pod logs --since 2001-02-03T04:05:06Z --until 2100-01-01T00:00:00Z c
	assert_equal "${#lines[@]}" 5
	run pod logs -t -n 1 c
	assert_output --regexp '^[0-9]{4}-.*T.* line 5$'
	run pod logs --names -n 1 c
	assert_output 'c line 5'
	run --separate-stderr pod logs --since yesterday-ish c
	assert_fault 125 yesterday-ish
}

@test "logs -f goes on to the end, over rotation" {
	pod run -d --name c --network none --log-opt max-size=10k --log-opt max-file=3 $IMAGE \
		sh -c 'for i in $(seq 1000); do echo a line that has number $i; done; while [ ! -e /go ]; do
			sleep 0.05; done; for i in $(seq 1001 1500); do echo a line that has number $i;
			[ $((i % 50)) -ne 0 ] || sleep 0.05; done' >/dev/null
	wait_until 20 log_has c 'number 1000'
	pod logs -f --tail 1 c >out 3>&- &
	wait_until 20 grep -q 'number 1000' out
	pod exec c touch /go
	wait $!
	assert_equal "$(cat out)" "$(for i in $(seq 1000 1500); do echo "a line that has number $i"; done)"
	[ "$(find "$STORE"/containers/*/ -maxdepth 1 -name 'log*' | wc -l)" -eq 3 ]
	[ "$(cat "$STORE"/containers/*/log* | wc -c)" -le 33000 ]
}

@test "logs -f ends when the monitor is killed" {
	run_detached c -- sh -c 'echo up; sleep 1000'
	wait_until 20 log_has c up
	pod logs -f c >out 3>&- &
	wait_until 20 grep -q up out
	kill -9 "$(monitor_pid c)"
	wait $!
}

@test "a log that cannot be written is turned off, the container runs on" {
	# EFBIG takes the same way as a full disk
	run --separate-stderr bash -c "ulimit -f 64; exec pod run --rm --network none $IMAGE \
		sh -c 'i=0; while [ \$i -lt 4000 ]; do echo \$i a line of some length; i=\$((i + 1)); done; exit 8'"
	assert_status 8
	assert_equal "${#lines[@]}" 4000
	assert_stderr --partial 'log was turned off'
}

@test "the monitor stays small whatever is written" {
	local pid

	pod run -d --name c --network none --log-opt max-size=100k $IMAGE \
		sh -c 'head -c 300000000 /dev/zero; touch /done; sleep 1000' >/dev/null
	pid=$(monitor_pid c)
	wait_until 60 pod exec c test -e /done
	[ "$(awk '/^Pss_Anon/ { print $2 }' /proc/"$pid"/smaps_rollup)" -le 200 ]
	wait_until 10 sh -c "[ \$(awk '/^Pss_Anon/ { print \$2 }' /proc/$pid/smaps_rollup) -le 50 ]"
}
