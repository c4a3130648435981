# What must hold when the surroundings are unkind: directories that vanish, clients that stand still,
# processes in the container that attack whoever enters, unmounting that comes late.
load ../lib/common

busybox_running()
{
	load_busybox
	pod run -d --name "$1" --network none localhost/busybox sleep 1000 >/dev/null
}

# --- the runtime directory -------------------------------------------------------------------------

@test "a container runs on, and is shown running, when the runtime directory is removed" {
	busybox_running web
	rm -rf "${XDG_RUNTIME_DIR:?}/pod"
	run pod ps --format '{{.Names}} {{.State}}'
	assert_success
	assert_output "web running"
	run pod stop -t 0 web
	assert_success
	run pod start web
	assert_success
	run pod exec web echo again
	assert_output again
}

@test "the next command comes from a shell without XDG_RUNTIME_DIR" {
	busybox_running web
	run env -u XDG_RUNTIME_DIR pod ps --format '{{.Names}} {{.State}}'
	assert_success
	assert_output "web running"
	run env -u XDG_RUNTIME_DIR pod start web
	assert_success
	run env -u XDG_RUNTIME_DIR pod run --rm --network none localhost/busybox echo beside
	assert_output beside
	run env -u XDG_RUNTIME_DIR pod rm -f -t 0 web
	assert_success
}

# --- one upper directory, one mount ------------------------------------------------------------------

@test "no command mounts one upper directory twice" {
	busybox_running web
	run python3 "$LIB/overlays.py"
	assert_output --regexp '^[0-9]+:[0-9]+$'
	local before=$output

	pod cp web:/etc/passwd "$HOME/passwd"
	pod cp "$HOME/passwd" web:/tmp/passwd
	pod exec web true
	pod start web
	pod top web >/dev/null
	run python3 "$LIB/overlays.py"
	assert_output "$before"
	for i in $(seq 10); do
		pod restart -t 0 web >/dev/null 3>&- &
		local restart=$!
		pod cp web:/etc/passwd - >/dev/null 2>&1 3>&- &
		local copy=$!
		pod exec web true >/dev/null 2>&1 3>&- &
		local exec=$!
		run python3 "$LIB/overlays.py"
		[ "${#lines[@]}" -le 1 ] || fail "round $i: $output"
		wait "$restart"
		wait "$copy" "$exec" || : # while it restarts there is nothing to copy from or to enter
	done
}

@test "restart, and start right after the prompt, wait for late unmounting" {
	load_busybox
	for i in 1 2 3 4 5; do
		run pod run --name late --replace --network none localhost/busybox \
			sh -c 'dd if=/dev/zero of=/big bs=1M count=30 2>/dev/null; echo $((1 + $(cat /count 2>/dev/null || echo 0))) >/count; cat /count'
		assert_success
		assert_output 1
		run pod start -a late
		assert_success
		assert_output 2
	done
	pod run -d --name again --network none localhost/busybox \
		sh -c 'dd if=/dev/zero of=/big bs=1M count=30 2>/dev/null; sleep 1000'
	for i in 1 2 3; do
		run pod restart -t 0 again
		assert_success
	done
}

# --- clients that stand still --------------------------------------------------------------------------

# stopped COMMAND... - started, stopped by SIGSTOP once it has printed something; sets STOPPED
stopped()
{
	"$@" >"$BATS_TEST_TMPDIR/stopped" 2>&1 </dev/null 3>&- &
	STOPPED=$!
	wait_until 20 test -s "$BATS_TEST_TMPDIR/stopped"
	kill -STOP "$STOPPED"
}

@test "a stopped exec client delays neither stop nor others" {
	busybox_running web
	stopped pod exec web sh -c 'while :; do echo x; done'
	run timeout 20 pod exec web echo other
	assert_success
	assert_output other
	run timeout 20 pod stop -t 0 web
	assert_success
	kill -KILL "$STOPPED"
}

@test "a stopped exec client delays no rm -f" {
	busybox_running web
	stopped pod exec web sh -c 'while :; do echo x; done'
	run timeout 20 pod rm -f -t 0 web
	assert_success
	kill -KILL "$STOPPED"
}

@test "a stopped attach client delays neither logs -f of others nor stop" {
	load_busybox
	pod run -d --name talker --network none localhost/busybox sh -c 'i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.01; done'
	stopped pod attach --no-stdin talker
	run timeout 20 sh -c 'pod logs -f talker | grep -m 1 "line 200$"'
	assert_output "line 200"
	run timeout 20 pod exec talker echo other
	assert_output other
	run timeout 20 pod stop -t 0 talker
	assert_success
	kill -KILL "$STOPPED"
}

# --- processes that attack whoever enters -----------------------------------------------------------------

@test "a hostile process gets nothing of 1,000 execs" {
	load_busybox
	cp "$POD_TEST_STAGE/tests/lib/hostile" "$HOME/hostile"
	# How many processes it meets in a thousand execs depends on who else wants the processors: more
	# rounds until it has met 300.
	local seen=0

	mkdir "$HOME/flag"
	for _ in 1 2 3 4 5; do
		pod run -d --name prey --network none -v "$HOME/hostile:/hostile:ro" -v "$HOME/flag:/flag:ro" localhost/busybox /hostile /flag/stop
		wait_until 20 sh -c 'pod logs prey | grep watching'
		run sh -c 'seq 1000 | xargs -I "{}" pod exec -u 1000 prey true'
		assert_success
		# From outside: a command run as the container's root is rightly open to it.
		touch "$HOME/flag/stop"
		run pod wait prey
		[ "$output" = 0 ] || fail "$(pod logs prey)"
		run pod logs prey
		refute_output --partial "got "
		seen=$((seen + $(sed -n 's/^seen //p' <<<"$output")))
		pod rm prey
		rm "$HOME/flag/stop"
		[ "$seen" -lt 300 ] || break
	done
	[ "$seen" -ge 300 ] || fail "it saw only $seen processes"
}

# --- after a reboot -----------------------------------------------------------------------------------

@test "after a reboot the containers are shown as exited" {
	busybox_running web
	local pid

	for pid in $(pgrep -P "$POD_TEST_REAPER" '^pod'); do
		kill -9 "$pid"
	done
	wait_until 10 sh -c 'test "$(pod ps -q)" = ""'
	rm -rf "${XDG_RUNTIME_DIR:?}/pod"
	cat /proc/sys/kernel/random/uuid >"$BATS_TEST_TMPDIR/boot_id"
	# shellcheck disable=SC2016 # for the shell inside
	run "$LIB/in-userns.py" --mount sh -c 'mount --bind "$1" /proc/sys/kernel/random/boot_id && pod ps -a --format "{{.Names}} {{.Status}}"' \
		sh "$BATS_TEST_TMPDIR/boot_id"
	assert_success
	assert_output --regexp '^web Exited '
}
