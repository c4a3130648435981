#!/usr/bin/env bats
# Units made by `pod generate systemd`, run by the user's systemd.

load ../lib/vm

setup()
{
	vm_setup
	load_busybox
}

# install_unit OPTION... CONTAINER - what generate makes, where systemd finds it; the container is removed
# with --new
install_unit()
{
	(cd "$UNITS" && pod generate systemd --name --files "$@")
	case " $* " in *" --new "* | *" --template "*) pod rm "${@: -1}" ;; esac
	systemctl --user daemon-reload
}

is_state()
{
	[ "$(unit "$1" ActiveState)" = "$2" ]
}

@test "a new container for each start: the monitor is the main process, stop leaves nothing" {
	pod create --name web --network none localhost/busybox sh -c 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done'
	install_unit --new web
	run systemd-analyze --user verify --man=no "$UNITS/container-web.service"
	assert_output ""
	systemctl --user start container-web
	run unit container-web ActiveState
	assert_output active
	main=$(unit container-web MainPID)
	wait_until 20 is_monitor "$main"
	run pod inspect --format '{{.State.ConmonPid}}' web
	assert_output "$main"
	# The container is in a scope of its own, the monitor in the service.
	run cat "/proc/$main/cgroup"
	assert_output --partial "/container-web.service"
	run cat "/proc/$(pod inspect --format '{{.State.Pid}}' web)/cgroup"
	assert_output --partial ".scope/container"
	first=$(pod inspect --format '{{.Id}}' web)

	systemctl --user restart container-web
	[ "$(pod inspect --format '{{.Id}}' web)" != "$first" ]

	systemctl --user stop container-web
	run unit container-web ActiveState
	assert_output inactive
	run unit container-web Result
	assert_output success
	run pod ps -aq
	assert_output ""
	run pgrep -f "pod-monitor|slirp4netns"
	assert_output ""
}

@test "the container's status is the unit's" {
	pod create --name fails localhost/busybox sh -c 'exit 42'
	install_unit --new --restart-policy no fails
	systemctl --user start container-fails
	wait_until 30 is_state container-fails failed
	run unit container-fails ExecMainStatus
	assert_output 42
	run unit container-fails Result
	assert_output exit-code
	run pod ps -aq
	assert_output ""
}

@test "a container that cannot start fails the unit at once" {
	pod create --name never localhost/busybox /no/such/command
	install_unit --new --restart-policy no never
	run systemctl --user start container-never
	assert_status 1
	run unit container-never ExecMainStatus
	assert_output 127
	run journal container-never.service
	assert_output --partial /no/such/command
}

@test "Restart= is systemd's work: a killed container comes back as a new one" {
	pod create --name back --network none localhost/busybox sleep 1000
	install_unit --new --restart-policy always --restart-sec 0 back
	systemctl --user start container-back
	first=$(pod inspect --format '{{.Id}}' back)
	pod kill back
	is_new()
	{
		[ "$(pod inspect --format '{{.Id}}' back)" != "$first" ] && is_state container-back active
	}
	wait_until 60 is_new
	run unit container-back NRestarts
	assert_output 1
}

@test "a container that is there: Type=forking by the monitor's pid file" {
	pod create --name old --network none localhost/busybox sleep 1000
	install_unit --stop-timeout 1 --restart-policy no old
	id=$(pod inspect --format '{{.Id}}' old)
	systemctl --user start container-old
	run unit container-old MainPID
	assert_output "$(pod inspect --format '{{.State.ConmonPid}}' old)"
	systemctl --user stop container-old
	run pod inspect --format '{{.State.Status}} {{.Id}}' old
	assert_output "exited $id"
	# Its end, when nobody stops it, is the unit's.
	systemctl --user start container-old
	pod stop -t 0 old
	wait_until 30 is_state container-old failed
	run unit container-old ExecMainStatus
	assert_output 137
	[ ! -e "$(unit container-old PIDFile)" ]
}

@test "--sdnotify=container: the unit starts when the container says so" {
	pod create --name slow --sdnotify=container --network none -v "$LIB/service:/service:ro" -v "$BATS_TEST_TMPDIR:/shared" \
		localhost/busybox sh -c '
		while [ ! -e /shared/go ]; do sleep 0.1; done
		/service notify "STATUS=serving
READY=1
MAINPID=1"
		sleep 1000'
	install_unit --new --stop-timeout 0 slow
	systemctl --user start --no-block container-slow
	wait_until 30 pod exec slow true
	run unit container-slow ActiveState
	assert_output activating
	touch "$BATS_TEST_TMPDIR/go"
	wait_until 30 is_state container-slow active
	run unit container-slow StatusText
	assert_output serving
	wait_until 20 is_monitor "$(unit container-slow MainPID)"
}

@test "socket activation: the container serves the socket that systemd listens on" {
	pod create --name served --network none -v "$LIB/service:/service:ro" localhost/busybox /service accept
	install_unit --new --restart-policy no served
	cat >"$UNITS/container-served.socket" <<-END
		[Socket]
		ListenStream=127.0.0.1:4711
		FileDescriptorName=web
	END
	systemctl --user daemon-reload
	systemctl --user start container-served.socket
	run unit container-served ActiveState
	assert_output inactive
	for _ in 1 2; do
		run timeout 60 busybox nc 127.0.0.1 4711
		assert_output "fds 1 names web extra -1"
		wait_until 30 is_state container-served inactive
	done
}

@test "pod's own restarts inside of a unit: one service, one scope after the other, the same socket" {
	cat >"$UNITS/again.socket" <<-END
		[Socket]
		ListenStream=127.0.0.1:4713
		FileDescriptorName=web
	END
	cat >"$UNITS/again.service" <<-END
		[Service]
		Type=notify
		NotifyAccess=all
		ExecStart=$(command -v pod) run -d --name again --restart always --sdnotify conmon --cgroups no-conmon \\
			--network none -v $LIB/service:/service:ro localhost/busybox /service accept
		ExecStop=$(command -v pod) stop -t 0 again
		ExecStopPost=$(command -v pod) rm -f again
	END
	systemctl --user daemon-reload
	systemctl --user start again.socket
	run timeout 60 busybox nc 127.0.0.1 4713
	assert_output "fds 1 names web extra -1"
	main=$(unit again MainPID)
	wait_until 20 is_monitor "$main"
	for count in 1 2; do
		restarted()
		{
			[ "$(pod inspect --format '{{.RestartCount}} {{.State.Status}}' again)" = "$count running" ]
		}
		wait_until 60 restarted
		run cat "/proc/$(pod inspect --format '{{.State.Pid}}' again)/cgroup"
		assert_output --partial ".scope/container"
		run timeout 60 busybox nc 127.0.0.1 4713
		assert_output "fds 1 names web extra -1"
	done
	assert_equal "$(unit again MainPID)" "$main"
	run cat "/proc/$main/cgroup"
	assert_output --partial "/again.service"
	run unit again ActiveState
	assert_output active
	run unit again NRestarts
	assert_output 0
	systemctl --user stop again.socket again.service
	run pod ps -aq
	assert_output ""
	run sh -c 'systemctl --user list-units --all --no-legend "pod-*.scope"'
	assert_output ""
}

@test "a template: instances beside each other" {
	pod create --name many --network none localhost/busybox sleep 1000
	install_unit --template --stop-timeout 0 many
	systemctl --user start container-many@a container-many@b
	run pod ps --format '{{.Names}}' --sort names
	assert_output "many-a
many-b"
	systemctl --user stop container-many@a container-many@b
	run pod ps -aq
	assert_output ""
}

@test "hostile words come through a unit unchanged" {
	words=("" " " ";" "a b" '$HOME' '${HOME}' '%n %%' '"q"' "it's" 'back\slash' '\x41' $'tab\there' $'line\nend' '#x' '~' '*' \
		'-x' '- y' '--rm' 'é' $'\x01' '@' '+')
	pod create --name words --network none localhost/busybox sh -c 'for w; do printf "<%s>" "$w"; done >/out/got' sh "${words[@]}" >/dev/null
	pod rm words
	mkdir "$BATS_TEST_TMPDIR/out dir \$x %n"
	pod create --name words --network none -v "$BATS_TEST_TMPDIR/out dir \$x %n:/out" -e 'E=a $b %n "c"' localhost/busybox \
		sh -c 'for w; do printf "<%s>" "$w"; done >/out/got; echo "$E" >/out/env' sh "${words[@]}"
	install_unit --new --restart-policy no -e 'U=x y $z %n' words
	run systemd-analyze --user verify --man=no "$UNITS/container-words.service"
	assert_output ""
	systemctl --user start container-words
	wait_until 30 is_state container-words inactive
	printf '<%s>' "${words[@]}" >"$BATS_TEST_TMPDIR/expected"
	run diff "$BATS_TEST_TMPDIR/expected" "$BATS_TEST_TMPDIR/out dir \$x %n/got"
	assert_output ""
	run cat "$BATS_TEST_TMPDIR/out dir \$x %n/env"
	assert_output 'a $b %n "c"'
	run unit container-words Environment
	# as systemctl shows it: quoted for a shell
	assert_output --partial '"U=x y \$z %n"'
}

@test "a unit outlives the login that started it" {
	pod create --name stays --network none localhost/busybox sleep 1000
	install_unit --new --stop-timeout 0 stays
	# A login of its own, which ends with the command.
	sudo systemd-run --quiet --wait --pipe -p PAMName=login -p User=tester --setenv=XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" \
		systemctl --user start container-stays
	run unit container-stays ActiveState
	assert_output active
	run pod exec stays echo here
	assert_output here
}
