#!/usr/bin/env bats
# What a service manager offers and is told: sd_notify(3), sd_listen_fds(3). tests/vm has systemd itself.

load ../lib/common

manager()
{
	run --separate-stderr "$LIB/manager.py" "$@"
}

@test "--sdnotify=conmon: ready as soon as it runs, the monitor is the main process" {
	load_busybox
	manager notify pod run -d --name c --sdnotify=conmon localhost/busybox sleep 1000
	assert_success
	assert_output --partial "MAINPID=N | READY=1"
	run pod exec c sh -c 'echo "${NOTIFY_SOCKET-none}"; ls /run/notify'
	assert_output --partial none
	assert_output --partial "No such file"
}

@test "--sdnotify=container, the default: the container says so, and nothing beyond its own state" {
	load_busybox
	manager notify pod run --rm -v "$LIB/service:/service:ro" --read-only localhost/busybox sh -c '
		/service notify "READY=1
MAINPID=1
STATUS=here"
		/service notify MAINPID=1
		/service notify STOPPING=1
		sleep 0.5'
	assert_success
	assert_equal "${lines[0]}" "MAINPID=N"
	assert_equal "${lines[1]}" "READY=1 | STATUS=here"
	assert_equal "${lines[2]}" "STOPPING=1"
	assert_equal "${#lines[@]}" 3
}

@test "any user of the container may notify, none may put something in the socket's place" {
	load_busybox
	manager notify @ pod run --rm -u 1000 -v "$LIB/service:/service:ro" localhost/busybox \
		sh -c '/service notify READY=1; sleep 0.5'
	assert_success
	assert_equal "${lines[1]}" READY=1
	manager notify pod run --rm localhost/busybox sh -c 'rm -f /run/notify/notify.sock; ln -s / /run/notify/x; ls /run/notify'
	assert_output --partial notify.sock
	refute_output --partial x
}

@test "--sdnotify=healthy: ready when the health check first succeeds, and never without one" {
	load_busybox
	manager notify pod run -d --name c --sdnotify=healthy --health-cmd 'test -e /ok' --health-interval 200ms \
		localhost/busybox sleep 1000
	assert_success
	assert_output --partial "MAINPID=N"
	refute_output --partial READY
	manager notify @ sh -c 'pod run -d --name d --sdnotify=healthy --health-cmd true --health-interval 200ms \
		localhost/busybox sleep 1000; pod wait --condition healthy d >/dev/null'
	assert_output --partial "MAINPID=N"
	assert_output --partial "READY=1"
	run --separate-stderr pod run --sdnotify=healthy localhost/busybox true
	assert_fault 125 --sdnotify=healthy --health-cmd
}

@test "--sdnotify=ignore: nothing is said" {
	load_busybox
	manager notify pod run --rm --sdnotify=ignore localhost/busybox sh -c 'echo "${NOTIFY_SOCKET-none}"'
	assert_success
	assert_output none
}

@test "a manager that cannot be reached is one warning" {
	load_busybox
	NOTIFY_SOCKET=$HOME/nowhere run --separate-stderr pod run --rm --sdnotify=conmon localhost/busybox echo fine
	assert_success
	assert_output fine
	assert_equal "${#stderr_lines[@]}" 1
	assert_stderr --partial "service manager"
	NOTIFY_SOCKET=relative run --separate-stderr pod run --rm localhost/busybox echo fine
	assert_success
	assert_stderr --partial "NOTIFY_SOCKET 'relative'"
}

@test "sockets are passed on to the command, whatever its process number" {
	load_busybox
	for option in --init --pid=host --user=1000 --detach; do
		manager listen pod run $option --name c -v "$LIB/service:/service:ro" localhost/busybox /service accept
		assert_success
		assert_output --partial "fds 2 names web:other extra 0"
		run pod wait c
		assert_output 0
		pod rm c
	done
}

@test "a container that its policy starts again has the manager's sockets again, in every mode" {
	load_busybox
	for mode in conmon container healthy ignore; do
		pod create --name c --restart always --sdnotify "$mode" --health-cmd true --health-interval 100ms \
			-v "$LIB/service:/service:ro" --network none localhost/busybox sh -c '
			[ -z "$NOTIFY_SOCKET" ] || /service notify READY=1
			exec /service accept' >/dev/null
		manager again 3 pod start c
		assert_success
		assert_equal "$(grep -c "fds 2 names web:other extra 0" <<<"$output")" 3
		case $mode in
		conmon) [ "$(grep -c "MAINPID=N | READY=1" <<<"$output")" -ge 3 ] ;;
		container) [ "$(grep -cx "READY=1" <<<"$output")" -ge 3 ] ;;
		healthy) assert_output --partial MAINPID=N ;;
		ignore) refute_output --partial = ;;
		esac
		pod stop -t 0 c
		# Without a next run nobody holds the port.
		run python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$(cat "$XDG_RUNTIME_DIR/port")"
		assert_output --partial ConnectionRefusedError
		pod rm c
	done
}

@test "sockets of another process stay out" {
	load_busybox
	LISTEN_PID=1 LISTEN_FDS=1 run pod run --rm localhost/busybox sh -c 'echo "${LISTEN_FDS-none}"; ls /proc/self/fd'
	assert_success
	assert_equal "${lines[0]}" none
}

@test "--conmon-pidfile names the monitor, which ends with the container's status" {
	load_busybox
	pod run -d --name c --conmon-pidfile "$HOME/pid" localhost/busybox sleep 1000
	wait_until 20 is_monitor "$(cat "$HOME/pid")"
	run --separate-stderr pod run --conmon-pidfile /nowhere/pid localhost/busybox true
	assert_fault 125 /nowhere/pid
}
