# --log-driver journald, with a journal of the tests' own: tests/lib/journald.py. The real one is in tests/vm.
load ../lib/common

# in_journal SCRIPT [ARG...] - a shell script in a mount namespace where the journal's socket is that double's, which
# takes messages as long as the script runs. $J is its directory, `entries FIELD...` prints fields of what came.
in_journal()
{
	local script=$1

	shift
	mkdir -p "$BATS_TEST_TMPDIR/journal"
	[ -e "$BATS_FILE_TMPDIR/busybox.tar" ] ||
		make_image "$BATS_FILE_TMPDIR/busybox.tar" --name localhost/busybox >/dev/null
	export J=$BATS_TEST_TMPDIR/journal LIB ARCHIVE=$BATS_FILE_TMPDIR/busybox.tar
	run --separate-stderr timeout 100 "$LIB/in-userns.py" --mount bash -c '
		mount -t tmpfs none /run/systemd 2>/dev/null || { mount -t tmpfs none /run && mkdir /run/systemd; } || exit 99
		mkdir /run/systemd/journal && mount --bind "$J" /run/systemd/journal || exit 99
		PATH=$J:$PATH
		entries()
		{
			python3 -c "
import json, sys
for line in open(sys.argv[1]):
    entry = json.loads(line)
    print(*(entry.get(name, \"-\") for name in sys.argv[2:]), sep=\"|\")" "$J/entries" "$@"
		}
		# came COUNT - wait until so many messages were taken
		came()
		{
			for _ in $(seq 500); do
				[ "$(wc -l <"$J/entries")" -lt "$1" ] || return 0
				sleep 0.02
			done
			echo "only $(wc -l <"$J/entries") messages" >&2
			return 1
		}
		coproc SERVER { exec "$LIB/journald.py" "$J"; }
		read -r _ <&"${SERVER[0]}"
		pod load -q -i "$ARCHIVE" >/dev/null || exit 99
		run_() { pod run --network none --log-driver journald "$@"; }
		status=0
		( '"$script"' ) || status=$?
		pod rm --all --force --time 0 >/dev/null
		kill -CONT "$SERVER_PID" && kill "$SERVER_PID"
		exit $status' bash "$@"
}

@test "the fields of a message are podman's and docker's" {
	in_journal '
		run_ --name web --log-opt "tag={{.Name}}/{{.ID}}" localhost/busybox sh -c "echo out; echo err >&2; printf part" >/dev/null 2>&1
		came 3
		id=$(pod inspect --format "{{.Id}}" web)
		echo "$id"
		entries CONTAINER_ID CONTAINER_ID_FULL CONTAINER_NAME CONTAINER_TAG SYSLOG_IDENTIFIER IMAGE_NAME PRIORITY \
			CONTAINER_PARTIAL_MESSAGE MESSAGE | sort -t "|" -k 9'
	assert_success
	local id=${lines[0]} same
	same="${id:0:12}|$id|web|web/${id:0:12}|web/${id:0:12}|localhost/busybox:latest"
	assert_output "$id
$same|3|-|err
$same|6|-|out
$same|6|true|part"
}

@test "without a tag the identifier is the container's name" {
	in_journal '
		run_ --rm --name web localhost/busybox echo hello
		came 1
		entries CONTAINER_TAG SYSLOG_IDENTIFIER'
	assert_success
	assert_output "hello
-|web"
}

@test "logs gives back what was written: bytes, long lines, streams, empty lines" {
	in_journal '
		run_ --name web localhost/busybox sh -c "echo first; echo; printf \"\\377\\000\\r\\n\"; head -c 20000 /dev/zero | tr \"\\0\" x; echo; printf end" >"$J/expected"
		came 7
		pod logs web >"$J/got" && cmp "$J/expected" "$J/got" && wc -c <"$J/got"
		run_ --name two localhost/busybox sh -c "echo out; echo err >&2" >/dev/null 2>&1
		came 9
		pod logs two 2>/dev/null; pod logs two 2>&1 >/dev/null'
	assert_success
	assert_output --regexp '^200[0-9]+
out
err$'
}

@test "logs: tail, names, timestamps, since, until" {
	in_journal '
		run_ --name web localhost/busybox sh -c "for i in 1 2 3 4; do echo line \$i; done; printf 5a" >/dev/null
		came 5
		pod logs --tail 2 web; echo; pod logs --tail 0 web; pod logs --tail 9 --names web | head -n 1
		pod logs -t --tail 1 web; echo
		pod logs --since 2100-01-01T00:00:00Z web; pod logs --until 2000-01-01T00:00:00Z web
		pod logs --since 1h --until 2100-01-01T00:00:00Z web'
	assert_success
	assert_output --regexp '^line 4
5a
web line 1
[0-9]{4}-[0-9-]+T[0-9:.]+(Z|[+-][0-9:]+) 5a
line 1
line 2
line 3
line 4
5a$'
}

@test "logs --follow ends with the container, and has its last line" {
	in_journal '
		run_ -d -i --name web localhost/busybox sh -c "echo one; echo two; read x; echo \$x" >/dev/null
		came 2
		mkfifo "$J/fifo"
		pod logs -f --tail 1 web >"$J/fifo" &
		exec 3<"$J/fifo"
		read -r line <&3 && echo "$line"
		echo three | pod attach --sig-proxy=false web >/dev/null || :
		timeout 30 cat <&3'
	assert_success
	assert_output "two
three"
}

@test "a journal that takes nothing does not hold the container up; what is lost is counted" {
	in_journal '
		# lines of eight bytes, which no read cuts: a part of a line is a message, too
		kill -STOP "$SERVER_PID"
		run_ -d -i --name web localhost/busybox sh -c "yes 1234567 | head -n 3000; touch /done; read x; echo last" >/dev/null
		for _ in $(seq 500); do ! pod exec web test -e /done || break; sleep 0.05; done
		pod exec web test -e /done || exit 98
		kill -CONT "$SERVER_PID"
		came 1
		echo go | pod attach web >/dev/null
		for _ in $(seq 500); do ! entries MESSAGE | grep -qx last || break; sleep 0.02; done
		count=$(entries PRIORITY | grep -cx 6)
		lost=$(entries PRIORITY MESSAGE | sed -n "s/^4|.*: //p")
		echo $((count + lost)); pod logs web | wc -l'
	assert_success
	assert_equal "${lines[0]}" 3001
	[ "${lines[1]}" -gt 0 ] || fail "nothing in the log"
	[ "${lines[1]}" -lt 3001 ] || fail "nothing was lost: the test tests nothing"
}

@test "who writes to the journal in the container's name is not believed everything" {
	in_journal '
		run_ --name web localhost/busybox echo mine >/dev/null
		came 1
		id=$(pod inspect --format "{{.Id}}" web)
		for entry in "{\"MESSAGE\":null}" "{\"MESSAGE\":[[1]]}" "{\"MESSAGE\":[256]}" "{\"MESSAGE\":[\"a\"]}" "{" "[]" \
			"{\"MESSAGE\":\"x\",\"PRIORITY\":\"x\"}" "{\"MESSAGE\":\"x\",\"__REALTIME_TIMESTAMP\":\"-1\"}"; do
			python3 -c "
import json, sys
try:
    print(json.dumps({\"__CURSOR\": \"s=9\", \"__REALTIME_TIMESTAMP\": \"5\", \"PRIORITY\": \"6\", **json.loads(sys.argv[1])}))
except Exception:
    print(sys.argv[1])" "$entry"
		done >"$J/hostile"
		printf "#!/bin/sh\ncat \"$J/hostile\" \"$J/entries\"\n" >"$J/journalctl"
		pod logs web'
	assert_success
	assert_output mine
}

@test "an idle monitor needs no more memory than with a log in a file" {
	in_journal '
		idle()
		{
			pod run -d --name "$1" --network none --log-driver "$1" localhost/busybox sh -c "seq 50; exec sleep 600" >/dev/null
			pid=$(pod inspect --format "{{.State.ConmonPid}}" "$1")
			# the pages of its buffers go back when the loop has been idle
			for _ in $(seq 40); do
				sleep 0.05
				private=$(awk "/^Private_Dirty/ { sum += \$2 } END { print sum }" "/proc/$pid/smaps_rollup")
				[ "$private" -gt "$2" ] || break
			done
			echo "$private"
		}
		file=$(idle k8s-file 0)
		journal=$(idle journald "$file")
		came 50
		echo "$file $journal" >&2
		[ "$journal" -le "$((file + 4))" ]'
	assert_success
}

@test "what journalctl complains of is the error" {
	in_journal '
		run_ --name web localhost/busybox true
		touch "$J/refuse"
		pod logs web'
	assert_fault 125 "insufficient permissions" "systemd-journal"
}

@test "without a journal: one line, and containers run with another driver" {
	load_busybox
	[ ! -e /run/systemd/journal/socket ] || skip "this host has a journal"
	run --separate-stderr pod run --network none --log-driver journald localhost/busybox true
	assert_fault 125 "journald" "/run/systemd/journal/socket" "--log-driver k8s-file"
}

@test "options of other drivers are refused" {
	load_busybox
	for option in max-size=1m max-file=2 path=/x "tag={{"; do
		run --separate-stderr pod create --log-driver journald --log-opt "$option" localhost/busybox true
		assert_fault 125 "${option%%=*}"
	done
	run pod create --log-driver journald --log-opt "tag={{.Name}}" localhost/busybox true
	assert_success
	run pod inspect --format '{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Config.tag}}' "$output"
	assert_output "journald {{.Name}}"
}

@test "what somebody else writes under the id of a container is not its log" {
	in_journal '
		run_ --name web localhost/busybox echo true >/dev/null
		came 1
		sed "s/\"_UID\": \"[0-9]*\"/\"_UID\": \"12345\"/; s/true/forged/; s/s=1/s=2/" "$J/entries" >"$J/more"
		cat "$J/more" >>"$J/entries"
		entries MESSAGE
		pod logs web
		pod logs --tail 5 web'
	assert_success
	assert_output "true
forged
true
true"
}
